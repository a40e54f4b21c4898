"""Words that everyone knows of a company: passwords made of them are guessed first."""

from __future__ import annotations

import re

from lockdown.config import Site

LEAST, MOST = 4, 50
_EVERYWHERE = frozenset({"mail", "smtp", "imap", "localhost", "localdomain", "example", "postmaster", "server", "host"})


def company_words(site: Site, host: str = "", more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """From the names of domains, the machine, its administrators; lower case, each once, none of a letter or three."""
    names = [name.rpartition(".")[0] or name for name in site.domains]
    people = [part for address in site.admins for part in address.split("@")[:1]]
    found: dict[str, None] = {}
    for text in (*names, host.partition(".")[0], *people, *more):
        for word in re.findall(r"[a-z0-9]+", text.lower()):
            if len(word) >= LEAST and word not in _EVERYWHERE and not word.isdigit():
                found[word] = None
    return tuple(found)[:MOST]
