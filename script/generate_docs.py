"""Write the documents that the code itself declares, so that they cannot drift from it: controls, settings, the schema.

Fails as: exit 1 with `--check` when a file is not as it would be written.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

from lockdown.cli.forms.fields import schema
from lockdown.config import SettingDoc, documented, sections
from lockdown.engine.audit import cards
from lockdown.model.card import VERBS, Card
from lockdown.model.finding import Control

DOCS = Path(__file__).parents[1] / "docs"
MADE = "<!-- made by script/docs; change the code instead -->"
GATE = "gate"
PAST = {"audit": "audited", "enforce": "enforced", "watch": "watched", "drill": "drilled"}


def checklist() -> Iterator[str]:
    yield "# The thirteen"
    yield MADE
    yield (
        "Each item of the checklist is **audited** (does it hold?), **enforced** (a change, with a way back), "
        "**watched** (an alarm when it stops holding) and **drilled** (a harmless attack proves it). "
        "A **gate** judges mail in flight. "
        "A dash is a place that this version leaves empty; what you miss by it is said below."
    )
    yield "\n".join(_matrix())
    for card in cards():
        yield from _item(card)


def _matrix() -> Iterator[str]:
    heads = (*VERBS, GATE)
    yield "| | item | " + " | ".join(heads) + " |"
    yield "|---|---|" + "---|" * len(heads)
    for card in cards():
        marks = ["–" if verb in card.empty else "yes" for verb in VERBS]
        marks.append("yes" if importlib.util.find_spec(f"lockdown.checklist.{card.id}.{GATE}") else "–")
        yield f"| {card.number} | [{card.title}](#{_anchor(card)}) | " + " | ".join(marks) + " |"


def _anchor(card: Card) -> str:
    """As the web shows headings: lower case, blanks as hyphens, other signs dropped."""
    return "".join(sign for sign in _heading(card).lower().replace(" ", "-") if sign.isalnum() or sign == "-")


def _heading(card: Card) -> str:
    return f"{card.number} {card.title}"


def _item(card: Card) -> Iterator[str]:
    yield f"## {_heading(card)}"
    yield card.promise
    if card.empty:
        yield "\n".join(f"- *not {PAST[verb]} yet*: {card.empty[verb]}" for verb in VERBS if verb in card.empty)
    for control in card.controls:
        yield from _control(control)


def _control(control: Control) -> Iterator[str]:
    yield f"### `{control.id}`"
    yield f"**{control.title}** ({control.severity}{'' if control.waivable else '; cannot be waived'})"
    where = " (on mail in flight, by the gateway)" if control.in_flight else ""
    where = where or (" (from outside: `lockdown audit --probe HOST`)" if control.black_box else "")
    rows = [
        ("why", control.why),
        ("judged on", control.evidence + where),
        ("fix", _code(control.fix)),
        ("side effects", control.side_effects),
        ("undo", control.undo),
    ]
    if control.maps:
        rows.append(("demanded by", ", ".join(control.maps)))
    if control.references:
        rows.append(("references", ", ".join(control.references)))
    yield "\n".join(f"- {name}: {text}" for name, text in rows)


def _code(fix: str) -> str:
    """A command is set as one, its remark behind it."""
    command, _, remark = fix.partition("     ")
    is_command = command.startswith(("postconf", "lockdown "))
    return f"`{command}` {remark}".rstrip() if is_command else fix


def settings() -> Iterator[str]:
    yield "# Settings"
    yield MADE
    yield (
        "`lockdown.toml`, in the folder where `lockdown` is typed, else `/etc/lockdown/lockdown.toml`; files in "
        "`conf.d/` beside it, in the order of their names, go over it. Nothing is needed: each setting has a default. "
        "An unknown key is an error that names the near miss. `lockdown config show --origin` says where each value "
        "comes from."
    )
    yield 'Sizes are written `"25 MiB"`, durations `"5m"`, rates `"500/h"`.'
    docs = list(documented())
    for name, section in sections().items():
        yield f"## [{name}]"
        yield (section.__doc__ or "").strip()
        yield "\n".join(_table(doc for doc in docs if doc.key.startswith(f"{name}.")))


def _table(docs: Iterator[SettingDoc]) -> Iterator[str]:
    yield "| setting | default | type | why |"
    yield "|---|---|---|---|"
    for doc in docs:
        cells = (f"`{doc.key}`", f"`{doc.default}`", _cell(doc.type), _cell(doc.why))
        yield "| " + " | ".join(cells) + " |"


def _cell(text: str) -> str:
    """An upright line would end the cell."""
    return text.replace("|", "\\|")


DOCUMENTS = {"checklist.md": checklist, "settings.md": settings}


def main(arguments: list[str]) -> int:
    """Write, or with --check compare."""
    texts = {DOCS / name: "\n\n".join(make()) + "\n" for name, make in DOCUMENTS.items()}
    texts[DOCS / "audit.schema.json"] = schema()
    differ = [path for path, text in texts.items() if not path.exists() or path.read_text() != text]
    if arguments == ["--check"]:
        print("".join(f"docs/{path.name} is not as the code says\n" for path in differ), end="")
        return 1 if differ else 0
    for path in differ:
        path.write_text(texts[path])
        print(f"docs/{path.name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
