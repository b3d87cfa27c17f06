"""What a line of the shell does: a question is asked, a word that begins with a dot sets or shows something."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ingest.schema.errors import GraphlabError, SchemaError, UnknownNameError

if TYPE_CHECKING:
    from graphlab.graph import Graph
    from queries.result import Result

SHOWN = 40
"""Rows printed of an answer; `.save` writes all of them."""


class Quit(Exception):
    """The person is done."""


@dataclass
class Session:
    """An open graph, how it is asked, and the last answer."""

    graph: Graph
    language: str | None = None
    engine: str = "auto"
    kind: str = "chemical"
    limit: int | None = None
    timing: bool = True
    json: bool = False
    """Every answer as one JSON document on a line of its own, and nothing beside it."""
    last: Result | None = field(default=None, repr=False)

    def respond(self, text: str) -> None:
        """Do what the text says and print it.

        Raises:
            GraphlabError: in one message; the session goes on. Quit: `.quit`.
        """
        text = text.strip().removesuffix(";").strip()
        if not text:
            return
        if text.startswith("."):
            self._command(text)
        else:
            self._ask(text)

    def _ask(self, text: str, **options: Any) -> None:
        from graphlab.commands.terminal import print_json, print_table, rows_of

        begun = time.perf_counter()
        answer = self.graph.query(
            text,
            language=self.language,
            engine=self.engine,
            kind=self.kind,
            limit=None if options else self.limit,
            **options,
        )
        seconds = time.perf_counter() - begun
        if not options.get("explain"):
            self.last = answer
        if self.json:
            print_json(rows_of(answer.to_arrow()))
            if answer.truncated:
                typer.echo(f"the first {len(answer):,} rows; there are more (.limit)", err=True)
            return
        print_table(answer.to_arrow(), limit=None if options else SHOWN)
        for note in answer.notes:
            typer.echo(f"note: {note}")
        if self.timing:
            rows = f"{len(answer):,} {'row' if len(answer) == 1 else 'rows'}"
            cut = f"; there are more (.limit is {self.limit:,})" if answer.truncated else ""
            typer.echo(f"{rows}{cut}, {seconds:.3f} s, {answer.engine}")

    def _command(self, text: str) -> None:
        word, *rest = text.split(maxsplit=1)
        if word not in COMMANDS:
            raise UnknownNameError("command", word, list(COMMANDS))
        COMMANDS[word].do(self, rest[0] if rest else "")


@dataclass(frozen=True)
class Command:
    """What a word with a dot takes, says of itself, and does."""

    takes: str
    about: str
    do: Callable[[Session, str], None]


def _help(session: Session, rest: str) -> None:
    typer.echo("A question ends with ; or with an empty line. Ctrl-C stops a question, Ctrl-D ends the shell.")
    width = max(len(f"{word} {command.takes}") for word, command in COMMANDS.items())
    for word, command in COMMANDS.items():
        typer.echo(f"  {f'{word} {command.takes}'.strip():{width}}  {command.about}")


def _choice(name: str, known: Callable[[], list[str]], default: str | None) -> Callable[[Session, str], None]:
    """A command that sets a field of the session to one of some names, or shows it."""

    def do(session: Session, rest: str) -> None:
        if rest:
            names = known()
            if rest not in names:
                raise UnknownNameError(name, rest, names)
            setattr(session, name, None if default is None and rest == "auto" else rest)
        typer.echo(f"{name}: {getattr(session, name) or 'auto'}")

    return do


def _languages() -> list[str]:
    from queries.engine import LANGUAGES

    return ["auto", *LANGUAGES.names()]


def _engines() -> list[str]:
    from queries.engine import EXECUTORS

    return ["auto", *EXECUTORS.names()]


def _kinds() -> list[str]:
    from ingest.schema.words import FUNCTIONAL_KINDS, KINDS

    return [*KINDS, *FUNCTIONAL_KINDS]


def _limit(session: Session, rest: str) -> None:
    if rest:
        if rest != "off" and not rest.isdecimal():
            raise SchemaError(f".limit takes a number of rows or off; found {rest!r}")
        session.limit = None if rest == "off" else int(rest)
    typer.echo("limit: off" if session.limit is None else f"limit: {session.limit:,} rows")


def _timing(session: Session, rest: str) -> None:
    if rest:
        if rest not in ("on", "off"):
            raise SchemaError(f".timing takes on or off; found {rest!r}")
        session.timing = rest == "on"
    typer.echo(f"timing: {'on' if session.timing else 'off'}")


def _asked(**options: Any) -> Callable[[Session, str], None]:
    def do(session: Session, rest: str) -> None:
        if not rest:
            raise SchemaError("wanted a question after it, such as .count MATCH (a)-[e]->(b) RETURN a.bodyId")
        session._ask(rest, **options)

    return do


def _save(session: Session, rest: str) -> None:
    from graphlab.exchange.table_files import checked_table, write_table

    if session.last is None:
        raise GraphlabError("there is no answer yet; ask something first")
    try:
        (name,) = shlex.split(rest)
    except ValueError:  # none, several, or a quote without its end
        raise SchemaError(
            ".save takes a file, in quotes where its name has spaces or quotes: .parquet, .csv, .tsv, .xlsx, "
            ".feather, .arrow or .json"
        ) from None
    path = checked_table(Path(name).expanduser())
    rows = write_table(session.last.to_arrow(), path)
    cut = " (cut by .limit; there are more)" if session.last.truncated else ""
    typer.echo(f"{rows:,} rows in {path}{cut}")


def _tables(session: Session, rest: str) -> None:
    for name, columns in session.graph.words()["relations"].items():
        typer.echo(f"{name}: {', '.join(column['name'] for column in columns)}")


def _columns(session: Session, rest: str) -> None:
    relations = session.graph.words()["relations"]
    if rest not in relations:
        raise UnknownNameError("table", rest, list(relations))
    width = max(len(column["name"]) for column in relations[rest])
    for column in relations[rest]:
        typer.echo(f"{column['name']:{width}}  {column['type']}")


def _values(session: Session, rest: str) -> None:
    from graphlab.commands.terminal import print_table

    column, _, prefix = rest.partition(" ")
    found = session.graph.values(column, prefix.strip())
    print_table(found.to_arrow())
    if found.truncated:
        typer.echo("there are more; .values COLUMN BEGINNING narrows them")


def _sets(session: Session, rest: str) -> None:
    from graphlab.commands.terminal import print_table

    print_table(session.graph.sets.list().to_arrow())


def _quit(session: Session, rest: str) -> None:
    raise Quit


_LANGUAGE = _choice("language", _languages, None)
_ENGINE = _choice("engine", _engines, "auto")
_KIND = _choice("kind", _kinds, "chemical")
COMMANDS: dict[str, Command] = {
    ".help": Command("", "this list", _help),
    ".tables": Command("", "tables and their columns", _tables),
    ".columns": Command("TABLE", "columns of a table with their types", _columns),
    ".values": Command("COLUMN [BEGINNING]", "values of a column of neurons, most neurons first", _values),
    ".sets": Command("", "saved sets; $NAME in a question is the set", _sets),
    ".language": Command("[NAME|auto]", "of questions to come; auto: by their first words", _LANGUAGE),
    ".engine": Command("[NAME]", "that answers: auto, duckdb, csr", _ENGINE),
    ".kind": Command("[NAME]", "of edges that a pattern means: chemical, electrical, ...", _KIND),
    ".limit": Command("[N|off]", "at most so many rows of an answer", _limit),
    ".timing": Command("[on|off]", "rows, seconds and engine below every answer", _timing),
    ".explain": Command("QUESTION", "how it would be answered, and why", _asked(explain=True)),
    ".count": Command("QUESTION", "only its number of rows", _asked(count=True)),
    ".save": Command("FILE", "the last answer as .parquet, .csv, .tsv, .xlsx, .feather, .arrow or .json", _save),
    ".quit": Command("", "end the shell, as Ctrl-D", _quit),
}  # fmt: skip
"""In the order of `.help`."""
