import math

import pytest

from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.schema.transmitters import NAMES, TRANSMITTER_MAPS, transmitter_map


def test_spellings_of_one_transmitter_have_one_sign() -> None:
    fly = transmitter_map("fly")
    assert [fly.sign(name) for name in ("ACH", "acetylcholine", " Ach ", "cholinergic")] == [1, 1, 1, 1]
    assert [fly.sign(name) for name in ("GABA", "glutamate", "HIST")] == [-1, -1, -1]


def test_unknown_stays_unknown() -> None:
    fly = transmitter_map("fly")
    assert fly.sign_all([None, "", "unclear", "dopamine", "SER", "octopamine"]) == [None] * 6
    assert transmitter_map("worm").sign("glutamate") is None


def test_the_cut_is_on_the_confidence_and_a_missing_one_passes() -> None:
    fly = transmitter_map("fly")
    assert fly.sign_all(["ACH"] * 4, [0.49, 0.5, None, math.nan]) == [None, 1, 1, 1]
    with pytest.raises(SchemaError, match="wanted a number from 0 to 1"):
        fly.sign("ACH", 87.0)


def test_glutamate_differs_between_animals() -> None:
    assert [transmitter_map(name).sign("GLUT") for name in ("fly", "worm", "mouse")] == [-1, None, 1]


def test_signs_are_signs_of_names_that_can_be_reached() -> None:
    for item in TRANSMITTER_MAPS.values():
        assert set(item.signs.values()) <= {1, -1}
        assert set(item.signs) <= set(NAMES.values())


def test_an_unknown_map_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mouse'"):
        transmitter_map("mose")
