"""Ask another machine over ssh, without installing anything there: one connection, one fixed script, framed answers.

The script uses what every Debian has (sh, cat, head, find, timeout). It is sent on standard input, runs with the rights
of the ssh user, and is the same for every machine but for the sources asked. Secrets are taken out on this side before
anything is kept. Our own ssh client and its settings decide about keys and known hosts; it never asks for a password.

Fails as: OperatorError when ssh itself cannot connect; Unknown for each reading that did not come.
"""

from __future__ import annotations

import re
import secrets
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from lockdown.host.asked import Asked, Command, File, Files, Listing, Native, Reduce, Script, Sources, Where
from lockdown.host.commands import decoded
from lockdown.host.secrets import without_secrets
from lockdown.model.errors import OperatorError
from lockdown.model.snapshot import ABSENT, Reading
from lockdown.model.unknown import Unknown

SECONDS = 60.0
_SIDE_BY_SIDE = 16
MOST_BYTES = 128 * 1024 * 1024
_DESTINATION = re.compile(r"(?:(?P<user>[A-Za-z0-9._-]+)@)?(?P<host>[A-Za-z0-9._:\[\]-]+?)(?::(?P<port>\d{1,5}))?\Z")
_PATH = "PATH=/usr/sbin:/usr/local/sbin:/sbin:/usr/bin:/bin:/usr/local/bin; LC_ALL=C; TZ=UTC; export PATH LC_ALL TZ"

# $1 is the tag of the frames, $2 the number of the reading; then the way of asking and its arguments.
# Each reading runs by itself, all side by side; its frame is written whole once it is done.
_FRAME = """
work=$(mktemp -d) || exit 97
trap 'rm -rf "$work"' EXIT
frame() {
    code=$?
    printf '%s %s %s %s %s\\n' "$tag" "$1" "$code" "$(wc -c <"$work/$1.out")" "$(wc -c <"$work/$1.err")"
    cat "$work/$1.out" "$work/$1.err"
}
"""


