"""What is asked about Exim: where it lies, its version, and the files that its configuration is made of."""

from __future__ import annotations

import re

from lockdown.facts import exim as facts
from lockdown.host.asked import Command, File, Files, Sources, Where
from lockdown.host.secrets import without_secrets
from lockdown.model.snapshot import Snapshot

MAX_TABLES = 50
# Whatever a password or a query with one is written to: `hide mysql_servers`, client_send, server_condition.
_SECRET = re.compile(
    r"(?mi)^(?P<name>[ \t]*(?:hide[ \t]+)?\w*(?:servers|secret|passw\w*|client_send)[ \t]*=)(?:\\[ \t]*\n|.)*$"
    # A condition of one word compares nothing, and holds no password.
    r"|^(?P<condition>[ \t]*server_condition[ \t]*=)(?![ \t]*\"?\w+\"?[ \t]*$)(?:\\[ \t]*\n|.)*$"
)


def sources() -> Sources:
    """Debian's places first, then those of other systems."""
    return {
        facts.WHERE: Where("exim4"),
        facts.VERSION: Command(("exim4", "-bV")),
        **{source: File(path, reduce=reduced) for source, path in facts.WHOLE.items()},
        facts.TEMPLATE: File(facts.TEMPLATE_PATH, reduce=reduced),
        facts.DEBCONF: File("/etc/exim4/update-exim4.conf.conf"),
        facts.LOCAL_MACROS: File("/etc/exim4/exim4.conf.localmacros", reduce=reduced),
        facts.PARTS: Files(("/etc/exim4/conf.d/*/*",), reduce=reduced),
    }


def more(snapshot: Snapshot) -> Sources:
    """The text files that decide who may relay."""
    found = facts.exim(snapshot)
    if not isinstance(found, facts.Exim):
        return {}
    return {f"{facts.TABLES}{path}": File(path, reduce=reduced) for path in facts.files_named(found)[:MAX_TABLES]}


def reduced(text: str) -> str:
    """The text without what could be a password; its lines keep their numbers."""

    def hide(found: re.Match[str]) -> str:
        return (found["name"] or found["condition"]) + " ***" + "\n" * found[0].count("\n")

    return without_secrets(_SECRET.sub(hide, text))
