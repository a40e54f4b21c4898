"""Item 13: a name that stands for all names is told from people's addresses, which never get into a snapshot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockdown.checklist import education
from lockdown.checklist.education.audit import audit
from lockdown.config import read_settings
from lockdown.facts.catch_all import TABLES, only_catch_alls
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Reading
from lockdown.model.unknown import Unknown
from tests.recordings.literal import host


def stands(main: str, control: str, settings: str = "", **readings: Reading) -> Finding:
    base = host(main, settings=settings)
    snapshot = replace(base, readings={**base.readings, **readings})
    policy = read_settings([("lockdown.toml", settings)]).settings
    return next(found for found in audit(snapshot, policy) if found.control == f"education.{control}")


TABLE = "virtual_alias_maps = texthash:/etc/postfix/virtual\n"
READ = f"{TABLES}/etc/postfix/virtual"


@pytest.mark.parametrize(
    ("main", "readings", "state"),
    [
        ("", {}, State.PASS),
        ("luser_relay = catch@example.org\n", {}, State.WARN),
        (TABLE, {READ: "# 12 lines\n"}, State.PASS),
        (TABLE, {READ: "@example.com\n# 12 lines\n"}, State.WARN),
        (TABLE, {READ: Unknown("Permission denied")}, State.UNKNOWN),
        ("virtual_alias_maps = mysql:/etc/postfix/virtual.cf\n", {}, State.UNKNOWN),
        ("virtual_alias_maps = inline:{ @example.com=ada }\n", {}, State.WARN),
        ("virtual_mailbox_maps = static:ada\n", {}, State.WARN),
    ],
)
def test_a_name_that_stands_for_all_names(main: str, readings: dict[str, Reading], state: State) -> None:
    assert stands(main, "no-catch-all", **readings).state is state


def test_of_a_table_only_the_lines_for_everyone_are_kept() -> None:
    text = "ada@example.com ada\n@example.com catch\n# @example.net x\n/^.*@example.org$/ all\n/^ada@/ ada\n"
    assert only_catch_alls(text) == "@example.com\n/^.*@example.org$/\n# 4 lines\n"


def test_a_gateway_without_engines_warns_nobody() -> None:
    assert stands("", "told-why").state is State.PASS
    assert stands("", "told-why", "[antispam]\nengines = []\n").state is State.WARN


def test_what_a_machine_cannot_show_is_a_word_of_a_person() -> None:
    words = {control.id for control in education.CARD.controls if control.by_word}
    assert "education.taught" in words
    assert not words & {found.control for found in audit(host(""), read_settings([]).settings)}
