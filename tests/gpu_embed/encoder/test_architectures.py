from __future__ import annotations

import pytest

from gpu_embed.encoder.architectures import SEGCLR, STAGES, TINY, Architecture, architecture
from ingest.schema.errors import SchemaError, UnknownNameError


def test_sides_and_channels_of_the_published_network() -> None:
    assert [SEGCLR.side(stage) for stage in (0, 1, *STAGES)] == [65, 33, 33, 17, 9, 5]
    assert [SEGCLR.channels(stage) for stage in STAGES] == [64, 128, 256, 512]
    assert (SEGCLR.crop, SEGCLR.outputs, SEGCLR.features) == (129, 64, 512)


def test_operations_are_those_a_counter_counts() -> None:
    """74.74 GFLOP a crop was counted by torch's FlopCounterMode on a re-statement of Google's network."""
    assert SEGCLR.flops() / 1e9 == pytest.approx(74.74, abs=0.01)
    from torch import rand
    from torch.utils.flop_counter import FlopCounterMode

    from gpu_embed.encoder.network import Encoder

    with FlopCounterMode(display=False) as counter:
        Encoder(TINY).eval()(rand(1, 1, 33, 33, 33))
    assert counter.get_total_flops() == TINY.flops()


def test_a_name_nobody_registered_gets_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown encoder architecture 'segclr-tf3'; did you mean 'segclr-tf2'"):
        architecture("segclr-tf3")


def test_numbers_are_parameters() -> None:
    assert architecture("tiny", crop=65, width=8, outputs=128) == Architecture("tiny", 65, 8, 128)


@pytest.mark.parametrize("crop", [1, 32, 64, 128, 130])
def test_crops_whose_padding_would_be_lopsided_are_refused(crop: int) -> None:
    with pytest.raises(SchemaError, match="wanted 32 n"):
        Architecture("x", crop)


def test_nothing_below_one() -> None:
    with pytest.raises(SchemaError, match="must be 1 or more"):
        Architecture("x", 33, width=0)
