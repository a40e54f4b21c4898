"""Take a drill's own letters out of this machine's queue: those whose ids it was told, and those to its own addresses.

Fails as: nothing; a queue that cannot be read is left as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator

from lockdown.host.commands import run

_QUEUED_AS = re.compile(r"queued as ([A-Za-z0-9]{6,20})\b")
_ID = re.compile(r"[A-Za-z0-9]{6,20}")
_SECONDS = 20.0


def clear_queue(replies: Iterable[str], is_ours: Callable[[str], bool]) -> int:
    """How many letters were removed; `replies` are the server's own to the end of each letter."""
    told = {found[1] for reply in replies if (found := _QUEUED_AS.search(reply))}
    listed = run(["postqueue", "-j"], _SECONDS)
    if not isinstance(listed, str):
        return 0
    doomed = list(waiting(listed, told, is_ours))
    for start in range(0, len(doomed), 100):
        run(["postsuper", *(word for id in doomed[start : start + 100] for word in ("-d", id))], _SECONDS)
    return len(doomed)


def waiting(listed: str, told: set[str], is_ours: Callable[[str], bool]) -> Iterator[str]:
    """The ids of those letters of a listed queue that are the drill's."""
    for line in listed.splitlines():
        try:
            entry = json.loads(line)
            id, to = entry["queue_id"], [one["address"] for one in entry["recipients"]]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(id, str) and _ID.fullmatch(id) and (id in told or (to and all(map(is_ours, map(str, to))))):
            yield id
