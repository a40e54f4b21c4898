"""The local Postfix: whoever administers or watches looks into the queue, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.admins.audit_local import QUEUE_RIGHTS, is_open
from lockdown.checklist.admins.standing import Standing
from lockdown.facts.postfix import Postfix, postfix
from lockdown.model.change import Left, Proposal, Risk, SetPostfix
from lockdown.model.finding import Finding

_ALWAYS = ("root", "postfix")
_WATCHERS = (
    "check_mk", "collectd", "icinga", "lockdown", "lockdown-gw", "monitor", "monitoring", "munin", "nagios", "netdata",
    "node_exporter", "nrpe", "postfix_exporter", "prometheus", "telegraf", "zabbix",
)  # fmt: skip
"""Accounts that monitoring programs ask for the length of the queue with."""


def narrow_queue(now: Standing, finding: Finding) -> Iterator[Proposal | Left]:
    """Sending stays as it is: jobs and programs of the machine must reach their people."""
    found = postfix(now.snapshot)
    if not isinstance(found, Postfix) or now.unread:
        why = f" {now.unread}." if now.unread else ""
        yield Left(finding.control, f"{finding.says}{why}", finding.next_command, finding.target)
        return
    watchers = [name for name in _WATCHERS if now.found.named(name)]
    names = ", ".join(dict.fromkeys((*_ALWAYS, *sorted(now.admins), *watchers)))
    wide = [name for name in QUEUE_RIGHTS if is_open(found, name)]
    for name in wide:
        yield Proposal(
            finding.control, SetPostfix(name, names, config_directory=found.config_directory),
            f"{finding.says} {' and '.join(wide)} = {found.value(wide[0])}.", Risk.LOW,
            f"nobody but {names} may use mailq and postqueue -f any more", finding.target,
        )  # fmt: skip
