"""What is asked about OpenSMTPD: where its tool lies, its file, and the tables that decide who may relay."""

from __future__ import annotations

from lockdown.facts import opensmtpd as facts
from lockdown.host.asked import File, Sources, Where
from lockdown.host.secrets import without_secrets
from lockdown.model.snapshot import Snapshot

MAX_TABLES = 50


def sources() -> Sources:
    """`smtpctl` is nobody else's; `smtpd` lies in Postfix's own folder too."""
    return {
        facts.WHERE: Where("smtpctl"),
        **{source: File(path, reduce=without_secrets) for source, path in facts.PLACES.items()},
    }


def more(snapshot: Snapshot) -> Sources:
    """The tables of the rules; of each line only its key is read, as what stands behind it may be a password."""
    found = facts.opensmtpd(snapshot)
    if not isinstance(found, facts.OpenSmtpd):
        return {}
    included = {why.partition(",")[0] for why in found.unread}
    return {
        f"{facts.TABLES}{path}": File(path, reduce=without_secrets if path in included else keys_only)
        for path in facts.files_named(found)[:MAX_TABLES]
    }


def keys_only(text: str) -> str:
    """The first word of each line."""
    return "".join(f"{(line.split() or [''])[0]}\n" for line in text.splitlines())
