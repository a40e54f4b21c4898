"""One line of Dovecot: who got in, who did not, whose mailbox is full.

Whoever logs in chooses the name, so a name is bounded by what the server writes behind it, read from the end. Passwords
that a server was told to log are never kept.

Fails as: Unread. Never raises.
"""

from __future__ import annotations

import re

from lockdown.facts.mail_log.events import (
    AMBIGUOUS,
    NO_PATTERN,
    Event,
    Known,
    LoggedIn,
    LoginFailed,
    OverQuota,
    PasswordRefused,
    Trouble,
)

_ADDRESS = r"[0-9A-Fa-f:.]{2,45}"
_HEAD = re.compile(
    (
        r"(?P<service>[a-z0-9-]{2,24}|IMAP|POP3)(?:\((?P<inner>.*?)\)(?:<[^<>\s]*>){0,2})?: (?:"
        r"(?P<level>Info|Warning|Error|Fatal|Panic|Debug): )?(?P<text>.*)"
    ),
    re.DOTALL | re.ASCII,
)
# Everything behind the name is the server's own, so the last such place is the true one.
_SESSION = re.compile(
    r"(?P<what>[^<>]*?)(?:: |, )?(?:user=<(?P<user>.*)>, )?(?:method=(?P<method>[\w-]{0,30}), )?"
    rf"rip=(?P<address>{_ADDRESS})(?:, .*)?",
    re.DOTALL | re.ASCII,
)
_PAM = re.compile(
    rf"pam_unix\(dovecot:auth\): authentication failure;.* rhost=(?P<address>{_ADDRESS})(?:\s+user=\S+)?\s*",
    re.DOTALL | re.ASCII,
)
_ATTEMPTS = re.compile(
    r"\((?:auth failed(?:, (?P<count>\d{1,6}) attempts?|\))|(?P<first>\d{1,6}) authentication attempts)"
)
_ASKED = re.compile(
    rf"(?P<database>[a-z0-9-]{{2,24}})\((?P<user>.*?),(?P<address>{_ADDRESS})(?:,<[^<>()]*>)?\): (?P<reason>.*)",
    re.DOTALL | re.ASCII,
)
# Of 2.4: who and from where stand before the level, and the database behind it.
_NAMED = re.compile(
    rf"(?P<service>auth(?:-worker)?)\((?P<user>(?:(?!\): ).)*?),(?P<address>{_ADDRESS})(?:,sasl:[\w-]{{1,30}})?\)"
    r"(?:<[^<>()]*>){0,2}: (?:request \[\d+\]: )?(?:(?P<level>Info|Warning|Error|Fatal|Panic|Debug): )?"
    r"(?P<database>[a-z0-9-]{2,24}): (?P<reason>.*)",
    re.DOTALL | re.ASCII,
)
# A look-up that is no login: by Postfix, or for a delivery.
_LOOKED_UP = re.compile(r"[a-z0-9-]{2,24}\([^()]*\): (?:unknown user|user not found).*", re.DOTALL | re.ASCII)
_PLACES = re.compile(rf",{_ADDRESS}(?:,<[^<>()]*>|,sasl:[\w-]{{1,30}})?\)(?:<[^<>()]*>){{0,2}}: ", re.ASCII)
_CONNECTION = re.compile(r"conn unix:\S+ \(pid=\d+,uid=\d+\): auth-worker<\d+>: ", re.ASCII)
_PASSWORD = re.compile(r" ?\((?:SHA1 of )?given password.*|, given password.*", re.DOTALL)
_WRONG = re.compile(
    r"unknown user|(?:password|credentials|passwords? hash) mismatch|pam_authenticate\(\) failed|"
    r"invalid (?:password|credentials)|user not found|login failed|account|user is disabled|empty username|username |"
    r"oauth2 failed|authentication failure",
    re.IGNORECASE,
)
_LOGINS = frozenset(("imap-login", "pop3-login", "managesieve-login", "submission-login", "login"))
_AUTH = frozenset(("auth", "auth-worker"))
_MAIL = re.compile(
    (
        r"(?:(?P<user>[^:]{1,255}): )?(?:msgid=.*: )?(?P<what>saved mail to|stored mail into mailbox|"
        r"forwarded to|discarded|marked message).*"
    ),
    re.DOTALL,
)
_QUOTA = re.compile(
    r".*(?:Quota exceeded|quota exceeded|mailbox for user is full|Mailbox is full|Not enough disk)", re.DOTALL
)
_CHATTER = re.compile(
    r"(?:Disconnected|Connection closed|Logged out|Connect from|Disconnect from|Connect|delete|expunge|copy|Sieve|"
    r"sieve|ID sent|save|Dovecot v|SIGHUP|Client|Server|Killed|Aborted|Auth|stats|Indexed|in=|imap|Effective|copied|"
    r"Delete|"
    r"Undelete|Flag|flag_change|box=|program exec|Mailbox |mailbox_|autoexpunge|pigeonhole|Successfully relayed|"
    r"client (?:in|out): |Executing command|SSL parameters|Generating |append|Time (?:just )?moved|query: |"
    r"pam_unix\(dovecot:auth\): check pass|(?:msgid=\S+: )?save failed)"
)


