"""The recipients file: read as people write it, and what is wrong in it is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockdown.gateway.recipients import with_listed_recipients
from lockdown.model.errors import OperatorError
from tests.gateway.house import house, run, settings_of


def listed(path: Path) -> object:
    return with_listed_recipients(settings_of(f'[site]\nrecipients = "file:{path}"\n')).site.recipients


def test_comments_blanks_and_capitals_are_understood(tmp_path: Path) -> None:
    file = tmp_path / "who"
    file.write_text("# our people\n\nAnna@Example.org  # the boss\n\tbert@example.org\r\n   \nsören@example.org")
    assert listed(file) == ("anna@example.org", "bert@example.org", "sören@example.org")


def test_settings_without_a_file_stay_as_they_are() -> None:
    for text in ("", '[site]\nrecipients = ["anna@example.org"]\n', '[site]\nrecipients = "upstream"\n'):
        settings = settings_of(text)
        assert with_listed_recipients(settings) is settings


@pytest.mark.parametrize("line", ["anna", "anna@example.org bert@example.org", "anna at example.org"])
def test_a_line_that_is_no_address_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "who"
    file.write_text(f"# ours\n{line}\n")
    with pytest.raises(OperatorError) as told:
        listed(file)
    assert told.value.what == f"{file}:2: {line!r} is not an address"


def test_a_file_that_is_missing_or_no_text_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="No such file"):
        listed(tmp_path / "missing")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OperatorError, match="cannot be read"):
        listed(tmp_path / "binary")


def test_an_empty_list_lets_only_the_postmaster_in(tmp_path: Path) -> None:
    file = tmp_path / "who"
    file.write_text("# nobody yet\n")
    settings = with_listed_recipients(settings_of(f'[site]\nrecipients = "file:{file}"\n'))
    assert settings.site.recipients == ()

    async def story() -> None:
        async with house(tmp_path, "[site]\nrecipients = []\n") as here:
            client = await here.client()
            answers = await client.envelope("anna@example.org", "postmaster@example.org")
            assert [one[:3] for one in answers] == ["250", "550", "250"]

    run(story())
