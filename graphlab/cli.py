"""The command line: the verbs in the order of the work, errors as one message, exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import typer

from graphlab.commands import activity, asking, counting, embedding, joining, keeping, mining, predicting, showing
from graphlab.commands.choices import Verb
from ingest.errors import GraphlabError, InterruptedRun

VERBS: tuple[Callable[..., Any], ...] = (
    showing.demo,
    keeping.init,
    keeping.ingest,
    keeping.recipe,
    keeping.signs,
    joining.join_embeddings,
    joining.place_synapses,
    keeping.info,
    asking.query,
    counting.motifs,
    mining.mine,
    mining.instances,
    counting.rerun,
    activity.correlate,
    activity.drop_animal,
    predicting.predict,
    showing.report,
    embedding.convert_checkpoint,
    embedding.embed,
    embedding.aggregate_embeddings,
)

app = typer.Typer(
    name="graphlab",
    help="Graph analytics over connectome embeddings: a local graph folder, SQL-like patterns, exact motifs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def stoppable(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The verb, saying at Ctrl-C what was kept: typer itself would only exit."""

    @wraps(verb)
    def told(*arguments: Any, **options: Any) -> Any:
        try:
            return verb(*arguments, **options)
        except InterruptedRun as stopped:
            typer.echo(str(stopped), err=True)
        except KeyboardInterrupt:
            typer.echo("stopped; what was finished is kept", err=True)
        except SystemError as error:
            # What a Numba kernel makes of Ctrl-C.
            if not isinstance(error.__cause__, KeyboardInterrupt):
                raise
            typer.echo("stopped; what was finished is kept", err=True)
        raise typer.Exit(130)

    return told


for verb in VERBS:
    app.command(cls=Verb)(stoppable(verb))
training = typer.Typer(name="train", help="Train predictors, test them honestly, save one.", no_args_is_help=True)
for verb in predicting.TRAIN:
    training.command(cls=Verb)(stoppable(verb))
app.add_typer(training)


def main() -> None:
    """Entry point: our errors become one message and exit code 1; wrong usage exits with 2."""
    try:
        app()
    except GraphlabError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(1) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(0) from None
    except OSError as error:
        if not isinstance(error.filename, str | bytes):
            raise
        # Files are written beside their place and then moved, so it is the folder that people know.
        place = Path(os.fsdecode(error.filename))
        folder = place.parent if place.name.startswith(".") else place
        typer.echo(f"error: {folder}: {error.strerror}. Choose a place that you may use", err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
