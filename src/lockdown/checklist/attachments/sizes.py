"""How large a message may be: what each profile demands, and how a size is said to people."""

from __future__ import annotations

from lockdown.checklist.attachments.gate import BASE64_GROWTH
from lockdown.model.finding import State
from lockdown.model.units import ByteSize

DEMANDED = {
    "starter": (ByteSize.parse("5 MB"), ByteSize.parse("100 MiB")),
    "business": (ByteSize.parse("10 MB"), ByteSize.parse("50 MiB")),
    "strict": (ByteSize.parse("10 MB"), ByteSize.parse("35 MiB")),
}
"""Least and most, by profile: below, people's work is refused; above, a few messages are a bomb."""


def in_words(size: int) -> str:
    """`25 MiB, attachments of 18 MB`, rounded down, so that what is promised will pass."""
    wire = f"{size / 1024**2:.1f}".removesuffix(".0")
    return f"{wire} MiB, attachments of {int(size / BASE64_GROWTH) // 1024**2} MB"


def judged(size: int, profile: str) -> tuple[State, str]:
    """How a limit stands against the profile's demand, in words that follow `takes messages`."""
    least, most = DEMANDED[profile]
    if size == 0:
        return State.FAIL, "of any size: one message can fill the disk"
    if size < least:
        return State.WARN, f"up to {in_words(size)}: too little for people's work, at least {least} is asked for"
    if size > most:
        return State.WARN, f"up to {in_words(size)}: more than the {most} that the profile {profile} allows"
    return State.PASS, f"up to {in_words(size)}"
