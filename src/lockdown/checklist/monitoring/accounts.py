"""Watch over accounts: one in foreign hands is told of, held, or locked; who guesses passwords is shut out of sign-in.

Under the score lie caps that no account passes, whatever its history. A network from which somebody signed in lately is
never shut out: there sits an owner, with an old password or with a thief beside him. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from lockdown.checklist.monitoring.account_controls import GUESSING, HIJACKED, OLD_PASSWORD
from lockdown.checklist.monitoring.account_score import HOLD, LOCK, TELL, Weight, in_words, score, weights
from lockdown.config import Monitoring, Settings
from lockdown.model.accounts import Account, Accounts, Campaign, Failed, Guesser, Stale, Target
from lockdown.model.alarm import Alarm
from lockdown.model.finding import Evidence, Severity
from lockdown.model.traffic import Dimension, Doors, Grip, GripUser, HoldQueued, Restrain, Rung, Wish
from lockdown.model.units import show_duration
from lockdown.model.unknown import Unknown
from lockdown.model.window import Window

_ITEM = "monitoring"
_TERM = timedelta(hours=1)
_MOST_NAMES = 5
_MOST_LEFT = 40
_MOST_WISHES = 20
_MOST_ALARMS = 20

_SPRAYS = {600: 5, 3600: 8, 86400: 10, 7 * 86400: 25}
"""By seconds, so many distinct accounts tried in vain from one network."""
_BRUTE = {60: 15, 600: 30, 3600: 60, 86400: 200, 7 * 86400: 500}
"""By seconds, so many failures from one network."""
_SPREAD = {3600: 6, 86400: 10, 7 * 86400: 25}
"""By seconds, so many networks that tried one account in vain, and had never opened it."""


_CAMPAIGN = {3600: 6, 86400: 10, 7 * 86400: 25}
"""By seconds, so many accounts in use, and as many networks, however little each network tries."""


def watch(window: Window, policy: Settings) -> Iterator[Alarm]:
    """What is wrong with accounts now."""
    match window.accounts:
        case None:
            return
        case Unknown(why):
            yield _blind(why)
        case Accounts() as found:
            if found.unseen:
                yield _blind(found.unseen)
            for account in found.accounts:
                yield from _account(account, found, policy.monitoring)
            yield from islice(_guessing(found), _MOST_ALARMS)
            yield from _campaign(found.campaigns)
            yield from islice((_old_password(stale) for stale in found.stale), _MOST_ALARMS)


def _blind(why: str) -> Alarm:
    return Alarm(
        f"{_ITEM}.accounts-unseen",
        "the mail server's log",
        HIJACKED.id,
        Severity.MEDIUM,
        f"Accounts are not watched, or not wholly: {why}.",
        "a hijacked account and guessed passwords may go unnoticed",
        next_command="lockdown doctor     (which log is read, as whom, and what to type)",
    )


# ── an account in foreign hands ──

_SEVERITIES = {Grip.TELL: Severity.MEDIUM, Grip.HOLD_OUTBOUND: Severity.HIGH, Grip.LOCK: Severity.CRITICAL}
_MEANWHILE = {
    Grip.TELL: "it goes on sending",
    Grip.HOLD_OUTBOUND: "what it sends is to wait in the queue; nothing is lost",
    Grip.LOCK: "what it sends is to wait in the queue, its sessions end, and its password opens nothing",
}


def judge(account: Account, policy: Monitoring) -> tuple[Grip | None, tuple[Weight, ...], float]:
    """How firmly it should be held, if at all; why; and the score."""
    found, caps = weights(account), tuple(_over_caps(account, policy))
    points = score(found)
    grip = next((grip for at, grip in _STEPS if points >= at), None)
    # Who signs in as a thief does, and sends nothing unusual, keeps his mail: he is told of.
    if grip in (Grip.HOLD_OUTBOUND, Grip.LOCK) and not account.day.external:
        grip = Grip.TELL
    if caps and (grip is None or grip < Grip.HOLD_OUTBOUND):
        grip = Grip.HOLD_OUTBOUND
    return grip, (*caps, *found), points


_STEPS = ((LOCK, Grip.LOCK), (HOLD, Grip.HOLD_OUTBOUND), (TELL, Grip.TELL))


def _over_caps(account: Account, policy: Monitoring) -> Iterator[Weight]:
    """The belt: twice what an account has done in its quiet months is allowed it, where that is more than the cap."""
    hour, day, usual = account.hour, account.day, account.usual
    is_young = account.known_days < 3
    for count, cap, before, words in (
        (hour.external, policy.account_recipients_hour, usual.hour, "recipients outside within an hour"),
        (day.external, policy.account_recipients_day, usual.day, "recipients outside within a day"),
        (
            0 if is_young else day.first_time,
            policy.account_first_time_day,
            usual.first_time_day,
            "recipients within a day that it never wrote to before",
        ),
        (hour.unknown, policy.account_bounces_hour, 0, "recipients within an hour that do not exist"),
    ):
        if count >= max(cap, 2 * before):
            yield Weight(0.0, f"{count} {words}: the cap is {cap}")


def _account(account: Account, found: Accounts, policy: Monitoring) -> Iterator[Alarm]:
    grip, reasons, points = judge(account, policy)
    is_held = account.user in found.held
    if grip is None and is_held:
        grip = Grip.TELL
    if grip is None:
        return
    words = in_words(reasons)
    firmly = {Grip.TELL: "may be", Grip.HOLD_OUTBOUND: "is most likely", Grip.LOCK: "is all but surely"}[grip]
    yield Alarm(
        f"{_ITEM}.hijacked-account",
        account.user,
        HIJACKED.id,
        _SEVERITIES[grip],
        f"The account {account.user} {firmly} in foreign hands (score {points:.1f}): {words}.",
        "what it sends waits in the queue" if is_held else _MEANWHILE[grip],
        evidence=tuple(_evidence(account, reasons)),
        next_command=f"lockdown user show {account.user}",
        wishes=tuple(_wishes(account.user, grip, words)),
    )


def _wishes(user: str, grip: Grip, words: str) -> Iterator[Wish]:
    if grip >= Grip.HOLD_OUTBOUND:
        yield GripUser(user, grip, words)
        yield HoldQueued(((Dimension.USER, user),), words)


def _evidence(account: Account, reasons: tuple[Weight, ...]) -> Iterator[Evidence]:
    for weight in reasons:
        yield Evidence("mail log", str(weight))
    if account.left:
        first = {one.recipient: f"{one.at:%H:%M} {one.recipient}" for one in reversed(account.left[-_MOST_LEFT:])}
        names = ", ".join(reversed(first.values()))
        more = len(account.left) - _MOST_LEFT
        yield Evidence(
            "what left today", f"{account.day.external}: {names}{f' and {more} before them' if more > 0 else ''}"
        )
        subjects = Counter(one.subject for one in account.left if one.subject).most_common(_MOST_NAMES)
        if subjects:
            yield Evidence("its subjects", ", ".join(f'"{subject}" to {count}' for subject, count in subjects))


# ── passwords ──


def _guessing(found: Accounts) -> Iterator[Alarm]:
    told_stale = {(stale.login, stale.network) for stale in found.stale}
    blamed = {guesser.network for guesser in found.guessers if _reason(guesser)}
    for guesser in found.guessers:
        is_stale = len(guesser.logins) == 1 and (guesser.logins[0], guesser.network) in told_stale
        if not is_stale and (why := _reason(guesser)):
            yield _guesser(guesser, why)
    clients = {guesser.network: guesser for guesser in found.guessers}
    for network, why in _at_neighbours(found, clients, blamed).items():
        yield _guesser(clients[network], why)
    for target in found.targets:
        if why := _spread(target):
            yield _target(target, why, clients, blamed)


def _reason(guesser: Guesser) -> str:
    """Why it is more than a mistake; in a network of an owner only many accounts are."""
    for failed in guesser.within:
        if failed.logins >= _SPRAYS.get(failed.seconds, 1 << 30) * (2 if guesser.owner else 1):
            return f"{failed.logins} accounts were tried in vain within {_period(failed)}"
    for failed in guesser.within:
        if not guesser.owner and failed.failures >= _BRUTE[failed.seconds]:
            return f"{failed.failures} logins failed within {_period(failed)}"
    return ""


def _at_neighbours(found: Accounts, clients: dict[str, Guesser], blamed: set[str]) -> dict[str, str]:
    """Where an owner sits, somebody may still try an account that was never opened from there; by network, why."""
    why: dict[str, str] = {}
    for target in found.targets:
        network = target.networks[0] if target.networks else ""
        if network in clients and clients[network].owner and network not in blamed and not _spread(target):
            for seconds, failures, _ in target.within:
                if failures >= _BRUTE[seconds]:
                    period = show_duration(timedelta(seconds=seconds))
                    why.setdefault(network, f"{failures} logins of {target.login} failed within {period}")
    return why


def _period(failed: Failed) -> str:
    return show_duration(timedelta(seconds=failed.seconds))


def _guesser(guesser: Guesser, why: str) -> Alarm:
    owner = "; somebody signed in from there within 30 days, so it is not shut out" if guesser.owner else ""
    return Alarm(
        f"{_ITEM}.password-guessing",
        guesser.network,
        GUESSING.id,
        Severity.HIGH if guesser.owner else Severity.MEDIUM,
        f"Passwords are guessed from {guesser.network}: {why}{owner}.",
        evidence=(
            Evidence("failed logins", f"{_names(guesser.logins)}, from {', '.join(guesser.clients[:_MOST_NAMES])}"),
        ),
        next_command=f"lockdown block why {guesser.network}",
        wishes=() if guesser.owner else (_shut_out(guesser.network, guesser.clients, why),),
    )


def _shut_out(network: str, clients: tuple[str, ...], why: str) -> Restrain:
    """From where users sign in; who guesses may still deliver mail. One address alone is not its whole network."""
    match = ((Dimension.CLIENT, clients[0]),) if len(clients) == 1 else ((Dimension.NETWORK, network),)
    return Restrain(match, Rung.DROP, _TERM, 1.0, 0.0, f"{why}; nobody signed in from there", Doors.SIGN_IN)


def _spread(target: Target) -> str:
    for seconds, failures, networks in target.within:
        if networks >= _SPREAD[seconds]:
            period = show_duration(timedelta(seconds=seconds))
            return f"{failures} tries from {networks} networks within {period}"
    return ""


def _target(target: Target, why: str, known: dict[str, Guesser], blamed: set[str]) -> Alarm:
    wishes = tuple(
        _shut_out(net, known[net].clients, why)
        for net in target.networks
        if net in known and not known[net].owner and net not in blamed
    )
    return Alarm(
        f"{_ITEM}.spread-guessing",
        target.login,
        GUESSING.id,
        Severity.HIGH,
        f"The password of {target.login} is guessed from many places: {why}.",
        evidence=(Evidence("failed logins", f"from {', '.join(target.networks[:_MOST_NAMES])}"),),
        next_command=f"lockdown user show {target.login}",
        wishes=wishes[:_MOST_WISHES],
    )


def _campaign(campaigns: tuple[Campaign, ...]) -> Iterator[Alarm]:
    """Told once, for the shortest period that shows it. Nobody is shut out: of each network alone nothing is proved."""
    for one in campaigns:
        if min(one.logins, one.networks) >= _CAMPAIGN[one.seconds]:
            period = show_duration(timedelta(seconds=one.seconds))
            yield Alarm(
                f"{_ITEM}.spread-spraying",
                "all accounts",
                GUESSING.id,
                Severity.HIGH,
                f"Passwords of {one.logins} accounts in use are tried from {one.networks} networks within {period}, "
                f"{one.failures} times in all.",
                "a network that is seen to guess by itself is shut out of signing in; the others tried too little",
                evidence=(Evidence("failed logins", f"of {_names(one.some)}"),),
                next_command="lockdown password     (are the passwords of these accounts good?)",
            )
            return


def _old_password(stale: Stale) -> Alarm:
    every = f", every {stale.every_seconds:.0f} s" if stale.every_seconds else ""
    return Alarm(
        f"{_ITEM}.old-password",
        f"{stale.login} {stale.network}",
        OLD_PASSWORD.id,
        Severity.LOW,
        f"A program of {stale.login} in {stale.network} has an old password: {stale.failures} failures today{every}, "
        "and no other account was tried from there.",
        "nothing is shut out: it is its owner's",
        next_command=f"tell {stale.login} to write the new password into it",
    )


def _names(logins: tuple[str, ...]) -> str:
    """Of strangers' guesses only a few: some are real accounts, and some are passwords typed in the wrong field."""
    more = f" and {len(logins) - _MOST_NAMES} more" if len(logins) > _MOST_NAMES else ""
    return ", ".join(logins[:_MOST_NAMES]) + more
