"""Who may import whom: the table of the architecture, held against every file by its syntax tree.

An import inside a function counts as one at the top: a layer is what a file knows of, not when it learns it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "lockdown"
VENDORED = "_vendor"
"""Libraries of others, taken in as source: no layer, and only the tools may import them."""
FILES = sorted(file for file in SOURCE.rglob("*.py") if VENDORED not in file.parts)

LOW = frozenset({"model", "config"})
BELOW_ROOMS = LOW | {"facts", "mime"}
TOOLS = frozenset({"host", "probe", "scan", "state"})

MAY_IMPORT: dict[str, frozenset[str]] = {
    "model": frozenset({"smtp"}),  # for Address, which is a value of the wire
    "smtp": frozenset({"model"}),
    "config": frozenset({"model"}),
    "mime": LOW,
    "facts": LOW | {"smtp"},
    "checklist": BELOW_ROOMS | {"smtp"},
    **{tool: BELOW_ROOMS | {"smtp", VENDORED} for tool in TOOLS},
    "engine": BELOW_ROOMS | TOOLS | {"smtp", "checklist", "agent.client"},
    "gateway": BELOW_ROOMS | TOOLS | {"smtp", "checklist", "engine", "agent.client"},
    "agent": BELOW_ROOMS | TOOLS | {"smtp", "checklist", "engine"},
    "console": LOW | {"engine", "state", "agent.client"},
    "cli": LOW | {"engine", "state", "agent.client"},
}
"""A layer, and the others that it may know. Every layer may import itself, and `lockdown` for its version."""

STARTS_A_PROCESS = {
    "cli/gateway.py": "gateway.master",
    "cli/agent.py": "agent.process",
    "cli/console.py": "console.server",
}
"""The commands that become a process import its entry, and nothing else of it."""

PURE = frozenset({"model", "smtp", "mime", "config", "facts", "checklist"})
PARSING_LIBRARIES = frozenset({"msgspec", "fast_mail_parser", "publicsuffixlist"})
DOES_INPUT_OR_OUTPUT = frozenset(
    {
        "asyncio", "concurrent", "ctypes", "fcntl", "ftplib", "glob", "http", "logging", "multiprocessing", "os",
        "pathlib", "poplib", "random", "secrets", "select", "selectors", "shutil", "signal", "smtplib", "socket",
        "socketserver", "sqlite3", "ssl", "subprocess", "syslog", "tempfile", "threading", "time",
    }
)  # fmt: skip
IMPURE_CALLS = frozenset({"open", "input", "print", "exec", "eval", "__import__"})
CLOCKS = frozenset({"now", "utcnow", "today"})


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, and where."""

    file: str
    line: int
    module: str


def layer_of(file: Path) -> str:
    parts = file.relative_to(SOURCE).parts
    return parts[0].removesuffix(".py")


