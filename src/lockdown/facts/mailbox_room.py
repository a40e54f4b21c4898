"""How much still fits into one mailbox, from what `doveadm -f tab quota get` says of it.

Fails as: Unknown for what is not understood; None where no limit is set. Never raises.
"""

from __future__ import annotations

from lockdown.model.unknown import Unknown

_NO_LIMIT = ("-", "", "0")
_KIB = 1024


def free_octets(said: str) -> int | Unknown | None:
    """By the limit that is reached first; 0 for a mailbox that is full."""
    head, *rows = [line.split("\t") for line in said.splitlines() if line] or [[""]]
    if not {"Type", "Value", "Limit"} <= set(head):
        return Unknown(f"doveadm has answered something else: {said[:80]!r}")
    kind, value, limit = (head.index(name) for name in ("Type", "Value", "Limit"))
    free = []
    for row in rows:
        if len(row) <= max(kind, value, limit) or row[kind] != "STORAGE" or row[limit] in _NO_LIMIT:
            continue
        used, most = row[value], row[limit]
        if not (used.isascii() and used.isdigit() and most.isascii() and most.isdigit() and len(used + most) < 40):
            return Unknown(f"its quota is not understood: {row[:5]!r}")
        free.append(max(0, int(most) - int(used)) * _KIB)
    return min(free, default=None)
