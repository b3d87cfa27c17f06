"""One JSON object a line: appended as work goes on, readable while it does, taken back to where a run resumes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ingest.running import whole_files


class JsonLines:
    """A file of JSON objects, one a line, made with its folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add one; numbers that are not finite become null."""
        line = json.dumps({key: _plain(value) for key, value in entry.items()}, allow_nan=False)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def entries(self) -> list[dict[str, Any]]:
        """All of them, the first first; a line cut off by a crash is left out."""
        if not self.path.exists():
            return []
        entries = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                entries.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return entries

    def keep(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Take back the others, and a line that was cut off."""
        if self.path.exists():
            kept = [entry for entry in self.entries() if wanted(entry)]
            whole_files.write_bytes(self.path, "".join(json.dumps(entry) + "\n" for entry in kept).encode())


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
