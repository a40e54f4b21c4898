"""The controls of item 3 that are judged on what a stranger sees of the machine; those on TLS lie beside."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

SEEN_PORTS = Control(
    id="dmz.seen-ports",
    title="Strangers reach mail ports, and nothing of the inside",
    severity=Severity.HIGH,
    why="Databases, scanners and consoles trust whoever reaches them: an open port of theirs is a way in.",
    fix="close the port in the firewall for both IPv4 and IPv6, or let the service listen on 127.0.0.1 alone",
    evidence="a connection to each of some sixty TCP ports of every address, from where the probe ran",
    side_effects="who administers over that port needs a way of his own: a VPN, or SSH",
    references=("RFC 2979",),
    black_box=True,
)
SEEN_INJECTION = Control(
    id="dmz.seen-injection-ports",
    title="The ports behind the filters are closed to strangers",
    severity=Severity.HIGH,
    why="What is handed in there has passed no filter, and is often relayed without a question.",
    fix="let LMTP and the re-injection listener listen on 127.0.0.1 or a unix socket alone",
    evidence="connections to the usual LMTP and content filter ports, from where the probe ran",
    black_box=True,
)
SEEN_WAYS_IN = Control(
    id="dmz.seen-other-ways-in",
    title="Mail gets in through the MX hosts alone",
    severity=Severity.HIGH,
    why="Spammers keep old addresses and write to the server behind the gateway, past every filter.",
    fix="let port 25 of the server behind be reached from the gateway's address alone",
    evidence="RCPT for the domain, at addresses of its usual names and of its SPF record that are no MX host's",
    side_effects="a partner who was told to write to that address directly must use the MX",
    references=("RFC 5321 5.1",),
    black_box=True,
    maps=("DISA STIG V-19546",),
)
SEEN_BANNER = Control(
    id="dmz.seen-banner",
    title="The greeting tells strangers little",
    severity=Severity.LOW,
    why="A version is looked up in the list of its weaknesses; an inner name is the first step of a map.",
    fix="postconf -e 'smtpd_banner=$myhostname ESMTP' && postfix reload",
    evidence="the greeting and the EHLO answer",
    references=("RFC 5321 4.3.1",),
    black_box=True,
)
SEEN_PLAINTEXT = Control(
    id="dmz.seen-starttls-plaintext",
    title="What comes in plain text behind STARTTLS is dropped",
    severity=Severity.HIGH,
    why="Whoever sits on the line puts commands into the encrypted session, and reads the mail that follows.",
    fix="update the mail server: Postfix and others mended this fault in 2011",
    evidence="a NOOP in the same segment as STARTTLS, and whether it is answered inside TLS",
    references=("RFC 3207 4.2", "CVE-2011-0411"),
    black_box=True,
)
OWN_CONTROLS = (SEEN_PORTS, SEEN_INJECTION, SEEN_WAYS_IN, SEEN_BANNER, SEEN_PLAINTEXT)
