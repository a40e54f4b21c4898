"""One line of Postfix: what it says, by the daemon that says it.

Each pattern is anchored at both ends of what the server itself writes. What a stranger has chosen (an address, a HELO,
a reply) is bounded by what must stand behind it; where it could hold that too, the line is `AMBIGUOUS`, never guessed.

Fails as: Unread. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from lockdown.facts.mail_log.events import (
    AMBIGUOUS,
    NO_PATTERN,
    Connected,
    Delivered,
    Disconnected,
    Event,
    Gone,
    Identified,
    Known,
    Listed,
    LoginFailed,
    Misbehaved,
    Notified,
    Queued,
    Rated,
    Received,
    Refused,
    RemoteSaid,
    Secured,
    Titled,
    Trouble,
)

_ID = r"(?P<id>[0-9A-Za-z]{5,24})"
_ADDRESS = r"[0-9A-Fa-f:.]{2,45}|unknown"
# A client's name was looked up and verified, or is "unknown": it holds no bracket.
_CLIENT = rf"(?P<name>[^\s\[\]]{{0,255}})\[(?P<address>{_ADDRESS})\](?::(?P<port>\d{{1,5}}))?"
_PEER = r"(?P<name>[^\s\[\]]{0,255})\[(?P<address>[^\[\]\s]{1,108})\](?::(?P<port>\d{1,5}))?"
_STAGE = r"(?P<stage>[A-Z-]+(?: TO| FROM| COMMAND)?|\.)"


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL | re.ASCII)


Maker = Callable[[re.Match[str]], Event]
Table = tuple[tuple[re.Pattern[str], Maker], ...]


def _table(*rows: tuple[str, Maker]) -> Table:
    return tuple((_compiled(pattern), make) for pattern, make in rows)


def _port(found: re.Match[str]) -> int | None:
    return int(found["port"]) if found["port"] else None


# ── what every daemon may say ──


def _trouble(found: re.Match[str]) -> Event:
    return Trouble(found["level"], found["says"][:300])


_SASL = _compiled(
    rf"(?P<said>{_CLIENT}: SASL (?P<method>[\w-]{{1,20}}) authentication failed:) ?(?P<reason>.*?)"
    r"(?:, sasl_username=(?P<user>.*))?"
)
# Its own helper was away, which says nothing of the password.
_OWN_FAULTS = (
    "connection lost to authentication server",
    "generic failure",
    "temporary authentication failure",
    "internal authentication",
)
_WARNED = _table(
    (rf"(?P<what>non-SMTP command) from {_CLIENT}: .*", lambda m: _misbehaved(m, "")),
    (
        (
            rf"(?P<what>[A-Z][A-Za-z ]{{5,60}} rate limit exceeded|Connection concurrency limit exceeded): "
            rf"\d+ from {_CLIENT} "
            r"for service \S+"
        ),
        lambda m: _misbehaved(m, ""),
    ),
    (
        rf"(?P<address>{_ADDRESS}): (?:hostname \S+ verification failed|address not listed for hostname \S+)(?:: .*)?",
        lambda m: Misbehaved("hostname does not resolve", "", "", m["address"]),
    ),
    (
        rf"hostname \S+ does not resolve to address (?P<address>{_ADDRESS})(?:: .*)?",
        lambda m: Misbehaved("hostname does not resolve", "", "", m["address"]),
    ),
    (
        rf"(?P<what>TLS SNI|Illegal address syntax|bad command|numeric hostname|valid_\w+).{{0,20}} from {_CLIENT}.*",
        lambda m: _misbehaved(m, ""),
    ),
)
_LEVEL = _compiled(r"(?P<level>warning|error|fatal|panic): (?P<says>.*)")


def _complaint(found: re.Match[str]) -> Event:
    says = found["says"]
    if login := _SASL.fullmatch(says):
        reason = login["reason"].strip()
        if reason.casefold().startswith(_OWN_FAULTS):
            return Trouble(found["level"], says[:300])
        user = login["user"] if login["user"] else None
        return LoginFailed("smtpd", user, login["name"], login["address"], login["method"].upper(), reason)
    return _first(_WARNED, says) or _trouble(found)


_ANYWHERE = _table(
    (_LEVEL.pattern, _complaint),
    (r"idle timeout -- exiting|using backwards-compatible default .*", lambda _: Known("master")),
    # What `-v` in master.cf adds: words of functions, and the dialogue.
    (
        (
            r"[a-z0-9]+_[a-z0-9_]{1,60}(?:\[\d+\])?: .*|(?:> |< |>>> |<<< |=== )[^\s\[\]]{0,255}\[[^\[\]\s]{1,108}\].*|"
            r"(?:send attr|input attribute|(?:private|public)/\S+ socket).*"
        ),
        lambda _: Known("verbose"),
    ),
    (r"table \S+ has changed -- restarting", lambda _: Known("table changed")),
    (r"daemon started -- version .*|reload -- version .*", lambda _: Known("started")),
    (
        r"refreshing the Postfix mail system|starting the Postfix mail system|stopping the Postfix mail system",
        lambda _: Known("started"),
    ),
    (r"terminating on signal \d+", lambda _: Known("ended")),
    (r"(?:the Postfix mail system is|waiting for the Postfix mail system) .*", lambda _: Known("started")),
    (
        (
            r"(?P<trust>Anonymous|Trusted|Untrusted|Verified) TLS connection (?:established|reused) (?:from|to) "
            rf"{_PEER}"
            r"(?:\[[^\]]*\])?(?: to [^:\s]{1,255})?: (?P<version>TLSv[\d.]+|SSLv\d) with cipher (?P<cipher>\S+) .*"
        ),
        lambda m: Secured(m["trust"], m["name"], m["address"], _port(m), m["version"], m["cipher"]),
    ),
    (
        r"(?:initializing|setting up) the (?:server|client)-side TLS .*|setting up TLS connection (?:from|to) .*",
        lambda _: Known("TLS"),
    ),
    (
        (
            r"(?:SSL_accept|SSL_connect|TLS SNI|certificate verification|\S+: (?:certificate|subject_CN|"
            r"re-using|save|TLS|Matched|CommonName|Untrusted|Trusted|depth)|TLS handshake failed for service).*"
        ),
        lambda m: _tls_words(m),
    ),
    (
        (
            r"statistics: (?:max (?:cache size|message|recipient|newtls|auth|simultaneous)|start interval|"
            r"domain lookup|address lookup|cache).*"
        ),
        lambda _: Known("statistics"),
    ),
)
_TLS_FAILED = _compiled(rf"(?P<what>SSL_accept error) from {_CLIENT}: .*")


def _tls_words(found: re.Match[str]) -> Event:
    if failed := _TLS_FAILED.fullmatch(found[0]):
        return _misbehaved(failed, "STARTTLS")
    return Known("TLS")


def _misbehaved(found: re.Match[str], stage: str | None = None) -> Event:
    return Misbehaved(
        found["what"], found["stage"] if stage is None else stage, found["name"], found["address"], _port(found)
    )


# ── smtpd ──

_COMMAND = re.compile(r"([a-z]+)=(\d{1,9})(?:/(\d{1,9}))?", re.ASCII)


def _disconnected(found: re.Match[str]) -> Event:
    counts = tuple(
        (command, int(accepted), int(given or accepted))
        for command, accepted, given in _COMMAND.findall(found["counts"] or "")
    )
    return Disconnected(found["name"], found["address"], counts)


_LOGIN = _compiled(
    r"(?:, sasl_method=(?P<method>[^\s,]{0,40}))?(?:, sasl_username=(?P<user>.*?))?"
    r"(?:, (?:sasl_sender|orig_queue_id|orig_client)=.*)?"
)


def _received(found: re.Match[str]) -> Event:
    login = _LOGIN.fullmatch(found["rest"])
    method, user = (login["method"], login["user"]) if login else (None, None)
    return Received(found["id"], found["name"], found["address"], method, user)


# The reply is the server's own up to the first `<`; then it may repeat what the client has said.
_REPLY = _compiled(r"(?:(?P<code>[2-5]\d\d) )?(?:(?P<dsn>[245]\.\d{1,3}\.\d{1,3}) ?)?(?P<words>.*)")
_ENVELOPE = _compiled(
    r"(?:; | )(?:from=<(?P<sender>.*?)>,? )?(?:to=<(?P<recipient>.*?)>,? )?proto=(?P<proto>E?SMTP|"
    r"UTF8SMTP|\w{1,12})(?:,? helo=(?:<(?P<helo>.*)>|.*))?"
)
_FROM = _compiled(r"; (?:from=<|proto=)")


def _refused(found: re.Match[str]) -> Event:
    how = found["how"]
    reply, envelope, clear = _cut(found["rest"])
    said = _REPLY.fullmatch(reply)
    code, dsn, words = (said["code"] or "", said["dsn"] or "", said["words"]) if said else ("", "", reply)
    queue_id = None if found["id"] in (None, "NOQUEUE") else found["id"]
    client = (found["name"] or "", found["address"] or "", _port(found))
    labels = (envelope["sender"], envelope["recipient"], envelope["helo"]) if envelope and clear else (None, None, None)
    reason = _reason(words) if clear or not words.startswith("<") else "unclear"
    return Refused(queue_id, how, found["stage"], *client, code, dsn, reason, *labels)


def _cut(text: str) -> tuple[str, re.Match[str] | None, bool]:
    """The reply, the envelope behind it, and whether there is but one way to tell them apart."""
    places = [place.start() for place in _FROM.finditer(text)]
    if not places:
        return text, None, True
    envelope = _ENVELOPE.match(text, places[0])
    ends = [text.count(word) for word in ("; from=<", " to=<", " proto=", " helo=<")]
    clear = len(places) == 1 and max(ends) == 1 and envelope is not None and envelope.end() == len(text)
    return text[: places[0]], envelope, clear


_REASONS = (
    ("Relay access denied", "relay access denied"),
    ("User unknown", "user unknown"),
    ("undeliverable address", "undeliverable address"),
    ("Greylist", "greylisted"),
    ("greylist", "greylisted"),
    ("blocked using", "on a blocklist"),
    ("cannot find your hostname", "client has no name"),
    ("cannot find your reverse hostname", "client has no name"),
    ("Client host rejected", "client refused"),
    ("Helo command rejected", "helo refused"),
    ("Sender address rejected", "sender refused"),
    ("Recipient address rejected", "recipient refused"),
    ("Service unavailable", "service unavailable"),
    ("Message size exceeds", "too big"),
    ("Insufficient system storage", "no room"),
    ("Data command rejected", "data refused"),
    ("Improper use of SMTP command pipelining", "pipelining"),
    ("Too many", "too many"),
    ("too many", "too many"),
    ("queue file write error", "could not be queued"),
    ("Command rejected", "command refused"),
    ("triggers", "by a rule"),
    ("header ", "by its header"),
    ("body ", "by its body"),
)
_ECHO = _compiled(r"<(?P<echo>[^<>]*)>: (?P<own>.*)|<(?P<odd>.*)")
_LIST = _compiled(r"blocked using (?P<zone>[\w.-]{1,255})")


def _reason(words: str) -> str:
    """One of a few words for why; what the client has said in front of it is passed over."""
    words = words.lstrip(" :")
    if echo := _ECHO.fullmatch(words):
        if echo["own"] is None:
            return "unclear"
        words = echo["own"]
    if found := _LIST.search(words):
        return f"on {found['zone']}"
    for sign, name in _REASONS:
        if sign in words[:120]:
            return name
    return "other"


# A rule that lets the message go on refuses nothing.
_LET_ON = (
    r"warn|filter|prepend|bcc|client|permit|dunno|info|trace|replace|proxy-accept|milter-header-(?!re|di|ho)[a-z]+"
)
_RULED = (
    rf"(?:{_ID}: )?(?P<how>reject|reject_warning|hold|discard|redirect|reject_verify|defer)"
    rf": {_STAGE} from {_CLIENT}: (?P<rest>.*)"
)
_MILTER = rf"(?:{_ID}: )?(?P<how>milter-[a-z-]{{3,30}}|proxy-[a-z]{{3,12}}): {_STAGE}(?: from {_CLIENT})?: (?P<rest>.*)"
_SMTPD = _table(
    (rf"connect from {_CLIENT}", lambda m: Connected(m["name"], m["address"])),
    (rf"disconnect from {_CLIENT}(?P<counts>(?: [a-z]+=\d+(?:/\d+)?)*)", _disconnected),
    # Before a proxy there is no queue yet; the server behind it says the same with a queue id.
    (rf"NOQUEUE: client={_CLIENT}(?:, (?:sasl_|orig_).*)?", lambda _: Known("client")),
    (rf"{_ID}: client={_CLIENT}(?P<rest>(?:, (?:sasl_|orig_).*)?)", _received),
    (_RULED, _refused),
    (rf"(?:{_ID}: )?(?:{_LET_ON}): .*", lambda _: Known("by a rule")),
    (_MILTER, _refused),
    (
        (
            rf"(?:NOQUEUE: |{_ID}: )?(?P<what>lost connection|timeout|too many errors|improper command "
            rf"pipelining|bare <[LFCR]+> received) "
            rf"after {_STAGE}(?: \(\d+ bytes\)| \(approximately \d+ bytes\))? from {_CLIENT}(?::.*)?"
        ),
        _misbehaved,
    ),
    (r"(?P<what>discarding EHLO keywords): [A-Z0-9 -]*", lambda _: Known("EHLO")),
)

# ── the queue ──

_QMGR = _table(
    (
        rf"{_ID}: from=<(?P<sender>.*)>, size=(?P<size>\d{{1,15}}), nrcpt=(?P<count>\d{{1,9}}) \(queue \w+\)",
        lambda m: Queued(m["id"], m["sender"], int(m["size"]), int(m["count"])),
    ),
    (rf"{_ID}: removed", lambda m: Gone(m["id"], "removed")),
    (rf"{_ID}: from=<.*>, status=(?P<how>[a-z-]+), returned to sender", lambda m: Gone(m["id"], m["how"])),
    (rf"{_ID}: skipped, still being delivered", lambda _: Known("being delivered")),
    (rf"{_ID}: (?:to=<.*)", lambda m: _delivered(m[0])),
)
_CLEANUP = _table(
    (
        rf"{_ID}: (?:resent-)?message-id=(?:<(?P<in>[^<>]*)>|(?P<bare>.*))",
        lambda m: Identified(m["id"], m["in"] if m["in"] is not None else m["bare"]),
    ),
    # A subject that holds the end of the line is told up to there: it is only ever shown.
    (
        rf"{_ID}: (?:info|warning): header Subject: (?P<subject>.*?) from (?:local|{_CLIENT}); from=<.*",
        lambda m: Titled(m["id"], m["subject"]),
    ),
    (rf"{_ID}: (?:{_LET_ON}): .*", lambda _: Known("by a rule")),
    (_MILTER, _refused),
    (rf"{_ID}: to=.*", lambda m: _delivered(m[0])),
    (
        rf"{_ID}: (?P<how>milter-[a-z-]+): .*",
        lambda m: Refused(m["id"], m["how"], "", "", "", None, "", "", "unclear"),
    ),
    (
        (
            rf"{_ID}: (?P<how>reject|hold|discard|filter|redirect): (?P<stage>header|body|mime-header|"
            rf"nested-header) (?P<rest>.*)"
        ),
        lambda m: Refused(m["id"], m["how"], m["stage"], "", "", None, "", "", f"by its {m['stage']}"),
    ),
    (rf"{_ID}: (?:warning|strip): .*", lambda _: Known("by a rule")),
)
_PICKUP = _table(
    (
        rf"{_ID}: uid=(?P<uid>\d{{1,10}}) from=<.*>(?: orig_id=[0-9A-Za-z]{{5,24}})?",
        lambda m: Received(m["id"], "", "", None, f"uid={m['uid']}", local=True),
    ),
)
_BOUNCE = _table(
    (
        (
            rf"{_ID}: (?P<to>sender|postmaster) (?P<kind>non-delivery|delivery status|delay|success) "
            rf"notification: (?P<new>[0-9A-Za-z]{{5,24}})"
        ),
        lambda m: Notified(m["id"], m["new"], m["to"], m["kind"]),
    ),
)
_POSTSUPER = _table(
    (
        rf"{_ID}: (?P<how>removed|released from hold|placed on hold|requeued|expired)",
        lambda m: Gone(m["id"], "removed by hand") if m["how"] == "removed" else Known(m["how"]),
    ),
    (
        r"(?:Deleted|Requeued|Placed on hold|Released from hold|Expired|Renamed.*|Deleted.*): \d+ messages?.*",
        lambda _: Known("by hand"),
    ),
)

# ── deliveries ──

_STAGES = r"(?P<a>\d+(?:\.\d+)?)/(?P<b>\d+(?:\.\d+)?)/(?P<c>\d+(?:\.\d+)?)/(?P<d>\d+(?:\.\d+)?)"
_TO = r"(?:<(?P<to>\"(?:[^\"\\]|\\.)*\"@[^<>\s]*|[^\"<>]*)>|(?P<bare>[^<>,\s]+))"
_ORIGINAL = _TO.replace("P<to>", "P<original>").replace("P<bare>", "P<bare_original>")
_BEHIND = (
    r", relay=(?P<relay>[^,]{0,400})(?:, conn_use=\d+)?, delay=(?P<delay>\d+(?:\.\d+)?)(?:, delays=" + _STAGES + r")?"
    r"(?:, tls=[^,]{0,80})?(?:, dsn=(?P<dsn>\d\.\d{1,3}\.\d{1,3}))?, status=(?P<status>[a-z-]+) "
)
_DELIVERY = _compiled(rf"{_ID}: to={_TO}(?:, orig_to={_ORIGINAL})?{_BEHIND}\((?P<says>.*)\)")
_TWICE = _compiled(_BEHIND.replace("?P<", "?P<_"))


def _delivered(text: str) -> Event:
    found = _DELIVERY.fullmatch(text)
    if found is None or _TWICE.search(text, found.start("says")):
        return AMBIGUOUS if found else NO_PATTERN
    stages = (float(found["a"]), float(found["b"]), float(found["c"]), float(found["d"])) if found["a"] else None
    to = found["to"] if found["to"] is not None else found["bare"]
    original = found["original"] if found["original"] is not None else found["bare_original"]
    delay = float(found["delay"])
    return Delivered(
        found["id"], to, found["status"], found["says"], original, found["relay"], found["dsn"] or "", delay, stages
    )


_DELIVER = _table(
    (rf"{_ID}: to=.*", lambda m: _delivered(m[0])),
    (rf"{_ID}: host {_PEER} (?P<says>(?:said|refused to talk to me): .*)", lambda m: _remote(m)),
    (rf"{_ID}: SASL authentication failed; server {_PEER} (?P<says>said: .*)", lambda m: _remote(m)),
    (rf"{_ID}: (?P<says>lost connection|conversation) with {_PEER} .*", lambda m: _remote(m)),
    (
        (
            rf"{_ID}: (?P<says>enabling PIX workarounds|Cannot start TLS|SMTPUTF8 is required|breaking line|"
            rf"sender_dependent|passing|replacing|TLS is required|Server certificate not).*"
        ),
        lambda _: Known("delivery"),
    ),
    (rf"connect to {_PEER}: (?P<says>.*)", lambda m: RemoteSaid("", m["name"], m["address"], m["says"][:300])),
)


def _remote(found: re.Match[str]) -> Event:
    return RemoteSaid(found["id"], found["name"], found["address"], found["says"][:300])


# ── the rest ──

_ANVIL = _table(
    (
        (
            r"statistics: max (?P<kind>connection|message|recipient|newtls|auth) (?:count|rate) "
            r"(?P<count>\d{1,9})(?:/(?P<period>\d+[smhdw]))?"
            rf" for \((?P<service>\S{{1,100}}):(?P<address>{_ADDRESS})\) at .*"
        ),
        lambda m: Rated(
            f"{m['kind']} {'rate' if m['period'] else 'count'}", int(m["count"]), m["period"] or "", *_service(m)
        ),
    ),
)
_SERVICE = _compiled(rf"(?P<service>[\w./-]{{1,60}}|[\w.\[\]:-]{{1,100}}?:\d{{1,5}}):(?P<address>{_ADDRESS})")


def _service(found: re.Match[str]) -> tuple[str, str]:
    """The service may have a colon of its own, and so may the address."""
    whole = _SERVICE.fullmatch(f"{found['service']}:{found['address']}")
    return (whole["service"], whole["address"]) if whole else (found["service"], found["address"])


_CLIENT_ONLY = rf"\[(?P<address>{_ADDRESS})\]:(?P<port>\d{{1,5}})"
_POSTSCREEN = _table(
    (rf"CONNECT from {_CLIENT_ONLY} to \[.*\]:\d+", lambda m: Connected("", m["address"])),
    (
        rf"(?:PASS (?:OLD|NEW)|(?:WHITE|ALLOW)LISTED|(?:WHITE|ALLOW)LIST VETO|DISCONNECT) {_CLIENT_ONLY}",
        lambda _: Known("postscreen"),
    ),
    (rf"(?P<what>(?:BLACK|DENY)LISTED) {_CLIENT_ONLY}", lambda m: _screened(m, "CONNECT")),
    (rf"(?P<what>DNSBL) rank \d+ for {_CLIENT_ONLY}", lambda m: _screened(m, "CONNECT")),
    (rf"(?P<what>PREGREET) \d+ after [\d.]+ from {_CLIENT_ONLY}: .*", lambda m: _screened(m, "CONNECT")),
    (
        rf"(?P<what>HANGUP) after [\d.]+ from {_CLIENT_ONLY} in tests (?P<stage>before|after) SMTP handshake",
        lambda m: _screened(m),
    ),
    (
        (
            rf"(?P<what>COMMAND (?:TIME|COUNT|LENGTH) LIMIT|COMMAND PIPELINING|NON-SMTP COMMAND|BARE NEWLINE) "
            rf"from {_CLIENT_ONLY} after {_STAGE}(?::.*)?"
        ),
        lambda m: _screened(m),
    ),
    (
        (
            rf"{_ID}: (?P<how>reject): {_STAGE} from (?P<name>)\[(?P<address>{_ADDRESS})\](?::(?P<port>\d{{1,"
            rf"5}}))?: (?P<rest>.*)"
        ),
        _refused,
    ),
    (
        r"cache \S+ full cleanup: .*|close database .*|(?:entering|leaving) STRESS mode.*",
        lambda _: Known("postscreen"),
    ),
)


def _screened(found: re.Match[str], stage: str | None = None) -> Event:
    return Misbehaved(
        found["what"], found["stage"] if stage is None else stage, "", found["address"], int(found["port"])
    )


_DNSBLOG = _table(
    (
        rf"addr (?P<address>{_ADDRESS}) listed by domain (?P<zone>[\w.-]{{1,255}}) as (?P<answer>[\d.]{{7,15}})",
        lambda m: Listed(m["address"], m["zone"], m["answer"]),
    ),
)
_CACHES = _table(
    (
        r"cache \S+ full cleanup: .*|(?:close|open) database .*|open \w+ TLS cache .*|write \w+ TLS cache entry .*",
        lambda _: Known("cache"),
    ),
)
_TLSPROXY = _table(
    (rf"(?:CONNECT (?:from|to)|DISCONNECT) {_CLIENT_ONLY}", lambda _: Known("TLS")),
)

_WORDS = _table((r"(?!warning: |error: |fatal: |panic: ).*", lambda _: Known("words")))
_DAEMONS: dict[str, Table] = {
    **dict.fromkeys(("smtpd", "qmqpd"), _SMTPD),
    **dict.fromkeys(("qmgr", "nqmgr", "oqmgr"), _QMGR),
    **dict.fromkeys(
        ("smtp", "lmtp", "local", "virtual", "pipe", "error", "retry", "discard", "defer", "relay", "spawn"), _DELIVER
    ),
    **dict.fromkeys(("bounce", "trace"), _BOUNCE),
    **dict.fromkeys(("postsuper", "showq"), _POSTSUPER),
    **dict.fromkeys(("verify", "tlsmgr", "scache"), _CACHES),
    **dict.fromkeys(("postlog", "postfix"), _WORDS),
    "cleanup": _CLEANUP, "pickup": _PICKUP, "anvil": _ANVIL, "postscreen": _POSTSCREEN, "dnsblog": _DNSBLOG,
    "tlsproxy": _TLSPROXY,
}  # fmt: skip


_SOLARIS = re.compile(r"\A\[ID \d{1,8} [a-z0-9]{1,8}\.[a-z]{1,8}\] ")
"""Its syslogd puts the identity and the level of a message in front of the text."""


def _first(table: Iterable[tuple[re.Pattern[str], Maker]], text: str) -> Event | None:
    for pattern, make in table:
        if found := pattern.fullmatch(text):
            return make(found)
    return None


def postfix(daemon: str, text: str) -> Event:
    """What this daemon says."""
    if text.startswith("[ID "):
        text = _SOLARIS.sub("", text)
    # Of a log under attack these are most lines, and they would be tried last.
    if text.startswith("warning: "):
        return _complaint_of(text)
    return _first(_DAEMONS.get(daemon, ()), text) or _first(_ANYWHERE, text) or NO_PATTERN


def _complaint_of(text: str) -> Event:
    found = _LEVEL.fullmatch(text)
    return _complaint(found) if found else NO_PATTERN
