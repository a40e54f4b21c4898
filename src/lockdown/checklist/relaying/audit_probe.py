"""What item 8 says of what a stranger was told: the ladder from "refused" to "it arrived".

An answer of 4xx is no answer: it never passes and never fails. Where nothing was probed, nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from lockdown.checklist.relaying.probe_controls import (
    PROBE_CONTROLS,
    SEEN_OWN_MAIL,
    SEEN_PASSWORDS,
    SEEN_RELAY,
    SEEN_SMUGGLING,
    SEEN_XCLIENT,
)
from lockdown.config import Settings
from lockdown.facts.probed import Attempt, Listener, is_local, left_out, reached, was_probed
from lockdown.facts.relay_forms import PLAIN
from lockdown.model.finding import Control, Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

Told = tuple[State, str, str]
"""How it stands, the sentence, and the words of the server that it rests on."""

_AGAIN = "lockdown probe HOST     (again, in ten minutes: a greylisted stranger is let in then)"
_LOGS_IN = frozenset({465, 587})
_PASS, _WARN, _FAIL, _UNKNOWN, _NA = State.PASS, State.WARN, State.FAIL, State.UNKNOWN, State.NOT_APPLICABLE
_CLEAR = frozenset({"PLAIN", "LOGIN"})


def audit_probe(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Every control on every listener that was asked."""
    if not was_probed(snapshot):
        return
    asked = reached(snapshot)
    for control in PROBE_CONTROLS:
        if not asked:
            yield control.finding(_NA, "No mail listener was asked.", target="probe")
        for place, seen in asked:
            yield _finding(control, place, seen, snapshot)


def _finding(control: Control, place: str, seen: Listener | Unknown, snapshot: Snapshot) -> Finding:
    if isinstance(seen, Unknown):
        says = f"{place} could not be asked: {seen.why}."
        return control.finding(_UNKNOWN, says, target=place, next_command=_AGAIN)
    state, says, words = _JUDGES[control](seen, snapshot)
    evidence = (Evidence(seen.source, words),) if words else ()
    return control.finding(state, says, *evidence, target=place, next_command=_AGAIN if state is _UNKNOWN else "")


def _relay(seen: Listener, snapshot: Snapshot) -> Told:
    taken = [one for one in seen.relay if _counts(one, seen)]
    for outcome, judge in _LADDER.items():
        found = [one for one in taken if one.outcome == outcome]
        if found:
            return _of_local(found, seen) if is_local(snapshot) else judge(found)
    return _not_taken(seen)


def _counts(one: Attempt, seen: Listener) -> bool:
    """A form that might be a mailbox of its own tells nothing where every mailbox is taken at RCPT."""
    if one.outcome != "taken-at-rcpt" or not (seen.unknown.took or seen.unknown.put_off):
        return one.outcome in _LADDER
    return one.recipient_form in (PLAIN, "R23", "R24")


def _arrived(found: Sequence[Attempt]) -> Told:
    return _FAIL, f"A stranger's mail went through it and arrived: {_forms(found)}.", _words(found[0])


def _at_data(found: Sequence[Attempt]) -> Told:
    says = f"It took a stranger's mail to somebody who is not its own, to be sent on: {_forms(found)}."
    return _FAIL, says, _words(found[0])


def _at_rcpt(found: Sequence[Attempt]) -> Told:
    says = f"It takes recipients that are not its own; whether it sends on was not tried: {_forms(found)}."
    return _WARN, says, _words(found[0])


_LADDER: Mapping[str, Callable[[Sequence[Attempt]], Told]] = {
    "arrived": _arrived,
    "taken-at-data": _at_data,
    "taken-at-rcpt": _at_rcpt,
}


def _of_local(found: Sequence[Attempt], seen: Listener) -> Told:
    says = f"It relays for this machine itself, as it may; ask {seen.place} from another one."
    return _UNKNOWN, says, _words(found[0])


def _not_taken(seen: Listener) -> Told:
    refused = [one for one in seen.relay if one.outcome == "refused"]
    plain = [one for one in refused if one.recipient_form == PLAIN]
    untested = [one for one in seen.relay if one.outcome in ("put-off", "not-tested")]
    if not plain:
        first = untested[0] if untested else None
        why = (first.why or str(first.said)) if first else "nothing was tried"
        return _UNKNOWN, f"Whether it relays could not be tested: {why}.", _words(first) if first else ""
    if _refuses_all(seen, refused):
        return _UNKNOWN, "It refuses its own mail in the same way: that tells nothing of relaying.", _words(plain[0])
    rest = f"; {len(untested)} could not be tested" if untested else ""
    return _PASS, f"It refused all of {len(refused)} attempts to relay{rest}.", _words(plain[0])


