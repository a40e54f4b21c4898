"""The builtin engine over whole messages: what it says of each file, and that its short way is its long way."""

from pathlib import Path

import pytest

from lockdown.config import Antivirus
from lockdown.model.errors import OperatorError
from lockdown.model.scan import Found, Trait
from lockdown.scan.builtin import Builtin, built, check_digests
from lockdown.scan.yara_rules import RuleFile
from tests.rig import corpora
from tests.scan.parcels import EICAR, PAYLOAD, PAYLOAD_DIGEST, file, message, read, uuencoded, zipped

HEAD = b"From: a@example.org\r\nTo: b@example.net\r\nSubject: hello\r\n"
LETTER = HEAD + b"\r\nJust a few words.\r\n"
ENGINE = Builtin(Antivirus())


def page(body: bytes) -> bytes:
    return HEAD + b"Content-Type: text/html\r\n\r\n<html><body>" + body + b"</body></html>\r\n"


# ── the short way ──


def test_a_letter_is_read_at_once_and_as_the_long_way_would() -> None:
    assert ENGINE.at_once(LETTER) == ENGINE.read(LETTER)


def test_every_message_of_the_sets_that_is_read_at_once_is_read_so_the_long_way() -> None:
    if why := corpora.why_no_corpora():
        pytest.skip(why)
    differ, at_once = [], 0
    for specimen in [*corpora.message_sets(), *corpora.spam_and_ham(200)]:
        reading = ENGINE.at_once(specimen.content)
        at_once += reading is not None
        if reading is not None and reading.content != ENGINE.read(specimen.content).content:
            differ.append(specimen.name)
    assert differ == [] and at_once > 300


@pytest.mark.parametrize(
    "content",
    [
        message(("a.txt", b"x")),
        page(b"<a href='data:text/html;base64,PGh0bWw+PGh0bWw+'>x</a>"),
        page(b"<script>1</script>" + b"<br>" * 10_000),
        HEAD + b"Content-Type: image/png\r\n\r\nxx\r\n",
        HEAD + b"Content-Type: text/plain; name=a.txt\r\n\r\nxx\r\n",
        HEAD + b"Content-Disposition: attachment\r\n\r\nxx\r\n",
        HEAD + b"\r\n" + uuencoded(b"a.exe", PAYLOAD),
        HEAD + b"\r\nMZ\x90\0 no text at all\r\n",
        HEAD + b"\r\n" + EICAR + b"\r\n",
        HEAD + b"\r\n" + b"long " * 20_000,
    ],
)
def test_what_is_more_than_a_letter_is_not_read_at_once(content: bytes) -> None:
    assert ENGINE.at_once(content) is None


@pytest.mark.parametrize(
    ("content", "trait"),
    [
        (b"<script>1</script>", Trait.SCRIPT),
        (b"<a href='java&#115;cript:alert(1)'>x</a>", Trait.SCRIPT),
        (b"<a href='javas\r\ncript:alert(1)'>x</a>", Trait.SCRIPT),
        (b"<img src=x onerror=alert(1)>", Trait.SCRIPT),
        (b"<form><input type=password></form>", Trait.PASSWORD_FORM),
    ],
)
def test_what_a_page_does_is_seen_at_once_and_as_the_long_way_would(content: bytes, trait: Trait) -> None:
    found = ENGINE.at_once(page(content))
    assert found is not None and found == ENGINE.read(page(content))
    assert found.content.files[0].traits == (trait,)


def test_an_ordinary_page_is_read_at_once() -> None:
    body = (
        b"<p style='color:#333' title='on time = good'>It&#8217;s <a href='https://example.org/?condition=1'>on</a></p>"
    )
    assert ENGINE.at_once(page(body * 50)) is not None


def test_with_rules_of_the_admin_nothing_is_read_at_once() -> None:
    assert Builtin(Antivirus(), rules=[RuleFile("own", "rule a { condition: false }")]).at_once(LETTER) is None


def test_a_body_that_the_admin_refuses_is_not_read_at_once() -> None:
    digest = ENGINE.read(LETTER).content.files[0].sha256
    engine = Builtin(Antivirus(), {digest: "chain letter"})
    assert engine.at_once(LETTER) is None
    assert engine.read(LETTER).content.found == (Found("chain letter", "1"),)


# ── what is known to be bad ──


