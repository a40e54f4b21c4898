"""Which domains Postfix counts as its own: does a pattern, or a top-level domain, count everybody's?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lockdown.facts.access_tables import access_entries
from lockdown.facts.postfix import DOMAIN_LISTS, Postfix, Service
from lockdown.model.unknown import Unknown


@dataclass(frozen=True, slots=True)
class Matches:
    """What was found: the words that match everything, or why that cannot be told; both empty when all is listed."""

    parameter: str = ""
    matches_everything: str = ""
    unread: str = ""


def domain_lists(server: Postfix, service: Service | None) -> Matches:
    """The worst of the four lists: one that matches everything before one that could not be read."""
    found = [match for name in DOMAIN_LISTS for match in _matches(server, service, name)]
    everything = (match for match in found if match.matches_everything)
    return next(everything, next((match for match in found if match.unread), Matches()))


def _matches(server: Postfix, service: Service | None, name: str) -> Iterator[Matches]:
    aliases = set(re.findall(r"[^\s,]+", server.value("virtual_alias_maps", service)))
    for word in re.findall(r"[^\s,]+", server.value(name, service)):
        if ":" in word or word.startswith("/"):
            yield from _of_table(server, name, word, is_alias_map=word in aliases)
        elif name == "relay_domains" and _is_top_level(server, service, word):
            yield Matches(name, f"{name} names {word}, and with it every domain below")


_LABEL = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?\Z")


def _is_top_level(server: Postfix, service: Service | None, word: str) -> bool:
    """relay_domains covers sub-domains as well, unless parent_domain_matches_subdomains leaves it out.

    What no top-level domain can look like (`*`, which is no pattern here, or a placeholder) covers nobody's domains; a
    short name of the machine itself, that old defaults list in relay_domains again, neither.
    """
    parents = re.split(r"[\s,]+", server.value("parent_domain_matches_subdomains", service))
    label = word.lstrip(".").lower()
    own = re.split(r"[\s,]+", server.value("mydestination", service).lower())
    if label in ("localhost", *own) or not _LABEL.match(label):
        return False
    return "relay_domains" in parents or word.startswith(".")


def _of_table(server: Postfix, name: str, word: str, *, is_alias_map: bool) -> Iterator[Matches]:
    kind = word.removeprefix("proxy:").partition(":")[0]
    if is_alias_map and kind not in ("regexp", "pcre", "static"):
        return  # a table of addresses: a domain is in it only by its full name
    match access_entries(word, server.table):
        case Unknown(why):
            yield Matches(name, unread=why)
        case entries:
            if match := next((entry for entry in entries if entry.matches_all), None):
                yield Matches(name, f"{name} holds {word}, which matches {match.key}")
