"""What others put at the gate, as their manuals say, on this machine alone.

Postfix + rspamd: the milter that scans by itself (rspamd's worker-proxy), Bayes in a Redis of its own, SPF, DKIM and
DMARC asked of the same DNS as ours; a queue and smtp(8) behind it, since Postfix shows a body to a milter only then.
Postfix + amavisd-new + SpamAssassin + clamd: before the queue (`smtpd_proxy_filter`), local tests and Bayes, Debian's
settings. Both are trained with the same letters, and their marks are out of reach, so that every letter goes through.

Fails as: `Unmeasurable` where a program is not installed or does not start.
"""

from __future__ import annotations

import http.client
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Unmeasurable
from benchmarks.machine import LOOPBACK, free_port
from benchmarks.peers import postfix
from benchmarks.peers.company import Company, installed, listens, start_clamd, start_dns
from benchmarks.sink import Sink
from benchmarks.stands import ProcessStand
from benchmarks.training import CorpusMessage

_WORKERS = 2
_CHILDREN = 4
_FAR = 100000


class WholeGate(ProcessStand, ABC):
    """Postfix with company."""

    drains_slowly = True

    def __init__(self, folder: Path, sink: Sink, zone: Mapping[str, Any], training: Sequence[CorpusMessage]) -> None:
        super().__init__(folder, sink)
        self._company = Company(folder / "company")
        self._zone, self._training = zone, training

    def __enter__(self) -> ProcessStand:
        try:
            self._call_company()
            return super().__enter__()
        except BaseException:
            self._company.end()
            raise

    @abstractmethod
    def _call_company(self) -> None:
        """Start what stands beside Postfix."""

    def __exit__(self, *problem: object) -> None:
        super().__exit__(*problem)
        self._company.end()

    def cpu(self) -> float:
        return super().cpu() + self._company.cpu()


# ── rspamd ──


class Rspamd(WholeGate):
    name = "postfix + rspamd"

    def _call_company(self) -> None:
        self._milter, control, redis = free_port(), free_port(), free_port()
        folder = self._company.folder
        self._settings_of(folder, control, redis, start_dns(self._company, self._zone))
        store = ["--port", str(redis), "--bind", LOOPBACK, "--save", "", "--dir", str(folder)]
        self._company.start([installed("redis-server", "redis-server"), *store], lambda: listens(redis))
        variables = {"LOCAL_CONFDIR": folder, "DBDIR": folder, "RUNDIR": folder, "LOGDIR": folder}
        command = [installed("rspamd", "rspamd"), "-f", "-i", *(f"--var={name}={at}" for name, at in variables.items())]
        self._company.start(command, lambda: listens(self._milter) and listens(control))
        for message in self._training:
            self._learn(control, message)

    def _learn(self, control: int, message: CorpusMessage) -> None:
        connection = http.client.HTTPConnection(LOOPBACK, control, timeout=120)
        connection.request("POST", "/learnspam" if message.is_spam else "/learnham", message.content)
        connection.getresponse().read()
        connection.close()

    def _settings_of(self, folder: Path, control: int, redis: int, dns: str) -> None:
        local = folder / "local.d"
        local.mkdir(parents=True)
        off = ("rbl", "fuzzy_check", "phishing", "asn", "mx_check", "greylist", "ratelimit")
        for name, text in {
            "redis.conf": f'servers = "{LOOPBACK}:{redis}";',
            "classifier-bayes.conf": 'backend = "redis"; min_learns = 20;',
            "worker-normal.inc": "enabled = false;",
            "worker-controller.inc": f'bind_socket = "{LOOPBACK}:{control}"; secure_ip = "{LOOPBACK}"; count = 1;',
            "worker-proxy.inc": f'bind_socket = "{LOOPBACK}:{self._milter}"; count = {_WORKERS}; milter = yes;\n'
            'timeout = 120s;\nupstream "local" { default = yes; self_scan = yes; }',
            "worker-fuzzy.inc": "enabled = false;",
            "logging.inc": f'type = "file"; filename = "{folder}/log"; level = "error";',
            "options.inc": f'dns {{ nameserver = ["{dns}"]; timeout = 1s; retransmits = 2; }} ',
            "actions.conf": f"reject = {_FAR}; add_header = {_FAR}; greylist = {_FAR};",
            **{f"{module}.conf": "enabled = false;" for module in off},
        }.items():
            (local / name).write_text(text + "\n")

    def _command(self) -> list[str]:
        passed_on = {
            "smtpd_proxy_filter": "",
            "smtpd_milters": f"inet:{LOOPBACK}:{self._milter}",
            "milter_default_action": "tempfail",
            "mydestination": "",
            "relay_domains": "bench.example",
            "relay_transport": f"smtp:[{LOOPBACK}]:{self._sink.port}",
            "smtp_send_xforward_command": "no",
            "local_header_rewrite_clients": "",
        }
        return postfix.prepare(self._folder, self.port, self._sink.port, passed_on, with_queue=True)


