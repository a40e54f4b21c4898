"""Letters from outside that claim one of our domains, or look as if they did: every shape a forger uses.

Fails as: nothing; a table of letters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from lockdown.checklist.antispam import controls
from lockdown.config import Settings
from lockdown.mime import compose
from lockdown.model.step import SENDER, Occasion

_STRANGER = "someone@stranger.example"
_WORDS = "Hello,\n\nplease call me back about the meeting on Thursday.\n\nRegards\n"

_LIKE = (("m", "rn"), ("w", "vv"), ("l", "1"), ("o", "0"), ("i", "1"), ("e", "3"), ("s", "5"))
"""Letters that look like others, the best first."""
_CYRILLIC = str.maketrans("aceopxyi", "асеорхуі")


class Shape(NamedTuple):
    """One shape of forgery."""

    name: str
    write: Callable[[Occasion], bytes]
    sender: str = SENDER
    """Of the envelope."""
    control: str = controls.FORGED_OWN_DOMAIN.id

    @property
    def looks_only(self) -> bool:
        """It does not claim our domain; it looks like it."""
        return self.control != controls.FORGED_OWN_DOMAIN.id


def shapes(policy: Settings) -> Iterator[Shape]:
    """All shapes, for the first of our domains."""
    ours = (*policy.site.domains, "example.org")[0]
    yield from _claims(f"office@{ours}", ours)
    yield from _look_alikes(policy, ours)


def _claims(us: str, ours: str) -> Iterator[Shape]:
    yield Shape("in the envelope only", _from(f"A Stranger <{_STRANGER}>"), us)
    yield Shape("in From only", _from(f"The Office <{us}>"), _STRANGER)
    yield Shape("in the envelope and in From", _from(f"The Office <{us}>"), us)
    yield Shape("a sub-domain of ours in From", _from(f"The Office <office@mail.{ours}>"), _STRANGER)
    yield Shape("in From, answers go elsewhere", _from(f"The Office <{us}>", f"Reply-To: <{_STRANGER}>"), _STRANGER)
    yield Shape("the second of two addresses in From", _from(f"<{_STRANGER}>, <{us}>"), _STRANGER)
    yield Shape("the first of two addresses in From", _from(f"<{us}>, <{_STRANGER}>"), _STRANGER)
    yield Shape("in the second of two From fields", _from(f"<{_STRANGER}>", f"From: The Office <{us}>"), _STRANGER)
    yield Shape("in the first of two From fields", _from(f"The Office <{us}>", f"From: <{_STRANGER}>"), _STRANGER)
    yield Shape("in From, with the null sender", _from(f"The Office <{us}>"), "")


def _look_alikes(policy: Settings, ours: str) -> Iterator[Shape]:
    for name, domain in (("a cousin of our domain", cousin(ours)), ("a homograph of our domain", homograph(ours))):
        address = f"office@{domain}"
        yield Shape(name, _from(f"The Office <{address}>"), address, control=controls.LOOK_ALIKE.id)
    yield Shape(
        "our address as a display name",
        _from(f'"office@{ours}" <{_STRANGER}>'),
        _STRANGER,
        control=controls.LOOK_ALIKE.id,
    )
    for person in policy.antispam.people[:1]:
        shown = person.partition("<")[0].strip().strip('"')
        yield Shape(
            "a person's name with a strange address",
            _from(f'"{shown}" <{_STRANGER}>'),
            _STRANGER,
            control=controls.PROTECTED_PEOPLE.id,
        )


def _from(sender: str, *more: str) -> Callable[[Occasion], bytes]:
    def write(occasion: Occasion) -> bytes:
        return compose.whole(compose.opening(occasion, "The meeting", *more, sender=sender), compose.text(_WORDS))

    return write


def cousin(domain: str) -> str:
    """A domain that one reads as the other: `exarnple.org` for `example.org`."""
    label, dot, rest = domain.partition(".")
    for letter, other in _LIKE:
        if letter in label:
            return label.replace(letter, other, 1) + dot + rest
    return f"{label}{label[-1:]}{dot}{rest}"


def homograph(domain: str) -> str:
    """The same in Cyrillic letters where there are some that look alike, in its xn-- form (RFC 3492)."""
    label, dot, rest = domain.partition(".")
    foreign = label.translate(_CYRILLIC)
    if foreign == label:
        foreign = f"{label}і"
    return f"xn--{foreign.encode('punycode').decode()}{dot}{rest}"
