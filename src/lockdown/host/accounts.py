"""What is asked about people and their keys: accounts, groups, sudo, ssh, password rules, aliases, logs kept.

Hashes never become a reading: of the shadow file only the kind of each password is kept, of a public key only its type,
size, comment and fingerprint.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections import Counter

from lockdown.facts import accounts, aliases, catch_all, mailbox_passwords, sshd, sudoers
from lockdown.facts import postfix as facts
from lockdown.host.asked import Command, File, Files, Listing, Script, Sources
from lockdown.model.snapshot import Snapshot

_MOST_TABLES = 50
_KINDS = (
    ("$y$", "yescrypt"), ("$7$", "scrypt"), ("$gy$", "gost-yescrypt"), ("$6$", "sha512"), ("$5$", "sha256"),
    ("$2", "bcrypt"), ("$1$", "md5"), ("$argon2", "argon2"), ("$md5", "sun-md5"), ("_", "bsdi"),
)  # fmt: skip
_KEY_TYPES = re.compile(r"(?:^|\s)((?:sk-)?(?:ssh|ecdsa)-[\w@.-]+)\s+([A-Za-z0-9+/=]+)(?:\s+(.*))?$")

_MAILBOX_PASSWORDS = (
    "/etc/dovecot/users", "/etc/dovecot/passwd", "/etc/dovecot/*.passwd", "/etc/dovecot/passwd.*", "/etc/dovecot/*.pwd",
    "/etc/dovecot/imap.passwd", "/etc/dovecot/virtual-users", "/etc/dovecot/dovecot-users",
)  # fmt: skip
_SCHEMES = {
    "md5": "MD5-CRYPT", "des": "DES-CRYPT", "sha256": "SHA256-CRYPT", "sha512": "SHA512-CRYPT", "bcrypt": "BLF-CRYPT",
    "yescrypt": "YESCRYPT", "argon2": "ARGON2ID",
}  # fmt: skip
# Who is signed in, by name; and the number of each user that a process runs as.
_IN_USE = r"""
who 2>/dev/null | awk '{ print $1 }' | sort -u
sed -n 's/^Uid:[[:space:]]*\([0-9]*\).*/\1/p' /proc/[0-9]*/status 2>/dev/null | sort -un
"""


def sources() -> Sources:
    """Each reading, and how it is taken."""
    return {
        accounts.PASSWD: File("/etc/passwd", reduce=second_field_shown),
        accounts.GROUP: File("/etc/group", reduce=second_field_shown),
        accounts.SHADOW: File("/etc/shadow", reduce=shadow_kinds),
        accounts.LAST: Command(("lastlog",), seconds=3),
        accounts.IN_USE: Script(_IN_USE, seconds=5),
        sudoers.MAIN: File("/etc/sudoers"),
        sudoers.PARTS: Files(("/etc/sudoers.d/*",)),
        sshd.MAIN: File("/etc/ssh/sshd_config"),
        sshd.PARTS: Files(("/etc/ssh/sshd_config.d/*.conf",)),
        accounts.KEYS: Files(("/root/.ssh/authorized_keys*", "/home/*/.ssh/authorized_keys*"), reduce=keys_shown),
        accounts.LOGIN_DEFS: File("/etc/login.defs"),
        accounts.QUALITY: Files(("/etc/security/pwquality.conf", "/etc/security/pwquality.conf.d/*.conf")),
        accounts.COMMON_PASSWORD: File("/etc/pam.d/common-password"),
        mailbox_passwords.SOURCE: Files(_MAILBOX_PASSWORDS, reduce=schemes_counted),
        accounts.PANELS: Listing(
            (
                "/usr/share/phpmyadmin", "/var/www/*/phpmyadmin", "/var/www/*/postfixadmin/public/setup.php",
                "/usr/share/postfixadmin/public/setup.php", "/var/www/*/*/installer/index.php",
                "/var/www/html/installer/index.php", "/usr/share/roundcube/installer/index.php",
            )
        ),
        aliases.ALIASES: File("/etc/aliases", reduce=aliases_reduced),
        accounts.ROTATION: Files(("/etc/logrotate.conf", "/etc/logrotate.d/rsyslog", "/etc/logrotate.d/*mail*")),
        accounts.JOURNAL: Files(("/etc/systemd/journald.conf", "/etc/systemd/journald.conf.d/*.conf")),
        accounts.JOURNAL_KEPT: Listing(("/var/log/journal", "/var/log/mail.log")),
    }  # fmt: skip


def more(snapshot: Snapshot) -> Sources:
    """The tables in which a name may stand for all names; of each only such lines are kept."""
    found = facts.postfix(snapshot)
    if not isinstance(found, facts.Postfix):
        return {}
    tables = re.findall(r"[^\s,]+", f"{found.value('virtual_alias_maps')} {found.value('virtual_mailbox_maps')}")
    paths = [path for table in tables if (path := facts.table_path(table))][:_MOST_TABLES]
    return {f"{catch_all.TABLES}{path}": File(path, expected=True, reduce=catch_all.only_catch_alls) for path in paths}


def second_field_shown(text: str) -> str:
    """passwd and group with the kind of what stands in their second field, where old systems kept hashes."""
    lines = []
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        secret, _, others = rest.partition(":")
        kind = secret if secret in ("x", "*", "!") else password_kind(secret)
        lines.append(f"{name}:{kind}:{others}" if colon else name[:64])
    return "".join(f"{line}\n" for line in lines)


def shadow_kinds(text: str) -> str:
    """`name kind changed min max warn inactive expires` for each line: never a hash."""
    lines = []
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) >= 8 and fields[0]:
            name, secret, *rest = fields
            lines.append(" ".join([name, password_kind(secret), *(field or "-" for field in rest[:6])]))
        elif line.strip():
            lines.append("? damaged - - - - - -")
    return "".join(f"{line}\n" for line in lines)


def password_kind(secret: str) -> str:
    """`empty`, `none` (no password can match), `locked` with the kind behind it, or the kind of hash."""
    if not secret:
        return "empty"
    bare = secret.lstrip("!")
    if not bare or bare == "*" or bare == "x":
        return "none"
    kind = next((kind for start, kind in _KINDS if bare.startswith(start)), "des" if len(bare) == 13 else "unknown")
    return kind if bare == secret else f"locked-{kind}" if kind != "unknown" else "none"


def schemes_counted(text: str) -> str:
    """Of a password file of Dovecot: `SCHEME how often`, a line for each scheme; never a password, a hash or a name."""
    found: Counter[str] = Counter()
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        if name.strip() and not line.lstrip().startswith("#") and colon:
            found[_scheme(rest)] += 1
    return "".join(f"{scheme} {count}\n" for scheme, count in sorted(found.items()))


def _scheme(rest: str) -> str:
    """`{SHA256.HEX}…` is the scheme with an encoding; {CRYPT}, and no word at all, are told by the form of the hash."""
    named = re.match(r"\{([A-Za-z0-9-]{1,30})(?:\.\w{1,10})?\}", rest, re.ASCII)
    if named and named[1].upper() != "CRYPT":
        return named[1].upper() if named[1].upper() in mailbox_passwords.KNOWN else mailbox_passwords.UNSTATED
    secret = rest[named.end() :] if named else rest
    field = secret.partition(":")[0]
    if field in ("", "*", "!", "x"):
        return mailbox_passwords.NONE
    # Thirteen signs without a scheme may be a password in the open as well as an old hash.
    kind = password_kind(field) if named or field.startswith(("$", "_")) else "unknown"
    return _SCHEMES.get(kind, mailbox_passwords.UNSTATED)


def keys_shown(text: str) -> str:
    """For each key: its type, bits, fingerprint, whether it is tied to a command or an address, and its comment."""
    lines = []
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            lines.append(_key_shown(line.strip()))
    return "".join(f"{line}\n" for line in lines)


def _key_shown(line: str) -> str:
    found = _KEY_TYPES.search(line)
    if not found:
        return "damaged 0 - free -"
    before = line[: found.start(1)]
    tied = "tied" if re.search(r"\b(command|from|restrict)\b", before) else "free"
    try:
        blob = base64.b64decode(found[2], validate=True)
    except (binascii.Error, ValueError):
        return "damaged 0 - free -"
    print_of = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"{found[1]} {_bits(found[1], blob)} SHA256:{print_of} {tied} {found[3] or '-'}"


def _bits(kind: str, blob: bytes) -> int:
    """Of an RSA or DSA key the length of its modulus, from the wire form of RFC 4253 6.6; 0 where it says nothing."""
    if kind not in ("ssh-rsa", "ssh-dss"):
        return 0
    parts, at = [], 0
    while at + 4 <= len(blob):
        length = int.from_bytes(blob[at : at + 4], "big")
        parts.append(blob[at + 4 : at + 4 + length])
        at += 4 + length
    number = parts[2] if kind == "ssh-rsa" and len(parts) > 2 else parts[1] if len(parts) > 1 else b""
    return int.from_bytes(number, "big").bit_length()


def aliases_reduced(text: str) -> str:
    """As it is, without what a program among the aliases is called with."""
    return re.sub(r"\|\s*\"[^\"]*\"|\"\|[^\"]*\"", '"|program"', text)
