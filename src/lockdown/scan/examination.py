"""One message, file by file: type, digest, signatures, rules, inspection, and all that is in it, down to a limit.

Depth first, so that little is held at once. Everything that was not read is named with its reason.
Fails as: `Unread` for a limit, damage, encryption, or a library that breaks on it. Only MemoryError gets out: the
process is then of no more use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import unquote

from lockdown.config import Antivirus
from lockdown.mime.filename import extension, name_traits
from lockdown.mime.filetype import kind_of
from lockdown.mime.kinds import KINDS, NAMED_BY_TYPE, Family
from lockdown.mime.parts import Message, Part
from lockdown.model.scan import Ambiguity, Content, File, Found, Trait, Unread
from lockdown.model.unknown import Unknown
from lockdown.scan.containers import STREAMS, Way, ways_to_open, why_unopened
from lockdown.scan.containers.member import Allowance, Doubt, Flaw, Member, Opened, Spent
from lockdown.scan.inspect import Budget, Inspected
from lockdown.scan.passive import is_passive
from lockdown.scan.signatures import EICAR, holds_test_virus
from lockdown.scan.yara_rules import Match

NAME_LIMIT = 255
INSPECTED_BYTES = 64 * 1024 * 1024
"""What an inspector may unpack of one file."""
FOUND_LIMIT, UNREAD_LIMIT = 100, 500
BOMB_RATIO = 100
"""A container that ends the allowance and is so many times smaller than what came out is a bomb, not a large file."""
UNPACKED_RATIO, UNPACKED_AT_LEAST = 200, 32 * 1024 * 1024
"""So many times its own size a message may have unpacked, and always so much: tables and logs shrink to a fiftieth.
Else a few small messages would keep all readers busy."""
BODY_TYPES = ("text/plain", "text/html", "text/enriched", "text/calendar", "message/delivery-status",
              "text/rfc822-headers", "message/disposition-notification", "text/x-amp-html",
              "text/watch-html")  # fmt: skip
BODY_KINDS = frozenset({"text", "html", "empty", "ics"})
_PLAIN_FAMILIES = (Family.TEXT, Family.PICTURE, Family.OTHER)
_WEAK_KINDS = frozenset({"dos-exe", "lha", "arc", "compress", "lzma", "img", "macbinary", "zoo", "eml", "mbox", "tnef"})
"""Told by few octets, which inner pieces have by chance."""

Matcher = Callable[[bytes], tuple[Match, ...] | Unknown]
Inspector = Callable[[str, bytes, str, Budget], Inspected]


class Tools(NamedTuple):
    """What an examination works with."""

    policy: Antivirus
    digests: Mapping[str, str]
    """Lower-case SHA-256 to name."""
    matches: Matcher
    inspect: Inspector
    is_own_rule: Callable[[Match], bool]
    """Whether a rule is the admin's: those read bodies as well, the builtin ones only files."""
    reads_bodies: bool
    """The admin has rules of his own."""


class Piece(NamedTuple):
    """One file on its way through the examination."""

    data: bytes
    name: str
    path: str
    declared: str = ""
    depth: int = 0
    is_attachment: bool = True
    quiet: bool = False
    around: tuple[str, ...] = ()
    """Digests of the containers around it."""
    within: str = ""
    """The kind of the container around it."""


class Known(NamedTuple):
    """What came of a content when it was looked into first."""

    octets: int = 0
    traits: tuple[Trait, ...] = ()


