"""TLS of Dovecot, as drop-ins: only where it has a certificate that can be read, or its users would have no way in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lockdown.checklist.dmz.audit_tls import dovecot_versions, mailboxes_over_tls
from lockdown.checklist.dmz.server_tls_controls import MAILBOX_TLS, VERSIONS
from lockdown.facts import certificates
from lockdown.facts.dovecot import Dovecot, Setting, as_far_as_read
from lockdown.facts.dovecot_drop_ins import why_no_drop_in
from lockdown.model.change import Left, Proposal, PutFile, Risk
from lockdown.model.finding import Control, Evidence, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_FOLDER = "/etc/dovecot/conf.d/99-lockdown-"
TLS, LEAST = f"{_FOLDER}tls.conf", f"{_FOLDER}tls-versions.conf"
_BAD = (State.FAIL, State.WARN)


def enforce_dovecot(snapshot: Snapshot, found: Dovecot) -> Iterator[Proposal | Left]:
    """Passwords over TLS only; then what is judged of versions once TLS is on."""
    then = found
    tls = as_far_as_read(found, mailboxes_over_tls(found))
    if tls.state in _BAD:
        clear = ("auth_allow_cleartext", "no") if found.is_new else ("disable_plaintext_auth", "yes")
        wanted = (("ssl", "required"), clear)
        if why := _why_not(snapshot, found):
            yield Left(MAILBOX_TLS.id, f"{tls.says} {why[:1].upper()}{why[1:]}.", MAILBOX_TLS.fix, tls.target)
        else:
            then = _as_if(found, wanted)
            is_off = found.value("ssl", "yes") == "no"
            yield Proposal(
                MAILBOX_TLS.id,
                PutFile(TLS, _text(MAILBOX_TLS, "mailboxes are opened over TLS only.", wanted)),
                tls.says,
                Risk.HIGH if is_off else Risk.LOW,
                "mail programs that are set up without TLS must be set up again"
                + ": here that is all of them" * is_off,
                tls.target,
            )
    versions = as_far_as_read(then, dovecot_versions(then))
    if versions.state in _BAD:
        if why := why_no_drop_in(snapshot, found, LEAST, "ssl_min_protocol"):
            yield Left(
                VERSIONS.id, f"{versions.says} {why[:1].upper()}{why[1:]}.", versions.next_command, versions.target
            )
        else:
            file = PutFile(
                LEAST, _text(VERSIONS, "broken versions of TLS are off.", (("ssl_min_protocol", "TLSv1.2"),))
            )
            effects = "mail programs of before 2012 cannot connect"
            yield Proposal(VERSIONS.id, file, versions.says, Risk.LOW, effects, versions.target)


def _why_not(snapshot: Snapshot, found: Dovecot) -> str:
    """What keeps TLS from being demanded; empty: nothing."""
    if why := why_no_drop_in(snapshot, found, TLS, "ssl", "disable_plaintext_auth", "auth_allow_cleartext"):
        return why
    paths = certificates.of_dovecot(found)
    if not paths:
        return "Dovecot names no certificate, so nobody could get in"
    unread = [one.why for path in paths if isinstance(one := certificates.certificate(snapshot, path), Unknown)]
    if unread:
        return f"Whether its certificate is good could not be read: {unread[0]}"
    apart = [one for one in found.all("ssl") if one.within and not one.within[-1].startswith("inet_listener")]
    if apart:
        return f"{' '.join(apart[0].within)} has a word of its own on TLS, which somebody wrote for a reason"
    return ""


def _text(control: Control, what: str, settings: tuple[tuple[str, str], ...]) -> str:
    lines = "".join(f"{name} = {value}\n" for name, value in settings)
    return (
        f"# Lockdown: {control.id}: {what}\n"
        f"# What was changed, and when: lockdown history. To undo it: lockdown rollback.\n{lines}"
    )


def _as_if(found: Dovecot, settings: tuple[tuple[str, str], ...]) -> Dovecot:
    """Dovecot with these written last."""
    added = tuple(Setting(name, value, (), Evidence(TLS, f"{name} = {value}")) for name, value in settings)
    return replace(found, settings=(*found.settings, *added))
