"""Web programs that no package manager knows of: put there by hand, so nothing tells when they need a fix.

Only the usual places are looked at, and only the lines with a version are read.
Fails as: Unknown with the reason. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

FILES = "packages/outside"
_FOLDERS = ("/var/www/*", "/var/www/*/*", "/opt/*", "/srv/*", "/srv/www/*", "/usr/local/*")
_SIGNS: Mapping[str, tuple[str, str, str]] = {
    "program/include/iniset.php": (
        "Roundcube",
        r"RCMAIL_VERSION'\s*,\s*'([\w.-]+)'",
        "https://roundcube.net/news/",
    ),
    "version.php": ("Nextcloud", r"OC_VersionString\s*=\s*'([\w. -]+)'", "https://nextcloud.com/security/advisories/"),
    "wp-includes/version.php": ("WordPress", r"wp_version\s*=\s*'([\w.-]+)'", "https://wordpress.org/news/"),
    "snappymail/v/VERSION": ("SnappyMail", r"([\d.]+)", "https://github.com/the-djmaze/snappymail/releases"),
    "core/settings/__version__.py": ("iRedAdmin", r"version.*'([\d.]+)'", "https://docs.iredmail.org/iredmail.releases.html"),
}  # fmt: skip
PATTERNS = tuple(f"{folder}/{file}" for folder in _FOLDERS for file in _SIGNS)


@dataclass(frozen=True, slots=True)
class OutsideApp:
    """A program put there by hand."""

    name: str
    version: str
    folder: str
    news: str
    evidence: Evidence


def outside_apps(snapshot: Snapshot) -> tuple[OutsideApp, ...] | Unknown:
    """What was found in the usual places."""
    listed, files = snapshot.reading(FILES), snapshot.below(FILES)
    if isinstance(listed, Unknown) and not files:
        return listed
    if isinstance(listed, str) and absent(listed):
        return ()
    found = (_app(path, text) for path, text in files.items() if isinstance(text, str))
    return tuple(app for app in found if app)


def _app(path: str, text: str) -> OutsideApp | None:
    for file, (name, pattern, news) in _SIGNS.items():
        match = re.search(pattern, text) if path.endswith(f"/{file}") else None
        if match:
            folder = path.removesuffix(f"/{file}")
            return OutsideApp(name, match[1], folder, news, Evidence(path, text.splitlines()[0][:200]))
    return None
