"""The console over HTTP: the page, its style, health and metrics; for loopback names only, under a strict policy.

Fails as: 421 for a Host that is not ours (a foreign name that resolves to loopback: DNS rebinding), 404 for anything
else, 503 at `/healthz` with the reasons. A page that cannot be made is 500 without a word of why; the log has it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lockdown import __version__
from lockdown.console.page import WORDS, Page
from lockdown.model.shown import cut, shown

_HERE = Path(__file__).parent
_LONGEST = 600
"""Of one text on the page."""
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Sources:
    """What the answers are made from; each is called anew for each request, outside the event loop."""

    page: Callable[[], Page]
    unwell: Callable[[], list[str]]
    """Reasons why Lockdown is not well; empty when it is."""
    metrics: Callable[[], bytes]


def make_app(sources: Sources) -> Starlette:
    """The application; it keeps nothing between requests."""
    template = _template()

    def page(request: Request) -> Response:
        return HTMLResponse(template(sources.page()))

    def health(request: Request) -> Response:
        reasons = sources.unwell()
        return JSONResponse({"well": not reasons, "reasons": reasons}, status_code=503 if reasons else 200)

    def metrics(request: Request) -> Response:
        return Response(sources.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return Starlette(
        routes=[
            Route("/", page, methods=["GET"]),
            Route("/healthz", health, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
            Route("/static/style.css", _style, methods=["GET"]),
        ],
        middleware=[Middleware(OnlyHere)],
    )


def _template() -> Callable[[Page], str]:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=select_autoescape(default=True),
        auto_reload=False,
        finalize=_readable,
    )
    template = environment.get_template("page.html")
    return lambda page: template.render(page=page, words=WORDS, version=__version__)


def _readable(value: object) -> object:
    """Whatever is put on the page: strangers' words may neither turn it round nor fill it."""
    is_words = isinstance(value, str) and not isinstance(value, Markup)
    return cut(shown(str(value)), _LONGEST) if is_words else value


def _style(request: Request) -> Response:
    return Response((_HERE / "static" / "style.css").read_bytes(), media_type="text/css")


class OnlyHere:
    """Answer loopback names alone, and put the policy on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer: ASGIApp = self._app if _names_us(Request(scope)) else _NOT_HERE
        await answer(scope, receive, _with_headers(send))


_NOT_HERE = PlainTextResponse("This console answers to 127.0.0.1, [::1] and localhost only.\n", status_code=421)


def _names_us(request: Request) -> bool:
    host = request.headers.get("host", "")
    name, _, port = host.rpartition(":")
    return (name if port.isdigit() else host).lower() in LOOPBACK_NAMES


def _with_headers(send: Send) -> Callable[..., Awaitable[None]]:
    async def send_with_headers(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            ours = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
            message["headers"] = [*message.get("headers", []), *ours]  # type: ignore[misc]
        await send(message)

    return send_with_headers
