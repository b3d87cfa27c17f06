"""What lies under a path of an HDF5 file, links followed: soft and hard ones, and external ones inside its folder.

A file may name any other file of the machine in an external link; one outside the folder of the file is refused.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ingest.schema.errors import GraphlabError, MissingExtraError, ReadError
from ingest.schema.limits import require_room

DEEPEST = 32
"""Links that may lead to links."""


DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError)
"""What h5py raises where a file is damaged; errors of ours among them stay what they are."""


def damaged(path: Path, error: BaseException) -> BaseException:
    """The error of ours for what h5py raised."""
    if isinstance(error, GraphlabError):
        return error
    return ReadError(f"{path}: no readable HDF5 file: {' '.join(str(error).split())[:200]}")


def whole(data: Any) -> Any:
    """All of a data set; what is no data set as it is.

    Raises:
        ReadError: it says more values than memory is given for.
    """
    if getattr(data, "size", None) is None or not hasattr(data, "file"):
        return data[()]
    path = Path(data.file.filename)
    size = None if data.is_virtual or data.external else path.stat().st_size
    require_room(f"{path}: the data set {data.name!r} of shape {data.shape}", data.size * data.dtype.itemsize, size)
    return data[()]


class LinkedFile:
    """An open HDF5 file and those it links to; closed together.

    Raises:
        ReadError: missing, or no HDF5. MissingExtraError: h5py is not installed.
    """

    def __init__(self, path: Path, extra: str = "volumes") -> None:
        try:
            import h5py
        except ImportError:
            raise MissingExtraError("h5py", extra) from None
        self.path = path
        self._folder = path.resolve().parent
        self._opened: dict[Path, Any] = {}
        self._exits = ExitStack()
        self._h5py = h5py
        if not path.is_file():
            raise ReadError(f"{path} does not exist")
        self.file = self._open(path.resolve())

    def find(self, name: str, inside: Any = None) -> Any:
        """The group or dataset under a path, None where nothing is there.

        Args:
            inside: the group that the path counts from; the file's root when None.

        Raises:
            ReadError: a link that leads out of the folder, in a circle, or to a file that is no HDF5; data that lie
                outside of the folder.
        """
        try:
            item = self._walk(inside if inside is not None else self.file, name, 0)
            if isinstance(item, self._h5py.Dataset):
                self._check_storage(item)
        except DAMAGE as error:
            raise damaged(self.path, error) from None
        return item

    def names(self) -> list[str]:
        """Paths of all datasets, links not followed."""
        names: list[str] = []
        try:
            self.file.visititems(
                lambda name, item: names.append(name) if isinstance(item, self._h5py.Dataset) else None
            )
        except DAMAGE as error:
            raise damaged(self.path, error) from None
        return names

    def close(self) -> None:
        self._exits.close()

    def __enter__(self) -> LinkedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _walk(self, group: Any, name: str, depth: int) -> Any:
        if depth > DEEPEST:
            raise ReadError(f"{self.path}: links lead on and on at {name!r}")
        here = group.file["/"] if name.startswith("/") else group
        parts = [part for part in name.split("/") if part not in ("", ".")]
        for at, part in enumerate(parts):
            if not isinstance(here, self._h5py.Group):
                return None
            link = here.get(part, getlink=True)
            rest = "/".join(parts[at + 1 :])
            if link is None:
                return None
            if isinstance(link, self._h5py.SoftLink):
                return self._walk(here, f"{link.path}/{rest}", depth + 1)
            if isinstance(link, self._h5py.ExternalLink):
                other = self._open(self._inside(link.filename, f"the link {part!r}"))
                return self._walk(other, f"/{link.path}/{rest}", depth + 1)
            here = here[part]
        return here

    def _check_storage(self, data: Any) -> None:
        """Refuse voxels that a dataset keeps in files outside, or in files that are not there."""
        names = [source[0] for source in data.external or ()]
        if data.is_virtual:
            names += [source.file_name for source in data.virtual_sources() if source.file_name != "."]
        for name in names:
            path = self._inside(str(name), f"the dataset {data.name!r}")
            if not path.is_file():
                raise ReadError(f"{self.path}: the dataset {data.name!r} lies in {path}, which does not exist")

    def _inside(self, name: str, what: str) -> Path:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder):
            raise ReadError(
                f"{self.path}: {what} leads to {name}, outside of the file's folder; links are followed inside it only"
            )
        return path

    def _open(self, path: Path) -> Any:
        if path not in self._opened:
            try:
                self._opened[path] = self._exits.enter_context(self._h5py.File(path, "r"))
            except (OSError, RuntimeError) as error:
                raise ReadError(f"{path}: no readable HDF5 file: {' '.join(str(error).split())[:200]}") from None
        return self._opened[path]
