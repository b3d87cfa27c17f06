"""What errors and hints say to type can be typed: every ``graphlab ...`` command and ``--option`` in the sources."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import typer

from graphlab import Graph
from graphlab.cli import app, own_fault
from graphlab.commands.terminal import LONGEST_LINE, MOST_LINES, short

ROOT = Path(__file__).parents[2]
ROOMS = ("graphlab", "ingest", "queries", "gpu_embed")
PROSE = {"does", "is", "reads", "writes"}
"""Words after the name of the program in sentences about it."""
MENTION = re.compile(r"\bgraphlab ([a-z][a-z-]*)((?: [^`\s]+)*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
PLACE = re.compile(r"^(?:\{\}|[A-Z][A-Z_]*)(?:\.\w+)?$")
"""What stands for a value: a word in capitals, or a value filled in."""


def texts() -> Iterator[tuple[str, str]]:
    """(place, text) of every text in the sources; values that are filled in stand as {}."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
            for node in ast.walk(tree):
                at = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
                if isinstance(node, ast.JoinedStr):
                    filled = [str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values]
                    yield at, "".join(filled)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
                    yield at, node.value


TEXTS = list(texts())
PROGRAM: Any = typer.main.get_command(app)


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words name, and the words after it; KeyError where there is none."""
    command = PROGRAM.commands[words[0]]
    rest = words[1:]
    if hasattr(command, "commands") and rest and not PLACE.match(rest[0]):
        return command.commands[rest[0]], rest[1:]
    return command, rest


def typed(command: Any, words: list[str]) -> list[str]:
    """The words that belong to the command, with values in place of what stands for them; prose behind it is cut."""
    options = {name: option for option in command.params for name in (*option.opts, *option.secondary_opts)}
    found: list[str] = []
    at = 0
    while at < len(words):
        word = words[at].rstrip(".,;:)'\"")
        if word.startswith("--"):
            found.append(word)
            option = options.get(word)
            if option is not None and not getattr(option, "is_flag", False) and at + 1 < len(words):
                at += 1
                value = words[at].rstrip(".,;:)'\"")
                kind = option.type_descriptor.annotation
                stand_in = (
                    str(next(iter(kind)).value) if issubclass(kind, Enum) else "20" if kind in (int, float) else "x"
                )
                found.append(stand_in if PLACE.match(value) else value)
        elif PLACE.match(word):
            found.append("x")
        else:
            break
        if words[at] != words[at].rstrip(".,;:)"):
            break
        at += 1
    return found


def mentions() -> list[tuple[str, str, str]]:
    return [(at, match[1], match[2]) for at, text in TEXTS for match in MENTION.finditer(text) if match[1] not in PROSE]


def test_commands_that_are_named_can_be_typed() -> None:
    found = mentions()
    assert len(found) > 25
    parsed = 0
    wrong = []
    for at, first, rest in found:
        try:
            command, words = command_of([first.rstrip("."), *rest.split()])
        except KeyError as unknown:
            wrong.append(f"{at}: graphlab {first}{rest}: no command {unknown}")
            continue
        arguments = typed(command, words)
        if not arguments or "--help" in arguments or hasattr(command, "commands"):
            continue
        try:
            command.make_context(command.name, list(arguments))
            parsed += 1
        except Exception as error:  # whatever the parser of the command line says
            wrong.append(f"{at}: graphlab {first} {' '.join(arguments)}: {getattr(error, 'message', error)}")
    assert not wrong
    assert parsed > 10


PLUGINS = {"--set"}
"""Options of verbs that are made for other packages (``graphlab train TASK --set NAME=VALUE``)."""


def test_options_that_are_named_are_there() -> None:
    every = [PROGRAM, *PROGRAM.commands.values()]
    every += [one for group in PROGRAM.commands.values() for one in getattr(group, "commands", {}).values()]
    known = {name for command in every for option in command.params for name in (*option.opts, *option.secondary_opts)}
    named = {(match, at) for at, text in TEXTS for match in OPTION.findall(text)}
    assert len({option for option, _ in named}) > 40
    assert not sorted(f"{at}: {option}" for option, at in named if option not in {*known, "--help", *PLUGINS})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("ingest GRAPH FILE --as nonsense", False),
        ("ingest GRAPH FILE --ass neurons", False),
        ("motifs GRAPH --pattern TEXT, or graphlab query", True),
        ("train functional GRAPH --name NAME", True),
        ("correlate GRAPH --what nothing", False),
    ],
)
def test_the_check_itself_tells_right_from_wrong(words: str, told: bool) -> None:
    command, rest = command_of(words.split())
    try:
        command.make_context(command.name, typed(command, rest))
        parsed = True
    except Exception:
        parsed = False
    assert parsed is told


def test_a_long_error_keeps_its_beginning_and_its_end() -> None:
    assert short("error: one line") == "error: one line"
    twenty = "\n".join(f"line {i}" for i in range(MOST_LINES))
    assert short(twenty) == twenty
    many = short("\n".join(f"line {i}" for i in range(500))).splitlines()
    assert len(many) == MOST_LINES
    assert (many[0], many[-1]) == ("line 0", "line 499")
    assert "... 481 more lines ..." in many
    wide = short("a" * 5000 + "end")
    assert len(wide) < LONGEST_LINE + 50
    assert wide.endswith("end")
    assert "4,403 more letters" in wide


def test_an_error_of_no_kind_of_ours_says_whose_fault_it_is() -> None:
    told = short(own_fault(ValueError("n must be above 0\n" * 100))).splitlines()
    assert len(told) == MOST_LINES
    assert told[0] == "error: ValueError: n must be above 0"
    assert "fault of graphlab" in told[-1]
    assert "GRAPHLAB_TRACEBACK=1" in told[-1]


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (n) WHERE n.bodyId IN [" + "1,\n" * 300 + "2] RETURN n.nonsense",
        "SELECT " + "nonsense,\n" * 300 + "x FROM neurons",
    ],
)
def test_errors_about_long_questions_are_short(tmp_path: Path, text: str) -> None:
    Graph.create(tmp_path / "g", dataset="small").close()
    (tmp_path / "question").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "graphlab.cli", "query", str(tmp_path / "g"), f"@{tmp_path / 'question'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= MOST_LINES
