"""Settings of real servers, judged from files alone, against labels argued from the documentation.

`configs/labels.tsv` says how a control stands and why, written before our own answer was looked at. The files lie in
`configs/files` (`MANIFEST.tsv` says where from), or in the folder of larger sets that `LOCKDOWN_CASES` names.
"""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockdown.checklist.attachments.audit import audit as attachments
from lockdown.checklist.relaying.audit import audit as relaying
from lockdown.config import Settings
from lockdown.engine.snapshots import snapshot_of
from lockdown.model.finding import Finding, State
from tests.rig.corpora import case

CONFIGS = Path(__file__).parent / "configs"
NOW = datetime(2026, 1, 15, tzinfo=UTC)
AGREEMENT = 0.98


@dataclass(frozen=True, slots=True)
class Label:
    """How a control stands for one target of a server, and the argument for it."""

    files: str
    target: str
    control: str
    state: State
    argument: str

    @property
    def is_of(self) -> str:
        return self.target if self.target == "postfix" else f"postfix {self.target}"


def labels() -> list[Label]:
    with (CONFIGS / "labels.tsv").open() as lines:
        return [
            Label(row["files"], row["target"], row["control"], State(row["state"]), row["argument"])
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]


def paths(files: str) -> list[Path] | None:
    """Where the files of a server lie; None when one of them is not here."""
    own = {path.name: path for path in (CONFIGS / "files").iterdir()}
    found = [own.get(name) or case(f"configs/{name}") for name in files.split("+")]
    return [path for path in found if path] if all(found) else None


def judged(files: list[Path], folder: Path) -> list[Finding]:
    """All findings of the two rooms; several files are laid beside each other under the names that Postfix has."""
    target = files[0]
    if len(files) > 1:
        target = folder / files[0].stem
        target.mkdir()
        for file in files:
            shutil.copy(file, target / file.name.rpartition("__")[2])
    snapshot = snapshot_of(str(target), NOW)
    return [*relaying(snapshot, Settings()), *attachments(snapshot, Settings())]


def compared(folder: Path) -> Iterator[tuple[Label, list[Finding]]]:
    """Every label whose files are here, with what is found for its target."""
    by_files: dict[str, list[Label]] = defaultdict(list)
    for label in labels():
        by_files[label.files].append(label)
    for number, (files, wanted) in enumerate(by_files.items()):
        if (places := paths(files)) is not None:
            (folder / str(number)).mkdir()
            findings = judged(places, folder / str(number))
            for label in wanted:
                yield label, [one for one in findings if (one.control, one.target) == (label.control, label.is_of)]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Label, list[Finding]]]:
    return list(compared(tmp_path_factory.mktemp("configs")))


def test_each_label_has_one_answer(answers: list[tuple[Label, list[Finding]]]) -> None:
    assert [label for label, found in answers if len(found) != 1] == []


def test_the_audit_agrees_with_the_labels(answers: list[tuple[Label, list[Finding]]]) -> None:
    wrong = [(label, found[0].state, found[0].says) for label, found in answers if found[0].state is not label.state]
    assert answers
    assert 1 - len(wrong) / len(answers) >= AGREEMENT, wrong


def test_nothing_that_cannot_be_told_is_reported_as_holding(answers: list[tuple[Label, list[Finding]]]) -> None:
    told = [label for label, found in answers if label.state is State.UNKNOWN and found[0].state is State.PASS]
    assert told == []


def test_every_file_of_ours_is_labelled_and_its_origin_known() -> None:
    own = {path.name for path in (CONFIGS / "files").iterdir()}
    origins = {line.split("\t")[0] for line in (CONFIGS / "MANIFEST.tsv").read_text().splitlines()[1:]}
    labelled = {name for label in labels() for name in label.files.split("+")}
    assert own == origins
    assert own <= labelled
