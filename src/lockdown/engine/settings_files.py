"""Read the settings files of this machine: `lockdown.toml` and the overlays in `conf.d/` beside it.

One that is named is read whoever wrote it. One that lies in the working folder is read unasked, by root too: so it must
be ours, or whoever made that folder would say what root does.

Fails as: `OperatorError` for a file that is missing, unreadable, not text, somebody else's, or says what no setting
means.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lockdown.config import Loaded, Settings, Site, read_settings
from lockdown.model.errors import OperatorError

SYSTEM_FILE = Path("/etc/lockdown/lockdown.toml")
LOCAL_FILE = Path("lockdown.toml")
SYSTEM_STATE = Path("/var/lib/lockdown")
"""Where relative paths of the system's file lie: nothing is ever written below /etc."""


def load_settings(config: Path | None = None) -> Loaded:
    """The settings of `config`, else of ./lockdown.toml, else of the system's file, else the embedded defaults.

    Paths in the result are absolute, so that every command finds the same state wherever it is typed.
    """
    main = config or _first_existing(LOCAL_FILE, SYSTEM_FILE)
    files = [main, *sorted((main.parent / "conf.d").glob("*.toml"))] if main else []
    unasked = main is not None and main == LOCAL_FILE and config is None
    loaded = read_settings([(str(file), _text_of(file, unasked)) for file in files])
    base = SYSTEM_STATE if main == SYSTEM_FILE else (main or LOCAL_FILE).absolute().parent
    return dataclasses.replace(
        loaded,
        settings=_with_absolute_paths(loaded.settings, base),
        files=tuple(str(file.absolute()) for file in files),
    )


def reload(loaded: Loaded) -> Loaded:
    """The settings as the same files say now; files that have appeared since are found as well."""
    return load_settings(Path(loaded.files[0]) if loaded.files else None)


def _first_existing(*candidates: Path) -> Path | None:
    return next((file for file in candidates if file.exists()), None)


def _must_be_ours(path: Path, *abouts: os.stat_result) -> None:
    for about in abouts:
        if why := _of_others(about):
            raise OperatorError(
                "settings-of-others",
                what=f"./{path} is not read",
                why=f"{why}, and nobody has named it",
                try_this=f"--config {LOCAL_FILE.absolute()}     (if you mean it), or type this in another folder",
            )


def _of_others(about: os.stat_result) -> str:
    """Why somebody else may have written that; empty: nobody but root and us."""
    if about.st_uid not in (0, os.geteuid()):
        return f"it belongs to the user {about.st_uid}"
    # A group of one's own is usual for a person, and holds nobody else.
    own_group = about.st_gid == os.getegid() and os.geteuid() != 0
    writers = stat.S_IWOTH | (0 if own_group else stat.S_IWGRP)
    if not stat.S_ISLNK(about.st_mode) and about.st_mode & writers:
        return f"others may write it (mode {stat.S_IMODE(about.st_mode):o})"
    return ""


def _text_of(file: Path, must_be_ours: bool) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            if must_be_ours:
                # What is read is looked at, not its name: whoever owns the folder may exchange it at any moment.
                _must_be_ours(file, os.fstat(opened.fileno()), file.lstat())
                if file != LOCAL_FILE:
                    _must_be_ours(file.parent, file.parent.lstat())
            return opened.read()
    except FileNotFoundError:
        raise _unreadable(file, "there is no such file", f"lockdown init -o {file}") from None
    except UnicodeDecodeError as error:
        raise _unreadable(file, f"it is not UTF-8 text (octet {error.start})", f"file {file}") from None
    except OSError as error:
        raise _unreadable(file, error.strerror or "it cannot be read", f"ls -l {file}") from None


def _unreadable(file: Path, why: str, try_this: str) -> OperatorError:
    return OperatorError(
        "settings-unreadable", what=f"the settings file {file} cannot be read", why=why, try_this=try_this
    )


def _with_absolute_paths(settings: Settings, base: Path) -> Settings:
    state = msgspec.structs.replace(settings.state, directory=_below(base, settings.state.directory))
    gateway = msgspec.structs.replace(
        settings.gateway, **{key: _below(base, getattr(settings.gateway, key)) for key in _certificate_paths(settings)}
    )
    return msgspec.structs.replace(settings, state=state, gateway=gateway, site=_with_recipients_file(settings, base))


def _certificate_paths(settings: Settings) -> Iterator[str]:
    return (key for key in ("tls_certificate", "tls_key") if getattr(settings.gateway, key))


def _with_recipients_file(settings: Settings, base: Path) -> Site:
    recipients = settings.site.recipients
    if isinstance(recipients, str) and recipients.startswith("file:"):
        recipients = "file:" + _below(base, recipients.removeprefix("file:"))
    return msgspec.structs.replace(settings.site, recipients=recipients)


def _below(base: Path, path: str) -> str:
    """A path as written, from `base` when it is relative."""
    return str(base / Path(path).expanduser())
