"""How large a file a webmail takes on this machine: PHP's two limits, and that of an nginx in front of it.

PHP reads php.ini, then conf.d in the order of its names; what a pool of its own says counts above both. Of nginx, the
http part alone is told from others by nothing but its absence, so every size that is written is kept.
Fails as: Absent where no webmail is installed, Unknown with the reason of a reading. Never raises for a bad file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lockdown.facts.outside_apps import outside_apps
from lockdown.facts.packages import packages
from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown

FILES = "web/files"
PATTERNS = (
    "/etc/php/*/fpm/php.ini", "/etc/php/*/fpm/conf.d/*.ini", "/etc/php/*/fpm/pool.d/*.conf",
    "/etc/php/*/apache2/php.ini", "/etc/php/*/apache2/conf.d/*.ini",
    "/etc/nginx/nginx.conf", "/etc/nginx/conf.d/*.conf", "/etc/nginx/sites-enabled/*",
)  # fmt: skip
WEBMAIL_PACKAGES = ("roundcube-core", "roundcube", "snappymail", "rainloop", "squirrelmail", "php-horde-imp", "sogo")
_WEBMAIL_APPS = ("Roundcube", "SnappyMail")

NAMES = ("upload_max_filesize", "post_max_size")
_DEFAULTS = {"upload_max_filesize": "2M", "post_max_size": "8M"}
NGINX_DEFAULT = ByteSize.parse("1 MiB")

_PHP = re.compile(
    r"\s*(?:php_(?:admin_)?value\[)?(?P<name>upload_max_filesize|post_max_size)\]?\s*=\s*\"?(?P<value>[^\";\s]{1,40})"
)
_NGINX = re.compile(r"(?:^|[;{]|\s)client_max_body_size\s+(?P<value>\d{1,15}[kKmMgG]?)\s*;")
_INCLUDED = re.compile(r"\s*include\s+(?:/etc/nginx/)?conf\.d/\*\.conf\s*;")
_SIZE = re.compile(r"(\d{1,15})([kKmMgG]?)\Z")


@dataclass(frozen=True, slots=True)
class Size:
    """A limit, and its line. `value` 0 is without end."""

    value: ByteSize
    evidence: Evidence
    is_written: bool


@dataclass(frozen=True, slots=True)
class Upload:
    """One PHP as a web server runs it; `folder` is where its files lie."""

    folder: str
    file: Size
    form: Size
    by_pool: bool
    """A pool says it, which counts above every drop-in."""


@dataclass(frozen=True, slots=True)
class Nginx:
    """An nginx on the machine: the sizes that it writes, and whether it reads drop-ins."""

    sizes: tuple[Size, ...]
    reads_drop_ins: bool


def reduced(text: str) -> str:
    """Only the lines that decide, each where it stood."""
    kept = (line if _PHP.match(line) or _nginx_size(line) or _INCLUDED.match(line) else "" for line in text.split("\n"))
    return "\n".join(kept)


def webmail(snapshot: Snapshot) -> str | Absent | Unknown:
    """The name of the webmail here."""
    apps, known = outside_apps(snapshot), packages(snapshot)
    named = [app.name for app in apps if app.name in _WEBMAIL_APPS] if isinstance(apps, tuple) else []
    if not isinstance(known, Unknown | Absent):
        named += [name for name in WEBMAIL_PACKAGES if name in known and known[name].status.endswith("installed")]
    if named:
        return named[0]
    unread = next((one for one in (apps, known) if isinstance(one, Unknown)), None)
    return unread or Absent("no webmail is installed")


def uploads(snapshot: Snapshot) -> tuple[Upload, ...] | Unknown:
    """Each PHP of a web server; Unknown where one of its files could not be read."""
    texts = _texts(snapshot)
    if isinstance(texts, Unknown):
        return texts
    folders = sorted({found[1] for path in texts if (found := re.match(r"(/etc/php/[^/]+/[^/]+)/", path))})
    made = [_upload(folder, texts) for folder in folders]
    broken = next((one for one in made if isinstance(one, Unknown)), None)
    return broken or tuple(one for one in made if isinstance(one, Upload))


def nginx(snapshot: Snapshot) -> Nginx | Absent | Unknown:
    """The nginx here."""
    texts = _texts(snapshot)
    if isinstance(texts, Unknown):
        return texts
    own = {path: text for path, text in texts.items() if path.startswith("/etc/nginx/")}
    if not own:
        return Absent("no nginx is set up")
    sizes = tuple(size for path, text in own.items() for size in _sizes(path, text))
    return Nginx(sizes, any(_INCLUDED.match(line) for line in own.get("/etc/nginx/nginx.conf", "").split("\n")))


def _texts(snapshot: Snapshot) -> dict[str, str] | Unknown:
    listed, files = snapshot.reading(FILES), snapshot.below(FILES)
    if isinstance(listed, Unknown):
        return listed
    if absent(listed):
        return {}
    if broken := next((one for one in files.values() if isinstance(one, Unknown)), None):
        return broken
    return {path: text for path, text in files.items() if isinstance(text, str)}


def _upload(folder: str, texts: dict[str, str]) -> Upload | Unknown:
    own = [f"{folder}/php.ini", *sorted(path for path in texts if path.startswith(f"{folder}/conf.d/"))]
    pools = sorted(path for path in texts if path.startswith(f"{folder}/pool.d/"))
    found: dict[str, Size] = {}
    by_pool = False
    for path in (*own, *pools):
        for number, line in enumerate(texts.get(path, "").split("\n"), start=1):
            if (setting := _PHP.match(line)) and not line.lstrip().startswith(";"):
                if (size := _size(setting["value"])) is None:
                    return Unknown(f"{path}, line {number}: {setting['value']} is no size")
                found[setting["name"]] = Size(size, Evidence(path, line.strip(), number), True)
                by_pool = by_pool or path in pools
    file, form = (found.get(name) or _default(folder, name) for name in NAMES)
    return Upload(folder, file, form, by_pool)


def _default(folder: str, name: str) -> Size:
    text = f"{name} is not written; {_DEFAULTS[name]} is PHP's default"
    return Size(_size(_DEFAULTS[name]) or ByteSize(0), Evidence(f"{folder}/php.ini", text), False)


def _sizes(path: str, text: str) -> Iterator[Size]:
    for number, line in enumerate(text.split("\n"), start=1):
        if (found := _nginx_size(line)) and (size := _size(found)) is not None:
            yield Size(size, Evidence(path, line.strip(), number), True)


def _nginx_size(line: str) -> str:
    found = _NGINX.search(line.partition("#")[0])
    return found["value"] if found else ""


def _size(text: str) -> ByteSize | None:
    found = _SIZE.match(text)
    return ByteSize(int(found[1]) << 10 * " kmg".index(found[2].lower() or " ")) if found else None
