"""Labelled mail for the flood bench: what people want, in the shapes that it has, and the attacks within it.

Wanted: ham of the SpamAssassin corpus from sixty addresses; a newsletter to thousands, signed, from eight addresses of
one provider, fifty letters in a conversation or one; password resets, invoices, and bounces of our own letters. Each
attack is a function that says when its letters come and from where. All from one seed: the same plan meets every
defence.

Fails as: `Unmeasurable` where the corpus is not here: made text would say nothing about real mail.
"""

from __future__ import annotations

import json
import random
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.figures import Unmeasurable
from benchmarks.mix import corpus_messages
from lockdown._vendor import dkim

DOMAIN = "example.org"
WANTED = "wanted"
NEWSLETTER = 5000
_SEED = 20261124
_PROVIDER = "198.51.100."
_STAFF = [f"user{number}" for number in range(400)]
_HOSTS, _IN_ONE_TALK = 8, 50
_SUBSCRIBED, _BOUNCED = "victim", "user7"
_IDENT = re.compile(r"^Message-ID: (<[^>\r\n]+>)", re.M)
_CONFIRMATIONS = (
    ("Please confirm your subscription", "Please confirm that you want our letters:\n\nhttps://{}/confirm/{}\n"),
    (
        "Bitte bestätigen Sie Ihre Anmeldung",
        "Guten Tag,\n\nnur noch ein Klick zu unserem Rundbrief: https://{}/ja/{}\n",
    ),
    ("Confirmez votre inscription", "Bonjour,\n\npour confirmer votre inscription: https://{}/oui/{}\n"),
    ("Welcome to our community!", "Hello,\n\nwelcome! We are glad that you have joined us. https://{}/start/{}\n"),
    ("Activate your account", "Hello,\n\nsomebody has registered with this address. https://{}/activate/{}\n"),
    ("Verify your e-mail address", "Hi there,\n\nverify your address to get started: https://{}/verify/{}\n"),
)
_VARIED = """\
Good morning, a parcel for you has reached our depot
and could not be brought to your door, since part of
the street name was missing on the customs label.
Please choose another day within the coming week and
pay the small duty that was laid out by the carrier:
https://{}.example/parcel
Afterwards the driver comes between nine and noon, and
nobody needs to be at home when he rings the doorbell.
Parcels that nobody asks for return to their sender.
"""
_MOST_OCTETS = 60_000
_DATE = "Date: Tue, 24 Nov 2026 09:00:00 +0000\r\n"
_NOT_PLAIN = re.compile(rb"^Content-Type: (?!text/plain)|^Content-Transfer-Encoding: (?:base64|quoted)", re.I | re.M)


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of the plan, as the client sends it."""

    number: int
    at: float
    """Seconds after the beginning."""
    label: str
    """WANTED, or the attack that it is of."""
    kind: str
    talk: str
    """Letters of one name share a conversation."""
    client: str
    helo: str
    sender: str
    recipients: tuple[str, ...]
    content: str
    user: str = ""
    password: str = ""

    @property
    def ident(self) -> str:
        """Its Message-ID."""
        found = _IDENT.search(self.content)
        return found[1] if found else ""


Plan = list[Letter]


class Sent(NamedTuple):
    """A letter of ours that went out before: the mail server's log tells of it."""

    user: str
    ident: str
    """Without its brackets."""
    to: str
    days: float
    """So long ago."""

    def lines(self, number: int, now: datetime) -> str:
        """As Postfix writes them."""
        at = f"{now - timedelta(days=self.days):%Y-%m-%dT%H:%M:%S}+00:00 mail postfix"
        queue_id = f"AB{number:06X}"
        return (
            f"{at}/submission/smtpd[1]: {queue_id}: client=pc[192.0.2.30], sasl_method=PLAIN, "
            f"sasl_username={self.user}\n"
            f"{at}/cleanup[4]: {queue_id}: message-id=<{self.ident}>\n"
            f"{at}/qmgr[2]: {queue_id}: from=<{self.user}@{DOMAIN}>, size=900, nrcpt=1 (queue active)\n"
            f"{at}/smtp[3]: {queue_id}: to=<{self.to}>, relay=mx[192.0.2.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, "
            "status=sent (250 ok)\n"
            f"{at}/qmgr[2]: {queue_id}: removed\n"
        )


