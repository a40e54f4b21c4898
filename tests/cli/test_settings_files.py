"""Which files are read, in which order, and where relative paths lie."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.config import Settings, as_toml, documented, read_settings
from lockdown.engine.settings_files import load_settings, reload
from lockdown.model.errors import OperatorError


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_a_file_the_defaults_hold_and_state_lies_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load_settings()
    assert loaded.files == ()
    assert loaded.settings.state.directory == str(tmp_path / "var")


def test_the_file_in_the_working_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path / "lockdown.toml", '[site]\ndomains = ["a.example"]')
    monkeypatch.chdir(tmp_path)
    assert load_settings().settings.site.domains == ("a.example",)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with settings and an overlay."""
    _write(tmp_path / "lockdown.toml", '[site]\nrole = "mx"')
    _write(tmp_path / "conf.d/10-a.toml", '[site]\ndomains = ["a.example"]')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["lockdown.toml", "conf.d/10-a.toml", "conf.d"])
def test_what_others_may_write_in_the_working_folder_is_not_read_unless_it_is_named(here: Path, name: str) -> None:
    (here / name).chmod(0o777 if (here / name).is_dir() else 0o646)
    with pytest.raises(OperatorError, match="is not read") as refused:
        load_settings()
    assert str(here / "lockdown.toml") in refused.value.try_this
    assert load_settings(Path("lockdown.toml")).settings.site.role == "mx"


@pytest.mark.skipif(os.geteuid() != 0, reason="files of another user are made by root")
@pytest.mark.parametrize("name", ["lockdown.toml", "conf.d/10-a.toml", "conf.d"])
def test_what_belongs_to_a_stranger_in_the_working_folder_is_not_read(here: Path, name: str) -> None:
    os.chown(here / name, 65534, 65534)
    with pytest.raises(OperatorError, match="belongs to the user 65534"):
        load_settings()


@pytest.mark.skipif(os.geteuid() != 0, reason="files of another user are made by root")
def test_a_link_of_a_stranger_to_a_file_of_ours_is_not_followed(here: Path) -> None:
    (here / "lockdown.toml").rename(here / "ours.toml")
    (here / "lockdown.toml").symlink_to("ours.toml")
    assert load_settings().settings.site.role == "mx"
    os.chown(here / "lockdown.toml", 65534, 65534, follow_symlinks=False)
    with pytest.raises(OperatorError, match="belongs to the user 65534"):
        load_settings()


def test_overlays_beside_the_file_win_in_the_order_of_their_names(tmp_path: Path) -> None:
    main = _write(tmp_path / "lockdown.toml", '[site]\ndomains = ["a.example"]\nrole = "mx"')
    _write(tmp_path / "conf.d/20-b.toml", '[site]\ndomains = ["c.example"]')
    _write(tmp_path / "conf.d/10-a.toml", '[site]\ndomains = ["b.example"]')
    loaded = load_settings(main)
    assert loaded.settings.site.domains == ("c.example",)
    assert loaded.settings.site.role == "mx"
    assert loaded.origins["site.domains"].file.endswith("20-b.toml")
    assert loaded.origins["site.role"].line == 3


def test_paths_in_a_file_are_relative_to_the_file(tmp_path: Path) -> None:
    text = '[state]\ndirectory = "s"\n[gateway]\ntls_certificate = "c.pem"\n[site]\nrecipients = "file:who"'
    settings = load_settings(_write(tmp_path / "deep/lockdown.toml", text)).settings
    assert settings.state.directory == str(tmp_path / "deep/s")
    assert settings.gateway.tls_certificate == str(tmp_path / "deep/c.pem")
    assert settings.gateway.tls_key == ""
    assert settings.site.recipients == f"file:{tmp_path / 'deep/who'}"


def test_reload_sees_what_has_changed_and_a_new_overlay(tmp_path: Path) -> None:
    main = _write(tmp_path / "lockdown.toml", '[site]\nrole = "mx"')
    before = load_settings(main)
    _write(tmp_path / "conf.d/a.toml", '[site]\nprofile = "strict"')
    assert reload(before).settings.site.profile == "strict"


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "no such file"), (b"[site]\n\xff", "not UTF-8"), ("folder", "directory")],
)
def test_a_file_that_cannot_be_read_is_told_with_its_reason(
    tmp_path: Path, content: bytes | str | None, why: str
) -> None:
    file = tmp_path / "lockdown.toml"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content == "folder":
        file.mkdir()
    with pytest.raises(OperatorError, match="cannot be read") as caught:
        load_settings(file)
    assert why in caught.value.why


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[gatewy]", "did you mean `gateway`"),
        ('[gateway]\nmax_size = "1 MiB"', "did you mean `gateway.max_message`"),
        ("[gateway]\nmax_message = 3.5", "25 MiB"),
        ("[gateway]\nmax_message = -1", "25 MiB"),
        ("[gateway]\nmax_message = true", "25 MiB"),
        ("[gateway]\ndrain = 5", "unit"),
        ("[gateway]\nworkers = -1", "it must be >= 0"),
        ('[gateway]\nworkers = "two"', "expected: number"),
        ('[log]\naddresses = "none"', "full | hashed"),
        ("[gateway]\nlisten = []", "no listener"),
        ('[gateway]\nlisten = "25"', "host:port"),
        ('[gateway]\nlisten = "1.2.3.4:99999"', "host:port"),
        ("[gateway]\nupstream = []", "no upstream"),
        ('[gateway]\nupstream = "10.0.0.5"', "not an upstream"),
        ('[gateway]\ntls_key = "k.pem"', "tls_certificate is empty"),
        ('[gateway]\noutbound = "lmtp://a:24"', "smtp://host:port"),
        ('[site]\ndomains = ["Example.org"]', "lower case"),
        ('[gateway]\ntrusted_networks = ["10.0.0.1/8"]', "192.0.2.0/24"),
        ("gateway = 1", "not as [gateway]"),
        ("[gateway", "Expected"),
    ],
)
def test_a_wrong_setting_is_told_with_file_line_reason_and_what_to_type(text: str, expected: str) -> None:
    with pytest.raises(OperatorError) as caught:
        read_settings([("f.toml", text)])
    assert expected in caught.value.why
    assert caught.value.what.startswith("f.toml")
    assert caught.value.try_this


def test_the_line_named_is_the_line_written() -> None:
    with pytest.raises(OperatorError) as caught:
        read_settings([("f.toml", "# a comment\n[site]\nrole = 'mx'\n\n[gateway]\nworkers = 'x'\n")])
    assert caught.value.what.startswith("f.toml:6:")


def test_every_setting_has_a_reason_a_type_and_a_default_that_reads_back() -> None:
    docs = list(documented())
    assert len(docs) > 50
    for doc in docs:
        section, _, name = doc.key.partition(".")
        loaded = read_settings([("f.toml", f"[{section}]\n{name} = {doc.default}")])
        assert getattr(getattr(loaded.settings, section), name) == getattr(getattr(Settings(), section), name)
        assert doc.why
        assert doc.type


@settings(max_examples=50, deadline=None)
@given(
    size=st.integers(0, 2**50),
    drain=st.integers(0, 10**9),
    admins=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=3),
)
def test_settings_handed_on_as_text_read_back_as_the_same(size: int, drain: int, admins: list[str]) -> None:
    text = f"[gateway]\nmax_message = {size}\ndrain = '{drain}s'\n"
    read = read_settings([("f.toml", text)]).settings
    whole = msgspec.structs.replace(read, site=msgspec.structs.replace(read.site, admins=tuple(admins)))
    assert read_settings([("again", as_toml(whole))]).settings == whole
