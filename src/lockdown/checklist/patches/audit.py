"""Audit of item 10: are fixes offered here, are they installed, are they in use, and does that happen by itself?

What is judged is the distribution's own word: its security suites, its dates. A version alone says nothing, since
distributions mend old versions in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from lockdown.checklist.patches.audit_automatic import audit_automatic
from lockdown.checklist.patches.controls import (
    BY_HAND,
    EXCEPTIONS,
    EXPOSED_UPDATES,
    IN_USE,
    KERNEL,
    LISTS_FRESH,
    OTHER_UPDATES,
    RELEASE_SUPPORTED,
    SECURITY_SOURCE,
    WHOLE,
)
from lockdown.config import Settings
from lockdown.facts.apt_conf import AptConf, apt_conf
from lockdown.facts.apt_pins import keeping_pins
from lockdown.facts.apt_sources import apt_sources
from lockdown.facts.automatic_updates import Automatic, automatic
from lockdown.facts.kernels import kernels
from lockdown.facts.old_code import old_code
from lockdown.facts.outside_apps import outside_apps
from lockdown.facts.packages import STATUS, Package, Pending, last_fetched, packages, pending
from lockdown.facts.release import release
from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Control, Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

EXPOSED = frozenset((
    "postfix", "dovecot", "exim4", "opensmtpd", "sendmail", "cyrus-imapd", "courier", "openssl", "gnutls28",
    "openssh", "clamav", "rspamd", "spamassassin", "amavisd-new", "libarchive", "7zip", "p7zip",
    "unrar-nonfree", "unrar-free", "nginx", "apache2", "lighttpd", "roundcube", "php7.4", "php8.2", "php8.4",
    "bind9", "unbound", "glibc", "cyrus-sasl2", "opendkim", "opendmarc", "redis", "mailman3", "sogo",
    "fail2ban", "postfixadmin",
))  # fmt: skip
"""Sources of packages that read what strangers send."""
OLD_LISTS = {"starter": timedelta(days=14), "business": timedelta(days=7), "strict": timedelta(days=3)}
"""An evening's failure of a mirror is none; a week without news is."""
SOON = timedelta(days=60)
AS_ROOT = "sudo lockdown audit"


