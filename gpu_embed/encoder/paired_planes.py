"""3^3 convolutions on pairs of planes: 4 plane convolutions where 6 would be, sums that differ in the last bits only.

Winograd's minimal filtering F(2, 3) along z (Lavin and Gray, CVPR 2016), in plain operations of a graph. Planes are
kept apart by parity, E = 0, 2, 4 ... and O = 1, 3, 5 ... (one plane of zeros at its end), so that nothing is gathered:

    even[k] = g0 O[k-1] + g1 E[k] + g2 O[k]  = p + q + (g0 O)[k-1] - (g0 O)[k]
    odd[k]  = g0 E[k] + g1 O[k] + g2 E[k+1]  = p - q + (g2 E)[k+1] - (g2 E)[k]

    with p = (g0 + g1 + g2)/2 (E + O)[k] and q = (g0 - g1 + g2)/2 (O - E)[k]; g0, g1, g2 the kernel's planes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gpu_embed.encoder.folded import Convolution, FoldedBlock, FoldedEncoder

STAGES = (2, 3, 4)
"""Where it pays: at 5 planes of the last stage a third of the work falls on the plane of zeros."""
Pair = tuple[str, str]


def paired_blocks(writer: Any, x: str, folded: FoldedEncoder) -> str:
    """All residual blocks of an encoder; ``x`` is what the stem's pooling gives. For batches of one size.

    Args:
        writer: of ``gpu_embed.engines.onnx_graph``.
    """
    return _Paired(writer, folded).blocks(x)


class _Paired:
    def __init__(self, writer: Any, folded: FoldedEncoder) -> None:
        self._w, self._folded = writer, folded

    def blocks(self, x: str) -> str:
        sides = {stage: self._folded.architecture.side(stage) for stage in (1, *STAGES)}
        blocks = self._folded.blocks
        pair = self._split(x, sides[1])
        for i, stage in enumerate(STAGES):
            first, second = blocks[2 * i : 2 * i + 2]
            half = (sides[stage] + 1) // 2
            if stage == STAGES[0]:
                pair = self._block(pair, first, half)
            else:
                wide = sides[stage]
                y, shortcut = self._halved(pair, first, wide)
                pair = self._second(self._split(y, wide), self._split(shortcut, wide), first, half)
            pair = self._block(pair, second, half)
        first, second = blocks[2 * len(STAGES) :]
        y, shortcut = self._halved(pair, first, (sides[STAGES[-1]] + 1) // 2)
        y = self._w.ending(self._w.convolution(y, first.conv1), shortcut, first)
        return str(self._w.block(y, second))

    def _block(self, pair: Pair, block: FoldedBlock, half: int) -> Pair:
        even, odd = (self._w.beginning(y, block) for y in self._convolution(pair, block.conv0, half))
        shortcut = pair
        if block.shortcut is not None:
            shortcut = self._planes(pair[0], block.shortcut), self._planes(pair[1], block.shortcut)
        return self._second((even, self._ended(odd, half)), shortcut, block, half)

    def _second(self, pair: Pair, shortcut: Pair, block: FoldedBlock, half: int) -> Pair:
        even, odd = self._convolution(pair, block.conv1, half)
        odd = self._w.ending(odd, shortcut[1], block)
        return self._w.ending(even, shortcut[0], block), self._ended(odd, half)

    def _convolution(self, pair: Pair, conv: Convolution, half: int) -> Pair:
        w, (even, odd) = self._w, pair
        g0, g1, g2 = _kernel_planes(conv)
        of_odd, of_even = self._conv(odd, g0), self._conv(even, g2)
        p = self._conv(w.node("Add", [even, odd]), (g0 + g1 + g2) / 2, conv.bias)
        q = self._conv(w.node("Sub", [odd, even]), (g0 - g1 + g2) / 2)
        first = w.node("Sub", [self._add(p, q, self._moved(of_odd, half, back=True)), of_odd])
        apart = w.node("Sub", [p, q])
        return first, w.node("Sub", [self._add(apart, self._moved(of_even, half, back=False)), of_even])

    def _halved(self, pair: Pair, block: FoldedBlock, half: int) -> tuple[str, str]:
        """First half of a block of stride 2, and its shortcut: every plane of the result, not in pairs."""
        (even, odd), (g0, g1, g2) = pair, _kernel_planes(block.conv0)
        stride = (1, 2, 2)
        before = self._moved(self._conv(odd, g0, None, stride), half, back=True)
        y = self._add(self._conv(even, g1, block.conv0.bias, stride), self._conv(odd, g2, None, stride), before)
        assert block.shortcut is not None
        return self._w.beginning(y, block), self._planes(even, block.shortcut, stride)

    def _conv(self, x: str, weight: Any, bias: Any = None, strides: tuple[int, int, int] = (1, 1, 1)) -> str:
        inputs = [x, self._w.constant(np.ascontiguousarray(weight, dtype=np.float32))]
        inputs += [] if bias is None else [self._w.constant(bias)]
        window = list(weight.shape[2:])
        pads = [0, *(side // 2 for side in window[1:])] * 2
        return str(self._w.node("Conv", inputs, kernel_shape=window, strides=list(strides), pads=pads))

    def _planes(self, x: str, conv: Convolution, strides: tuple[int, int, int] = (1, 1, 1)) -> str:
        return self._conv(x, conv.weight, conv.bias, strides)

    def _add(self, first: str, *others: str) -> str:
        for other in others:
            first = self._w.node("Add", [first, other])
        return first

    def _split(self, x: str, planes: int) -> Pair:
        return self._cut(x, 0, planes, 2), self._padded(self._cut(x, 1, planes, 2), 0, 1)

    def _moved(self, x: str, half: int, *, back: bool) -> str:
        """Plane k - 1 (``back``) or k + 1 at k, zeros beyond the ends."""
        return self._cut(self._padded(x, 1, 0), 0, half) if back else self._cut(self._padded(x, 0, 1), 1, half + 1)

    def _cut(self, x: str, start: int, stop: int, step: int = 1) -> str:
        limits = [self._w.constant(np.array([value], dtype=np.int64)) for value in (start, stop, 2, step)]
        return str(self._w.node("Slice", [x, *limits]))

    def _padded(self, x: str, before: int, after: int) -> str:
        pads = np.array([0, 0, before, 0, 0, 0, 0, after, 0, 0], dtype=np.int64)
        return str(self._w.node("Pad", [x, self._w.constant(pads)]))

    def _ended(self, odd: str, half: int) -> str:
        """The last plane of O is beyond the crop: zeros, as padding is."""
        kept = np.ones((1, 1, half, 1, 1), dtype=np.float32)
        kept[0, 0, -1] = 0
        return str(self._w.node("Mul", [odd, self._w.constant(kept)]))


def _kernel_planes(conv: Convolution) -> tuple[npt.NDArray[np.float64], ...]:
    weight = conv.weight.astype(np.float64)
    return weight[:, :, 0:1], weight[:, :, 1:2], weight[:, :, 2:3]
