"""Fields of view through OpenVINO on the CPU.

Tests: tests/gpu_embed/ffn/engines/test_choose.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gpu_embed.encoder.variables import Array
from gpu_embed.engines.openvino_core import openvino_core
from gpu_embed.ffn.architecture import INPUTS, FfnArchitecture, check_weights
from gpu_embed.ffn.engines.cpu_flags import bf16_flags
from gpu_embed.ffn.engines.protocol import FfnEngineOptions, InCalls
from gpu_embed.ffn.settings import Floats
from ingest.schema.errors import AnalysisError, MissingExtraError

HINTS = {"fp32": "f32", "bf16": "bf16"}
OPSET, IR_VERSION = 17, 10
INPUT, OUTPUT = "fields", "updates"


class OpenVinoFfnEngine(InCalls):
    """fp32, and bf16 where the CPU has instructions for it.

    Raises:
        AnalysisError: another device or precision, a network with layer norms.
    """

    name = "openvino"

    def __init__(self, architecture: FfnArchitecture, weights: Mapping[str, Array], options: FfnEngineOptions) -> None:
        if options.device not in ("auto", "cpu"):
            raise AnalysisError(f"engine 'openvino' runs on the CPU, not on {options.device!r}; engine 'torch' does")
        if options.precision not in HINTS:
            raise AnalysisError(f"engine 'openvino' has no {options.precision}; it has {', '.join(HINTS)}")
        if architecture.layer_norm:
            raise AnalysisError("engine 'openvino' computes networks without layer norms; engine 'torch' has them")
        check_weights(architecture, {name: tuple(value.shape) for name, value in weights.items()})
        core = openvino_core("ffn")
        if options.precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise AnalysisError("engine 'openvino': this CPU has no bf16 (avx512_bf16, amx_bf16); use fp32")
        self.flags = bf16_flags() if options.precision == "bf16" else ()
        self.batch = options.batch or 1
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": HINTS[options.precision],
            "PERFORMANCE_HINT": "LATENCY",
        }
        if options.threads:
            settings["INFERENCE_NUM_THREADS"] = options.threads
        self._model = core.compile_model(core.read_model(onnx_of(architecture, weights, self.batch)), "CPU", settings)

    def call(self, images: Floats, seeds: Floats) -> Floats:
        updates: Floats = self._model({INPUT: np.stack((images, seeds), axis=1)})[OUTPUT]
        return updates[:, 0] + seeds


def onnx_of(architecture: FfnArchitecture, weights: Mapping[str, Array], batch: int) -> bytes:
    """The network as a serialised ONNX model: [batch, 2, Z, Y, X] to updates [batch, 1, Z, Y, X].

    Raises:
        MissingExtraError: onnx is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("onnx", "ffn") from None
    helper, kinds = onnx.helper, onnx.TensorProto
    nodes: list[Any] = []
    constants: list[Any] = []

    def node(kind: str, inputs: list[str], **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [f"x{len(nodes)}"], **attributes))
        return f"x{len(nodes) - 1}"

    def convolution(layer: str, x: str) -> str:
        for part in ("weight", "bias"):
            constants.append(onnx.numpy_helper.from_array(weights[f"{layer}.{part}"], f"{layer}.{part}"))
        window = weights[f"{layer}.weight"].shape[2:]
        pads = [side // 2 for side in window] * 2
        return node("Conv", [x, f"{layer}.weight", f"{layer}.bias"], kernel_shape=list(window), pads=pads)

    x = convolution("conv0_b", node("Relu", [convolution("conv0_a", INPUT)]))
    for module in range(1, architecture.depth):
        y = convolution(f"conv{module}_a", node("Relu", [x]))
        x = node("Add", [x, convolution(f"conv{module}_b", node("Relu", [y]))])
    nodes.append(helper.make_node("Identity", [convolution("conv_lom", node("Relu", [x]))], [OUTPUT]))
    shapes = [[batch, channels, *architecture.fov] for channels in (INPUTS, 1)]
    graph = helper.make_graph(
        nodes,
        "ffn",
        [helper.make_tensor_value_info(INPUT, kinds.FLOAT, shapes[0])],
        [helper.make_tensor_value_info(OUTPUT, kinds.FLOAT, shapes[1])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return bytes(model.SerializeToString())
