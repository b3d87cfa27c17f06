"""What several verbs of the command line share: choices, arguments, and how their texts are read.

Tests: tests/graphlab/test_cli.py.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ingest.schema.errors import AnalysisError, GraphlabError, SchemaError, did_you_mean


class As(StrEnum):
    neurons = "neurons"
    synapses = "synapses"
    connections = "connections"
    skeletons = "skeletons"
    embeddings = "embeddings"
    recordings = "recordings"
    behavior = "behavior"


class Kind(StrEnum):
    chemical = "chemical"
    electrical = "electrical"
    extrasynaptic = "extrasynaptic"


class Duplicates(StrEnum):
    sum = "sum"
    first = "first"
    refuse = "refuse"


class Unknown(StrEnum):
    add = "add"
    keep = "keep"
    refuse = "refuse"


def engines() -> list[str]:
    """Engines that may be asked for, those of other packages among them."""
    from queries.engine import EXECUTORS

    return ["auto", *EXECUTORS.names()]


def languages() -> list[str]:
    """Query languages, those of other packages among them."""
    from queries.languages.language import LANGUAGES

    return LANGUAGES.names()


def one_of(names: Callable[[], list[str]]) -> Callable[[str | None], str | None]:
    """A check of an option whose choices are known only when it is used."""

    def checked(value: str | None) -> str | None:
        if value is not None and value not in names():
            raise typer.BadParameter(f"unknown choice {value!r}{did_you_mean(value, names())}")
        return value

    return checked


GraphPath = Annotated[Path, typer.Argument(metavar="GRAPH", help="The graph folder.")]
Engine = Annotated[
    str,
    typer.Option(
        callback=one_of(engines),
        autocompletion=engines,
        metavar="NAME",
        help="Which engine answers: auto, duckdb, csr, or one of another package.",
    ),
]
Language = Annotated[
    str | None,
    typer.Option(
        callback=one_of(languages),
        autocompletion=languages,
        metavar="NAME",
        help="Of the question: pgq, dotmotif, cypher, sql, or one of another package; by the text itself when absent.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document; ids as text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]


def table(path: Path | None) -> Path | None:
    """Where an answer may be written: looked at before the work, not after it."""
    if path is None:
        return None
    from graphlab.exchange.table_files import checked_table

    return checked_table(path)


def page(path: Path | None) -> Path | None:
    """Where a report may be written."""
    from graphlab.store.files.places import checked_output

    return None if path is None else checked_output(path)


def outside(path: Path | None) -> Path | None:
    """A folder or file that is none of a graph."""
    from graphlab.store.files.places import checked_folder

    return None if path is None else checked_folder(path)


Output = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", callback=table, help="Write .parquet .csv .tsv .xlsx .feather .arrow .json instead."
    ),
]
Page = Annotated[Path | None, typer.Option("-o", "--output", callback=page, help="Where to write the HTML file.")]
MotifKind = Annotated[
    str,
    typer.Option(
        metavar="KIND",
        help="Which edges: chemical, electrical or extrasynaptic; of the latest run, or another with @RUN: response, "
        "correlation or lagged_predictive.",
    ),
]
CompartmentOption = Annotated[
    str | None,
    typer.Option(
        "--compartment",
        metavar="NAME",
        help="Only what pairs have there: axo-dendritic, axo-axonic, dendro-dendritic, ... or labels (axon->soma, * "
        "for any, unknown for none); several with commas.",
    ),
]


def workers_of(text: str) -> Any:
    """``4`` as a number of threads, ``ray`` and ``ray:HOST:PORT`` as a runner.

    Raises:
        AnalysisError: another text.
    """
    name, _, address = text.partition(":")
    if name == "ray":
        from graphlab.distributed.ray_tasks import RayTasks

        return RayTasks(address=address or None)
    if not re.fullmatch(r"0*[1-9][0-9]{0,5}", text):
        raise AnalysisError(f"found {text!r} workers; wanted a number from 1 on, ray, or ray:HOST:PORT")
    return int(text)


MinWeight = Annotated[float, typer.Option(help="Connections below it are left out.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same bytes.", min=0)]
TypedBy = Annotated[str, typer.Option(metavar="COLUMN", help="Column of neurons with the types.")]
Workers = Annotated[
    Any,
    typer.Option(
        metavar="N|ray|ray:HOST:PORT",
        parser=workers_of,
        help="Threads, every core when absent; or processes of a Ray cluster: of this machine, or that of HOST:PORT.",
    ),
]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="No progress bars (off anyway without a terminal).")]


def text_of(text: str) -> str:
    if text == "-":
        try:
            return sys.stdin.read()
        except UnicodeDecodeError as error:
            raise _not_utf8("what comes in", error) from None
    return _read(text[1:], "", "a file with the question") if text.startswith("@") else text


def _read(name: str, prefix: str, wanted: str) -> str:
    """The text of the file behind an @.

    Raises:
        GraphlabError: there is none, or it is no UTF-8.
    """
    path = Path(name)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(f"{prefix}{path}", error) from None
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        is_there = isinstance(error, OSError) and not isinstance(error, FileNotFoundError)
        problem = f"cannot be read ({error.strerror})" if is_there and isinstance(error, OSError) else "does not exist"
        raise GraphlabError(f"{prefix}{path} {problem}; @FILE names {wanted}") from None


def _not_utf8(what: str, error: UnicodeDecodeError) -> GraphlabError:
    byte = error.object[error.start]
    return GraphlabError(f"{what}: found the byte 0x{byte:02x} at {error.start}; wanted UTF-8 text. Save it as UTF-8")


def lines_of(name: str, wanted: str) -> list[str]:
    """The lines of a file that are not empty, without blanks around them."""
    lines = [line.strip() for line in _read(name, "", wanted).splitlines() if line.strip()]
    if not lines:
        raise GraphlabError(f"{name} holds nothing; wanted {wanted}")
    return lines


def columns_of(text: str | None) -> str | dict[str, str] | None:
    """A preset with or without OURS=THEIRS pairs, or such pairs alone."""
    from ingest.columns import said

    preset, named = said(text)
    return text if preset else named or None


def parameters_of(items: list[str] | None) -> dict[str, Any] | None:
    """Values for ``$name``: texts as they are, JSON lists and quoted texts as JSON, ``@FILE`` as a list."""
    parameters = {name: _parameter(name, value) for name, value in pairs_of(items, "--parameter")}
    return parameters or None


def _parameter(name: str, value: str) -> Any:
    if value.startswith("@"):
        text = _read(value[1:], f"--parameter {name}: ", "a list, one value a line or JSON")
        return _listed(name, text, value[1:])
    return _json(name, value, "the value") if value.startswith(("[", '"')) else value


def _listed(name: str, text: str, where: str) -> list[Any]:
    """A JSON list, or a value a line: whole numbers where every line is one, otherwise texts."""
    if text.lstrip().startswith("["):
        values: list[Any] = _json(name, text, where)
        return values
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise GraphlabError(f"--parameter {name}: {where} holds no value; wanted one a line, or a JSON list")
    return [int(line) for line in lines] if all(re.fullmatch(r"\d+", line, re.ASCII) for line in lines) else list(lines)


def _json(name: str, text: str, where: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError as error:
        raise GraphlabError(
            f"--parameter {name}: {where} is no JSON: {error}; wanted for example '[720575940603560295, 7]' or "
            f'\'["Mi1", "Tm3"]\', or @FILE with one value a line'
        ) from None


def pairs_of(items: list[str] | None, flag: str) -> list[tuple[str, str]]:
    pairs = []
    for item in items or []:
        name, equals, value = item.partition("=")
        if not (name and equals):
            raise GraphlabError(f"{flag}: found {item!r}; wanted NAME=VALUE")
        pairs.append((name.strip(), value.strip()))
    return pairs


def voxels_of(text: str | None, flag: str) -> tuple[int, ...] | None:
    """Three whole numbers X,Y,Z of an option; None where it is not given.

    Raises:
        SchemaError: anything else.
    """
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 3 or not all(re.fullmatch(r"\s*-?[0-9]+\s*", part) for part in parts):
        raise SchemaError(f"{flag}: found {text!r}; wanted three whole numbers X,Y,Z in voxels")
    return tuple(int(part) for part in parts)
