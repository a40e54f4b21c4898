"""What carries over from one fraud to the next: who vouches, whose name is borrowed, where links lead, what is asked.

Each signal is a Reason: points and a sentence. Words alone weigh little; what structure shows weighs more, and most
weighs what comes together: a borrowed name, a demand, and a trap. Fails as: no reason; what is not known costs nothing
here, since who could not be asked is ruled on by the gate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from lockdown.checklist.antispam.bait import COUNTED, NONE, Sender, Spoken, bait
from lockdown.checklist.antispam.brands import borrowed, within
from lockdown.checklist.antispam.coherence import BRAND_WORDS
from lockdown.checklist.antispam.concepts import WHOLE_WORDS
from lockdown.checklist.antispam.link_signals import mixes_scripts, of_links
from lockdown.checklist.antispam.phrases import TRIGGER_WORDS, Topic, lowered, topics_of
from lockdown.checklist.antispam.places import FREE_MAIL, named
from lockdown.checklist.antispam.shapes import WEAK, Ours, named_domains, ours, resemblance
from lockdown.checklist.antispam.vouching import is_vouched
from lockdown.config import Settings
from lockdown.mime.domains import organisational
from lockdown.mime.lookalike import resembles
from lockdown.model.scan import Ambiguity, Examined, Identity, Letter, Mailbox, Reading, Reason, Result, Trait
from lockdown.model.unknown import Unknown

_ROLE = re.compile(
    r"\b(?:help ?desk|it[- ]?(?:support|service|desk|department|team|admin)|support ?team|"
    r"mail(?:box)? ?(?:admin|team|server|support|delivery)|e?-?mail (?:admin|team|support|service)|web ?mail|"
    r"system ?admin|administrator|postmaster|human resources|\bhr\b|payroll|accounts? (?:team|payable|department)|"
    r"security (?:team|alert|center)|account (?:team|security)|customer (?:service|care|support)|"
    r"ceo|cfo|director|geschäftsführ|personalabteilung|kundenservice|kundendienst|sicherheit|"
    r"servicio al cliente|atención al cliente|recursos humanos|soporte)\b",
    re.IGNORECASE,
)
_OF_THE_HOUSE = re.compile(
    r"\b(?:help ?desk|it[- ](?:support|service|desk|department|team|admin)|it\Z|hr\b|human resources|payroll|"
    r"(?:mail|e-?mail)(?:box)? ?(?:admin|team|server|support|system|delivery|quarantine)|web ?mail|system ?admin|"
    r"scanner|copier|xerox|fax|voice ?mail|voice ?message|e?-?signature|personalabteilung|edv|lohnbuchhaltung|"
    r"recursos humanos|soporte (?:it|técnico|de correo)|nóminas)\b",
    re.IGNORECASE,
)
"""Departments and machines that a house has inside, and that have no need to write from outside."""
_WEB_PAGE = re.compile(r"\.(?:s?html?|xhtml?|svg|mht(?:ml)?|htm)\Z", re.IGNORECASE)
_PASSWORD_IN_TEXT = re.compile(
    r"\b(?:password|passcode|pin|passwort|kennwort|contraseña|mot de passe)\b ?(?:is|ist|es|:|=) ?\S", re.IGNORECASE
)
_ARCHIVE = re.compile(r"\.(?:zip|rar|7z|iso|img|cab|ace|tar|gz)\Z", re.IGNORECASE)

_REPLY = re.compile(r"(?:re|aw|sv|antw|fw|fwd|wg|rv|tr) ?(?:\[\d\])?:", re.IGNORECASE)

_MONEY = frozenset((Topic.GIFT_CARDS, Topic.BANK_CHANGE, Topic.TRANSFER, Topic.ADVANCE_FEE, Topic.PARCEL, Topic.REFUND))
_DEMANDS = _MONEY | {Topic.ACCOUNT, Topic.EXTORTION, Topic.QR, Topic.DOCUMENT, Topic.CALL_BACK}

# Names of reasons that say "borrowed name" and "trap"; with a demand they are a fraud.
_NAME_REASONS = named(
    "name-of-brand domain-in-name reply-elsewhere our-name look-alike brand-in-domain role-on-free-mail role-of-ours"
)
_TRAPS = named(
    "link-lies link-to-address link-user password-form page-attached free-host shortener cheap-ending look-alike-link "
    "brand-in-link script-link mixed-scripts address-in-link link-elsewhere form-elsewhere bare-lure "
    "hacked-site lure-domain"
)

_KNOWN = TRIGGER_WORDS | WHOLE_WORDS | BRAND_WORDS | COUNTED
"""All words that anything here asks for: a letter is held against them once."""
_NONE = Result.NONE


def signals(examined: Examined, policy: Settings) -> tuple[Reason, ...]:
    """All that speaks against this message, or for it, without its vocabulary."""
    reading = examined.reading
    if isinstance(reading, Unknown):
        return ()
    return tuple(_Signals(examined, reading, policy).all())


class _Signals:
    """What several signals rest on, worked out once for one message."""

    __slots__ = (
        "bait",
        "bulk",
        "declared",
        "domain",
        "examined",
        "found",
        "identity",
        "is_ours",
        "letter",
        "mine",
        "policy",
        "reading",
        "sender",
        "spoken",
        "topics",
        "vouched",
    )

    def __init__(self, examined: Examined, reading: Reading, policy: Settings) -> None:
        self.examined = examined
        self.reading = reading
        self.policy = policy
        self.letter: Letter = reading.letter
        self.identity: Identity | None = None if isinstance(examined.identity, Unknown) else examined.identity
        self.mine: Ours = ours(policy)
        self.sender: Mailbox = self.letter.senders[0] if self.letter.senders else Mailbox("", "")
        self.domain = self.sender.domain
        self.is_ours = self.mine.has(self.domain)
        self.vouched = bool(self.domain) and is_vouched(self.domain, examined.identity)
        fields = self.letter.fields
        self.declared = "list-unsubscribe" in fields or "list-id" in fields or "list-post" in fields
        # Anybody can write that field; who sends to many in earnest also signs it.
        self.bulk = self.declared and (self.identity is None or self.vouched or _somebody_vouches(self.identity))
        low, words = lowered(self.letter.subject, self.letter.text)
        self.spoken = Spoken(low, words, _KNOWN.intersection(words))
        self.topics = topics_of(low, self.spoken.known, has_links=bool(self.letter.links or self.letter.attachments))
        self.bait = NONE
        self.found: list[Reason] = []

    def all(self) -> list[Reason]:
        """In the order of the families; the last one weighs them together."""
        if self.identity is not None:
            self.found += _of_identity(self.identity, self.vouched, self.policy)
        self.found += self._of_names()
        if self.letter.links or self.letter.form_actions or self.letter.hidden_by:
            self.found += of_links(self.letter, self.mine, self.domain, bulk=self.bulk)
            if not self.bulk and (victim := self._recipient_in_link()):
                address = f"a link carries the address of the recipient, {victim}"
                self.found.append(Reason("address-in-link", 1.0, address))
        self.found += self._of_form()
        self.found += self._of_header()
        self.found += self._of_words()
        self._of_bait()
        self._together()
        return self.found

    # ── names ──

    def _of_names(self) -> Iterator[Reason]:
        name, domain = self.sender.name, self.domain
        if name:
            yield from self._of_display_name(name, domain)
        if domain:
            yield from self._of_sender_domain(domain)
        yield from self._of_reply_to(domain)

    def _of_display_name(self, name: str, domain: str) -> Iterator[Reason]:
        mine = organisational(domain)
        if brand := borrowed(name, domain):
            yield Reason(
                "name-of-brand",
                1.0 if self.bulk else 2.0 if self.vouched else 3.0,
                f"calls itself “{name[:60]}”, but {brand} does not write from {domain or 'nowhere'}",
            )
        else:
            others = [other for other in named_domains(name) if organisational(other) != mine]
            if others:
                points = 1.0 if self.bulk else 1.6 if "@" in name else 1.2
                yield Reason(
                    "domain-in-name",
                    points,
                    f"the name “{name[:60]}” speaks of {others[0]}, the address is of {domain}",
                )
        if self._is_our_name(name) and not self.is_ours:
            # A word of a name may be anybody's; a department of ours writes from our domain.
            points = 2.5 if _ROLE.search(name) else 0.5
            yield Reason("our-name", points, f"calls itself “{name[:60]}”, like us, and writes from {domain}")
        elif domain in FREE_MAIL and _ROLE.search(name):
            yield Reason("role-on-free-mail", 2.0, f"“{name[:60]}” writes from {domain}, where anybody can")
        elif not self.is_ours and not self.bulk and _OF_THE_HOUSE.search(name):
            points = 0.7 if self.vouched else 1.3
            yield Reason(
                "role-of-ours", points, f"“{name[:60]}”, which every house has of its own, writes from {domain}"
            )

    def _is_our_name(self, name: str) -> bool:
        low = name.lower()
        return any(label in low.replace(" ", "") for label in _labels(self.mine.domains))

    def _of_sender_domain(self, domain: str) -> Iterator[Reason]:
        found = resemblance(domain, self.mine)
        if found is not None:
            points = (0.0 if self.vouched else 0.5) if found.how in WEAK else 4.0
            if points:
                yield Reason("look-alike", points, found.says)
        elif not self.is_ours and (brand := within(domain)):
            yield Reason("brand-in-domain", 2.0, f"{domain} carries the name of {brand}, and is not of it")
        if mixes_scripts(domain):
            yield Reason("mixed-scripts", 3.0, f"{domain} mixes letters of several scripts")

    def _of_reply_to(self, domain: str) -> Iterator[Reason]:
        away = next((box for box in self.letter.reply_to if box.domain), None)
        if away is None or not domain or organisational(away.domain) == organisational(domain):
            if (
                away is not None
                and domain in FREE_MAIL
                and away.address.lower() != self.sender.address.lower()
                and not self.bulk
            ):
                yield Reason("reply-elsewhere", 1.0, f"answers go to another mailbox, {away.address}")
            return
        if (near := resembles(away.domain, (domain,))) is not None and near.how not in WEAK:
            yield Reason("reply-elsewhere", 4.0, f"from {domain}, but answers go to its look-alike {away.domain}")
        elif away.domain in FREE_MAIL and not self.bulk:
            points = 1.5 if domain in FREE_MAIL else 2.0
            yield Reason("reply-elsewhere", points, f"from {domain}, but answers go to {away.address}")
        elif not self.bulk:
            yield Reason("reply-elsewhere", 0.3, f"from {domain}, but answers go to {away.domain}")

    def _recipient_in_link(self) -> str:
        urls = [link.url for link in self.letter.links[:50] if "@" in link.url and link.scheme != "mailto"]
        for recipient in self.examined.mail.recipients[:5] if urls else ():
            address = f"{recipient.local}@{recipient.domain}".lower()
            if any(address in url.lower() for url in urls):
                return address
        return ""

    # ── what it is made of ──

    def _of_form(self) -> Iterator[Reason]:
        letter = self.letter
        if letter.asks_password:
            yield Reason("password-form", 4.0, "a form in the letter asks for a password")
        elif letter.form_actions:
            yield Reason("form-elsewhere", 0.5, f"a form in the letter posts to {letter.form_actions[0]}")
        hidden, shown = len(letter.hidden_text), len(letter.text)
        if hidden > 1000 and hidden > shown:
            yield Reason("hidden-text", 1.5, f"{hidden} characters are hidden, {shown} are shown")
        if self._is_bare_lure():
            yield Reason("bare-lure", 1.0, "a few words in HTML, one link, and nobody to vouch for them")
        if letter.has_html and letter.images and shown < 60 and letter.links and not letter.has_text:
            yield Reason("picture-only", 1.2, "a picture with a link, and hardly a word")
        yield from self._of_attachments()
        if Ambiguity.TWO_FROM in self.reading.content.ambiguities:
            yield Reason("two-from", 3.0, "two From fields")

    def _is_bare_lure(self) -> bool:
        """What machines write to many they also write as text, or sign, or offer to stop."""
        letter = self.letter
        if letter.has_text or not letter.has_html or self.identity is None or self.vouched or self.bulk:
            return False
        hosts = {organisational(link.host) for link in letter.links if link.host and not link.image}
        return len(letter.text) < 600 and len(hosts) == 1 and not hosts & {organisational(self.domain)}

    def _of_attachments(self) -> Iterator[Reason]:
        for file in self.reading.content.files:
            if Trait.PASSWORD_FORM in file.traits and file.is_attachment:
                yield Reason("password-form", 4.0, f"an attached page asks for a password: {file.path[:60]}")
                break
        for name in self.letter.attachments:
            if _WEB_PAGE.search(name):
                points = 2.5 if self.topics & _DEMANDS else 1.0
                yield Reason("page-attached", points, f"a web page is attached: {name[:60]}")
                return
            if _ARCHIVE.search(name) and _PASSWORD_IN_TEXT.search(self.letter.text[:3000]):
                yield Reason("password-for-archive", 2.0, f"the password of {name[:60]} is in the letter")
                return

    # ── its header ──

    def _of_header(self) -> Iterator[Reason]:
        letter, fields = self.letter, self.letter.fields
        if "date" not in fields:
            yield Reason("no-date", 0.7, "no Date")
        if "message-id" not in fields:
            yield Reason("no-message-id", 0.7, "no Message-ID")
        elif "@" not in letter.message_id:
            yield Reason("odd-message-id", 0.5, "a Message-ID without a host")
        if not letter.senders or not self.sender.address:
            yield Reason("no-from", 1.5, "no address in From")
        if "to" not in fields and "cc" not in fields:
            yield Reason("no-to", 0.5, "no To")
        subject = letter.subject
        if not subject:
            yield Reason("no-subject", 0.2, "no subject")
        elif len(subject) > 12 and subject.isupper():
            yield Reason("loud-subject", 0.5, "a subject in capitals")
        if (
            subject
            and _REPLY.match(subject)
            and "in-reply-to" not in fields
            and "references" not in fields
            and not self.bulk
        ):
            yield Reason("no-thread", 0.3, "an answer to nothing")

    # ── its words ──

    def _of_words(self) -> Iterator[Reason]:
        found = self.topics
        if not found:
            return
        hurry = bool(found & {Topic.URGENCY, Topic.SECRECY})
        discount = 0.5 if self.bulk or self._in_a_thread() else 1.0
        for topic in _WORD_POINTS:
            if topic not in found:
                continue
            yield Reason(f"asks-{topic.name.lower().replace('_', '-')}", discount * _WORD_POINTS[topic], f"it {topic}")
        if Topic.DOCUMENT in found and self._links_elsewhere():
            yield Reason("asks-document", 0.5 * discount, f"it {Topic.DOCUMENT}")
        if Topic.COINS in found and Topic.EXTORTION in found:
            yield Reason("asks-coins", 4.5, "it threatens, and names a wallet for coins")
        if hurry and found & (_DEMANDS - {Topic.DOCUMENT}):
            hushed = Topic.SECRECY in found and bool(found & _MONEY)
            which = Topic.SECRECY if hushed or Topic.URGENCY not in found else Topic.URGENCY
            yield Reason("presses", (2.0 if hushed else 1.0) * discount, f"and {which}")
        if Topic.ACCOUNT in found and self._links_elsewhere():
            yield Reason("link-elsewhere", 0.7 * discount, "about an account, with a link to somebody else")
        if found & {Topic.ACCOUNT, Topic.DOCUMENT} and (victim := self._recipient_in_text()):
            points = 1.5 if victim in self.letter.subject.lower() else 0.8
            yield Reason("victim-named", points, f"it speaks of the mailbox {victim}")

    def _in_a_thread(self) -> bool:
        return "in-reply-to" in self.letter.fields or "references" in self.letter.fields

    def _links_elsewhere(self) -> bool:
        """A link of the letter leads out of the sender's domain."""
        own = organisational(self.domain)
        return any(
            link.scheme in ("http", "https") and not link.image and link.host and organisational(link.host) != own
            for link in self.letter.links[:20]
        )

    def _recipient_in_text(self) -> str:
        for recipient in self.examined.mail.recipients[:5]:
            address = f"{recipient.local}@{recipient.domain}".lower()
            if address in self.letter.subject.lower() or address in self.letter.text[:2000].lower():
                return address
        return ""

    def _of_bait(self) -> None:
        """Schemes of today, told without their sentences."""
        told = sum([reason.points for reason in self.found if reason.name in _WORD_REASONS]) if self.topics else 0.0
        known = self.vouched and not self._is_stranger()
        sender = Sender(
            self.sender, self.vouched, known, self.bulk, self.declared, self._in_a_thread(), self.is_ours, self.domain
        )
        recipients = [f"{to.local}@{to.domain}" for to in self.examined.mail.recipients[:5]]
        self.bait = bait(self.letter, sender, recipients, self.spoken, told)
        if self.bait.reasons:
            named = any(reason.name == "victim-named" for reason in self.found)
            self.found += [reason for reason in self.bait.reasons if not (named and reason.name == "speaks-of-victim")]

    # ── together ──

    def _together(self) -> None:
        """A borrowed name, a demand and a trap: each may be honest, the three are not."""
        names = {reason.name for reason in self.found if reason.points >= 0.5}
        demands = self.topics & _DEMANDS or self.bait.schemes
        if not names and not demands:
            return
        borrows, traps = names & _NAME_REASONS, names & _TRAPS
        if "name-of-brand" in names and "http" in {link.scheme[:4] for link in self.letter.links if not link.image}:
            # Where that brand really writes from, one of its own domains would stand in From.
            points = 0.5 if self.bulk else 1.0 if self.vouched else 2.0
            self.found.append(Reason("brand-leads-elsewhere", points, "and its links lead to somebody else"))
        if borrows and demands and traps:
            self.found.append(Reason("fraud", 3.0, "a borrowed name, a demand and a trap"))
        # A payroll service is a department too: that alone is no borrowed name.
        elif (borrows - {"role-of-ours"} or _strong(traps)) and demands:
            self.found.append(Reason("fraud", 1.5, "a borrowed name or a trap, and a demand"))
        if (self.topics & _DEMANDS - {Topic.DOCUMENT} or self.bait.schemes) and self._is_stranger():
            points = 1.5 if self.bait.schemes and self._is_told() else 0.7
            self.found.append(Reason("stranger", points, "a demand from a domain that was never seen here"))

    def _is_stranger(self) -> bool:
        """Of a house of mailboxes for everybody, that the house is known says nothing."""
        domain = self.domain
        if self.identity is None or self.is_ours:
            return False
        return not self.identity.known_since or domain in FREE_MAIL

    def _is_told(self) -> bool:
        """Whether anything is known of the sender; where DNS has nothing, nobody could have been seen before."""
        identity = self.identity
        return identity is not None and (identity.spf.result is not _NONE or bool(identity.dkim))


