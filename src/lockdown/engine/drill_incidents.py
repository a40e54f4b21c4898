"""Which incidents are a drill's own doing: what they are about is a stranger of a drill.

His address is of a range that nobody on the Internet has, so that no attack can pass for a drill. Pure.
Fails as: False, for whatever names no such address.
"""

from __future__ import annotations

import ipaddress

from lockdown.model.alarm import Incident
from lockdown.model.step import STRANGERS

_MOST_WORDS = 20
_DRILLING = ipaddress.IPv4Network(STRANGERS)


def is_of_a_drill(incident: Incident) -> bool:
    """It names an address or a network of a drill's stranger."""
    return any(map(_is_strangers, incident.object.split()[:_MOST_WORDS]))


def _is_strangers(word: str) -> bool:
    try:
        return ipaddress.IPv4Network(word.strip(",;"), strict=False).subnet_of(_DRILLING)
    except ValueError:
        return False
