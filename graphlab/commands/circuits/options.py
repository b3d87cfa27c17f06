"""What the verbs about circuits share: options about weights, neurons by ids or criteria, how results are shown.

Tests: tests/graphlab/commands/circuits/test_flow.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphlab.commands.everyday.who import criteria_of
from graphlab.commands.options import MinWeight, MotifKind, lines_of
from ingest.schema.errors import GraphlabError

if TYPE_CHECKING:
    from graphlab.circuits.result import CircuitResult

NEURONS = "ids, names, types or sets (1,KC), @FILE of them, or COLUMN=VALUE,VALUE; repeated, all have to hold"
Sources = Annotated[list[str], typer.Option("--source", metavar="NEURONS", help=f"Where signals start: {NEURONS}.")]
Targets = Annotated[list[str], typer.Option("--target", metavar="NEURONS", help=f"Where they end: {NEURONS}.")]


def _about_weights(
    kind: MotifKind = "chemical",
    min_weight: MinWeight = 0.0,
    denominator: Annotated[
        str, typer.Option(metavar="NAME", help="Fractions of the stored total input, or of that in-graph.")
    ] = "stored",
    within: Annotated[list[str] | None, typer.Option(metavar="NEURONS", help=f"Only these neurons: {NEURONS}.")] = None,
    signs: Annotated[
        str | None,
        typer.Option(
            metavar="POLICY",
            help="Signs by shiu, effectome, worm, 'exclude monoamines', fly, mouse or synthetic; none when absent.",
        ),
    ] = None,
    unknown_signs: Annotated[
        str, typer.Option(metavar="HOW", help="Connections without a sign: refuse, exclude, excite or inhibit.")
    ] = "refuse",
    sign_of: Annotated[
        list[str] | None, typer.Option(metavar="TYPE=SIGN", help="1, -1, or 0 to leave out, before the policy.")
    ] = None,
    transmitter_of: Annotated[
        str, typer.Option(metavar="WHOSE", help="The transmitter of the neuron, or of the connection itself.")
    ] = "neuron",
    min_confidence: Annotated[
        float | None, typer.Option(help="Less sure transmitters are unknown; the policy's own cut when absent.")
    ] = None,
    proofread: Annotated[
        bool, typer.Option("--proofread", help="Only proofread axons onto proofread dendrites.")
    ] = False,
    compartment: Annotated[
        str, typer.Option(metavar="NAME", help="Connections by compartment, where they are stored.")
    ] = "summed",
) -> None:
    """The options; their order is that of ``--help``."""


WEIGHTS = tuple(inspect.signature(_about_weights, eval_str=True).parameters.values())


def with_weights(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb with the options about weights after its own; it takes them as ``settings`` of ``graph.circuits``."""
    own = inspect.signature(verb, eval_str=True)
    names = [parameter.name for parameter in WEIGHTS]
    before = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]

    @wraps(verb)
    def wrapper(**given: Any) -> None:
        settings = {name: given.pop(name) for name in names}
        settings["within"] = neurons_of(settings["within"], "--within")
        settings["sign_of"] = _signs_of(settings["sign_of"]) or None
        verb(**given, **settings)

    everything = [*before, *WEIGHTS]
    wrapper.__signature__ = own.replace(parameters=everything)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in everything}
    return wrapper


def _signs_of(items: list[str] | None) -> dict[str, int]:
    signs = {}
    for item in items or []:
        name, _, value = item.rpartition("=")
        if not name or value.lstrip("+") not in ("1", "-1", "0"):
            raise GraphlabError(f"--sign-of: found {item!r}; wanted TYPE=1, TYPE=-1, or TYPE=0 to leave it out")
        signs[name] = int(value)
    return signs


def neurons_of(items: list[str] | None, flag: str) -> Any:
    """Ids, names or criteria as ``graph.circuits`` takes them; None where nothing was said.

    Digits may be an id or a name; the graph says which, and refuses what could be both.
    """
    criteria: dict[str, Any] = {}
    named: list[str] = []
    for item in items or []:
        if item.startswith("@"):
            named += lines_of(item[1:], "a list of neurons, one a line")
        elif "=" in item:
            for name, value in criteria_of(item).items():
                if name in criteria:
                    raise GraphlabError(f"{flag}: {name} is said twice; give its values with commas")
                criteria[name] = value
        else:
            named += [one.strip() for one in item.split(",") if one.strip()]
    if criteria and named:
        raise GraphlabError(f"{flag}: found both ids and COLUMN=VALUE; wanted one of the two")
    return criteria or named or None


def show(
    result: CircuitResult, output: Path | None, json: bool, title: str, *, shown: Sequence[str] | None = None
) -> None:
    """The rows as a table, a file or a document, with the run and every note.

    Args:
        shown: columns of the table on the terminal, of which empty ones are left out; all when None.
    """
    from graphlab.commands.terminal import print_json, print_table, rows_of, write_output

    about = {"run": result.run_id, "table": result.stored, **result.about, "notes": list(result.notes)}
    if output:
        write_output(result.to_arrow(), output, about if json else None)
    elif json:
        print_json({**about, "rows": rows_of(result.to_arrow())})
    else:
        table = result.to_arrow()
        if shown is not None:
            table = table.select([name for name in shown if table[name].null_count < max(table.num_rows, 1)])
        print_table(table, title=title)
    if not json:
        for note in result.notes:
            typer.echo(f"  - {note}")
        typer.echo(f"  - run {result.run_id}, table {result.stored}")
