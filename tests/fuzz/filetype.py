"""The type and the name of whatever is attached."""

from lockdown.mime.filename import extension, name_traits
from lockdown.mime.filetype import KINDS, kind_of


def one_input(octets: bytes) -> None:
    """A name, a line feed, a content: a word of the table, by content and by both; each trait of the name once."""
    line, _, content = octets.partition(b"\n")
    name = line.decode("utf-8", "replace")
    assert kind_of(content) in KINDS
    kind = kind_of(content, name)
    assert kind in KINDS
    traits = name_traits(name, kind)
    assert len(traits) == len(set(traits))
    assert "." not in extension(name)