@pytest.mark.parametrize(
    ("name", "data", "path"),
    [
        ("eicar.com", EICAR, "eicar.com"),
        ("eicar.txt", EICAR.decode().encode("utf-16"), "eicar.txt"),
        ("eicar.zip", zipped({"eicar.com": EICAR}), "eicar.zip/eicar.com"),
        ("eicarcom2.zip", zipped({"eicar.zip": zipped({"eicar.com": EICAR})}), "eicarcom2.zip/eicar.zip/eicar.com"),
        ("eicar.uue", uuencoded(b"eicar.com", EICAR), "eicar.uue/eicar.com"),
        ("fwd.eml", message(("eicar.com", EICAR)), "fwd.eml/eicar.com"),
        ("page.html", b"<html>" + EICAR, "page.html"),
        ("padded.bin", b"\x80" * 8_000_000 + EICAR, "padded.bin"),
    ],
)
def test_the_test_virus_is_found(name: str, data: bytes, path: str) -> None:
    assert Found("EICAR-Test-File", path) in read((name, data)).found


def test_the_test_virus_is_found_in_an_inline_text_and_in_a_page() -> None:
    for content in (HEAD + b"\r\n" + EICAR + b"\r\n", page(EICAR)):
        assert ENGINE.read(content).content.found == (Found("EICAR-Test-File", "1"),)


def test_a_digest_of_the_admin_is_found_wherever_it_is() -> None:
    assert Found("payload", "a.zip/b.txt") in read(("a.zip", zipped({"b.txt": PAYLOAD}))).found


def test_a_rule_of_the_admin_is_held_against_bodies_too_and_a_builtin_one_against_files_alone() -> None:
    own = RuleFile("own.yar", 'rule Own_Word { strings: $a = "few words" condition: $a }')
    engine = Builtin(Antivirus(), rules=[own])
    assert engine.read(LETTER).content.found == (Found("Own_Word", "1"),)
    command = b"powershell -nop -w hidden -enc " + b"A" * 100
    assert engine.read(HEAD + b"\r\n" + command).content.found == ()
    assert [find.name for find in engine.read(message(("a.txt", command))).content.found] == [
        "Dropper_PowerShellEncoded"
    ]


# ── what it says of a file ──


def test_a_file_is_told_with_its_true_type_and_the_tricks_of_its_name() -> None:
    content = read(("report.pdf.exe", b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0" + bytes(300)))
    told = file(content, "report.pdf.exe")
    assert (told.kind, told.declared, told.depth, told.is_attachment) == ("pe", "application/octet-stream", 0, True)
    assert Trait.DOUBLE_EXTENSION in told.traits


def test_bodies_are_files_that_are_no_attachments() -> None:
    content = read(("a.txt", b"attached"))
    assert [(file.path, file.is_attachment) for file in content.files] == [("1", False), ("a.txt", True)]


def test_a_body_that_is_no_text_is_an_attachment() -> None:
    content = ENGINE.read(HEAD + b"\r\n%PDF-1.7 a text by its header\r\n").content
    assert [file.is_attachment for file in content.files] == [True]


def test_a_name_in_another_field_is_judged_as_well() -> None:
    content = ENGINE.read(
        HEAD
        + b'Content-Type: text/plain; name="a.js"\r\nContent-Disposition: attachment; filename="a.txt"\r\n\r\nx()\r\n'
    ).content
    assert {"text", "js"} <= {file.kind for file in content.files}


def test_a_very_long_name_keeps_its_end() -> None:
    content = read(("a.zip", zipped({"x" * 5000 + ".exe": b"x"})))
    assert content.files[-1].path.endswith(".exe") and len(content.files[-1].path) < 400


# ── settings that cannot be used ──


def test_a_list_of_digests_and_a_rule_file_are_read_from_their_files(tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"{PAYLOAD_DIGEST} bad\n")
    (tmp_path / "own.yar").write_text('rule Own { strings: $a = "one file" condition: $a }')
    engine = built(Antivirus(digests=str(tmp_path / "list"), rules=(str(tmp_path / "own.yar"),)))
    assert {find.name for find in engine.read(message(("a", PAYLOAD))).content.found} == {"bad", "Own"}


@pytest.mark.parametrize("text", ["not a digest", None])
def test_a_list_that_cannot_be_used_is_told_at_the_start(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "list"
    if text is not None:
        path.write_text(text)
    with pytest.raises(OperatorError) as told:
        built(Antivirus(digests=str(path)))
    assert str(path) in str(told.value) and check_digests(str(path))
