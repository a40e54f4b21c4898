"""The controls of item 11: backups exist, are recent, hold what is needed, lie elsewhere, and were restored once."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

EXIST = Control(
    id="backups.exist",
    title="Backups are made",
    severity=Severity.CRITICAL,
    why="After an attack, or a dead disk, nothing else brings the mail back.",
    fix="set up borgmatic or restic to another machine, and run it daily by a timer",
    evidence="settings, scripts and schedules of the usual backup programs",
    references=("https://torsion.org/borgmatic/", "https://restic.readthedocs.io/"),
    maps=("DISA STIG V-18883",),
)
SCHEDULED = Control(
    id="backups.scheduled",
    title="Backups run by themselves",
    severity=Severity.HIGH,
    why="A backup that somebody must think of is old on the day it is needed.",
    fix="systemctl enable --now borgmatic.timer     (or a line in /etc/cron.d)",
    evidence="cron tables and timers that name a backup program",
    maps=("DISA STIG V-18883",),
)
RECENT = Control(
    id="backups.recent",
    title="The last backup is recent",
    severity=Severity.CRITICAL,
    why="Everything since the last one is lost, and a job that stopped says nothing by itself.",
    fix="run the backup by hand and read its last words",
    evidence="the newest trace of a run: logs, caches, stamps of timers",
)
COMPLETE = Control(
    id="backups.complete",
    title="The backup holds what a mail server needs",
    severity=Severity.HIGH,
    why="Mail without its settings and keys, or settings without mail, is no way back.",
    fix="add the paths named to the set of the backup",
    evidence="the paths of the backup against where mail and settings lie",
)
DATABASES = Control(
    id="backups.databases",
    title="Databases are dumped for the backup",
    severity=Severity.MEDIUM,
    why="The files of a running database, copied one after the other, often do not start again.",
    fix="use the database hooks of borgmatic, or dump before the run: mariadb-dump, pg_dump",
    evidence="database servers among the packages, and dumps among the lines of the backup",
)
OFF_HOST = Control(
    id="backups.off-host",
    title="A copy lies on another machine",
    severity=Severity.CRITICAL,
    why="Fire, theft and whoever becomes root take the copy beside the original with it.",
    fix="add a repository on another machine: ssh://, sftp:, rest: or s3:",
    evidence="the repositories that the settings name",
    maps=("DISA STIG V-18883",),
)
RETENTION = Control(
    id="backups.retention",
    title="How long backups are kept is written down",
    severity=Severity.MEDIUM,
    why="Damage is often found after weeks; and what the law says must go, must go from the copies too.",
    fix="write keep_daily, keep_weekly and keep_monthly, or restic forget --keep-daily …",
    evidence="rules of retention in the settings",
)
CHECKED = Control(
    id="backups.checked",
    title="The repository is checked",
    severity=Severity.MEDIUM,
    why="A rotten disk is found by reading, and better before the restore.",
    fix="run borg check or restic check --read-data-subset=1/12 monthly",
    evidence="checks among the lines of the backup",
)
TELLS = Control(
    id="backups.missed-run-told",
    title="A run that fails or is missed is told",
    severity=Severity.MEDIUM,
    why="A backup that stopped is silent until the day it is needed.",
    fix="add a ping to healthchecks or the like, OnFailure= to the service, or MAILTO= to the cron table",
    evidence="notices among the lines of the backup",
)
BEYOND_REACH = Control(
    id="backups.beyond-reach",
    title="Root of this server cannot delete the backups",
    severity=Severity.HIGH,
    why="Whoever extorts you deletes the backups first, with the server's own key.",
    fix="append-only on the other side: borg serve --append-only, rest-server --append-only, S3 object lock, or pull",
    evidence="the word of a named person: it is decided on the other machine",
    by_word=True,
    maps=("DISA STIG V-18882",),
)
KEY_ELSEWHERE = Control(
    id="backups.key-elsewhere",
    title="The key of the backup lies elsewhere too",
    severity=Severity.CRITICAL,
    why="With the server its only key is gone, and the backup cannot be opened.",
    fix="borg key export --paper, or print the password of restic; keep it in a safe",
    evidence="the word of a named person",
    by_word=True,
)
RESTORED = Control(
    id="backups.restore-rehearsed",
    title="A restore was rehearsed",
    severity=Severity.HIGH,
    why="A backup that was never restored is a hope.",
    fix="restore one mailbox and the settings to an empty machine, and write down how long it took",
    evidence="the word of a named person",
    by_word=True,
    maps=("DISA STIG V-18881",),
)

CONTROLS = (
    EXIST, SCHEDULED, RECENT, COMPLETE, DATABASES, OFF_HOST, RETENTION, CHECKED, TELLS,
    BEYOND_REACH, KEY_ELSEWHERE, RESTORED,
)  # fmt: skip
