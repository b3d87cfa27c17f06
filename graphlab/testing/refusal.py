"""What a contract expects to be refused.

Tests: tests/graphlab/motifs/nulls/test_models.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ingest.schema.errors import GraphlabError

E = TypeVar("E", bound=GraphlabError)


def refusal(what: str, ask: Callable[[], object], *kinds: type[E], saying: str = "") -> E:
    """The error that ``ask`` raises, which must be one of ``kinds`` with ``saying`` in its message.

    Args:
        what: is asked, for the message when nothing is raised.
    """
    found: E | None = None
    try:
        ask()
    except kinds as error:
        found = error
    assert found is not None, f"{what}: wanted a {' or '.join(kind.__name__ for kind in kinds)}, nothing was raised"
    assert saying in str(found), f"{what}: wanted {saying!r} in the message, found {found}"
    return found