def _refuses_all(seen: Listener, refused: Sequence[Attempt]) -> bool:
    says_why = any("relay" in one.said.text.lower() for one in refused)
    return seen.port not in _LOGS_IN and not says_why and seen.postmaster.refused


def _forms(found: Sequence[Attempt]) -> str:
    shown = ", ".join(f"{one.recipient} from {one.sender}" for one in found[:3])
    return shown + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _words(one: Attempt) -> str:
    return f"{one.sender_form} {one.recipient_form}: MAIL FROM:{one.sender} RCPT TO:{one.recipient} → {one.said}"


def _own_mail(seen: Listener, snapshot: Snapshot) -> Told:
    if seen.port in _LOGS_IN or seen.kind == "lmtp":
        return _NA, "Strangers' mail does not come in here.", ""
    if seen.null_sender.refused:
        return _FAIL, "It refuses mail without a sender: no bounce ever gets in.", str(seen.null_sender)
    for name, said, worst in (("postmaster", seen.postmaster, _FAIL), ("abuse", seen.abuse, _WARN)):
        if not said.took and not said.refused:
            return _UNKNOWN, f"Whether {name}@{seen.domain} gets in could not be told: {said}.", str(said)
        if said.refused and "relay" in said.text.lower():
            return _UNKNOWN, f"It does not take mail for {seen.domain}: name the domain that it is for.", str(said)
        if said.refused and not _is_about_us(said.text):
            return worst, f"It refuses mail to {name}@{seen.domain}.", str(said)
        if said.refused:
            return _UNKNOWN, "It refuses the address that the probe came from.", str(said)
    return _PASS, f"Bounces, postmaster@ and abuse@{seen.domain} get in.", str(seen.postmaster)


def _is_about_us(text: str) -> bool:
    return any(word in text.lower() for word in ("client host", "blocked", "blocklist", "block list", "helo"))


def _smuggling(seen: Listener, snapshot: Snapshot) -> Told:
    if not seen.smuggling:
        why = left_out(snapshot) or "only one listener of a server is asked"
        return _NA, f"Not tried: {why}.", ""
    if not seen.plain_letter.took:
        return _UNKNOWN, f"Not even a plain letter got in: {seen.plain_letter}.", str(seen.plain_letter)
    fooled = [one for one in seen.smuggling if one.outcome == "taken-as-end"]
    if fooled:
        names = ", ".join(one.variant for one in fooled)
        return _FAIL, f"It takes false ends of data for the end of a message: {names}.", str(fooled[0].said)
    untold = [one for one in seen.smuggling if one.outcome == "not-tested"]
    if untold:
        names = ", ".join(one.variant for one in untold)
        return _UNKNOWN, f"Some false ends of data could not be tried: {names}.", str(untold[0].said)
    return _PASS, f"None of {len(seen.smuggling)} false ends of data was taken for one.", str(seen.plain_letter)


def _passwords(seen: Listener, snapshot: Snapshot) -> Told:
    offered = seen.offered("AUTH")
    if seen.port == 465:
        return _NA, "It speaks TLS from the first octet.", ""
    if seen.kind == "lmtp" or offered is None:
        return _PASS, "It asks for no password before TLS.", " / ".join(seen.offers[:20])
    words = f"AUTH {' '.join(offered)}"
    if _CLEAR & set(offered):
        return _FAIL, "It takes passwords in plain text, before TLS.", words
    return _WARN, "It lets people log in before TLS, which a listener can take over.", words


def _xclient(seen: Listener, snapshot: Snapshot) -> Told:
    named = [word for word in ("XCLIENT", "XFORWARD") if seen.offered(word) is not None]
    if not named:
        return _PASS, "It lets nobody claim to be somebody else.", ""
    if is_local(snapshot):
        return _NA, f"It offers {named[0]} to this machine itself, as a gateway on it needs.", ""
    return _FAIL, f"It offers {' and '.join(named)} to whoever connects.", " / ".join(seen.offers[:20])


_JUDGES: Mapping[Control, Callable[[Listener, Snapshot], Told]] = {
    SEEN_RELAY: _relay,
    SEEN_OWN_MAIL: _own_mail,
    SEEN_SMUGGLING: _smuggling,
    SEEN_PASSWORDS: _passwords,
    SEEN_XCLIENT: _xclient,
}
