"""A question ready to be planned: SQL text with slots, and the graph pattern that fills each slot.

Tests: tests/queries/ir/test_identifiers.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from queries.ir.pattern import Pattern

_NAME = re.compile(r"\$(\w+)")


@dataclass(frozen=True, slots=True)
class Slot:
    """Characters ``start`` to ``end`` of the text stand for the rows of ``pattern``."""

    start: int
    end: int
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL around patterns. Every language comes down to one of these.

    ``text`` is the user's own where the language is SQL, otherwise what the front end wrote around the patterns.
    """

    text: str
    slots: tuple[Slot, ...]
    language: str
    written: str = ""
    """The user's text, to which positions inside the patterns refer."""
    bound: Mapping[str, Any] = field(default_factory=dict)
    """Constants of ``text``, by parameter name."""
    time_limit: float | None = None
    """Seconds that the text itself allows (runTimeboxed)."""

    @property
    def whole(self) -> bool:
        """Whether the statement is one pattern and nothing around it."""
        return len(self.slots) == 1 and (self.slots[0].start, self.slots[0].end) == (0, len(self.text))

    def filled(self, replacements: Sequence[str]) -> str:
        """The text with each slot replaced, in order."""
        parts, at = [], 0
        for slot, replacement in zip(self.slots, replacements, strict=True):
            parts += [self.text[at : slot.start], replacement]
            at = slot.end
        return "".join([*parts, self.text[at:]])

    def origin(self, position: int, replacements: Sequence[str]) -> int:
        """Where a character of the filled text stood in ``text``; inside a replacement, the slot's start."""
        shift = 0
        for slot, replacement in zip(self.slots, replacements, strict=True):
            start = slot.start + shift
            if position < start:
                break
            if position < start + len(replacement):
                return slot.start
            shift += len(replacement) - (slot.end - slot.start)
        return position - shift

    def inside(self, before: str, after: str, time_limit: float | None = None) -> Statement:
        """The same statement with SQL around it."""
        moved = tuple(replace(s, start=s.start + len(before), end=s.end + len(before)) for s in self.slots)
        return replace(self, text=before + self.text + after, slots=moved, time_limit=time_limit or self.time_limit)

    def renamed(self, prefix: str) -> Statement:
        """The same statement with other names for its constants, so that it may stand beside another one."""
        names = {name: f"{prefix}{number}" for number, name in enumerate(self.bound)}
        if not names:
            return self
        parts, at, slots = [], 0, []
        ends = [*((slot.start, slot.end, slot) for slot in self.slots), (len(self.text), len(self.text), None)]
        length = 0
        for start, end, slot in ends:
            piece = _NAME.sub(lambda found: f"${names.get(found[1], found[1])}", self.text[at:start])
            parts += [piece, self.text[start:end]]
            length += len(piece)
            if slot is not None:
                slots.append(replace(slot, start=length, end=length + end - start))
            length += end - start
            at = end
        bound = {names[name]: value for name, value in self.bound.items()}
        return replace(self, text="".join(parts), slots=tuple(slots), bound=bound)
