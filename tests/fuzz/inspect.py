"""What inspectors read: documents, pages, shortcuts; the first octet says as what."""

from importlib import import_module

from lockdown.scan.inspect import INSPECTED, Budget, inspect
from lockdown.scan.inspect.notes import EMBEDDED, WORD, WORDS

KINDS = sorted(INSPECTED)

# Here, so that the fuzzer sees what is within: they are imported on demand otherwise.
for module in sorted(set(INSPECTED.values())):
    import_module(f"lockdown.scan.inspect.{module}")


def one_input(octets: bytes) -> None:
    """Never an exception; what is found is bounded by what was allowed."""
    if not octets:
        return
    budget = Budget(octets=1_000_000, steps=20_000)
    found = inspect(KINDS[octets[0] % len(KINDS)], octets[1:], "a", budget)
    assert len(found.traits) == len(set(found.traits))
    assert len(found.embedded) <= EMBEDDED
    assert len(found.says) <= WORDS and len(found.unread) <= WORDS
    assert all(len(word) <= WORD for word in (*found.says, *found.unread))
    if found.encrypted:
        assert found.unread
