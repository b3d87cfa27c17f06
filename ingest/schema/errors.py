"""Every error a person can meet: what was found, what was wanted, what to do.

Each class also derives from the builtin a caller would catch, so ``except ValueError`` and
``except graphlab.GraphlabError`` both work.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class GraphlabError(Exception):
    """Root of the tree; the command line turns it into one line and exit code 1."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors go between processes as they are, whatever their ``__init__`` takes."""
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[GraphlabError], args: tuple[Any, ...]) -> GraphlabError:
    error = kind.__new__(kind, *args)
    error.args = args
    return error


class SchemaError(GraphlabError, ValueError):
    """A table lacks a column, has one too many, or a value is not what its column means."""


class IdError(SchemaError):
    """A neuron or synapse id that is no unsigned 64-bit integer."""


class ReadError(GraphlabError, OSError):
    """A source is missing, truncated, corrupt, or dangerous to unpack."""


class MissingExtraError(GraphlabError, ImportError):
    """A library of an optional extra is not installed."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(
            f"this needs {library}, which is not installed. Install it with: pip install 'graphlab-connectome[{extra}]'"
        )


class PluginError(GraphlabError, ImportError):
    """Another package offers something to a seam and cannot be imported, or offers what is none of that seam."""


class UnknownNameError(GraphlabError, LookupError):
    """A name nobody registered, with the nearest ones that are."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        self.known = sorted(known)
        super().__init__(f"unknown {what} {name!r}{did_you_mean(str(name), self.known)}")


class ParseError(GraphlabError, ValueError):
    """A text in one of our languages that does not parse, pointing at the place.

    Args:
        message: what was found and what was wanted, one sentence.
        text: the whole text the user wrote.
        position: 0-based character offset of the fault in ``text``.
        length: how many characters to underline.
        hint: what to write instead, if we know.
    """

    def __init__(self, message: str, text: str = "", position: int = 0, length: int = 1, hint: str = "") -> None:
        position = max(0, min(position, len(text)))
        before = text[:position]
        self.line = before.count("\n") + 1
        self.column = position - (before.rfind("\n") + 1) + 1
        self.message = message
        self.hint = hint
        self.position = position
        self.length = length
        shown = f"{message} (line {self.line}, column {self.column})"
        if text:
            source = text.split("\n")[self.line - 1]
            # A megabyte-long line is shown through a window around the fault.
            start = max(0, self.column - 1 - 60)
            window = source[start : start + 120].replace("\t", " ")
            offset = self.column - 1 - start
            width = max(1, min(length, len(window) - offset))
            shown += f"\n  {window}\n  {' ' * offset}{'^' * width}"
        if hint:
            shown += f"\n{hint}"
        super().__init__(shown)


class FloatIdError(ParseError, IdError):
    """A question in which an id meets a float, which cannot hold all of its digits."""


class UnsupportedError(ParseError):
    """Valid in the standard, not in our subset: says what to write instead."""


class StoreError(GraphlabError, OSError):
    """A folder that is no graph, or a graph that cannot be opened."""


class DiskError(StoreError):
    """A disk that is full or fails; once it does no more, the same can be done again."""


class StoreBusyError(StoreError):
    """Another process holds the graph."""


class VersionError(GraphlabError, ValueError):
    """Two things of different versions (format, materialization, segmentation, model) were about to meet."""


class AnalysisError(GraphlabError, ValueError):
    """An analysis was asked of a graph, or with parameters, for which it has no answer."""


class LeakError(AnalysisError):
    """A test set, or an input, knows what it is going to be asked."""


class InterruptedRun(GraphlabError, KeyboardInterrupt):
    """Ctrl-C during a long run; what is done is kept and named in the message."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error sentence: nearest names first, otherwise all of them if they are few.

    >>> did_you_mean("wieght", ["weight", "neuropil"])
    "; did you mean 'weight'?"
    """
    names = list(known)
    by_lower = {candidate.lower(): candidate for candidate in names}
    close = [by_lower[match] for match in difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.6)]
    if close:
        return f"; did you mean {' or '.join(repr(c) for c in close)}?"
    if 0 < len(names) <= 16:
        return f"; known: {', '.join(names)}"
    return ""
