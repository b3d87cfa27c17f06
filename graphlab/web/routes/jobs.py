"""Work under way: how far it is, as events, and its end on demand. A job is known to whoever named it.

Tests: tests/graphlab/web/test_work.py.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import StreamingResponse

from graphlab.web.errors import MissingError
from graphlab.web.work import Job, Work

LOOK_S = 0.1
APPEARS_S = 10.0
"""How long events wait for a job that is not there yet."""
ALIVE_S = 10.0
"""Something is sent at least so often, so that a client that is gone is noticed."""
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
router = APIRouter(prefix="/api/jobs", tags=["jobs"])


@router.get("/{job}")
async def shown(request: Request, job: Name) -> dict[str, Any]:
    """How far a job is."""
    found = request.app.state.work.jobs.get(job)
    if found is None:
        raise MissingError(f"no job {job}")
    return found.shown()  # type: ignore[no-any-return]


@router.delete("/{job}")
async def stop(request: Request, job: Name) -> dict[str, bool]:
    """Stop a job: what it does is interrupted, and its own request answers 409."""
    request.app.state.work.stop(job)
    return {"stopped": True}


@router.get("/{job}/events", response_class=StreamingResponse)
async def events(request: Request, job: Name) -> StreamingResponse:
    """Server-sent events: ``progress`` (done, total, seconds) while it works, then ``end`` (state)."""
    return StreamingResponse(_events(request.app.state.work, job), media_type="text/event-stream")


async def _events(work: Work, name: str) -> AsyncIterator[str]:
    job: Job | None = None
    for _ in range(round(APPEARS_S / LOOK_S)):
        job = work.jobs.get(name)
        if job is not None:
            break
        await asyncio.sleep(LOOK_S)
    if job is None:
        yield _event("end", {"state": "unknown"})
        return
    said, quiet = None, 0.0
    while job.state == "working":
        if job.scope.steps != said or quiet >= ALIVE_S:
            said, quiet = job.scope.steps, 0.0
            yield _event("progress", {"done": said[0], "total": said[1], "seconds": round(job.seconds, 3)})
        await asyncio.sleep(LOOK_S)
        quiet += LOOK_S
    yield _event("end", {"state": job.state})


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
