"""The controls of item 9 about what its answers need of the mail server, set up once."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

CAN_HOLD = Control(
    id="monitoring.held-mail-waits",
    title="The mail server can let the mail of one account wait",
    severity=Severity.HIGH,
    why="Where Postfix does not ask who is held, a hijacked account goes on sending while you sleep.",
    fix="lockdown plan monitoring",
    evidence="smtpd_end_of_data_restrictions of main.cf and master.cf, and the table it asks",
    undo="lockdown rollback",
)
CAN_LOCK = Control(
    id="monitoring.locked-password-opens-nothing",
    title="The password of one account can be shut out at once",
    severity=Severity.MEDIUM,
    why="A stolen password opens the mailbox, and every new session, until somebody has changed it.",
    fix="lockdown plan monitoring",
    evidence="the passdb sections of Dovecot in their order, and the table that the first one asks",
    undo="lockdown rollback",
)
HOLDING = (CAN_HOLD, CAN_LOCK)
QUEUE_IDS = Control(
    id="monitoring.queue-ids-are-unique",
    title="A queue id names one message and no later one",
    severity=Severity.LOW,
    why="Short ids come again: what was held or deleted by its id a moment later may be somebody else's mail.",
    fix="postconf -e 'enable_long_queue_ids = yes' && postfix reload",
    evidence="enable_long_queue_ids of main.cf",
    side_effects="new queue ids are longer, also in the log: a program that expects ten letters finds more",
    undo="postconf -e 'enable_long_queue_ids = no' && postfix reload     (what is in the queue keeps its name)",
    references=("https://www.postfix.org/postconf.5.html#enable_long_queue_ids",),
)
QUEUE_LIFETIME = Control(
    id="monitoring.queue-lifetime",
    title="Mail that cannot be delivered is given back in days, not hours or weeks",
    severity=Severity.MEDIUM,
    why="Too short, and a night's outage loses mail; too long, and nobody hears that it never arrived.",
    fix="postconf -# maximal_queue_lifetime && postfix reload",
    evidence="maximal_queue_lifetime of main.cf",
    side_effects="counts at once for what is in the queue already",
    references=("RFC 5321 4.5.4.1", "https://www.postfix.org/postconf.5.html#maximal_queue_lifetime"),
)
QUEUE_SETTINGS = (QUEUE_IDS, QUEUE_LIFETIME)
EYES = Control(
    id="monitoring.watch-sees-the-log",
    title="The watch reads the log that the mail server writes",
    severity=Severity.HIGH,
    why="A watch that reads no log sees no hijacked account and no guessed password, and nothing looks wrong.",
    fix="set monitoring.mail_logs in lockdown.toml, and let the gateway's user read it: usermod -aG adm lockdown "
    "(for the journal: systemd-journal)",
    evidence="maillog_file of Postfix, monitoring.mail_logs, the rights of that file or journal, the groups of the "
    "gateway's user and of its unit",
    side_effects="who is of that group reads the other logs of the machine as well",
    undo="gpasswd -d lockdown adm",
)
