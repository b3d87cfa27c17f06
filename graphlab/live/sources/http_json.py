"""JSON of a server over HTTP, for sources that are asked again and again.

What may pass by itself (no answer, 429, 5xx, half an answer) is ``SourceUnreachable``; what will not is an error. No
redirect is followed: a token is sent to the server that the user named, and to no other.

Tests: tests/graphlab/live/sources/test_http_json.py.
"""

from __future__ import annotations

import datetime
import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from graphlab.live.events import LiveError
from graphlab.live.sources.source import SourceUnreachable
from ingest.clients.address import LOOPBACK
from ingest.schema.errors import SchemaError

TIMEOUT_S = 60.0
MOST_BYTES = 1 << 30
"""Of one answer."""
AGAIN = frozenset({408, 425, 429})
SHOWN = 200
"""Characters of a server's own words that an error repeats."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    json: Any
    clock: datetime.datetime
    """When it said so, on its own clock (whole seconds); on ours where it does not say."""


class JsonServer:
    """A server that answers with JSON.

    Args:
        base: ``https://HOST...`` without a slash at its end; ``secure_base`` says which are taken.
        token: goes along as a bearer token.
        place: where the token comes from, for messages.
    """

    def __init__(self, base: str, token: str | None = None, place: str = "") -> None:
        self.base, self._token, self._place = base, token, place
        self._opener = urllib.request.build_opener(_NoRedirect)

    def get(self, path: str, words: Mapping[str, Any] | None = None, body: Any = None) -> Answer:
        """Ask; with a body it is a POST of JSON.

        Raises:
            SourceUnreachable: a later try may succeed. LiveError: refused, unknown, or no JSON that this can be.
        """
        query = f"?{urlencode(words)}" if words else ""
        headers = {"Accept": "application/json", "User-Agent": "graphlab"}
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(f"{self.base}{path}{query}", data, headers)
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                text = answer.read(MOST_BYTES + 1)
                date = answer.headers.get("Date")
        except urllib.error.HTTPError as error:
            raise self._of_status(error, path) from None
        except (OSError, http.client.HTTPException) as error:
            raise SourceUnreachable(f"{self.base}{path}: {self._plain(error)}") from None
        if len(text) > MOST_BYTES:
            raise LiveError(f"{self.base}{path}: an answer of more than {MOST_BYTES:,} bytes")
        try:
            found = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise SourceUnreachable(f"{self.base}{path}: no JSON ({self._plain(error)})") from None
        return Answer(found, _clock(date))

    def _of_status(self, error: urllib.error.HTTPError, path: str) -> Exception:
        with error:
            try:
                said = error.read(SHOWN * 4).decode("utf-8", "replace")
            except (OSError, http.client.HTTPException):
                said = ""
        told = f"{self.base}{path}: HTTP {error.code}"
        words = self._plain(said)
        if error.code in AGAIN or error.code >= 500:
            return SourceUnreachable(f"{told} {words}".rstrip())
        if error.code in (401, 403):
            return LiveError(f"{told}: the server wants credentials, or refuses those it got. {self._place}".rstrip())
        if 300 <= error.code < 400:
            return LiveError(f"{told}: it sends elsewhere, and a token goes nowhere else; give the address itself")
        return LiveError(f"{told}: {words}")

    def _plain(self, said: object) -> str:
        """One short line without the token, which servers may repeat."""
        text = re.sub(r"\s+", " ", str(said)).strip()
        if self._token:
            text = text.replace(self._token, "...")
        return text[:SHOWN]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *about: Any, **more: Any) -> None:
        return None


def secure_base(text: str, plain_too: bool = False) -> str:
    """An address of a server as it is asked: https, or http on this machine; ``plain_too`` takes http anywhere.

    Raises:
        SchemaError: another scheme, no host, credentials or a query in it.
    """
    parts = urlsplit(text)
    local = parts.scheme == "http" and (plain_too or parts.hostname in LOOPBACK)
    if "@" in parts.netloc:
        raise SchemaError(
            f"{parts.scheme}://{parts.hostname}: it holds a user or a password, which the graph would keep"
        )
    if not (parts.scheme == "https" or local) or not parts.hostname or parts.query or parts.fragment:
        raise SchemaError(f"{parts.scheme}://{parts.hostname or ''}: wanted https and the name of a server")
    return text.rstrip("/")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _clock(date: str | None) -> datetime.datetime:
    now = datetime.datetime.now(datetime.UTC)
    if not date:
        return now
    try:
        found = parsedate_to_datetime(date)
    except ValueError:
        return now
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def whole_number(value: Any, what: str) -> int:
    """An id of JSON, as a number or as its digits.

    Raises:
        LiveError: anything else, such as a decimal, which has lost digits.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**64:
        raise LiveError(f"{what} is {str(value)[:40]!r}; wanted a whole number from 0 to 2^64-1")
    return value


def whole_numbers(values: Any, what: str) -> list[int]:
    """A list of ids.

    Raises:
        LiveError: no list, or one of anything else.
    """
    if not isinstance(values, list):
        raise LiveError(f"{what} is {str(values)[:40]!r}; wanted a list of whole numbers")
    return [whole_number(value, what) for value in values]
