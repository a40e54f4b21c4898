"""One line of Exim's main log: arrivals, deliveries, refusals, logins that failed.

A HELO is a stranger's and stands before the client's address; only one that cannot hold a bracket of its own is
believed, and in a line that quotes a command the last `H=` counts, since behind it only the server speaks.

Fails as: Unread. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lockdown.facts.mail_log.events import (
    AMBIGUOUS,
    NO_PATTERN,
    Connected,
    Delivered,
    Disconnected,
    Event,
    Gone,
    Known,
    LoginFailed,
    Misbehaved,
    Queued,
    Received,
    Refused,
    Trouble,
)

_ID = r"(?P<id>\w{6}-\w{6}-\w{2}|\w{6}-\w{11}-\w{4})"
_ADDRESS = r"[0-9A-Fa-f:.]{2,45}"
_HOST = (
    rf"(?:(?P<name>[^\s()\[\]<>\"=]{{1,255}}) )?(?:\((?P<helo>\[?[^\s()\[\]]{{0,255}}\]?)\) "
    rf")?\[(?P<address>{_ADDRESS})\](?::(?P<port>\d{{1,5}}))?"
)
_LOCAL = r"(?: I=\[[^\]\s]*\](?::\d+)?)?(?: Ci=\d+)?"
Maker = Callable[[re.Match[str]], Event]


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL | re.ASCII)


def _port(found: re.Match[str]) -> int | None:
    return int(found["port"]) if found["port"] else None


_SET_ID = _compiled(r".*?\(set_id=(?P<user>.*)\).{0,20}")


def _failed(found: re.Match[str]) -> Event:
    user = _SET_ID.fullmatch(found["reason"])
    reason = found["reason"].partition(" (set_id=")[0]
    if reason.startswith("4"):
        # Its own helper was away, which says nothing of the password.
        return Trouble("warning", f"{found['method']} authenticator failed: {reason[:120]}")
    return LoginFailed(
        "exim",
        (user["user"] or None) if user else None,
        found["name"] or "",
        found["address"],
        found["method"],
        reason[:120],
    )


def _misbehaved(what: str) -> Maker:
    return lambda m: Misbehaved(what, "", m["name"] or "", m["address"], _port(m))


_REASONS = (
    ("relay not permitted", "relay access denied"),
    ("Unknown user", "user unknown"),
    ("No Such User", "user unknown"),
    ("Unrouteable address", "user unknown"),
    ("Sender verify failed", "sender refused"),
    ("callout", "sender refused"),
    ("greylist", "greylisted"),
    ("blacklist", "on a blocklist"),
    ("listed at", "on a blocklist"),
    ("quota", "over quota"),
    ("too big", "too big"),
)


def _reason(words: str) -> str:
    folded = words[:200].casefold()
    return next((name for sign, name in _REASONS if sign.casefold() in folded), "other")


_WHOM = r"(?: F=(?:<(?P<sender>[^<>\s]*)>|(?P<bare_sender>[^<>\s]+)))?"
_TO = r"(?:<(?P<recipient>[^<>\s]*)>|(?P<bare>[^<>\s:]+))"


def _refused(found: re.Match[str]) -> Refused:
    parts = found.groupdict()
    sender = parts.get("sender") if parts.get("sender") is not None else parts.get("bare_sender")
    recipient = parts.get("recipient") or parts.get("bare")
    how = "defer" if parts.get("temporarily") else "discard" if parts.get("discarded") else "reject"
    stage = (parts.get("stage") or "").strip() or "CONNECT"
    # What stands behind another command is its argument, whatever it looks like.
    if stage.startswith("MAIL"):
        sender, recipient = recipient, None
    elif not stage.startswith("RCPT"):
        recipient = None
    return Refused(
        None, how, stage, found["name"] or "", found["address"], _port(found), "", "", _reason(parts.get("why") or ""),
        sender, recipient, found["helo"],
    )  # fmt: skip


# In one way only, or a line of many such fields takes for ever: a client chooses what SNI is.
_VALUE = r"(?:\"[^\"]*\"|[^\s\"]\S*)?"
_BETWEEN = rf"(?: (?:(?:X|CV|SNI|DN|I|P|Ci|PRX|TFO|U)={_VALUE}|[KL][.-]{{0,2}})(?=[ :]|\Z))*"
_SESSIONS: tuple[tuple[re.Pattern[str], Maker], ...] = tuple(
    (_compiled(pattern), make)
    for pattern, make in (
        (
            (
                rf"(?P<method>[\w-]{{1,40}}) authenticator failed for (?:H=)?{_HOST}{_LOCAL}(?: [\w-]+=\S+)*: "
                rf"(?P<reason>.*)"
            ),
            _failed,
        ),
        (
            (
                rf"H={_HOST}{_BETWEEN}{_WHOM}(?: A=\S+)? (?:(?P<temporarily>temporarily )?rejected|"
                rf"(?P<discarded>discarded)) (?P<stage>[A-Z]{{4,9}}(?: TO| FROM)?)(?: {_TO})?(?:: (?P<why>.*))?"
            ),
            _refused,
        ),
        (
            (
                rf"H={_HOST}{_BETWEEN}{_WHOM} (?P<temporarily>temporarily )?rejected (?P<stage>EHLO or HELO|"
                rf"connection|after DATA|during MIME ACL checks|by).*?(?P<why>.*)"
            ),
            _refused,
        ),
        (
            (
                rf"H={_HOST}{_BETWEEN} (?:sender verify (?P<temporarily>defer|fail) for) <(?P<sender>[^<>\s]*)>: "
                rf"(?P<why>.*)"
            ),
            lambda m: _verify(m),
        ),
        (rf"H={_HOST}{_BETWEEN} dropped by '\w+' ACL(?:: (?P<why>.*))?", _refused),
        (
            rf"rejected (?P<stage>HELO|EHLO) from {_HOST}{_LOCAL}: (?P<why>.*)",
            lambda m: _once(m, " from ", _refused),
        ),
        (rf"H={_HOST}{_BETWEEN} incomplete transaction \([^()]*\).*", lambda _: Known("incomplete transaction")),
        (rf"H={_HOST}{_BETWEEN}{_WHOM}(?: A=\S+)? Warning: (?P<says>.*)", lambda _: Known("by a rule")),
        (
            rf"H={_HOST}(?: \[[^\]]*\])?:? (?:Connection|Network|No route|Operation|SMTP ).*",
            lambda _: Known("delivery"),
        ),
        (rf"SMTP (?:protocol|syntax) error in \".*\" H={_HOST}{_LOCAL} [\w ()?']+", _misbehaved("protocol error")),
        (
            (
                rf"SMTP protocol synchronization error \([^()]*\): rejected (?:connection from|\".*\") "
                rf"H={_HOST}{_LOCAL} (?:next )?input=\".*"
            ),
            lambda m: _once(m, " H=", _misbehaved("spoke too early")),
        ),
        (
            rf"SMTP call from {_HOST}{_LOCAL} dropped: (?P<what>too many [a-z ]+) \(last .*",
            lambda m: Misbehaved(m["what"], "", m["name"] or "", m["address"], _port(m)),
        ),
        (rf"no MAIL in SMTP connection from {_HOST}{_LOCAL}(?: \w+=\S*)*", _misbehaved("no MAIL")),
        (rf"(?:\S+ )?SMTP connection from {_HOST}{_LOCAL} closed by DROP in ACL", _misbehaved("dropped")),
        (
            rf"SMTP connection from {_HOST}{_LOCAL} \(TCP/IP connection count = \d+\)",
            lambda m: Connected(m["name"] or "", m["address"]),
        ),
        (
            rf"(?:SMTP|TLS) connection from {_HOST}{_LOCAL}(?: D=\S+)? closed (?:by QUIT|after .*)",
            lambda m: Disconnected(m["name"] or "", m["address"]),
        ),
        (
            rf"(?:Connection from|refused connection from) {_HOST}{_LOCAL}(?: refused: .*| \(.*\))",
            _misbehaved("refused connection"),
        ),
        (
            rf"unqualified (?:sender|recipient) rejected: <.*> H={_HOST}{_LOCAL}.*",
            lambda _: Known("unqualified address"),
        ),
        (
            (
                rf"(?:unexpected disconnection while reading SMTP command|(?:SMTP|TLS) connection|SMTP data timeout "
                rf"\(message abandoned\) on (?:TLS )?connection|SMTP command timeout on (?:TLS )?connection) "
                rf"from {_HOST}{_LOCAL}.*"
            ),
            _misbehaved("hung up"),
        ),
        (
            rf"(?:no host name found for IP address (?P<address>{_ADDRESS}))(?P<name>)(?P<port>)",
            _misbehaved("client has no name"),
        ),
        (
            rf"no IP address found for host [^\s()\[\]]+ \(during SMTP connection from {_HOST}{_LOCAL}\)",
            _misbehaved("hostname does not resolve"),
        ),
        (rf"TLS error on connection (?:\(\w+\) )?from {_HOST}.*", _misbehaved("TLS error")),
        (
            (
                r"(?:Start|End) queue run: .*|exim \d\S* daemon (?:started|restarted).*|daemon .*|pid \d+: .*|cwd=.*|"
                r"listening .*|TLS (?:session|client).*|SMTP connection identification .*|retry time .*"
            ),
            lambda _: Known("exim"),
        ),
        (
            (
                r"(?P<says>(?:Warning|failed|Failed|unable|cannot|ident|recipients|exim: |malware acl|spam acl|"
                r"socket bind|SIGTERM|host lookup|too many connections|could not).*)"
            ),
            lambda m: Trouble("warning", m["says"][:300]),
        ),
    )
)


def _verify(found: re.Match[str]) -> Event:
    how = "defer" if found["temporarily"] == "defer" else "reject"
    return Refused(
        None, how, "MAIL", found["name"] or "", found["address"], _port(found), "", "", "sender refused",
        found["sender"], None, found["helo"],
    )  # fmt: skip


def _once(found: re.Match[str], sign: str, make: Maker) -> Event:
    """Where a stranger's words stand on both sides, only a line with one such place is believed."""
    return make(found) if found[0].count(sign) == 1 else AMBIGUOUS


