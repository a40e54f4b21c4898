"""Ask this machine: each of what is asked once, in parallel, each with its own limits.

Fails as: readings that are Unknown; a broken one is one Unknown, not a lost snapshot. Never raises.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from grp import getgrgid
from pathlib import Path
from pwd import getpwuid
from typing import Any, assert_never

from lockdown.host.asked import Asked, Command, File, Files, Listing, Native, Reduce, Script, Sources, Where
from lockdown.host.commands import run
from lockdown.host.files import read_file
from lockdown.host.secrets import without_secrets
from lockdown.model.snapshot import ABSENT, Reading
from lockdown.model.unknown import Unknown

PLACES = tuple(
    Path(place)
    for place in ("/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/bin", "/opt/postfix/sbin")
)
"""Where programs are looked for; an ordinary user's PATH often leaves /usr/sbin out."""
THREADS = 8


def read_here(sources: Sources, places: Sequence[Path] = PLACES) -> dict[str, Reading]:
    """The reading of each source; files asked for by pattern bring readings of their own."""
    with ThreadPoolExecutor(THREADS) as pool:
        answers = pool.map(partial(_guarded, places=places), sources.items())
        return {name: reading for answer in answers for name, reading in answer.items()}


def _guarded(asked: tuple[str, Asked], places: Sequence[Path]) -> dict[str, Reading]:
    name, source = asked
    try:
        return {part: _shared(reading) for part, reading in _answer(name, source, places).items()}
    except Exception as error:  # the safe outcome is beside it
        return {name: Unknown(f"the reading failed: {type(error).__name__}: {error}")}


def _shared(reading: Reading) -> Reading:
    return without_secrets(reading) if isinstance(reading, str) else reading


def _answer(name: str, source: Asked, places: Sequence[Path]) -> Mapping[str, Reading]:
    match source:
        case Command(argv, seconds, most, answers, reduce):
            return {name: reduced(_command(argv, seconds, most, answers, places), reduce)}
        case Script(text, arguments, seconds, most, reduce):
            return {name: reduced(run(["/bin/sh", "-c", text, "sh", *arguments], seconds, most), reduce)}
        case Where(program):
            return {name: where(program, places)}
        case File():
            return {name: file_reading(source, Path(source.path))}
        case Files():
            return files_readings(name, source, Path("/"))
        case Listing():
            return {name: listing(source, Path("/"))}
        case Native(call):
            return {name: call()}
        case _:
            assert_never(source)


def reduced(reading: Reading, reduce: Reduce | None) -> Reading:
    """The reading without what its source wants left out."""
    return reduce(reading) if reduce and isinstance(reading, str) else reading


def find_program(program: str, places: Sequence[Path] = PLACES) -> Path | None:
    """Where a program lies."""
    return next((place / program for place in places if (place / program).is_file()), None)


def where(program: str, places: Sequence[Path]) -> Reading:
    """Its path as a reading, or that it is not there."""
    found = find_program(program, places)
    return f"{found}\n" if found else f"{ABSENT}: no {program} in {', '.join(map(str, places))}\n"


def _command(
    argv: Sequence[str], seconds: float, most: int, answers: tuple[int, ...], places: Sequence[Path]
) -> Reading:
    program = find_program(argv[0], places)
    if program is None:
        return where(argv[0], places)
    return run([str(program), *argv[1:]], seconds, most, answers)


# ── files, below a root ──