def _strong(traps: set[str]) -> bool:
    return bool(traps - {"link-elsewhere", "cheap-ending", "free-host", "shortener", "address-in-link", "lure-domain"})


_WORD_REASONS = frozenset(
    ("presses", "asks-coins", *(f"asks-{topic.name.lower().replace('_', '-')}" for topic in Topic))
)
_WORD_POINTS = {
    Topic.ACCOUNT: 1.5, Topic.PARCEL: 1.5, Topic.GIFT_CARDS: 2.5, Topic.BANK_CHANGE: 3.0, Topic.TRANSFER: 0.7,
    Topic.EXTORTION: 1.5, Topic.ADVANCE_FEE: 2.0, Topic.QR: 1.5, Topic.REFUND: 1.5, Topic.CALL_BACK: 2.5,
}  # fmt: skip


@lru_cache(maxsize=64)
def _labels(domains: tuple[str, ...]) -> tuple[str, ...]:
    """Our names as people write them; only those that are long enough to be no common word."""
    return tuple(label for label in (organisational(domain).partition(".")[0] for domain in domains) if len(label) >= 6)


# ── who vouches ──


def _somebody_vouches(identity: Identity) -> bool:
    """A mailing service, in the name of its own domain."""
    return identity.spf.result is Result.PASS or any(dkim.result is Result.PASS for dkim in identity.dkim)


