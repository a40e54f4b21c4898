"""The controls of item 5: mailboxes have an end, and what reaches it does not fill the disk."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

_QUOTA = "https://doc.dovecot.org/latest/core/plugins/quota.html"

QUOTA_ON = Control(
    id="mailboxes.quota-is-on",
    title="Quota is counted",
    severity=Severity.HIGH,
    why="Without it one mailbox takes the whole disk, and then nobody gets mail.",
    fix="set mail_plugins = $mail_plugins quota in /etc/dovecot/conf.d/90-quota.conf, then: doveadm reload",
    evidence="mail_plugins of Dovecot, or the mailbox limits of Postfix's own delivery",
    references=(_QUOTA,),
)
QUOTA_FINITE = Control(
    id="mailboxes.quota-is-finite",
    title="Every mailbox has a limit",
    severity=Severity.HIGH,
    why="A quota of 0 is unlimited: the bomb goes to that mailbox.",
    fix="set a rule for everyone: plugin { quota_rule = *:storage=5G }     (2.4: quota_storage_size = 5G)",
    evidence="quota rules of Dovecot, or mailbox_size_limit and virtual_mailbox_limit of Postfix",
    side_effects="mailboxes above the limit take no more mail: look first, doveadm quota get -A",
    references=(_QUOTA,),
)
REFUSED_EARLY = Control(
    id="mailboxes.full-is-refused-at-rcpt",
    title="A full mailbox is refused before the message comes",
    severity=Severity.MEDIUM,
    why="What is taken for a full mailbox waits in the queue and is bounced later, to a sender that may be forged.",
    fix="service quota-status in Dovecot, and check_policy_service of it in smtpd_recipient_restrictions",
    evidence="service quota-status of Dovecot and check_policy_service of Postfix",
    references=(_QUOTA,),
)
WARNED = Control(
    id="mailboxes.users-are-warned",
    title="Users are warned before their mailbox is full",
    severity=Severity.LOW,
    why="The user should know before his partners do.",
    fix="quota_warning = storage=95%% quota-warning 95 %u     (in plugin { } of /etc/dovecot/conf.d/90-quota.conf)",
    evidence="quota_warning of Dovecot, and whether Postfix puts mail into mailboxes past it",
    references=(_QUOTA,),
)
DISK_ROOM = Control(
    id="mailboxes.disk-has-room",
    title="The disks of mail have room",
    severity=Severity.HIGH,
    why="On a full disk no mail is taken, and a database that cannot write may be damaged.",
    fix="doveadm quota get -A     (who is largest), doveadm expunge -A mailbox Trash savedbefore 30d",
    evidence="free space and inodes of the file systems of the queue, the mailboxes, the logs and /tmp",
)
OWN_DISK = Control(
    id="mailboxes.mail-has-its-own-disk",
    title="Mailboxes do not lie on the system's disk",
    severity=Severity.LOW,
    why="When mail fills the system's own disk, nothing works any more, not even signing in.",
    fix="put the mailboxes on a file system of their own",
    evidence="where the mailboxes and / are mounted",
    maps=("CIS Debian Linux 12 (draft) 1.1.2.4.1",),
)
HARD_LIMIT = Control(
    id="mailboxes.message-fits",
    title="The largest message fits into the smallest mailbox",
    severity=Severity.LOW,
    why="A message that is larger than the whole mailbox comes back every time it is sent.",
    fix="set a larger quota, or a smaller message_size_limit",
    evidence="quota of Dovecot against message_size_limit of Postfix",
)
SUM_FITS = Control(
    id="mailboxes.sum-fits-the-disk",
    title="All mailboxes together fit onto their disk",
    severity=Severity.LOW,
    why="Limits that add up to more than the disk end at the disk: then nobody gets mail, not only who has too much.",
    fix="set a smaller limit for everyone, or give the mailboxes a larger disk",
    evidence="the limit for everyone, the mailboxes that are there, and the room on their disk",
    side_effects="many sites promise more than they have, as few mailboxes are ever full; then watch the disk",
    references=(_QUOTA,),
)

CONTROLS = (QUOTA_ON, QUOTA_FINITE, REFUSED_EARLY, WARNED, DISK_ROOM, OWN_DISK, HARD_LIMIT, SUM_FITS)
