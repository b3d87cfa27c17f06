"""Who may ask: the host that is named, the site that asks, the token; and what a browser may do with the answers.

A page on another site can make a browser ask a server on its own machine, and can name that server with a host name
of its own (DNS rebinding). So the Host header has to be ours, the Origin our own, and Sec-Fetch-Site no other site.

Tests: tests/graphlab/web/test_safety.py.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphlab.web.errors import MalformedError, RefusedError, TooLargeError, UnauthorizedError, answered
from ingest.schema.errors import SchemaError

COOKIE = "graphlab_token"
READING = ("GET", "HEAD")
NAME = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", re.IGNORECASE)
"""What a Host header says; a name in other letters is said as ``xn--...`` there."""
PORTS = {"http": 80, "https": 443}
"""Which an address leaves out."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class MisdirectedError(RefusedError):
    """A Host that is none of the server's names."""

    status = 421


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def names_of(host: str, port: int, more: Iterable[str] = ()) -> frozenset[str]:
    """What a Host header may say of a server at ``host`` and ``port``.

    Args:
        more: further names, with their port where it is another one, as behind a proxy.

    Raises:
        SchemaError: one of them is no name.
    """
    more = list(more)
    wrong = next((name for name in more if not NAME.fullmatch(name)), None)
    if wrong is not None:
        raise SchemaError(
            f"{wrong!r} names no host; wanted lab.example, lab.example:443 or [fe80::1]:443, as a Host header has it"
        )
    hosts = {host, *(("localhost", "127.0.0.1", "[::1]") if is_loopback(host) else ())}
    named = {f"[{one}]" if ":" in one and not one.startswith("[") else one for one in hosts}
    given = {name if ":" in name.rpartition("]")[2] else f"{name}:{port}" for name in more}
    return frozenset(name.lower() for name in {*(f"{one}:{port}" for one in named), *given})


@dataclass(frozen=True)
class Guard:
    """The checks before every request, as ASGI middleware (streams and hang-ups pass through it).

    Args:
        hosts: what Host may say. scheme: http or https. token: None where none is asked for.
        body: the most bytes of a request.
    """

    app: ASGIApp
    hosts: frozenset[str]
    scheme: str = "http"
    token: str | None = None
    body: int = 4 << 20

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def marked(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if scope["path"].startswith("/api") and "cache-control" not in headers:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        try:
            entered = self._checked(scope)
            if entered is not None:
                await entered(scope, receive, marked)
            else:
                await self.app(scope, _counted(receive, self.body), marked)
        except (Exception, _TooLarge) as error:  # a fault is answered here, so that its answer has the headers, too
            if started:
                raise
            told = TooLargeError(f"the request has more than {self.body:,} bytes") if _is_too_large(error) else error
            await answered(told)(scope, receive, marked)

    def _checked(self, scope: Scope) -> Any:
        """Nothing, or the answer that takes the token out of the address.

        Raises:
            RefusedError: the request is none of ours.
        """
        headers = Headers(scope=scope)
        named = headers.getlist("host")
        if len(named) != 1 or not _with_port(named[0], *PORTS.values()) & self.hosts:
            raise MisdirectedError(
                f"the request names the host {', '.join(named)!r}, this server is {', '.join(sorted(self.hosts))}; "
                "start it with --allow-host for another name"
            )
        self._same_site(scope, headers)
        if int(headers.get("content-length", "0") if headers.get("content-length", "0").isdigit() else 0) > self.body:
            raise TooLargeError(f"the request has more than {self.body:,} bytes")
        if self.token is None:
            return None
        asked = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        given = next((value for name, value in asked if name == "token"), None)
        if given is not None and scope["method"] == "GET" and not scope["path"].startswith("/api"):
            self._require(given)
            rest = urlencode([pair for pair in asked if pair[0] != "token"])
            answer = RedirectResponse(quote(_local(scope["path"])) + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(COOKIE, given, httponly=True, samesite="strict", secure=self.scheme == "https")
            return answer
        self._require(_token(headers))
        return None

    def _same_site(self, scope: Scope, headers: Headers) -> None:
        origin = headers.get("origin")
        # A proxy with TLS before this server makes https of the scheme; it is the host that is ours or is not.
        scheme, _, host = (origin or "").lower().partition("://")
        if origin is not None and not (scheme in PORTS and _with_port(host, PORTS[scheme]) & self.hosts):
            raise RefusedError(f"another site ({origin[:200]!r}) may not ask this server")
        site = headers.get("sec-fetch-site", "none")
        if site in ("same-origin", "none"):
            return
        opened = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if not (opened and scope["method"] in READING and not scope["path"].startswith("/api")):
            raise RefusedError("another site may not ask this server; open the page itself")

    def _require(self, given: str | None) -> None:
        assert self.token is not None
        if given is None or not hmac.compare_digest(given.encode(), self.token.encode()):
            raise UnauthorizedError(
                "this server wants its token: open the address that it printed, or send Authorization: Bearer TOKEN"
            )


def _with_port(host: str, *ports: int) -> set[str]:
    """A host as it is said, and with each port that may be left out where it has none."""
    host = host.lower()
    return {host} if ":" in host.rpartition("]")[2] else {host, *(f"{host}:{port}" for port in ports)}


async def require_letters(request: Request) -> None:
    """Refuse half a letter in a body: JSON can say it (\\ud800), and no text of a graph can hold it.

    Raises:
        MalformedError: the body has one.
    """
    if request.method not in ("POST", "PUT") or b"\\u" not in (body := await request.body()):
        return
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise MalformedError("the request has half a letter (a surrogate without its other half)") from None
    except (ValueError, RecursionError):
        return  # no JSON: whoever reads it says so


def _token(headers: Headers) -> str | None:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if cookie is None else cookie.value


def _local(path: str) -> str:
    """A path of this server: ``//other.example`` would be one of another."""
    return "/" + path.lstrip("/\\")


class _TooLarge(BaseException):
    """Passes through whoever reads the body, where an Exception would become an error in its shape."""


def _is_too_large(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_is_too_large(one) for one in error.exceptions)
    return isinstance(error, _TooLarge)


def _counted(receive: Receive, most: int) -> Receive:
    """A body that ends with an error when it is larger than may be."""
    had = 0

    async def counted() -> Message:
        nonlocal had
        message = await receive()
        if message["type"] == "http.request":
            had += len(message.get("body", b""))
            if had > most:
                raise _TooLarge
        return message

    return counted
