"""DKIM: which domains have signed this message (RFC 6376), by keys and algorithms that still count (RFC 8301, 8463).

The library reads tags and keys and selects what is signed, OpenSSL does the arithmetic. Ours are the rules that are
missing there, the bounds, and the hash of the body: made once for all signatures that agree on it, piece by piece, so
that a large message can be hashed in a thread.

Fails as: Dkim(FAIL | POLICY | PERMERROR | TEMPERROR, why), one for each signature. Never raises but for Need.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import mmap
import re
import time
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from lockdown._vendor import dkim as dkimpy
from lockdown._vendor.dkim import canonicalization
from lockdown.model.scan import Dkim, Result
from lockdown.model.unknown import Unknown
from lockdown.scan.dns import Answer, Ask, Question, Records, ask_all, texts

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

Field = tuple[bytes, bytes]
"""Name as written, and all that stands behind its colon, line ends included."""

SIGNATURES = 5
"""So many are verified, the topmost; more is work for nothing."""
_REPORTED = 20
_FIELD_OCTETS = 32 * 1024
_KEYS = 3
"""Records at one selector that are tried (RFC 6376 3.6.2.2 leaves it open what several mean)."""
_KEY_OCTETS = 6000
LEAST_BITS, _MOST_BITS = 1024, 8192
_MOST_EXPONENT = 2**33
_SIGNATURE_OCTETS = 2048
_HASHES = 8
_PIECE = 32 * 1024
"""Small, because in a thread it is how long the others must wait."""

_FIELD = re.compile(rb"(?m)^([!-9;-~]++[ \t]*+):([^\n]*+(?>(?:\n[ \t][^\n]*+)*)(?:\n|\Z))")
_SPACE = re.compile(rb"[ \t]{2,}+|\t")
_OLD_HASH = b"rsa-sha1"
_NAME = re.compile(rb"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")


class BodyHash(NamedTuple):
    """One way of hashing the body; `limit` is l=, None for the whole of it."""

    relaxed: bool
    limit: int | None = None


class BodyDigest(NamedTuple):
    """SHA-256, and how many octets the canonical body has in all."""

    digest: bytes
    octets: int


class Signature(NamedTuple):
    """A signature that can be verified once its key is known."""

    field: Field
    tags: dict[bytes, bytes]
    signed: tuple[bytes, ...]
    domain: str
    selector: str
    body: BodyHash
    relaxed_header: bool

    @property
    def mark(self) -> str:
        """RFC 6008 3.1: enough of b= to tell it from the others."""
        return b"".join(self.tags[b"b"].split())[:8].decode("ascii", "replace")

    @property
    def question(self) -> Question:
        return f"{self.selector}._domainkey.{self.domain}".lower(), "TXT"


class Header:
    """The fields of one message, in the two forms that signatures are made of. What is no field does not count."""

    def __init__(self, header: bytes) -> None:
        self.fields: list[Field] = [(field[1], field[2]) for field in _FIELD.finditer(header)]

    @cached_property
    def relaxed(self) -> list[Field]:
        return canonicalization.Relaxed.canonicalize_headers(self.fields)  # type: ignore[no-any-return]

    def named(self, name: bytes) -> list[Field]:
        return [field for field in self.fields if field[0].strip().lower() == name]


# ── reading signatures ──


def signatures(header: Header) -> list[Signature | Dkim]:
    """The signatures in the order of the message; a verdict already where one need not be verified.

    What cannot be read is no work, and does not use up the number of those that are verified.
    """
    found = header.named(b"dkim-signature")
    read = [read_signature(field) for field in found[:_REPORTED]]
    places = [place for place, one in enumerate(read) if isinstance(one, Signature)]
    for place in places[SIGNATURES:]:
        one = read[place]
        read[place] = Dkim(
            Result.POLICY, one.domain, one.selector, f"not verified: it stands behind {SIGNATURES} others"
        )
    if len(found) > _REPORTED:
        read[-1] = Dkim(Result.POLICY, "", "", f"not verified: {len(found) - _REPORTED + 1} more signatures")
    return read


def read_signature(field: Field) -> Signature | Dkim:
    """One DKIM-Signature field (RFC 6376 3.5)."""
    if len(field[1]) > _FIELD_OCTETS:
        return Dkim(Result.PERMERROR, "", "", f"a signature of {len(field[1])} octets")
    try:
        tags = dkimpy.parse_tag_value(field[1])
    except dkimpy.InvalidTagValueList:
        return Dkim(Result.PERMERROR, "", "", "not a list of tags")
    domain, selector = name_of(tags.get(b"d", b"")), name_of(tags.get(b"s", b""))
    if tags.get(b"a", b"").lower() == _OLD_HASH:
        return Dkim(Result.POLICY, domain, selector, "rsa-sha1 is not to be trusted (RFC 8301 3.1)")
    try:
        return _checked(field, tags, domain, selector)
    except dkimpy.ValidationError as error:
        expired = str(error).startswith("x= value is past")
        return Dkim(Result.FAIL if expired else Result.PERMERROR, domain, selector, plain(error))
    except Exception as error:
        return Dkim(Result.PERMERROR, domain, selector, f"the signature could not be read: {type(error).__name__}")


def _checked(field: Field, tags: dict[bytes, bytes], domain: str, selector: str) -> Signature | Dkim:
    dkimpy.validate_signature_fields(tags)
    signed = tuple(name.strip().lower() for name in tags[b"h"].split(b":"))
    if b"from" not in signed:
        return Dkim(Result.PERMERROR, domain, selector, "From is not signed (RFC 6376 5.4)")
    if not domain or not selector:
        return Dkim(Result.PERMERROR, domain, selector, "d= or s= is not a name")
    return Signature(field, tags, signed, domain, selector, *canonical_forms(tags))


def canonical_forms(tags: dict[bytes, bytes]) -> tuple[BodyHash, bool]:
    """How body and header are to be hashed; raises ValidationError for a c= that nobody knows."""
    header, _, body = tags.get(b"c", b"simple/simple").lower().partition(b"/")
    if not {header, body or b"simple"} <= {b"simple", b"relaxed"}:
        raise dkimpy.ValidationError("c= is not a canonicalization")
    return BodyHash(body == b"relaxed", int(tags[b"l"]) if tags.get(b"l") else None), header == b"relaxed"


def name_of(octets: bytes) -> str:
    """A domain or selector as it is asked for, IDN as A-labels (RFC 8616 5); empty where it cannot be one."""
    if len(octets) > 253:
        return ""
    if not octets.isascii():
        try:
            octets = octets.decode().encode("idna")
        except ValueError:
            return ""
    return octets.decode() if _NAME.fullmatch(octets) else ""


# ── the body ──


class _BodyHasher:
    """Hashes one canonical form of a body that comes in pieces, cut anywhere (RFC 6376 3.4.3, 3.4.4).

    White space at the end of a piece is kept back, and empty lines are counted, until it is known what follows them.
    """

    def __init__(self, wanted: BodyHash) -> None:
        self._relaxed, self._left = wanted.relaxed, wanted.limit
        self._hash = hashlib.sha256()
        self._tail, self._newlines = b"", 0
        self.octets = 0

    def update(self, piece: bytes) -> None:
        text = self._tail + piece
        cut = len(text) - text.endswith(b"\r")
        if self._relaxed:
            cut = len(text[:cut].rstrip(b" \t"))
        text, self._tail = text[:cut], text[cut:]
        if self._relaxed:
            self._tail = _one_space(self._tail)
            text = _one_space(text).replace(b" \r\n", b"\r\n")
        end = _without_empty_lines(text)
        if end:
            self._emit_newlines()
            self._emit(text[:end])
        self._newlines += (len(text) - end) // 2

    def _emit(self, text: bytes) -> None:
        self.octets += len(text)
        if self._left is None:
            self._hash.update(text)
        elif self._left:
            self._hash.update(text[: self._left])
            self._left = max(0, self._left - len(text))

    def _emit_newlines(self) -> None:
        """The empty lines that were not the last ones."""
        while self._newlines:
            now = min(self._newlines, _PIECE)
            self._emit(b"\r\n" * now)
            self._newlines -= now

    def finish(self) -> BodyDigest:
        """The body ends; an empty one is one empty line in the simple form, and nothing in the relaxed one."""
        if self._tail:
            self._emit_newlines()
            self._emit(self._tail)
        if self.octets or not self._relaxed:
            self._emit(b"\r\n")
        return BodyDigest(self._hash.digest(), self.octets)


def _one_space(text: bytes) -> bytes:
    return _SPACE.sub(b" ", text) if b"\t" in text or b"  " in text else text


def _without_empty_lines(text: bytes) -> int:
    """Where the line ends at the end begin."""
    end = len(text.rstrip(b"\r\n"))
    tail = text[end:]
    if tail == b"\r\n" * (len(tail) // 2):
        return end
    # A bare CR or LF among them is content.
    at = len(tail)
    while tail[at - 2 : at] == b"\r\n":
        at -= 2
    return end + at


def body_digests(content: bytes | mmap.mmap, start: int, wanted: Iterable[BodyHash]) -> dict[BodyHash, BodyDigest]:
    """Every wanted hash of what begins at `start`; of the first few ways that are asked for."""
    hashers = {way: _BodyHasher(way) for way in list(dict.fromkeys(wanted))[:_HASHES]}
    for at in range(start, len(content), _PIECE) if hashers else ():
        piece = content[at : at + _PIECE]
        for hasher in hashers.values():
            hasher.update(piece)
        # Lets the event loop have its turn, where this is a thread beside it.
        time.sleep(0)
    return {way: hasher.finish() for way, hasher in hashers.items()}


# ── verifying ──


def verify_all(
    ask: Ask, header: Header, read: Sequence[Signature | Dkim], digests: dict[BodyHash, BodyDigest]
) -> tuple[Dkim, ...]:
    """Each signature's result; `Need` names all missing keys at once."""
    questions = [one.question for one in read if isinstance(one, Signature)]
    answers = dict(zip(questions, ask_all(ask, questions), strict=True))
    return tuple(
        one if isinstance(one, Dkim) else verify(header, one, digests.get(one.body), answers[one.question])
        for one in read
    )


