"""The command line: the verbs in the order of the work, errors as one message, exit codes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from graphlab import __version__
from graphlab.commands import (
    activity,
    counting,
    embedding,
    graphs,
    joins,
    mining,
    predicting,
    queries,
    reports,
)
from graphlab.commands.choices import Sections, Verb
from graphlab.commands.circuits.communities import clusters, communities, spectral
from graphlab.commands.circuits.flow import FLOW, cascade, influence
from graphlab.commands.circuits.matching import match
from graphlab.commands.circuits.simulation import SIMULATE
from graphlab.commands.circuits.statistics import stats
from graphlab.commands.everyday import connecting, following, parts, sets
from graphlab.commands.live.following import live, replay
from graphlab.commands.proofreading.queues import label_synapses, merge_errors, split_errors, unseen_types
from graphlab.commands.segmentation.after import make_synapses, skeletonise
from graphlab.commands.segmentation.agreeing import consensus_segmentation
from graphlab.commands.segmentation.evaluating import evaluate_segmentation
from graphlab.commands.segmentation.processing import process_volume
from graphlab.commands.segmentation.segmenting import segment
from graphlab.commands.segmentation.training import ffn
from graphlab.commands.servers.serve import serve
from graphlab.commands.terminal import short
from graphlab.commands.training.encoders import encoder
from ingest.registry import Registry
from ingest.schema.errors import GraphlabError, InterruptedRun, PluginError

SECTIONS: dict[str, tuple[Callable[..., Any], ...]] = {
    "Every day": (
        reports.demo,
        graphs.init,
        graphs.ingest,
        graphs.drop_source,
        graphs.info,
        graphs.describe,
        reports.runs,
        reports.columns,
        queries.query,
        queries.shell,
        connecting.neurons,
        connecting.connections,
        connecting.adjacency,
        connecting.partners,
        connecting.synapses,
        following.paths,
        following.neighbors,
        following.similar,
        following.at,
        following.profile,
        parts.subset,
        parts.compare,
        sets.link,
        parts.methods,
        reports.report,
        reports.draw,
        serve,
        counting.rerun,
        graphs.recipe,
        graphs.signs,
        joins.skeletons,
    ),
    "Motifs": (counting.motifs, mining.mine, mining.instances),
    "Circuits": (stats, influence, cascade, communities, spectral, clusters, match),
    "Embeddings": (
        joins.join_embeddings,
        joins.place_synapses,
        embedding.embed,
        embedding.aggregate_embeddings,
        embedding.map_embeddings,
        embedding.convert_checkpoint,
    ),
    "Segmentations": (
        segment,
        consensus_segmentation,
        evaluate_segmentation,
        process_volume,
        skeletonise,
        make_synapses,
    ),
    "Activity": (activity.correlate, activity.drop_animal),
    "Predictors": (predicting.predict, label_synapses, merge_errors, split_errors, unseen_types, reports.models),
    "Live": (live, replay),
}
"""The verbs as ``--help`` groups them: those of ``Graph`` first, then those of its namespaces."""
VERBS = tuple(verb for verbs in SECTIONS.values() for verb in verbs)
COMMANDS: Registry[Callable[..., Any] | typer.Typer] = Registry("command", "graphlab.commands")
"""Verbs of other packages: functions as ours are, or groups of them."""

_show_warning = warnings.showwarning
STOPPED = "stopped; what was finished is kept"
_interrupted = threading.Event()
"""Set by Ctrl-C."""
TRACEBACK = "GRAPHLAB_TRACEBACK"
"""Set to anything, it shows where an unexpected error happened."""


class CommandLine(Sections):
    """The whole command line: our verbs, then those of other packages, looked for where none of ours is meant."""

    def list_commands(self, ctx: Any) -> list[str]:
        ours = super().list_commands(ctx)
        return [*ours, *(name for name, _ in COMMANDS if name not in ours)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        return _foreign(cmd_name) if found is None and cmd_name in COMMANDS.names() else found


def _foreign(name: str) -> Any:
    """A command of another package, which speaks of its faults and stops as ours do."""
    group = COMMANDS.get(name)
    if not isinstance(group, typer.Typer):
        verb, group = group, typer.Typer(rich_markup_mode=None)
        group.command(cls=Verb)(verb)
    command: Any = typer.main.get_command(group)
    invoke = command.invoke

    @wraps(invoke)
    def told(ctx: Any) -> Any:
        try:
            return invoke(ctx)
        except (GraphlabError, OSError, typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if hasattr(error, "exit_code") or os.environ.get(TRACEBACK):  # the former is wrong usage
                raise
            why = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise PluginError(
                f"command {name!r} of {COMMANDS.origin(name)}: {why}. This is a fault of that package; {TRACEBACK}=1 "
                "before the command shows where it happened"
            ) from error

    command.name, command.rich_help_panel, command.invoke = name, "Other packages", interruptible(told)
    return command


app = typer.Typer(
    name="graphlab",
    help="Graph analytics over connectome embeddings: a local graph folder, SQL-like patterns, exact motifs.",
    cls=CommandLine,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"graphlab {__version__}")
        raise typer.Exit


@app.callback()
def _everywhere(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def interruptible(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The verb, saying at Ctrl-C what was kept: typer itself would only exit."""

    @wraps(verb)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        _interrupted.clear()  # of a verb before, where several run in one process
        try:
            return verb(*arguments, **options)
        except InterruptedRun as stopped:
            typer.echo(str(stopped), err=True)
        except (typer.Exit, typer.Abort, SystemExit):
            raise
        except BaseException as error:
            from graphlab.store.database import was_interrupted

            # An error after Ctrl-C comes from work that was cut short, so it is not shown.
            if not (was_interrupted(error) or _interrupted.is_set()):
                raise
            typer.echo(STOPPED, err=True)
        raise typer.Exit(130)

    return wrapper


