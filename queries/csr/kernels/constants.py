"""What kernels and those who call them go by; nothing heavy is imported for it.

Tests: tests/queries/csr/test_executor.py.
"""

from __future__ import annotations

from typing import Any

OPTIONS: Any = {"cache": True, "nogil": True, "_nrt": False}
"""Nothing is allocated in these kernels, so numba need not count references, which costs at every call."""
GALLOP = 12
"""A list is searched in another one that is more than this times as long, and scanned against marks otherwise."""
AHEAD = 16
"""Entries touched ahead; so many zeros stand behind the last list of entries by rank."""
