"""What we changed is taken back, what others have changed since stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.host.change import maincf
from lockdown.host.change.edits import TextChange, edited
from lockdown.host.change.files import FileImage
from lockdown.host.change.staging import FileEdit, text_of
from lockdown.host.change.undoing import undone, undone_in_part
from lockdown.model.change import (
    Change,
    EditPostfixList,
    OptionStyle,
    PutFile,
    SetOption,
    SetPostfix,
    SetPostfixService,
)  # fmt: skip

NAMES = ["alpha", "beta", "gamma", "delta"]
VALUES = ["", "one", "one, two", "check unix:x, two three"]
LINES = [
    "# a remark\n", "\n", "alpha = one\n", "beta =\n  one,\n  # why\n  two\n", "gamma = two\r\n", "  three\n",
    "alpha=two\n", "delta = one two three\n", "#beta = nine\n",
]  # fmt: skip
MAINS = st.tuples(st.lists(st.sampled_from(LINES), max_size=8), st.booleans()).map(
    lambda made: "".join(made[0]) if made[1] else "".join(made[0]).rstrip("\n")
)
WORDS = ["one", "two", "three", "check unix:x"]
CHANGES = st.lists(
    st.builds(SetPostfix, st.sampled_from(NAMES), st.none() | st.sampled_from(VALUES))
    | st.builds(
        EditPostfixList, st.sampled_from(NAMES), st.sampled_from(WORDS), st.just(("two",)), st.booleans(),
        st.lists(st.sampled_from(WORDS), max_size=1).map(tuple),
    ),
    min_size=1, max_size=5,
)  # fmt: skip


def _folded(text: str, changes: Sequence[TextChange]) -> str:
    for change in changes:
        text = edited(text, change, lambda name: "")
    return text


def _edit(before: str, after: str, count: int, path: str = "/etc/postfix/main.cf") -> FileEdit:
    return FileEdit(_image(before, path), _image(after, path), tuple(range(count)))


def _image(text: str, path: str = "/etc/postfix/main.cf") -> FileImage:
    return FileImage(path, text.encode("utf-8", "surrogateescape"))


def _back(before: str, changes: Sequence[TextChange], now: str, path: str = "/etc/postfix/main.cf") -> str:
    put_back = undone(_edit(before, _folded(before, changes), len(changes), path), changes, _image(now, path))
    assert isinstance(put_back, FileImage)
    return text_of(put_back)


@given(MAINS, CHANGES)
def test_where_nobody_else_was_every_octet_is_back(before: str, changes: list[Change]) -> None:
    assert _back(before, changes, _folded(before, changes)) == before  # type: ignore[arg-type]


@given(MAINS, CHANGES, st.sampled_from(["epsilon", "zeta"]), st.sampled_from(VALUES))
def test_what_others_wrote_beside_ours_stays_and_ours_is_gone(
    before: str, changes: list[TextChange], name: str, value: str
) -> None:
    now = f"# by hand\n{maincf.with_setting(_folded(before, changes), name, value)}"
    after = _back(before, changes, now)
    assert "# by hand\n" in after
    assert maincf.value_of(after, name) == value
    for ours in NAMES:
        assert maincf.value_of(after, ours) == maincf.value_of(before, ours), ours


@given(MAINS, CHANGES, st.sampled_from(NAMES), st.sampled_from(["by hand", "also, by hand"]))
def test_a_setting_that_others_changed_since_keeps_their_value(
    before: str, changes: list[TextChange], name: str, value: str
) -> None:
    ours = _folded(before, changes)
    now = maincf.with_setting(ours, name, value)
    found = undone_in_part(_edit(before, ours, len(changes)), changes, _image(now))
    assert maincf.value_of(text_of(found.image), name) == value
    assert bool(found.left) == any(change.name == name for change in changes)
    for other in set(NAMES) - {name}:
        assert maincf.value_of(text_of(found.image), other) == maincf.value_of(before, other), other


@given(MAINS, CHANGES)
def test_a_change_done_twice_is_done_once(before: str, changes: list[TextChange]) -> None:
    for change in changes:
        once = edited(before, change, lambda name: "")
        assert edited(once, change, lambda name: "") == once


@given(MAINS, MAINS, MAINS, CHANGES)
def test_no_file_whatever_it_has_become_breaks_an_undo(
    before: str, after: str, now: str, changes: list[TextChange]
) -> None:
    undone(_edit(before, after, len(changes)), changes, _image(now))


def test_a_list_over_several_lines_comes_back_as_it_was_written() -> None:
    before = "a = 1\nsmtpd_helo_restrictions =\n  permit_mynetworks,\n  # why\n  reject\nb = 2\n"
    changes = [EditPostfixList("smtpd_helo_restrictions", remove=("permit_mynetworks",))]
    now = _folded(before, changes) + "c = 3\n"
    assert _back(before, changes, now) == before + "c = 3\n"


def test_what_was_taken_out_goes_back_behind_the_line_it_stood_behind() -> None:
    before = "a = 1\nb = 2\nc = 3\n"
    assert _back(before, [SetPostfix("b", None)], "a = 1\nx = 9\nc = 4\n") == "a = 1\nb = 2\nx = 9\nc = 4\n"


def test_what_goes_back_does_not_take_in_a_continuation_of_nothing() -> None:
    before = "# a\n  three\n# b\nalpha = one\n"
    after = _back(before, [SetPostfix("alpha", None)], "# by hand\n  three\nbeta = 2\n")
    assert maincf.value_of(after, "alpha") == "one"


MASTER = (
    "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n  -o syslog_name=x\n"
    "maildrop unix - n n - - pipe\n  flags=D user=v argv=/bin/true\n"
)


def test_in_the_file_of_services_only_our_override_and_our_entry_go() -> None:
    changes = [
        SetPostfix("smtpd_tls_security_level", "encrypt", "submission/inet"),
        SetPostfixService("tlsproxy", "unix", "tlsproxy unix - - y - 0 tlsproxy"),
        SetPostfix("syslog_name", None, "submission/inet"),
    ]
    now = maincf.with_override(_folded(MASTER, changes), "smtp/inet", "content_filter", "x:[::1]")
    after = _back(MASTER, changes, now, "/etc/postfix/master.cf")
    assert after == maincf.with_override(MASTER, "smtp/inet", "content_filter", "x:[::1]")


def test_an_override_of_a_service_that_is_gone_since_is_said() -> None:
    changes = [SetPostfix("syslog_name", None, "submission/inet")]
    edit = _edit(MASTER, _folded(MASTER, changes), 1, "/etc/postfix/master.cf")
    found = undone(edit, changes, _image("smtp inet n - y - - smtpd\n", "/etc/postfix/master.cf"))
    assert isinstance(found, str) and "not there any more" in found


def test_an_option_goes_back_to_its_line() -> None:
    path = "/etc/login.defs"
    before = "PASS_MAX_DAYS   99999  \nUMASK 022\n"
    changes = [SetOption(path, "PASS_MAX_DAYS", "365", OptionStyle.LOGIN_DEFS)]
    assert _back(before, changes, _folded(before, changes) + "NEW 1\n", path) == before + "NEW 1\n"


@pytest.mark.parametrize("now", [None, b"# changed by hand\n"])
def test_a_file_of_ours_that_others_have_changed_or_removed_is_left(now: bytes | None) -> None:
    path = "/etc/dovecot/conf.d/99-lockdown-x.conf"
    edit = FileEdit(FileImage(path, None), FileImage(path, b"# Lockdown\n"), (0,))
    found = undone(edit, [PutFile(path, "# Lockdown\n")], FileImage(path, now))
    if now is None:
        assert found == FileImage(path, None)
    else:
        assert isinstance(found, str) and "changed since" in found
    assert undone(edit, [PutFile(path, "# Lockdown\n")], edit.after) == edit.before


def test_a_file_that_was_there_and_that_others_have_removed_stays_removed() -> None:
    found = undone(_edit("a = 1\n", "a = 2\n", 1), [SetPostfix("a", "2")], FileImage("/etc/postfix/main.cf", None))
    assert isinstance(found, str) and "removed since" in found


def test_rights_that_others_gave_since_stay() -> None:
    edit = _edit("a = 1\n", "a = 2\n", 1)
    found = undone(edit, [SetPostfix("a", "2")], replace(edit.after, mode=0o640))
    assert found == replace(edit.before, mode=0o640)
