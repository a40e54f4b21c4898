"""Make the recordings anew: each is a snapshot of the Postfix that is really installed, set up in its own way.

    python tests/recordings/make.py [NAME …]          needs root (for `denied`) and Postfix; starts no server

What depends on the machine that records (its name, its interfaces, what listens, which scanners are on it) is replaced
by what a case says, and the folder of the configuration by /etc/postfix, so that recordings of two machines differ only
where Postfix differs. Nobody is asked but a port of loopback on which nobody listens.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from lockdown.config import Loaded, Settings
from lockdown.facts import gateway, interfaces, listeners, postfix
from lockdown.host.folder import read_folder, write_folder
from lockdown.host.read import take_snapshot
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from tests.recordings import scanners
from tests.recordings.scanners import CAREFUL, CLAMD_PACKAGED, FRESHCLAM_PACKAGED, OF_SCANNERS, SOCKET
from tests.recordings.whole import OF_THE_REST, attested, the_rest

HOSTS = Path(__file__).parent / "hosts"
TAKEN_AT = datetime(2026, 1, 15, 3, 0, tzinfo=UTC)
NOBODY = "65534"

MAIN_CF = """\
# A careful mail server.
compatibility_level = 3.6
myhostname = mail.example.org
mydestination = $myhostname, localhost, example.org
mynetworks = 127.0.0.0/8 [::1]/128
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated,
    reject_unauth_destination
