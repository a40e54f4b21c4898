"""What is asked about Dovecot, its disks and the certificates that it and Postfix show: settings without passwords."""

from __future__ import annotations

import re

from lockdown.facts import certificates, disks, dovecot, holding, key_pairs, postfix, quotas
from lockdown.host.asked import Command, Files, Listing, Script, Sources
from lockdown.model.snapshot import Snapshot

_PLACES = ("/", "/var", "/var/spool/postfix", "/var/mail", "/var/vmail", "/srv/mail", "/home", "/var/log", "/tmp")
# path, KiB in all, KiB that are free, inodes in all and free, where it is mounted
_DISKS = """
for place; do
    [ -d "$place" ] || continue
    space=$(df -Pk "$place" | awk 'NR == 2 { print $2, $4 }')
    inodes=$(df -Pi "$place" | awk 'NR == 2 { print $2, $4 }')
    echo "$place $space $inodes $(df -P "$place" | awk 'NR == 2 { print $6 }')"
done
"""
# KiB in all, KiB of the last days (a dash where one file holds all of it), where it lies. Links are not followed.
_SIZES = r"""
most=$1 days=$2
since=$(( $(date +%s) - days * 86400 ))
measure() {
    find "$1" -type f \( -name 'dovecot*' -printf '%s 0\n' -o -printf '%s %T@\n' \) 2>&1 |
    awk -v box="$1" -v since="$since" -v one="$2" '
        /No such file/ { next }
        !/^[0-9]+ [0-9.]+$/ { denied = 1; next }
        { all += $1; if ($2 > since) new += $1 }
        END {
            if (denied) print "denied", box
            else print int(all / 1024), (one ? "-" : int(new / 1024)), box
        }'
}
walk() {
    [ -r "$1" ] && [ -x "$1" ] || { echo "denied $1"; return; }
    for place in "$1"/*; do
        [ -L "$place" ] && continue
        [ -d "$place" ] || continue
        if [ -d "$place/cur" ] || [ -d "$place/Maildir" ] || [ -d "$place/mailboxes" ] || [ -d "$place/mail" ]; then
            measure "$place"
        elif [ "$2" -gt 1 ]; then
            ( walk "$place" $(( $2 - 1 )) )
        fi
    done
}
{
    for file in /var/mail/*; do
        [ -f "$file" ] && [ ! -L "$file" ] && echo "$(( $(stat -c %s "$file") / 1024 )) - $file"
    done
    for place in /var/mail /var/vmail /srv/mail; do [ -d "$place" ] && [ ! -L "$place" ] && walk "$place" 3; done
    for home in /home/*; do
        [ -d "$home" ] && [ ! -L "$home" ] || continue
        [ -x "$home" ] || { echo "denied $home"; continue; }
        for place in "$home/Maildir" "$home/mdbox" "$home/sdbox"; do [ -d "$place" ] && measure "$place"; done
        [ ! -d "$home/mail" ] || measure "$home/mail" one
    done
} | head -n $(( most + 1 ))
"""
# Only what is judged keeps its value. Passwords stand under names that nobody can list: args, default_fields, headers.
_JUDGED = re.compile(
    r"(?:dovecot_(?:config|storage)_version|protocols|ssl|ssl_min_protocol|ssl_cert|ssl_server_cert_file"
    r"|disable_plaintext_auth|auth_allow_cleartext|mail_plugins|driver|executable|port"
    r"|deny|mail_location|mail_(?:driver|path|inbox_path)|auth_username_format|recipient_delimiter|log_path"
    r"|quota\d*|quota\d*_(?:rule|warning|grace)\d*|quota_(?:storage_(?:size|percentage|grace)|message_count)|storage_size)\Z"
)
_SETTING = re.compile(r"(?P<start>\s*(?P<name>[\w./:%-]+)\s*=\s*)(?P<value>.*)\Z")
_HARMLESS = re.compile(r"\s*(?:\}|!include(?:_try)?\s+\S+|[^=]*\{|#\s*\d+\.\d+[^\n]*)?\s*\Z")
HIDDEN = "***"
_MOST_CERTIFICATES = 10
_SIZES_SECONDS = 20.0


def sources() -> Sources:
    """Each reading, and how it is taken."""
    return {
        dovecot.EFFECTIVE: Command(("doveconf", "-n"), reduce=without_passwords),
        dovecot.VERSION: Command(("dovecot", "--version")),
        dovecot.FILES: Files(
            (
                "/etc/dovecot/dovecot.conf", "/etc/dovecot/local.conf",
                "/etc/dovecot/conf.d/*.conf", "/etc/dovecot/conf.d/*.conf.ext",
            ),
            reduce=without_passwords,
        ),
        disks.SOURCE: Script(_DISKS, _PLACES),
        holding.TABLES: Listing((holding.HOLD_TABLE, holding.DENY_TABLE)),
        key_pairs.SOURCE: Listing(key_pairs.PATTERNS),
        quotas.SOURCE: Script(_SIZES, (str(quotas.MOST_MAILBOXES), str(quotas.DAYS)), seconds=_SIZES_SECONDS),
    }  # fmt: skip


def more(snapshot: Snapshot) -> Sources:
    """The certificates that the servers name: what is public of them."""
    paths: list[str] = []
    server = postfix.postfix(snapshot)
    if isinstance(server, postfix.Postfix):
        paths += certificates.of_postfix(server)
    mailboxes = dovecot.dovecot(snapshot)
    if isinstance(mailboxes, dovecot.Dovecot):
        paths += certificates.of_dovecot(mailboxes)
    shown = ("-noout", "-enddate", "-subject", "-text")
    return {
        f"{certificates.FOLDER}{path}": Command(("openssl", "x509", "-in", path, *shown), reduce=certificates.reduced)
        for path in dict.fromkeys(paths[:_MOST_CERTIFICATES])
        if path.startswith("/")
    }


def without_passwords(text: str) -> str:
    """Each line in its place; values of settings that are not judged, and comments, are left out.

    A line of no known shape is left out whole, and is then not understood: Unknown, never a guess.
    """
    shown: list[str] = []
    goes_on = hides = False
    for line in text.splitlines():
        if goes_on:
            # The rest of a setting over several lines: as the setting itself.
            part = "" if hides else line
        else:
            part, hides = _shown(line)
        goes_on = line.rstrip().endswith("\\")
        shown.append(part)
    return "".join(f"{line}\n" for line in shown)


def _shown(line: str) -> tuple[str, bool]:
    """A line as it is kept, and whether its value was left out."""
    bare = re.sub(r"\s#.*\Z", "", line) if not line.lstrip().startswith("#") else line
    if found := _SETTING.match(bare):
        # `args` may hold a password, so of its values only our own table is known.
        if _JUDGED.match(found["name"]) or found["value"].strip() == holding.DENY_TABLE:
            return bare, False
        # A file by its name is no secret: what matters of it is that it is named.
        return found["start"] + HIDDEN, True
    if line.lstrip().startswith("#") and not _HARMLESS.match(line):
        return "#", True
    if _HARMLESS.match(bare):
        return bare, False
    if block := re.fullmatch(r"(\s*[^={}]*\{\s*)([^{}]*=[^{}]*?)(\s*\})", bare):
        return block[1] + _shown(block[2])[0] + block[3], False
    return HIDDEN, True
