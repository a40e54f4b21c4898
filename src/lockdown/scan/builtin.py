"""The builtin antivirus engine: reads one whole message, and says what it is made of and what was found in it.

`at_once` answers for ordinary letters in the gateway's own process, in pure Python; everything that has a file in it
goes through `read`, in a reader process.
Fails as: `Unread` values in the answer; `built` raises `OperatorError` for a list or a rule file that cannot be used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from importlib import import_module
from pathlib import Path

from lockdown.config import Antivirus
from lockdown.mime.filetype import kind_of
from lockdown.mime.letter import letter_of
from lockdown.mime.parts import Message
from lockdown.mime.reader import read_message
from lockdown.mime.second import with_second_opinion
from lockdown.model.errors import OperatorError
from lockdown.model.scan import Content, File, Reading, Trait
from lockdown.scan.examination import BODY_KINDS, Examination, Tools, is_body_part
from lockdown.scan.passive import is_passive
from lockdown.scan.signatures import holds_test_virus, read_digests
from lockdown.scan.yara_rules import Match, RuleFile, Rules, builtin_rules, compiled, read_rule_file

AT_ONCE_BYTES = 64 * 1024
"""Larger letters are rare, and may wait for a reader process."""
PAGE_BYTES = 32 * 1024
"""Of a page with script or a form, which is looked into by the inspector of pages: it is in pure Python."""
_PAGE_STEPS = 1000


class Builtin:
    """The engine, for as many messages as one likes."""

    def __init__(
        self, policy: Antivirus, digests: Mapping[str, str] | None = None, rules: Sequence[RuleFile] = ()
    ) -> None:
        self._policy = policy
        self._digests = digests or {}
        self._own_rules = tuple(rules)
        self._own_names = frozenset(rule.name for rule in rules)

    @cached_property
    def _rules(self) -> Rules:
        return compiled([*builtin_rules(), *self._own_rules])

    @cached_property
    def _tools(self) -> Tools:
        # Heavy libraries: only where messages with files in them are read.
        from lockdown.scan.inspect import inspect

        return Tools(
            self._policy, self._digests, self._rules.matches, inspect, self._is_own, reads_bodies=bool(self._own_rules)
        )

    def _is_own(self, match: Match) -> bool:
        return match.file in self._own_names

    def warm_up(self) -> None:
        """Do what the first message would have to wait for, and what a sealed process could no longer do."""
        _load_libraries()
        self.read(b"Subject: warm\r\n\r\nup\r\n")
        self._rules.matches(b"warm up")

    def read(self, content: bytes) -> Reading:
        """The whole of a message, unstuffed."""
        message = with_second_opinion(read_message(content), content)
        return Reading(Examination(self._tools).message(message, content), letter_of(message))

    def at_once(self, content: bytes) -> Reading | None:
        """The same for a letter without files, or None where a reader process has to read it."""
        if len(content) > AT_ONCE_BYTES or self._own_rules or holds_test_virus(content):
            return None
        message = with_second_opinion(read_message(content), content)
        files = self._bodies(message)
        if files is None:
            return None
        read = Content(tuple(files), message.ambiguities, (), message.unread, max(1, len(message.parts)))
        return Reading(read, letter_of(message))

    def _bodies(self, message: Message) -> list[File] | None:
        """Its parts, if all are bodies in which nothing acts and nothing is known to be bad."""
        files, digests = [], self._digests
        for part in message.parts:
            if part.is_container:
                continue
            if not is_body_part(part):
                return None
            data = part.data()
            kind = kind_of(data)
            traits = _traits(data) if kind == "html" and not is_passive(data) else ()
            if kind not in BODY_KINDS or traits is None or holds_test_virus(data):
                return None
            if kind == "ics" and b"base64" in data.lower():
                return None
            digest = sha256(data).hexdigest()
            if digest in digests:
                return None
            files.append(File(part.path, kind, part.content_type, len(data), digest, traits, 0, False))
        return files


def _traits(page: bytes) -> tuple[Trait, ...] | None:
    """Of a page that acts or asks; None where it carries something, or is more work than may be done here."""
    if len(page) > PAGE_BYTES:
        return None
    from lockdown.scan.inspect import Budget, inspect

    seen = inspect("html", page, budget=Budget(octets=4 * PAGE_BYTES, steps=_PAGE_STEPS))
    return None if seen.embedded or seen.unread or seen.encrypted else seen.traits


def _load_libraries() -> None:
    """All that a message may need. libarchive is looked for by starting `ldconfig`, so it has to be now."""
    from lockdown.scan.inspect import INSPECTED

    for module in sorted({f"lockdown.scan.inspect.{module}" for module in INSPECTED.values()}):
        import_module(module)
    for library in ("libarchive", "olefile", "pikepdf"):
        import_module(library)


def built(policy: Antivirus) -> Builtin:
    """The engine with the lists and rules that the settings name, read from their files."""
    return Builtin(policy, _digests(policy.digests), [read_rule_file(path) for path in policy.rules])


def check_digests(path: str) -> list[str]:
    """What is wrong with this list, a sentence each."""
    try:
        _digests(path)
    except OperatorError as error:
        return [f"{error.what}: {error.why}"]
    return []


def _digests(path: str) -> Mapping[str, str]:
    if not path:
        return {}
    try:
        read = read_digests(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise _list_unusable(path, str(error)) from error
    if read.problems:
        raise _list_unusable(path, "; ".join(read.problems[:3]))
    return read.names


def _list_unusable(path: str, why: str) -> OperatorError:
    return OperatorError(
        "digests-unusable",
        what=f"The list of digests in {path} cannot be used",
        why=why,
        try_this="one SHA-256 a line, a name behind it; `sha256sum FILE` writes them so",
    )
