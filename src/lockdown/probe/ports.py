"""Which TCP ports of an address answer: few at a time, so many a second, each with its deadline.

Fails as: `Ports` with a `why` where the address cannot be reached at all; a port that keeps silent is told as such.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from lockdown.facts.probed import Ports

MAIL_PORTS = (24, 25, 110, 143, 465, 587, 993, 995, 2525, 4190)
WEB_PORTS = (80, 443)
INSIDE_PORTS = (
    21, 22, 23, 53, 79, 111, 135, 139, 389, 445, 514, 636, 873, 2003, 2375, 2376, 3306, 3310, 3389, 5432, 5900, 6379,
    783, 8025, 8080, 8081, 8443, 8891, 8893, 9090, 9100, 9200, 10000, 10023, 10024, 10025, 10026, 10027, 11211, 11332,
    11333, 11334, 27017,
)  # fmt: skip
"""What runs beside a mail server and is nobody else's: shells, stores, scanners, filters, panels, re-injection."""
PORTS = tuple(sorted({*MAIL_PORTS, *WEB_PORTS, *INSIDE_PORTS}))

_AT_A_TIME = 8
_PER_SECOND = 20
_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def ports(
    address: str, name: str, wanted: Sequence[int] = PORTS, *, seconds: float = 4.0, per_second: int = _PER_SECOND
) -> Ports:
    """Try each port once."""
    with ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="probe-ports") as pool:
        asked = []
        for port in wanted:
            asked.append((port, pool.submit(_tried, address, port, seconds)))
            time.sleep(1.0 / per_second if per_second else 0.0)
        told = [(port, task.result()) for port, task in asked]
    by_kind = {kind: tuple(port for port, seen in told if seen == kind) for kind in ("open", "closed", "silent")}
    others = sorted({seen for _, seen in told} - set(by_kind))
    why = f"{address} cannot be reached: {others[0]}" if others and not by_kind["open"] else ""
    return Ports(address, name, by_kind["open"], by_kind["closed"], by_kind["silent"], why)


def _tried(address: str, port: int, seconds: float) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.settimeout(seconds)
        try:
            trial.connect((address, port))
        except TimeoutError:
            return "silent"
        except OSError as error:
            if error.errno in _UNREACHABLE:
                return error.strerror or str(error)
            return "closed" if error.errno == errno.ECONNREFUSED else "silent"
    return "open"
