"""The controls of item 8 that are judged on what a stranger was told."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

SEEN_RELAY = Control(
    id="relaying.seen-no-relay",
    title="A stranger who tries to relay is refused",
    severity=Severity.CRITICAL,
    why="Settings say what should happen; this is what did: an open relay is found by others within hours.",
    fix="lockdown audit --item relaying     (on the server: it names the setting that lets strangers through)",
    evidence="the relay matrix, tried from outside: each form of sender and recipient with the server's answer",
    references=("RFC 5321 3.6.2",),
    waivable=False,
    black_box=True,
)
SEEN_OWN_MAIL = Control(
    id="relaying.seen-own-mail-gets-in",
    title="Bounces, postmaster@ and abuse@ get in from outside",
    severity=Severity.MEDIUM,
    why="Who cannot tell you of trouble with your mail puts you on a block list instead; bounces have no sender.",
    fix="add the aliases postmaster and abuse for each domain, and refuse no mail for having no sender",
    evidence="the answers to MAIL FROM:<>, and to RCPT for postmaster@ and abuse@ of the domain",
    references=("RFC 5321 4.5.1", "RFC 5321 6.1", "RFC 2142"),
    black_box=True,
)
SEEN_SMUGGLING = Control(
    id="relaying.seen-no-smuggling",
    title="Only the true end of data ends a message",
    severity=Severity.HIGH,
    why="A false end lets a stranger append a second message that seems to come from somebody you trust.",
    fix="postconf -e smtpd_forbid_bare_newline=normalize && postfix reload     (Postfix 3.7.10, 3.8.5, 3.9 and later)",
    evidence="ten false ends of data, each on a connection of its own, beside one plain letter",
    side_effects="programs that end their lines wrongly are refused",
    references=("RFC 5321 4.1.1.4", "CVE-2023-51764"),
    black_box=True,
)
SEEN_PASSWORDS = Control(
    id="relaying.seen-passwords-need-tls",
    title="No password is asked for in plain text",
    severity=Severity.HIGH,
    why="Whoever reads along takes the password, and sends through you with it.",
    fix="postconf -e smtpd_tls_auth_only=yes && postfix reload",
    evidence="the AUTH line of the EHLO answer before STARTTLS",
    side_effects="programs that log in without TLS can no longer send",
    references=("RFC 4954 4", "RFC 8314 3"),
    black_box=True,
)
SEEN_XCLIENT = Control(
    id="relaying.seen-no-xclient",
    title="No stranger may say who he is on behalf of others",
    severity=Severity.HIGH,
    why="XCLIENT lets a client claim any address, a trusted one too: then every limit and block list is void.",
    fix="postconf -e smtpd_authorized_xclient_hosts= && postfix reload     (or the gateway's own address alone)",
    evidence="XCLIENT and XFORWARD in the EHLO answer",
    references=("https://www.postfix.org/XCLIENT_README.html",),
    black_box=True,
)
PROBE_CONTROLS = (SEEN_RELAY, SEEN_OWN_MAIL, SEEN_SMUGGLING, SEEN_PASSWORDS, SEEN_XCLIENT)
