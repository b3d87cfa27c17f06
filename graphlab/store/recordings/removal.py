"""An animal out of the graph: its recording, its behaviours, its identities, and the runs that brought only these."""

from __future__ import annotations

from contextlib import suppress

from graphlab.store.files import places
from graphlab.store.folder import Folder
from graphlab.store.runs.results import start_run
from graphlab.store.sources import ledger
from ingest.schema.errors import SchemaError, UnknownNameError


def drop_animal(folder: Folder, animal: str) -> list[str]:
    """Forget one recorded animal; results computed with it stay under their runs, of the data as they were then.

    Returns:
        What was dropped, in words. Its sources can be brought in again, with other identities for example.

    Raises:
        UnknownNameError: no such animal. SchemaError: nothing was recorded.
    """
    run = start_run(folder, "drop animal", {"animal": animal})
    rows = folder.connection.execute(
        "SELECT animal, part, file, run_id FROM recording_files ORDER BY animal, part, file"
    ).fetchall()
    known = sorted({str(row[0]) for row in rows})
    if not known:
        raise SchemaError("this graph has no recording, so no animal can be dropped")
    if animal not in known:
        raise UnknownNameError("animal", animal, known)
    mine = [row for row in rows if row[0] == animal]
    # A source that brought other animals, too, is still there; only one that has nothing left may come again.
    left = {row[3] for row in rows if row[0] != animal}
    gone = sorted({str(row[3]) for row in mine} - left)
    shared = sorted({str(row[3]) for row in mine} & left)
    notes = [f"animal {animal}: {len(mine):,} file{'s' if len(mine) != 1 else ''} of recording and behaviour dropped"]
    if shared:
        notes.append(
            f"{', '.join(shared)}: the source brought other animals, too, and counts as there; drop those as well to "
            "ingest it again, or ingest this animal from a separate file"
        )
    with folder.transaction() as connection:
        connection.execute("DELETE FROM recording_files WHERE animal = ?", [animal])
        connection.execute("DELETE FROM recorded_neurons WHERE animal = ?", [animal])
        for run_id in gone:
            connection.execute("DELETE FROM runs WHERE run_id = ?", [run_id])
            ledger.forget(connection, run_id)
        run.finish_in(connection, "; ".join(notes), moves_data=True)
    # After the transaction: a kill in between leaves files that no row names, which the next ingest sweeps away.
    for _, _, file, _ in mine:
        with suppress(OSError):
            places.stored(folder.path, places.RECORDINGS, file).unlink()
    return notes
