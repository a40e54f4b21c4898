"""Bait: a scheme of fraud or spam, weighed by who offers it and whether that hangs together.

Fails as: no reason. Costs one pass over the words of the letter; what follows is only asked of letters that speak of
something.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from lockdown.checklist.antispam.coherence import (
    clicked,
    fits,
    leads_home,
    names_brand,
    names_domain,
    of_domains,
    of_paths,
)
from lockdown.checklist.antispam.concepts import concepts
from lockdown.checklist.antispam.lexicon import Concept
from lockdown.checklist.antispam.places import FREE_MAIL, named
from lockdown.checklist.antispam.schemes import SCHEMES, Scheme, View, likely, schemes
from lockdown.mime.domains import organisational
from lockdown.model.scan import Letter, Link, Mailbox, Reason

MOST_BUILD = 4.0
"""What may be added for the way it is made, however odd."""
_WORTH = 2.0
"""Points from which a scheme counts as one."""
_STRONG = 2.8
"""Points from which a scheme is plain."""
_STRANGE = named(
    "name-misfits lure-domain by-script to-nobody speaks-of-brand one-way free-mail speaks-of-victim leads-away"
)
_SECOND = 0.35
"""What the second scheme of a letter counts: they overlap."""
_LONG, _VERY_LONG, _MANY_HOSTS, _MANY_LINKS = 1500, 2400, 5, 12
_PAGE_ENDS = (".htm", ".html", ".shtml", ".svg", ".xhtml")


class Sender(NamedTuple):
    """Who writes, as far as it is known."""

    box: Mailbox
    vouched: bool
    """SPF, DKIM or DMARC passes for the domain of From."""
    known: bool
    """Vouched for, and seen before."""
    bulk: bool
    """Says itself that it writes to many, and somebody vouches for it."""
    listed: bool
    """It says so, and nobody need vouch for it."""
    in_thread: bool
    ours: bool
    domain: str
    """Of the box."""


class Spoken(NamedTuple):
    """The beginning of a letter, taken apart once."""

    low: str
    """Lower case."""
    every: list[bytes]
    """Its words."""
    known: frozenset[bytes]
    """Those that some list has."""


class Bait(NamedTuple):
    """What was found: reasons, and the schemes they are of."""

    reasons: tuple[Reason, ...] = ()
    schemes: frozenset[str] = frozenset()


NONE = Bait()
_Told: TypeAlias = tuple[dict[Concept, int], str, list[bytes], bool, bool]
"""The first fields of a View."""


def bait(letter: Letter, sender: Sender, recipients: list[str], spoken: Spoken, told: float) -> Bait:
    """All schemes and oddities of a letter; `told` is what was given for its words before, and is not given twice."""
    links = clicked(letter) if letter.links else []
    found = of_paths(links, recipients) if links else ()
    if sender.known:
        return Bait(found) if found else NONE
    low, words, known = spoken
    subjects = concepts(words, low, known)
    pages = bool(letter.attachments) and any(name.lower().endswith(_PAGE_ENDS) for name in letter.attachments)
    lures = bool(links) or pages or bool(letter.form_actions) or (bool(letter.images) and not letter.attachments)
    asked = likely(subjects, links=lures, html=letter.has_html or pages)
    if not asked and not lures:
        return Bait(found) if found else NONE
    view = _view(letter, sender, links, (subjects, low, words, lures, letter.has_html or pages))
    if not asked and view.coherent:
        return Bait(found) if found else NONE
    weighed = _weighed(asked, view, sender) if asked else []
    points = weighed[0][1] + sum(_SECOND * other for _, other in weighed[1:2]) if weighed else 0.0
    reasons = [*found]
    if points > told:
        scheme = weighed[0][0]
        reasons.append(Reason(f"scheme-{scheme.name}", round(points - told, 2), f"it looks like this: {scheme.says}"))
    if points >= _WORTH or (view.links and not view.coherent):
        odd = list(_build(letter, sender, view, links, known, recipients))
        if weighed and weighed[0][0].name == "one-way":
            odd = [one for one in odd if one.name != "one-way"]
        keeps = _keeps(weighed[0][0] if weighed else SCHEMES[0], view, sender)
        reasons += _share(odd, min(1.0, 1.2 * keeps), points)
        if points >= _STRONG and keeps > 0.6 and len(strange := [one.name for one in odd if one.name in _STRANGE]) > 1:
            reasons.append(Reason("bait", 1.2, f"and little in it hangs together ({', '.join(strange)})"))
    plain = frozenset([one.name for one, share in weighed if share >= _WORTH]) if points >= _WORTH else NONE.schemes
    return Bait(tuple(reasons), plain)


def _share(odd: list[Reason], keeps: float, points: float) -> Iterator[Reason]:
    """What counts of the way it is made: all of it beside a scheme, what is beyond the usual without one."""
    left = MOST_BUILD if points >= _WORTH else MOST_BUILD - 1.0 if points >= 0.7 else MOST_BUILD - 1.5
    spare = 0.0 if points >= _WORTH else 0.7 if points >= 0.7 else 1.5
    if sum([reason.points for reason in odd]) * keeps <= spare:
        return
    for reason in sorted(odd, key=lambda one: one.points, reverse=True):
        worth = reason.points * keeps
        forgiven = min(spare, worth)
        spare -= forgiven
        if (share := min(worth - forgiven, left)) > 0.05:
            left -= share
            yield reason._replace(points=round(share, 2))


def _view(letter: Letter, sender: Sender, links: list[Link], told: _Told) -> View:
    """What was told, and what is asked only of letters that speak of something."""
    name, address = sender.box
    domain = sender.domain
    own_name, home = names_domain(name, domain), not links or leads_home(links, domain)
    return View(
        *told,
        domain in FREE_MAIL,
        bool(name) and fits(name, address) is False,
        _is_to_nobody(letter),
        own_name and home,
        own_name,
        len({organisational(link.host) for link in links}) if len(links) >= _MANY_HOSTS else 1,
        len(links) > _MANY_LINKS,
        letter.has_html and bool(links) and (len(links) == 1 or len({link.url for link in links}) == 1),
        home,
    )


def _is_to_nobody(letter: Letter) -> bool:
    return not (letter.recipients and (letter.recipients[0].address or any(to.address for to in letter.recipients)))


def _weighed(asked: tuple[Scheme, ...], view: View, sender: Sender) -> list[tuple[Scheme, float]]:
    """What each scheme keeps of its points, the most first."""
    found = [(scheme, points * _keeps(scheme, view, sender)) for scheme, points in schemes(view, asked)]
    return sorted(found, key=_kept, reverse=True) if len(found) > 1 else found


def _kept(one: tuple[Scheme, float]) -> float:
    return one[1]


def _keeps(scheme: Scheme, view: View, sender: Sender) -> float:
    """The share of its points that a scheme keeps."""
    return _trust(scheme, view, sender) * _length(scheme, view)


def _trust(scheme: Scheme, view: View, sender: Sender) -> float:
    """The share that who writes leaves of it."""
    if sender.in_thread:
        # Anybody can write that it is an answer; people on lists mean it.
        return 0.5 if sender.listed else 0.7
    listed = 0.7 if sender.listed and not sender.bulk else 1.0
    if not scheme.is_claim:
        return (0.65 if sender.vouched and view.own_name else 0.85) if sender.bulk else listed
    if view.misfit:
        return 0.8 if sender.bulk else 1.0
    coherent = view.coherent and view.links and not view.free_mail
    if sender.bulk:
        return 0.35 if sender.vouched and view.own_name else 0.7
    if coherent:
        return 0.45 if sender.vouched else 0.6
    return listed


def _length(scheme: Scheme, view: View) -> float:
    if not scheme.is_claim and not view.links:
        return 1.0
    length = 1.0 if len(view.text) < _LONG else 0.6 if len(view.text) < _VERY_LONG else 0.4
    if view.links and not view.html:
        # Nobody asks for a click in plain text, and people who write to lists quote links.
        length *= 0.7
    # A letter with a dozen links is a newsletter or an answer to one; bait has one place to go.
    return 0.6 * length if view.hosts >= _MANY_HOSTS or view.many_links else length


def _build(
    letter: Letter, sender: Sender, view: View, links: list[Link], known: frozenset[bytes], recipients: list[str]
) -> Iterator[Reason]:
    """How it is made: each is honest by itself."""
    box = sender.box
    if not sender.ours:
        yield from of_domains(sender.domain, links)
    if view.misfit:
        yield Reason("name-misfits", 1.0, f"“{box.name[:60]}” has nothing to do with {box.address}")
    if letter.has_html and not letter.has_text and not sender.bulk:
        yield Reason("html-only", 0.5, "HTML without a text beside it")
    if "x-php-originating-script" in letter.fields or "x-php-script" in letter.fields:
        yield Reason("by-script", 0.7, "sent by a script on a web server")
    if view.nobody:
        yield Reason("to-nobody", 0.5, "addressed to nobody")
    if view.free_mail and view.links:
        yield Reason("free-mail", 0.5, f"from {sender.domain}, where anybody can have a mailbox")
    if (links or view.free_mail) and (brand := names_brand(known, sender.domain, links)):
        yield Reason("speaks-of-brand", 1.0, f"it speaks of {brand}, and nothing in it is of {brand}")
    if links:
        yield from _of_links(sender, view, links)
    if view.links and (victim := next((to for to in recipients if to.lower() in view.text), "")):
        yield Reason("speaks-of-victim", 1.2, f"it speaks of the mailbox {victim}")
    if view.html and view.links and not COUNTED.isdisjoint(known):
        yield Reason("counts-hours", 0.5, "it counts the hours")


def _of_links(sender: Sender, view: View, links: list[Link]) -> Iterator[Reason]:
    """Honest templates link to more than one place of their own: the sender, the small print, the way out."""
    if view.html and not sender.bulk and not view.home:
        yield Reason("leads-away", 0.7, "its links lead away from its sender")
    if view.one_way and not sender.bulk:
        yield Reason("one-way", 0.7, "one link, and no other")


COUNTED = frozenset((b"24", b"48", b"72", b"24h", b"48h", b"72h", b"12", b"24hrs", b"48hrs"))
