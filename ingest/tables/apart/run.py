"""Libraries that a damaged file can crash run in a process of their own, which then ends alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ingest.schema.errors import ReadError
from ingest.schema.limits import VARIABLE, most_bytes

MOST_BYTES = 3 << 30
"""Address space of such a process, where the environment gives no more; damaged lengths ask for more."""
SECONDS, BYTES_A_SECOND = 20, 200_000
"""It may take so long, and as much longer as its file is long."""


def run_in_child(script: str, path: Path, what: str, *more: str) -> bytes:
    """What a script of this folder prints for ``path``.

    Args:
        script: its file name; it is run with the path of the source as its one argument.
        what: the kind of file, for the message. more: further arguments.

    Raises:
        ReadError: the process failed, was ended by the system, or found no end.
    """
    command = [sys.executable, "-P", str(Path(__file__).with_name(script)), str(path), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        _limit(process.pid)
        try:
            out, errors = process.communicate(timeout=SECONDS + path.stat().st_size / BYTES_A_SECOND)
        except subprocess.TimeoutExpired:
            process.kill()
            raise ReadError(f"{path}: reading this {what} finds no end; it is damaged") from None
    if process.returncode:
        lines = errors.decode("utf-8", "replace").strip().splitlines()
        # A Python error ends in its own line; a crash of the library in a trace that helps nobody.
        why = f": {lines[-1][:200]}" if process.returncode == 1 and lines else ""
        if "MemoryError" in why:
            why += f". Or it needs more memory than is given: {VARIABLE}=16GB in the environment gives more"
        raise ReadError(f"{path}: this is no whole {what} (truncated or damaged){why}")
    return out


def _limit(pid: int) -> None:
    """Bound the memory of a process that has just begun, where the system can."""
    if sys.platform != "linux":
        return
    import resource
    from contextlib import suppress

    most = max(MOST_BYTES, most_bytes() if VARIABLE in os.environ else 0)
    with suppress(ProcessLookupError, PermissionError):
        resource.prlimit(pid, resource.RLIMIT_AS, (most, most))
