"""Ask a folder of files: the image of a machine, a copy of its /etc, a repository of settings, or a single file.

Commands and scripts have no answer here. In a whole image a file that is missing is surely not installed; in anything
less it was just not given, which is Unknown.

Fails as: OperatorError for a folder in which nothing is known; readings that are Unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import assert_never

from lockdown.host.asked import Asked, Command, File, Files, Listing, Native, Script, Sources, Where
from lockdown.host.local import file_reading, files_readings, find_program, listing
from lockdown.host.secrets import without_secrets
from lockdown.model.errors import OperatorError
from lockdown.model.snapshot import Reading, absent
from lockdown.model.unknown import Unknown

NO_COMMANDS = "files alone were given, so no command was run"
MOST_FOUND = 2000

KNOWN_FILES: Mapping[str, str] = {
    "main.cf": "/etc/postfix/main.cf",
    "master.cf": "/etc/postfix/master.cf",
    "dovecot.conf": "/etc/dovecot/dovecot.conf",
    "exim4.conf.template": "/etc/exim4/exim4.conf.template",
    "exim4.conf": "/etc/exim4/exim4.conf",
    "exim.conf": "/etc/exim4/exim4.conf",
    "update-exim4.conf.conf": "/etc/exim4/update-exim4.conf.conf",
    "smtpd.conf": "/etc/smtpd.conf",
    "nftables.conf": "/etc/nftables.conf",
    "rules.v4": "/etc/iptables/rules.v4",
    "rules.v6": "/etc/iptables/rules.v6",
    "sshd_config": "/etc/ssh/sshd_config",
    "sudoers": "/etc/sudoers",
    "clamd.conf": "/etc/clamav/clamd.conf",
}
"""Files that are known by their names alone, and where they lie on a machine."""
_KNOWN_FOLDERS = (
    "postfix",
    "dovecot",
    "exim4",
    "opensmtpd",
    "clamav",
    "rspamd",
    "ssh",
    "fail2ban",
    "nftables.d",
    "apt",
)


@dataclass(frozen=True, slots=True)
class Tree:
    """Files that stand for a machine: `root` holds them by their own paths, or `given` says which file is which."""

    root: Path | None
    given: Mapping[str, Path]
    whole: bool

    def ask(self, sources: Sources) -> dict[str, Reading]:
        """The reading of each source."""
        answers = (self._answer(name, source) for name, source in sources.items())
        return {name: _shared(reading) for answer in answers for name, reading in answer.items()}

    def _answer(self, name: str, source: Asked) -> dict[str, Reading]:
        try:
            return self._told(name, source)
        except Exception as error:  # one broken reading is one Unknown, not a lost snapshot
            return {name: Unknown(f"the reading failed: {type(error).__name__}: {error}")}

    def _told(self, name: str, source: Asked) -> dict[str, Reading]:
        match source:
            case Command() | Script() | Native():
                return {name: Unknown(NO_COMMANDS)}
            case Where(program):
                return {name: self._where(program)}
            case File(path):
                place = self._place(path)
                return {name: self._or_not_given(file_reading(source, place) if place else f"no {path}", path)}
            case Files():
                return self._files(name, source)
            case Listing(patterns):
                if not self.whole or self.root is None:
                    return {name: Unknown(f"{', '.join(patterns)}: owners and times do not come with copied files")}
                return {name: listing(source, self.root)}
            case _:
                assert_never(source)

    def _where(self, program: str) -> Reading:
        if not self.whole or self.root is None:
            return Unknown(f"{program}: {NO_COMMANDS}")
        places = tuple(self.root / place for place in ("usr/sbin", "usr/bin", "sbin", "bin", "usr/local/sbin"))
        found = find_program(program, places)
        return f"/{found.relative_to(self.root)}\n" if found else f"not installed: no {program} in the image\n"

    def _place(self, path: str) -> Path | None:
        if path in self.given:
            return self.given[path]
        return inside(self.root, path) if self.root else None

    def _or_not_given(self, reading: Reading, path: str) -> Reading:
        gone = absent(reading) if self.root else None if path in self.given else path
        return Unknown(f"{path} was not given") if gone and not self.whole else reading

    def _files(self, name: str, source: Files) -> dict[str, Reading]:
        readings = files_readings(name, source, self.root) if self.root else {}
        for path, file in self.given.items():
            if any(fnmatchcase(path, pattern) for pattern in source.patterns):
                readings[f"{name}{path}"] = file_reading(File(path, source.most, reduce=source.reduce), file)
        paths = [part[len(name) :] for part in readings if part != name]
        if paths:
            return {**readings, name: "".join(f"{path}\n" for path in sorted(paths))}
        missing = Unknown(f"{', '.join(source.patterns)} was not given")
        return readings if self.whole else {name: missing}


def _shared(reading: Reading) -> Reading:
    return without_secrets(reading) if isinstance(reading, str) else reading


def inside(root: Path, path: str) -> Path:
    """A path below the root; links of an image are followed within it, never out of it."""
    place = root
    for part in path.strip("/").split("/"):
        place = place / part
        for _ in range(8):
            if not place.is_symlink():
                break
            target = place.readlink()
            place = root / str(target).lstrip("/") if target.is_absolute() else place.parent / target
    resolved = place.resolve()
    return place if resolved.is_relative_to(root.resolve()) else root / "outside-the-given-folder"


def tree(path: Path) -> Tree:
    """What a folder or a file is, by what lies in it."""
    if path.is_file():
        return _of_files(path, {canonical: path} if (canonical := canonical_of(path)) else {})
    if not path.is_dir():
        raise _nothing(path, "it does not exist" if not path.exists() else "it is neither a folder nor a file")
    if (path / "etc").is_dir():
        whole = (path / "var/lib/dpkg/status").is_file() and (path / "etc/passwd").is_file()
        return Tree(path, {}, whole)
    if any((path / name).is_dir() for name in _KNOWN_FOLDERS):
        return Tree(None, _below(path, "/etc"), whole=False)
    return _of_files(path, dict(_by_name(path)))


def _of_files(path: Path, given: Mapping[str, Path]) -> Tree:
    if not given:
        known = ", ".join(sorted(KNOWN_FILES)[:8])
        raise _nothing(path, f"no file in it has a name that is known, such as {known}")
    return Tree(None, given, whole=False)


def _below(path: Path, prefix: str) -> dict[str, Path]:
    """A copy of /etc: each file by its path."""
    files = (file for file in sorted(path.rglob("*")) if file.is_file() and not file.is_symlink())
    return {f"{prefix}/{file.relative_to(path)}": file for _, file in zip(range(MOST_FOUND), files, strict=False)}


def _by_name(path: Path) -> Iterator[tuple[str, Path]]:
    """Settings that lie flat, or anywhere in a repository: each known name once, the one nearest to the top."""
    files = sorted((file for file in path.rglob("*") if file.is_file()), key=lambda file: (len(file.parts), str(file)))
    for file in reversed(files[:MOST_FOUND]):
        if canonical := canonical_of(file):
            yield canonical, file
            if canonical.startswith("/etc/dovecot/") and (file.parent / "conf.d").is_dir():
                yield from ((f"/etc/dovecot/conf.d/{part.name}", part) for part in (file.parent / "conf.d").glob("*"))


def canonical_of(file: Path) -> str | None:
    """Where a file of such a name lies on a machine; a prefix such as `mx1__main.cf` is let be."""
    for name, canonical in KNOWN_FILES.items():
        if file.name == name or re.search(rf"[_-]{re.escape(name)}\Z", file.name):
            return canonical
    return None


def _nothing(path: Path, why: str) -> OperatorError:
    return OperatorError(
        "nothing-to-judge",
        what=f"{path} is neither a snapshot nor files of a mail server",
        why=why,
        try_this="lockdown audit FOLDER     (a snapshot, an image, a copy of /etc, or a file such as main.cf)",
    )
