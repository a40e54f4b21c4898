"""The controls of item 12: that you can be reached, that you can prove what happened, and that somebody reports it."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

REACHABLE = Control(
    id="fightback.can-be-reached",
    title="postmaster and abuse reach a person",
    severity=Severity.HIGH,
    why="Whoever wants to warn you, or answers your report, writes to these two; unread, you are the last to know.",
    fix="write `abuse: postmaster` and `postmaster: YOUR ADDRESS` into /etc/aliases, then: newaliases",
    evidence="/etc/aliases, followed to its end; site.domains and the gateway's recipients",
    references=("RFC 2142 4", "RFC 5321 4.5.1"),
    maps=("RFC 2142",),
)
LOGS_KEPT = Control(
    id="fightback.logs-are-kept",
    title="Logs are kept long enough to be evidence",
    severity=Severity.MEDIUM,
    why="An attack is often noticed weeks later; without its lines there is nothing to report.",
    fix="set rotate and a longer term for mail.log in /etc/logrotate.d/rsyslog, or MaxRetentionSec in journald.conf",
    evidence="log.keep of the gateway, logrotate, journald and its folder",
    side_effects="personal data is kept longer: say so in your privacy notice",
    maps=("DISA STIG V-18879",),
)
CLOCK_NAMED = Control(
    id="fightback.incidents-are-kept",
    title="The gateway keeps the addresses that a report needs",
    severity=Severity.LOW,
    why="A report without the client's address and the time says nothing to the network it came from.",
    fix='write log.keep = "90d" in lockdown.toml',
    evidence="log.addresses and log.keep of the gateway",
)
REPORTED = Control(
    id="fightback.attacks-are-reported",
    title="Repeated attacks are reported to the network they come from",
    severity=Severity.LOW,
    why="Nobody else will tell that provider; unreported, the same network comes back.",
    fix="look up the abuse contact of the network (whois ADDRESS), and send times in UTC with the log lines",
    evidence="a person's word",
    by_word=True,
)
AUTHORITIES = Control(
    id="fightback.authorities-are-known",
    title="Whom to call in an emergency is written down",
    severity=Severity.LOW,
    why="In the night of the attack nobody finds the number of the police, the insurer and the national CERT.",
    fix="write the numbers on paper, beside the server and at home",
    evidence="a person's word",
    by_word=True,
)
NO_HACK_BACK = Control(
    id="fightback.no-hack-back",
    title="Nobody strikes back",
    severity=Severity.LOW,
    why="The attacking machine is mostly a victim's; to attack it is a crime.",
    fix="say so in your rules: block and report, nothing else",
    evidence="a person's word",
    by_word=True,
)

CONTROLS = (REACHABLE, LOGS_KEPT, CLOCK_NAMED, REPORTED, AUTHORITIES, NO_HACK_BACK)
