"""One hash for one content: of functions with their arrays, and of tasks, on whatever machine.

Tests: tests/graphlab/distributed/test_content.py.
"""

from __future__ import annotations

import hashlib
import pickle
from functools import partial
from typing import Any

import numpy as np

from ingest.running.task_runners import TaskError


def digest(value: Any, what: str) -> str:
    """The BLAKE2b hash of what a value holds, 32 hexadecimal digits.

    Functions count by their names and by the arguments that ``functools.partial`` binds, arrays by type, shape and
    values, mapped or not; sets by their elements in any order; what has a ``content_hash`` by its type and that.

    Args:
        what: how the value is called in messages, as "the function" or "a task".

    Raises:
        TaskError: it cannot be sent between processes, or holds itself.
    """
    sink = _Sink()
    try:
        _Hasher(sink).dump(value)
    except (pickle.PicklingError, AttributeError, TypeError, ValueError, RecursionError) as error:
        raise TaskError(f"{what} cannot be sent between processes ({error}); run these tasks in threads") from None
    return sink.hash.hexdigest()


def name_of(function: Any) -> str:
    """Module and name of what a function calls in the end, where ``partial`` binds others before it.

    The last function that is bound, or the function itself: ``shares._share`` of a census says less than its kernel.
    """
    inner = [function.func, *function.args] if isinstance(function, partial) else [function]
    named = [name_of(one) if isinstance(one, partial) else _own_name(one) for one in inner if callable(one)]
    return named[-1]


def _own_name(function: Any) -> str:
    kind = type(function)
    module = getattr(function, "__module__", None) or kind.__module__
    return f"{module}.{getattr(function, '__qualname__', kind.__qualname__)}"


class _Sink:
    def __init__(self) -> None:
        self.hash = hashlib.blake2b(digest_size=16)

    def write(self, content: Any) -> int:
        self.hash.update(content)
        return len(content)


class _Hasher(pickle.Pickler):
    """Pickles into a hash, without the memo: equal values are equal, whether they are one object or two."""

    def __init__(self, sink: _Sink) -> None:
        super().__init__(sink, protocol=4)
        self.fast = True

    def persistent_id(self, value: Any) -> str | None:
        """Stands for what pickle would write in more than one way."""
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            said = f"{np.lib.format.dtype_to_descr(value.dtype)} {value.shape}"
            own = hashlib.blake2b(said.encode() + b"\0", digest_size=16)
            own.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data if value.size else b"")
            return f"array {own.hexdigest()}"
        if isinstance(named := getattr(value, "content_hash", None), str):  # such as a file, wherever it lies
            return f"{_own_name(type(value))} {named}"
        if isinstance(value, set | frozenset):
            return f"{type(value).__name__} {sorted(digest(one, 'an element') for one in value)}"
        return None
