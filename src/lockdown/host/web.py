"""What is asked about web programs that take files: the sizes that PHP and nginx set, and no other line of theirs."""

from __future__ import annotations

from lockdown.facts import web_upload
from lockdown.host.asked import Files, Sources


def sources() -> Sources:
    """Each reading, and how it is taken."""
    return {web_upload.FILES: Files(web_upload.PATTERNS, reduce=web_upload.reduced)}
