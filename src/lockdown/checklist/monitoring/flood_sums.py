"""What is counted of messages that have a value in common, and whether that is what a newsletter looks like. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lockdown.checklist.monitoring.attribution import PROVEN, is_proven
from lockdown.model.traffic import Dimension, Key, Seen, Traffic

GOOD = 30
"""Messages of good mail from a source that make it known."""
QUIET_SHARE = 0.1
VOUCHED = 0.8
TEXTS = (Dimension.BODY, Dimension.ALIKE, Dimension.ATTACHMENT)


class Sums(NamedTuple):
    """What is counted of messages that have a value in common."""

    messages: int
    octets: int
    asked: int
    """Recipients."""
    refused: int
    unknown: int
    spam: int
    proven: int
    """Somebody vouches for who sent it."""
    vouched: int
    """So, or it is of a mailing list."""
    recipients: Mapping[Key, int]
    contents: Mapping[Key, int]
    sources: Mapping[Key, int]

    @property
    def crowding(self) -> float:
        """Messages for each recipient."""
        return sum(self.recipients.values()) / len(self.recipients) if self.recipients else 0.0

    @property
    def copies(self) -> float:
        """The share of the most frequent text or attachment."""
        return max(self.contents.values(), default=0) / max(1, self.messages)


def sums_of(seen: Sequence[Seen]) -> Sums:
    """In one pass."""
    recipients: Counter[Key] = Counter()
    contents: Counter[Key] = Counter()
    sources: Counter[Key] = Counter()
    tables = {Dimension.RECIPIENT: recipients}
    tables |= dict.fromkeys(TEXTS, contents)
    tables |= dict.fromkeys((*PROVEN, Dimension.CLIENT, Dimension.NETWORK), sources)
    for one in seen:
        for key in one.keys:
            if (table := tables.get(key[0])) is not None:
                table[key] += 1
    proven = [is_proven(one) for one in seen]
    return Sums(
        len(seen),
        sum([one.size for one in seen]),
        max(1, sum([one.recipients for one in seen])),
        sum([one.refused for one in seen]),
        sum([one.unknown for one in seen]),
        sum([one.spam for one in seen]),
        sum(proven),
        sum([is_so or one.is_list for is_so, one in zip(proven, seen, strict=True)]),
        recipients,
        contents,
        sources,
    )


def is_newsletter(sums: Sums, traffic: Traffic) -> bool:
    """One source, one for each of many recipients, hardly any that is spam or goes nowhere, and somebody vouches."""
    if not sums.messages or sums.crowding > 1 / VOUCHED:
        return False
    if max(sums.spam / sums.messages, sums.refused / sums.asked) > QUIET_SHARE:
        return False
    one_source = [key for key, count in sums.sources.items() if count >= VOUCHED * sums.messages]
    is_vouched = sums.vouched >= VOUCHED * sums.messages
    return bool(one_source) and (is_vouched or any(traffic.good.get(key, 0) >= GOOD for key in one_source))
