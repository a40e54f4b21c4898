"""The controls of item 1 that an audit judges: that a scanner stands everywhere, is fresh, and never fails open."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

_POSTCONF = "https://www.postfix.org/postconf.5.html"

SCANNER_IN_EVERY_PATH = Control(
    id="antivirus.scanner-in-every-path",
    title="A virus scanner stands in every path by which mail comes in",
    severity=Severity.CRITICAL,
    why="A virus takes the port that nobody has thought of: submission, a second listener, a way around the gate.",
    fix="let that service listen for the gateway alone (127.0.0.1:25 in its line of master.cf, then postfix reload), "
    "or put a scanner into its smtpd_milters",
    evidence="antivirus.engines; smtpd_milters, non_smtpd_milters, smtpd_proxy_filter, content_filter by service",
    side_effects="mail waits in the queue of its sender while no scanner answers",
    references=(f"{_POSTCONF}#smtpd_milters",),
    maps=("DISA STIG V-19546",),
)
GATEWAY_SCANS = Control(
    id="antivirus.gateway-scans",
    title="The gateway scans, and reads files itself",
    severity=Severity.HIGH,
    why="Signatures know yesterday's viruses; types, macros and containers are read by the builtin engine alone.",
    fix='write antivirus.engines = ["builtin", "clamd:///run/clamav/clamd.ctl"] in lockdown.toml',
    evidence="antivirus.engines",
)
ENGINES_ANSWER = Control(
    id="antivirus.engines-answer",
    title="Every antivirus engine answers, and finds the test virus",
    severity=Severity.HIGH,
    why="An engine that is down, or has lost its database, stops your mail at best and passes viruses at worst.",
    fix="lockdown doctor     (says which engine is down, and why)",
    evidence="each engine of antivirus.engines, asked for its version, the test virus and a plain letter",
    side_effects="a harmless test virus and a letter of one line are given to each engine",
)
SIGNATURES_FRESH = Control(
    id="antivirus.signatures-fresh",
    title="Signatures are fresh",
    severity=Severity.HIGH,
    why="A scanner of last month does not know this week's virus, and says so to nobody.",
    fix="systemctl enable --now clamav-freshclam && journalctl -u clamav-freshclam",
    evidence="the date that clamd itself gives its database; freshclam.conf and the end of freshclam's log",
    references=("https://docs.clamav.net/manual/Usage/SignatureManagement.html",),
)
LIMITS_AGREE = Control(
    id="antivirus.limits-agree",
    title="The scanner reads as much as you accept, and says what it has not read",
    severity=Severity.HIGH,
    why="Beyond its limits clamd says OK: the virus stands behind enough padding.",
    fix="write AlertExceedsMax yes in /etc/clamav/clamd.conf, then systemctl restart clamav-daemon",
    evidence="StreamMaxLength, MaxFileSize, MaxScanSize, AlertExceedsMax against gateway.max_message; a virus behind "
    "as much padding as a message may have",
    side_effects="archives that unpack to more than MaxScanSize are held for a person",
)
FAILS_CLOSED = Control(
    id="antivirus.fails-closed",
    title="A scanner that is down lets nothing pass, on any way in",
    severity=Severity.CRITICAL,
    why="Whoever wants a virus through only has to wait for a restart, or to cause one.",
    fix='write antivirus.unavailable = "defer" in lockdown.toml',
    evidence="antivirus.unavailable; milter_default_action and the default_action of each milter",
    side_effects="mail waits at its sender while the scanner is down",
    references=(f"{_POSTCONF}#milter_default_action",),
)
OWN_HOST = Control(
    id="antivirus.own-host",
    title="Scanning happens on a machine of its own",
    severity=Severity.LOW,
    why="A scanner opens what strangers send: who breaks it should not find the mailboxes beside it.",
    fix="run the gateway on its own machine, with gateway.upstream naming the mail server",
    evidence="gateway.upstream, site.role",
)
NO_NOTIFICATION = Control(
    id="antivirus.no-notification",
    title="Nobody is told of a virus in a message of its own, and none is swallowed",
    severity=Severity.MEDIUM,
    why="The sender of a virus is forged: the notice goes to an innocent, and your server is listed for it.",
    fix="let infected mail be refused: OnInfected Reject (clamav-milter), $final_virus_destiny = D_DISCARD (amavis)",
    evidence="the rules of the gateway; OnInfected of clamav-milter.conf; the destinies and warnings of amavis",
)
ENCRYPTED_STATED = Control(
    id="antivirus.encrypted-stated",
    title="What nobody can read is held or refused, not delivered",
    severity=Severity.MEDIUM,
    why="A password in the text beside the archive is how a virus passes every scanner.",
    fix='write antivirus.encrypted = "quarantine" in lockdown.toml',
    evidence="antivirus.encrypted, antivirus.unread; AlertEncrypted of clamd.conf where clamd reads alone",
)
TYPES_BY_CONTENT = Control(
    id="antivirus.types-by-content",
    title="Dangerous types are refused by what they are, without exceptions",
    severity=Severity.HIGH,
    why="An exception for one sender's program is one for everybody's.",
    fix="take the type out of antivirus.allowed_types in lockdown.toml; release single messages instead",
    evidence="antivirus.forbidden, antivirus.macros, antivirus.allowed_types",
)

AUDITED = (
    SCANNER_IN_EVERY_PATH,
    GATEWAY_SCANS,
    ENGINES_ANSWER,
    SIGNATURES_FRESH,
    LIMITS_AGREE,
    FAILS_CLOSED,
    OWN_HOST,
    NO_NOTIFICATION,
    ENCRYPTED_STATED,
    TYPES_BY_CONTENT,
)
