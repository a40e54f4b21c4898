"""Passwords: what new ones must be, and under which hash they are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lockdown.checklist.admins.controls import LENGTH
from lockdown.checklist.admins.standing import Standing
from lockdown.facts.accounts import COMMON_PASSWORD, LEAST_LENGTH, LOGIN_DEFS, QUALITY, login_setting
from lockdown.facts.company_words import company_words
from lockdown.facts.packages import packages
from lockdown.model.change import Left, OptionStyle, Proposal, PutFile, Risk, SetOption, SetPackage
from lockdown.model.finding import Finding
from lockdown.model.snapshot import absent
from lockdown.model.unknown import Unknown

DROP_IN = "/etc/security/pwquality.conf.d/99-lockdown-length.conf"
MODULE = "libpam-pwquality"
STRONG_METHODS = ("YESCRYPT", "GOST_YESCRYPT", "SHA512", "SHA256", "BCRYPT")


def strong_hashes(now: Standing, finding: Finding) -> Iterator[Proposal | Left]:
    """Of a hash nobody makes a stronger one: the password must be set again, and then be kept better."""
    weak = [name for name, one in now.kept.items() if one.is_weak]
    says = f"{finding.says} Only with the password itself is a new hash made."
    command = f"passwd {weak[0]}" if weak else finding.next_command
    yield Left(finding.control, says, command, finding.target)
    written = login_setting(now.snapshot, "ENCRYPT_METHOD")
    if isinstance(written, Unknown) or absent(now.snapshot.reading(LOGIN_DEFS)):
        return
    if written[0].upper() not in STRONG_METHODS:
        method = written[0] or "not written"
        yield Proposal(
            finding.control, SetOption("/etc/login.defs", "ENCRYPT_METHOD", "YESCRYPT", OptionStyle.LOGIN_DEFS),
            f"{', '.join(weak)} has a password under an old hash, and ENCRYPT_METHOD is {method}.", Risk.NONE,
            f"old passwords still work, and stay weak until they are set again: {command}", finding.target,
        )  # fmt: skip


def least_length(now: Standing, finding: Finding) -> Iterator[Proposal | Left]:
    """A drop-in of pwquality; where its module is missing, that as well."""
    known = packages(now.snapshot)
    pam = now.snapshot.reading(COMMON_PASSWORD)
    if not isinstance(known, Mapping) or not isinstance(pam, str):
        yield Left(finding.control, f"{finding.says} Which packages are here could not be read.", LENGTH.fix)
        return
    is_there = MODULE in known and known[MODULE].is_installed
    if why := _why_not(now, pam, is_there):
        yield Left(finding.control, f"{finding.says} {why[0]}", why[1], finding.target)
        return
    least = LEAST_LENGTH[now.policy.site.profile]
    if not is_there:
        yield Proposal(
            finding.control, SetPackage(MODULE, present=True), "Nothing demands a length of new passwords.", Risk.LOW,
            "new passwords must be longer; those that are set already stay", finding.target,
        )  # fmt: skip
    yield Proposal(
        finding.control, PutFile(DROP_IN, _text(now, least)), finding.says, Risk.LOW,
        "new passwords must be longer; those that are set already stay", finding.target,
    )  # fmt: skip


def _why_not(now: Standing, pam: str, is_there: bool) -> tuple[str, str] | None:
    """What would make the drop-in worth nothing, and what to type."""
    lines = [line for line in pam.splitlines() if not line.lstrip().startswith("#")]
    other = next((line for line in lines if re.search(r"pam_(?:cracklib|passwdqc)", line)), "")
    if other:
        return "Another module judges passwords here.", "edit /etc/pam.d/common-password"
    named = next((line for line in lines if "pam_pwquality" in line), "")
    if "minlen=" in named:
        return "minlen stands in the line of PAM, which counts more than any file.", "edit /etc/pam.d/common-password"
    if is_there and not named:
        return "pwquality is installed, and PAM does not ask it.", "pam-auth-update --enable pwquality"
    main = now.snapshot.below(QUALITY).get("/etc/security/pwquality.conf", "")
    if isinstance(main, str) and re.search(r"(?m)^\s*minlen\s*=", main):
        return "minlen stands in /etc/security/pwquality.conf, which is read last.", "edit /etc/security/pwquality.conf"
    return None


def _text(now: Standing, least: int) -> str:
    words = company_words(now.policy.site, now.snapshot.host)
    bad = f"badwords = {' '.join(words)}\n" if words else ""
    return (
        f"# Lockdown: {LENGTH.id}: new passwords are long, in no dictionary, and name neither their owner nor us.\n"
        "# What was done when: lockdown history. The way back: lockdown rollback.\n"
        f"minlen = {least}\ndictcheck = 1\nusercheck = 1\ngecoscheck = 1\n{bad}"
    )
