"""Commands of other packages: listed, suggested, stopped and refused as ours are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GROUP = "graphlab.commands"
HUBS = '''
import typer

from ingest.schema.errors import SchemaError


def hubs(graph: str, how: str = "well") -> None:
    """Count the hubs.

    More about it.
    """
    if how == "badly":
        raise ValueError("two\\nlines")
    if how == "refused":
        raise SchemaError("no hubs here")
    if how == "stopped":
        raise KeyboardInterrupt
    if how == "ended":
        raise typer.Exit(7)
    typer.echo(f"hubs of {graph}")


tools = typer.Typer(help="Several tools.")


@tools.command()
def first() -> None:
    """The first tool."""
    typer.echo("first")


@tools.command()
def second() -> None:
    """The second tool."""
    raise RuntimeError("worn out")
'''


@pytest.fixture
def acme(package: Callable[..., Path], request: pytest.FixtureRequest) -> None:
    offers = {"hubs": "acme_cli:hubs", "tools": "acme_cli:tools", "info": "acme_cli:hubs"}
    package("acme_cli", {GROUP: offers}, HUBS)


@pytest.mark.usefixtures("acme")
def test_it_is_listed_suggested_and_run(graphlab: Callable[..., Any]) -> None:
    told = graphlab("--help").stdout
    other = told.split("Other packages:")[1]
    assert [line.split() for line in other.strip().splitlines()] == [
        ["hubs", "Count", "the", "hubs."],
        ["tools", "Several", "tools."],
    ]
    assert graphlab("hubs", "fly").stdout == "hubs of fly\n"
    assert graphlab("tools", "first").stdout == "first\n"
    assert "--how" in graphlab("hubs", "--help").stdout
    assert "unknown command 'hub'; did you mean 'hubs'?" in graphlab("hub").stderr
    assert "Count the hubs" not in graphlab("info", "--help").stdout


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("hubs", "g", "--how", "badly"), 1, "error: command 'hubs' of acme-cli 1.2: ValueError: two. This is a fault"),
        (("tools", "second"), 1, "error: command 'tools' of acme-cli 1.2: RuntimeError: worn out. This is a fault"),
        (("hubs", "g", "--how", "refused"), 1, "error: no hubs here"),
        (("hubs", "g", "--how", "stopped"), 130, "stopped; what was finished is kept"),
        (("hubs", "g", "--how", "ended"), 7, ""),
        (("hubs",), 2, "Missing argument 'graph'"),
        (("hubs", "g", "--hwo"), 2, "No such option"),
    ],
)
def test_an_error_in_it_is_one_line(
    graphlab: Callable[..., Any], arguments: tuple[str, ...], code: int, told: str
) -> None:
    done = graphlab(*arguments)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    if code == 1:
        assert len(done.stderr.splitlines()) == 1


def test_one_that_cannot_be_imported_is_an_error_for_who_types_it(
    package: Callable[..., Path], graphlab: Callable[..., Any]
) -> None:
    package("acme_gone", {GROUP: {"gone": "acme_gone:gone"}}, "import a_library_that_is_not_there")
    told = graphlab("--help")
    assert (told.returncode, told.stderr) == (0, "")
    assert "gone" not in told.stdout
    done = graphlab("gone")
    assert done.returncode == 1
    assert done.stderr.startswith("error: command 'gone' of acme-gone 1.2 cannot be loaded: ModuleNotFoundError: ")
    assert len(done.stderr.splitlines()) == 1


def test_choices_of_options_are_those_of_the_registries(
    package: Callable[..., Path], graphlab: Callable[..., Any]
) -> None:
    offers = {"graphlab.languages": {"gremlin": "acme_words:X"}, "graphlab.executors": {"turbo": "acme_words:X"}}
    package("acme_words", offers, "X = 3")
    told = graphlab("query", "g", "A -> B", "--engine", "trubo").stderr
    assert "'--engine': unknown choice 'trubo'; did you mean 'turbo'?" in told
    for verb in (("query", "g", "A -> B"), ("motifs", "g", "--pattern", "A -> B")):
        told = graphlab(*verb, "--language", "gremlim").stderr
        assert "'--language': unknown choice 'gremlim'; did you mean 'gremlin'?" in told