def gone(path: Path) -> bool:
    """Surely not there; False where it is, and where that may not be known."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def file_reading(asked: File, path: Path) -> Reading:
    """The text of the file that lies at `path`."""
    if gone(path) and not asked.expected:
        return f"{ABSENT}: no {asked.path}\n"
    return reduced(_tail(path, asked.most) if asked.tail else read_file(path, asked.most), asked.reduce)


def _tail(path: Path, most: int) -> Reading:
    """The end of a log: what is older does not count."""
    try:
        with path.open("rb") as opened:
            opened.seek(max(0, os.fstat(opened.fileno()).st_size - most))
            return opened.read(most).decode("utf-8", "replace")
    except OSError as error:
        return Unknown(f"{path}: {error.strerror}")


def files_readings(name: str, asked: Files, root: Path) -> dict[str, Reading]:
    """The list of files, and each of them."""
    found, denied = matching(asked.patterns, root)
    found = [path for path in found if _stays_in(path, root)]
    if denied:
        return {name: Unknown(f"{shown(denied, root)}: Permission denied")}
    if not found:
        return {name: f"{ABSENT}: no {', '.join(asked.patterns)}\n"}
    if len(found) > asked.most_files:
        return {
            name: Unknown(f"{', '.join(asked.patterns)}: {len(found)} files, more than {asked.most_files} are not read")
        }
    paths = [shown(path, root) for path in found]
    readings = {
        f"{name}{path}": reduced(read_file(file, asked.most), asked.reduce)
        for path, file in zip(paths, found, strict=True)
        if not file.is_dir()
    }
    return {name: "".join(f"{path}\n" for path in paths), **readings}


def _stays_in(path: Path, root: Path) -> bool:
    """A link of an image that leads to the machine it lies on is no file of the image."""
    return root == Path("/") or path.resolve().is_relative_to(root.resolve())


def shown(path: Path, root: Path) -> str:
    """A path as the machine itself would write it."""
    return f"/{path.relative_to(root)}" if root != Path("/") else str(path)


def matching(patterns: Sequence[str], root: Path) -> tuple[list[Path], Path | None]:
    """What matches, sorted; and the first folder that hides what may match."""
    found: set[Path] = set()
    for pattern in patterns:
        if denied := _hidden(pattern, root):
            return [], denied
        found |= set(root.glob(pattern.lstrip("/")))
    return sorted(found), None


def _hidden(pattern: str, root: Path) -> Path | None:
    """A folder on the way to the pattern's files that may not be listed or entered."""
    parts = pattern.strip("/").split("/")
    fixed = next((number for number, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    folder = root.joinpath(*parts[:fixed])
    for place in [*reversed(folder.parents), folder]:
        try:
            place.stat()
        except PermissionError:
            return place
        except OSError:
            return None
    return folder if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK) else None


def listing(asked: Listing, root: Path) -> Reading:
    """The lines of a listing, as `find` would print them."""
    found, denied = matching(asked.patterns, root)
    if denied:
        return Unknown(f"{shown(denied, root)}: Permission denied")
    lines: list[str] = []
    for path in (path for path in found if _stays_in(path.parent, root)):
        for line in _listed(path, asked.depth, root):
            if isinstance(line, Unknown):
                return line
            lines.append(line)
            if len(lines) > asked.most_lines:
                return Unknown(f"{', '.join(asked.patterns)}: more than {asked.most_lines} files")
    return "".join(lines)


_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISREG, "f"), (stat.S_ISDIR, "d"), (stat.S_ISLNK, "l"),
    (stat.S_ISSOCK, "s"), (stat.S_ISFIFO, "p"), (stat.S_ISBLK, "b"), (stat.S_ISCHR, "c"),
)  # fmt: skip


def _listed(path: Path, depth: int, root: Path) -> Iterator[str | Unknown]:
    try:
        about = path.lstat()
        target = str(path.readlink()) if stat.S_ISLNK(about.st_mode) else ""
    except FileNotFoundError:
        return
    except OSError as error:
        yield Unknown(f"{shown(path, root)}: {error.strerror}")
        return
    kind = next((letter for holds, letter in _KINDS if holds(about.st_mode)), "?")
    fields = (
        kind, f"{stat.S_IMODE(about.st_mode):o}", _name(getpwuid, about.st_uid), _name(getgrgid, about.st_gid),
        str(about.st_size), f"{about.st_mtime:.6f}", shown(path, root), target,
    )  # fmt: skip
    yield "\t".join(field.replace("\t", "?").replace("\n", "?") for field in fields) + "\n"
    if depth and kind == "d":
        try:
            inside = sorted(path.iterdir())
        except OSError as error:
            yield Unknown(f"{shown(path, root)}: {error.strerror}")
            return
        for entry in inside:
            yield from _listed(entry, depth - 1, root)


def _name(names: Callable[[int], Any], number: int) -> str:
    try:
        return str(names(number)[0])
    except KeyError:
        return str(number)
