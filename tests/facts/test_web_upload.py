"""How large a file a webmail takes: read as PHP and nginx read it, and never more of their files than those lines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.facts import outside_apps
from lockdown.facts.scanner_files import Absent
from lockdown.facts.web_upload import FILES, Nginx, Upload, nginx, reduced, uploads, webmail
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown
from tests.recordings.literal import HEALTHY

INI, OURS = "/etc/php/8.2/fpm/php.ini", "/etc/php/8.2/fpm/conf.d/99-lockdown-upload.ini"
POOL, NGINX = "/etc/php/8.2/fpm/pool.d/www.conf", "/etc/nginx/nginx.conf"


def machine(files: dict[str, str]) -> Snapshot:
    """The healthy machine with these files of PHP and nginx."""
    named = {f"{FILES}{path}": text for path, text in files.items()}
    return replace(HEALTHY, readings={**HEALTHY.readings, FILES: "\n".join(files) or "not installed: none\n", **named})


def only(files: dict[str, str]) -> Upload:
    found = uploads(machine(files))
    assert isinstance(found, tuple) and len(found) == 1, found
    return found[0]


def test_what_is_not_written_is_phps_default() -> None:
    one = only({INI: "memory_limit = 128M\n"})
    assert (str(one.file.value), str(one.form.value), one.by_pool) == ("2 MiB", "8 MiB", False)


def test_a_later_file_of_conf_d_counts_above_php_ini_and_a_pool_above_all() -> None:
    ini = "; upload_max_filesize = 1M\nupload_max_filesize = 2M\npost_max_size = 8M\n"
    one = only({INI: ini, OURS: "upload_max_filesize = 18M\n"})
    assert (one.file.value, one.file.evidence.source) == (18 * 1024**2, OURS)
    one = only({INI: ini, OURS: "upload_max_filesize = 18M\n", POOL: "php_admin_value[upload_max_filesize] = 3M\n"})
    assert (one.file.value, one.by_pool) == (3 * 1024**2, True)


def test_what_is_no_size_is_said_with_its_line() -> None:
    found = uploads(machine({INI: "\nupload_max_filesize = ${SIZE}\n"}))
    assert isinstance(found, Unknown) and "line 2" in found.why


def test_an_nginx_tells_its_sizes_and_whether_it_reads_drop_ins() -> None:
    text = "http {\n  client_max_body_size 20m; # client_max_body_size 1g;\n  include /etc/nginx/conf.d/*.conf;\n}\n"
    found = nginx(machine({NGINX: text}))
    assert isinstance(found, Nginx) and found.reads_drop_ins
    assert [(size.value, size.evidence.line) for size in found.sizes] == [(20 * 1024**2, 2)]
    assert isinstance(nginx(machine({INI: ""})), Absent)


def test_a_reading_keeps_no_other_line_and_every_number() -> None:
    text = "[www]\nenv[DB_PASSWORD] = geheim\nphp_value[post_max_size] = 9M\n"
    assert reduced(text) == "\n\nphp_value[post_max_size] = 9M\n"


def test_a_webmail_is_known_by_its_package_or_by_its_files() -> None:
    place = f"{outside_apps.FILES}/var/www/mail/program/include/iniset.php"
    there = replace(
        HEALTHY,
        readings={**HEALTHY.readings, outside_apps.FILES: "x\n", place: "define('RCMAIL_VERSION', '1.6.9');\n"},
    )
    assert webmail(there) == "Roundcube"
    assert isinstance(webmail(HEALTHY), Absent)


_NEARLY = r"(upload_max_filesize|client_max_body_size)[ =]\w+;?\n"


@pytest.mark.parametrize("path", [INI, POOL, NGINX])
@given(text=st.text(max_size=200) | st.from_regex(_NEARLY, fullmatch=True))
def test_no_text_makes_it_raise(path: str, text: str) -> None:
    for told in (text, reduced(text)):
        assert uploads(machine({path: told})) is not None
        assert nginx(machine({path: told})) is not None
    assert len(reduced(text).split("\n")) == len(text.split("\n"))
