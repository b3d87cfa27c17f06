"""Links: a state that comes back whole from the address, ids as text, metres, no invented sources."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest

from graphlab.exchange.neuroglancer import KNOWN, VIEWER, NeuroglancerDataset, dataset_of, instance_link, link, state
from ingest.schema.errors import AnalysisError
from ingest.schema.space import Resolution

IDS = [720575940621039145, 2**63 + 11]


def read(address: str) -> dict:
    start, _, text = address.partition("#!")
    assert start == VIEWER
    return json.loads(unquote(text))


def test_a_state_survives_the_address() -> None:
    given = NeuroglancerDataset("precomputed://https://example.org/a b?c=#d", None, Resolution(4, 4, 40))
    made = state(IDS, [(400.0, 800.0, 4000.0), None], ['L2 "x"</script>', "Mi1"], given)
    back = read(link(made))
    assert back == made
    assert back["dimensions"] == {"x": [4e-9, "m"], "y": [4e-9, "m"], "z": [pytest.approx(4e-8), "m"]}
    segments, places = back["layers"]
    assert segments["segments"] == ["720575940621039145", str(2**63 + 11)]
    assert places["annotations"] == [
        {
            "type": "point",
            "id": "0",
            "point": [100.0, 200.0, 100.0],
            "description": 'L2 "x"</script> 720575940621039145',
        }
    ]
    assert back["position"] == [100.0, 200.0, 100.0]
    assert not set(' "<>') & set(link(made).partition("#!")[2])


def test_sources_only_where_they_are_known_or_given() -> None:
    assert dataset_of("FlyWire", "783").segmentation == KNOWN["flywire", "783"].segmentation
    assert dataset_of("FlyWire", "v783").resolution == Resolution(4, 4, 40)
    assert dataset_of("FlyWire", "630").segmentation is None
    assert dataset_of("my fly", "783", None, "8,8,8") == NeuroglancerDataset(None, None, Resolution(8, 8, 8))
    assert dataset_of(None, None, "precomputed://x").segmentation == "precomputed://x"
    layers = state(IDS, [(1.0, 2.0, 3.0), (3.0, 4.0, 5.0)])["layers"]
    assert [layer["type"] for layer in layers] == ["annotation"]
    assert layers[0]["annotations"][1]["point"] == [3.0, 4.0, 5.0]


def test_an_instance_without_place_and_source_has_no_link() -> None:
    row = {"neuron_0": 1, "neuron_1": 2, "neuron_2": 3}
    assert instance_link(row, 3, NeuroglancerDataset()) is None
    assert instance_link(row, 3, NeuroglancerDataset("precomputed://x")) is not None
    nowhere = {f"{axis}_nm_{k}": float("nan") for axis in "xyz" for k in range(3)}
    assert instance_link({**row, **nowhere}, 3, NeuroglancerDataset()) is None


def test_what_makes_no_link() -> None:
    with pytest.raises(AnalysisError, match="1 points for 2 neurons"):
        state(IDS, [(0.0, 0.0, 0.0)])
    with pytest.raises(AnalysisError, match="show fewer neurons"):
        link(state(range(10_000), dataset=NeuroglancerDataset("precomputed://x")))