# ── a message ──

_MESSAGE = _compiled(rf"{_ID} (?P<mark><=|=>|->|>>|\*>|\*\*|==|Completed\b|[A-Za-z(]) ?(?P<rest>.*)")
_ARRIVAL = _compiled(
    r"(?P<sender><>|\"(?:[^\"\\]|\\.)*\"@[^\s<>]*|[^\s<>\"]+)(?: R=\S+)?(?: H="
    + _HOST
    + r")?(?P<rest>(?: [\w+-]+=.*)?)"
)
_SIZE = _compiled(r"(?:^|.* )S=(?P<size>\d{1,15})(?: .*)?")
_LOGGED_IN = _compiled(
    rf"(?: (?:(?:I|X|CV|DN|PRX|P|SNI|Ci|TFO)={_VALUE}|[KL][.-]{{0,2}})(?=[ ]))* A=(?P<method>[\w-]+)(?::"
    r"(?P<user>[^\s:]*)(?::\S*)?)?(?: .*)?"
)
_PLAIN = _compiled(
    rf"(?P<own>(?: (?:(?:I|X|CV|DN|PRX|P|A|U|SNI|M8S|TFO|Ci|RT|DKIM)={_VALUE}|[KL][.-]{{0,2}})(?=[ ]))*) "
    r"S=(?P<size>\d{1,15})(?: .*)?"
)
_CALLER = _compiled(r".* U=(?P<user>[^\s=]{1,64})(?: .*)?")
_RECIPIENT = _compiled(
    r"(?P<to>:\w+:|\"(?:[^\"\\]|\\.)*\"@[^\s<>]*?|[^\s<>\"]+?)(?=[ :]|\Z)(?!:[^ ])(?: \([^()]*\))?"
    r"(?: <(?P<original>[^<>]*)>)?(?: F=<[^<>]*>)?(?: P=<[^<>]*>)?"
    r"(?: R=(?P<router>\S+))?(?: T=(?P<transport>[^\s:]+))?(?P<rest>.*)"
)
_STATUS = {"=>": "sent", "->": "sent", ">>": "sent", "*>": "sent", "**": "bounced", "==": "deferred"}