@dataclass(frozen=True, slots=True)
class Ssh:
    """Where to go: `user@host:port`, as in `ssh://user@host:port`; `client` is the ssh program with its options."""

    destination: str
    client: Sequence[str] = ("ssh",)

    def ask(self, sources: Sources) -> dict[str, Reading]:
        """The reading of each source."""
        tag = f"lockdown-{secrets.token_hex(8)}"
        answers = self._said(_script(sources, tag))
        frames = dict(_frames(answers, tag))
        told: dict[str, Reading] = {}
        for number, (name, source) in enumerate(sources.items()):
            told |= _reading(name, source, frames.get(number))
        return {name: without_secrets(text) if isinstance(text, str) else text for name, text in told.items()}

    def name(self) -> str:
        """The host, as it is shown."""
        return self.destination.rpartition("@")[2]

    def _said(self, script: str) -> bytes:
        argv = [*self.client, *_client_arguments(self.destination), "sh", "-s"]
        try:
            ended = subprocess.run(argv, input=script.encode(), capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired as late:
            # What has come by then is whole frames, and one cut: the rest is Unknown.
            return bytes(late.stdout or b"")
        except OSError as error:
            raise _unreachable(self.destination, f"ssh could not be started: {error.strerror}") from None
        if ended.returncode == 255 and not ended.stdout:
            lines = ended.stderr.decode("utf-8", "replace").strip().splitlines() or ["ssh said nothing"]
            raise _unreachable(self.destination, lines[-1][:300])
        return ended.stdout[:MOST_BYTES]


def _client_arguments(destination: str) -> list[str]:
    found = _DESTINATION.match(destination)
    if not found or found["host"].startswith("-") or (found["user"] or "").startswith("-"):
        raise _unreachable(destination, "that is no user@host or user@host:port")
    port = ["-p", found["port"]] if found["port"] else []
    user = f"{found['user']}@" if found["user"] else ""
    return ["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", *port, "--", f"{user}{found['host'].strip('[]')}"]


def _unreachable(destination: str, why: str) -> OperatorError:
    return OperatorError(
        "ssh-failed",
        what=f"ssh://{destination} could not be read",
        why=why,
        try_this=f"ssh {destination} true     (must work without a password: a key, and a known host)",
    )


def _script(sources: Sources, tag: str) -> str:
    lines = [_asking(number, source) for number, source in enumerate(sources.values())]
    asked = "\nwait\n".join("\n".join(lines[at : at + _SIDE_BY_SIDE]) for at in range(0, len(lines), _SIDE_BY_SIDE))
    frames = "\n".join(f'frame {number} "$(cat "$work/{number}.code" 2>/dev/null)"' for number in range(len(sources)))
    frame = _FRAME.replace("code=$?", "code=${2:-98}")
    return f"{_PATH}\ntag={tag}\n{frame}\n{asked}\nwait\n{frames}\n"


def _asking(number: int, source: Asked) -> str:
    """One reading in the background: its output, its errors, its exit code."""
    place = f'"$work/{number}'
    command, seconds, most = _shell(source)
    # head bounds what is kept; the exit code is the command's own.
    inner = f"timeout -k 1 {seconds:g} {command}"
    return f'( {{ {inner}; echo $? >{place}.code"; }} 2>{place}.err" </dev/null | head -c {most + 1} >{place}.out" ) &'


def _shell(source: Asked) -> tuple[str, float, int]:
    match source:
        case Command(argv, seconds, most):
            name = shlex.quote(argv[0])
            there = (
                f"command -v {name} >/dev/null || {{ echo '{ABSENT}: no '{name}; exit 0; }}; exec {shlex.join(argv)}"
            )
            return f"sh -c {shlex.quote(there)}", seconds, most
        case Script(text, arguments, seconds, most):
            return shlex.join(["sh", "-c", text, "sh", *arguments]), seconds, most
        case Where(program):
            name = shlex.quote(program)
            return f"sh -c {shlex.quote(f'command -v {name} || echo {ABSENT!r}: no {name} in $PATH')}", 5, 4096
        case File(path, most, tail):
            take = "tail" if tail else "head"
            return f"sh -c {shlex.quote(_FILE)} sh {shlex.quote(path)} {take} {most + (0 if tail else 1)}", 10, most + 1
        case Files(patterns, most_files, most):
            quoted = shlex.join(patterns)
            return f"sh -c {shlex.quote(_FILES)} sh {most_files} {most + 1} {quoted}", 20, (most + 4096) * most_files
        case Listing(patterns, depth, most_lines):
            return f"sh -c {shlex.quote(_LISTING)} sh {depth} {most_lines + 1} {shlex.join(patterns)}", 20, 8 << 20
        case Native(elsewhere=asked):
            return _shell(asked) if asked else ("sh -c 'exit 96'", 5, 4096)
        case _:
            assert_never(source)


_FILE = """
if [ ! -e "$1" ] && [ ! -L "$1" ]; then
    ls -d -- "$1" 2>&1 >/dev/null | grep -q 'Permission denied' && { echo "$1: Permission denied" >&2; exit 1; }
    echo 'not installed: no '"$1"; exit 95
fi
[ -f "$1" ] || { echo "$1 is not a regular file" >&2; exit 1; }
exec "$2" -c "$3" -- "$1"
"""
# The files one after the other: `path` and the number of octets on a line, then the octets.
_FILES = """
most_files=$1 most=$2; shift 2
number=0
for pattern; do
    fixed=${pattern%%[*?[]*}; folder=${fixed%/*}
    if [ -d "$folder" ] && { [ ! -r "$folder" ] || [ ! -x "$folder" ]; }; then
        echo "$folder: Permission denied" >&2; exit 1
    fi
    IFS=
    for file in $pattern; do
        [ -f "$file" ] || continue
        number=$((number + 1))
        [ "$number" -gt "$most_files" ] && { echo "$pattern: more than $most_files files are not read" >&2; exit 1; }
        if [ -r "$file" ]; then
            size=$(head -c "$most" -- "$file" | wc -c)
            printf '%s %s\\n' "$size" "$file"; head -c "$size" -- "$file"; echo
        else
            printf -- '- %s\\n\\n' "$file"
        fi
    done
    unset IFS
done
"""
_LISTING = """
depth=$1 most=$2; shift 2
for pattern; do
    fixed=${pattern%%[*?[]*}; folder=${fixed%/*}
    if [ -n "$folder" ] && [ -d "$folder" ] && { [ ! -r "$folder" ] || [ ! -x "$folder" ]; }; then
        echo "$folder: Permission denied" >&2; exit 1
    fi
    IFS=
    for path in $pattern; do
        [ -e "$path" ] || [ -L "$path" ] || continue
        find "$path" -maxdepth "$depth" -printf '%y\\t%m\\t%u\\t%g\\t%s\\t%T@\\t%p\\t%l\\n' || exit 1
    done
    unset IFS
done | head -n "$most"
"""


@dataclass(frozen=True, slots=True)
class Frame:
    """One answer: the exit code, what was said, and the errors."""

    code: int
    out: bytes
    err: bytes


def _frames(said: bytes, tag: str) -> Iterator[tuple[int, Frame]]:
    """The frames that came whole; before the first one a login shell may have said things of its own."""
    at = said.find(f"{tag} ".encode())
    while at >= 0:
        line, newline, _ = said[at : at + 200].partition(b"\n")
        fields = line.split()
        if not newline or len(fields) != 5 or not all(field.isdigit() for field in fields[1:]):
            return
        number, code, out, err = (int(field) for field in fields[1:])
        start = at + len(line) + 1
        if start + out + err > len(said):
            return
        yield number, Frame(code, said[start : start + out], said[start + out : start + out + err])
        at = said.find(f"{tag} ".encode(), start + out + err)


def _reading(name: str, source: Asked, frame: Frame | None) -> dict[str, Reading]:
    if frame is None:
        return {name: Unknown(f"{name}: no answer came over ssh in {SECONDS:g} s")}
    match source:
        case Files():
            return _files(name, source, frame)
        case Native(elsewhere=asked):
            if asked is None:
                return {name: Unknown(f"{name} is read on the machine itself only: run lockdown there")}
            return {name: _text(name, frame, (0,), asked.most, asked.reduce)}
        case Command():
            return {name: _text(" ".join(source.argv), frame, source.answers, source.most, source.reduce)}
        case Script():
            return {name: _text(name, frame, (0,), source.most, source.reduce)}
        case File():
            return {name: _file(source, frame)}
        case Where() | Listing():
            return {name: _text(name, frame, (0,), 8 << 20, None)}
        case _:
            assert_never(source)


def _file(source: File, frame: Frame) -> Reading:
    if frame.code == 95 and source.expected:
        return Unknown(f"{source.path}: No such file or directory")
    if source.tail and frame.code == 0:
        text = frame.out.decode("utf-8", "replace")
        return source.reduce(text) if source.reduce else text
    return _text(source.path, frame, (0, 95), source.most, source.reduce)


def _text(shown: str, frame: Frame, answers: Sequence[int], most: int, reduce: Reduce | None) -> Reading:
    if frame.code in (124, 137):
        return Unknown(f"{shown} gave no answer in time")
    if frame.code not in answers:
        lines = [line for line in frame.err.decode("utf-8", "replace").splitlines() if line.strip()]
        return Unknown(f"{shown} ended with {frame.code}: {(lines or ['no reason given'])[0][:300]}")
    if len(frame.out) > most:
        return Unknown(f"{shown} is larger than {most} octets")
    text = decoded(frame.out, shown)
    return reduce(text) if reduce and isinstance(text, str) else text


def _files(name: str, source: Files, frame: Frame) -> dict[str, Reading]:
    if frame.code != 0:
        return {name: _text(", ".join(source.patterns), frame, (0,), source.most, None)}
    found = dict(_each_file(frame.out, source))
    if not found:
        return {name: f"{ABSENT}: no {', '.join(source.patterns)}\n"}
    return {
        name: "".join(f"{path}\n" for path in sorted(found)),
        **{f"{name}{path}": text for path, text in found.items()},
    }


def _each_file(out: bytes, source: Files) -> Iterator[tuple[str, Reading]]:
    at = 0
    while at < len(out):
        line, newline, _ = out[at:].partition(b"\n")
        size, _, path = line.decode("utf-8", "replace").partition(" ")
        start = at + len(line) + 1
        length = int(size) if size.isdigit() else 0
        if not newline or start + length > len(out):
            return
        yield path, _one_file(path, out[start : start + length], source, denied=size == "-")
        at = start + length + 1


def _one_file(path: str, octets: bytes, source: Files, *, denied: bool) -> Reading:
    if denied:
        return Unknown(f"{path}: Permission denied")
    return _text(path, Frame(0, octets, b""), (0,), source.most, source.reduce)
