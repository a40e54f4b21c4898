"""main.cf and master.cf as text: which line says what, so that a finding can name it.

Only for line numbers and for the words as written; the values themselves are Postfix's own answer (`postconf`).
Never raises: a line that is not understood names nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Written:
    """A setting where it is written: the line that it starts on, and its text on one line."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class ServiceLines:
    """A service of master.cf: its first line, and the line of each `-o name=value`."""

    line: int
    options: Mapping[str, Written] = field(default_factory=dict)


def _logical_lines(text: str) -> Iterator[list[tuple[int, str]]]:
    """postconf(5): a line that starts with white space continues the one before; comments may stand between."""
    gathered: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line[0].isspace() and gathered:
            yield gathered
            gathered = []
        gathered.append((number, line.strip()))
    if gathered:
        yield gathered


def settings_written(main_cf: str) -> dict[str, Written]:
    """Where main.cf writes each setting; the last one counts, as in Postfix."""
    written: dict[str, Written] = {}
    for lines in _logical_lines(main_cf):
        whole = " ".join(line for _, line in lines)
        name, equals, _ = whole.partition("=")
        if equals:
            written[name.strip()] = Written(lines[0][0], whole)
    return written


_OPTION = re.compile(r"-o\s*(?:\{\s*)?(\w+)\s*=")


def services_written(master_cf: str) -> dict[tuple[str, str], ServiceLines]:
    """Where master.cf writes each service, by name and type."""
    services: dict[tuple[str, str], ServiceLines] = {}
    for lines in _logical_lines(master_cf):
        fields = lines[0][1].split()
        if len(fields) >= 8:
            options = {found[1]: Written(number, line) for number, line in lines for found in _OPTION.finditer(line)}
            services[fields[0], fields[1]] = ServiceLines(lines[0][0], options)
    return services