def write(plan: Sequence[Letter], file: Path) -> None:
    """For the client."""
    with file.open("w") as lines:
        for number, letter in enumerate(sorted(plan, key=lambda letter: letter.at)):
            told = {"ident": letter.ident, "patient": letter.label == WANTED}
            lines.write(json.dumps(asdict(replace(letter, number=number)) | told) + "\n")


class Mail:
    """Makes plans; `zone` is the DNS of all who write."""

    def __init__(self, seed: int = _SEED) -> None:
        self._random = random.Random(seed)
        every = (message.replace(b"\r\n", b"\n").partition(b"\n\n") for message in corpus_messages("*ham*"))
        ham = [body for head, _, body in every if len(body) < _MOST_OCTETS and not _NOT_PLAIN.search(head)]
        if not ham:
            raise Unmeasurable("the corpus is not here (LOCKDOWN_CASES names the folder)")
        self._ham = self._random.sample(sorted(ham), min(300, len(ham)))
        self._key, public = _key_pair()
        self.zone: dict[str, Any] = {"example.org": {"A": ["192.0.2.25"], "TXT": ["v=spf1 -all"]}}
        self._proven("news.example", f"{_PROVIDER}0/24", dkim=public)
        self._signature = ""
        self.sent_before: list[Sent] = [Sent(_BOUNCED, f"old{day}@{DOMAIN}", f"friend{day}@firm1.example", float(day))
                                        for day in range(1, 7)]  # fmt: skip

    def _proven(self, domain: str, network: str, dkim: str = "") -> None:
        """A domain whose SPF names its servers, and perhaps a key."""
        records = [f"v=spf1 ip4:{network} -all"]
        self.zone[domain] = {"A": [network.partition("/")[0]], "MX": [[10, f"mx.{domain}"]], "TXT": records}
        if dkim:
            self.zone[f"k1._domainkey.{domain}"] = {"TXT": [f"v=DKIM1; k=rsa; p={dkim}"]}

    # ── wanted ──

    def wanted(self, seconds: float, newsletter: int = 0) -> Iterator[Letter]:
        """What comes in such a time: about two letters a second, and the newsletter over all of it."""
        yield from self._correspondents(seconds)
        yield from self._transactions(seconds)
        yield from self._newsletter(seconds, newsletter)

    def _correspondents(self, seconds: float) -> Iterator[Letter]:
        writers = [self._writer(number) for number in range(60)]
        for number in range(int(seconds * 1.4)):
            domain, client = self._random.choice(writers)
            to = self._random.choice(_STAFF)
            name = f"person{self._random.randrange(4)}"
            body = self._random.choice(self._ham).decode("latin-1")
            subject = _subject(self._random)
            yield Letter(
                0, self._random.uniform(0, seconds), WANTED, "correspondence", f"ham{number}", client, f"mx.{domain}",
                f"{name}@{domain}", (f"{to}@{DOMAIN}",),
                _letter(f"{name}@{domain}", f"{to}@{DOMAIN}", subject, f"{number}.{domain}", body),
            )  # fmt: skip

    def _writer(self, number: int) -> tuple[str, str]:
        domain, client = f"firm{number}.example", f"{31 + number}.{number * 3 + 1}.7.{number + 9}"
        self._proven(domain, f"{client}/32")
        return domain, client

    def _transactions(self, seconds: float) -> Iterator[Letter]:
        kinds = (
            ("password reset", "accounts.example", "193.0.7.9", "Reset your password",
             "Somebody asked for a new password for your account.\n\nhttps://accounts.example/reset/{}\n"),
            ("invoice", "billing.example", "193.0.8.9", "Invoice {} for your order",
             "Dear customer,\n\nplease find our invoice {} below. It is due within 14 days.\n\nBilling\n"),
        )  # fmt: skip
        for kind, domain, client, subject, body in kinds:
            self._proven(domain, f"{client}/32")
            for number in range(int(seconds / 4)):
                to, token = self._random.choice(_STAFF), f"{self._random.randrange(10**9)}"
                content = _letter(f"service@{domain}", f"{to}@{DOMAIN}", subject.format(token), f"{token}.{domain}",
                                  body.format(token))  # fmt: skip
                yield Letter(0, self._random.uniform(0, seconds), WANTED, kind, f"{kind}{number}", client,
                             f"mx.{domain}", f"service@{domain}", (f"{to}@{DOMAIN}",), content)  # fmt: skip
        for number in range(int(seconds / 10)):
            to = self._random.choice(_STAFF)
            client = f"195.{number % 200}.3.4"
            self.sent_before.append(Sent(to, f"own{number}@{DOMAIN}", f"nobody{number}@mx{number}.example", 0.1))
            content = _bounce(f"mx{number}.example", to, f"own{number}@{DOMAIN}", number)
            yield Letter(0, self._random.uniform(0, seconds), WANTED, "bounce of our own", f"dsn{number}", client,
                         f"mx{number}.example", "", (f"{to}@{DOMAIN}",), content)  # fmt: skip

    def _newsletter(self, seconds: float, count: int) -> Iterator[Letter]:
        text = "This month: the new timetable, the summer party, and whom to ask about either.\n" * 12
        for number in range(count):
            to, turn = f"reader{number}@{DOMAIN}", number % _HOSTS
            yield Letter(
                0, number * seconds / count, WANTED, "newsletter", f"news{turn}.{self._talk(number, turn)}",
                f"{_PROVIDER}{turn + 10}", f"out{turn}.news.example", f"bounce+{number}@news.example", (to,),
                self._signed(to, number, text),
            )  # fmt: skip

    def _talk(self, number: int, host: int) -> int:
        """Every other server has a new connection for each letter, as Postfix has where it speaks TLS."""
        return number if host % 2 else number // (_HOSTS * _IN_ONE_TALK)

    def _signed(self, to: str, number: int, text: str) -> str:
        """The signature is of what is the same in every copy: signed once."""
        head = (
            "From: The Gazette <gazette@news.example>\r\nSubject: The Gazette in November\r\n"
            "List-Id: <gazette.news.example>\r\nList-Unsubscribe: <https://news.example/leave>\r\n"
        )
        body = text.replace("\n", "\r\n")
        if not self._signature:
            message = f"{head}\r\n{body}".encode()
            self._signature = dkim.sign(
                message, b"k1", b"news.example", self._key, canonicalize=(b"relaxed", b"relaxed"),
                include_headers=[b"from", b"subject", b"list-id", b"list-unsubscribe"],
            ).decode()  # fmt: skip
        own = f"To: {to}\r\nDate: Tue, 24 Nov 2026 09:00:00 +0000\r\nMessage-ID: <n{number}@news.example>\r\n"
        return f"{self._signature}{head}{own}\r\n{body}"

    # ── attacks ──

    def bomb(self, seconds: float, each_second: float = 20.0) -> Iterator[Letter]:
        """One address, five conversations, as fast as a script of somebody who is angry."""
        for number in range(int(seconds * each_second)):
            to = f"user{number % 5}@{DOMAIN}"
            words = f"You know what you have done. {number}\n" + "Think about it every day now.\n" * 20
            ident, sender = f"b{number}.nowhere.example", "angry@nowhere.example"
            content = _letter(sender, to, f"You will regret it {number}", ident, words)
            yield Letter(0, number / each_second, "bomb", "bomb", f"bomb{number % 5}", "185.44.3.17",
                         "pc.nowhere.example", sender, (to,), content)  # fmt: skip

    def botnet(self, seconds: float, addresses: int = 500, each_minute: float = 3.0) -> Iterator[Letter]:
        """Addresses all over the world, each slowly; every sender is forged, every text a little different."""
        shuffled = [self._anywhere() for _ in range(addresses)]
        gap = 60.0 / each_minute
        for place, client in enumerate(shuffled):
            start = self._random.uniform(0, gap)
            for turn in range(int((seconds - start) / gap) + 1):
                number = place * 1000 + turn
                yield Letter(
                    0, start + turn * gap, "botnet", "botnet", f"bot{number}", client, f"host{place}.dialup.example",
                    *self._forged(number),
                )  # fmt: skip

    def varied(self, seconds: float) -> Iterator[Letter]:
        """A botnet again, and no two lines of its letters are the same: words, links and subjects are other ones."""
        for letter in self.botnet(seconds, addresses=200):
            name, domain = self._word(), f"{self._word()}.{self._word()}.example"
            lines = [f"{line} {self._word()}" for line in _VARIED.format(self._word()).splitlines()]
            self._random.shuffle(lines)
            content = _letter(f"{name}@{domain}", letter.recipients[0], f"{self._word()} {self._word()}",
                              f"{self._random.randrange(10**9)}.{domain}", "\n".join(lines))  # fmt: skip
            yield replace(letter, label="varied", kind="varied", sender=f"{name}@{domain}", content=content)

    def _word(self) -> str:
        return "".join(self._random.choice("bdfgklmnprstvz") + self._random.choice("aeiou") for _ in range(3))

    def _anywhere(self) -> str:
        octets = (45 + self._random.randrange(150), *(self._random.randrange(1, 250) for _ in range(3)))
        return ".".join(map(str, octets))

    def _forged(self, number: int) -> tuple[str, tuple[str, ...], str]:
        name, domain = f"anna{self._random.randrange(10**5)}", f"corp{self._random.randrange(10**4)}.victim.example"
        to = f"{self._random.choice(_STAFF)}@{DOMAIN}"
        token = self._random.randrange(10**8)
        body = (
            f"Hello {to.partition('@')[0]},\n\nwe have looked at the offer that we spoke about, and our board has "
            f"agreed to the price.\nThe papers for case {token} are ready for you to read and to sign:\n\n"
            f"https://papers-to-sign.example/case/{token}\n\nThey are there for three days.\n\nYours, {name}\n"
        )
        content = _letter(f"{name}@{domain}", to, f"Papers for case {token}", f"{token}.{domain}", body)
        return f"{name}@{domain}", (to,), content

    def list_bomb(self, seconds: float, each_second: float = 2.0) -> Iterator[Letter]:
        """Somebody has put one recipient down on hundreds of lists, each of which asks politely whether it was him."""
        for number in range(int(seconds * each_second)):
            domain, client = f"list{number}.example", f"{20 + number % 200}.{number // 200 + 60}.9.8"
            self._proven(domain, f"{client}/32")
            subject, body = self._random.choice(_CONFIRMATIONS)
            # Half of them are of a mailing list, the others of a shop or a forum.
            more = f"List-Unsubscribe: <https://{domain}/no>\r\n" if number % 2 else ""
            content = _letter(f"hello@{domain}", f"{_SUBSCRIBED}@{DOMAIN}", subject,
                              f"c{number}.{domain}", body.format(domain, number), more)  # fmt: skip
            yield Letter(0, number / each_second, "list bomb", "list bomb", f"list{number}", client, f"mx.{domain}",
                         f"hello@{domain}", (f"{_SUBSCRIBED}@{DOMAIN}",), content)  # fmt: skip
        yield from self._meant_to_drown(seconds)

    def _meant_to_drown(self, seconds: float) -> Iterator[Letter]:
        """What such a bomb is to hide, and what else the victim waits for."""
        to = f"{_SUBSCRIBED}@{DOMAIN}"
        kinds = (
            ("order", "shop.example", "193.0.9.9", "Your order {} has been placed",
             "Thank you for your order {0}.\n\nIt goes to the new address that you gave us: https://shop.example/{0}\n"),
            ("new password", "bank.example", "193.0.10.9", "Your password was changed",
             "Your password was changed at {}.\n\nIf that was not you, call us at once.\n"),
        )  # fmt: skip
        for kind, domain, client, subject, body in kinds:
            self._proven(domain, f"{client}/32")
            for number in range(int(seconds / 10)):
                content = _letter(f"service@{domain}", to, subject.format(number), f"{kind[:3]}{number}.{domain}",
                                  body.format(number))  # fmt: skip
                yield Letter(0, self._random.uniform(0, seconds), WANTED, f"{kind}, to the victim", f"{kind}{number}",
                             client, f"mx.{domain}", f"service@{domain}", (to,), content)  # fmt: skip
        for number in range(int(seconds / 6)):
            domain, client = self._writer(number % 20)
            self.sent_before.append(
                Sent(_SUBSCRIBED, f"asked{number}@{DOMAIN}", f"person1@{domain}", 2.0 + number / 50)
            )
            body = self._random.choice(self._ham).decode("latin-1")
            content = _letter(f"person1@{domain}", to, _subject(self._random), f"v{number}.{domain}", body)
            yield Letter(0, self._random.uniform(0, seconds), WANTED, "correspondence, to the victim", f"v{number}",
                         client, f"mx.{domain}", f"person1@{domain}", (to,), content)  # fmt: skip

    def backscatter(self, seconds: float, each_second: float = 2.0) -> Iterator[Letter]:
        """Somebody has written to the world in the name of one of ours: honest servers send it all back to him."""
        for number in range(int(seconds * each_second)):
            host, client = f"mail{number}.shop.example", f"{70 + number % 100}.{number // 100 + 20}.5.6"
            content = _bounce(host, _BOUNCED, f"x{number}@elsewhere.example", number)
            yield Letter(0, number / each_second, "backscatter", "backscatter", f"dsn-{number}", client, host, "",
                         (f"{_BOUNCED}@{DOMAIN}",), content)  # fmt: skip
        for number in range(int(seconds / 5)):
            # Meanwhile he is in the wrong about an address himself.
            host, client, ident = f"mx{number}.partner.example", f"195.{number % 200}.9.4", f"true{number}@{DOMAIN}"
            self.sent_before.append(Sent(_BOUNCED, ident, f"nobody{number}@{host}", 0.01))
            content = _bounce(host, _BOUNCED, ident, 1000 + number)
            yield Letter(0, self._random.uniform(0, seconds), WANTED, "bounce of our own, to the victim",
                         f"own{number}", client, host, "", (f"{_BOUNCED}@{DOMAIN}",), content)  # fmt: skip


