"""What a plan has shown once it does not show again."""

from __future__ import annotations

from lockdown.cli.plan_text import _file
from lockdown.engine.plan_diff import FileDiff


def test_a_hunk_is_printed_once_and_named_after_that() -> None:
    both, more = ("@@ line 1", "-a", "+b"), ("@@ line 9", "+c")
    shown: dict[tuple[str, ...], str] = {}
    first = list(_file(FileDiff("/etc/x", "", both), "relaying.one", shown))
    second = list(_file(FileDiff("/etc/x", "", (*both, *more)), "relaying.two", shown))
    assert [line.strip() for line in first] == ["/etc/x", *both]
    assert [line.strip() for line in second] == ["/etc/x", *more, "(as above under relaying.one)"]