def _message(found: re.Match[str]) -> Event:
    queue_id, mark, rest = found["id"], found["mark"], found["rest"]
    if mark == "Completed":
        return Gone(queue_id, "removed")
    if mark == "<=":
        return _arrived(queue_id, rest)
    if mark in _STATUS:
        return _delivered(queue_id, mark, rest)
    return _about(
        queue_id, mark + rest if found[0][found.start("mark") + 1 : found.start("rest")] == "" else f"{mark} {rest}"
    )


def arrival(text: str) -> tuple[Received, Queued] | None:
    """Exim says in one line what Postfix says in two: from whom it comes, and what is in the queue."""
    found = _MESSAGE.fullmatch(_without_pid(text))
    if found is None or found["mark"] != "<=" or len(_AFTER_HELO.findall(text)) > 1:
        return None
    said = _ARRIVAL.fullmatch(found["rest"])
    sized = _PLAIN.fullmatch(said["rest"]) if said else None
    if said is None or sized is None:
        return None
    # Only fields in front of the size are the server's own: a Message-ID stands behind it.
    login = _LOGGED_IN.fullmatch(sized["own"])
    local = said["address"] is None and " P=local" in sized["own"]
    # Of a remote client it would be what that client says of itself.
    caller = _CALLER.fullmatch(sized["own"]) if local else None
    sender = "" if said["sender"] == "<>" else said["sender"]
    received = Received(
        found["id"], said["name"] or "", said["address"] or "", login["method"] if login else None,
        login["user"] if login else caller["user"] if caller else None, local=local,
    )  # fmt: skip
    return received, Queued(found["id"], sender, int(sized["size"]), 1)


