"""A folded encoder as an ONNX model, the one form that ONNX Runtime and OpenVINO both read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gpu_embed.encoder.folded import GREY, Convolution, FoldedBlock, FoldedEncoder
from gpu_embed.encoder.paired_planes import paired_blocks
from ingest.schema.errors import MissingExtraError

OPSET = 17
IR_VERSION = 10
INPUT, OUTPUT = "crops", "embeddings"


def onnx_model(folded: FoldedEncoder, batch: int | None = None, *, paired: bool = False) -> bytes:
    """The serialised model: ``crops`` uint8 [B, Z, Y, X] to ``embeddings`` float32 [B, outputs].

    Args:
        batch: a fixed number of crops, or None for any.
        paired: planes in pairs (``gpu_embed.encoder.paired_planes``): fewer operations, other roundings; for fp32.

    Raises:
        MissingExtraError: onnx is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("onnx", "embed") from None
    writer = _Writer(onnx)
    a = folded.architecture
    x = writer.node("Cast", [INPUT], to=onnx.TensorProto.FLOAT)
    x = writer.node("Mul", [x, writer.constant(np.float32(1.0 / GREY))])
    x = writer.node("Unsqueeze", [x, writer.constant(np.array([1], dtype=np.int64))])
    x = writer.convolution(x, folded.stem)
    if not a.published:
        x = writer.node("Relu", [x])
    x = writer.node("MaxPool", [x], kernel_shape=[3] * 3, strides=[2] * 3, pads=[1] * 6)
    if paired:
        x = paired_blocks(writer, x, folded)
    else:
        for block in folded.blocks:
            x = writer.block(x, block)
    x = writer.node("Flatten", [writer.node("GlobalAveragePool", [x])])
    for i, layer in enumerate(folded.head):
        x = writer.node("Gemm", [x, writer.constant(layer.weight), writer.constant(layer.bias)], transB=1)
        if i < len(folded.head) - 1:
            x = writer.node("Relu", [x])
    writer.node("Identity", [x], output=OUTPUT)
    helper, kinds = onnx.helper, onnx.TensorProto
    shape: Sequence[int | str] = [batch or "B", a.crop, a.crop, a.crop]
    graph = helper.make_graph(
        writer.nodes,
        a.name,
        [helper.make_tensor_value_info(INPUT, kinds.UINT8, shape)],
        [helper.make_tensor_value_info(OUTPUT, kinds.FLOAT, [batch or "B", a.outputs])],
        writer.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return bytes(model.SerializeToString())


class _Writer:
    """Nodes and constants with running names."""

    def __init__(self, onnx: Any) -> None:
        self._onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: npt.NDArray[Any] | np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(self._onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], *, output: str = "", **attributes: Any) -> str:
        output = output or f"x{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(kind, inputs, [output], **attributes))
        return output

    def convolution(self, x: str, conv: Convolution) -> str:
        return self.node(
            "Conv",
            [x, self.constant(conv.weight), self.constant(conv.bias)],
            kernel_shape=list(conv.weight.shape[2:]),
            strides=[conv.stride] * 3,
            pads=[conv.padding] * 6,
        )

    def per_channel(self, kind: str, x: str, values: npt.NDArray[np.float32]) -> str:
        return self.node(kind, [x, self.constant(values.reshape(1, -1, 1, 1, 1))])

    def block(self, x: str, block: FoldedBlock) -> str:
        y = self.convolution(self.beginning(self.convolution(x, block.conv0), block), block.conv1)
        return self.ending(y, self.convolution(x, block.shortcut) if block.shortcut is not None else x, block)

    def beginning(self, y: str, block: FoldedBlock) -> str:
        """What follows the first convolution."""
        y = self.node("Relu", [y])
        return y if block.shift0 is None else self.per_channel("Add", y, block.shift0)

    def ending(self, y: str, shortcut: str, block: FoldedBlock) -> str:
        """What follows the second convolution."""
        if block.scale1 is not None:
            y = self.per_channel("Mul", self.node("Relu", [y]), block.scale1)
        if block.shift1 is not None:
            y = self.per_channel("Add", y, block.shift1)
        return self.node("Relu", [self.node("Add", [y, shortcut])])