# ── amavisd-new ──

_AMAVIS = """use strict;
$max_servers = {children};
$daemon_user = 'amavis'; $daemon_group = 'amavis';
$mydomain = 'bench.example'; $myhostname = 'peer.bench.example';
$MYHOME = '{folder}'; $TEMPBASE = '{folder}/tmp'; $db_home = '{folder}/db'; $lock_file = '{folder}/lock';
$pid_file = '{folder}/pid'; $QUARANTINEDIR = undef; $helpers_home = '{folder}';
$enable_db = 0; $enable_global_cache = 0; $DO_SYSLOG = 0; $LOGFILE = '{folder}/amavis.log'; $log_level = 0;
$inet_socket_port = {port}; $inet_socket_bind = '{loopback}'; @inet_acl = qw({loopback});
$unix_socketname = undef;
$forward_method = 'smtp:[{loopback}]:{sink}'; $notify_method = $forward_method;
@local_domains_maps = (['.bench.example']); @mynetworks = qw({loopback}/8);
$sa_local_tests_only = 1; $sa_spam_subject_tag = undef; $sa_tag_level_deflt = -999;
$sa_tag2_level_deflt = {far}; $sa_kill_level_deflt = {far}; $sa_mail_body_size_limit = 200*1024;
$final_virus_destiny = D_PASS; $final_banned_destiny = D_PASS; $final_spam_destiny = D_PASS;
$final_bad_header_destiny = D_PASS; $enable_dkim_verification = 0; $warnbadhsender = 0;
$virus_quarantine_method = $banned_files_quarantine_method = $spam_quarantine_method = undef;
$bad_header_quarantine_method = $clean_quarantine_method = undef;
@bypass_virus_checks_maps = (0); @bypass_spam_checks_maps = (0);
@av_scanners = (['ClamAV-clamd', \\&ask_daemon, ["CONTSCAN {{}}\\n", '{clamd}'],
  qr/\\bOK$/m, qr/\\bFOUND$/m, qr/^.*?: (?!Infected Archive)(.*) FOUND$/m]);
@av_scanners_backup = ();
1;
"""


class Amavis(WholeGate):
    name = "postfix + amavis + SpamAssassin + clamd"

    def _call_company(self) -> None:
        program = installed("amavisd", "amavisd-new")
        folder = self._company.folder
        clamd = start_clamd(self._company)
        port = self._content_filter = free_port()
        for name in ("tmp", "db", ".spamassassin"):
            (folder / name).mkdir()
        self._train(folder)
        # It refuses settings that anybody but root could have written.
        settings = self._folder / "amavisd.conf"
        settings.write_text(
            _AMAVIS.format(folder=folder, port=port, loopback=LOOPBACK, sink=self._sink.port, clamd=clamd, far=_FAR,
                           children=_CHILDREN)
        )  # fmt: skip
        try:
            for path in [folder, *(one for one in folder.rglob("*") if not one.is_relative_to(folder / "clamd"))]:
                shutil.chown(path, "amavis", "amavis")
        except LookupError:
            raise Unmeasurable("there is no user amavis (apt-get install amavisd-new)") from None
        home = {"HOME": str(folder)}
        self._company.start([program, "-c", str(settings), "foreground"], lambda: listens(port), home)

    def _train(self, folder: Path) -> None:
        """SpamAssassin's Bayes begins to speak at two hundred of each."""
        for is_spam, option in ((True, "--spam"), (False, "--ham")):
            letters = folder / option.strip("-")
            letters.mkdir()
            for number, message in enumerate(one for one in self._training if one.is_spam == is_spam):
                (letters / f"{number}.eml").write_bytes(message.content.replace(b"\r\n", b"\n"))
            learn = [installed("sa-learn", "spamassassin"), "-L", "--dbpath", f"{folder}/.spamassassin/bayes", option]
            done = subprocess.run([*learn, str(letters)], capture_output=True, check=False, timeout=600)
            if done.returncode:
                raise Unmeasurable(f"sa-learn: {done.stderr[-300:].decode(errors='replace')}")

    def _command(self) -> list[str]:
        return postfix.prepare(self._folder, self.port, self._content_filter)
