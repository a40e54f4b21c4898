"""The controls of item 10: fixes are offered, come in by themselves, are in use, and somebody reads the bulletins."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

_DEBIAN = "https://www.debian.org/security/"
_NIST = "NIST SP 800-40r4"

EXPOSED_UPDATES = Control(
    id="patches.exposed-updates",
    title="No security update waits for what strangers reach",
    severity=Severity.CRITICAL,
    why="The hole is public from the day of its fix, and mail servers are searched for it within days.",
    fix="apt-get update && apt-get upgrade     (then restart what it names)",
    evidence="dpkg's list of packages against the security suites of the distribution",
    side_effects="services are restarted",
    undo="apt-get install PACKAGE=OLD-VERSION",
    references=(_DEBIAN,),
    maps=(_NIST, "CIS Debian Linux 12 (draft) 1.2.2.1"),
)
OTHER_UPDATES = Control(
    id="patches.other-updates",
    title="No security update waits for the rest of the system",
    severity=Severity.MEDIUM,
    why="Whoever gets in by a small hole uses the others to become root.",
    fix="apt-get update && apt-get upgrade",
    evidence="dpkg's list of packages against the security suites of the distribution",
    side_effects="services may be restarted",
    undo="apt-get install PACKAGE=OLD-VERSION",
    references=(_DEBIAN,),
    maps=(_NIST, "CIS Debian Linux 12 (draft) 1.2.2.1"),
)
LISTS_FRESH = Control(
    id="patches.lists-are-fresh",
    title="The lists of updates are fresh",
    severity=Severity.HIGH,
    why="With old lists nothing seems to be missing.",
    fix="apt-get update     (and see why it does not run daily: systemctl status apt-daily.timer)",
    evidence="the times of apt's lists and stamps",
)
SECURITY_SOURCE = Control(
    id="patches.security-source",
    title="The security suite of the distribution is a source of packages",
    severity=Severity.HIGH,
    why="Fixes come by it first, and long before the next point release.",
    fix="add the -security suite to /etc/apt/sources.list.d, then apt-get update",
    evidence="the sources of apt",
    references=(_DEBIAN,),
    maps=("CIS Debian Linux 12 (draft) 1.2.1.2",),
)
RELEASE_SUPPORTED = Control(
    id="patches.release-supported",
    title="The release still gets security updates",
    severity=Severity.CRITICAL,
    why="After its end a release gets no fix, whatever is found.",
    fix="upgrade to the next release",
    evidence="os-release against the dates that the distribution has announced",
    side_effects="a release upgrade needs a window and a backup",
    undo="restore the backup",
    references=("https://wiki.debian.org/LTS", "https://ubuntu.com/about/release-cycle"),
)
IN_USE = Control(
    id="patches.fixes-in-use",
    title="What runs is what is installed",
    severity=Severity.HIGH,
    why="A program that was not restarted keeps the hole that its update has closed.",
    fix="restart the services named     (needrestart lists them)",
    evidence="the files of each process that have been replaced since it started",
    side_effects="the service is away for a moment",
    undo="none needed",
)
KERNEL = Control(
    id="patches.kernel-in-use",
    title="The newest installed kernel runs",
    severity=Severity.MEDIUM,
    why="A kernel is only replaced by a restart of the machine.",
    fix="systemctl reboot     (in a window; mail waits at its senders)",
    evidence="the running kernel against /boot, and /run/reboot-required",
    side_effects="the machine is away for some minutes",
    undo="choose the older kernel at start",
)
AUTOMATIC = Control(
    id="patches.automatic",
    title="Security updates install themselves",
    severity=Severity.HIGH,
    why="A fix that waits for a person waits over the weekend.",
    fix="apt-get install unattended-upgrades && dpkg-reconfigure -plow unattended-upgrades",
    evidence="APT::Periodic and Unattended-Upgrade in apt.conf, the timers of apt",
    side_effects="services are restarted when their update comes",
    undo="dpkg-reconfigure -plow unattended-upgrades",
    references=("https://wiki.debian.org/UnattendedUpgrades",),
)
AUTOMATIC_RAN = Control(
    id="patches.automatic-ran",
    title="The automatic updates really ran",
    severity=Severity.HIGH,
    why="They stop silently: a full disk, a question of a package, a broken source.",
    fix="unattended-upgrade --dry-run -v     (its last words say why)",
    evidence="the log and the stamp of unattended-upgrades",
)
AUTOMATIC_TOLD = Control(
    id="patches.automatic-told",
    title="Somebody is told what was updated",
    severity=Severity.LOW,
    why="An update that broke something, or failed, is otherwise found by the users.",
    fix='write Unattended-Upgrade::Mail "root"; in /etc/apt/apt.conf.d/52unattended-upgrades-local',
    evidence="Unattended-Upgrade::Mail in apt.conf",
    undo="remove the line",
)
EXCEPTIONS = Control(
    id="patches.exceptions",
    title="No package is kept from its fixes without a reason",
    severity=Severity.MEDIUM,
    why="A hold is set for a day and forgotten for years.",
    fix="apt-mark unhold PACKAGE, or waive it: `lockdown explain patches.exceptions`",
    evidence="holds of dpkg, Unattended-Upgrade::Package-Blacklist, pins of apt",
    undo="apt-mark hold PACKAGE",
)
WHOLE = Control(
    id="patches.installations-whole",
    title="Every installation was finished",
    severity=Severity.MEDIUM,
    why="A package left half installed stops every later update.",
    fix="dpkg --configure -a && apt-get -f install",
    evidence="the states of packages in dpkg's list",
    undo="none needed",
)
BY_HAND = Control(
    id="patches.by-hand",
    title="What was installed by hand is kept current too",
    severity=Severity.HIGH,
    why="Webmail put there by hand gets no fix from the distribution, and is attacked first.",
    fix="install it from the distribution, or read its announcements and update it by hand",
    evidence="version files in the usual places of web programs",
)
BULLETINS = Control(
    id="patches.bulletins-read",
    title="Somebody reads the security bulletins",
    severity=Severity.MEDIUM,
    why="Not every hole has a fix on its first day; then only a setting helps, and a person must know of it.",
    fix="subscribe to debian-security-announce, postfix-announce and dovecot-news, and name who reads them",
    evidence="the word of a named person",
    references=("https://lists.debian.org/debian-security-announce/", "https://www.postfix.org/lists.html"),
    by_word=True,
)

CONTROLS = (
    EXPOSED_UPDATES,
    OTHER_UPDATES,
    LISTS_FRESH,
    SECURITY_SOURCE,
    RELEASE_SUPPORTED,
    IN_USE,
    KERNEL,
    AUTOMATIC,
    AUTOMATIC_RAN,
    AUTOMATIC_TOLD,
    EXCEPTIONS,
    WHOLE,
    BY_HAND,
    BULLETINS,
)
