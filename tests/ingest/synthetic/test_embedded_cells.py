"""Made cells: the same for the same seed, of one brain, with a truth that tables and skeletons repeat."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.schema.errors import UnknownNameError
from ingest.synthetic.embedded_cells import STEP_NM, WORLDS, made_cells


@pytest.mark.parametrize("world", WORLDS)
def test_cells_are_what_is_said_of_them(world: str) -> None:
    cells = made_cells(3, 60, world=world, strange=0.3, merged=0.2)
    again = made_cells(3, 60, world=world, strange=0.3, merged=0.2)
    assert cells.vectors.tobytes() == again.vectors.tobytes()
    assert not np.array_equal(cells.vectors[:50], made_cells(4, 60, world=world).vectors[:50])
    assert {"T", "U"} == {name[0] for name in cells.type}
    count = np.diff(cells.first)
    inside = cells.merged_at >= 0
    assert 0 < inside.mean() < 0.5
    assert ((cells.merged_at[inside] > 0) & (cells.merged_at[inside] < count[inside])).all()
    assert len(cells.vectors) == len(cells.radius_nm) == len(cells.compartment) == cells.first[-1]
    labelled = cells.neurons(1.0)["cell_type"].to_pylist()
    assert labelled == [name if name[0] == "T" else None for name in cells.type]
    rows = cells.embeddings()
    assert rows["root_id"].to_pylist() == cells.owner.tolist()
    first = cells.skeletons(0.5)[0]
    steps = np.linalg.norm(np.diff(first.points_nm, axis=0), axis=1)
    assert np.allclose(steps, STEP_NM)
    assert first.node_ids.tolist() == list(range(1, count[0] + 1))


def test_unlabelled_types_lie_where_the_world_says() -> None:
    def means(world: str) -> dict[str, np.ndarray]:
        cells = made_cells(1, 600, world=world, strange=0.4)
        owner = np.repeat(np.array(cells.type), np.diff(cells.first))
        return {name: cells.vectors[owner == name].mean(axis=0) for name in sorted(set(cells.type))}

    for name, there in means("apart").items():
        assert (np.linalg.norm(there[8:]) > 1.5) == name.startswith("U")
    between, beyond = means("between"), means("beyond")
    known = [between[name][:8] for name in between if name.startswith("T")]
    halves = [(a + b) / 2 for k, a in enumerate(known) for b in known[k + 1 :]]
    assert min(np.linalg.norm(between["U0"][:8] - half) for half in halves) < 0.7
    farthest = max(beyond, key=lambda name: float(np.linalg.norm(beyond[name])))
    assert farthest.startswith("U")


def test_worlds_have_names() -> None:
    with pytest.raises(UnknownNameError, match="between"):
        made_cells(0, 3, world="betwen")
