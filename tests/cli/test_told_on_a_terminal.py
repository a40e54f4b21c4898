"""What strangers have named themselves reaches a terminal as letters alone, and tables stay tables at 80 columns."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.cli.options import print_table, printable
from lockdown.model.shown import escaped

TABLE = """\
from lockdown.cli.options import print_labelled, print_table
long = "x" * 10_000 + "@example.net"
why = "it \\x1b[31mhas sent\\u202e much more than it ever did before, and to people it never wrote to"
print_table([(long, "1", why), ("a@example.org", "2", "")], ("sender", "messages", "why"))
print_labelled("evidence", "word " * 20)
"""


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b]0;owned\x07",
        "\x9b31m",
        "a\rb",
        "a\nb",
        "\u202egpj.exe",
        "\u2066x",
        "\u200fx",
        "\u2028x",
        "\ufeffx",
        "\U000e0041",
    ],
)
def test_nothing_that_a_terminal_obeys_or_that_cannot_be_seen_is_printed(hostile: str) -> None:
    shown = printable(f"<{hostile}@example.net>")
    assert "\ufffd" in shown
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")]


def test_what_people_write_is_left_alone() -> None:
    name = "Jürgen Łukasz 山田 مریم\u200cها"
    assert printable(name) == name


@given(st.text())
def test_whatever_is_printed_can_be_written(text: str) -> None:
    printable(text).encode()


@given(st.text(st.characters(exclude_categories=())))
def test_json_says_the_same_and_moves_no_cursor(text: str) -> None:
    said = escaped(json.dumps({"sender": text}, ensure_ascii=False))
    assert json.loads(said) == {"sender": text}
    assert said == printable(said)
    said.encode()


def test_elsewhere_than_on_a_terminal_no_line_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([("a", "word " * 40 + "end")], ("id", "why"))
    _, row = capsys.readouterr().out.splitlines()
    assert row.endswith("word end")


def on_a_terminal(program: str, columns: int) -> list[str]:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1"}
    with subprocess.Popen([sys.executable, "-c", program], stdout=theirs, env=environment):
        os.close(theirs)
        said = b""
        try:
            while piece := os.read(ours, 65536):
                said += piece
        except OSError:  # how a terminal ends here
            pass
        os.close(ours)
    return said.decode().splitlines()


def test_at_80_columns_a_table_stays_one_whatever_a_stranger_is_called() -> None:
    lines = on_a_terminal(TABLE, 80)
    assert max(map(len, lines)) <= 80, lines
    assert lines[0].split() == ["sender", "messages", "why"]
    assert lines[1].startswith("xxxx")
    assert "\x1b" not in "".join(lines)
    assert "to people it never wrote to" in " ".join(line.strip() for line in lines)
    assert [line[:10].strip() for line in lines if "word word" in line] == ["evidence", ""]
