"""Mend: a finding of item 8 that does not hold, with what is known where it was made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lockdown.config import Settings
from lockdown.facts.postfix import Postfix, Service
from lockdown.facts.upstream import Here, Upstream
from lockdown.model.change import Change, Left, Proposal, Risk
from lockdown.model.finding import Finding
from lockdown.model.snapshot import Snapshot

Answer: TypeAlias = Iterator[Proposal | Left]


@dataclass(frozen=True, slots=True)
class Mend:
    """The finding, the server, and the gateway's upstreams."""

    found: Finding
    snapshot: Snapshot
    server: Postfix
    behind: Sequence[Upstream]
    policy: Settings

    @property
    def service(self) -> Service | None:
        """The service of the finding; None where it is about Postfix as a whole."""
        return next((one for one in self.server.services if self.found.target == f"postfix {one.label}"), None)

    @property
    def here(self) -> Here | None:
        """The gateway's upstream, when it is on this machine."""
        return next((one for one in self.behind if isinstance(one, Here)), None)

    def propose(self, change: Change, risk: Risk, side_effects: str, more: str = "") -> Proposal:
        """One change, with what is so on this machine now."""
        now = f"Now: {self.found.evidence[0].text}." if self.found.evidence else ""
        said = " ".join(part for part in (self.found.says, now, more) if part)
        return Proposal(self.found.control, change, said, risk, side_effects, self.found.target)

    def left(self, why: str, try_this: str = "") -> Left:
        return Left(self.found.control, why, try_this or self.found.next_command, self.found.target)