def verify(header: Header, signature: Signature, digest: BodyDigest | None, answer: Answer) -> Dkim:
    """One signature, with what the DNS says of its key."""
    try:
        result, why, bits = judge(header, signature, digest, answer)
    except Exception as error:
        result, why, bits = Result.PERMERROR, f"it could not be verified: {type(error).__name__}", 0
    return Dkim(result, signature.domain, signature.selector, why, bits, signature.mark)


def judge(header: Header, signature: Signature, digest: BodyDigest | None, answer: Answer) -> tuple[Result, str, int]:
    """Result, reason, and size of the key."""
    if digest is None:
        return Result.POLICY, "too many different body hashes", 0
    if signature.body.limit is not None and signature.body.limit > digest.octets:
        return Result.PERMERROR, "l= is more than there is", 0
    changed = digest.digest != unpacked(signature.tags[b"bh"])
    match answer:
        case Unknown(why):
            # What was changed stays so, whatever the key is.
            return (Result.FAIL, _CHANGED, 0) if changed else (Result.TEMPERROR, why, 0)
        case Records():
            outcomes = [_with_key(header, signature, text, changed) for text in texts(answer)[:_KEYS]]
            result, why, bits = min(outcomes, key=lambda outcome: _PREFERRED.index(outcome[0]))
        case _:
            return Result.PERMERROR, "no key is published", 0
    if result is Result.PASS and signature.body.limit is not None and signature.body.limit < digest.octets:
        return Result.POLICY, f"{digest.octets - signature.body.limit} octets stand behind what is signed (l=)", bits
    return result, why, bits


