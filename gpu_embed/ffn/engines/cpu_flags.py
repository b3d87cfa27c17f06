"""Instructions of this CPU that a precision needs.

Tests: tests/gpu_embed/ffn/engines/test_choose.py.
"""

from __future__ import annotations

import re
from pathlib import Path

BF16 = ("avx512_bf16", "amx_bf16", "bf16")
"""As Linux names them; the last is ARM's."""
LISTED = re.compile(r"^(?:flags|Features)\s*:(.*)$", re.MULTILINE)


def bf16_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """Which instructions for bf16 the CPU names; none where nothing is known of it."""
    try:
        found = LISTED.search(cpuinfo.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ()
    there = set(found[1].split()) if found else set()
    return tuple(flag for flag in BF16 if flag in there)