for section, verbs in SECTIONS.items():
    for verb in verbs:
        app.command(cls=Verb, rich_help_panel=section)(interruptible(verb))


kept = typer.Typer(
    name="sets", cls=Sections, help="Neurons under names: save, list, check ids, from links.", no_args_is_help=True
)
for word, managed in sets.SETS.items():
    kept.command(word, cls=Verb)(interruptible(managed))
app.add_typer(kept, rich_help_panel="Every day")


class Tasks(Sections):
    """Verbs of ``graphlab train``: ours, and one for each task that another package offers."""

    def list_commands(self, ctx: Any) -> list[str]:
        from graphlab.predict.tasks.registered import TASKS

        ours = super().list_commands(ctx)
        return [*ours, *(name for name in TASKS.names() if name not in ours)]

    def get_command(self, ctx: Any, name: str) -> Any:
        found = super().get_command(ctx, name)
        if found is not None or name not in self.list_commands(ctx):
            return found
        alone = typer.Typer(add_completion=False)
        alone.command(name, cls=Verb)(interruptible(predicting.trainer(name)))
        return typer.main.get_command(alone)


training = typer.Typer(
    name="train",
    cls=Tasks,
    help="Train predictors, test them honestly, save one; networks on volumes.",
    no_args_is_help=True,
)
for verb in (*predicting.TRAIN, encoder, ffn):
    training.command(cls=Verb)(interruptible(verb))
app.add_typer(training, rich_help_panel="Predictors")

flow = typer.Typer(name="flow", cls=Sections, help="Where signals go through the wiring.", no_args_is_help=True)
for name, verb in FLOW.items():
    flow.command(name, cls=Verb)(interruptible(verb))
app.add_typer(flow, rich_help_panel="Circuits")

simulate = typer.Typer(name="simulate", cls=Sections, help="Spikes and rates of a driven brain.", no_args_is_help=True)
for verb in SIMULATE:
    simulate.command(cls=Verb)(interruptible(verb))
app.add_typer(simulate, rich_help_panel="Circuits")


def _notice(number: int, frame: FrameType | None) -> None:
    _interrupted.set()
    signal.default_int_handler(number, frame)


def _unraisable(unraisable: Any) -> None:
    """Ctrl-C that met a callback, where Python can only print it, is not printed: the verb ends by itself."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)


def _tell(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    """Warnings for people are notes; those for developers stay as they are."""
    if category.__module__.startswith("graphlab"):
        typer.echo(f"note: {message}", err=True)
    else:
        _show_warning(message, category, *place, **more)


def main() -> None:
    """Entry point: our errors become one message and exit code 1; wrong usage exits with 2, Ctrl-C with 130."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _notice)
        sys.unraisablehook = _unraisable
    warnings.showwarning = _tell
    try:
        _run()
    except KeyboardInterrupt:
        typer.echo(STOPPED, err=True)
        raise SystemExit(130) from None


def _run() -> None:
    try:
        app()
    except GraphlabError as error:
        typer.echo(short(f"error: {error}"), err=True)
        raise SystemExit(1) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(0) from None
    except OSError as error:
        if not isinstance(error.filename, str | bytes):
            typer.echo(f"error: {error.strerror or str(error).splitlines()[0]}", err=True)
            raise SystemExit(1) from None
        # Files are written beside their place and then moved, so it is the folder that people know.
        place = Path(os.fsdecode(error.filename))
        folder = place.parent if place.name.startswith(".") else place
        typer.echo(f"error: {folder}: {error.strerror}. Choose a place that you may use", err=True)
        raise SystemExit(1) from None
    except Exception as error:
        # What the database says of a disk that fails under it, wherever it was met.
        if type(error).__module__.startswith(("duckdb", "_duckdb", "pyarrow")):
            typer.echo(short(f"error: {str(error).splitlines()[0]}"), err=True)
        elif os.environ.get(TRACEBACK):
            raise
        else:
            typer.echo(short(own_fault(error)), err=True)
        raise SystemExit(1) from None


def own_fault(error: Exception) -> str:
    """The message for an unexpected error."""
    return (
        f"error: {type(error).__name__}: {error}\nThis is a fault of graphlab, please report it; {TRACEBACK}=1 before "
        "the command shows where it happened"
    )


if __name__ == "__main__":
    main()
