"""Errors as the API tells them: a status, and one JSON object with the place where there is one.

Tests: tests/graphlab/web/test_api.py.
"""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ingest.schema.errors import GraphlabError, InterruptedRun, ParseError, StoreBusyError, UnknownNameError
from queries.source import LimitError

log = logging.getLogger("graphlab.web")
MOST_KNOWN = 50
"""Names that an error lists."""


class RefusedError(GraphlabError):
    """A request that is not answered, whatever it asks."""

    status = 403


class MalformedError(RefusedError):
    """A request that says nothing."""

    status = 400


class UnauthorizedError(RefusedError):
    """No token, or a wrong one."""

    status = 401


class MissingError(RefusedError):
    """No such graph, page or place."""

    status = 404


class GoneError(MissingError):
    """A result that the server let go of."""


class BusyError(RefusedError):
    """More waits than may."""

    status = 429


class TooLargeError(RefusedError):
    """A request with more in it than may be sent."""

    status = 413


class StoppedError(RefusedError):
    """Work that was stopped, by its own client or because the server ends."""

    status = 409


def status_of(error: BaseException) -> int:
    """The HTTP status that says whose turn it is."""
    if isinstance(error, RefusedError):
        return error.status
    if isinstance(error, LimitError):
        return 422
    if isinstance(error, InterruptedRun):
        return 409
    if isinstance(error, StoreBusyError):
        return 429
    return 400 if isinstance(error, GraphlabError) else 500


def told(error: BaseException) -> dict[str, Any]:
    """The error as JSON."""
    kind = type(error).__name__
    if not isinstance(error, GraphlabError):
        return {"error": {"kind": "Fault", "message": f"a fault of graphlab ({kind}); the server's log has it whole"}}
    said: dict[str, Any] = {"kind": kind, "message": str(error), "shown": str(error)}
    if isinstance(error, ParseError):
        said |= {
            "message": error.message, "line": error.line, "column": error.column, "position": error.position,
            "length": error.length, "hint": error.hint,
        }  # fmt: skip
    if isinstance(error, UnknownNameError):
        said["known"] = [str(name) for name in error.known[:MOST_KNOWN]]
    return {"error": said}


def answered(error: BaseException) -> JSONResponse:
    """The answer for an error; a fault is logged whole, and its words stay here."""
    status = status_of(error)
    if status >= 500:
        log.error("a request failed", exc_info=error)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(told(error), status, headers)


def install(app: FastAPI) -> None:
    """Every error of the app in the one shape."""

    async def ours(request: Request, error: Exception) -> JSONResponse:
        return answered(error)

    async def shape(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        parts = [f"{'.'.join(str(at) for at in one['loc'][1:]) or 'body'}: {one['msg']}" for one in error.errors()]
        message = "; ".join(parts[:8])
        return JSONResponse({"error": {"kind": "RequestError", "message": message, "shown": message}}, 422)

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        message = str(error.detail)
        said = {"error": {"kind": "HTTPError", "message": message, "shown": message}}
        return JSONResponse(said, error.status_code, error.headers)

    app.add_exception_handler(GraphlabError, ours)
    app.add_exception_handler(RequestValidationError, shape)
    app.add_exception_handler(HTTPException, http)
