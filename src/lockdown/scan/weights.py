"""The classifier's model: tables of weights in one file, and the file's form.

A file is: the line `lockdown-classifier 1`, one line of JSON (the header), then the tables, octet by octet. The header
names the version of the features, each table with its length and scale, the SHA-256 of the tables, the SHA-256 of the
list of messages it was trained on, and the figures it reached. It is mapped, not read: workers share one copy.

Fails as: `Unknown` where the file is absent, damaged, or of another version: an engine without a model is unavailable.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lockdown.model.unknown import Unknown
from lockdown.scan.features import (
    FEATURE_VERSION,
    GRAM_BITS,
    SHAPE_BITS,
    WORD_BITS,
    Features,
    Ids,
    last_of_each,
    length_of,
)

SHIPPED = Path(__file__).parent / "model" / "mail.model"
_MAGIC = b"lockdown-classifier 1\n"
_MOST_HEADER = 1 << 16
_MOST_BYTES = 16 << 20

Small: TypeAlias = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Scales:
    """What turns sums of weights into a logit, and a logit into points."""

    words: float
    grams: float
    shapes: float
    start: float
    """The logit of a letter of which nothing is known, and so of 0 points."""
    tag: float
    """The logit of 5 points."""
    hold: float
    """The logit of 8 points."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A model at work. Tables are views of a mapped file."""

    words: Small
    grams: Small
    shapes: Small
    common: npt.NDArray[np.uint8]
    """1 for the words that many letters have: local learning leaves them alone."""
    scales: Scales
    trained_on: str
    """SHA-256 of the sorted SHA-256 sums of the messages."""
    figures: dict[str, Any] = field(default_factory=dict)

    def parts(self, taken: Features) -> tuple[float, float, float]:
        """What words, grams and shapes add to the logit. Each view is brought to length one: a long letter is not
        louder than a short one, and what is unknown in it weakens what is known."""
        return self.of_words(taken.words), self.of_grams(taken.grams), self.of_shapes(taken.shapes)

    # Of each: an id that is there twice counts once.
    def of_words(self, ids: Ids) -> float:
        return _part("words", self.words, ids, self.scales.words)

    def of_grams(self, ids: Ids) -> float:
        return _part("grams", self.grams, ids, self.scales.grams)

    def of_shapes(self, ids: Ids) -> float:
        return _part("shapes", self.shapes, ids, self.scales.shapes)


def _part(view: str, table: Small, ids: Ids, scale: float) -> float:
    kept = table.take(ids).compress(last_of_each(ids))
    return scale * int(np.add.reduce(kept, dtype=np.int32)) / length_of(view, kept.size)


def load(path: Path) -> Weights | Unknown:
    """Map a model file."""
    try:
        with path.open("rb") as file:
            if not 0 < path.stat().st_size <= _MOST_BYTES:
                return Unknown(f"the model {path} is empty or far too big")
            content = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    except OSError as error:
        return Unknown(f"the model {path} cannot be read: {error.strerror}")
    try:
        return _parsed(content)
    except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError) as error:
        return Unknown(f"the model {path} cannot be used: {error}")


_LENGTHS = {
    "words": 1 << WORD_BITS,
    "grams": 1 << GRAM_BITS,
    "shapes": 1 << SHAPE_BITS,
    "common": (1 << WORD_BITS) // 8,
}


def _parsed(content: mmap.mmap) -> Weights:
    if content[: len(_MAGIC)] != _MAGIC:
        raise ValueError("it is not a model of this version")
    end = content.find(b"\n", len(_MAGIC), len(_MAGIC) + _MOST_HEADER)
    if end < 0:
        raise ValueError("its header has no end")
    header = json.loads(content[len(_MAGIC) : end])
    if header["features"] != FEATURE_VERSION:
        raise ValueError(f"it reads features of version {header['features']}, this program makes {FEATURE_VERSION}")
    tables = memoryview(content)[end + 1 :]
    if len(tables) != sum(_LENGTHS.values()) or hashlib.sha256(tables).hexdigest() != header["tables"]:
        raise ValueError("its tables are damaged")
    return Weights(**_cut(tables), scales=_scales(header["scales"]), trained_on=str(header["trained_on"]),
                   figures=dict(header["figures"]))  # fmt: skip


def _scales(given: dict[str, Any]) -> Scales:
    scales = Scales(**{name: float(value) for name, value in given.items()})
    if not all(map(np.isfinite, asdict(scales).values())) or not scales.start < scales.tag < scales.hold:
        raise ValueError("its scales make no sense")
    return scales


def _cut(tables: memoryview) -> dict[str, Any]:
    cut: dict[str, Any] = {}
    at = 0
    for name, length in _LENGTHS.items():
        cut[name] = np.frombuffer(tables, dtype=np.uint8 if name == "common" else np.int8, count=length, offset=at)
        at += length
    cut["common"] = np.unpackbits(cut["common"])
    return cut


def save(weights: Weights, path: Path) -> None:
    """Write a model file, whole or not at all."""
    tables = b"".join(
        (
            weights.words.tobytes(),
            weights.grams.tobytes(),
            weights.shapes.tobytes(),
            np.packbits(weights.common).tobytes(),
        )
    )
    header = {
        "features": FEATURE_VERSION, "scales": asdict(weights.scales), "tables": hashlib.sha256(tables).hexdigest(),
        "trained_on": weights.trained_on, "figures": weights.figures,
    }  # fmt: skip
    aside = path.with_suffix(".new")
    aside.write_bytes(_MAGIC + json.dumps(header, sort_keys=True).encode() + b"\n" + tables)
    aside.replace(path)