def _of_identity(identity: Identity, vouched: bool, policy: Settings) -> Iterator[Reason]:
    spf, dmarc = identity.spf, identity.dmarc
    if dmarc.result is Result.FAIL:
        yield Reason("dmarc-fails", 2.0, f"DMARC fails for {dmarc.domain}")
    if spf.result is Result.FAIL:
        yield Reason("spf-fails", 2.0, f"{spf.domain} says that this client may not send for it")
    elif spf.result is Result.SOFTFAIL:
        yield Reason("spf-fails", 1.0, f"{spf.domain} says that this client should not send for it")
    if any(dkim.result is Result.FAIL for dkim in identity.dkim) and not vouched:
        yield Reason("dkim-fails", 0.7, "a DKIM signature does not fit")
    if not vouched and dmarc.result is _NONE and spf.result is _NONE and not identity.dkim:
        yield Reason("nobody-vouches", 0.3, "nobody vouches for the sender")
    for listing in identity.listings:
        if listing.listed is True:
            points = _list_points(policy.antispam.blocklists).get(listing.list, 3.0)
            yield Reason("listed", points, f"{listing.what or 'the client'} is on {listing.list}")
    if vouched and identity.known_since and identity.dmarc.domain not in FREE_MAIL:
        yield Reason("known", -1.0, "a sender that is known here, and vouched for")


@lru_cache(maxsize=8)
def _list_points(entries: tuple[str, ...]) -> dict[str, float]:
    """The points of each list, as the setting has them: `zone=127.0.0.2-11 +6`."""
    points = {}
    for entry in entries:
        zone = entry.partition("=")[0].strip()
        found = re.search(r"\+(\d{1,3}(?:\.\d{1,2})?)(?:\s|\Z)", entry)
        points[zone] = float(found[1]) if found else 3.0
    return points
