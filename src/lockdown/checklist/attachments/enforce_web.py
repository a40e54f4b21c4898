"""What item 4 changes for a webmail: one file of ours in PHP's conf.d, and one in nginx's, so that all limits agree.

The size is what Postfix takes, said as an attachment. Where a pool of PHP or a site of nginx says it, that is an
administrator's file, which counts above ours: then the line to write is told instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.attachments.audit_web import MIB, largest_attachment
from lockdown.checklist.attachments.gate import BASE64_GROWTH
from lockdown.checklist.attachments.sizes import DEMANDED
from lockdown.config import Settings
from lockdown.facts.web_upload import NGINX_DEFAULT, Nginx, Upload, nginx, uploads
from lockdown.model.change import Left, Proposal, PutFile, Risk
from lockdown.model.finding import Finding
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

ROOM_MB = 2
"""Beside the file, a form holds the letter."""
_UNDO = "To undo: lockdown history, then lockdown rollback."


def enforce_web(found: Finding, snapshot: Snapshot, policy: Settings) -> Iterator[Proposal | Left]:
    """What turns the finding on one PHP."""
    made, front = uploads(snapshot), nginx(snapshot)
    several = made if isinstance(made, tuple) else ()
    upload = next((one for one in several if found.target == f"webmail by {one.folder}"), None)
    if upload is None or isinstance(front, Unknown):
        yield Left(found.control, "Its files could not be read.", found.next_command, found.target)
        return
    size = _wanted(snapshot, policy)
    if reason := _not_ours(upload, front, size):
        lines = (
            f"upload_max_filesize = {size}M, post_max_size = {size + ROOM_MB}M; client_max_body_size {size + ROOM_MB}m;"
        )
        yield Left(found.control, reason, f"write there: {lines}", found.target)
        return
    why = f"{found.says} Now: {_now(upload, front)}."
    for change, effects in _changes(found, upload, front, size):
        yield Proposal(found.control, change, why, Risk.LOW, effects, found.target)


def _wanted(snapshot: Snapshot, policy: Settings) -> int:
    """In whole MB: what the mail server takes, or what the profile allows where it has no end."""
    most = largest_attachment(snapshot)
    if isinstance(most, int) and most:
        return max(1, most // MIB)
    return int(DEMANDED[policy.site.profile][1] / BASE64_GROWTH) // MIB


def _now(upload: Upload, front: object) -> str:
    said = [upload.file.evidence.text, upload.form.evidence.text]
    return "; ".join([*said, *([one.evidence.text for one in front.sizes] if isinstance(front, Nginx) else [])])


def _not_ours(upload: Upload, front: object, size: int) -> str:
    """Why a file of our own would not count; empty where it would."""
    if upload.by_pool:
        return f"A pool in {upload.folder}/pool.d says it, which counts above every drop-in."
    if isinstance(front, Nginx) and _is_narrow(front, size):
        if front.sizes:
            return "nginx says a size in a file of its own, and takes no second one beside it."
        if not front.reads_drop_ins:
            return "nginx.conf includes no conf.d, so a file of ours would not be read."
    return ""


def _is_narrow(front: Nginx, size: int) -> bool:
    written = [one.value for one in front.sizes] or [NGINX_DEFAULT]
    return any(0 < one < (size + ROOM_MB) * MIB for one in written)


def _changes(found: Finding, upload: Upload, front: object, size: int) -> Iterator[tuple[PutFile, str]]:
    php = (
        f"; Lockdown: {found.control}: files of {size} MB, as many as the mail server takes\n; {_UNDO}\n"
        f"upload_max_filesize = {size}M\npost_max_size = {size + ROOM_MB}M\n"
    )
    path = f"{upload.folder}/conf.d/99-lockdown-upload.ini"
    yield PutFile(path, php), "PHP reads it when it is reloaded; other sites of that PHP take files of that size too"
    if isinstance(front, Nginx) and _is_narrow(front, size):
        text = (
            f"# Lockdown: {found.control}: files of {size} MB, as many as the mail server takes\n# {_UNDO}\n"
            f"client_max_body_size {size + ROOM_MB}m;\n"
        )
        yield PutFile("/etc/nginx/conf.d/lockdown-upload.conf", text), "nginx reads it when it is reloaded"
