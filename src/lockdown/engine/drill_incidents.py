"""Which incidents are a drill's own doing: what they are about is a stranger of a drill.

His address is of a range that nobody on the Internet has, so that no attack can pass for a drill. Pure.
Fails as: False, for whatever names no such address.
"""

from __future__ import annotations

import ipaddress

from lockdown.model.alarm import Incident
from lockdown.model.step import STRANGERS
from lockdown.model.traffic import Dimension

_MOST_PARTS = 20
_PLACES = (Dimension.CLIENT.value, Dimension.NETWORK.value)
_DRILLING = ipaddress.IPv4Network(STRANGERS)


def is_of_a_drill(incident: Incident) -> bool:
    """It is about the address or network of a drill's stranger: of a client, not of what a letter says, as a link."""
    return any(map(_is_strangers, incident.object.split(", ")[:_MOST_PARTS]))


def _is_strangers(part: str) -> bool:
    dimension, _, value = part.rpartition(" ")
    if dimension not in ("", *_PLACES):
        return False
    try:
        return ipaddress.IPv4Network(value, strict=False).subnet_of(_DRILLING)
    except ValueError:
        return False
