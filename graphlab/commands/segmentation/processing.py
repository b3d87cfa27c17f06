"""Verbs that work through volumes: process-volume.

Tests: tests/graphlab/commands/segmentation/test_processing.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from graphlab.commands.options import Json, NoProgress, Workers


def process_volume(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="JSON: Google's ProcessVolumeConfig.")],
    workers: Workers = None,
    json: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Filter a volume, mend its contrast or its segments, box by box; a stopped run goes on where it was."""
    from graphlab.commands.terminal import print_json, progress_bars
    from ingest.volumes.descriptors import read_json
    from ingest.volumes.processing.run import DESCRIPTOR, ProcessVolumeConfig
    from ingest.volumes.processing.run import process_volume as process

    asked = ProcessVolumeConfig.from_dict(read_json(config), str(config))
    notes: list[str] = []
    with progress_bars(off=no_progress or json) as bars:
        written = process(
            asked, workers=workers or os.cpu_count() or 1, progress=bars("processing boxes"), noted=notes.append
        )
    if json:
        print_json(written.to_dict())
    else:
        typer.echo(f"{asked.processor['name']}: {Path(asked.output_dir) / DESCRIPTOR}")
    for note in notes:
        typer.echo(f"  - {note}", err=json)