class Examination:
    """What has come to light of one message so far."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        policy = tools.policy
        self._allowance = Allowance(policy.max_members, policy.max_unpacked)
        self._files: list[File] = []
        self._ambiguities: dict[Ambiguity, None] = {}
        self._found: dict[Found, None] = {}
        self._suspicious: dict[Found, None] = {}
        self._unread: dict[Unread, None] = {}
        self._seen: dict[tuple[str, str, bool], Known] = {}
        """What has been looked into: by digest, kind, and whether it was a piece that nobody sees."""

    def message(self, message: Message, content: bytes = b"") -> Content:
        """All of it. `content` are its octets, with what stands outside of all parts."""
        self._ambiguities.update(dict.fromkeys(message.ambiguities))
        self._unread.update(dict.fromkeys(message.unread))
        if content:
            self._allowance.octets = min(self._allowance.octets, max(UNPACKED_AT_LEAST, UNPACKED_RATIO * len(content)))
        names = {part.path: _shown(part.name or part.path) for part in message.parts}
        unpacked = {part.path.partition("/")[0] for part in message.parts if "/" in part.path}
        for part in message.parts:
            if not part.is_container:
                self._part(part, names, already_open=part.path in unpacked)
        if holds_test_virus(content) and not any(found.name == EICAR for found in self._found):
            self._found[Found(EICAR)] = None
        return self._content(len(message.parts))

    def _content(self, parts: int) -> Content:
        unread = tuple(self._unread)
        if len(unread) > UNREAD_LIMIT:
            more = Unread("", f"{len(unread) - UNREAD_LIMIT} more things were not read")
            unread = (*unread[:UNREAD_LIMIT], more)
        found, suspicious = tuple(self._found)[:FOUND_LIMIT], tuple(self._suspicious)[:FOUND_LIMIT]
        return Content(tuple(self._files), tuple(self._ambiguities), found, unread, max(1, parts), suspicious)

    def _part(self, part: Part, names: Mapping[str, str], *, already_open: bool) -> None:
        """A leaf of the message. What its reader has opened already (TNEF, uuencode) has its files among the parts."""
        outer, slash, inner = part.path.partition("/")
        path = names[part.path]
        if slash:
            path = f"{names.get(outer, outer)}/{path if part.name else inner}"
        data = part.data()
        piece = Piece(data, part.name, path, part.content_type, int(bool(slash)), not is_body_part(part))
        try:
            self._file(piece, (*part.other_names, *_taken_names(part)), opened=already_open)
        except Exception as error:
            self._broken(path, error)

    def _file(self, piece: Piece, other_names: tuple[str, ...] = (), *, opened: bool = False) -> None:
        """One file, and all that is in it."""
        kind = kind_of(piece.data, piece.name)
        if kind == "tar" and piece.within in STREAMS:
            piece = piece._replace(depth=piece.depth - 1)  # a .tar.gz is one container to everybody
        if piece.is_attachment is False and kind not in BODY_KINDS:
            piece = piece._replace(is_attachment=True)
        digest = sha256(piece.data).hexdigest()
        self._signatures(piece, digest)
        if piece.quiet and not _is_notable(kind):
            return
        traits = dict.fromkeys(name_traits(piece.name, kind) if piece.name and not piece.quiet else ())
        self._also_named(piece, kind, digest, other_names, traits)
        place = len(self._files)
        self._files.append(_described(piece, kind, digest, traits))
        if digest in piece.around:
            traits[Trait.BOMB] = None
            self._not_read(piece.path, "contains itself", too_big=True)
        elif known := self._seen.get((digest, kind, piece.quiet)):
            self._again(piece, known, traits)
        else:
            before, met = self._allowance.octets, dict[Trait, None]()
            self._seen[digest, kind, piece.quiet] = Known()
            self._first_time(piece._replace(around=(*piece.around, digest), within=kind), kind, met, opened=opened)
            self._seen[digest, kind, piece.quiet] = Known(before - self._allowance.octets, tuple(met))
            traits.update(met)
        self._files[place] = _described(piece, kind, digest, traits)

    def _first_time(self, piece: Piece, kind: str, traits: dict[Trait, None], *, opened: bool) -> None:
        if piece.is_attachment or kind != "html" or not is_passive(piece.data):
            self._inspect(piece, kind, traits)
        if not opened:
            self._open(piece, kind, traits)

    def _again(self, piece: Piece, known: Known, traits: dict[Trait, None]) -> None:
        """What it holds is known; whoever unpacks it has it once more all the same, and that is how bombs are made."""
        traits.update(dict.fromkeys(known.traits))
        try:
            self._allowance.take(known.octets)
        except Spent as spent:
            traits[Trait.BOMB] = None
            self._not_read(piece.path, str(spent), too_big=True)

    def _also_named(
        self, piece: Piece, kind: str, digest: str, names: tuple[str, ...], traits: dict[Trait, None]
    ) -> None:
        """Under its other names it may be of another type, for the programs that go by those."""
        for name in names:
            other = kind_of(piece.data, name)
            traits.update(dict.fromkeys(name_traits(name, other)))
            if other != kind:
                self._files.append(_described(piece._replace(path=_shown(name)), other, digest, {}))

    # ── what is known by its octets ──

    def _signatures(self, piece: Piece, digest: str) -> None:
        data, path, tools = piece.data, piece.path, self._tools
        if holds_test_virus(data):
            self._found[Found(EICAR, path)] = None
        if name := tools.digests.get(digest):
            self._found[Found(name, path)] = None
        if not piece.is_attachment and not tools.reads_bodies:
            return
        match tools.matches(data):
            case Unknown(why):
                self._not_read(path, why, too_big=True)
            case matches:
                for match in matches:
                    if piece.is_attachment or tools.is_own_rule(match):
                        (self._suspicious if match.suspicious else self._found)[Found(match.rule, path)] = None

    # ── what it means ──

    def _inspect(self, piece: Piece, kind: str, traits: dict[Trait, None]) -> None:
        try:
            inspected = self._tools.inspect(kind, piece.data, piece.path, self._budget())
        except Spent as spent:
            self._not_read(piece.path, str(spent), too_big=True)
            return
        except Exception as error:
            self._broken(piece.path, error)
            return
        traits.update(dict.fromkeys(inspected.traits))
        locked = [why for why in inspected.unread if inspected.encrypted and "password" in why]
        for why in inspected.unread:
            self._not_read(piece.path, why, encrypted=why in locked)
        if inspected.encrypted:
            traits[Trait.ENCRYPTED] = None
            if not locked:
                self._not_read(piece.path, "encrypted", encrypted=True)
        self._each(piece, (Member(*embedded) for embedded in inspected.embedded), traits, counted=False)

    def _budget(self) -> Budget:
        """For one file; never more than the message may still cost."""
        return Budget(octets=max(0, min(INSPECTED_BYTES, self._allowance.octets)))

    # ── what is in it ──

    def _open(self, piece: Piece, kind: str, traits: dict[Trait, None]) -> None:
        if why := "" if piece.quiet else why_unopened(kind, extension(piece.name)):
            self._not_read(piece.path, why)
        for way in ways_to_open(kind, piece.data):
            if piece.depth >= self._tools.policy.max_depth:
                self._not_read(piece.path, f"{piece.depth} containers deep; deeper is not read", too_big=True)
                return
            if self._allowance.spent:
                self._not_read(piece.path, self._allowance.spent, too_big=True)
                return
            self._go(piece, way, traits)

    def _go(self, piece: Piece, way: Way, traits: dict[Trait, None]) -> None:
        data = piece.data[way.start :] if way.start else piece.data
        opened = way.opener(data, _last(piece), self._allowance)
        self._each(piece, _without_chance(opened) if way.by_chance else opened, traits)

    def _each(self, piece: Piece, opened: object, traits: dict[Trait, None], *, counted: bool = True) -> None:
        """Every member in its turn; what breaks or ends the opener ends this container alone."""
        before = self._allowance.octets
        try:
            for one in opened:  # type: ignore[attr-defined]
                match one:
                    case Doubt(ambiguity):
                        self._ambiguities[ambiguity] = None
                    case Flaw():
                        self._flaw(piece, one, traits)
                    case Member(name, data, quiet):
                        if not counted:
                            self._allowance.take_member()
                            self._allowance.take(len(data))
                        self._file(_inner(piece, name, data, quiet=quiet))
        except Spent as spent:
            if before - self._allowance.octets > BOMB_RATIO * len(piece.data):
                traits[Trait.BOMB] = None
            self._not_read(piece.path, str(spent), too_big=True)
        except Exception as error:
            if isinstance(error, MemoryError):
                raise
            self._broken(piece.path, error)

    def _flaw(self, piece: Piece, flaw: Flaw, traits: dict[Trait, None]) -> None:
        path = piece.path
        if flaw.trait is not None:
            traits[flaw.trait] = None
        if flaw.name:
            path = f"{path}/{_shown(flaw.name)}"
        if flaw.encrypted and flaw.name:
            kind = _kind_by_name(flaw.name)
            named = dict.fromkeys((Trait.ENCRYPTED, *name_traits(flaw.name, kind)))
            self._files.append(File(path, kind, "", flaw.size_bytes, "", tuple(named), piece.depth + 1))
        self._not_read(path, flaw.why, encrypted=flaw.encrypted, too_big=flaw.too_big)

    def _broken(self, path: str, error: Exception) -> None:
        if isinstance(error, MemoryError):
            raise error
        self._not_read(path, f"its reader broke: {type(error).__name__}: {error}"[:300])

    def _not_read(self, path: str, why: str, *, encrypted: bool = False, too_big: bool = False) -> None:
        self._unread[Unread(path, why, encrypted, too_big)] = None


def _without_chance(opened: Opened) -> Opened:
    """Without complaints of damage before the first member: then it was no archive, only its sign."""
    any_member = False
    for one in opened:
        any_member = any_member or isinstance(one, Member)
        if any_member or not (isinstance(one, Flaw) and one.trait is Trait.DAMAGED):
            yield one


def is_body_part(part: Part) -> bool:
    """Whether a mail program shows it by itself, as far as its header goes."""
    return (
        not part.name
        and not part.other_names
        and part.disposition != "attachment"
        and part.content_type in BODY_TYPES
        and "/" not in part.path
    )


def _taken_names(part: Part) -> tuple[str, ...]:
    """Names that some programs make up: of the type, where the name has no extension; out of %xx, where it has some."""
    name, named_by_type = part.name, NAMED_BY_TYPE.get(part.content_type, "")
    names = [f"{name or part.path}.{named_by_type}"] if named_by_type and not extension(name) else []
    return (*names, unquote(name)) if "%" in name and unquote(name) != name else tuple(names)


def _described(piece: Piece, kind: str, digest: str, traits: Mapping[Trait, None]) -> File:
    return File(
        piece.path, kind, piece.declared, len(piece.data), digest, tuple(traits), piece.depth, piece.is_attachment
    )


def _inner(piece: Piece, name: str, data: bytes, *, quiet: bool) -> Piece:
    shown = _shown(name)
    return Piece(data, name, f"{piece.path}/{shown}", "", piece.depth + 1, True, quiet, piece.around, piece.within)


def _is_notable(kind: str) -> bool:
    return kind not in _WEAK_KINDS and KINDS[kind].family not in _PLAIN_FAMILIES


def _last(piece: Piece) -> str:
    return piece.name.replace("\\", "/").rpartition("/")[2]


def _kind_by_name(name: str) -> str:
    """Of a file that cannot be looked into: what its name promises, if that is something dangerous."""
    last = extension(name)
    return next((word for word, kind in KINDS.items() if kind.dangerous and last in kind.extensions), "unknown")


def _shown(name: str) -> str:
    """Bounded, with both ends: the extension is what matters. Half a surrogate pair cannot be told to anybody."""
    name = name if len(name) <= NAME_LIMIT else f"{name[:150]}…{name[-100:]}"
    return name if name.isascii() else name.encode("utf-8", "replace").decode()
