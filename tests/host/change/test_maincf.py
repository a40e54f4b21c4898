"""main.cf and master.cf are changed in one place, and Postfix itself reads there what was meant."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.host.change import maincf

MAIN = """\
# of the administrator
myhostname = mail.example.org
smtpd_recipient_restrictions =
    permit_mynetworks,
    # those we know
    reject_unauth_destination,
    check_policy_service unix:private/policy

mynetworks = 127.0.0.0/8
  10.0.0.0/8
empty =
"""
MASTER = """\
smtp      inet  n       -       y       -       -       smtpd
#submission inet n       -       y       -       -       smtpd
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
  # for those who sign in
  -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes
  -o { smtpd_client_restrictions = permit_sasl_authenticated, reject }
pickup    unix  n       -       y       60      1       pickup
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}
"""
TEXTS = st.text(alphabet=st.sampled_from("ab =\n\r\t#,{}-o/\\\0\u2028é"), max_size=60)


@given(TEXTS)
def test_the_pieces_of_any_text_are_the_text(text: str) -> None:
    assert "".join(maincf.logical_lines(text)) == text


@given(TEXTS, st.sampled_from(["a", "ab"]), st.none() | st.sampled_from(["", "b", "a, b", "x = y"]))
def test_of_any_text_only_the_setting_is_changed(text: str, name: str, value: str | None) -> None:
    others = [piece for piece in maincf.logical_lines(text) if maincf.name_of(piece) != name]
    changed = maincf.with_setting(text, name, value)
    assert maincf.value_of(changed, name) == value
    left = [piece for piece in maincf.logical_lines(changed) if maincf.name_of(piece) != name]
    assert [piece.rstrip("\r\n") for piece in left] == [piece.rstrip("\r\n") for piece in others]


@given(TEXTS)
def test_no_garbage_in_a_master_file_raises(text: str) -> None:
    for piece in maincf.logical_lines(text):
        maincf.service_of(piece)
        maincf.overrides_of(piece)
    maincf.edited_list(text, "check x", ("a",), False, ("b", "-o {"))
    entry = "a/b n - - - - - c"
    maincf.with_entry(text, "a/b", None)
    assert maincf.entry_of(entry, "nobody/unix") is None


@given(TEXTS, st.sampled_from(["x", "1", "a b", "a, {b}"]))
def test_an_override_reads_back_whatever_stood_behind_the_fields(text: str, value: str) -> None:
    entry = f"smtp inet n - y - - smtpd {' '.join(text.split())}\n"
    changed = maincf.with_override(entry, "smtp/inet", "name", value)
    assert maincf.override_of(changed, "smtp/inet", "name") == value or "{" in text


def test_a_value_over_several_lines_is_read_as_one() -> None:
    assert maincf.value_of(MAIN, "mynetworks") == "127.0.0.0/8 10.0.0.0/8"
    assert maincf.value_of(MAIN, "empty") == ""
    assert maincf.value_of(MAIN, "absent") is None


def test_a_list_keeps_its_lines_and_remarks_when_a_word_goes_in() -> None:
    raw = maincf.written(MAIN, "smtpd_recipient_restrictions")
    assert raw is not None
    new = maincf.edited_list(raw, "reject_unknown_recipient_domain", ("check_policy_service",), False, ())
    assert maincf.with_written(MAIN, "smtpd_recipient_restrictions", new) == MAIN.replace(
        "    check_policy", "    reject_unknown_recipient_domain,\n    check_policy"
    )


@pytest.mark.parametrize(
    ("old", "add", "before", "first", "remove", "new"),
    [
        ("a b c", "x", (), False, (), "a b c x"),
        ("a, b, c", "x", ("c", "b"), False, (), "a, x, b, c"),
        ("a, b", "x", ("nowhere",), False, (), "a, b, x"),
        ("a b", "x y", (), True, (), "x y a b"),
        ("a, check_it unix:x, b", "", (), False, ("check_it unix:x",), "a, b"),
        ("a, check_it unix:x", "", (), False, ("check_it unix:x",), "a"),
        ("a, check_it unix:y", "", (), False, ("check_it unix:x",), "a, check_it unix:y"),
        ("a a b", "", (), False, ("a",), "b"),
        ("a, x, b", "x", ("a",), False, (), "a, x, b"),
        ("a, x, b", "x", (), True, (), "x, a, b"),
        ("", "x", (), False, (), " x"),
        ("a", "", (), False, ("a",), ""),
        ("check { inet:h:1, timeout=1s }, b", "", (), False, ("check { inet:h:1, timeout=1s }",), "b"),
    ],
)
def test_a_list_is_edited_word_by_word(
    old: str, add: str, before: tuple[str, ...], first: bool, remove: tuple[str, ...], new: str
) -> None:
    assert maincf.edited_list(old, add, before, first, remove) == new


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_and_a_missing_last_one_stay(end: str) -> None:
    text = f"a = 1{end}b = 2"
    assert maincf.with_setting(text, "b", "3") == f"a = 1{end}b = 3"
    assert maincf.with_setting(text, "c", "3") == f"a = 1{end}b = 2{end}c = 3{end}"
    assert maincf.with_setting(text, "a", "3") == f"a = 3{end}b = 2"


def test_of_a_setting_written_twice_the_one_that_counts_is_changed() -> None:
    assert maincf.with_setting("a = 1\nb = 2\na = 3\n", "a", "4") == "a = 1\nb = 2\na = 4\n"
    assert maincf.with_setting("a = 1\nb = 2\na = 3\n", "a", None) == "b = 2\n"


def test_a_value_of_two_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="one line"):
        maincf.with_setting(MAIN, "a", "b\nmynetworks = 0.0.0.0/0")
    with pytest.raises(ValueError, match="one line"):
        maincf.with_override(MASTER, "smtp/inet", "a", "b\n -o x=y")


def test_an_override_is_changed_where_it_stands() -> None:
    changed = maincf.with_override(MASTER, "submission/inet", "smtpd_tls_security_level", "may")
    assert changed == MASTER.replace("level=encrypt", "level=may")


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("smtpd_sasl_auth_enable", " -o smtpd_sasl_auth_enable=yes"),
        ("smtpd_tls_security_level", "-o smtpd_tls_security_level=encrypt "),
        ("syslog_name", "  -o syslog_name=postfix/submission\n"),
        ("smtpd_client_restrictions", "  -o { smtpd_client_restrictions = permit_sasl_authenticated, reject }\n"),
    ],
)
def test_an_override_is_taken_out_and_nothing_else(name: str, gone: str) -> None:
    assert maincf.with_override(MASTER, "submission/inet", name, None) == MASTER.replace(gone, "")


def test_an_entry_keeps_the_overrides_below_it() -> None:
    changed = maincf.with_entry(MASTER, "submission/inet", "submission inet n - n - 10 smtpd")
    assert "submission inet n - n - 10 smtpd\n  -o syslog_name=postfix/submission\n" in changed
    assert maincf.override_of(changed, "submission/inet", "smtpd_tls_security_level") == "encrypt"
    assert maincf.with_entry(MASTER, "pickup/unix", None) == MASTER.replace(
        "pickup    unix  n       -       y       60      1       pickup\n", ""
    )


# ── against Postfix itself ──

postfix = pytest.mark.skipif(not shutil.which("postconf"), reason="postconf is not installed")


def _ask(folder: Path, *argv: str) -> str:
    done = subprocess.run(["postconf", "-c", str(folder), *argv], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _written(tmp_path: Path, main: str, master: str = MASTER) -> Path:
    # Octets: a text written on this machine would have its line ends changed on another.
    (tmp_path / "main.cf").write_bytes(main.encode())
    (tmp_path / "master.cf").write_bytes(master.encode())
    return tmp_path


MAINS = (
    MAIN, MAIN.replace("\n", "\r\n"), MAIN.rstrip("\n"), "mynetworks = 1.2.3.4\nmynetworks =\n\n# a\n  5.6.7.8", "",
    "mynetworks=1.1.1.1\n\n\n   # not a value\n   2.2.2.2\n#mynetworks = 3.3.3.3\n",
)  # fmt: skip


@postfix
@pytest.mark.parametrize("main", MAINS)
def test_postfix_reads_the_value_that_we_read_and_then_the_one_that_we_wrote(main: str, tmp_path: Path) -> None:
    known = maincf.value_of(main, "mynetworks")
    if known is not None:
        assert " ".join(_ask(_written(tmp_path, main), "-h", "mynetworks").split()) == known
    changed = maincf.with_setting(main, "mynetworks", "192.0.2.0/24, hash:/x")
    assert _ask(_written(tmp_path, changed), "-h", "mynetworks") == "192.0.2.0/24, hash:/x"


@postfix
@pytest.mark.parametrize("value", ["may", "a, b", "{ x }", ""])
@pytest.mark.parametrize("service", ["smtp/inet", "submission/inet", "maildrop/unix"])
def test_postfix_reads_the_override_that_we_wrote(value: str, service: str, tmp_path: Path) -> None:
    changed = maincf.with_override(MASTER, service, "smtpd_tls_security_level", value)
    assert maincf.override_of(changed, service, "smtpd_tls_security_level") == value
    key = f"{service}/smtpd_tls_security_level"
    assert _ask(_written(tmp_path, MAIN, changed), "-P", key).removeprefix(f"{key} =").strip() == value


@postfix
def test_postfix_finds_the_entry_that_we_wrote_and_not_the_one_that_we_took_out(tmp_path: Path) -> None:
    changed = maincf.with_entry(MASTER, "anvil/unix", "anvil unix - - y - 1 anvil")
    found = _ask(_written(tmp_path, MAIN, changed), "-M", "anvil/unix")
    assert " ".join(found.split()) == "anvil unix - - y - 1 anvil"
    gone = maincf.with_entry(changed, "submission/inet", None)
    assert _ask(_written(tmp_path, MAIN, gone), "-M", "submission/inet") == ""
    assert maincf.with_entry(gone, "anvil/unix", None) == maincf.with_entry(MASTER, "submission/inet", None)