def _letter(sender: str, to: str, subject: str, ident: str, body: str, more: str = "") -> str:
    lines = "\r\n".join("." + line if line.startswith(".") else line for line in body.splitlines())
    return (
        f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n{_DATE}"
        f"Message-ID: <{ident}>\r\n{more}MIME-Version: 1.0\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{lines}\r\n"
    )


def _bounce(host: str, to: str, ident: str, number: int) -> str:
    body = (
        f"This is the mail system at {host}.\n\nYour letter could not be delivered: no such user.\n\n"
        f"Reporting-MTA: dns; {host}\nFinal-Recipient: rfc822; nobody{number}@{host}\nAction: failed\nStatus: 5.1.1\n\n"
        f"Message-ID: <{ident}>\nFrom: <{to}@{DOMAIN}>\nSubject: hello {number}\n"
    )
    subject, more = "Undelivered Mail Returned to Sender", "Auto-Submitted: auto-replied\r\n"
    return _letter(f"MAILER-DAEMON@{host}", f"{to}@{DOMAIN}", subject, f"d{number}.{host}", body, more)


_ABOUT = ("lunch", "the contract", "Tuesday", "your question", "the train", "the drawings", "school", "the figures",
          "holidays", "the printer", "our meeting", "the flat", "a book", "the garden", "the choir")  # fmt: skip


def _subject(source: random.Random) -> str:
    opening = source.choice(("About", "Re:", "Once more:", "A word on"))
    return f"{opening} {source.choice(_ABOUT)} and {source.choice(_ABOUT)}"


def _key_pair() -> tuple[bytes, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, b64encode(public).decode()
