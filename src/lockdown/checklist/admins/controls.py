"""The controls of item 7: few people hold the keys, each by name, and their keys are strong."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

_NIST = "NIST SP 800-63B 5.1.1.2"

ONE_ROOT = Control(
    id="admins.one-root",
    title="Only root has the number 0",
    severity=Severity.CRITICAL,
    why="A second account with uid 0 is root under a name that nobody looks at.",
    fix="usermod -u NUMBER NAME     (or userdel NAME)",
    evidence="/etc/passwd",
    side_effects="files of that account must change their owner",
    maps=("CIS Debian Linux 12 (draft) 5.4.2.1",),
)
FEW = Control(
    id="admins.few",
    title="Few people can become root",
    severity=Severity.MEDIUM,
    why="Each administrator more is a password more that opens everything.",
    fix="gpasswd -d NAME sudo",
    evidence="/etc/sudoers with what it includes, and the groups that lead to root (sudo, wheel, docker, lxd, disk …)",
    side_effects="who is taken out can no longer administer",
    undo="gpasswd -a NAME sudo",
    maps=("DISA STIG V-18877",),
)
BY_NAME = Control(
    id="admins.by-name",
    title="Administrators have accounts of their own",
    severity=Severity.MEDIUM,
    why="Of a shared account nobody knows who did it, and its password never changes when somebody leaves.",
    fix="adduser NAME && gpasswd -a NAME sudo     (then lock the shared one: usermod -L NAME)",
    evidence="the names of the accounts that can become root",
)
NO_EMPTY = Control(
    id="admins.no-empty-password",
    title="No account lets in without a password",
    severity=Severity.CRITICAL,
    why="An empty password is none.",
    fix="passwd -l NAME",
    evidence="the kind of each password in /etc/shadow (never its hash)",
    undo="passwd -u NAME",
    waivable=False,
    maps=("CIS Debian Linux 12 (draft) 7.2.2",),
)
STRONG_HASHES = Control(
    id="admins.strong-hashes",
    title="Passwords are kept under a strong hash",
    severity=Severity.HIGH,
    why="Old kinds of hashes are guessed in minutes once the file is copied.",
    fix="set ENCRYPT_METHOD YESCRYPT in /etc/login.defs, then have each one changed: passwd NAME",
    evidence="the kind of each password in /etc/shadow (never its hash)",
    maps=("CIS Debian Linux 12 (draft) 5.4.1.4",),
)
LENGTH = Control(
    id="admins.password-length",
    title="Passwords have a least length",
    severity=Severity.MEDIUM,
    why="Short passwords are guessed; length helps more than rules about signs.",
    fix="apt-get install libpam-pwquality     (and minlen = 12 in /etc/security/pwquality.conf)",
    evidence="/etc/pam.d/common-password and /etc/security/pwquality.conf",
    references=(_NIST,),
    maps=("CIS Debian Linux 12 (draft) 5.3.3.2.2",),
)
NO_AGEING = Control(
    id="admins.no-forced-ageing",
    title="Passwords do not expire without a reason",
    severity=Severity.LOW,
    why="Whoever must change often takes Summer2026!. Authorities differ: CIS asks for ageing, NIST is against it.",
    fix="chage -M -1 NAME     (and PASS_MAX_DAYS 99999 in /etc/login.defs)",
    evidence="the longest age in /etc/shadow of accounts that can become root",
    references=(_NIST, "CIS Debian Linux Benchmark (password expiration): contradicts"),
)
SUDO_PASSWORD = Control(
    id="admins.sudo-asks",
    title="Becoming root asks for a password",
    severity=Severity.HIGH,
    why="With NOPASSWD, whoever gets hold of an open session, or of a web program of that user, is root.",
    fix="visudo     (take NOPASSWD out of the line)",
    evidence="/etc/sudoers with what it includes",
    side_effects="scripts that rely on it need rules for single commands",
    maps=("CIS Debian Linux 12 (draft) 5.2.4", "CIS Debian Linux 12 (draft) 5.2.5"),
)
ROOT_SSH = Control(
    id="admins.no-root-by-ssh",
    title="Nobody signs in as root over ssh with a password",
    severity=Severity.HIGH,
    why="root is the one name that every guessing machine knows, and it does not say who it was.",
    fix="write PermitRootLogin no in /etc/ssh/sshd_config.d/10-lockdown.conf, then: sshd -t && systemctl reload ssh",
    evidence="PermitRootLogin of sshd, Match blocks included",
    side_effects="sign in under your own name first, and keep a session open while you try",
    maps=("CIS Debian Linux 12 (draft) 5.1.20",),
)
PASSWORD_SSH = Control(
    id="admins.no-passwords-over-ssh",
    title="ssh takes keys, not passwords",
    severity=Severity.MEDIUM,
    why="Passwords are guessed all day long by machines; keys are not.",
    fix="write PasswordAuthentication no in /etc/ssh/sshd_config.d/10-lockdown.conf; sshd -t && systemctl reload ssh",
    evidence="PasswordAuthentication and KbdInteractiveAuthentication of sshd",
    side_effects="whoever has no key there is locked out: put the key there first",
)
KEYS = Control(
    id="admins.strong-keys",
    title="Keys that let in are strong, and each has an owner",
    severity=Severity.MEDIUM,
    why="A weak key is broken, and of one without a name nobody knows when to take it out.",
    fix="ssh-keygen -t ed25519     (put the new key there, take the old line out of authorized_keys)",
    evidence="type, length and comment of each key in the authorized_keys of root and of /home",
)
UNUSED = Control(
    id="admins.none-unused",
    title="Accounts that can become root are in use",
    severity=Severity.MEDIUM,
    why="An account that its owner has left is guessed, and nobody notices.",
    fix="usermod -L -e 1 NAME",
    evidence="lastlog of the accounts that can become root",
    undo="usermod -U -e '' NAME",
)
SERVICE_SHELLS = Control(
    id="admins.no-service-shells",
    title="Service accounts cannot sign in",
    severity=Severity.MEDIUM,
    why="An account of a program with a shell and a password is a door that nobody uses but thieves.",
    fix="usermod -s /usr/sbin/nologin NAME",
    evidence="/etc/passwd and the kind of password of the accounts below uid 1000",
    undo="usermod -s /bin/sh NAME",
    maps=("CIS Debian Linux 12 (draft) 5.4.2.7",),
)
NO_SETUP_PAGES = Control(
    id="admins.no-open-panels",
    title="No panel or setup page lies open",
    severity=Severity.HIGH,
    why="phpMyAdmin and forgotten installers are tried by every scanner; behind them are all passwords.",
    fix="remove the page, or let the web server show it to loopback only",
    evidence="the usual places of phpMyAdmin, and of the setup pages of PostfixAdmin and Roundcube",
)
CONSOLE = Control(
    id="admins.console-is-local",
    title="Lockdown's own console is for this machine only",
    severity=Severity.HIGH,
    why="It has no accounts yet: whoever reaches it reads it.",
    fix='write console.listen = "127.0.0.1:8025" in lockdown.toml     (reach it by ssh -L 8025:127.0.0.1:8025)',
    evidence="console.listen",
    waivable=False,
)
LOCAL_QUEUE = Control(
    id="admins.local-queue-is-narrow",
    title="Only administrators look into the queue",
    severity=Severity.LOW,
    why="Whoever gets into any account on the machine, a web page's included, reads there who writes to whom.",
    fix="postconf -e 'authorized_mailq_users = root, postfix' 'authorized_flush_users = root, postfix'",
    evidence="authorized_mailq_users and authorized_flush_users, and which accounts are not an administrator's",
    side_effects="a monitoring program that calls mailq under a name of its own must be named there",
    references=("postconf(5)",),
)
LOCAL_SUBMISSION = Control(
    id="admins.local-submission-is-narrow",
    title="Web pages send mail only where that is meant",
    severity=Severity.MEDIUM,
    why="A hole in one page of the web server, and the server sends spam under your name, past all limits of port 25.",
    fix="postconf -e 'authorized_submit_users = !www-data, static:anyone'     (when no page is to send mail)",
    evidence="authorized_submit_users, and whether a web server runs here",
    side_effects="a form or a web shop that sends by sendmail no longer can; over SMTP with a password it still does",
    references=("postconf(5)",),
)
MAILBOX_SCHEMES = Control(
    id="admins.mailbox-password-schemes",
    title="Passwords of mailboxes are kept under a slow hash",
    severity=Severity.HIGH,
    why="Whoever copies the file has every mailbox at once, and whatever else its owner uses that password for.",
    fix="doveadm pw -s BLF-CRYPT     (for each user a new line; 2.3.0 and later also ARGON2ID)",
    evidence="the schemes in Dovecot's own password files (never a password or a hash)",
    side_effects="CRAM-MD5 and DIGEST-MD5 do not work with them; PLAIN over TLS does",
    undo="the old lines of the file",
    references=("doc.dovecot.org: Password Schemes",),
)
SECOND_FACTOR = Control(
    id="admins.second-factor",
    title="Administrators sign in with a second factor",
    severity=Severity.MEDIUM,
    why="A password alone is stolen in one mail.",
    fix="give each administrator a key with a touch (ssh-keygen -t ed25519-sk), or a code for the panel",
    evidence="a person's word",
    by_word=True,
)
REVIEWED = Control(
    id="admins.reviewed",
    title="Who administers is reviewed, and leavers are taken out",
    severity=Severity.MEDIUM,
    why="Rights are given in a hurry and taken back never.",
    fix="read the list with whoever is responsible, twice a year: lockdown audit --item admins --all",
    evidence="a person's word",
    by_word=True,
)
GUESSING = Control(
    id="admins.guessing-is-stopped",
    title="Who guesses passwords is held up, and nobody else is",
    severity=Severity.HIGH,
    why="Whoever may guess without end finds the weakest password; a limit by name locks its owner out instead.",
    fix="apt-get install fail2ban     (its jails sshd, dovecot and postfix-sasl in /etc/fail2ban/jail.local)",
    evidence="a drill: wrong passwords from one strange address, the right one from another",
    side_effects="who mistypes often has to wait; name offices behind one address in ignoreip",
    undo="apt-get purge fail2ban",
    by_drill=True,
)

CONTROLS = (
    ONE_ROOT, FEW, BY_NAME, NO_EMPTY, STRONG_HASHES, LENGTH, NO_AGEING, SUDO_PASSWORD, ROOT_SSH, PASSWORD_SSH, KEYS,
    UNUSED, SERVICE_SHELLS, NO_SETUP_PAGES, CONSOLE, LOCAL_QUEUE, LOCAL_SUBMISSION, MAILBOX_SCHEMES,
    SECOND_FACTOR, REVIEWED,
    GUESSING,
)  # fmt: skip
