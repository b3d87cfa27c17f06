"""Files on the web, brought here whole or not at all.

Tests: tests/ingest/test_datasets.py.
"""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ingest.running import whole_files
from ingest.running.progress import Progress
from ingest.schema.errors import ReadError

SCHEMES = ("https", "http", "file")
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a data set and how ``Graph.ingest`` reads it."""

    url: str
    size: int | None = None
    """Bytes, where known: a file of another size is refused."""
    as_: str | None = None
    """Table that its rows become; None for files that are no table."""
    columns: str | Mapping[str, str] | None = None
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    header: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    """Its name on disk; the last part of the url when empty."""
    sha256: str = ""
    """Checksum, where known: a file of another one is refused."""

    @property
    def file_name(self) -> str:
        return self.name or urlsplit(self.url).path.rsplit("/", 1)[-1]


def fetch_file(file: RemoteFile, folder: Path, progress: Progress | None = None) -> Path:
    """Bring one file into a folder; it appears there under its name when it is whole.

    Raises:
        ReadError: not reachable, another size or checksum than known.
    """
    path = folder / Path(file.file_name).name
    if path.is_file() and (not file.sha256 or _sha256(path) == file.sha256):
        return path
    if urlsplit(file.url).scheme not in SCHEMES:
        raise ReadError(f"{file.url}: fetched are {', '.join(SCHEMES)} addresses only")
    done = 0
    try:
        with whole_files.write_atomically(path) as new:
            with urllib.request.urlopen(file.url, timeout=60) as answer, new.open("wb") as out:
                while block := answer.read(BLOCK):
                    done += len(block)
                    if file.size is not None and done > file.size:
                        break
                    out.write(block)
                    if progress:
                        progress(done, file.size or 0)
            if file.sha256 and _sha256(new) != file.sha256 and done == (file.size or done):
                raise ReadError(f"{file.url}: the file is not the one that is known under this name (sha256 differs)")
            if file.size is not None and done != file.size:
                more = "more than " if done > file.size else ""
                raise ReadError(f"{file.url}: found {more}{min(done, file.size):,} bytes; wanted {file.size:,}")
    except ReadError:
        raise
    except (OSError, ValueError) as error:
        raise ReadError(f"{file.url} cannot be fetched: {error}") from None
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
