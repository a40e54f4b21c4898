"""TLS of Postfix: each change is judged on the server as it would be, so that one does not leave the next undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lockdown.checklist.dmz.audit_tls import of_postfix, uses_tls_always
from lockdown.checklist.dmz.server_tls_controls import NOT_FORCED, OUTGOING, STARTTLS, VERSIONS
from lockdown.config import Settings
from lockdown.facts import certificates
from lockdown.facts.key_pairs import Pair, pairs
from lockdown.facts.postfix import Postfix, Service
from lockdown.facts.postfix_change import as_if, set_where_written
from lockdown.model.change import Change, Left, Proposal, Risk
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_BAD = (State.FAIL, State.WARN)
_ROUNDS = 4
_LEVEL = "smtpd_tls_security_level"
_NONE_KNOWN = "none known: who cannot speak TLS goes on as before"
_EFFECTS = {
    STARTTLS.id: (Risk.NONE, _NONE_KNOWN),
    NOT_FORCED.id: (Risk.LOW, "servers without TLS, which were turned away, may deliver in the open"),
    OUTGOING.id: (Risk.NONE, "none known: to a server without TLS mail goes as before"),
    VERSIONS.id: (
        Risk.LOW,
        "mail programs and servers of before 2012 cannot connect over TLS; on port 25 they go without",
    ),
}
Made = tuple[Change, ...] | str
"""The changes, or why there are none."""


def enforce_postfix(snapshot: Snapshot, server: Postfix, policy: Settings) -> Iterator[Proposal | Left]:
    """For each finding on TLS of Postfix that does not hold, and for those that only show once another is mended."""
    done: list[Change] = []
    seen: set[tuple[str, str]] = set()
    for _ in range(_ROUNDS):
        then = as_if(server, done)
        bad = [one for one in of_postfix(then, policy) if one.state in _BAD and (one.control, one.target) not in seen]
        for finding in bad:
            seen.add((finding.control, finding.target))
            made = _MEND[finding.control](snapshot, then, _service(then, finding))
            if isinstance(made, str):
                yield Left(finding.control, f"{finding.says} {made}", finding.next_command, finding.target)
                continue
            done += made
            risk, effects = _EFFECTS[finding.control]
            why = finding.says if not (named := _named(snapshot, made)) else f"{finding.says} {named}"
            yield from (Proposal(finding.control, one, why, risk, effects, finding.target) for one in made)


def _service(server: Postfix, finding: Finding) -> Service | None:
    return next((one for one in server.services if finding.target == f"postfix {one.label}"), None)


# ── one for each control ──


def _offer(snapshot: Snapshot, server: Postfix, service: Service | None) -> Made:
    """`may`, and a certificate where none is named: better one of the machine's own than mail in the open."""
    level = set_where_written(server, _LEVEL, "may", service)
    named = [path for path in certificates.of_postfix(server) if path.startswith("/")]
    if named:
        unread = [one for path in named if isinstance(one := certificates.certificate(snapshot, path), Unknown)]
        return f"The certificate that is named could not be read: {unread[0].why}." if unread else (level,)
    pair = pairs(snapshot, server.value("myhostname"))
    if isinstance(pair, Unknown):
        return f"{pair.why}, and STARTTLS needs a certificate with its key."
    return (
        level,
        set_where_written(server, "smtpd_tls_cert_file", pair.certificate, service),
        set_where_written(server, "smtpd_tls_key_file", pair.key, service),
    )


def _allow_without(snapshot: Snapshot, server: Postfix, service: Service | None) -> Made:
    return (set_where_written(server, _LEVEL, "may", service),)


def _use_outgoing(snapshot: Snapshot, server: Postfix, service: Service | None) -> Made:
    return (set_where_written(server, "smtp_tls_security_level", "may"),)


def _drop_old(snapshot: Snapshot, server: Postfix, service: Service | None) -> Made:
    always = service is not None and uses_tls_always(server, service)
    name = "smtpd_tls_mandatory_protocols" if always else "smtpd_tls_protocols"
    # `>=` is understood since Postfix 3.6; before, what is not wanted is named.
    value = ">=TLSv1.2" if server.version >= (3, 6) else "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1"
    return (set_where_written(server, name, value, service),)


_MEND: dict[str, Callable[[Snapshot, Postfix, Service | None], Made]] = {
    STARTTLS.id: _offer,
    NOT_FORCED.id: _allow_without,
    OUTGOING.id: _use_outgoing,
    VERSIONS.id: _drop_old,
}


def _named(snapshot: Snapshot, made: tuple[Change, ...]) -> str:
    """What is to be known of a certificate that is named now."""
    paths = [one.value for one in made if getattr(one, "name", "") == "smtpd_tls_cert_file"]  # type: ignore[union-attr]
    if not paths:
        return ""
    made_here = Pair(paths[0] or "", "").is_made_here
    what = (
        "which no other authority has signed; servers take it all the same" if made_here else "which lies here already"
    )
    return f"The certificate is {paths[0]}, {what}."
