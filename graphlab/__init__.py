"""graphlab: graph analytics over connectome embeddings. Start with ``graphlab.Graph``."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphlab.graph import Graph
    from ingest.schema.errors import GraphlabError

__version__ = "0.2.0"
__all__ = ["Graph", "GraphlabError", "__version__"]

_HOMES = {"Graph": "graphlab.graph", "GraphlabError": "ingest.schema.errors"}


def check_packages(home: Path) -> None:
    """Refuse to run with another package called ``queries``, ``ingest`` or ``gpu_embed`` in our place.

    Raises:
        ImportError: naming the package that shadows ours and where it lies.
    """
    for room in ("ingest", "queries", "gpu_embed"):
        spec = find_spec(room)
        location = Path(spec.origin).parent.parent if spec and spec.origin else None
        if location != home:
            raise ImportError(
                f"the import name {room!r} belongs to graphlab-connectome, but Python finds "
                f"{spec.origin if spec else 'nothing'}. Another package of that name is installed or lies in the "
                f"working folder: uninstall it (pip uninstall {room}) or use a virtual environment of graphlab's own"
            )


check_packages(Path(__file__).parent.parent)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'graphlab' has no attribute {name!r}")
