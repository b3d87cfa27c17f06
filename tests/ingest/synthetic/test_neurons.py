import numpy as np
import pyarrow as pa

from ingest.schema.words import NEURONS
from ingest.synthetic.neurons import SUPER_CLASSES, VOLUME_NM, Seeds, make_neurons


def test_neurons_are_rows_of_the_table_with_ids_past_a_floats_reach() -> None:
    made = make_neurons(500, 12, Seeds.of(1))
    table = pa.Table.from_batches(made.batches())
    assert table.num_rows == 500
    for field in table.schema:
        assert field.type == NEURONS.column(field.name).type
    ids = table["root_id"].to_numpy()
    assert np.all(np.diff(ids.astype(np.int64)) > 0)
    assert int(ids[0]) > 2**53
    assert set(table["super_class"].to_pylist()) == set(SUPER_CLASSES)
    assert set(table["nt_type"].to_pylist()) == {"ACH", "GABA", "GLUT"}
    assert all(table[name].null_count == 0 for name in table.schema.names)


def test_types_lie_mirrored_and_inside_the_volume() -> None:
    made = make_neurons(4_000, 6, Seeds.of(2))
    assert np.all(made.position_nm >= 0)
    assert np.all(made.position_nm <= VOLUME_NM)
    for kind in range(6):
        left = made.position_nm[(made.type_of == kind) & (made.side_of == 0)].mean(axis=0)
        right = made.position_nm[(made.type_of == kind) & (made.side_of == 1)].mean(axis=0)
        mirrored = np.array([VOLUME_NM[0] - right[0], right[1], right[2]])
        assert np.all(np.abs(left - mirrored) < 0.03 * VOLUME_NM)


def test_every_type_has_neurons_and_every_name_is_its_own() -> None:
    made = make_neurons(50, 12, Seeds.of(3))
    assert np.bincount(made.type_of, minlength=12).min() >= 2
    assert len(set(made.type_names)) == 12


def test_a_passed_generator_and_its_seed_agree_and_streams_differ() -> None:
    assert Seeds.of(7) == Seeds.of(np.random.default_rng(7))
    assert Seeds.of(7) != Seeds.of(8)
    seeds = Seeds.of(7)
    draws = {seeds.generator(purpose, block).random() for purpose in range(6) for block in range(4)}
    assert len(draws) == 24
