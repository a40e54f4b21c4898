"""The mailboxes of an address field as a mail program shows them: From, Reply-To, To (RFC 5322 3.4), and all its abuse.

What is encoded is decoded after the field was taken apart, so that a comma in a name stays one. Bounded: MOST_OCTETS,
MOST_MAILBOXES. Fails as: a mailbox with the address "", whose name is what stood there. Never raises.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lockdown.mime.domains import readable
from lockdown.mime.text import decoded, unworded
from lockdown.model.scan import Mailbox

MOST_OCTETS = 64 * 1024
MOST_MAILBOXES = 500
_MOST_NAME = 300
_SHORT = 200
"""Fields of so many octets are remembered: correspondents come again."""

# Hot path: nearly every field is one of these.
_COMMON = re.compile(
    rb"""[ \t]*+(?:"([\x20!#-\[\]-~]*+)"|([\w!#$%&'*+/=?^`{|}~ -]*+))[ \t]*+"""
    rb"""<([\w!#$%&'*+/=?^`{|}~.-]++)@([A-Za-z0-9.-]++)>\s*+"""
)
_BARE = re.compile(rb"[ \t]*+<?([\w!#$%&'*+/=?^`{|}~.-]++)@([A-Za-z0-9.-]++)>?\s*+")

# One token after another, each beginning with a sign of its own: linear. A word that is encoded may hold anything.
_TOKEN = re.compile(
    r"""(?P<word>=\?[^?\s]{1,60}\?[bBqQ]\?[^?]{0,2000}\?=)"""
    r"""|"(?P<quoted>(?:[^"\\]|\\.)*)(?:"|\\?\Z)"""
    r"""|(?P<blank>[ \t\r\n\f\v\x00]++)"""
    r"""|(?P<literal>\[[^\[\]<>,"]{0,300}\])"""
    r"""|(?P<sign>[<>,;:()])"""
    r"""|(?P<atom>[^"<>,;:()\s\x00=\[]++|[=\[\s])""",
    re.DOTALL,
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_COMMENT_SIGN = re.compile(r"[()\\]")


def mailboxes(value: bytes) -> tuple[Mailbox, ...]:
    """All mailboxes of one field, in order; those of groups without the group's name."""
    return _remembered(value) if len(value) <= _SHORT else _mailboxes(value)


def _mailboxes(value: bytes) -> tuple[Mailbox, ...]:
    found = _COMMON.fullmatch(value)
    if found is not None:
        quoted, name, local, domain = found.groups()
        shown = (quoted or name or b"").decode()
        if "=?" not in shown:
            return (Mailbox(" ".join(shown.split()), f"{local.decode()}@{_domain(domain.decode())}"),)
    elif (bare := _BARE.fullmatch(value)) is not None:
        return (Mailbox("", f"{bare[1].decode()}@{_domain(bare[2].decode())}"),)
    return tuple(_Field(decoded(value[:MOST_OCTETS])).mailboxes())


_remembered = lru_cache(maxsize=1024)(_mailboxes)


class _Field:
    """One pass over one field."""

    __slots__ = ("angle", "comments", "found", "has_at", "last_semicolon", "open_quote", "phrase", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: list[Mailbox] = []
        self.last_semicolon = text.rfind(";")
        self.open_quote = False
        self._begin()

    def _begin(self) -> None:
        self.phrase: list[tuple[str, str]] = []
        """Kind and text of each token outside of brackets."""
        self.comments: list[str] = []
        self.angle: list[str] | None = None
        self.has_at = False

    def mailboxes(self) -> list[Mailbox]:
        at, inside = 0, False
        while at < len(self.text) and len(self.found) < MOST_MAILBOXES:
            if self.open_quote and self.text[at] == '"':
                at += 1
                continue
            token = _TOKEN.match(self.text, at)
            if token is None:
                at += 1
                continue
            at = token.end()
            kind = token.lastgroup or ""
            if kind == "quoted" and (token[0][-1:] != '"' or len(token[0]) < 2):
                # A quote without end is a sign like others; what follows is still read.
                self.open_quote, at = True, token.start() + 1
                continue
            if kind == "sign":
                at, inside = self._sign(token[0], at, inside)
            elif inside and self.angle is not None:
                self.angle.append("" if kind == "blank" else token[0])
            else:
                self.phrase.append((kind, token[kind]))
                self.has_at |= kind == "atom" and "@" in token[0]
        self._end()
        return self.found

    def _sign(self, sign: str, at: int, inside: bool) -> tuple[int, bool]:
        if sign == "(":
            end = _comment_end(self.text, at)
            self.comments.append(self.text[at : end - 1 if self.text[end - 1 : end] == ")" else end])
            return end, inside
        if inside:
            # RFC 5322 4.4: `@a,@b:c@d` is a route; only what follows the colon counts.
            if sign == ":" and self.angle is not None:
                self.angle.clear()
            elif sign == ">":
                return at, False
            return at, inside
        if sign == "<":
            if self.angle is not None:
                self._end()
            self.angle = []
            return at, True
        if sign in ",;":
            self._end()
        elif sign == ":" and self.angle is None:
            self._colon(at)
        return at, False

    def _colon(self, at: int) -> None:
        """The end of a group's name, or a sign within a name: a group ends with a semicolon (RFC 5322 3.4)."""
        if self.has_at or at > self.last_semicolon:
            self.phrase.append(("atom", ":"))
        else:
            self._begin()

    def _end(self) -> None:
        if self.angle is not None:
            address = "".join(self.angle)
            self._add(self._name(self.phrase) or self._comment(), address)
        elif self.phrase:
            self._without_brackets()
        self._begin()

    def _without_brackets(self) -> None:
        """`ann@example.org (Ann)`, `Ann ann@example.org`, or only a name."""
        runs = self._runs()
        address = next(
            (run for run in reversed(runs) if any("@" in text for kind, text in run if kind == "atom")), None
        )
        if address is None:
            if name := self._name(self.phrase):
                self.found.append(Mailbox(name, ""))
            return
        rest = [token for run in runs if run is not address for token in (*run, ("blank", " "))]
        self._add(self._name(rest) or self._comment(), "".join(map(_as_written, address)))

    def _runs(self) -> list[list[tuple[str, str]]]:
        """The tokens between blanks; a dot or an @ binds over a blank (RFC 5322 4.4, obs-addr-spec)."""
        runs: list[list[tuple[str, str]]] = [[]]
        joined = False
        blank = False
        for kind, text in self.phrase:
            if kind == "blank":
                blank = True
                continue
            if blank and runs[-1] and not joined and text[:1] not in ("@", "."):
                runs.append([])
            runs[-1].append((kind, text))
            joined, blank = text[-1:] in ("@", "."), False
        return runs

    def _add(self, name: str, address: str) -> None:
        local, at, domain = address.rpartition("@")
        if local[:1] == '"' and local[-1:] == '"' and len(local) > 1:
            local = _QUOTED_PAIR.sub(r"\1", local[1:-1])
        if at:
            self.found.append(Mailbox(name, f"{_clean(local)}@{_domain(_clean(domain))}"))
        elif name or address:
            self.found.append(Mailbox(name or _clean(address), ""))

    def _name(self, tokens: list[tuple[str, str]]) -> str:
        return _clean(unworded("".join(map(_as_shown, tokens))[: 4 * _MOST_NAME]))

    def _comment(self) -> str:
        return _clean(unworded(_QUOTED_PAIR.sub(r"\1", self.comments[-1][: 4 * _MOST_NAME]))) if self.comments else ""


def _as_shown(token: tuple[str, str]) -> str:
    kind, text = token
    if kind == "quoted":
        return _QUOTED_PAIR.sub(r"\1", text)
    return " " if kind == "blank" else text


def _as_written(token: tuple[str, str]) -> str:
    kind, text = token
    return f'"{text}"' if kind == "quoted" else text


def _comment_end(text: str, at: int) -> int:
    """Just past the comment whose opening sign stands before `at`; they nest. Without an end it is the whole rest."""
    depth = 1
    while depth and (sign := _COMMENT_SIGN.search(text, at)):
        at = sign.end() + (sign[0] == "\\")
        depth += {"(": 1, ")": -1}.get(sign[0], 0)
    return at if not depth else len(text)


def _clean(text: str) -> str:
    text = " ".join(text.split())[:_MOST_NAME]
    return text if text.isprintable() else "".join(char for char in text if char.isprintable() or char == "\u202e")


@lru_cache(maxsize=4096)
def _domain(text: str) -> str:
    return readable(text)
