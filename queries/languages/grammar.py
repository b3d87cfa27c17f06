"""Run a lark grammar and turn its complaints into ours.

Tests: tests/queries/languages/test_grammar_tables.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

from ingest.schema.errors import ParseError, UnsupportedError
from queries.ir.expression import Span
from queries.languages.grammar_tables import cache_file

_SHOWN = 8
MAX_WORDS = 50_000
"""Words and signs of one text: an LALR parser in Python reads some ten thousand a second."""
_WORD = re.compile(r"\w+|[^\w\s]")


class Fault(Exception):
    """Something wrong at a place in the text that is being parsed."""

    def __init__(
        self,
        message: str,
        position: int = 0,
        length: int = 1,
        hint: str = "",
        at_end: bool = False,
        unsupported: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.length = length
        self.hint = hint
        self.at_end = at_end
        self.unsupported = unsupported

    def error(self, text: str, position: int | None = None) -> ParseError:
        kind = UnsupportedError if self.unsupported else ParseError
        return kind(self.message, text, self.position if position is None else position, self.length, self.hint)


class Grammar:
    """An LALR grammar with its trees built while parsing, so no text makes Python recurse.

    Args:
        source: text of the .lark file.
        trees: methods named after rules, called with each rule's parts.
        names: how terminals are called in messages; keywords are shown as they are.
    """

    def __init__(self, source: str, start: str, trees: Transformer[Any, Any], names: Mapping[str, str]) -> None:
        self._lark = Lark(
            source,
            parser="lalr",
            start=start,
            transformer=trees,
            maybe_placeholders=False,
            cache=cache_file(source, start) or False,
        )
        self._names = names

    def parse(self, text: str) -> Any:
        """What ``trees`` made of the text.

        Raises:
            Fault: it does not parse, or is longer than MAX_WORDS.
        """
        if len(text) > MAX_WORDS:
            words = sum(1 for _ in _WORD.finditer(text))
            if words > MAX_WORDS:
                raise Fault(
                    f"the pattern has {words:,} words and signs, more than {MAX_WORDS:,}",
                    hint="Pass long lists as a parameter: ... IN $ids",
                )
        try:
            return self._lark.parse(text)
        except UnexpectedToken as error:
            token = error.token
            wanted = self._wanted(error.accepts or error.expected)
            if token.type == "$END":
                raise Fault(f"the text ends too early; wanted {wanted}", len(text), at_end=True) from None
            raise Fault(f"found {str(token)!r}, wanted {wanted}", token.start_pos or 0, len(token)) from None
        except UnexpectedCharacters as error:
            wanted = self._wanted(error.allowed or ())
            raise Fault(f"found {error.char!r}, wanted {wanted}", getattr(error, "pos_in_stream", 0)) from None
        except UnexpectedEOF as error:
            raise Fault(
                f"the text ends too early; wanted {self._wanted(error.expected)}", len(text), at_end=True
            ) from None

    def _wanted(self, terminals: Iterable[str]) -> str:
        named = sorted({self._names.get(name, name.lstrip("_")) for name in terminals if name != "$END"})
        words = [name for name in named if not name.startswith("__")]
        if not words:
            return "the end"
        if len(words) > _SHOWN:
            words = [*words[:_SHOWN], "..."]
        return " or ".join(words) if len(words) < 3 else ", ".join(words)


def span(*parts: Any) -> Span:
    """From the first token of a rule to its last; parts that are trees count through their own span."""
    starts, ends = [], []
    for part in parts:
        if isinstance(part, Token):
            starts.append(part.start_pos or 0)
            ends.append(part.end_pos or 0)
        elif getattr(part, "at", None) is not None:
            starts.append(part.at.start)
            ends.append(part.at.end)
    return Span(min(starts), max(ends)) if starts else Span(0, 0)
