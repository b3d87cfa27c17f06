from __future__ import annotations

import json
import math
from typing import Any

import pytest

from gpu_embed.ffn.architecture import FfnArchitecture, check_weights, found_depth, variables
from ingest.schema.errors import SchemaError


def test_the_published_network_in_numbers() -> None:
    a = FfnArchitecture()
    assert sum(math.prod(v.shape) for v in variables(12, 32, False)) == 638_433
    assert a.flops() == pytest.approx(45.8e9, rel=0.005)
    assert a.margin == (16, 16, 16)
    assert FfnArchitecture.from_json(json.loads(json.dumps(a.to_json()))) == a


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"depth": 0}, "depth 0"),
        ({"fov": (33, 32, 33)}, "odd numbers"),
        ({"fov": (33, 33)}, "three whole numbers, ZYX"),
        ({"deltas": (8, 8, 17)}, "0 to half"),
        ({"deltas": (0, 0, 0)}, "0 voxels along every axis"),
        ({"deltas": (8, 8.5, 8)}, "three whole numbers"),
    ],
)
def test_numbers_that_make_no_network(numbers: dict[str, Any], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        FfnArchitecture(**numbers)


def test_weights_of_another_depth_say_theirs() -> None:
    shapes = {v.ours: v.shape for v in variables(9, 32, False)}
    check_weights(FfnArchitecture(depth=9), shapes)
    assert found_depth({name.rpartition(".")[0] for name in shapes}) == 9
    with pytest.raises(SchemaError, match=r"conv9_a.weight is missing.*They are of depth 9\. Name the settings"):
        check_weights(FfnArchitecture(depth=12), shapes)
    with pytest.raises(SchemaError, match=r"conv0_a.weight is \(32, 2, 3, 3, 3\), wanted \(16, 2, 3, 3, 3\)"):
        check_weights(FfnArchitecture(depth=9, features=16), shapes)
