"""YARA rules over a file: our own few, and those of the admin. Only for reader processes, and for checking rule files.

A rule whose meta says `action = "suspicious"` is told, and finds nothing by itself; every other one is a find.
Fails as: `compiled` raises `OperatorError` for a rule file that cannot be used; `matches` returns Unknown("yara: …").
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lockdown.model.errors import OperatorError
from lockdown.model.unknown import Unknown

if TYPE_CHECKING:
    import yara_x

SCAN_SECONDS = 10
"""For one file; a rule that needs longer is a bad rule."""
SCANNED_BYTES = 64 * 1024 * 1024
"""At once; a larger file is searched piece by piece, so that a long table or log is no riddle."""
OVERLAP_BYTES = 1024 * 1024
"""What two pieces have in common, so that nothing is cut in two."""
RULE_FILE_LIMIT = 64 * 1024 * 1024
SUSPICIOUS = "suspicious"


class Match(NamedTuple):
    """A rule that matched."""

    rule: str
    suspicious: bool
    """It only adds to other reasons."""
    file: str
    """The name of the file that it stands in."""


class RuleFile(NamedTuple):
    """The text of one file of rules."""

    name: str
    text: str


class Rules:
    """Compiled rules, ready for one file after the other."""

    def __init__(self, rules: yara_x.Rules) -> None:
        import yara_x

        self._scanner = yara_x.Scanner(rules)
        self._scanner.set_timeout(SCAN_SECONDS)
        self._errors = (yara_x.ScanError, yara_x.TimeoutError)

    def matches(self, data: bytes) -> tuple[Match, ...] | Unknown:
        """What matches this file. Of one in pieces, a rule sees a piece: its `filesize` and offsets are those of it."""
        found: dict[Match, None] = {}
        try:
            for start in range(0, max(1, len(data) - OVERLAP_BYTES), SCANNED_BYTES - OVERLAP_BYTES):
                piece = data if len(data) <= SCANNED_BYTES else data[start : start + SCANNED_BYTES]
                for rule in self._scanner.scan(piece).matching_rules:
                    found[Match(rule.identifier, ("action", SUSPICIOUS) in rule.metadata, rule.namespace)] = None
        except self._errors as error:
            return Unknown(f"yara: {error}")
        return tuple(found)


def builtin_rules() -> tuple[RuleFile, ...]:
    """Those that come with the program."""
    folder = files("lockdown.scan").joinpath("rules")
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".yar")]
    return tuple(RuleFile(entry.name, entry.read_text()) for entry in sorted(found, key=lambda entry: entry.name))


def compiled(sources: Iterable[RuleFile]) -> Rules:
    """All of them, each in a namespace of its own."""
    import yara_x

    compiler = _compiler()
    for source in sources:
        compiler.new_namespace(source.name)
        try:
            compiler.add_source(source.text, origin=source.name)
        except yara_x.CompileError as error:
            raise _not_usable(source.name, str(error)) from error
    return Rules(compiler.build())


def _compiler() -> yara_x.Compiler:
    """Without `include`: what a rule file may read is what the settings name."""
    import yara_x

    return yara_x.Compiler(relaxed_re_syntax=True, includes_enabled=False)


def check_rules(paths: Iterable[str]) -> list[str]:
    """What is wrong with these files, a sentence each; nothing for those that can be used."""
    problems = []
    for path in paths:
        try:
            compiled([read_rule_file(path)])
        except OperatorError as error:
            problems.append(f"{error.what}: {error.why}")
    return problems


def read_rule_file(path: str) -> RuleFile:
    """The admin's file."""
    try:
        if Path(path).stat().st_size > RULE_FILE_LIMIT:
            raise _not_usable(path, f"it is larger than {RULE_FILE_LIMIT} octets")
        return RuleFile(path, Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise _not_usable(path, str(error)) from error


def _not_usable(path: str, why: str) -> OperatorError:
    return OperatorError(
        "rules-unusable",
        what=f"The YARA rules in {path} cannot be used",
        why=why,
        try_this="correct the file, or take it out of `rules` in [antivirus]",
    )