_CHANGED = "the body was changed"
_PREFERRED = [Result.PASS, Result.POLICY, Result.FAIL, Result.PERMERROR]


class Key(NamedTuple):
    """A public key as it is published (RFC 6376 3.6.1)."""

    public: object
    bits: int
    kind: bytes
    tags: dict[bytes, bytes]
    fast: RSAPublicKey | None = None
    """The same for OpenSSL, which is ten times as fast; None for keys that it does not take."""


@lru_cache(maxsize=512)
def _key(text: bytes) -> Key | str:
    """The key, or what is wrong with it."""
    if len(text) > _KEY_OCTETS:
        return f"a key record of {len(text)} octets"
    try:
        tags = dkimpy.parse_tag_value(text)
        if not tags.get(b"p"):
            return "the key was revoked" if b"p" in tags else "the key record has no key"
        # Without s=: the library takes a list of services for an unknown one. We look at it ourselves.
        plainer = b"; ".join(name + b"=" + value for name, value in tags.items() if name != b"s")
        public, bits, kind, _ = dkimpy.evaluate_pk("", plainer)
    except (dkimpy.DKIMException, dkimpy.InvalidTagValueList, binascii.Error):
        return "the key record cannot be read"
    except Exception as error:
        return f"the key record cannot be read: {type(error).__name__}"
    if kind == b"rsa" and (bits > _MOST_BITS or not 1 < public["publicExponent"] < _MOST_EXPONENT):
        return f"a key of {bits} bits, or with a strange exponent"
    return Key(public, bits, kind, tags, _for_openssl(public, bits) if kind == b"rsa" else None)


