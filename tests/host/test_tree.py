"""A folder of files in the place of a machine: what was given is read, what was not given is Unknown."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockdown.host.asked import Command, File, Files, Listing, Where
from lockdown.host.tree import Tree, tree
from lockdown.model.errors import OperatorError
from lockdown.model.snapshot import Reading
from lockdown.model.unknown import Unknown

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def read(found: Tree, path: str) -> Reading:
    return found.ask({"it": File(path)})["it"]


@pytest.mark.parametrize("name", ["main.cf", "pf12__main.cf", "mx1-main.cf"])
def test_a_single_file_is_known_by_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("myhostname = mail.example.com\n")
    found = tree(tmp_path / name)
    assert read(found, "/etc/postfix/main.cf") == "myhostname = mail.example.com\n"
    assert read(found, "/etc/postfix/master.cf") == Unknown("/etc/postfix/master.cf was not given")


def test_settings_that_lie_flat_and_deep_are_found_the_nearest_first(tmp_path: Path) -> None:
    write(
        tmp_path, main_DOT_cf="one\n", roles__mail__files__main_DOT_cf="two\n", roles__mail__dovecot_DOT_conf="three\n"
    )
    found = tree(tmp_path)
    assert read(found, "/etc/postfix/main.cf") == "one\n"
    assert read(found, "/etc/dovecot/dovecot.conf") == "three\n"


def test_a_copy_of_etc_keeps_its_paths(tmp_path: Path) -> None:
    write(tmp_path, postfix__main_DOT_cf="one\n", dovecot__conf_DOT_d__10_DOT_conf="two\n")
    asked = {"parts": Files(("/etc/dovecot/conf.d/*.conf",))}
    assert tree(tmp_path).ask(asked) == {
        "parts": "/etc/dovecot/conf.d/10.conf\n", "parts/etc/dovecot/conf.d/10.conf": "two\n",
    }  # fmt: skip


def test_in_a_whole_image_what_is_missing_is_surely_not_installed(tmp_path: Path) -> None:
    write(tmp_path, etc__passwd="root:x:0:0::/root:/bin/sh\n", var__lib__dpkg__status="", usr__sbin__postconf="")
    found = tree(tmp_path)
    assert read(found, "/etc/postfix/main.cf") == "not installed: no /etc/postfix/main.cf\n"
    asked = found.ask({"a": Where("postconf"), "b": Where("exim4"), "c": Listing(("/etc/passwd",))})
    assert asked["a"] == "/usr/sbin/postconf\n"
    assert asked["b"] == "not installed: no exim4 in the image\n"
    assert str(asked["c"]).startswith("f\t")


def test_without_the_rest_of_the_machine_what_is_missing_is_unknown(tmp_path: Path) -> None:
    write(tmp_path, etc__postfix__main_DOT_cf="x = y\n")
    assert read(tree(tmp_path), "/etc/dovecot/dovecot.conf") == Unknown("/etc/dovecot/dovecot.conf was not given")
    asked = tree(tmp_path).ask({"c": Command(("postconf", "-n")), "f": Files(("/etc/dovecot/conf.d/*.conf",))})
    assert asked["c"] == Unknown("files alone were given, so no command was run")
    assert asked["f"] == Unknown("/etc/dovecot/conf.d/*.conf was not given")


def test_a_link_of_an_image_never_leads_out_of_it(tmp_path: Path) -> None:
    root = write(tmp_path / "image", etc__postfix__inside="in\n", etc__passwd="p\n")
    (tmp_path / "outside").write_text("out\n")
    (root / "etc/postfix/main.cf").symlink_to("/etc/postfix/inside")
    (root / "etc/postfix/master.cf").symlink_to("../../../outside")
    found = tree(root)
    assert read(found, "/etc/postfix/main.cf") == "in\n"
    assert isinstance(read(found, "/etc/postfix/master.cf"), Unknown)
    listed = found.ask({"f": Files(("/etc/postfix/*.cf",))})
    assert "f/etc/postfix/master.cf" not in listed


def test_a_folder_in_which_nothing_is_known_is_refused_in_words(tmp_path: Path) -> None:
    write(tmp_path, notes_DOT_txt="hello\n")
    with pytest.raises(OperatorError, match="neither a snapshot nor files"):
        tree(tmp_path)
    with pytest.raises(OperatorError, match="neither a snapshot nor files"):
        tree(tmp_path / "gone")


def test_octets_that_are_no_text_are_unknown(tmp_path: Path) -> None:
    (tmp_path / "main.cf").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in str(read(tree(tmp_path / "main.cf"), "/etc/postfix/main.cf"))
