"""Let each service's own checker judge edited files before they lie where the service reads them.

A configuration folder is mirrored aside: every file a link to the real one, the edited ones written out. So nothing
secret is copied, and what the service would read is what is judged.

- Postfix: `postconf -n`, `-M`, `-P` on the mirror. `postfix -c` checks owners and makes folders, which says nothing of
  the text; it is asked of the live files afterwards (`services.check`). A remark counts only where it is new.
- Dovecot: `doveconf -n`; sshd: `sshd -t`; nginx: `nginx -t`, where it is installed; Exim: its file as
  `update-exim4.conf` would make it, then `exim4 -bV`.
- A drop-in that the service would not read at all is a problem too: it is asked with nonsense in its place.

Fails as: sentences. `OperatorError` only when the checker itself cannot be run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from lockdown.host.change.files import FileImage
from lockdown.host.change.programs import Said, ask, is_installed
from lockdown.host.change.services import EXIM, exim_says, exim_says_of, privilege_folder

DOVECOT, SSH, NGINX = "/etc/dovecot", "/etc/ssh", "/etc/nginx"
_NONSENSE = b"lockdown asks whether this is read\n"
_INCLUDES = re.compile(rb"^([ \t]*!?include(?:_try)?[ \t]+.*)$", re.MULTILINE | re.IGNORECASE)


def mirror(folder: str, images: Mapping[str, FileImage], into: Path) -> Path:
    """The folder as it would be with these files, in `into`: links for all that stays as it is."""
    into.mkdir(0o700, parents=True)
    _link(Path(folder), into)
    for path, image in images.items():
        if Path(path).is_relative_to(folder):
            place = into / Path(path).relative_to(folder)
            place.unlink(missing_ok=True)
            if image.link is not None:
                place.symlink_to(image.link)
            elif image.octets is not None:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(image.octets)
                # Postfix waits up to two seconds with a file that was just written: it might still be being written.
                os.utime(place, (0, 0))
    return into


def _link(folder: Path, into: Path) -> None:
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.is_dir() and not entry.is_symlink():
            (into / entry.name).mkdir()
            _link(entry, into / entry.name)
        else:
            (into / entry.name).symlink_to(entry)


def _pointed_here(copy: Path, folder: str) -> None:
    """Let absolute (and, for sshd, relative) includes of the mirrored files lead into the mirror."""
    for file in sorted(copy.rglob("*")):
        if not file.is_file() or file.suffix not in ("", ".conf", ".ext"):
            continue
        octets = file.read_bytes()
        pointed = _INCLUDES.sub(lambda found: _pointed(found[1], folder, copy), octets)
        if pointed != octets:
            file.unlink()
            file.write_bytes(pointed)


def _pointed(line: bytes, folder: str, copy: Path) -> bytes:
    if folder.encode() in line:
        return line.replace(folder.encode(), str(copy).encode())
    if folder != SSH:
        return line
    word, *patterns = line.split()
    return b" ".join([word, *(p if p.startswith((b"/", b"~")) else f"{copy}/".encode() + p for p in patterns)])


def _in_place(words: str, copy: Path, folder: str) -> str:
    return words.replace(str(copy), folder)


# ── Postfix ──


def postfix_problems(folder: str, copy: Path) -> list[str]:
    """What Postfix says against the copy that it does not say against the folder as it is."""
    before, after = _postfix_words(folder, folder), _postfix_words(str(copy), folder)
    numbers = re.compile(r", line \d+")
    known = {numbers.sub("", line) for line in before}
    return [line for line in after if numbers.sub("", line) not in known]


def _postfix_words(place: str, folder: str) -> list[str]:
    lines: list[str] = []
    for question in ("-n", "-M", "-P"):
        said = ask("postconf", "-c", place, question)
        lines += [line.replace(place, folder) for line in said.err.splitlines() if line.strip()]
        if said.code and not said.err.strip():
            lines.append(f"postconf {question} ended with {said.code}")
    return list(dict.fromkeys(lines))


def effective(copy: str, name: str) -> str:
    """A setting of main.cf as Postfix takes it, its default where it is not written; only an expression is expanded."""
    value = ask("postconf", "-c", copy, "-h", name).out.strip()
    # A default that depends on the compatibility level is an expression, and no list that could be edited.
    return ask("postconf", "-c", copy, "-h", "-x", name).out.strip() if "${" in value else value


def effective_override(copy: str, service: str, name: str) -> str | None:
    """What Postfix reads as the override of a service; None where there is none."""
    start = f"{service}/{name} ="
    lines = [line for line in ask("postconf", "-c", copy, "-P", f"{service}/{name}").out.splitlines() if line]
    return next((line.removeprefix(start).strip() for line in lines if line.startswith(start)), None)


# ── Dovecot, sshd, Exim ──


def dovecot_problems(images: Mapping[str, FileImage], into: Path) -> list[str]:
    """What doveconf says against /etc/dovecot with these files."""
    copy = mirror(DOVECOT, images, into)
    _pointed_here(copy, DOVECOT)
    said = _doveconf(copy)
    if not said.code and not ask("doveconf", "-n", "-x").code:
        # With -x the files that are named are opened too; a certificate that was missing before says nothing here.
        said = ask("doveconf", "-n", "-x", "-c", str(copy / "dovecot.conf"))
    if said.code:
        return [_in_place(said.words, copy, DOVECOT)]
    return [
        f"dovecot.conf does not include {path}: what stands there would count for nothing"
        for path in _not_read(images, copy, DOVECOT, "dovecot.conf", _doveconf)
    ]


def _doveconf(copy: Path) -> Said:
    return ask("doveconf", "-n", "-c", str(copy / "dovecot.conf"))


def ssh_problems(images: Mapping[str, FileImage], into: Path) -> list[str]:
    """What sshd says against /etc/ssh with these files."""
    copy = mirror(SSH, images, into)
    _pointed_here(copy, SSH)
    with privilege_folder():
        said = _sshd(copy)
        if said.code:
            return [_in_place(said.words, copy, SSH)]
        return [
            f"sshd_config does not include {path}: what stands there would count for nothing"
            for path in _not_read(images, copy, SSH, "sshd_config", _sshd)
        ]


def _sshd(copy: Path) -> Said:
    return ask("sshd", "-t", "-f", str(copy / "sshd_config"))


def _not_read(
    images: Mapping[str, FileImage], copy: Path, folder: str, main: str, checker: Callable[[Path], Said]
) -> Iterable[str]:
    """Drop-ins that hold nonsense without the checker's noticing."""
    for path, image in images.items():
        place = copy / Path(path).relative_to(folder) if Path(path).is_relative_to(folder) else None
        if place is None or not image.octets or place.suffix != ".conf" or place.name == main:
            continue
        as_it_is = place.read_bytes()
        place.write_bytes(_NONSENSE)
        if not checker(copy).code:
            yield path
        place.write_bytes(as_it_is)


def nginx_problems(images: Mapping[str, FileImage], into: Path) -> list[str]:
    """What nginx says against /etc/nginx with these files; what it said before already is no problem of theirs."""
    if not is_installed("nginx"):
        return []
    copy = mirror(NGINX, images, into)
    _pointed_here(copy, NGINX)
    said = ask("nginx", "-t", "-q", "-c", str(copy / "nginx.conf"))
    if not said.code or ask("nginx", "-t", "-q").code:
        return []
    return [_in_place(said.words, copy, NGINX)]


def exim_problems(images: Mapping[str, FileImage], into: Path) -> list[str]:
    """What Exim says against its files, as Debian would make one of them, or against the one that it reads."""
    own = next((path for path in images if Path(path).name == "exim.conf"), "")
    if own:
        into.mkdir(0o700, parents=True)
        file = into / "exim.conf"
        file.write_bytes(images[own].octets or b"")
        words = exim_says_of(str(file)).replace(str(file), own)
    else:
        copy = mirror(EXIM, images, into)
        words = _in_place(exim_says(str(copy)), copy, EXIM)
    return [words] if words else []
