"""OpenVINO's runtime, opened once a process and never closed.

Its CPU plugin gives the calling thread a signal stack of its own and, when it goes, puts back the one from before; of
two runtimes that go in the order they came, that is one that is unmapped by then, and the next Ctrl-C ends the process.

Tests: tests/gpu_embed/engines/test_openvino_core.py.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from ingest.schema.errors import MissingExtraError


def openvino_core(extra: str) -> Any:
    """The process's ``openvino.Core``.

    Raises:
        MissingExtraError: openvino is not installed; names ``extra``.
    """
    try:
        return _core()
    except ImportError:
        raise MissingExtraError("openvino", extra) from None


@cache
def _core() -> Any:
    import openvino

    return openvino.Core()