def audit(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Every control of the item that a machine can show."""
    yield from _updates(snapshot)
    yield _lists(snapshot, policy)
    yield _source(snapshot)
    yield _release(snapshot)
    yield _in_use(snapshot)
    yield _kernel(snapshot)
    yield from audit_automatic(snapshot, policy)
    yield from _exceptions(snapshot)
    yield _whole(snapshot)
    yield from _by_hand(snapshot)


def not_told(control: Control, why: Absent | Unknown, command: str = AS_ROOT) -> Finding:
    """Nothing to judge where it is surely not there; else why it could not be told."""
    if isinstance(why, Absent):
        return control.finding(State.NOT_APPLICABLE, f"This machine has no packages of Debian's kind: {why.why}.")
    return control.finding(State.UNKNOWN, f"It could not be read: {why.why}.", next_command=command)


def _updates(snapshot: Snapshot) -> Iterator[Finding]:
    known, waiting = packages(snapshot), pending(snapshot)
    for control, exposed in ((EXPOSED_UPDATES, True), (OTHER_UPDATES, False)):
        if isinstance(waiting, tuple):
            own = [update for update in waiting if (update.package.source in EXPOSED) is exposed]
            yield _waiting(control, own, snapshot)
        elif isinstance(waiting, Absent) and isinstance(known, Mapping):
            says = f"Nobody can tell what waits: {waiting.why}."
            yield control.finding(State.UNKNOWN, says, next_command="sudo apt-get update && sudo lockdown audit")
        else:
            yield not_told(control, waiting)


def _waiting(control: Control, own: list[Pending], snapshot: Snapshot) -> Finding:
    what = "programs that strangers reach" if control is EXPOSED_UPDATES else "other packages"
    if not own:
        source = Evidence(STATUS, "compared with the lists of the security suites")
        return control.finding(State.PASS, f"No security update for {what} waits.", source)
    names = ", ".join(sorted({update.package.source for update in own})[:6])
    known = [update.since for update in own if update.since]
    days = (snapshot.taken_at - min(known)).days if known else 0
    since = f", the oldest for at least {days} days" if days > 0 else ""
    # What installs itself tomorrow is no alarm today; what strangers reach and nothing installs is.
    itself = automatic(snapshot)
    comes = isinstance(itself, Automatic) and itself.is_on and itself.takes_security
    state = State.FAIL if control is EXPOSED_UPDATES and not (comes and days < 2) else State.WARN
    says = f"{len(own)} security {'update waits' if len(own) == 1 else 'updates wait'} for {what}: {names}{since}."
    shown = (Evidence(update.path, f"{_change(update)}") for update in own[:8])
    return control.finding(state, says, *shown)


def _change(update: Pending) -> str:
    return f"{update.package.name} {update.package.version} → {update.offered}"


def _lists(snapshot: Snapshot, policy: Settings) -> Finding:
    fetched, known = last_fetched(snapshot), packages(snapshot)
    if isinstance(known, Absent):
        return not_told(LISTS_FRESH, known)
    if isinstance(fetched, Unknown):
        return not_told(LISTS_FRESH, fetched)
    if isinstance(fetched, Absent):
        return LISTS_FRESH.finding(State.FAIL, f"Nothing tells of updates: {fetched.why}.")
    age, limit = snapshot.taken_at - fetched, OLD_LISTS[policy.site.profile]
    evidence = Evidence("/var/lib/apt/lists", f"last fetched {fetched:%Y-%m-%d %H:%M} UTC")
    says = f"The lists of updates are {max(0, age.days)} days old."
    if age <= limit:
        return LISTS_FRESH.finding(State.PASS, says, evidence)
    return LISTS_FRESH.finding(State.FAIL if age > 4 * limit else State.WARN, says, evidence)


def _source(snapshot: Snapshot) -> Finding:
    found = apt_sources(snapshot)
    if isinstance(found, Unknown | Absent):
        return not_told(SECURITY_SOURCE, found)
    for source in found:
        if source.is_security:
            return SECURITY_SOURCE.finding(State.PASS, f"Fixes come by {source.suite}.", source.evidence)
    running = release(snapshot)
    if isinstance(running, Unknown | Absent) or running.support is None:
        says = "No security suite is among the sources, and whether this distribution has one is not known."
        return SECURITY_SOURCE.finding(State.UNKNOWN, says, next_command="apt-cache policy")
    says = f"No security suite is among the {len(found)} sources: {running.name} fixes holes there first."
    return SECURITY_SOURCE.finding(State.FAIL, says, *(source.evidence for source in found[:3]))


def _release(snapshot: Snapshot) -> Finding:
    found = release(snapshot)
    if isinstance(found, Unknown | Absent):
        return RELEASE_SUPPORTED.finding(
            State.UNKNOWN, f"The release could not be read: {found.why}.", next_command="cat /etc/os-release"
        )
    support = found.support
    if support is None:
        says = f"Until when {found.name} gets fixes is not known here."
        return RELEASE_SUPPORTED.finding(State.UNKNOWN, says, found.evidence, next_command="read its release page")
    now = snapshot.taken_at
    if now <= support.ends:
        soon = support.ends - now < SOON and support.long_term_ends is None
        says = f"{found.name} gets security updates until {support.ends:%Y-%m-%d}."
        return RELEASE_SUPPORTED.finding(State.WARN if soon else State.PASS, says, found.evidence)
    if support.long_term_ends and now <= support.long_term_ends:
        soon = support.long_term_ends - now < SOON
        says = f"{found.name} gets fixes from its long-term team alone, until {support.long_term_ends:%Y-%m-%d}."
        return RELEASE_SUPPORTED.finding(State.WARN if soon else State.PASS, says, found.evidence)
    says = f"{found.name} gets no security updates since {support.long_term_ends or support.ends:%Y-%m-%d}."
    return RELEASE_SUPPORTED.finding(State.FAIL, says, found.evidence)


def _in_use(snapshot: Snapshot) -> Finding:
    found = old_code(snapshot)
    if isinstance(found, Unknown):
        return not_told(IN_USE, found)
    if found.found:
        names = ", ".join(sorted({old.program for old in found.found})[:8])
        says = f"{len(found.found)} processes run code that has been replaced on disk: {names}."
        shown = (Evidence(f"/proc/{old.pid}/maps", f"{old.program}: {old.file} is gone") for old in found.found[:8])
        return IN_USE.finding(State.WARN, says, *shown)
    if not found.whole:
        says = "Only the processes of one user could be looked at, and those are current."
        return IN_USE.finding(State.UNKNOWN, says, next_command=AS_ROOT)
    return IN_USE.finding(State.PASS, "Every process runs the code that is installed.", Evidence("/proc/*/maps", ""))


def _kernel(snapshot: Snapshot) -> Finding:
    found = kernels(snapshot)
    if isinstance(found, Absent):
        return KERNEL.finding(State.NOT_APPLICABLE, f"{found.why[:1].upper()}{found.why[1:]}.")
    if isinstance(found, Unknown):
        return not_told(KERNEL, found)
    evidence = Evidence("uname -r", found.running)
    if found.is_old:
        says = f"Kernel {found.running} runs, and {found.newest} is installed."
        return KERNEL.finding(State.WARN, says, evidence, Evidence("/boot", f"vmlinuz-{found.newest}"))
    if found.asking:
        says = f"A restart is asked for by {', '.join(found.asking[:4])}."
        return KERNEL.finding(State.WARN, says, evidence, Evidence("/run/reboot-required", ", ".join(found.asking)))
    return KERNEL.finding(State.PASS, f"The newest installed kernel runs: {found.running}.", evidence)


def _exceptions(snapshot: Snapshot) -> Iterator[Finding]:
    known, conf, pins = packages(snapshot), apt_conf(snapshot), keeping_pins(snapshot)
    if not isinstance(known, Mapping):
        yield not_told(EXCEPTIONS, known)
        return
    yield from _unwaived(_held(known))
    if isinstance(conf, AptConf):
        yield from _unwaived(_passed_over(conf))
    if isinstance(pins, Unknown):
        yield not_told(EXCEPTIONS, pins)
    else:
        yield from _unwaived(pins)
    if not [*_held(known), *(_passed_over(conf) if isinstance(conf, AptConf) else ()), *_or_none(pins)]:
        if isinstance(conf, Unknown):
            yield not_told(EXCEPTIONS, conf)
        elif not isinstance(pins, Unknown):
            evidence = Evidence(STATUS, f"{len(known)} packages, none on hold")
            yield EXCEPTIONS.finding(State.PASS, "No package is kept from its updates.", evidence)


def _or_none(pins: tuple[tuple[str, Evidence], ...] | Unknown) -> tuple[tuple[str, Evidence], ...]:
    return () if isinstance(pins, Unknown) else pins


def _held(known: Mapping[str, Package]) -> tuple[tuple[str, Evidence], ...]:
    held = (package for package in known.values() if package.is_held)
    return tuple((package.name, Evidence(STATUS, f"{package.name}: {package.status}")) for package in held)


def _passed_over(conf: AptConf) -> tuple[tuple[str, Evidence], ...]:
    return tuple((word.value, word.evidence) for word in conf.all("Unattended-Upgrade::Package-Blacklist"))


def _unwaived(kept: tuple[tuple[str, Evidence], ...]) -> Iterator[Finding]:
    for name, evidence in kept[:20]:
        says = f"{name} is kept from updates, and nobody has said why and until when."
        yield EXCEPTIONS.finding(State.WARN, says, evidence, target=name)


def _whole(snapshot: Snapshot) -> Finding:
    known = packages(snapshot)
    if not isinstance(known, Mapping):
        return not_told(WHOLE, known)
    broken = [package for package in known.values() if not package.is_whole]
    if broken:
        says = f"{len(broken)} packages are half installed: {', '.join(package.name for package in broken[:5])}."
        shown = (Evidence(STATUS, f"{package.name}: {package.status}") for package in broken[:5])
        return WHOLE.finding(State.FAIL, says, *shown)
    evidence = Evidence(STATUS, f"{len(known)} packages")
    return WHOLE.finding(State.PASS, "Every package that was begun is installed whole.", evidence)


def _by_hand(snapshot: Snapshot) -> Iterator[Finding]:
    found = outside_apps(snapshot)
    if isinstance(found, Unknown):
        yield not_told(BY_HAND, found)
        return
    for app in found[:20]:
        says = f"{app.name} {app.version} was put there by hand: nothing here tells whether it needs a fix."
        yield BY_HAND.finding(
            State.UNKNOWN, says, app.evidence, target=app.folder, next_command=f"compare it with {app.news}"
        )
    if not found:
        evidence = Evidence("version files", "none below /var/www, /opt, /srv, /usr/local")
        yield BY_HAND.finding(State.PASS, "No web program that was put there by hand was found.", evidence)
