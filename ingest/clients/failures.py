"""What goes wrong between here and a server, as one error each; never with a token in it.

Tests: tests/ingest/clients/test_fetching.py.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pyarrow as pa

from ingest.clients.address import OWN_PLACES, LiveAddress
from ingest.schema.errors import GraphlabError, ReadError

T = TypeVar("T")
PAUSES_S = (0.2, 2.0)
"""Before a request is made again that the connection or the server failed."""
AGAIN = (429, 500, 502, 503, 504)
LONGEST = 300
"""Characters of a server's own words."""


def attempt(ask: Callable[[], T], address: LiveAddress, what: str, hidden: str = "") -> T:
    """The answer to a request; made again where the connection broke or the server was busy.

    Args:
        what: what was asked for, for messages.
        hidden: the token, which servers and libraries may repeat.

    Raises:
        ReadError: refused, unknown, gone, or failed every time.
    """
    import requests

    for pause in (*PAUSES_S, None):
        try:
            return ask()
        except GraphlabError:
            raise
        except requests.HTTPError as error:
            status = getattr(error.response, "status_code", 0) or 0
            failure = _of_status(status, _words(error, hidden), address, what)
            if pause is None or status not in AGAIN:
                raise failure from None
        except (requests.RequestException, pa.ArrowException, ConnectionError) as error:
            if pause is None or isinstance(error, requests.exceptions.SSLError):
                raise ReadError(
                    f"{address}: {what}: the connection broke or the answer was not whole "
                    f"({type(error).__name__}: {_plain(str(error), hidden)})"
                ) from None
        except Exception as error:
            # The packages raise their own kinds, and ValueError for an answer that is no JSON.
            refused = type(error).__name__ == "AuthException"
            if refused or pause is None or not isinstance(error, ValueError):
                why = _refused(address) if refused else f"{type(error).__name__}: {_plain(str(error), hidden)}"
                raise ReadError(f"{address}: {what}: {why}") from None
        time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _of_status(status: int, words: str, address: LiveAddress, what: str) -> ReadError:
    if status in (401, 403):
        return ReadError(f"{address}: {what}: {_refused(address)} (HTTP {status}{words})")
    if status == 404:
        return ReadError(f"{address}: {what}: the server has no such thing (HTTP 404{words})")
    if status == 410:
        return ReadError(f"{address}: {what}: this version is gone (HTTP 410{words})")
    return ReadError(
        f"{address}: {what}: the server failed (HTTP {status}{words}); try again later, or a smaller page=N"
    )


def _refused(address: LiveAddress) -> str:
    return f"the server refused the credentials, or they may not see this. {OWN_PLACES[address.scheme]}"


def _words(error: Any, hidden: str) -> str:
    """What the server itself says, in short."""
    response = getattr(error, "response", None)
    try:
        said = response.json() if response is not None else None
    except ValueError:
        said = None
    if isinstance(said, dict):
        said = said.get("message") or said.get("error") or said.get("msg")
    return f": {_plain(str(said), hidden)}" if said else ""


def _plain(text: str, hidden: str) -> str:
    """One short printable line without the token, nor what follows the word Bearer."""
    if hidden:
        text = text.replace(hidden, "***")
    text = re.sub(r"(?i)(bearer\s+|token[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,]+", r"\1***", text)
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
