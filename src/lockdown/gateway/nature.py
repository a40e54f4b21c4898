"""What a message is to whom it comes: a confirmation that nobody has asked for, a bounce, and of whose letter.

Told of what was read anyway. Nobody proves it, so it is only ever held for, never refused, and only for the recipients
that an attack is aimed at. What is about money or passwords is never an unasked confirmation: it must not drown.

Fails as: "" for what was not read, or where too little is known; strangers' text never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lockdown.gateway.likeness import proven
from lockdown.mime.domains import organisational
from lockdown.model.scan import Letter
from lockdown.model.traffic import Nature
from lockdown.model.unknown import Unknown
from lockdown.state.correspondents import Correspondents, id_digest

if TYPE_CHECKING:
    from lockdown.gateway.scanned import Scanned

_MOST_SUBJECT, _MOST_TEXT = 200, 160
_MOST_SOUGHT = 64 * 1024
_MOST_REFERRED = 20
_LISTS = frozenset(("list-unsubscribe", "list-id"))
_ASKS = re.compile(
    r"confirm|verif|activat|subscri|sign(?:ed|ing)?[ -]?up|register|registr|welcome|newsletter|opt[ -]?in|your account"
    r"|bestätig|anmeld|willkommen|freischalt|aktivier|abonn|inscri|bienven|valide[rz]|suscri|conferm|iscri|benvenut"
    r"|bevestig|aanmeld|welkom|potwierd|rejestrac|zapis|witamy|подтвер|регистрац|подпис|добро пожаловать"
)
_MATTERS = re.compile(
    r"order|invoice|payment|purchase|receipt|transfer|transaction|passwor|passcode|security|sign-?in|log-?in|booking|"
    r"bestell|rechnung|zahlung|überweis|kennwort|sicherheit|buchung|commande|facture|paiement|virement|mot de passe"
    r"|pedido|factura|pago|contraseñ|ordine|fattura|pagamento|bestelling|factuur|betaling|wachtwoord|zamówien|faktur"
    r"|płatnoś|hasł|заказ|счёт|счет|оплат|парол"
)
_NAMED = re.compile(rb"^(Message-ID|In-Reply-To|References):([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.I | re.M)
_ID = re.compile(rb"<[^<>\s]{1,200}>")


def nature(
    scanned: Scanned, recipients: Iterable[str], content_start: bytes, known: Correspondents, now: float
) -> Nature | None:
    """Of one message that was scanned, to these of its recipients."""
    mail, reading = scanned.examined.mail, scanned.examined.reading
    if mail.client.trusted or isinstance(reading, Unknown):
        return None
    if not mail.sender.raw:
        letters = named(content_start, mail.header_bytes)
        return _of_a_bounce(recipients, letters, known, now)
    letter = reading.letter
    if not is_confirmation(letter) or any(map(known.has_sent, named(mail.header, mail.header_bytes))):
        return None
    domains = domains_of(scanned)
    return None if any(known.knows(one, domains, now) for one in recipients) else Nature.UNASKED


def _of_a_bounce(recipients: Iterable[str], letters: list[str], known: Correspondents, now: float) -> Nature | None:
    """Foreign only where we would know: the mailbox writes from here, and for days we have seen what went out."""
    if any(map(known.has_sent, letters)):
        return Nature.OWN_BOUNCE
    is_known = known.knows_what_went_out(now) and all(map(known.writes, recipients))
    return Nature.FOREIGN_BOUNCE if is_known and letters else None


def is_confirmation(letter: Letter) -> bool:
    """Whether it looks as what comes of being signed up somewhere."""
    subject = letter.subject[:_MOST_SUBJECT].lower()
    if _MATTERS.search(subject):
        return False
    if not _LISTS.isdisjoint(letter.fields) or _ASKS.search(subject):
        return True
    # Whoever asks to confirm says so at once, and whither to go; more of a text is dear to search.
    return bool(letter.links) and _ASKS.search(letter.text[:_MOST_TEXT].lower()) is not None


def domains_of(scanned: Scanned) -> tuple[str, ...]:
    """Whose letter it is: the domain of From, if somebody vouches for it, and that of the envelope."""
    dkim, spf, author = proven(scanned.examined.identity)
    sender = organisational(scanned.examined.mail.sender.domain.lower())
    return (organisational(author), sender) if dkim or spf else (sender,)


def named(content: bytes, header_bytes: int) -> list[str]:
    """The letters that it says it is about: answers, or returns. In digests, the last ones; its own id is none."""
    found = [
        one
        for field in _NAMED.finditer(content[:_MOST_SOUGHT])
        if field.start() >= header_bytes or field[1].lower() != b"message-id"
        for one in _ID.findall(field[2])
    ]
    return [id_digest(one) for one in dict.fromkeys(found[-_MOST_REFERRED:])]
