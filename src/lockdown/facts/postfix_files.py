"""main.cf and master.cf as Postfix reads them: what each line says, where it stands, and what Postfix gives up at.

Two uses: the line numbers of findings, beside Postfix's own answer (`postconf`); and the settings themselves, where
files alone were given. One pass over the text, whatever is in it.

Fails as: Unknown with the line that Postfix would not start on. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lockdown.model.unknown import Unknown

_BLANK = " \t\n\v\f\r"
"""What isspace() of C calls white space, and nothing else."""


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


@dataclass(frozen=True, slots=True)
class WrittenService:
    """A service as master.cf writes it: name, type, command, and the settings that it overrides."""

    name: str
    type: str
    command: str
    overrides: Mapping[str, str]


def _logical_lines(text: str) -> Iterator[list[tuple[int, str]]]:
    """postconf(5): a line that starts with white space continues the one before; comments may stand between."""
    gathered: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip(_BLANK)
        if not stripped or stripped.startswith("#"):
            continue
        if line[0] not in _BLANK and gathered:
            yield gathered
            gathered = []
        if gathered or line[0] not in _BLANK:  # white space before the first setting: Postfix warns and passes over it
            gathered.append((number, stripped))
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


def settings_of(main_cf: str) -> dict[str, str] | Unknown:
    """Every setting of main.cf and its value; Postfix gives up at the first line that is none (split_nameval)."""
    if "\0" in main_cf:
        return Unknown("main.cf is no text: it holds a NUL")
    settings: dict[str, str] = {}
    for lines in _logical_lines(main_cf):
        name, equals, value = " ".join(line for _, line in lines).partition("=")
        name = name.strip(_BLANK)
        if not equals or not name or any(sign in name for sign in _BLANK):
            number, text = lines[0]
            return Unknown(f"main.cf, line {number}: `{text[:60]}` is no `name = value`: Postfix does not start on it")
        settings[name] = value.strip(_BLANK)
    return settings


_TYPES = ("inet", "unix", "fifo", "pass", "unix-dgram")


def services_of(master_cf: str) -> tuple[WrittenService, ...] | Unknown:
    """Every service of master.cf with its overrides; Postfix gives up at the first line that is none."""
    if "\0" in master_cf:
        return Unknown("master.cf is no text: it holds a NUL")
    services: dict[tuple[str, str], WrittenService] = {}
    for lines in _logical_lines(master_cf):
        fields = list(_words(" ".join(line for _, line in lines)))
        if len(fields) < 8 or fields[1] not in _TYPES:
            number, text = lines[0]
            return Unknown(f"master.cf, line {number}: `{text[:60]}` is no service: Postfix does not start on it")
        name, kind, command = fields[0], fields[1], fields[7]
        services[name, kind] = WrittenService(name, kind, command, dict(_options(fields[8:])))
    return tuple(services.values())


def _words(text: str) -> Iterator[str]:
    """Words parted by white space; in master.cf, braces hold one together (master(5), Postfix 3.0)."""
    start, level = -1, 0
    for at, sign in enumerate(text):
        if sign in _BLANK and level == 0:
            if start >= 0:
                yield text[start:at]
            start = -1
            continue
        start = at if start < 0 else start
        level = max(0, level + (sign == "{") - (sign == "}"))
    if start >= 0:
        yield text[start:]


def _options(arguments: list[str]) -> Iterator[tuple[str, str]]:
    """`-o name=value`, `-oname=value` and `-o { name = value }`; a word that is no option ends them, as getopt does."""
    words = iter(arguments)
    for word in words:
        if not word.startswith("-"):
            return
        if not word.startswith("-o"):
            continue
        setting = word[2:] or next(words, "")
        if setting.startswith("{") and setting.endswith("}"):
            setting = setting[1:-1].strip(_BLANK)
        name, equals, value = setting.partition("=")
        if equals:
            yield name.strip(_BLANK), value.strip(_BLANK)
