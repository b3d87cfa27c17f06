"""Another recipe: the connections made anew from the synapses, recorded as a run."""

from __future__ import annotations

from graphlab.store.folder import Folder
from graphlab.store.incoming_rows import is_virtual
from graphlab.store.runs.results import start_run
from graphlab.store.wiring.rebuild import rebuild_connections
from graphlab.store.wiring.recipe import Recipe
from ingest.schema.errors import SchemaError


def change_recipe(folder: Folder, recipe: Recipe) -> None:
    """Make connections by ``recipe`` from now on; the data version moves on, as after a source.

    Raises:
        SchemaError: the chemical connections came ready, so there is nothing a recipe could make; ``min_score``
            where no source brought scores.
    """
    run = start_run(folder, "recipe", recipe.to_dict())
    origins = dict(folder.connection.execute("SELECT kind, origin FROM pair_sources").fetchall())
    if origins and "synapses" not in origins.values():
        raise SchemaError(
            "the connections of this graph came ready, not from single synapses, so a recipe has nothing to make "
            "them from; filter by weight where you ask (min_weight), or ingest the synapses into a separate graph"
        )
    if recipe.min_score is not None and origins and is_virtual(folder.connection, "synapses", "score"):
        raise SchemaError(
            f"the synapses of this graph have no scores, so min_score {recipe.min_score:g} would leave none out; "
            "ingest synapses with a column score, or leave min_score away"
        )
    known = Recipe(**(folder.meta("recipe") or {}))
    with folder.transaction() as connection:
        folder.set_meta("recipe", recipe.to_dict())
        if recipe != known:
            notes = rebuild_connections(connection, recipe)
            run.finish_in(connection, "; ".join(notes), moves_data=True)
