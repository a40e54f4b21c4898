"""URLs over which people are told: what they mean, and that nothing that opens them is ever shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.cli import main
from lockdown.config import Alerts, read_settings, show_masked
from lockdown.facts.gateway import describe
from lockdown.model.alert_path import MailPath, OtherPath, WebPath, masked, names_of, read_path, why_not_a_path
from lockdown.model.errors import OperatorError

SECRET = "Xq7secretXq7"
URLS = (
    f"https://hooks.example.net/services/{SECRET}",
    f"https://user:{SECRET}@hooks.example.net/",
    f"mailto://bob:{SECRET}@relay.example.net?to=admin@elsewhere.example",
    f"tgram://{SECRET}/12345",
    f"ntfys://{SECRET}",
)


@pytest.mark.parametrize("url", URLS)
def test_no_secret_is_shown(url: str) -> None:
    assert why_not_a_path(url) == ""
    for shown in (masked(url), repr(read_path(url)), show_masked("alerts.to", (url,))):
        assert SECRET not in shown


def test_no_secret_is_in_config_show_or_in_a_snapshot(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(str(tmp_path))
    text = f"[alerts]\nto = {list(URLS)}\nheartbeat = '{URLS[0]}'\n"
    with open("lockdown.toml", "w") as file:  # noqa: PTH123
        file.write(text)
    for words in (["show"], ["show", "--origin"], ["show", "--json"], ["explain", "alerts.to"], ["check"]):
        main(["config", *words])
    assert SECRET not in "".join(capsys.readouterr())
    described = describe(read_settings([("lockdown.toml", text)]))
    assert SECRET not in described
    assert "ntfys://***" in described


def test_a_masked_setting_can_be_read_again_as_an_audit_does() -> None:
    again = tuple(map(masked, URLS))
    assert [why_not_a_path(url) for url in again] == [""] * len(again)


@pytest.mark.parametrize(
    "url",
    ["hooks.example.net/x", f"mailto://{SECRET}", f"https:///{SECRET}", f"https://h/{SECRET} x",
     f"mailto://h?to={SECRET}", f"https://h:99999/{SECRET}", f"https://h/ä{SECRET}"],
)  # fmt: skip
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(url: str) -> None:
    assert why_not_a_path(url)
    with pytest.raises(OperatorError) as refused:
        read_settings([("lockdown.toml", f"[alerts]\nto = ['{url}']\n")])
    assert "path 1 cannot be used" in refused.value.why
    assert SECRET not in str(refused.value)


def test_what_each_kind_means() -> None:
    assert read_path("mailto://relay.example?to=a@b.example,c@d.example&from=us@x.example") == MailPath(
        "relay.example", 25, ("a@b.example", "c@d.example"), "us@x.example"
    )
    assert read_path("mailto://me:pw@relay.example/a@b.example") == MailPath(
        "relay.example", 587, ("a@b.example",), "", "me", "pw"
    )
    web = read_path("https://h.example:8443/x?y=1")
    assert isinstance(web, WebPath)
    assert (web.host, web.port, web.target) == ("h.example", 8443, "/x?y=1")
    assert isinstance(read_path("ntfy://topic"), OtherPath)


def test_two_paths_of_one_kind_are_told_apart() -> None:
    assert names_of(("ntfy://a", "ntfy://b", "https://h.example/x")) == (
        "ntfy://*** (path 1)", "ntfy://*** (path 2)", "https://h.example/***",
    )  # fmt: skip


@pytest.mark.parametrize("hours", ["22-6", "25:00-06:00", "22:00-22:00", "nights"])
def test_quiet_hours_that_are_none_are_refused(hours: str) -> None:
    with pytest.raises(OperatorError, match="quiet"):
        read_settings([("lockdown.toml", f"[alerts]\nquiet = '{hours}'\n")])


def test_the_default_is_that_nobody_is_told() -> None:
    assert Alerts().to == ()


@given(st.text(max_size=200))
def test_no_text_makes_it_raise(text: str) -> None:
    for url in (text, f"https://{text}", f"mailto://{text}", f"x://{text}"):
        read_path(url)
        masked(url)
