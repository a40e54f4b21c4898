"""Where the links of a letter lead, against what they show: lies, bare addresses, look-alikes, places for everybody.

Fails as: no reason. Bounded: MOST_HOSTS different hosts are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from lockdown.checklist.antispam.brands import within
from lockdown.checklist.antispam.places import CHEAP_ENDINGS, FREE_HOSTS, SHORTENERS, named
from lockdown.checklist.antispam.shapes import WEAK, Ours, resemblance
from lockdown.mime import letter as letters
from lockdown.mime import links as tricks
from lockdown.mime.domains import organisational, readable
from lockdown.mime.lookalike import How
from lockdown.model.scan import Letter, Reason

MOST_HOSTS = 60
"""Different hosts of links that are looked at."""

_SCRIPTS = ("javascript", "vbscript", "data", "file")
_FREE_HOST_ENDS = tuple(f".{host}" for host in FREE_HOSTS)
_SHOWN_URL = re.compile(r"(?:https?://)?((?:[\w-]{1,63}\.){1,8}[a-z]{2,24})(?:[/?#:]\S*)?", re.IGNORECASE)
# Not hxxp and dots in brackets: who warns of links writes them so, and nobody can click there.
_TRICK_POINTS = {
    tricks.ENTITIES_IN_HOST: 2.5, tricks.CONTROLS_IN_URL: 0.5, tricks.USER_IN_URL: 2.5, tricks.NUMBER_AS_HOST: 3.0,
    tricks.ESCAPED_HOST: 2.0, tricks.BACKSLASHES: 1.5,
    tricks.SPACED_OUT: 2.0, letters.ZERO_WIDTH: 2.0, letters.UNKNOWN_CHARSET: 0.5,
}  # fmt: skip


def of_links(letter: Letter, mine: Ours, sender_domain: str, *, bulk: bool) -> Iterator[Reason]:
    """All that the links of a letter say; `bulk` is mail that says itself that it is sent to many."""
    for trick in letter.hidden_by:
        if points := _TRICK_POINTS.get(trick):
            yield Reason("hidden" if trick != tricks.USER_IN_URL else "link-user", points, trick)
    yield from _of_lies(letter, sender_domain, bulk=bulk)
    hosts = dict.fromkeys([link.host for link in letter.links if not link.image and link.scheme != "mailto"])
    hosts.pop("", None)
    yield from _once([reason for host in list(hosts)[:MOST_HOSTS] for reason in _of_host(host, mine)])
    for link in letter.links:
        if link.scheme in _SCRIPTS:
            yield Reason("script-link", 2.0, f"a link of the scheme {link.scheme}:")
            return


def _of_lies(letter: Letter, sender_domain: str, *, bulk: bool) -> Iterator[Reason]:
    """A link that shows one domain and leads to another. Mailing services do so too, on all links and openly."""
    author = organisational(sender_domain)
    for link in [link for link in letter.links if "." in link.shown]:
        shown = _shown_domain(link.shown)
        if not shown or link.scheme == "mailto" or not link.host:
            continue
        wants, goes = organisational(shown), organisational(link.host)
        if wants == goes or any(organisational(to.host) == wants for to in tricks.inner(link.url)):
            continue
        leads = {organisational(link.host) for link in letter.links}
        points = 0.7 if bulk else 1.5 if wants in leads else 2.5 if author in (goes, wants) else 3.0
        yield Reason("link-lies", points, f"a link shows {shown} and leads to {link.host}")
        return


@lru_cache(maxsize=8192)
def _of_host(host: str, mine: Ours) -> tuple[Reason, ...]:
    """Of one host, which many letters link to."""
    return tuple(_of_place(host, mine))


def _of_place(host: str, mine: Ours) -> Iterator[Reason]:
    if host in FREE_HOSTS or host.endswith(_FREE_HOST_ENDS):
        yield Reason("free-host", 0.7, f"a page on {host}, where anybody can have one")
    elif host in SHORTENERS:
        yield Reason("shortener", 1.0, f"a link hidden behind {host}")
    elif host[-1].isdigit() or host[0] == "[":
        if not host.startswith(("127.", "10.", "192.168.")):
            yield Reason("link-to-address", 2.5, f"a link to the bare address {host}")
    else:
        yield from _of_name(host, mine)


def _of_name(host: str, mine: Ours) -> Iterator[Reason]:
    found = resemblance(host, mine)
    if found is not None and found.how not in WEAK:
        points = 3.0 if found.how is How.EXTRA_WORD else 4.0
        yield Reason("look-alike-link", points, f"a link to {found.says}")
    elif found is None and not mine.has(host) and (brand := within(host)):
        yield Reason("brand-in-link", 1.0, f"a link to {host}, which carries the name of {brand} and is not of it")
    if host.rpartition(".")[2] in CHEAP_ENDINGS:
        yield Reason("cheap-ending", 0.7, f"a link to {host}")
    if mixes_scripts(host):
        yield Reason("mixed-scripts", 3.0, f"a link to {host}, which mixes letters of several scripts")


def _once(reasons: list[Reason]) -> Iterable[Reason]:
    """The first of each name: ten links to one kind of place are no ten times as bad."""
    first: dict[str, Reason] = {}
    for reason in reasons:
        first.setdefault(reason.name, reason)
    return first.values()


def _shown_domain(shown: str) -> str:
    """The domain that a link's text shows where the text is a URL or a host, and nothing else."""
    found = _SHOWN_URL.fullmatch(shown.strip(" <>()[]\"'."))
    if found is None or (
        shown[:4].lower() not in ("http", "www.") and found[1].rpartition(".")[2].lower() not in _ENDINGS
    ):
        return ""
    return readable(found[1])


_ENDINGS = named(
    "com net org info biz eu de at ch fr es it nl be uk co io us ca au br mx jp cn kr in se no dk fi ru pl cz "
    "test example invalid gov edu bank app"
)


@lru_cache(maxsize=8192)
def mixes_scripts(host: str) -> bool:
    """Latin letters beside Greek or Cyrillic ones in one label: no registry of a country has such names."""
    if host.isascii():
        return False
    return any(
        any("a" <= char <= "z" for char in label) and any("\u0370" <= char <= "\u052f" for char in label)
        for label in host.split(".")
    )