def _arrived(queue_id: str, rest: str) -> Event:
    both = arrival(f"{queue_id} <= {rest}")
    return both[0] if both else NO_PATTERN


def _delivered(queue_id: str, mark: str, rest: str) -> Event:
    found = _RECIPIENT.fullmatch(rest)
    if found is None:
        return AMBIGUOUS
    if found["to"] == "discarded":
        return Known("discarded")
    says = found["rest"].removeprefix(":").strip()
    host = re.match(
        r"(?: defer \(-?\d+\))?(?: (?!H=)[A-Z]{1,3}=\S+)* H=(?P<name>[^\s\[\]]{1,255} \[[0-9A-Fa-f:.]+\])",
        found["rest"],
        re.ASCII,
    )
    relay = host["name"].replace(" ", "") if host else found["transport"]
    to, original = found["to"], found["original"]
    if "@" not in to and "@" in (original or ""):
        # A mailbox, a pipe or a file of this machine stands for the address behind it.
        to, original = original, None
    return Delivered(queue_id, to, _STATUS[mark], says, original, relay)


_ABOUT = _compiled(
    rf"(?:(?:F=(?P<first_sender>\S*) )?H={_HOST}{_BETWEEN}{_WHOM}(?: A=\S+)? (?P<temporarily>temporarily )?rejected "
    rf"(?P<stage>after DATA|RCPT|during MIME ACL checks|by local_scan\(\)|DATA)?(?:"
    rf" {_TO})?:? ?(?P<why>.*))"
)


def _about(queue_id: str, text: str) -> Event:
    if found := _ABOUT.fullmatch(text):
        refused = _refused(found)
        return refused._replace(queue_id=queue_id, sender=refused.sender or found["first_sender"])
    if text.startswith(("removed by ", "cancelled by ")):
        return Gone(queue_id, "removed by hand")
    if dropped := _compiled(rf"SMTP connection from {_HOST}{_LOCAL} closed by DROP in ACL").fullmatch(text):
        return _misbehaved("dropped")(dropped)
    return Known("about a message")


def _without_pid(text: str) -> str:
    return re.sub(r"\A\[\d{1,10}\] ", "", text)


# A HELO of junk can hold a whole address; then there are two. A subject with such a place is unread, too: better blind,
# and counted as that, than wrong.
_AFTER_HELO = _compiled(rf"\) \[{_ADDRESS}\]")


def exim(text: str) -> Event:
    """What it says; the stamp is already gone."""
    text = _without_pid(text)
    if len(_AFTER_HELO.findall(text)) > 1 and not text.startswith('SMTP protocol error in "'):
        return AMBIGUOUS
    if found := _MESSAGE.fullmatch(text):
        return _message(found)
    for pattern, make in _SESSIONS:
        if match := pattern.fullmatch(text):
            return make(match)
    return NO_PATTERN
