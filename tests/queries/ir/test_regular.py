"""Compiled patterns as text for RE2: the same matches as Python's, or refused."""

from __future__ import annotations

import re

import duckdb
import pytest

from ingest.schema.errors import SchemaError
from queries.engine import Source, run
from queries.ir.criteria import CriteriaBuilder
from queries.ir.expression import Parameter
from queries.ir.regular import text_of

NAMES = ["MBON01", "mbon01", "EPG(PB08)_L3", "two\nlines", "a b", "a#b", "ab", "x]y", "one\ntwo"]
PATTERNS = [
    re.compile("mbon01", re.I),
    re.compile("two.lines", re.S),
    re.compile("two.lines"),
    re.compile("MBON 01  # the first", re.X),
    re.compile("mbon  01", re.X | re.I),
    re.compile(r"a\ b", re.X),
    re.compile("a[ #]b", re.X),
    re.compile(r"a\#b # a comment\n", re.X),
    re.compile(r"x[] ]y", re.X),
    re.compile(r"x[^a ]y  ", re.X),
    re.compile("(?xi) MBON 01"),
    re.compile("(?i)mbon01", re.S),
    re.compile("(?s)two.lines", re.M),
    re.compile("one$.^two", re.M | re.S),
    re.compile(r"EPG\(.*", re.A),
]


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_the_same_names_match_as_in_python(pattern: re.Pattern[str]) -> None:
    connection = duckdb.connect()
    for name in NAMES:
        found = connection.execute("SELECT regexp_full_match($n, $p)", {"n": name, "p": text_of(pattern)}).fetchall()
        assert found[0][0] == (pattern.fullmatch(name) is not None), name


@pytest.mark.parametrize("pattern", [re.compile(b"mbon"), re.compile(b"m", re.L)])
def test_what_no_text_can_say_is_refused(pattern: re.Pattern[str]) -> None:
    with pytest.raises(SchemaError, match="of bytes"):
        text_of(pattern)


def test_criteria_and_parameters_keep_flags(toy: Source) -> None:
    said = CriteriaBuilder()
    assert said.about("n", {"name": [re.compile("mbon", re.I), "x"]}) is not None
    assert "(?i)mbon" in said.parameters.values()
    assert isinstance(said.bound("x"), Parameter)
    text = "MATCH (n) WHERE n.type =~ $p RETURN count(*) AS n"
    assert run(text, toy, parameters={"p": re.compile("a", re.I)}).scalar() == 2
    assert run(text, toy, parameters={"p": re.compile("a")}).scalar() == 0
