"""Symptom: one line of `lockdown doctor`: how a part of Lockdown itself is, and what to type when it is not well."""

from __future__ import annotations

from dataclasses import dataclass

from lockdown.model.finding import State


@dataclass(frozen=True, slots=True)
class Symptom:
    """`try_this` is never empty for what is not well."""

    part: str
    state: State
    says: str
    try_this: str = ""


def well(part: str, says: str) -> Symptom:
    """As it should be."""
    return Symptom(part, State.PASS, says)


def doubtful(part: str, says: str, try_this: str) -> Symptom:
    """It works, but somebody should know."""
    return Symptom(part, State.WARN, says, try_this)


def ill(part: str, says: str, try_this: str) -> Symptom:
    """It does not work."""
    return Symptom(part, State.FAIL, says, try_this)


def unsure(part: str, says: str, try_this: str) -> Symptom:
    """It could not be told; that is no health."""
    return Symptom(part, State.UNKNOWN, says, try_this)
