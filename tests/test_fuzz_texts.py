"""Texts and command lines, broken at random: an answer or an error of ours, never anything else.

Every input follows from its number, so a failure names what to try again. ``GRAPHLAB_FUZZ`` says how many inputs there
are in sum (10,000 in every test run, and 11,604 broken files in ``tests/ingest``).
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from graphlab.cli import app
from graphlab.commands import options
from ingest.schema.errors import GraphlabError, ParseError
from queries.engine import detect, parse
from queries.languages.sql_pgq.ddl import parse_property_graph

INPUTS = int(os.environ.get("GRAPHLAB_FUZZ", "10000"))
USAGE = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""What typer says of wrong usage: it brings a click of its own."""
SHARE = {"pgq": 1, "sql": 1, "cypher": 1, "dotmotif": 1, "ddl": 1, "command lines": 2, "values": 1}


def _texts() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzzed_texts", Path(__file__).parent / "queries" / "test_fuzz.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzzed_texts"] = module
    spec.loader.exec_module(module)
    return module


TEXTS = _texts()
RIGHT: dict[str, tuple[str, ...]] = {**TEXTS.LANGUAGES, "ddl": TEXTS.DDL}
PIECES: list[str] = TEXTS.PIECES


def numbers(kind: str) -> range:
    return range(INPUTS * SHARE[kind] // sum(SHARE.values()))


def test_a_run_breaks_so_many_texts() -> None:
    assert {*SHARE} == {*RIGHT, "command lines", "values"}
    assert sum(len(numbers(kind)) for kind in SHARE) in range(INPUTS - len(SHARE), INPUTS + 1)


def broken(text: str, chance: random.Random) -> str:
    """A right text after a few cuts, doublings, insertions, swaps and odd letters."""
    for _ in range(chance.randint(1, 6)):
        first = chance.randint(0, len(text))
        second = min(len(text), first + chance.randint(0, 12))
        piece = (
            chance.choice(PIECES) if chance.random() < 0.8 else chr(chance.choice((0, 9, 127, 0x301, 0x2028, 0xFFFD)))
        )
        text = chance.choice(
            (
                text[:first] + text[second:],
                text[:second] + text[first:],
                text[:first] + piece + text[first:],
                text[:first] + piece + text[second:],
                text[second:] + text[:first],
            )
        )
    return text


@pytest.mark.parametrize("language", RIGHT)
def test_broken_texts_are_parsed_or_refused(language: str) -> None:
    for number in numbers(language):
        chance = random.Random(f"{language} {number}")
        text = broken(chance.choice(RIGHT[language]), chance)
        try:
            detect(text)
            parse_property_graph(text) if language == "ddl" else parse(text, language)
        except ParseError as error:
            assert 0 <= error.position <= len(text), (language, number)  # noqa: PT017
            assert error.message, (language, number)  # noqa: PT017
        except GraphlabError:
            pass
        except Exception as error:
            pytest.fail(f"{language} {number}: {error!r} of {text!r}")


WORDS = [
    "", "-", "--", "g", "/no/such", ".", "-1", "0", "1e999", "nan", "inf", "9" * 40,
    "é", "\x00", "\ud800", "a=b", "a=", "=", "=b", "4,4,40", "4,,40", "a,b,c", "@", "@/no/such", "[1, 2", "[]", '"',
    "{", "x" * 5000, "../..", "a\nb", "out.csv", "out.xyz",
]  # fmt: skip


def commands() -> Iterator[tuple[str, Any]]:
    """Every command and command of a group, by what is typed."""
    waiting: list[tuple[str, Any]] = [("graphlab", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        yield name, command
        waiting += [(f"{name} {sub}", found) for sub, found in getattr(command, "commands", {}).items()]


def test_broken_command_lines_are_read_or_refused() -> None:
    known = sorted(commands())
    for number in numbers("command lines"):
        chance = random.Random(f"command line {number}")
        name, command = chance.choice(known)
        flags = [flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)]
        flags = [flag for flag in flags if "completion" not in flag]  # they write into the home folder
        typed = [chance.choice(WORDS + flags * 2) for _ in range(chance.randint(0, 8))]
        typed = [broken(word, chance) if chance.random() < 0.1 else word for word in typed]
        try:
            command.make_context(name, typed)
        except (GraphlabError, USAGE, typer.Exit):
            pass
        except OSError as error:  # a name that the system refuses: the command line says so in one line
            assert isinstance(error.filename, str), (number, name, typed)  # noqa: PT017
        except Exception as error:
            pytest.fail(f"command line {number}: {error!r} of {name} {typed!r}")


def test_broken_values_of_options_are_read_or_refused(tmp_path: Path) -> None:
    readers: list[Callable[[str], Any]] = [
        options.columns_of, options.text_of, lambda text: options.parameters_of([text]),
        lambda text: options.pairs_of([text], "--option"),
    ]  # fmt: skip
    right = [
        "bodyId=root_id,type=cell_type",
        "@" + str(tmp_path / "list"),
        "ids=[1, 2, 3]",
        'a="x"',
        f"a=@{tmp_path / 'list'}",
    ]
    for number in numbers("values"):
        chance = random.Random(f"value {number}")
        (tmp_path / "list").write_bytes(chance.randbytes(chance.randint(0, 20)))
        text = broken(chance.choice(right), chance) if chance.random() < 0.7 else chance.choice(right)
        if text == "-":
            continue
        for read in readers:
            try:
                read(text)
            except GraphlabError:
                pass
            except Exception as error:
                pytest.fail(f"value {number}: {error!r} of {text!r}")
