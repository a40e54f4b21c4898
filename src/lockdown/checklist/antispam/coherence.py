"""Whether a letter hangs together: the name and the address, the address and the links, the links and a lure.

Honest senders put their own name into their own domain and link to it; fraud borrows all three from different people.
Nothing here knows a language. Fails as: no reason; a name without Latin letters fits everything.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from functools import lru_cache

from lockdown.checklist.antispam.brands import is_of, single_names
from lockdown.checklist.antispam.places import FREE_MAIL, named
from lockdown.mime.domains import organisational
from lockdown.mime.lookalike import latin
from lockdown.model.scan import Letter, Link, Reason

MOST_NAME = 200
"""Characters of a name or an address that are looked at."""
_WORDS = re.compile(r"[a-z0-9]+")
_ANYBODY = named(
    """
    the and team support service services mail email webmail info news newsletter noreply reply admin administrator
    account accounts security alert alerts notice notification notifications billing invoice customer care center
    centre desk help office department dept system server update updates delivery online portal secure bank your our
    kundenservice kundendienst sicherheit konto postfach rechnung servicio cliente soporte correo avisos messagerie
    support assistance assistenza clienti posta suporte administrador beheer klantenservice human resources finance
    payroll scanner voice message messages group gmbh inc ltd llc company via from for international global web
    """
)
"""Words that stand in front of anybody's address."""
_LURES = named(
    """
    account alert auth bank billing bonus cancel care center claim client confirm customer deals delivery desk doc
    docs due file files fund gift help id invoice kunde kunden kundenportal ledger login mail member memberships
    message notice notif offer online parcel pay payment payroll pending portal prize promo quarantine receipt
    recovery refund release renew reroute resolve reset review reward secure security service services share sharing
    sign signin staff support tax toll track update updates upgrade user vault verification verify violation voice
    wallet webmail win winner sicher sicherheit verifizierung erstattung zahlung umfrage cliente clientes seguro
    segura securite espace sede electronica notificaciones verificar impots remboursement colis envio paquete
    weryfikacja paczka poczta serwis klantzone kakunin meisai service
    """
)
"""What names are made of that are registered for one mailing."""
_MENTIONED = named(
    "webmail ledger hermes ups zoom chase whatsapp facebook instagram linkedin telegram google tiktok amazon apple irs"
)
"""Names that honest letters drop every day."""
BRAND_WORDS = frozenset(name.encode() for name in single_names() if name not in _MENTIONED) | {b"norton"}
_HACKED = re.compile(r"/(?:wp-(?:includes|admin|content/(?:plugins|themes|upgrade))|\.well-known/(?!mta|acme|pki))")
"""Folders of a web site in which no page of its own lies."""


@lru_cache(maxsize=4096)
def fits(name: str, address: str) -> bool | None:
    """Whether a name and its address have a word in common; None where the name says nothing of its own."""
    name, address = name[:MOST_NAME], address[-MOST_NAME:]
    every = [word for word in _WORDS.findall(_folded(latin(name))) if len(word) > 2]
    local, _, domain = latin(address).rpartition("@")
    where = local if domain in FREE_MAIL else f"{local} {domain.rpartition('.')[0]}"
    joined = _folded("".join(_WORDS.findall(where)))
    words = [word for word in every if word not in _ANYBODY]
    if any(word[:5] in joined for word in words):
        return True
    whole = "".join(words)
    parts = [part for part in _WORDS.findall(where) if len(part) > 2 and part not in _ANYBODY]
    initials = "".join(word[0] for word in words)
    if any(part in whole for part in parts) or (len(initials) > 1 and initials in joined):
        return True
    # "Northern Bank" at bank.example: not a name of its own, and no lie either.
    return None if not words or any(word in joined for word in every) else False


def clicked(letter: Letter) -> list[Link]:
    """Links that a reader may follow, of the first fifty."""
    return [link for link in letter.links[:50] if link.host and not link.image and link.scheme in ("http", "https")]


@lru_cache(maxsize=4096)
def names_domain(name: str, domain: str) -> bool:
    """Whether somebody put a name of its own into the domain, and the domain was not made for a mailing."""
    label = "".join(_WORDS.findall(_folded(latin(organisational(domain)).rpartition(".")[0])))
    words = [word for word in _WORDS.findall(_folded(latin(name[:MOST_NAME]))) if len(word) > 2]
    return any(word == label or (word not in _ANYBODY and word[:5] in label) for word in words) and not lures(domain)


def _folded(text: str) -> str:
    """Umlauts as both ways of writing them."""
    return text.replace("ue", "u").replace("oe", "o").replace("ae", "a")


def names_brand(known: frozenset[bytes], domain: str, links: list[Link]) -> str:
    """A brand that the letter speaks of while neither it nor its links are of it; "" for none."""
    for word in BRAND_WORDS.intersection(known):
        brand = word.decode()
        if not any(is_of(host, brand) for host in (domain, *[link.host for link in links[:20]])):
            return brand
    return ""


def leads_home(links: list[Link], domain: str) -> bool:
    """Whether at least half of the links, and the first one, stay with the sender."""
    own = organisational(domain)
    if not links or organisational(links[0].host) != own:
        return not links
    return len(links) < 3 or sum([organisational(link.host) == own for link in links]) * 2 >= len(links)


def of_paths(links: list[Link], recipients: list[str]) -> tuple[Reason, ...]:
    """What lies in a link behind its host."""
    found: list[Reason] = []
    urls = "\n".join([link.url for link in links[:20]])
    if _HACKED.search(urls):
        host = next(link.host for link in links if _HACKED.search(link.url))
        found.append(Reason("hacked-site", 2.0, f"a link into the inside of somebody's web site, {host}"))
    for address in recipients[:5]:
        code = _hidden(address)
        if code and code in urls:
            found.append(Reason("address-in-link", 2.0, "a link carries the address of the recipient, hidden"))
            break
    return tuple(found)


@lru_cache(maxsize=1024)
def _hidden(address: str) -> str:
    """An address in base64 as it stands in a link, but for its end; "" where that is too short to be told."""
    code = b64encode(address.encode()).decode().rstrip("=")
    return code[:-1] if len(code) > 10 else ""


def of_domains(author: str, links: list[Link]) -> Iterator[Reason]:
    """Names that were made for the occasion, of the sender and of where it leads."""
    domains = [author, *[link.host for link in links[:10]]]
    for domain, lure in zip(domains, map(lures, domains), strict=True):
        if lure:
            yield Reason("lure-domain", 1.0, f"{domain} is a name as one invents for a mailing: {lure}")
            break


@lru_cache(maxsize=8192)
def lures(domain: str) -> str:
    """Two words of the trade in what somebody registered, or one with a hyphen; "" for none."""
    label = organisational(domain).partition(".")[0]
    words = label.split("-")
    found = [word for word in words if word in _LURES]
    return " ".join(found) if len(words) > 1 and found else ""
