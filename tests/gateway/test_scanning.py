"""What lies in a message decides what becomes of it: through a whole worker with the builtin engines."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lockdown.model.scan import Reading
from tests.gateway.house import House, house, run
from tests.rig.dns import StubServer
from tests.rig.network import LOOPBACK, free_port

BUILTIN = '[antivirus]\nengines = ["builtin"]\n[antispam]\nengines = ["builtin"]\n'
# Put together here, so that this file is not a hit itself.
TEST_VIRUS = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
TEST_SPAM = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-" + b"ANTI-UBE-TEST-EMAIL*C.34X"
HEADER = (
    b"From: Anna <anna@sender.example>\r\nTo: <anna@example.org>\r\nSubject: The minutes of Monday\r\n"
    b"Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@sender.example>\r\n"
)
LETTER = (
    HEADER + b"\r\nDear all,\r\n\r\nthe minutes of our meeting on Monday. Please tell me of mistakes.\r\n\r\nAnna\r\n"
)


def with_file(content: bytes, name: str, kind: str = "application/octet-stream") -> bytes:
    encoded = base64.encodebytes(content).replace(b"\n", b"\r\n")
    return (
        HEADER + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=frontier\r\n\r\n--frontier\r\n"
        b"Content-Type: text/plain\r\n\r\nSee the file.\r\n--frontier\r\n"
        + f'Content-Type: {kind}; name="{name}"\r\nContent-Disposition: attachment; filename="{name}"\r\n'.encode()
        + b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded + b"--frontier--\r\n"
    )  # fmt: skip


def zipped(name: str, content: bytes, *, encrypted: bool = False) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    made = file.getvalue()
    if encrypted:  # the flag in both headers; nobody can know that the content is not really so
        made = made.replace(b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00\x01\x00")
        made = made.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00")
    return made


def delivered(here: House) -> list[bytes]:
    return [file.read_bytes() for file in (here.worker.state.path / "mail" / "new").glob("*")]


def told(tmp_path: Path, content: bytes, text: str = BUILTIN) -> tuple[str, list[bytes], Any]:
    """The reply to a message, what has arrived, and its line of the log."""
    found: list[Any] = []

    async def story() -> None:
        async with house(tmp_path, text) as here:
            client = await here.client()
            answer = await client.send(content)
            client.leave()
            found.extend([answer, delivered(here), here.log()[0]])

    run(story())
    answer, arrived, line = found
    return answer, arrived, line


def test_an_ordinary_letter_arrives_and_tells_who_has_read_it(tmp_path: Path) -> None:
    answer, (arrived,), line = told(tmp_path, LETTER)
    assert answer.startswith("250")
    assert b"\r\nX-Lockdown-Scan: av=builtin:clean spam=" in arrived
    assert b"X-Spam-Status: No, score=" in arrived and b"X-Spam-Flag" not in arrived
    assert arrived.index(b"\r\nAuthentication-Results: ") < arrived.index(b"\r\nReceived: ")
    assert line.scan.antivirus == {"builtin": "1 file read"} and "builtin" in line.scan.antispam
    assert line.scan.identity["spf"] == "none"


@pytest.mark.parametrize(
    "content",
    [
        with_file(TEST_VIRUS, "eicar.com"),
        with_file(zipped("eicar.com", TEST_VIRUS), "invoice.zip", "application/zip"),
        LETTER + TEST_VIRUS + b"\r\n",
    ],
    ids=["attached", "zipped", "in the text"],
)
def test_the_test_virus_is_refused_for_good(tmp_path: Path, content: bytes) -> None:
    answer, arrived, line = told(tmp_path, content)
    assert answer.startswith("550 5.7.1 A virus was found in this message (")
    assert (arrived, line.type, line.verdict.control) == ([], "rejected", "antivirus.virus")
    assert line.scan.antivirus["builtin"].startswith("found ")


def test_a_program_in_an_archive_is_refused_under_whatever_name(tmp_path: Path) -> None:
    program = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(300)
    answer, arrived, line = told(tmp_path, with_file(zipped("holiday.jpg", program), "holiday.zip"))
    assert answer.startswith("550 5.7.1 An attachment of this type is not accepted; send a link to it")
    assert arrived == [] and "holiday.zip/holiday.jpg" in line.verdict.says


def test_an_encrypted_archive_is_held_and_the_log_says_what_was_not_read(tmp_path: Path) -> None:
    answer, arrived, line = told(tmp_path, with_file(zipped("a.txt", b"secret", encrypted=True), "a.zip"))
    assert answer.startswith("250 2.0.0 Held for review as ") and arrived == []
    assert line.verdict.control == "antivirus.encrypted" and "a.zip" in line.scan.unread[0]


def test_a_plain_document_arrives_after_a_reader_process_has_read_it(tmp_path: Path) -> None:
    answer, arrived, line = told(tmp_path, with_file(b"a,b\r\n1,2\r\n", "numbers.csv", "text/csv"))
    assert answer.startswith("250") and len(arrived) == 1
    assert line.scan.antivirus == {"builtin": "2 files read"}


def test_a_large_message_that_was_spilled_to_a_file_is_read_as_well(tmp_path: Path) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(3_000_000)
    answer, arrived, _ = told(tmp_path, with_file(picture, "photo.png", "image/png"))
    assert answer.startswith("250") and len(arrived) == 1
    answer, _, line = told(tmp_path / "2", with_file(bytes(3_000_000) + TEST_VIRUS, "data.bin"))
    assert answer.startswith("550 5.7.1 A virus") and line.size > 4_000_000


def test_dots_at_the_start_of_lines_do_not_hide_what_is_read(tmp_path: Path) -> None:
    cut = TEST_SPAM
    answer, _, _ = told(tmp_path, LETTER + b"..\r\n..x\r\n" + cut + b"\r\n")
    assert answer.startswith("550 5.7.1 Message refused as spam")


def test_the_test_message_for_spam_filters_is_refused(tmp_path: Path) -> None:
    answer, arrived, line = told(tmp_path, LETTER + TEST_SPAM + b"\r\n")
    assert answer.startswith("550 5.7.1 Message refused as spam") and arrived == []
    assert line.verdict.control == "antispam.test-message"


@pytest.mark.parametrize(
    ("unavailable", "reply", "marked"),
    [("defer", "451 4.7.1", None), ("quarantine", "250 2.0.0 Held", None), ("accept-and-mark", "250", True)],
)
def test_an_engine_that_is_not_there_is_answered_as_the_settings_say(
    tmp_path: Path, unavailable: str, reply: str, marked: bool | None
) -> None:
    engine = f"clamd://{LOOPBACK}:{free_port()}"
    text = f'[antivirus]\nengines = ["builtin", "{engine}"]\nunavailable = "{unavailable}"\n'
    answer, arrived, line = told(tmp_path, LETTER, text)
    assert answer.startswith(reply)
    assert line.verdict.control == "antivirus.unavailable" and "clamd" in line.scan.antivirus[engine] + engine
    if marked:
        assert b"mark=antivirus.unavailable" in arrived[0] and b"clamd:unavailable" in arrived[0]
    else:
        assert arrived == []


def test_a_crash_of_the_scan_is_never_an_accept_even_where_engines_may_be_missing(tmp_path: Path) -> None:
    async def story() -> None:
        text = BUILTIN.replace('["builtin"]\n[antispam]', '["builtin"]\nunavailable = "accept-and-mark"\n[antispam]')
        async with house(tmp_path, text) as here:

            def broken(content: bytes) -> Reading | None:
                raise RuntimeError("a fault of ours")

            here.worker.scanning._builtin.at_once = broken  # type: ignore[method-assign]
            client = await here.client()
            assert (await client.send(LETTER)).startswith("451 4.3.0 Local trouble")
            assert here.log()[0].verdict.control == "gateway.scan-broken" and delivered(here) == []

    run(story())


def test_a_reader_process_that_is_killed_at_work_defers_the_message_and_the_next_one_is_read(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, BUILTIN) as here:
            client = await here.client()
            assert (await client.send(with_file(b"a,b\r\n", "a.csv", "text/csv"))).startswith("250")
            for reader in list(here.worker.scanning.readers._readers):
                reader._process.kill()
            answers = [await client.send(with_file(b"a,b\r\n%d" % n, "a.csv", "text/csv")) for n in range(6)]
            assert all(answer.startswith(("250", "451 4.7.1")) for answer in answers)
            assert answers[-1].startswith("250")

    run(story())


def test_what_is_read_for_its_words_alone_is_not_told_as_looked_into_for_viruses(tmp_path: Path) -> None:
    answer, (arrived,), line = told(tmp_path, LETTER, '[antispam]\nengines = ["builtin"]\n')
    assert answer.startswith("250") and b"X-Lockdown-Scan: av=off spam=" in arrived
    assert line.scan.antivirus == {} and "builtin" in line.scan.antispam


def test_lessons_that_cannot_be_read_are_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with house(tmp_path, BUILTIN, ticking=False) as here:
            (here.worker.state.learning / "lessons.index").write_bytes(b"nonsense")
            here.worker.scanning.tick()
            here.worker.scanning.tick()

    run(story())
    assert [record.getMessage().partition(":")[0] for record in caplog.records].count(
        "what was learnt here cannot be read"
    ) == 1


def test_without_engines_nothing_is_read_and_nothing_is_claimed(tmp_path: Path) -> None:
    answer, (arrived,), line = told(tmp_path, with_file(TEST_VIRUS, "eicar.com"), "")
    assert answer.startswith("250") and b"X-Lockdown-Scan" not in arrived and b"X-Spam" not in arrived
    assert line.scan.antivirus == {}


ZONE = {
    "_dmarc.sender.example": {"TXT": ["v=DMARC1; p=reject"]},
    "sender.example": {"TXT": ["v=spf1 -all"]},
    "evil.example.links.test": {"A": ["127.0.1.2"]},
    "test.links.test": {"A": ["127.0.1.2"]},
}


def asked(tmp_path: Path, content: bytes, text: str) -> tuple[str, Any, list[tuple[str, str]]]:
    """The reply to a message, its line of the log, and what the DNS was asked for it."""
    found: list[Any] = []

    async def story() -> None:
        async with StubServer(ZONE) as dns:
            settings = BUILTIN + f'resolvers = ["{dns.address}"]\n' + text
            async with house(tmp_path, settings) as here:
                client = await here.client()
                answer = await client.send(content)
                client.leave()
                found.extend([answer, here.log()[0], list(dns.asked)])

    run(story())
    return found[0], found[1], found[2]


def test_the_policy_of_the_senders_domain_is_asked_of_the_dns_and_softened_for_a_hidden_client(tmp_path: Path) -> None:
    answer, line, questions = asked(tmp_path, LETTER, "")
    assert ("_dmarc.sender.example", "TXT") in questions
    assert answer.startswith("250 2.0.0 Held") and line.verdict.control == "antispam.dmarc"
    assert line.scan.identity == {"spf": "none", "dmarc": "fail"}


@pytest.mark.parametrize("attached", [False, True], ids=["read at once", "read by a reader process"])
def test_a_list_of_domains_is_asked_about_the_links_of_the_message(tmp_path: Path, attached: bool) -> None:
    link = b"\r\nSee http://www.evil.example/offer\r\n"
    content = with_file(b"a,b\r\n", "a.csv", "text/csv").replace(b"See the file.", link) if attached else LETTER + link
    content = content.replace(b"sender.example", b"other.example")
    _, _, questions = asked(tmp_path, content, 'blocklists = ["links.test=127.0.1.2-99 +5 domains"]\n')
    assert ("evil.example.links.test", "A") in questions
