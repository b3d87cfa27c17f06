"""Compiled regular expressions of Python as text for DuckDB's own engine (RE2), flags kept or refused."""

from __future__ import annotations

import re

from ingest.schema.errors import SchemaError

_LETTERS = ((re.IGNORECASE, "i"), (re.MULTILINE, "m"), (re.DOTALL, "s"))
_INLINE = re.compile(r"\(\?([aiLmsux]+)\)")


def text_of(pattern: re.Pattern[str]) -> str:
    """The pattern as one text, its flags written inside.

    ``re.VERBOSE`` is taken out by leaving out what it would skip; ``re.ASCII`` is what RE2 does anyway.

    Raises:
        SchemaError: a pattern of bytes, or a flag that a text cannot say.

    >>> text_of(re.compile("mbon", re.I))
    '(?i)mbon'
    """
    if not isinstance(pattern.pattern, str):
        raise SchemaError(f"found the pattern {pattern.pattern!r} of bytes; wanted one of text: re.compile('...')")
    if pattern.flags & re.LOCALE:
        raise SchemaError(f"the flag re.LOCALE of {pattern.pattern!r} cannot be kept; compile it without")
    text = pattern.pattern
    # Flags written at the beginning are among those of the compiled pattern.
    inline = _INLINE.match(text.lstrip() if pattern.flags & re.VERBOSE else text)
    if inline is not None:
        text = text.lstrip() if pattern.flags & re.VERBOSE else text
        text = text[inline.end() :]
    if pattern.flags & re.VERBOSE:
        text = _closed_up(text)
    letters = "".join(letter for flag, letter in _LETTERS if pattern.flags & flag)
    return f"(?{letters}){text}" if letters else text


def _closed_up(text: str) -> str:
    """A verbose pattern without its blanks and comments; those in brackets or after a backslash stay."""
    kept: list[str] = []
    at, opened = 0, -1
    while at < len(text):
        char = text[at]
        if char == "\\":
            # A backslash before a blank or # only protects it here, and RE2 knows no such escape of a blank.
            following = text[at + 1 : at + 2]
            kept.append(following if following.isspace() else char + following)
            at += 2
            continue
        if opened >= 0:
            # "]" right after "[" or "[^" stands for itself.
            first = text[opened + 1 : at].lstrip("^") == ""
            if char == "]" and not first:
                opened = -1
            kept.append(char)
        elif char == "[":
            opened = at
            kept.append(char)
        elif char == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif not char.isspace():
            kept.append(char)
        at += 1
    return "".join(kept)
