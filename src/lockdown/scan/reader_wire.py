"""What the gateway and its reader processes say to each other: settings once, then a report for each message.

Every report has its length before it. Fails as: `ValueError` or `msgspec.MsgspecError` for octets that are no report.
"""

from __future__ import annotations

import struct
from typing import Any, TypeAlias

import msgspec

from lockdown.config import Antivirus
from lockdown.model.scan import Reading

LENGTH = struct.Struct("!Q")
"""Octets that follow."""
REPORT_LIMIT = 32 * 1024 * 1024
SETTINGS_LIMIT = 1024 * 1024


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """It can read. `missing` is what it could not give up."""

    missing: tuple[str, ...] = ()


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """It could not, and why. `ends`: it is of no more use."""

    why: str
    ends: bool = False


class Read(msgspec.Struct, frozen=True, tag="read"):
    """It has read."""

    reading: Reading


Report: TypeAlias = Ready | Failed | Read

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Report)


def report_octets(report: Report) -> bytes:
    """A report with its length; one that is too long says so instead."""
    octets = _encoder.encode(report)
    if len(octets) > REPORT_LIMIT:
        octets = _encoder.encode(Failed("what was read of it is too much to be told"))
    return LENGTH.pack(len(octets)) + octets


def report_from(octets: bytes | bytearray) -> Report:
    """The report in these octets, without their length."""
    report: Report = _decoder.decode(octets)
    return report


def settings_octets(policy: Antivirus) -> bytes:
    """The settings with their length."""
    octets = msgspec.json.encode(policy, enc_hook=int)
    return LENGTH.pack(len(octets)) + octets


def settings_from(octets: bytes) -> Antivirus:
    """What `settings_octets` has written, without its length."""
    return msgspec.json.decode(octets, type=Antivirus, dec_hook=_special)


def _special(kind: Any, value: Any) -> Any:
    return kind(value)
