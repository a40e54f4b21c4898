"""ARC: what forwarders have vouched for, as long as their chain holds (RFC 8617).

The library walks the chain; each seal and signature in it is verified by our DKIM rules, with keys and body hash that
are known beforehand. Of the message signatures only the newest is verified: the older ones are broken by forwarding.

Fails as: Arc(FAIL | TEMPERROR, why). Never raises but for Need.
"""

from __future__ import annotations

import logging
import re

from lockdown._vendor import dkim as dkimpy
from lockdown.model.scan import Arc, Result
from lockdown.model.unknown import Unknown
from lockdown.scan import dkim
from lockdown.scan.dns import Ask, Question, ask_all

_SEAL, _SIGNATURE, _RESULTS = b"arc-seal", b"arc-message-signature", b"arc-authentication-results"
_SETS = 50
"""RFC 8617 4.2.1."""
_FIELD_OCTETS = 64 * 1024
_SILENT = logging.getLogger("lockdown.scan.arc")
_SILENT.disabled = True
_INSTANCE = re.compile(rb"[1-9][0-9]?")


class _Unanswered(Exception):
    """The DNS could not say, and so neither can we."""


class Links:
    """The ARC fields of a message, and what must be known to verify them."""

    def __init__(self, header: dkim.Header) -> None:
        self.header = header
        names = (_SEAL, _SIGNATURE, _RESULTS)
        self.fields = [field for field in header.fields if field[0].strip().lower() in names]
        self.newest = max((_instance(field[1]) for field in self.fields), default=0)

    def too_long(self) -> bool:
        return len(self.fields) > 3 * _SETS or any(len(value) > _FIELD_OCTETS for _, value in self.fields)

    def bodies(self) -> list[dkim.BodyHash]:
        """How the newest message signature wants the body hashed."""
        for name, value in self.fields:
            if name.strip().lower() == _SIGNATURE and _instance(value) == self.newest:
                try:
                    return [dkim.canonical_forms(_defaults(dkimpy.parse_tag_value(value)))[0]]
                except (dkimpy.DKIMException, dkimpy.InvalidTagValueList, ValueError):
                    return []
        return []

    def questions(self) -> list[Question]:
        """The keys of all seals, and of the newest message signature."""
        wanted = []
        for name, value in self.fields:
            kind = name.strip().lower()
            if kind == _SEAL or (kind == _SIGNATURE and _instance(value) == self.newest):
                try:
                    wanted.append(_question(dkimpy.parse_tag_value(value)))
                except dkimpy.InvalidTagValueList:
                    continue
        return [asked for asked in dict.fromkeys(wanted) if asked]


def verify(ask: Ask, links: Links, digests: dict[dkim.BodyHash, dkim.BodyDigest]) -> Arc:
    """The chain's result; NONE where there is no chain."""
    if not links.fields:
        return Arc(Result.NONE)
    if links.too_long():
        return Arc(Result.FAIL, why="the chain is too long")
    ask_all(ask, links.questions())
    try:
        passed, sets, why = _Chain(ask, links, digests).verify(dnsfunc=None)
    except _Unanswered as unanswered:
        return Arc(Result.TEMPERROR, why=str(unanswered))
    except Exception as error:
        return Arc(Result.FAIL, why=f"the chain could not be verified: {type(error).__name__}")
    sealer = dkim.name_of(sets[0].get("as-domain", b"")) if sets else ""
    match passed:
        case dkimpy.CV_Pass:
            return Arc(Result.PASS, sealer)
        case dkimpy.CV_None:
            return Arc(Result.NONE, why="the fields have no instance")
        case _:
            return Arc(Result.FAIL, sealer, dkim.plain(why))


class _Chain(dkimpy.ARC):  # type: ignore[misc]
    """The library's walk along the chain, with our verification of one signature."""

    def __init__(self, ask: Ask, links: Links, digests: dict[dkim.BodyHash, dkim.BodyDigest]) -> None:
        super().__init__(logger=_SILENT)
        self.headers = links.fields
        self._ask, self._links, self._digests = ask, links, digests

    def verify_sig(
        self, sig: dict[bytes, bytes], include_headers: list[bytes], sig_header: dkim.Field, _dns: None
    ) -> bool:
        is_seal = sig_header[0].lower() == _SEAL
        if not is_seal and int(sig[b"i"]) != self._links.newest:
            return False
        body, relaxed = dkim.canonical_forms(_defaults(sig))
        if not is_seal and not self._body_holds(sig, body):
            return False
        key = self._key(sig)
        if isinstance(key, str) or not sig[b"a"].startswith(key.kind + b"-") or key.bits < dkim.LEAST_BITS:
            return False
        return dkim.matches(self._links.header, include_headers, sig_header, sig, key, relaxed=relaxed)

    def _body_holds(self, sig: dict[bytes, bytes], body: dkim.BodyHash) -> bool:
        digest = self._digests.get(body)
        return digest is not None and body.limit is None and digest.digest == dkim.unpacked(sig[b"bh"])

    def _key(self, sig: dict[bytes, bytes]) -> dkim.Key | str:
        asked = _question(sig)
        key = dkim.published(self._ask(*asked)) if asked else "d= or s= is not a name"
        if isinstance(key, Unknown):
            raise _Unanswered(key.why)
        return key


def _defaults(tags: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Only the relaxed form is allowed in a seal, and it is the rule for the others (RFC 8617 4.1.2)."""
    return tags if b"c" in tags else {**tags, b"c": b"relaxed/relaxed"}


def _question(tags: dict[bytes, bytes]) -> Question | None:
    domain, selector = dkim.name_of(tags.get(b"d", b"")), dkim.name_of(tags.get(b"s", b""))
    return (f"{selector}._domainkey.{domain}".lower(), "TXT") if domain and selector else None


def _instance(value: bytes) -> int:
    """Of any ARC field; results have other things behind their first tag."""
    first = dkimpy.ARC.INSTANCE_RE.search(value[:2000] if len(value) < _FIELD_OCTETS else b"")
    return int(first[1]) if first and _INSTANCE.fullmatch(first[1]) else 0
