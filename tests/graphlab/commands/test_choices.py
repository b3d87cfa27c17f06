"""Commands are found and described without being imported; values are read as typer reads them; wrong choices."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.cli import SECTIONS, app
from graphlab.commands import choices
from graphlab.commands.choices import function_at, plain_value, single, summary_of


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("correlate", "g", "--what", "tunning"), "'--what': unknown choice 'tunning'; did you mean 'tuning'?"),
        (
            ("query", "g", "A -> B", "--engine", "duckdbb"),
            "'--engine': unknown choice 'duckdbb'; did you mean 'duckdb'?",
        ),
        (("ingest", "g", "f.csv", "--as", "neurones"), "'--as': unknown choice 'neurones'; did you mean 'neurons'?"),
        (("mine", "g", "--split", "x"), "'--split': unknown choice 'x'; known: random, hemisphere"),
    ],
)
def test_a_wrong_choice_names_the_nearest(graphlab: Callable[..., Any], arguments: tuple[str, ...], told: str) -> None:
    done = graphlab(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Value error" not in done.stderr
    assert "Traceback" not in done.stderr


def places() -> Iterator[tuple[str, str]]:
    """Every verb and every verb of a group, with its place."""
    for part in SECTIONS.values():
        for name, place in part.items():
            if isinstance(place, str):
                yield name, place
            else:
                for words in place.sections.values():
                    yield from ((f"{name} {word}", where) for word, where in words.items() if isinstance(where, str))


PLACES = dict(places())
PROGRAM: Any = typer.main.get_command(app)


def command_of(words: str) -> Any:
    first, _, second = words.partition(" ")
    command = PROGRAM.commands[first]
    return command.commands[second] if second else command


@pytest.mark.parametrize("verb", PLACES)
def test_what_help_says_of_a_verb_is_read_from_its_source(verb: str, graphlab: Callable[..., Any]) -> None:
    """The docstring itself where the file is at hand, without an import."""
    documented = inspect.getdoc(function_at(PLACES[verb]))
    assert documented
    assert summary_of(PLACES[verb]) == " ".join(documented.split("\n\n")[0].split())
    told = graphlab(*verb.split(), "--help")
    assert told.returncode == 0
    assert documented.split()[0] in told.stdout


def test_a_verb_in_a_zip_file_is_documented_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    told = summary_of("queries:query")
    monkeypatch.setattr(choices, "__file__", "/nowhere/graphlab.zip/graphlab/commands/choices.py")
    assert summary_of("queries:query") == told


def test_help_and_completion_import_no_command() -> None:
    code = """
import sys
from graphlab import cli
try:
    cli.main()
except SystemExit as done:
    assert not done.code, done.code
print(sorted(name for name in sys.modules if name.startswith("graphlab.commands.")), "pydantic" in sys.modules)
"""
    wanted = {
        ("--help",): ["choices"],
        ("query", "--help"): ["choices", "distributed", "distributed.dividing", "options", "queries"],
        ("flow", "--help"): ["choices"],
        ("sets", "--help"): ["choices"],
    }
    for words, loaded in wanted.items():
        command = [sys.executable, "-c", f"import sys\nsys.argv = ['graphlab', *{words!r}]\n{code}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        named = [f"graphlab.commands.{name}" for name in loaded]
        assert done.stdout.splitlines()[-1:] == [f"{named} False"], (words, done.stderr)


class Colour(StrEnum):
    red = "red"
    light_blue = "light-blue"


def every_kind(
    text: str,
    path: Path,
    whole: int = 3,
    bounded: Annotated[int, typer.Option(min=0, max=10)] = 1,
    number: float = 1,
    above: Annotated[float | None, typer.Option(min=0.5)] = None,
    flag: bool = False,
    colour: Colour = Colour.red,
    there: Annotated[Path | None, typer.Option(exists=True)] = None,
    words: Annotated[list[str] | None, typer.Option()] = None,
    numbers: Annotated[list[int] | None, typer.Option()] = None,
    parsed: Annotated[Any, typer.Option(parser=str.upper)] = "x",
) -> None:
    """All that options of ours are made of."""


KINDS: Any = single("every-kind", every_kind)
CONTEXT = KINDS.context_class(KINDS, resilient_parsing=True)
TYPED = st.one_of(
    st.text(max_size=6),
    st.integers().map(str),
    st.floats().map(repr),
    st.sampled_from(["", " 1", "1_0", "007", "-0", "1.", ".5", "1e3", "inf", "red", "Red", ".", "/", "\0"]),
    st.sampled_from([None, True, False, 0, 1, 11, 0.25, 2.0, Colour.red, Path("x")]),
)


@settings(max_examples=60)
@given(TYPED | st.lists(TYPED, max_size=3))
def test_plain_values_are_what_typer_makes_of_them(value: Any) -> None:
    taken = 0
    for parameter in KINDS.params:
        try:
            plain = plain_value(parameter, value)
        except Exception:  # left to typer
            continue
        taken += 1
        typers = type(parameter).process_value(parameter, CONTEXT, value)
        assert (plain, type(plain)) == (typers, type(typers)), parameter.name
    assert taken or value is not None


def test_values_that_people_type_are_plain() -> None:
    named = {parameter.name: parameter for parameter in KINDS.params}
    wanted = {
        "text": "MATCH", "path": "worm", "whole": "720575940603560295", "bounded": "10", "number": "0.25", "above": "3",
        "flag": True, "colour": "light-blue", "there": None, "words": ["a", "b"], "numbers": ["1"], "parsed": None,
    }  # fmt: skip
    assert wanted.keys() == named.keys()
    for name, value in wanted.items():
        plain_value(named[name], value)
    with pytest.raises(Exception, match="^$"):
        plain_value(named["bounded"], "11")
