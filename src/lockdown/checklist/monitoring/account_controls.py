"""The controls of item 9 about accounts: whose hands they are in, who guesses passwords, how an account is held."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

HIJACKED = Control(
    id="monitoring.hijacked-account",
    title="An account in foreign hands is held before it has written to many",
    severity=Severity.CRITICAL,
    why="One stolen password sends thousands of letters in your name, and the whole server is listed for it.",
    fix="lockdown user show USER; then change the password, and: lockdown user release USER --keep-held",
    evidence="the mail server's log: recipients, who they are to the account, what comes back, and from where it was "
    "opened",
    side_effects="what the account sends waits in the queue until it is let go",
    undo="lockdown user release USER",
    in_flight=True,
)
GUESSING = Control(
    id="monitoring.password-guessing",
    title="Whoever tries passwords is seen, slow and spread ones too",
    severity=Severity.HIGH,
    why="One try in ten minutes from each of hundreds of addresses passes under every short window.",
    fix="lockdown block why NETWORK; are the passwords of the accounts named good? lockdown password",
    evidence="failed logins by network, by account and by both, within a minute to seven days",
    side_effects="a network from which somebody signed in within 30 days is told, and never shut out",
    undo="lockdown block remove NETWORK",
    in_flight=True,
)
OLD_PASSWORD = Control(
    id="monitoring.old-password",
    title="A program with an old password is told from an attack",
    severity=Severity.LOW,
    why="A phone that was not told the new password looks like an attack, and its owner would be shut out.",
    fix="ask the owner to write the new password into the program",
    evidence="one account failing from a network that has opened it before, and that tries no other",
    in_flight=True,
)
ACCOUNT_CONTROLS = (HIJACKED, GUESSING, OLD_PASSWORD)
