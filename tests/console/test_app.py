"""The console over HTTP: the page as a browser gets it, for loopback names alone, with nothing from elsewhere."""

from __future__ import annotations

import asyncio
import re
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from starlette.applications import Starlette

from lockdown.console.app import Sources, make_app
from lockdown.console.now import Holds
from lockdown.console.page import Page, Row, build
from lockdown.model.finding import State
from tests.console.test_page import facts, finding


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: str


def get(app: Starlette, path: str = "/", *, host: str = "127.0.0.1:8025", method: str = "GET") -> Answer:
    """One request, straight into the application."""
    messages: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", host.encode())] if host else [],
        "scheme": "http",
    }
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return Answer(messages[0]["status"], headers, body.decode())


def an_app(page: Page | None = None, unwell: list[str] | None = None) -> Starlette:
    shown = page or build(facts())
    return make_app(Sources(page=lambda: shown, unwell=lambda: unwell or [], metrics=lambda: b"lockdown_bans 0.0\n"))


EVERYTHING = build(facts(*(finding("relaying.x", state, f"It is {state}.", "type this") for state in State)))


def test_every_state_is_drawn() -> None:
    page = get(an_app(EVERYTHING))
    assert page.status == 200
    for word in ("holds", "warning", "fails", "could not tell", "waived", "not applicable", "not judged"):
        assert word in page.body
    assert "mynetworks = 0/0" in page.body


def test_nothing_comes_from_elsewhere_and_nothing_runs() -> None:
    page = get(an_app(EVERYTHING))
    assert "<script" not in page.body
    assert not re.search(r"""(?:src|href)=["'](?!/)""", page.body)
    assert " style=" not in page.body
    assert not re.search(r"url\(|@import|https?:", get(an_app(), "/static/style.css").body)
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["x-content-type-options"] == "nosniff"


def test_strangers_words_are_shown_and_not_obeyed() -> None:
    hostile = "<script>alert(1)</script>\"'><img src=x>"
    page = replace(EVERYTHING, held=(Row((hostile,) * 5),), holds=(Holds(*(hostile,) * 7),), headline=hostile)
    body = get(an_app(page)).body
    assert "<script" not in body
    assert "<img" not in body
    assert "&lt;script&gt;" in body


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8025", "localhost:1", "LOCALHOST", "[::1]:8025", "[::1]"])
def test_loopback_names_are_answered(host: str) -> None:
    assert get(an_app(), host=host).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8025", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "", "192.0.2.1:8025"],
)
def test_any_other_name_is_not_answered_even_when_it_resolves_to_loopback(host: str) -> None:
    answer = get(an_app(), host=host)
    assert answer.status == 421
    assert "mynetworks" not in answer.body


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/static/style.css"])
def test_nothing_can_be_done_here_but_look(path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert get(an_app(), path, method=method).status == 405


@pytest.mark.parametrize("path", ["/nothing", "/static/../app.py", "/static/", "/docs", "/openapi.json"])
def test_nothing_else_is_there(path: str) -> None:
    assert get(an_app(), path).status == 404


def test_health_is_200_or_503_with_the_reasons() -> None:
    assert get(an_app(), "/healthz").status == 200
    ill = get(an_app(unwell=["the gateway does not answer"]), "/healthz")
    assert ill.status == 503
    assert '"the gateway does not answer"' in ill.body


def test_metrics_are_plain_text_for_prometheus() -> None:
    answer = get(an_app(), "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.body == "lockdown_bans 0.0\n"


def test_the_policy_is_on_every_answer_refusals_too() -> None:
    for answer in (get(an_app()), get(an_app(), "/nothing"), get(an_app(), host="evil.example")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