def imports_of(file: Path) -> Iterator[Import]:
    name = str(file.relative_to(SOURCE))
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (Import(name, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _of_from(name, node)


def _of_from(name: str, node: ast.ImportFrom) -> Iterator[Import]:
    """`from lockdown.checklist import relaying` imports the room, not a name of the package."""
    package = ["lockdown", *Path(name).parts[:-1]]
    base = package[: len(package) - node.level + 1] if node.level else []
    module = ".".join([*base, *([node.module] if node.module else [])])
    for alias in node.names:
        path = SOURCE.parent.joinpath(*module.split("."), alias.name)
        is_module = path.is_dir() or path.with_suffix(".py").exists()
        yield Import(name, node.lineno, f"{module}.{alias.name}" if is_module else module)


def violations(file: Path) -> Iterator[str]:
    layer = layer_of(file)
    for found in imports_of(file):
        if not found.module.startswith("lockdown"):
            if why := _foreign(layer, found.module):
                yield f"{found.file}:{found.line}: {layer} imports {found.module}: {why}"
        elif not _is_allowed(layer, found):
            yield f"{found.file}:{found.line}: {layer} may not import {found.module}"


def _foreign(layer: str, module: str) -> str:
    top = module.partition(".")[0]
    if layer in ("model", "smtp") and top not in sys.stdlib_module_names:
        return "only the standard library is allowed there"
    if layer in PURE and top in DOES_INPUT_OR_OUTPUT:
        return "input and output are for the layers above"
    if layer in PURE and top not in sys.stdlib_module_names | PARSING_LIBRARIES:
        return "only a parsing library is allowed there"
    return ""


def _is_allowed(layer: str, found: Import) -> bool:
    inner = found.module.removeprefix("lockdown").lstrip(".")
    other = inner.partition(".")[0]
    if other in ("", layer):
        return layer != "checklist" or _own_room(found, inner)
    if layer in ("__init__", "__main__"):
        return other == "cli"
    if STARTS_A_PROCESS.get(found.file) == inner:
        return True
    if layer in ("engine", "console", "cli") and inner.startswith("checklist."):
        return False
    allowed = MAY_IMPORT[layer]
    return other in allowed or any(inner == entry or inner.startswith(f"{entry}.") for entry in allowed)


def _own_room(found: Import, inner: str) -> bool:
    """A room imports itself; only the checklist itself imports all of them."""
    rooms = Path(found.file).parts
    return len(rooms) == 2 or inner.split(".")[1:2] == [rooms[1]]


def impure_calls(file: Path) -> Iterator[str]:
    name = file.relative_to(SOURCE)
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in IMPURE_CALLS:
                yield f"{name}:{node.lineno}: calls {called.id}()"
            if isinstance(called, ast.Attribute) and called.attr in CLOCKS:
                yield f"{name}:{node.lineno}: asks the clock; time is an argument"


@pytest.mark.parametrize("layer", sorted({layer_of(file) for file in FILES}))
def test_a_layer_imports_only_what_the_table_allows(layer: str) -> None:
    assert [line for file in FILES if layer_of(file) == layer for line in violations(file)] == []


def test_every_layer_is_in_the_table() -> None:
    assert {layer_of(file) for file in FILES} <= set(MAY_IMPORT) | {"__init__", "__main__"}


def test_what_judges_neither_reads_nor_writes_nor_asks_the_clock() -> None:
    assert [line for file in FILES if layer_of(file) in PURE for line in impure_calls(file)] == []


def _as_if(name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the checks say of a file with this text at this place."""
    monkeypatch.setattr(sys.modules[__name__], "SOURCE", tmp_path)
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    for room in ("relaying", "attachments"):
        (tmp_path / "checklist" / room).mkdir(parents=True, exist_ok=True)
    return [*violations(file), *impure_calls(file)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("checklist/relaying/audit.py", "from lockdown.checklist.attachments.gate import sender"),
        ("checklist/relaying/audit.py", "import subprocess"),
        ("checklist/relaying/audit.py", "def a():\n    import logging"),
        ("checklist/relaying/audit.py", "now = datetime.now(UTC)"),
        ("facts/postfix.py", "text = open('/etc/postfix/main.cf').read()"),
        ("facts/postfix.py", "from lockdown.host.read import take_snapshot"),
        ("host/read.py", "from lockdown.checklist import CHECKLIST"),
        ("host/read.py", "from lockdown.state.store import Store"),
        ("engine/audit.py", "from lockdown.checklist.relaying.audit import audit"),
        ("engine/audit.py", "from lockdown.cli.audit import command"),
        ("cli/audit.py", "from lockdown.host.read import take_snapshot"),
        ("gateway/worker.py", "from lockdown.agent.verbs import Block"),
        ("smtp/server.py", "import msgspec"),
        ("smtp/server.py", "from ..facts import postfix"),
    ],
)
def test_a_forbidden_import_is_seen(name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _as_if(name, text, tmp_path, monkeypatch)
