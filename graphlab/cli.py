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
from typing import Annotated, Any, ClassVar

import typer

from graphlab import __version__
from graphlab.commands.choices import Place, Sections, single
from ingest.registry import Registry
from ingest.running.garbage import collect_late
from ingest.schema.errors import GraphlabError, InterruptedRun, PluginError


class Sets(Sections):
    """Neurons under names: save, list, check ids, from links."""

    sections: ClassVar[dict[str, dict[str, Place]]] = {
        "Commands": {
            "list": "everyday.sets:listed",
            "save": "everyday.sets:save",
            "remove": "everyday.sets:remove",
            "check": "everyday.sets:check",
            "from-link": "everyday.sets:from_link",
        }
    }


class Flow(Sections):
    """Where signals go through the wiring."""

    sections: ClassVar[dict[str, dict[str, Place]]] = {
        "Commands": {
            "signal": "circuits.flow:signal",
            "ranks": "circuits.flow:ranks",
            "effective": "circuits.flow:effective",
            "between": "circuits.flow:between",
            "max": "circuits.flow:maximal",
            "paths": "circuits.flow:paths",
            "diagram": "circuits.flow:diagram",
        }
    }


class Simulate(Sections):
    """Spikes and rates of a driven brain."""

    sections: ClassVar[dict[str, dict[str, Place]]] = {
        "Commands": {
            "spikes": "circuits.simulation:spikes",
            "rates": "circuits.simulation:rates",
            "doses": "circuits.simulation:doses",
            "silencing": "circuits.simulation:silencing",
            "responses": "circuits.simulation:responses",
        }
    }


class Train(Sections):
    """Train predictors, test them honestly, save one; networks on volumes."""

    sections: ClassVar[dict[str, dict[str, Place]]] = {
        "Commands": {
            "functional": "predicting:functional",
            "cell-type": "predicting:cell_type",
            "classifier": "predicting:classifier",
            "subcompartment": "predicting:subcompartment",
            "encoder": "training.encoders:encoder",
            "ffn": "segmentation.training:ffn",
        }
    }

    def list_commands(self, ctx: Any) -> list[str]:
        """Ours, then the tasks of other packages."""
        from graphlab.predict.tasks.registered import TASKS

        ours = super().list_commands(ctx)
        return [*ours, *(name for name in TASKS.names() if name not in ours)]

    def get_command(self, ctx: Any, name: str) -> Any:
        found = super().get_command(ctx, name)
        if found is not None or name not in self.list_commands(ctx):
            return found
        from graphlab.commands.predicting import trainer

        return single(name, trainer(name))


