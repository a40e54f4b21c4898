"""Schemes of today, told by which subjects come together and who writes: the sentences change, the schemes do not.

Each has points for its subjects; what does not hang together adds to them, and who is known here, signs and writes in
its own name is given less. Fails as: no reason. Long letters speak of everything and are believed more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum
from functools import lru_cache, reduce
from operator import or_
from typing import NamedTuple

from lockdown.checklist.antispam.lexicon import Concept as C

_PHONE = re.compile(r"(?<![\w/.=])(?:\+|\(|0|1)[\dOo() ./-]{8,22}[\dOo](?![\w/@])")
_AMOUNTS = (
    re.compile(r"[$€£¥]\s?\d"),
    re.compile(r"\d\s?(?:€|\$|£|usd|eur|euros?|zł|元|円|reais)(?!\w)"),
    re.compile(r"\b(?:usd|eur|gbp|chf)\s?\d"),
)
"""One by one: a pattern that begins with one kind of sign is found several times faster."""
_WALLET = re.compile(r"(?<![\w/])(?:bc1[a-z0-9]{25,60}|[13][a-z1-9]{25,34}|0x[0-9a-f]{40}|t[a-z1-9]{33})(?!\w)")
_IBAN = re.compile(r"\b[a-z]{2}\d\d(?: ?[a-z0-9]{4}){3,7}(?: ?[a-z0-9]{1,3})?\b")
_BIG = re.compile(
    r"\d(?:\d{0,2}(?:[.,]\d{3}){2}|\d\d[.,]000| (?:million|millionen|millones|milhões|milioni|miljoen|mln))"
)
_CUT = re.compile(r"[-\d](?:[05]|[1-9]0) ?%")
_SHORT = 1000
_TERSE = 600
_SHORT_WALLET = 25
_CURRENCIES = ("$", "€", "£", "¥", "usd", "eur", "gbp", "chf", "zł", "元", "円", "reais")


@lru_cache(maxsize=4)
def _names_amount(text: str) -> bool:
    return any(map(text.__contains__, _CURRENCIES)) and any(amount.search(text) for amount in _AMOUNTS)


class View(NamedTuple):
    """What the schemes ask about one letter."""

    found: dict[C, int]
    text: str
    """Subject and text, lower case."""
    every: list[bytes]
    """The words of it, as octets."""
    links: bool
    """Something to click, or a page attached."""
    html: bool
    """An HTML body or a page attached: where one clicks."""
    free_mail: bool = False
    misfit: bool = False
    """The name has nothing to do with the address."""
    nobody: bool = False
    """No recipient is named."""
    coherent: bool = False
    """The domain is of that name, and links stay there."""
    own_name: bool = False
    """The domain is of that name."""
    hosts: int = 1
    """How many different owners its links have; one where there are few links."""
    many_links: bool = False
    one_way: bool = False
    """HTML with one link and no other."""
    home: bool = True
    """Links stay with the sender, whatever its name."""

    def has(self, *concepts: C) -> bool:
        """All of these are spoken of."""
        return self.found.keys() >= set(concepts)

    def count(self, *concepts: C) -> int:
        """How many of these are spoken of."""
        found = self.found
        return sum([concept in found for concept in concepts])

    def amount(self) -> bool:
        """Whether a sum of money is named."""
        return _names_amount(self.text)

    def wallet(self) -> bool:
        """Whether the address of a wallet for coins is given."""
        return max(map(len, self.every), default=0) > _SHORT_WALLET and bool(_WALLET.search(self.text))

    def words(self, concept: C) -> int:
        """By how many different words."""
        return self.found.get(concept, 0)


class Where(Enum):
    """In which letters a scheme may be seen."""

    ANYWHERE = "in any letter"
    CLICK = "where there is something to click, or a page attached"
    PAGE = "where that is in HTML"
    WORDS = "where there is nothing to click"


class Scheme(NamedTuple):
    """One way to defraud, and what it is worth where it is seen."""

    name: str
    says: str
    points: Callable[[View], float]
    speaks_of: tuple[C, ...]
    """Without one of these it has no points."""
    besides: tuple[C, ...] = ()
    """Nor without one of these, where there are any."""
    where: Where = Where.ANYWHERE
    is_claim: bool = True
    """Honest senders write so too about their own affairs: who is coherent is given less."""


# ── in the name of somebody ──


def _credential(view: View) -> float:
    if not view.links or not view.count(C.ACCOUNT, C.SECRET, C.CARD):
        return 0.0
    press = view.count(C.CONFIRM, C.LOSS, C.DEADLINE)
    return (0.0, 0.7, 2.6, 4.0)[press] + (0.5 if view.has(C.ACCOUNT, C.SECRET) and press > 1 else 0.0)


def _document(view: View) -> float:
    if not view.links or not view.html or not view.has(C.DOCUMENT) or len(view.text) > _SHORT:
        return 0.0
    press = view.count(C.SECRET, C.LOSS, C.DEADLINE, C.STAFF, C.PAY)
    looks = 0.5 if view.has(C.VIEW) else 0.0
    return looks + (0.5, 1.6, 2.5, 3.2, 3.2, 3.2)[press] + (0.8 if view.misfit and press else 0.0)


def _parcel(view: View) -> float:
    if not view.links or not view.has(C.PARCEL):
        return 0.0
    asks = view.has(C.FEE) or (view.has(C.PAY) and view.amount())
    press = view.count(C.LOSS, C.DEADLINE)
    return (3.0 if asks else 0.5) + 0.7 * press


def _fine(view: View) -> float:
    """A small sum to be paid at once: tolls, fines, customs without a parcel."""
    if not view.links or not view.has(C.FEE, C.PAY) or not view.amount():
        return 0.0
    return 2.0 + 0.8 * view.count(C.DEADLINE, C.LOSS)


def _wallet(view: View) -> float:
    if not view.links or not view.has(C.COINS):
        return 0.0
    return 0.8 * min(view.words(C.COINS), 3) + 1.0 * view.count(C.CONFIRM, C.SURVEY, C.SECRET, C.DEADLINE, C.LOSS)


def _refund(view: View) -> float:
    if not view.links or not view.has(C.REFUND):
        return 0.0
    return (2.0 if view.amount() else 0.5) + 0.8 * view.count(C.CONFIRM, C.CARD, C.DEADLINE, C.FEE)


def _payment(view: View) -> float:
    if not view.links or not view.has(C.PAY, C.LOSS):
        return 0.0
    return 1.5 + 0.8 * view.count(C.CONFIRM, C.DEADLINE, C.PLAN)


def _staff(view: View) -> float:
    if not view.links or not view.has(C.STAFF):
        return 0.0
    return 1.0 + 0.8 * view.count(C.CONFIRM, C.SECRET, C.DOCUMENT, C.DEADLINE) if view.words(C.STAFF) > 1 else 0.0


_BAITS = (
    C.ACCOUNT, C.SECRET, C.CONFIRM, C.LOSS, C.DEADLINE, C.FEE, C.PAY, C.CARD, C.PARCEL, C.REFUND, C.PRIZE, C.SURVEY,
    C.EARN, C.COINS, C.STAFF, C.DOCUMENT,
)  # fmt: skip


def _one_way(view: View) -> float:
    """A short letter around one link that speaks of several things one would click for."""
    if not view.one_way or len(view.text) > _TERSE:
        return 0.0
    points = (0.0, 0.7, 2.0, 2.6, 3.2)[min(view.count(*_BAITS), 4)]
    return 0.75 * points if view.home else points


# ── about money ──


def _bank_change(view: View) -> float:
    if not view.has(C.BANK, C.CHANGED) or not view.count(C.PAY, C.STAFF):
        return 0.0
    words = min(view.words(C.BANK), 3) * 0.8 + (0.7 if view.words(C.CHANGED) > 1 else 0.0)
    private = 2.0 if view.free_mail and view.has(C.STAFF) else 0.0
    return 1.0 + words + private + (0.7 if _IBAN.search(view.text) else 0.0)


def _executive(view: View) -> float:
    if view.links or len(view.text) > 1200 or not (view.has(C.SECRECY) or (view.free_mail and view.has(C.TITLE))):
        return 0.0
    wants = view.count(C.PAY, C.GIFT_CARDS, C.BUY, C.STAFF)
    if view.free_mail and view.count(C.CALL, C.CONTACT, C.MESSENGER):
        wants += 1
    if not wants:
        return 0.0
    amount = 0.7 if view.amount() else 0.0
    borrowed = 1.2 if view.free_mail and view.has(C.TITLE) else 0.0
    points = amount + 1.8 * min(wants, 2) + 0.8 * view.has(C.DEADLINE) + 0.7 * (view.words(C.SECRECY) > 1) + borrowed
    return points if view.free_mail or view.misfit else 0.6 * points


def _gift_cards(view: View) -> float:
    if view.links or not view.has(C.BUY) or len(view.text) > 1500:
        return 0.0
    cards = view.has(C.GIFT_CARDS) or (view.has(C.CARD) and view.words(C.BUY) > 1)
    more = view.count(C.SECRECY, C.DEADLINE) + (view.words(C.BUY) > 1) + view.free_mail
    return 3.0 + 0.8 * more if cards else 0.0


def _call_back(view: View) -> float:
    if not view.has(C.CALL) or not view.count(C.CANCEL, C.PLAN, C.INFECTED):
        return 0.0
    if (view.words(C.INFECTED) < 2 and not view.amount()) or not _PHONE.search(view.text):
        return 0.0
    base = 2.5 + 1.0 * view.count(C.CANCEL, C.PLAN) + (0.5 if view.has(C.DEADLINE) else 0.0)
    return base + (1.5 if view.free_mail else 0.0) - (1.5 if view.links else 0.0)


def _extortion(view: View) -> float:
    if not view.count(C.SHAME, C.THREAT):
        return 0.0
    wallet = view.wallet()
    if not wallet and not view.has(C.SHAME, C.COINS, C.THREAT):
        return 0.0
    return 3.0 + (3.0 if wallet else 0.0) + 0.8 * view.count(C.THREAT, C.DEADLINE, C.COINS) + (view.words(C.SHAME) > 2)


def _police(view: View) -> float:
    if view.words(C.THREAT) < 2 or not view.has(C.DEADLINE):
        return 0.0
    if view.links:
        return 0.5
    account = 0.7 if _IBAN.search(view.text) else 0.0
    return 1.5 + 0.7 * (view.words(C.THREAT) - 2) + 1.0 * view.nobody + 0.8 * view.has(C.PAY) + account


def _alms(view: View) -> float:
    if not view.has(C.CHARITY) or not view.wallet():
        return 0.0
    return 3.0 + (1.0 if view.words(C.CHARITY) > 1 else 0.0)


# ── what is offered ──


def _fortune(view: View) -> float:
    if not view.has(C.FORTUNE) or not (view.has(C.MILLIONS) or _BIG.search(view.text)):
        return 0.0
    return 2.0 + 0.8 * min(view.words(C.FORTUNE), 4) + 0.7 * view.count(C.CONTACT, C.SECRECY) + 0.7 * view.nobody


def _prize(view: View) -> float:
    if not view.links or not view.has(C.PRIZE):
        return 0.0
    more = view.count(C.SURVEY, C.DEADLINE, C.FEE)
    return min(view.words(C.PRIZE), 3) * 0.8 + 1.0 * more if more and view.words(C.PRIZE) + more > 2 else 0.0


def _earnings(view: View) -> float:
    if not view.has(C.EARN) or view.words(C.EARN) + view.words(C.COINS) < 2:
        return 0.0
    amount = view.amount()
    return 0.8 * min(view.words(C.EARN), 3) + 1.0 * amount + 0.8 * view.count(C.DEADLINE, C.COINS, C.MESSENGER)


def _job(view: View) -> float:
    if not view.has(C.JOB) or view.words(C.JOB) < 2:
        return 0.0
    sought = view.count(C.EARN, C.MESSENGER, C.BANK, C.CONTACT)
    return (0.0, 0.5, 3.0, 4.0, 5.0)[sought] + (1.0 if view.has(C.MESSENGER) and view.free_mail else 0.0)


def _messenger(view: View) -> float:
    if view.links or not view.has(C.MESSENGER):
        return 0.0
    return 1.5 + 0.7 * view.free_mail + 1.0 * view.has(C.COINS) + 0.7 * view.has(C.SEO) + 0.5 * view.nobody


def _loan(view: View) -> float:
    if view.words(C.LOAN) < 2:
        return 0.0
    if view.links and not view.free_mail:
        return 0.4 * min(view.words(C.LOAN), 4)
    strange = view.free_mail + view.nobody + view.has(C.MESSENGER)
    return 1.5 + 0.5 * min(view.words(C.LOAN), 4) + 1.0 * strange


def _goods(concept: C, each: float) -> Callable[[View], float]:
    def points(view: View) -> float:
        count = view.words(concept)
        return 1.0 + each * min(count, 4) if count > 1 and view.links else 0.0

    return points


def _dating(view: View) -> float:
    words = view.words(C.DATING) + view.words(C.ROMANCE)
    if not view.links or not view.has(C.DATING) or words < 3:
        return 0.0
    return 0.8 * min(words, 5) + 0.5 * min(view.words(C.DATING), 2)


def _outreach(view: View) -> float:
    if view.links and not view.free_mail:
        return 0.0
    count = view.words(C.SEO)
    return 1.2 + 0.7 * min(count, 6) + 0.7 * view.free_mail + 1.0 * view.has(C.MESSENGER) if count > 2 else 0.0


def _sale(view: View) -> float:
    if not view.links or not view.has(C.SALE) or not _CUT.search(view.text):
        return 0.0
    return 1.5 + 0.5 * view.words(C.SALE) + 0.5 * view.has(C.DEADLINE)


def _scare(view: View) -> float:
    if not view.links or view.words(C.INFECTED) < 2:
        return 0.0
    return 1.5 + 0.8 * view.count(C.LOSS, C.DEADLINE, C.CONFIRM)


_PRESS = (C.CONFIRM, C.LOSS, C.DEADLINE)
_LOOKS = (C.VIEW, C.SECRET, C.LOSS, C.DEADLINE, C.STAFF, C.PAY)
_WANTS = (C.PAY, C.GIFT_CARDS, C.BUY, C.STAFF, C.CALL, C.CONTACT, C.MESSENGER)
_CHATS = (C.MESSENGER,)
_CLICK, _PAGE, _WORDS = Where.CLICK, Where.PAGE, Where.WORDS

SCHEMES = (
    Scheme("account", "an account, pressure, and a link", _credential, (C.ACCOUNT, C.SECRET, C.CARD), _PRESS, _CLICK),
    Scheme("document", "something to look at behind a link", _document, (C.DOCUMENT,), _LOOKS, _PAGE),
    Scheme("parcel", "a parcel, and a fee for it", _parcel, (C.PARCEL,), (C.FEE, C.PAY, C.LOSS, C.DEADLINE), _CLICK),
    Scheme("fine", "a small sum to be paid at once", _fine, (C.FEE,), (C.PAY,), _CLICK),
    Scheme("wallet", "a wallet, and a link to do something with it", _wallet, (C.COINS,), (), _CLICK),
    Scheme("refund", "a refund, to be asked for", _refund, (C.REFUND,), (), _CLICK),
    Scheme("payment", "a payment that failed, and a link", _payment, (C.PAY,), (C.LOSS,), _CLICK),
    Scheme("staff", "news about salaries behind a link", _staff, (C.STAFF,), (), _CLICK),
    Scheme("one-way", "a few words around one link", _one_way, _BAITS, (), _PAGE),
    Scheme("bank-change", "another bank account, and a payment", _bank_change, (C.BANK,), (C.CHANGED,)),
    Scheme("executive", "money and discretion", _executive, (C.SECRECY, C.TITLE), _WANTS, _WORDS),
    Scheme("gift-cards", "cards to be bought, and their codes", _gift_cards, (C.BUY,), (C.GIFT_CARDS, C.CARD), _WORDS),
    Scheme("call-back", "a charge, and a number to call", _call_back, (C.CALL,), (C.CANCEL, C.PLAN, C.INFECTED)),
    Scheme("scare", "a virus, and a link against it", _scare, (C.INFECTED,), (), _CLICK),
    Scheme("extortion", "a threat, and what it costs", _extortion, (C.SHAME, C.THREAT), is_claim=False),
    Scheme("police", "a threat with courts and police", _police, (C.THREAT,), (C.DEADLINE,), _WORDS),
    Scheme("alms", "alms to a wallet for coins", _alms, (C.CHARITY,), is_claim=False),
    Scheme("fortune", "a fortune from strangers", _fortune, (C.FORTUNE,), is_claim=False),
    Scheme("prize", "a prize, and a condition", _prize, (C.PRIZE,), (), _CLICK, is_claim=False),
    Scheme("earnings", "easy earnings", _earnings, (C.EARN,), is_claim=False),
    Scheme("job", "an easy job", _job, (C.JOB,), (C.EARN, C.MESSENGER, C.BANK, C.CONTACT), is_claim=False),
    Scheme("messenger", "a stranger who wants to write elsewhere", _messenger, _CHATS, (), _WORDS, is_claim=False),
    Scheme("loan", "a loan from strangers", _loan, (C.LOAN,), is_claim=False),
    Scheme("dating", "lonely hearts", _dating, (C.DATING,), (), _CLICK, is_claim=False),
    Scheme("pills", "pills and slimming", _goods(C.PILLS, 1.0), (C.PILLS,), (), _CLICK, is_claim=False),
    Scheme("gambling", "gambling", _goods(C.GAMBLING, 1.0), (C.GAMBLING,), (), _CLICK, is_claim=False),
    Scheme("copies", "replicas", _goods(C.COPIES, 1.0), (C.COPIES,), (), _CLICK, is_claim=False),
    Scheme("outreach", "web design, ranking or addresses for sale", _outreach, (C.SEO,), is_claim=False),
    Scheme("sale", "a sale at throw-away prices", _sale, (C.SALE,), (), _CLICK, is_claim=False),
)


# ── which to ask at all ──

_SECOND = 32
"""Where the bits of the second subjects begin; one bit each for a scheme."""
_OPEN = sum(1 << place + _SECOND for place, scheme in enumerate(SCHEMES) if not scheme.besides)


def _bits(concept: C) -> int:
    return sum(
        ((concept in scheme.speaks_of) << place) | ((concept in scheme.besides) << place + _SECOND)
        for place, scheme in enumerate(SCHEMES)
    )


def _where(*allowed: Where) -> int:
    return sum(1 << place for place, scheme in enumerate(SCHEMES) if scheme.where in allowed)


_BITS = {concept: _bits(concept) for concept in C}
_PLACES = {
    (False, False): _where(Where.ANYWHERE, Where.WORDS), (False, True): _where(Where.ANYWHERE, Where.WORDS),
    (True, False): _where(Where.ANYWHERE, Where.CLICK), (True, True): _where(Where.ANYWHERE, Where.CLICK, Where.PAGE),
}  # fmt: skip


def likely(found: dict[C, int], *, links: bool, html: bool) -> tuple[Scheme, ...]:
    """The schemes that such subjects may be of: all others have no points. Most letters are of none."""
    bits = reduce(or_, map(_BITS.__getitem__, found), _OPEN)
    return _of_bits(bits & (bits >> _SECOND) & _PLACES[links, html])


@lru_cache(maxsize=2048)
def _of_bits(bits: int) -> tuple[Scheme, ...]:
    return tuple(scheme for place, scheme in enumerate(SCHEMES) if bits >> place & 1)


def schemes(view: View, asked: tuple[Scheme, ...] = SCHEMES) -> Iterator[tuple[Scheme, float]]:
    """All schemes that a letter resembles, with their points before trust."""
    for scheme in asked:
        if (points := scheme.points(view)) >= 0.7:
            yield scheme, points
