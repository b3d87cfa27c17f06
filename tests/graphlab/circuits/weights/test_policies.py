"""Policies of signs say what published models did, and unknown names are answered."""

from __future__ import annotations

import pytest

from graphlab.circuits.weights.policies import POLICIES, sign_policy
from ingest.schema.errors import UnknownNameError
from ingest.schema.transmitters import TRANSMITTER_MAPS


@pytest.mark.parametrize(
    ("policy", "signs"),
    [
        ("shiu", {"ACH": 1, "DA": 1, "SER": 1, "OCT": 1, "GABA": -1, "GLUT": -1, "HIS": None}),
        ("effectome", {"ACH": 1, "DA": 1, "SER": -1, "OCT": -1, "GABA": -1, "GLUT": -1, "TYR": None}),
        ("exclude monoamines", {"ACH": 1, "DA": 0, "SER": 0, "OCT": 0, "TYR": 0, "GABA": -1, "GLUT": -1, "HIS": -1}),
        ("worm", {"ACH": 1, "GABA": -1, "GLUT": None, "DA": None}),
    ],
)
def test_signs(policy: str, signs: dict[str, int | None]) -> None:
    assert {name: sign_policy(policy).sign(name) for name in signs} == signs
    assert sign_policy(policy).sign("acetylcholine") == 1
    assert sign_policy(policy).sign("kryptonite") is None


def test_every_transmitter_of_a_policy_is_known_by_its_own_word() -> None:
    for policy in POLICIES.values():
        assert {name: policy.sign(name) for name in policy.signs} == policy.signs


def test_the_maps_of_the_graph_are_policies_too() -> None:
    assert set(TRANSMITTER_MAPS) <= set(POLICIES)
    with pytest.raises(UnknownNameError, match="did you mean 'shiu'"):
        sign_policy("shui")