disable_vrfy_command = yes
message_size_limit = 26214400
mailbox_size_limit = 0
smtpd_client_message_rate_limit = 100
smtpd_milters = inet:127.0.0.1:11332
non_smtpd_milters = $smtpd_milters
smtpd_forbid_bare_newline = normalize
smtpd_tls_security_level = may
smtpd_tls_cert_file = /etc/ssl/certs/mail.pem
smtp_tls_security_level = may
smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:12340
"""
MASTER_CF = """\
smtp      inet  n       -       y       -       -       smtpd
submission inet n       -       y       -       -       smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_sender_login_maps=texthash:/etc/postfix/logins
  -o smtpd_sender_restrictions=reject_sender_login_mismatch
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
anvil     unix  -       -       y       -       1       anvil
"""
NOBODY_THERE = '["127.0.0.1:9"]'
SETTINGS = f"""\
[site]
domains = ["example.com"]
recipients = ["info@example.com"]
[services]
declared = ["tcp/587 users send their mail"]
[audit]
{attested()}[antispam]
resolvers = {NOBODY_THERE}
[gateway]
listen = ["127.0.0.1:2525"]
"""


@dataclass(frozen=True, slots=True)
class Host:
    """One machine: what is appended to the careful files, or a whole file in place of one."""

    about: str
    main: str = ""
    master: str = ""
    settings: str = SETTINGS
    whole_main: str = MAIN_CF
    whole_master: str = MASTER_CF
    tables: tuple[tuple[str, str], ...] = ()
    interfaces: str = "lo 127.0.0.1/8\nlo ::1/128\neth0 192.0.2.7/24\n"
    listeners: str = "tcp 0.0.0.0:25 412 master\ntcp 0.0.0.0:587 412 master\n"
    as_nobody: bool = False
    installed: bool = True
    settings_known: bool = True
    resolvers: str = '["127.0.0.1"]'
    """What the settings say in truth; nobody is asked there."""
    scanners: Mapping[str, Reading] = field(default_factory=dict)
    """What differs from a machine with careful filters."""


def _behind_the_gateway(more: str = "") -> str:
    return SETTINGS + f'upstream = "smtp://127.0.0.1:25"\n{more}'


def _with_engines(*engines: str, antivirus: str = "", antispam: str = "", filter: str = "") -> str:
    """The careful settings, with more engines and other words in the two sections."""
    listed = "".join(f', "{engine}"' for engine in engines)
    if engines:
        antivirus = f'engines = ["builtin"{listed}]\n' + antivirus
    if filter:
        antispam = f'engines = ["builtin", "{filter}"]\n' + antispam
    return SETTINGS.replace("[antispam]\n", f"[antivirus]\n{antivirus}[antispam]\n{antispam}")


CASES = {
    "healthy": Host(
        "all of it holds",
        settings=SETTINGS + 'upstream = "lmtp://192.0.2.9:24"\n',
    ),
    "behind-the-gateway": Host(
        "the gateway in front, not trusted, and Postfix learns the real clients by XCLIENT",
        main="mynetworks = 192.0.2.7/32\nsmtpd_authorized_xclient_hosts = 127.0.0.1\n",
        settings=_behind_the_gateway(),
    ),
    "gateway-is-trusted": Host(
        "the gateway's own address is in mynetworks of the server behind, and that server takes less than the gateway",
        main="message_size_limit = 10240000\n",
        settings=_behind_the_gateway(),
    ),
    "gateway-of-everyone": Host(
        "a gateway that trusts loopback, bounds nothing, and still serves the example to the world",
        settings='[gateway]\nlisten = ["0.0.0.0:25"]\ntrusted_networks = ["127.0.0.0/8"]\nmax_message = "200 MiB"\n'
        '[attachments]\nnetwork_bytes = "900 GiB"\nmax_parts = 1000000\n',
    ),
    "open-relay-permit": Host(
        "a class of restrictions permits, and stands before the relay rule",
        main="smtpd_restriction_classes = office\noffice = permit\n"
        "smtpd_relay_restrictions = permit_mynetworks, office, reject_unauth_destination\n",
    ),
    "open-relay-mynetworks": Host("the whole Internet is trusted", main="mynetworks = 127.0.0.0/8, 0.0.0.0/0\n"),
    "open-relay-relay-domains": Host(
        "a pattern counts every domain as ours", main="relay_domains = regexp:/etc/postfix/relay\n",
        tables=(("relay", "/./ OK\n"),),
    ),
    "open-relay-forged-sender": Host(
        "whoever says that he is the director may relay",
        main="smtpd_relay_restrictions = permit_mynetworks, check_sender_access texthash:/etc/postfix/senders,\n"
        "    reject_unauth_destination\n",
        tables=(("senders", "# our own people\ndirector@example.org OK\n"),),
    ),
    "open-relay-on-one-port": Host(
        "port 25 is closed, and a port for the scanners of the office is open",
        master="2526 inet n - y - - smtpd\n  -o mynetworks=0.0.0.0/0\n",
    ),
    "backup-for-anyone": Host(
        "whoever points an MX here may relay, and an unknown service has a say",
        main="smtpd_relay_restrictions = permit_mynetworks, permit_mx_backup, reject_unauth_destination\n",
        master="2526 inet n - y - - smtpd\n  -o smtpd_relay_restrictions=check_policy_service,inet:127.0.0.1:10023,"
        "reject\n",
    ),
    "permit-stops-the-server": Host(
        "a permission before the relay rule: Postfix sees that, and does not start",
        main="smtpd_relay_restrictions = permit, reject_unauth_destination\n",
    ),
    "trusts-containers": Host(
        "the container bridge and a whole private range are trusted",
        main="mynetworks = 127.0.0.0/8 172.16.0.0/12\n",
        interfaces="lo 127.0.0.1/8\neth0 192.0.2.7/24\ndocker0 172.17.0.1/16\n",
    ),
    "trusts-the-neighbours": Host(
        "mynetworks is left to its style, and the style is the subnet", main="mynetworks_style = subnet\n",
        whole_main=MAIN_CF.replace("mynetworks = 127.0.0.0/8 [::1]/128\n", ""),
    ),
    "refuses-all-mail": Host(
        "a hardening guide for workstations was followed on a mail server",
        main="smtpd_client_restrictions = permit_mynetworks, reject\n",
        settings=SETTINGS.replace("[site]\n", '[site]\nrole = "mx"\n'),
    ),
    "listens-to-itself": Host(
        "a mail server that listens on loopback only",
        main="inet_interfaces = loopback-only\n",
        settings=SETTINGS.replace("[site]\n", '[site]\nrole = "mx"\n'),
    ),
    "no-relay-rule": Host(
        "neither list refuses anything, so Postfix does not start",
        main="smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = permit_mynetworks\n",
    ),
    "clear-passwords-no-limits": Host(
        "passwords in clear, any size, no counter of clients, unknown users accepted, old address forms followed",
        main="smtpd_sasl_auth_enable = yes\nmessage_size_limit = 0\nmailbox_size_limit = 51200000\n"
        "header_size_limit = 100000000\nqueue_minfree = 1000\nlocal_recipient_maps =\nallow_untrusted_routing = yes\n"
        "smtpd_client_message_rate_limit = 0\nmynetworks = 127.0.0.0/8 198.51.100.0/24\ndisable_vrfy_command = no\n",
        whole_master=MASTER_CF.replace("anvil     unix  -       -       y       -       1       anvil\n", ""),
    ),
    "tables-missing": Host(
        "tables that are named and not there, and domains in a database",
        main="mynetworks = 127.0.0.0/8, cidr:/etc/postfix/friends\nrelay_domains = mysql:/etc/postfix/relay.cf\n"
        "smtpd_relay_restrictions = check_client_access texthash:/etc/postfix/clients, permit_mynetworks,\n"
        "    reject_unauth_destination\n",
    ),
    "broken-syntax": Host("main.cf has a line that Postfix does not understand", main="message_size_limit 26214400\n"),
    "denied": Host("the reader may not read main.cf", as_nobody=True),
    "other-settings": Host("the gateway's settings come from a version that knows others", settings_known=False),
    "clamav-as-packaged": Host(
        "clamd and freshclam as Debian 12 brings them, clamav-milter and SpamAssassin before the queue",
        main="smtpd_milters = unix:/clamav/clamav-milter.ctl, unix:/spamass/spamass.sock\n",
        settings=_with_engines(SOCKET),
        scanners={
            **scanners.clamd(),
            "clamav/clamd.conf": CLAMD_PACKAGED,
            "clamav/freshclam.conf": FRESHCLAM_PACKAGED,
            "clamav/freshclam.log": "Thu Jan 15 02:10:11 2026 -> daily.cld database is up-to-date (version: 27880)\n",
            "clamav/clamav-milter.conf": "MaxFileSize 30M\nOnInfected Reject\n",
            "spamassassin/rules": "2026-01-14T04:00:00+00:00 /var/lib/spamassassin/4.000001/updates.cf\n",
        },
    ),
    "clamav-careful": Host(
        "clamd that says what it has not read, and a blocklist that works",
        settings=_with_engines(SOCKET, antispam='blocklists = ["zen.example=127.0.0.2-11 +6"]\n'),
        scanners={
            **scanners.blocklist("zen.example"),
            **scanners.clamd(),
            "clamav/clamd.conf": CLAMD_PACKAGED + "AlertExceedsMax yes\nAlertEncrypted yes\n",
            "clamav/freshclam.conf": FRESHCLAM_PACKAGED,
            "clamav/freshclam.log": "Thu Jan 15 02:10:11 2026 -> daily.cld database is up-to-date (version: 27880)\n",
        },
    ),
    "scanners-open-and-old": Host(
        "every scanner stands there, and none would stop a virus",
        main="smtpd_milters = { unix:/clamav/clamav-milter.ctl, default_action=accept }, unix:/spamass/spamass.sock\n"
        "milter_default_action = accept\nnon_smtpd_milters =\n",
        settings=_with_engines(
            SOCKET,
            antivirus='unavailable = "accept-and-mark"\nencrypted = "accept-and-mark"\nallowed_types = ["pe"]\n',
            antispam='forged = "accept-and-mark"\n',
        ),
        scanners={
            **scanners.clamd(built="2025-12-01T08:00:00+00:00"),
            "clamav/clamd.conf": CLAMD_PACKAGED.replace("MaxFileSize 25M", "MaxFileSize 10M"),
            "clamav/freshclam.conf": "Checks 0\n",
            "clamav/clamav-milter.conf": "MaxFileSize 30M\nOnInfected Blackhole\n",
            "spamassassin/rules": "2025-06-01T04:00:00+00:00 /var/lib/spamassassin/4.000001/updates.cf\n",
        },
    ),
    "scanners-stopped-and-denied": Host(
        "the engines are down, and their settings may not be read",
        main="smtpd_milters = unix:/clamav/clamav-milter.ctl, inet:127.0.0.1:11332, unix:/spamass/spamass.sock\n"
        "content_filter = scan:[127.0.0.1]:10099\n",
        settings=_with_engines(SOCKET, antispam='blocklists = ["zen.example"]\n', filter="rspamd://127.0.0.1:11333"),
        scanners={
            **scanners.clamd(version="", built="", proven=False, error="clamd: connection refused"),
            **scanners.engine(4, "rspamd://127.0.0.1:11333", "antispam", proven=False, error="rspamd: silent"),
            **scanners.blocklist("zen.example", passes=False, told=False, why="DNS: no answer in 2 s"),
            **{
                name: Unknown(f"/etc/{name}: Permission denied")
                for name in CAREFUL
                if name.startswith(("clamav/", "rspamd/", "spamassassin/"))
            },
        },
    ),
    "filter-on-one-port": Host(
        "filters on 25, and none for what users send",
        whole_master=MASTER_CF.replace("  -o smtpd_sasl", "  -o smtpd_milters=\n  -o smtpd_sasl"),
    ),
    "no-filter-at-all": Host(
        "neither the gateway nor Postfix looks at anything",
        main="smtpd_milters =\nnon_smtpd_milters =\n",
        settings=_with_engines(antivirus="engines = []\n", antispam="engines = []\n"),
    ),
    "amavis-answers-forgers": Host(
        "amavis behind the queue, with a bounce for every forged sender",
        main="smtpd_milters =\nnon_smtpd_milters =\ncontent_filter = smtp-amavis:[127.0.0.1]:10024\n",
        scanners={
            "amavis/settings": "@bypass_virus_checks_maps = (\n"
            "\\%bypass_virus_checks, \\@bypass_virus_checks_acl, \\$bypass_virus_checks_re);\n"
            "$final_virus_destiny = D_BOUNCE;\n$final_spam_destiny = D_BOUNCE;\n$warnvirussender = 1;\n",
        },
    ),
    "name-unprotected": Host(
        "whoever likes may send in this name, and the lists that should help are deaf",
        settings=SETTINGS.replace(
            "[gateway]\n", 'allow = ["gmail.com"]\nblocklists = ["zen.example=127.0.0.2-11 +6"]\n[gateway]\n'
        ),
        resolvers='["8.8.8.8"]',
        scanners={
            **scanners.blocklist("zen.example", passes=False, why="it refuses to answer us (127.255.255.254)"),
            **scanners.txt("example.com", "v=spf1 mx -all", "v=spf1 a ~all"),
            **scanners.txt("mail2026._domainkey.example.com", scanners.KEY_1024),
            **scanners.txt("_dmarc.example.com", "v=DMARC1; p=none"),
            **scanners.nothing("_mta-sts.example.com", "TXT"),
            **scanners.nothing("_smtp._tls.example.com", "TXT"),
            **scanners.nothing("7.2.0.192.in-addr.arpa", "PTR"),
        },
    ),
    "no-postfix": Host("no mail server at all", installed=False, listeners="tcp 0.0.0.0:22 300 sshd\n"),
    "another-mail-server": Host(
        "no Postfix, yet something takes mail", installed=False, listeners="tcp 0.0.0.0:25 300 exim4\n"
    ),
}  # fmt: skip


def record(host: Host, target: Path) -> None:
    """Set the machine up in a folder of its own, read it, and keep what was read in `target`."""
    with tempfile.TemporaryDirectory(prefix="recording-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        etc = _configuration(folder, host)
        snapshot = _snapshot(folder, etc, host)
    shutil.rmtree(target, ignore_errors=True)
    write_folder(_of_no_machine(snapshot, etc, host), target)


def _configuration(folder: Path, host: Host) -> Path:
    etc = folder / "etc"
    etc.mkdir()
    written = {
        "main.cf": host.whole_main + host.main,
        "master.cf": host.whole_master + host.master,
        **dict(host.tables),
    }
    for name, text in written.items():
        etc.joinpath(name).write_text(text.replace("/etc/postfix", str(etc)))
    folder.joinpath("lockdown.toml").write_text(host.settings)
    if host.as_nobody:
        etc.joinpath("main.cf").chmod(0o600)
    return etc


def _snapshot(folder: Path, etc: Path, host: Host) -> Snapshot:
    if not host.installed:
        nowhere = take_snapshot(Loaded(Settings(), {}), TAKEN_AT, places=())
        told = gateway.describe(Loaded(Settings(), {}))
        return replace(nowhere, readings={**nowhere.readings, gateway.SOURCE: told})
    out = folder / "out"
    out.mkdir()
    shutil.chown(out, int(NOBODY), int(NOBODY))
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if host.as_nobody else []
    command = [sys.executable, "-m", "lockdown", "snapshot", "--config", str(folder / "lockdown.toml")]
    subprocess.run([*drop, *command, "--postfix-config", str(etc), "-o", str(out / "snapshot")], check=True, timeout=60)
    return read_folder(out / "snapshot")


def _of_no_machine(snapshot: Snapshot, etc: Path, host: Host) -> Snapshot:
    readings: dict[str, Reading] = {}
    for name, reading in snapshot.readings.items():
        readings[name.replace(str(etc), "/etc/postfix")] = _moved(reading, etc)
    for name in [name for name in readings if name.startswith(OF_SCANNERS)]:
        del readings[name]
    for name in [name for name in readings if name.startswith(OF_THE_REST)]:
        del readings[name]
    readings |= {**CAREFUL, **host.scanners, **the_rest(denied=host.as_nobody)}
    if isinstance(told := readings[gateway.SOURCE], str):
        readings[gateway.SOURCE] = told.replace(json.dumps(NOBODY_THERE)[1:-1], json.dumps(host.resolvers)[1:-1])
    if not host.settings_known:
        readings[gateway.SOURCE] = '{"values": {"gateway.quantum": "true"}, "origins": {}}\n'
    if not host.installed:
        readings |= {name: f"not installed: no /etc/{name}\n" for name in (postfix.MAIN_CF, postfix.MASTER_CF)}
    readings |= {interfaces.SOURCE: host.interfaces, listeners.SOURCE: host.listeners}
    return Snapshot("mail.example.org", TAKEN_AT, snapshot.version, readings)


def _moved(reading: Reading, etc: Path) -> Reading:
    def moved(text: str) -> str:
        return text.replace(str(etc), "/etc/postfix").replace(str(etc.parent), "/etc/lockdown")

    return Unknown(moved(reading.why)) if isinstance(reading, Unknown) else moved(reading)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or CASES:
        record(CASES[wanted], HOSTS / wanted)
        print(wanted)
