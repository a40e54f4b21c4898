"""The change that item 4 makes to an Exim: its limit of size, where the file that Exim runs from can take it.

Debian makes that file anew from others; there the limit is a macro of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.attachments.controls import MESSAGE_LIMIT
from lockdown.checklist.attachments.sizes import DEMANDED, in_words
from lockdown.config import Settings
from lockdown.facts.exim import Exim, place_of
from lockdown.model.change import Left, OptionStyle, Proposal, Risk, SetOption
from lockdown.model.finding import Finding
from lockdown.model.unknown import Unknown


def enforce_exim(found: Finding, server: Exim, policy: Settings) -> Iterator[Proposal | Left]:
    """What turns one finding."""
    if found.control != MESSAGE_LIMIT.id:
        yield Left(found.control, "This is set for Postfix only.", found.next_command, found.target)
        return
    match place_of(server, "message_size_limit"):
        case Unknown(why):
            yield Left(found.control, f"{why}.", found.next_command, found.target)
        case (path, OptionStyle() as style):
            size = DEMANDED[policy.site.profile][1] // 1024**2
            name = "message_size_limit" if style is OptionStyle.EXIM else "MESSAGE_SIZE_LIMIT"
            effects = f"mail above {in_words(size * 1024**2)} is refused with 552, and its sender is told"
            change = SetOption(path, name, f"{size}M", style)
            yield Proposal(found.control, change, found.says, Risk.LOW, effects, found.target)
