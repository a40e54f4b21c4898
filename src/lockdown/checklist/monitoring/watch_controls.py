"""The controls of item 9 that an audit judges: the queue, the logs, the clock, bans, and who is told."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

QUEUE_SIZE = Control(
    id="monitoring.queue-size",
    title="The queue is of its usual size",
    severity=Severity.HIGH,
    why="A queue that grows is a flood, a hijacked account, or a server behind that is down.",
    fix="qshape deferred; then hold what is rubbish: postsuper -h QUEUE-ID",
    evidence="postqueue -j, exim -bpc",
    undo="postsuper -H QUEUE-ID",
    references=("https://www.postfix.org/QSHAPE_README.html",),
)
QUEUE_MOVES = Control(
    id="monitoring.queue-moves",
    title="Mail that is due leaves",
    severity=Severity.HIGH,
    why="Mail that stands still in the active queue means that delivery has stopped.",
    fix="see the log for why, then postqueue -f",
    evidence="arrival times in the incoming and active queues",
)
QUEUE_DOMINANCE = Control(
    id="monitoring.queue-dominance",
    title="No sender owns the queue",
    severity=Severity.HIGH,
    why="One sender of most of the queue is a flood or an account in foreign hands.",
    fix="hold that sender's mail (postsuper -h), then close the account or block the network",
    evidence="the senders in postqueue -j",
    undo="postsuper -H QUEUE-ID",
)
BACKSCATTER = Control(
    id="monitoring.backscatter",
    title="The queue is not full of bounces",
    severity=Severity.MEDIUM,
    why="Bounces to forged senders hit the innocent, and bring this server onto block lists.",
    fix="refuse unknown recipients at RCPT: reject_unlisted_recipient, relay_recipient_maps",
    evidence="the empty senders in postqueue -j",
    references=("https://www.postfix.org/BACKSCATTER_README.html",),
)
LOG_SIGNS = Control(
    id="monitoring.log-signs",
    title="The log shows no server that no longer copes",
    severity=Severity.HIGH,
    why="Process limits, loops and full disks are written down before the users call.",
    fix="read the lines named, in their order",
    evidence="the end of /var/log/mail.log, or of the journal where that is the log",
)
LOGS_FRESH = Control(
    id="monitoring.logs-are-written",
    title="Logs are written, and survive a restart",
    severity=Severity.HIGH,
    why="Without a log nothing can be seen, proved or learned afterwards.",
    fix="mkdir -p /var/log/journal && systemctl restart systemd-journald     (or apt-get install rsyslog)",
    evidence="the times of the logs and of the journal",
    maps=("CIS Debian Linux 12 (draft) 6.1.1.1", "CIS Debian Linux 12 (draft) 6.1.2.4"),
)
LOGS_ROTATE = Control(
    id="monitoring.logs-rotate",
    title="Logs are rotated",
    severity=Severity.LOW,
    why="A log without end fills the disk, and then no mail is taken.",
    fix="apt-get install logrotate",
    evidence="the files of logrotate",
    maps=("CIS Debian Linux 12 (draft) 6.1.3.8",),
)
DISK_ROOM = Control(
    id="monitoring.disk-room",
    title="The disks of queue, mail and logs have room",
    severity=Severity.HIGH,
    why="On a full disk mail is refused and nothing is logged.",
    fix="du -xh -d2 /var | sort -h | tail     (and see queue-size)",
    evidence="df: room and inodes",
)
CLOCK = Control(
    id="monitoring.clock",
    title="The clock is kept right",
    severity=Severity.MEDIUM,
    why="Logs of a wrong clock prove nothing, and signatures and certificates fail by it.",
    fix="apt-get install chrony",
    evidence="timedatectl, chronyc tracking",
    maps=("CIS Debian Linux 12 (draft) 2.3.1.1",),
)
GUESSING_BANNED = Control(
    id="monitoring.guessing-banned",
    title="Whoever guesses passwords is shut out",
    severity=Severity.HIGH,
    why="Every mail server is guessed at all day; without a limit some password is found.",
    fix="apt-get install fail2ban, and switch its jails postfix-sasl and dovecot on in jail.local",
    evidence="the jails of fail2ban, CrowdSec's log sources, the gateway's mode",
    side_effects="a colleague with an old password in the phone is banned too",
)
BANS_REACH = Control(
    id="monitoring.bans-reach",
    title="Bans stand where the packets go by",
    severity=Severity.HIGH,
    why="A ban in the wrong chain is written in the log and stops nobody.",
    fix="set chain = DOCKER-USER in the jail for ports that containers publish; keep ignoreip short",
    evidence="chain, banaction and ignoreip of the jails, and who listens",
)
SOMEBODY_TOLD = Control(
    id="monitoring.somebody-told",
    title="Mail to root and postmaster reaches a person",
    severity=Severity.HIGH,
    why="What cron, updates and backups have to say goes there, and so do complaints.",
    fix="echo 'root: you@example.org' >> /etc/aliases && newaliases",
    evidence="/etc/aliases",
    references=("RFC 5321 4.5.1", "RFC 2142"),
)
GATEWAY_ANSWERS = Control(
    id="monitoring.gateway-answers",
    title="The gateway answers floods, and does not only watch them",
    severity=Severity.MEDIUM,
    why="To look on is for the first days; afterwards a flood is let in with a note.",
    fix='write monitoring.mode = "answer" in lockdown.toml',
    evidence="monitoring.mode",
    undo='write monitoring.mode = "observe"',
)

WATCHED = (
    QUEUE_SIZE, QUEUE_MOVES, QUEUE_DOMINANCE, BACKSCATTER, LOG_SIGNS, LOGS_FRESH, LOGS_ROTATE, DISK_ROOM, CLOCK,
    GUESSING_BANNED, BANS_REACH, SOMEBODY_TOLD, GATEWAY_ANSWERS,
)  # fmt: skip
