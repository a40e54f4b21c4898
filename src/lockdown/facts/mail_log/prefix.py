"""What stands before the text of a log's line: when, on which host, by which program.

The forms of syslog (RFC 3164, RFC 5424, RFC 3339 stamps), of journalctl's short outputs, of container logs, and of
the files that Exim and Dovecot write themselves. The program is taken from its place alone: no text can pose as one.

Fails as: None for a line that is of no mail server, and for a stamp that is none. Never raises.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple


class Line(NamedTuple):
    """A line of a mail server, in its parts."""

    stamp: str
    host: str
    program: str
    """postfix, dovecot, exim, or other: a mail server whose lines nobody reads here."""
    instance: str
    daemon: str
    pid: str
    text: str


_CONTAINER = re.compile(
    r"\[pod/[^\]\s]*\] |[\w.-]+ +\| |\d{4}-\d\d-\d\dT[\d:.]+Z (?:stdout|stderr) [FP] |<\d{1,3}>(?!1 )"
)
LONGEST_STAMP = 43
"""Of those that say the day and the time with a T between."""
_STAMP = re.compile(
    r"(?P<stamp>[A-Z][a-z]{2} [ \d]?\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d+)?"
    r"|[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [A-Z]{3,5}"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S{0,24}"
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|[+-]\d\d:?\d\d))?"
    r"|\[? *\d{1,12}\.\d{3,9}\]?|@[0-9a-f]{24}) "
    r"(?:<[a-z0-9]{1,8}\.[a-z]{1,8}> )?"  # FreeBSD's syslogd, when it is asked to be verbose
)
_RFC5424 = re.compile(
    r"<\d{1,3}>1 (?P<stamp>\S+) (?P<host>\S+) (?P<tag>\S+) (?P<pid>\S+) \S+ "
    r"(?:-|\[(?:[^\]\\\"]|\"(?:[^\"\\]|\\.)*\")*\]) (?P<text>.*)",
    re.DOTALL,
)
# What a name may hold ends before any text that a stranger could have chosen.
_TAG = r"(?P<tag>[A-Za-z][\w.+-]*(?:/[\w.+-]+){0,4})(?:\((?P<worker>\d+)\))?(?:\[(?P<pid>\d+)\])?: ?"
_HOST_AND_TAG = re.compile(rf"(?P<host>[\w.:-]+) {_TAG}", re.ASCII)
_ONLY_TAG = re.compile(_TAG, re.ASCII)

POSTFIX_DAEMONS = frozenset(
    (
        "anvil", "bounce", "cleanup", "defer", "discard", "dnsblog", "error", "flush", "lmtp", "local", "master",
        "nqmgr", "oqmgr", "pickup", "pipe", "postalias", "postcat", "postdrop", "postfix-script", "postkick", "postlog",
        "postlogd", "postmap", "postmulti", "postqueue", "postscreen", "postsuper", "proxymap", "proxywrite", "qmgr",
        "qmqpd", "relay", "retry", "scache", "sendmail", "showq", "smtp", "smtpd", "spawn", "tlsmgr", "tlsproxy",
        "trace", "trivial-rewrite", "verify", "virtual", "set-permissions", "postconf", "postfix",
        "postmulti-script",
    )
)  # fmt: skip
_DOVECOT_SERVICES = frozenset(
    (
        "imap-login", "pop3-login", "managesieve-login", "submission-login", "auth", "auth-worker", "lmtp", "imap",
        "pop3", "lda", "master", "managesieve", "submission", "indexer-worker", "anvil", "config", "stats", "doveadm",
    )
)  # fmt: skip
_DOVECOT_FILE = re.compile(
    (
        r"(?P<service>[a-z0-9-]{2,24})\([^()]{1,255}\)(?:<[^<>\s]{0,80}>){0,2}: (?:request \[\d+\]: )?(?:Info|Error|"
        r"Warning|Fatal|Panic|Debug): "
    ),
    re.ASCII,
)
OTHERS = frozenset(
    (
        "sm-mta", "sm-msp-queue", "sendmail", "cyrus", "courierd", "courieresmtpd", "imapd", "imapd-ssl", "pop3d",
        "pop3d-ssl", "authdaemond", "qmail", "qmail-smtpd", "smtpd", "smtpctl", "perdition.imaps", "perdition.pop3s",
    )
)  # fmt: skip
_OWN_FILE = re.compile(r"\d{4}-\d\d-\d\d ")


def parts(line: str) -> Line | None:
    """The line in its parts; None where it is of no mail server."""
    if found := _RFC5424.match(line):
        pid = found["pid"] if found["pid"].isdigit() else ""
        return _named(found["stamp"], found["host"], found["tag"], "", pid, found["text"])
    at = 0
    for _ in range(2):  # a container's prefix may stand before that of its runtime
        at = prefix.end() if (prefix := _CONTAINER.match(line, at)) else at
    stamp = ""
    if found := _STAMP.match(line, at):
        stamp, at = found["stamp"], found.end()
    for pattern in (_HOST_AND_TAG, _ONLY_TAG):
        if found := pattern.match(line, at):
            whole = found.groupdict("")
            named = _named(
                stamp, whole.get("host", ""), whole["tag"], whole["worker"], whole["pid"], line[found.end() :]
            )
            if named:
                return named
    own = _DOVECOT_FILE.match(line, at)
    if stamp and own and own["service"] in _DOVECOT_SERVICES:
        return Line(stamp, "", "dovecot", "dovecot", "", "", line[at:])
    return _exim_file(stamp, line[at:])


def _named(stamp: str, host: str, tag: str, worker: str, pid: str, text: str) -> Line | None:
    first, _, last = tag.rpartition("/")
    if first and last in POSTFIX_DAEMONS:
        return Line(stamp, host, "postfix", first.partition("/")[0], last, pid, text)
    if tag == "postfix":
        return Line(stamp, host, "postfix", tag, tag, pid, text)
    if tag == "dovecot-auth":
        return Line(stamp, host, "dovecot", "dovecot", "", pid, f"auth: {text}")
    if tag.partition("/")[0] in OTHERS:
        return Line(stamp, host, "other", tag, tag.partition("/")[0], pid, text)
    if tag == "dovecot":
        return Line(stamp, host, "dovecot", tag, "", pid, text)
    if tag in _DOVECOT_SERVICES and not first:
        return Line(stamp, host, "dovecot", "dovecot", "", pid, f"{tag}{f'({worker})' if worker else ''}: {text}")
    if tag in ("exim", "exim4"):
        if inner := _STAMP.match(text):
            stamp, text = stamp or inner["stamp"], text[inner.end() :]
        return Line(stamp, host, "exim", tag, "", pid, text)
    return None


# Its file has a stamp and at once the text; which words can begin it is known.
_EXIM_TEXT = re.compile(
    r"(?:\[\d+\] )?(?:(?:\w{6}-\w{6}-\w{2}|\w{6}-\w{11}-\w{4}) |H=|U=|SMTP |TLS |no MAIL in |no host name |"
    r"no IP address |"
    r"[\w-]{1,40} authenticator |unexpected |rejected |Start queue run|End queue run|exim \d|daemon |pid \d|"
    r"Warning: |remote host |ident |failed |cwd=|recipients? |refused |auth_|login |too many |DKIM|SPF|\d+ args:|"
    r"Connection from |unqualified |Failed |socket bind|listening |malware acl |spam acl |SIGTERM |host lookup |"
    r"retry time )"
)


def _exim_file(stamp: str, text: str) -> Line | None:
    if not _OWN_FILE.match(stamp) or not _EXIM_TEXT.match(text):
        return None
    return Line(stamp, "", "exim", "exim", "", "", text)


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SYSLOG = re.compile(
    r"(?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) (?:(?P<year>\d{4}) )?(?P<clock>\d\d:\d\d:\d\d)(?:\.(?P<part>\d{1,6}))?"
)
_AHEAD = timedelta(days=1)
_SLOW = timedelta(minutes=5)
"""So far may a clock that writes a log be ahead of ours."""


def when(stamp: str, now: datetime) -> datetime | None:
    """The moment that the stamp means. One without a year lies in the past, but for a clock that is a day ahead.

    One without a zone is read in that of `now`, which is to be that of the machine that has written it. Of the hour
    that a clock shows twice when summer time ends, the later one is meant that has begun.
    """
    stamp = stamp.strip("[] ")
    if found := _SYSLOG.match(stamp):
        return _of_syslog(found, now)
    if re.fullmatch(r"@[0-9a-f]{24}", stamp):
        return _of_tai(int(stamp[1:17], 16), int(stamp[17:], 16))
    if re.fullmatch(r"\d{1,12}\.\d{3,9}", stamp):
        seconds = float(stamp)
        # A monotonic stamp counts from the start of the machine, which is not known here.
        return datetime.fromtimestamp(seconds, UTC) if 1e8 < seconds < 4e9 else None
    stamp = re.sub(r"\A[A-Z][a-z]{2} ", "", stamp).replace(",", ".")
    words = re.sub(r" (?:UTC|GMT)\Z", "+00:00", stamp)
    words = re.sub(r" [A-Z]{3,5}\Z", "", words).replace(" +", "+").replace(" -", "-")
    try:
        at = datetime.fromisoformat(re.sub(r"\.(\d{6})\d+", r".\1", words))
        return at.astimezone(UTC) if at.tzinfo else _placed(at, now)
    except (ValueError, OverflowError):
        return None


def _of_tai(seconds: int, parts: int) -> datetime | None:
    """A label of multilog's: it counts from 10 s before 1970, and 2 to the 62 stands for that."""
    at = seconds - (1 << 62) - 10
    return datetime.fromtimestamp(at + parts / 1e9, UTC) if 1e8 < at < 4e9 else None


def _of_syslog(found: re.Match[str], now: datetime) -> datetime | None:
    hour, minute, second = (int(part) for part in found["clock"].split(":"))
    part = int((found["part"] or "0").ljust(6, "0"))
    month, day = _MONTHS.index(found["month"]) + 1 if found["month"] in _MONTHS else 0, int(found["day"])
    # The 29th of February may be eight years back.
    years = [int(found["year"])] if found["year"] else [now.year + 1 - back for back in range(10)]
    for year in years:
        try:
            at = _placed(datetime(year, month, day, hour, minute, min(second, 59), part), now)
        except (ValueError, OverflowError):
            continue
        if found["year"] or at <= now + _AHEAD:
            return at
    return None


def _placed(at: datetime, now: datetime) -> datetime:
    earlier, later = (at.replace(tzinfo=now.tzinfo, fold=fold).astimezone(UTC) for fold in (0, 1))
    return later if earlier < later <= now.astimezone(UTC) + _SLOW else earlier