SECTIONS: dict[str, dict[str, Place]] = {
    "Every day": {
        "demo": "reports:demo",
        "init": "graphs:init",
        "ingest": "graphs:ingest",
        "drop-source": "graphs:drop_source",
        "info": "graphs:info",
        "describe": "graphs:describe",
        "runs": "reports:runs",
        "columns": "reports:columns",
        "query": "queries:query",
        "shell": "queries:shell",
        "neurons": "everyday.connecting:neurons",
        "connections": "everyday.connecting:connections",
        "adjacency": "everyday.connecting:adjacency",
        "partners": "everyday.connecting:partners",
        "synapses": "everyday.connecting:synapses",
        "paths": "everyday.following:paths",
        "neighbors": "everyday.following:neighbors",
        "similar": "everyday.following:similar",
        "at": "everyday.following:at",
        "profile": "everyday.following:profile",
        "subset": "everyday.parts:subset",
        "compare": "everyday.parts:compare",
        "link": "everyday.sets:link",
        "methods": "everyday.parts:methods",
        "report": "reports:report",
        "draw": "reports:draw",
        "serve": "servers.serve:serve",
        "rerun": "counting:rerun",
        "recipe": "graphs:recipe",
        "signs": "graphs:signs",
        "skeletons": "joins:skeletons",
        "sets": Sets,
    },
    "Motifs": {
        "motifs": "counting:motifs",
        "mine": "mining:mine",
        "instances": "mining:instances",
    },
    "Circuits": {
        "stats": "circuits.statistics:stats",
        "influence": "circuits.flow:influence",
        "cascade": "circuits.flow:cascade",
        "communities": "circuits.communities:communities",
        "spectral": "circuits.communities:spectral",
        "clusters": "circuits.communities:clusters",
        "match": "circuits.matching:match",
        "flow": Flow,
        "simulate": Simulate,
    },
    "Embeddings": {
        "join-embeddings": "joins:join_embeddings",
        "place-synapses": "joins:place_synapses",
        "embed": "embedding:embed",
        "aggregate-embeddings": "embedding:aggregate_embeddings",
        "map-embeddings": "embedding:map_embeddings",
        "export-embeddings": "embedding:export_embeddings",
        "convert-checkpoint": "embedding:convert_checkpoint",
    },
    "Segmentations": {
        "segment": "segmentation.segmenting:segment",
        "consensus-segmentation": "segmentation.agreeing:consensus_segmentation",
        "evaluate-segmentation": "segmentation.evaluating:evaluate_segmentation",
        "process-volume": "segmentation.processing:process_volume",
        "skeletonise": "segmentation.after:skeletonise",
        "make-synapses": "segmentation.after:make_synapses",
    },
    "Activity": {
        "correlate": "activity:correlate",
        "drop-animal": "activity:drop_animal",
    },
    "Predictors": {
        "predict": "predicting:predict",
        "label-synapses": "proofreading.queues:label_synapses",
        "merge-errors": "proofreading.queues:merge_errors",
        "split-errors": "proofreading.queues:split_errors",
        "unseen-types": "proofreading.queues:unseen_types",
        "models": "reports:models",
        "train": Train,
    },
    "Live": {
        "live": "live.following:live",
        "replay": "live.following:replay",
    },
}
"""Verbs and groups as ``--help`` lists them, each with the file of ``graphlab/commands`` and the function in it.

Those of ``Graph`` come first, then those of its namespaces. Only what is called is imported."""
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

    sections = SECTIONS

    def invoke(self, ctx: Any) -> Any:
        return interruptible(super().invoke)(ctx)

    def list_commands(self, ctx: Any) -> list[str]:
        ours = super().list_commands(ctx)
        return [*ours, *(name for name, _ in COMMANDS if name not in ours)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        return _foreign(cmd_name) if found is None and cmd_name in COMMANDS.names() else found


def _foreign(name: str) -> Any:
    """A command of another package, which speaks of its faults as ours do."""
    group = COMMANDS.get(name)
    command: Any = typer.main.get_command(group) if isinstance(group, typer.Typer) else single(name, group)
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

    command.name, command.rich_help_panel, command.invoke = name, "Other packages", told
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
            if hasattr(error, "exit_code"):  # wrong usage
                raise
            from graphlab.store.database import was_interrupted

            # An error after Ctrl-C comes from work that was cut short, so it is not shown.
            if not (was_interrupted(error) or _interrupted.is_set()):
                raise
            typer.echo(STOPPED, err=True)
        raise typer.Exit(130)

    return wrapper


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
    collect_late()
    try:
        _run()
    except KeyboardInterrupt:
        typer.echo(STOPPED, err=True)
        raise SystemExit(130) from None


def _refuse(message: str) -> None:
    from graphlab.commands.terminal import short

    typer.echo(short(message), err=True)


def _run() -> None:
    try:
        app()
    except GraphlabError as error:
        _refuse(f"error: {error}")
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
            _refuse(f"error: {str(error).splitlines()[0]}")
        elif os.environ.get(TRACEBACK):
            raise
        else:
            _refuse(own_fault(error))
        raise SystemExit(1) from None


def own_fault(error: Exception) -> str:
    """The message for an unexpected error."""
    return (
        f"error: {type(error).__name__}: {error}\nThis is a fault of graphlab, please report it; {TRACEBACK}=1 before "
        "the command shows where it happened"
    )


if __name__ == "__main__":
    main()
