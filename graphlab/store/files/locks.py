"""Who may open a graph: many readers or one writer, by a lock on the graph's folder itself.

DuckDB locks its file in a way that any other handle on that file drops when it is closed (POSIX record locks). The
lock here belongs to one handle on the folder, which nothing else can drop, and which a copy of the folder does not
carry along. Where the system has no such lock (some network file systems, Windows) DuckDB's own is what is left, and
``Lock.weak`` says so.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ingest.schema.errors import StoreBusyError

try:
    import fcntl
except ImportError:  # Windows, where DuckDB's own lock is mandatory
    fcntl = None  # type: ignore[assignment]

FileIdentity = tuple[int, int]
NOT_HERE = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF}
"""What a system says that has no such lock on a folder."""


@dataclass
class _Held:
    """The one handle of this process on a folder."""

    handle: int
    weak: bool
    holders: int = 0
    writers: int = 0
    locked: bool = False


_HELD: dict[FileIdentity, _Held] = {}
_GUARD = threading.RLock()


def identity(path: Path) -> FileIdentity | None:
    """What a file or folder is, whatever its name; None when there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


class Lock:
    """A share of a folder, or all of it. Two holders within one process do not wait for each other.

    Raises:
        StoreBusyError: another process writes, or reads what is to be written.
    """

    def __init__(self, folder: Path, *, alone: bool) -> None:
        self.folder = folder
        self.alone = False
        self.weak = False
        handle = os.open(folder, os.O_RDONLY)
        status = os.fstat(handle)
        self.identity: FileIdentity = (status.st_dev, status.st_ino)
        self._open = True
        with _GUARD:
            entry = _HELD.get(self.identity)
            if entry is None:
                entry = _HELD[self.identity] = _Held(handle, fcntl is None)
            else:
                os.close(handle)
            entry.holders += 1
            try:
                self._take(entry, alone)
            except BaseException:
                self.release()
                raise

    @property
    def first_writer(self) -> bool:
        """Whether no other writer in this process has the folder, so that leftovers may go."""
        with _GUARD:
            entry = _HELD.get(self.identity)
            return self.alone and entry is not None and entry.writers == 1

    def take_alone(self) -> None:
        """From a share to all of it."""
        with _GUARD:
            self._take(_HELD[self.identity], True)

    def share(self) -> None:
        """From all of it to a share; nobody writes in between."""
        with _GUARD:
            entry = _HELD[self.identity]
            if self.alone:
                self.alone = False
                entry.writers -= 1
                if not entry.writers:
                    _flock(entry, shared=True)

    def release(self) -> None:
        with _GUARD:
            entry = _HELD.get(self.identity)
            if entry is None or not self._open:
                return
            self._open = False
            self.share()
            entry.holders -= 1
            if not entry.holders:
                del _HELD[self.identity]
                with suppress(OSError):
                    if not entry.weak:
                        fcntl.flock(entry.handle, fcntl.LOCK_UN)  # a child between fork and exec has the handle, too
                    os.close(entry.handle)

    def _take(self, entry: _Held, alone: bool) -> None:
        if (alone and not entry.writers) or not entry.locked:
            before = entry.locked
            if not _flock(entry, shared=not alone):
                if before:
                    _flock(entry, shared=True)  # asking for all of it cost the share
                raise StoreBusyError(
                    f"{self.folder} is in use by {_holder(self.identity)}. While one process writes a graph no other "
                    "may open it: wait for it, stop it, or work on a copy of the folder"
                )
        if alone and not self.alone:
            self.alone = True
            entry.writers += 1
        self.weak = entry.weak


def _flock(entry: _Held, *, shared: bool) -> bool:
    """Whether the lock was had; a system without one is remembered and always says yes."""
    if entry.weak:
        return True
    entry.locked = False
    try:
        fcntl.flock(entry.handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NOT_HERE:
            raise
        entry.weak = True
    entry.locked = True
    return True


def _holder(wanted: FileIdentity) -> str:
    """Who has it, where the system tells (Linux)."""
    with suppress(OSError):
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            # 7: FLOCK  ADVISORY  WRITE 4711 fd:01:269 0 EOF
            # Devices are told by other numbers on some file systems; the number of the folder is enough.
            row = re.search(r"FLOCK +\S+ +\S+ +(\d+) +[0-9a-f]+:[0-9a-f]+:(\d+) ", line)
            if row and int(row[2]) == wanted[1] and int(row[1]) not in (0, os.getpid()):
                return f"process {row[1]}"
    return "another process"


def _forget() -> None:
    """A forked child holds nothing: the lock is its parent's."""
    for entry in _HELD.values():
        with suppress(OSError):
            os.close(entry.handle)
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
