"""Cut SQL text into tokens as DuckDB does, so that nothing inside a string or a comment is taken for SQL.

Tests: tests/queries/sql/test_guard.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ingest.schema.errors import ParseError

MAX_LENGTH = 1_000_000
MAX_NESTING = 200

_DOLLAR_TAG = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)?\$")
_PARAMETER = re.compile(r"\$[A-Za-z_0-9]+")
_WORD = re.compile(r"[^\W\d][\w$]*")
_NUMBER = re.compile(r"(?:\d[\d_]*)?\.?\d[\d_]*\.?(?:[eE][+-]?\d+)?|0[xX][0-9a-fA-F_]+")
_OPENING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Token:
    """One token: ``kind`` is word, quoted, string, number, parameter or symbol (one character)."""

    kind: str
    text: str
    start: int
    end: int

    def is_word(self, *words: str) -> bool:
        """Whether it is one of the (upper case) keywords, unquoted."""
        return self.kind == "word" and self.text.upper() in words


@lru_cache(maxsize=128)
def tokens(text: str) -> tuple[Token, ...]:
    """All tokens but blanks and comments; kept, since several steps of one question read the same text.

    Raises:
        ParseError: a string, quoted name or comment that does not end, brackets that do not match or nest
            deeper than MAX_NESTING, a text longer than MAX_LENGTH, a NUL character.
    """
    if len(text) > MAX_LENGTH:
        raise ParseError(
            f"the query has {len(text):,} characters, more than {MAX_LENGTH:,}",
            hint="Pass long lists as a parameter: ... IN $ids",
        )
    result: list[Token] = []
    open_brackets: list[Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        kind, end = _token_at(text, at)
        if kind != "comment":
            token = Token(kind, text[at:end], at, end)
            _follow_brackets(text, token, open_brackets)
            result.append(token)
        at = end
    if open_brackets:
        last = open_brackets[-1]
        raise ParseError(f"{last.text} is never closed", text, last.start)
    return tuple(result)


def _token_at(text: str, at: int) -> tuple[str, int]:
    char, two = text[at], text[at : at + 2]
    if two == "--":
        end = text.find("\n", at)
        return "comment", len(text) if end < 0 else end
    if two == "/*":
        return "comment", _comment_end(text, at)
    if char == "'":
        return "string", _quoted_end(text, at, "'", "string")
    if char == '"':
        return "quoted", _quoted_end(text, at, '"', "quoted name")
    if char in "eE" and text[at + 1 : at + 2] == "'":
        return "string", _escape_string_end(text, at)
    if char == "$":
        return _dollar(text, at)
    if word := _WORD.match(text, at):
        return "word", word.end()
    if (number := _NUMBER.match(text, at)) and number.end() > at:
        return "number", number.end()
    if char == "\0":
        raise ParseError("the query holds a NUL character", text, at)
    return "symbol", at + 1


def _comment_end(text: str, start: int) -> int:
    """Block comments nest, as in PostgreSQL."""
    depth, at = 0, start
    while at < len(text):
        if text.startswith("/*", at):
            depth, at = depth + 1, at + 2
        elif text.startswith("*/", at):
            depth, at = depth - 1, at + 2
            if depth == 0:
                return at
        else:
            at += 1
    raise ParseError("this comment does not end", text, start, 2)


def _quoted_end(text: str, start: int, quote: str, what: str) -> int:
    at = start + 1
    while True:
        at = text.find(quote, at)
        if at < 0:
            raise ParseError(f"this {what} does not end", text, start)
        if text[at + 1 : at + 2] != quote:
            return at + 1
        at += 2


def _escape_string_end(text: str, start: int) -> int:
    at = start + 2
    while at < len(text):
        if text[at] == "\\" or text[at : at + 2] == "''":
            at += 2
        elif text[at] == "'":
            return at + 1
        else:
            at += 1
    raise ParseError("this string does not end", text, start, 2)


def _dollar(text: str, at: int) -> tuple[str, int]:
    if tag := _DOLLAR_TAG.match(text, at):
        end = text.find(tag.group(), tag.end())
        if end < 0:
            raise ParseError(f"this string does not end; wanted {tag.group()}", text, at, len(tag.group()))
        return "string", end + len(tag.group())
    if parameter := _PARAMETER.match(text, at):
        return "parameter", parameter.end()
    return "symbol", at + 1


def _follow_brackets(text: str, token: Token, open_brackets: list[Token]) -> None:
    if token.kind != "symbol":
        return
    if token.text in _OPENING:
        open_brackets.append(token)
        if len(open_brackets) > MAX_NESTING:
            raise ParseError(f"brackets nest deeper than {MAX_NESTING} levels", text, token.start)
    elif token.text in _OPENING.values():
        if not open_brackets or _OPENING[open_brackets[-1].text] != token.text:
            raise ParseError(f"{token.text} closes nothing", text, token.start)
        open_brackets.pop()


def closing(all_tokens: Sequence[Token], opening: int) -> int:
    """Index of the token that closes the bracket at index ``opening`` (brackets are known to match)."""
    depth = 0
    for index in range(opening, len(all_tokens)):
        if all_tokens[index].kind == "symbol":
            if all_tokens[index].text in _OPENING:
                depth += 1
            elif all_tokens[index].text in _OPENING.values():
                depth -= 1
                if depth == 0:
                    return index
    raise AssertionError("brackets were checked")
