"""Durations on the command line, written as in the settings: `30m`, `2h`, `7d`."""

from __future__ import annotations

from datetime import timedelta

import click

from lockdown.model.units import parse_duration


class DurationType(click.ParamType[timedelta]):
    """`1h` on the command line."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The duration, or a usage error that shows how one is written."""
        try:
            return value if isinstance(value, timedelta) else parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
