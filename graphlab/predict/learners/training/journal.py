"""What a training said, epoch by epoch: JSON lines on disk, TensorBoard where it is installed, listeners."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ingest.running.json_lines import JsonLines
from ingest.schema.errors import MissingExtraError

Entry = Mapping[str, Any]


class EpochLog:
    """One JSON object a line: ``run``, ``epoch`` (from 1), ``loss``, ``metric``, ``rate``, ``score`` (where measured).

    No times are written, so that two equal trainings leave equal journals. A training that resumes takes back what
    was written after its checkpoint.

    Args:
        path: the JSONL file, made with its folder; None keeps nothing on disk.
        tensorboard: folder of event files for TensorBoard.
        listeners: called with every entry, for progress.

    Raises:
        MissingExtraError: TensorBoard is asked for and not installed.
    """

    def __init__(
        self, path: Path | None = None, tensorboard: Path | None = None, *listeners: Callable[[Entry], None]
    ) -> None:
        self.path = path
        self.listeners = listeners
        self._events: Any = None
        if tensorboard is not None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise MissingExtraError("tensorboard", "tensorboard") from None
            self._events = SummaryWriter(str(tensorboard))
        self._lines = JsonLines(path) if path is not None else None

    def write(self, entry: Entry) -> None:
        """Add one entry; numbers that are not finite become null."""
        if self._lines is not None:
            self._lines.append(entry)
        if self._events is not None:
            for key, value in entry.items():
                if isinstance(value, float) and math.isfinite(value):
                    self._events.add_scalar(f"{entry['run']}/{key}", value, entry["epoch"])
        for listener in self.listeners:
            listener(entry)

    def entries(self) -> list[dict[str, Any]]:
        """All that was written to the file, the first line first; a line cut off by a crash is left out."""
        return self._lines.entries() if self._lines is not None else []

    def rewind(self, run: str, epoch: int) -> None:
        """Take back what was written of a run after ``epoch``."""
        if self._lines is not None:
            self._lines.keep(lambda entry: entry.get("run") != run or entry.get("epoch", 0) <= epoch)

    def close(self) -> None:
        """Finish the event files of TensorBoard."""
        if self._events is not None:
            self._events.close()

    def __enter__(self) -> EpochLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
