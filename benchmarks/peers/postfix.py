"""A private Postfix that does nothing but `smtpd_proxy_filter`: a before-queue proxy without a queue.

Own configuration, own folders, loopback only. Everything else is as Postfix ships it, its log included.
Fails as: `Unmeasurable` without root (Postfix gives its folders away) or without Postfix.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from benchmarks.figures import Unmeasurable
from benchmarks.machine import LOOPBACK, program

_SERVICES = """
rewrite unix - - n - - trivial-rewrite
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
proxymap unix - - n - - proxymap
"""
_QUEUE_SERVICES = """
qmgr unix n - n 300 1 qmgr
smtp unix - - n - - smtp
error unix - - n - - error
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
"""
_NOTHING: Mapping[str, str] = MappingProxyType({})


def prepare(
    folder: Path, port: int, filter_port: int, more: Mapping[str, str] = _NOTHING, *, with_queue: bool = False
) -> list[str]:
    """Lay the folders and files; the command that runs it in the foreground. `more` settings win over ours."""
    master = program("master", "postfix")
    if os.geteuid() != 0:
        raise Unmeasurable("a private Postfix needs root, to give its folders to the user postfix")
    _make_folders(folder)
    settings = {**_settings(folder, filter_port, Path(master).parent), **more}
    (folder / "etc" / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    services = _SERVICES.lstrip() + (_QUEUE_SERVICES.lstrip() if with_queue else "")
    (folder / "etc" / "master.cf").write_text(f"{LOOPBACK}:{port} inet n - n - - smtpd\n{services}")
    return [master, "-c", str(folder / "etc"), "-d"]


def _settings(folder: Path, filter_port: int, daemons: Path) -> dict[str, str]:
    return {
        "compatibility_level": "3.6",
        "queue_directory": f"{folder}/queue",
        "data_directory": f"{folder}/data",
        "daemon_directory": str(daemons),
        "command_directory": "/usr/sbin",
        "mail_owner": "postfix",
        "setgid_group": "postdrop",
        "maillog_file": f"{folder}/postfix.log",
        "maillog_file_prefixes": str(folder),
        "inet_interfaces": LOOPBACK,
        "inet_protocols": "ipv4",
        "myhostname": "peer.bench.example",
        "mydestination": "bench.example",
        "local_recipient_maps": "",
        "alias_maps": "",
        "mynetworks": "192.0.2.1/32",
        "smtpd_relay_restrictions": "reject_unauth_destination",
        "smtpd_proxy_filter": f"{LOOPBACK}:{filter_port}",
        "smtpd_peername_lookup": "no",
        "smtpd_client_connection_count_limit": "0",
        "message_size_limit": "134217728",
        # No message may leave this machine, whatever goes wrong.
        "default_transport": "error:5.1.2 nothing leaves this machine",
    }


def _make_folders(folder: Path) -> None:
    queue = folder / "queue"
    for path in (folder / "etc", folder / "data", queue / "pid"):
        path.mkdir(parents=True)
    for name in ("incoming", "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "saved", "trace"):
        _given_to_postfix(queue / name, 0o700)
    _given_to_postfix(queue / "private", 0o700)
    _given_to_postfix(queue / "public", 0o710, "postdrop")
    _given_to_postfix(queue / "maildrop", 0o730, "postdrop")
    shutil.chown(folder / "data", "postfix")


def _given_to_postfix(path: Path, mode: int, group: str = "root") -> None:
    path.mkdir()
    shutil.chown(path, "postfix", group)
    path.chmod(mode)
