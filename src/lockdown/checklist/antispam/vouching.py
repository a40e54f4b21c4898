"""Who vouches for a domain: what SPF, DKIM and DMARC say of it, taken together.

Fails as: `Word.UNTOLD`, with the reason, where DNS did not answer. Not being told is never taken for a yes.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from lockdown.mime.domains import organisational, readable
from lockdown.model.scan import Examined, Identity, Result
from lockdown.model.unknown import Unknown


class Word(Enum):
    """What is known of a domain's claim."""

    VOUCHED = "vouched for"
    NOBODY = "nobody vouches for it"
    UNTOLD = "could not be told"
    """For now: the same message may be told later."""
    UNASKED = "was not asked"
    """As things are set up, it will not be told later either."""


class Voucher(NamedTuple):
    """The word, and what it rests on."""

    word: Word
    why: str


_PASS = Result.PASS
_TEMPERROR = Result.TEMPERROR


def voucher(domain: str, examined: Examined, *, asked: bool = True) -> Voucher:
    """What SPF, DKIM and DMARC say of this domain; aligned as DMARC does it, relaxed (RFC 9989 4.4)."""
    identity = examined.identity
    if isinstance(identity, Unknown):
        return Voucher(Word.UNASKED, identity.why)
    if by := _by(domain, identity):
        return Voucher(Word.VOUCHED, by)
    if not (untold := _untold(domain, identity)):
        return Voucher(Word.NOBODY, f"SPF {identity.spf.result}, {_dkim_in_words(identity)}")
    return Voucher(Word.UNTOLD if asked else Word.UNASKED, untold)


def is_vouched(domain: str, identity: Identity | Unknown) -> bool:
    """Whether SPF, DKIM or DMARC passes for this domain."""
    return not isinstance(identity, Unknown) and bool(_by(domain, identity))


def _by(domain: str, identity: Identity) -> str:
    spf, dkims, dmarc = identity.spf, identity.dkim, identity.dmarc
    if dmarc.result is _PASS and readable(dmarc.domain) == domain:
        return "DMARC passes"
    mine = organisational(domain)
    if spf.result is _PASS and not spf.helo and organisational(readable(spf.domain)) == mine:
        return f"SPF passes for {spf.domain}"
    for dkim in dkims:
        if dkim.result is _PASS and organisational(readable(dkim.domain)) == mine:
            return f"DKIM passes for {dkim.domain}"
    return ""


def _untold(domain: str, identity: Identity) -> str:
    spf, mine = identity.spf, organisational(domain)
    if spf.result is _TEMPERROR and organisational(readable(spf.domain)) == mine:
        return f"SPF: {spf.why or 'no answer'}"
    for dkim in identity.dkim:
        if dkim.result is _TEMPERROR and organisational(readable(dkim.domain)) == mine:
            return f"DKIM: {dkim.why or 'no answer'}"
    return ""


def _dkim_in_words(identity: Identity) -> str:
    if not identity.dkim:
        return "no DKIM signature"
    return ", ".join(f"DKIM {dkim.result} for {dkim.domain}" for dkim in identity.dkim[:3])
