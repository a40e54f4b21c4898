"""A webmail and its mail server: what is said where they disagree, and that the files of ours make them agree."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockdown.checklist.attachments.audit_web import audit_web
from lockdown.checklist.attachments.controls import WEB_UPLOAD
from lockdown.checklist.attachments.enforce import enforce
from lockdown.config import Settings
from lockdown.facts import outside_apps
from lockdown.facts.web_upload import FILES
from lockdown.model.change import Left, Proposal, PutFile
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from tests.recordings.literal import HEALTHY

INI, POOL, NGINX = "/etc/php/8.2/fpm/php.ini", "/etc/php/8.2/fpm/pool.d/www.conf", "/etc/nginx/nginx.conf"
PLACE = f"{outside_apps.FILES}/var/www/mail/program/include/iniset.php"
INCLUDES = "include /etc/nginx/conf.d/*.conf;\n"
PASS, WARN, UNKNOWN = State.PASS, State.WARN, State.UNKNOWN


def machine(files: dict[str, str], **more: Reading) -> Snapshot:
    """A machine with Roundcube; its Postfix takes 25 MiB, attachments of 18 MB."""
    there: dict[str, Reading] = {outside_apps.FILES: "x\n", PLACE: "define('RCMAIL_VERSION', '1.6.9');\n"}
    there |= {FILES: "\n".join(files) or "not installed: none\n"}
    there |= {f"{FILES}{path}": text for path, text in files.items()}
    return replace(HEALTHY, readings={**HEALTHY.readings, **there, **more})


def only(snapshot: Snapshot) -> Finding:
    (found,) = audit_web(snapshot, Settings())
    return found


def php(file: str, form: str) -> str:
    return f"upload_max_filesize = {file}\npost_max_size = {form}\n"


@pytest.mark.parametrize(
    ("files", "state", "words"),
    [
        ({INI: php("18M", "20M")}, PASS, "so does the mail server"),
        ({INI: ""}, WARN, "too little"),
        ({INI: php("18M", "8M")}, WARN, "loses any above 8 MiB"),
        ({INI: php("64M", "70M")}, WARN, "refuses above 18 MB"),
        ({INI: php("18M", "0")}, PASS, "so does"),
        ({INI: php("18M", "20M"), NGINX: INCLUDES}, WARN, "loses any above 1 MiB"),
        ({INI: php("18M", "20M"), NGINX: "client_max_body_size 20m;\n"}, PASS, "so does"),
        ({INI: php("18M", "20M"), NGINX: "client_max_body_size 0;\n"}, PASS, "so does"),
        ({INI: php("much", "20M")}, UNKNOWN, "no size"),
        ({}, UNKNOWN, "no PHP"),
    ],
)
def test_a_webmail_takes_what_the_mail_server_takes(files: dict[str, str], state: State, words: str) -> None:
    found = only(machine(files))
    assert (found.control, found.state) == (WEB_UPLOAD.id, state), found.says
    assert words in found.says


def test_where_there_is_no_webmail_nothing_is_asked_of_it() -> None:
    assert only(HEALTHY).state is State.NOT_APPLICABLE


def test_what_could_not_be_read_is_not_taken_for_agreement() -> None:
    assert only(machine({INI: ""}, **{FILES: Unknown("denied")})).state is UNKNOWN


def said(snapshot: Snapshot) -> list[Proposal | Left]:
    return [one for one in enforce(snapshot, Settings()) if one.control == WEB_UPLOAD.id]


@pytest.mark.parametrize(
    "files",
    [{INI: ""}, {INI: php("18M", "8M")}, {INI: php("64M", "70M")}, {INI: "", NGINX: INCLUDES}],
    ids=["defaults", "a narrow form", "a wide file", "behind nginx"],
)
def test_files_of_ours_make_them_agree(files: dict[str, str]) -> None:
    changes = [one.change for one in said(machine(files)) if isinstance(one, Proposal)]
    assert len(changes) == (2 if NGINX in files else 1)
    for change in changes:
        assert isinstance(change, PutFile) and change.text is not None
        assert WEB_UPLOAD.id in change.text.splitlines()[0] and "lockdown rollback" in change.text
        files = {**files, change.path: change.text}
    assert only(machine(files)).state is PASS
    assert said(machine(files)) == []


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({INI: "", POOL: "php_admin_value[upload_max_filesize] = 2M\n"}, "A pool in"),
        ({INI: "", NGINX: "client_max_body_size 2m;\n" + INCLUDES}, "no second one"),
        ({INI: "", NGINX: "http {\n"}, "includes no conf.d"),
    ],
)
def test_what_would_not_count_is_left_with_the_line_to_write(files: dict[str, str], words: str) -> None:
    (left,) = said(machine(files))
    assert isinstance(left, Left) and words in left.why
    assert "upload_max_filesize = 18M" in left.try_this