_TWICE = re.compile(r"\Adovecot: (?=[a-z0-9-]{2,24}[(:])")
_MASTER = re.compile(r"(?P<level>Info|Warning|Error|Fatal|Panic): .*|Dovecot v.*|child \d+ \(.*", re.DOTALL | re.ASCII)


def dovecot(text: str) -> Event:
    """What it says; the text begins with the service."""
    if text.startswith("dovecot: "):
        text = _TWICE.sub("", text)
    if text.startswith("auth") and (named := _NAMED.fullmatch(text)):
        if len(_PLACES.findall(text)) > 1:
            return AMBIGUOUS
        told = _refused_by(named, named["level"] or "")
        # What a worker found, the process that asked it says again.
        return Known("auth") if named["service"] == "auth-worker" and isinstance(told, PasswordRefused) else told
    head = _HEAD.fullmatch(text)
    if head is None:
        return _of_master(text)
    service, level, says = head["service"].casefold(), head["level"] or "", head["text"]
    if service in _LOGINS:
        return _login(service, says, level)
    if service in _AUTH:
        # A service with its worker's number in brackets is no database with a user.
        return _asked(says, level)
    if _QUOTA.match(says) and service in ("lmtp", "lda", "imap", "pop3", "submission", "quota-status"):
        return OverQuota(head["inner"] if head["inner"] and not head["inner"].isdigit() else "")
    return _other(service, says, level)


def _of_master(text: str) -> Event:
    said = _MASTER.fullmatch(text)
    if said is None:
        return NO_PATTERN
    return _complaint(said["level"] or "", text.partition(": ")[2]) or Known("master")


def _login(service: str, says: str, level: str) -> Event:
    session = _SESSION.fullmatch(says)
    if session is None:
        return _complaint(level, says) or (Known("login") if _CHATTER.match(says) else NO_PATTERN)
    what, user, address = session["what"], session["user"], session["address"]
    if re.fullmatch(r"Login|Logged in|proxy\(.{0,300}\): started proxying.{0,100}", what):
        return LoggedIn(service, user or "", address, session["method"])
    if tried := _ATTEMPTS.search(what):
        return LoginFailed(
            service,
            user or None,
            "",
            address,
            session["method"],
            "password refused",
            max(1, int(tried["count"] or tried["first"] or 1)),
        )
    return Known("login ended")


def _asked(says: str, level: str) -> Event:
    says = says[found.end() :] if (found := _CONNECTION.match(says)) else says
    if pam := _PAM.fullmatch(says):
        # The name in front is a stranger's, and may hold such a place of its own.
        one = says.count(" rhost=") == 1
        return PasswordRefused(None, pam["address"], "pam", "authentication failure") if one else AMBIGUOUS
    asked = _ASKED.fullmatch(says)
    if asked is None:
        chatter = _CHATTER.match(says) or _LOOKED_UP.fullmatch(says) or level in ("Info", "Debug")
        return _complaint(level, says) or (Known("auth") if chatter else NO_PATTERN)
    # The name in front and a logged password behind are both a stranger's.
    if len(_PLACES.findall(says)) > 1:
        return AMBIGUOUS
    return _refused_by(asked, level)


def _refused_by(asked: re.Match[str], level: str) -> Event:
    reason = _PASSWORD.sub("", asked["reason"])
    if _WRONG.match(reason):
        user = asked["user"] if asked["user"] not in ("", "?") else None
        return PasswordRefused(user, asked["address"], asked["database"], reason[:120])
    if level == "Debug" or _CHATTER.match(reason):
        return Known("auth")
    return Trouble((level or "error").casefold(), reason[:120])


def _other(service: str, says: str, level: str) -> Event:
    if complaint := _complaint(level, says):
        return complaint
    if _MAIL.fullmatch(says) or _CHATTER.match(says) or level in ("Info", "Debug"):
        return Known(service)
    return NO_PATTERN


def _complaint(level: str, says: str) -> Event | None:
    return (
        Trouble(level.casefold(), _PASSWORD.sub("", says)[:300])
        if level in ("Warning", "Error", "Fatal", "Panic")
        else None
    )