def _for_openssl(public: dict[str, int], bits: int) -> RSAPublicKey | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    if bits < LEAST_BITS:
        return None
    try:
        return RSAPublicNumbers(public["publicExponent"], public["modulus"]).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def _with_key(header: Header, signature: Signature, text: bytes, changed: bool) -> tuple[Result, str, int]:
    key = _key(text)
    if isinstance(key, str):
        return Result.PERMERROR, key, 0
    if why := _unfit(signature, key):
        return Result.PERMERROR, why, key.bits
    if changed:
        return Result.FAIL, _CHANGED, key.bits
    if not _holds(header, signature, key):
        return Result.FAIL, "the signature does not match", key.bits
    if key.kind == b"rsa" and key.bits < LEAST_BITS:
        return Result.POLICY, f"a key of {key.bits} bits (RFC 8301 3.2)", key.bits
    return Result.PASS, "the key is in testing mode" if b"y" in _flags(key) else "", key.bits


def _unfit(signature: Signature, key: Key) -> str:
    """Why this key may not be used for this signature (RFC 6376 3.6.1); empty where it may."""
    kind, _, hashing = signature.tags[b"a"].partition(b"-")
    if kind != key.kind:
        return "the key is of another kind than the signature"
    if b"h" in key.tags and hashing not in [name.strip() for name in key.tags[b"h"].split(b":")]:
        return "the key does not allow this hash"
    if b"s" in key.tags and not {b"*", b"email"} & {name.strip() for name in key.tags[b"s"].split(b":")}:
        return "the key is not for mail"
    signer = signature.tags.get(b"i", b"").rpartition(b"@")[2].lower()
    if signer and b"s" in _flags(key) and signer != signature.tags[b"d"].lower():
        return "the key does not allow i= in a subdomain"
    return ""


def _flags(key: Key) -> list[bytes]:
    return [flag.strip() for flag in key.tags.get(b"t", b"").split(b":")]


def _holds(header: Header, signature: Signature, key: Key) -> bool:
    return matches(
        header, list(signature.signed), signature.field, signature.tags, key, relaxed=signature.relaxed_header
    )


def matches(
    header: Header, signed: list[bytes], field: Field, tags: dict[bytes, bytes], key: Key, *, relaxed: bool
) -> bool:
    """The arithmetic. From is taken once more than it is signed, so that a second one breaks the signature."""
    form = canonicalization.Relaxed if relaxed else canonicalization.Simple
    hasher = hashlib.sha256()
    again = [b"from"] if b"from" in signed else []
    dkimpy.hash_headers(hasher, form, header.relaxed if relaxed else header.fields, signed + again, field, tags)
    octets = unpacked(tags[b"b"])
    if len(octets) > _SIGNATURE_OCTETS:
        return False
    if key.kind == b"ed25519":
        return _ed25519(key, hasher.digest(), octets)
    if key.fast is None:
        return bool(dkimpy.RSASSA_PKCS1_v1_5_verify(hasher, octets, key.public))
    return _openssl(key.fast, hasher.digest(), octets)


def _openssl(key: RSAPublicKey, digest: bytes, octets: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        key.verify(octets, digest, PKCS1v15(), Prehashed(SHA256()))
    except InvalidSignature:
        return False
    return True


def _ed25519(key: Key, digest: bytes, octets: bytes) -> bool:
    from nacl.exceptions import CryptoError

    try:
        key.public.verify(digest, octets)  # type: ignore[attr-defined]
    except (CryptoError, ValueError):
        return False
    return True


def unpacked(octets: bytes) -> bytes:
    return base64.b64decode(b"".join(octets.split()))


def published(answer: Answer) -> Key | str | Unknown:
    """The first usable key of an answer; what is wrong where there is none."""
    if isinstance(answer, Unknown):
        return answer
    keys = [_key(text) for text in texts(answer)[:_KEYS]]
    return next((key for key in keys if isinstance(key, Key)), keys[0] if keys else "no key is published")


def plain(words: object) -> str:
    """Words with a stranger's octets in them: printable ASCII, bounded."""
    return "".join(sign if " " <= sign <= "~" else "?" for sign in str(words)[:120])
