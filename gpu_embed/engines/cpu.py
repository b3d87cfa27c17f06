"""ONNX Runtime and OpenVINO on the CPU, from one ONNX model.

Tests: tests/gpu_embed/engines/test_choose.py.
"""

from __future__ import annotations

from typing import Any

from gpu_embed.encoder.folded import FoldedEncoder
from gpu_embed.engines.memory import predicted
from gpu_embed.engines.onnx_graph import INPUT, OUTPUT, onnx_model
from gpu_embed.engines.openvino_core import openvino_core
from gpu_embed.engines.protocol import BatchedEngine, Crops, EngineOptions, Vectors
from ingest.schema.errors import AnalysisError, MissingExtraError

HINTS = {"fp32": "f32", "bf16": "bf16"}


class OnnxRuntimeEngine(BatchedEngine):
    """fp32 through ONNX Runtime's CPU provider."""

    name = "onnxruntime"

    def __init__(self, folded: FoldedEncoder, options: EngineOptions) -> None:
        _cpu_only(self.name, options, ("fp32",))
        try:
            import onnxruntime
        except ImportError:
            raise MissingExtraError("onnxruntime", "embed") from None
        super().__init__(folded, options, 1)
        wanted = onnxruntime.SessionOptions()
        wanted.log_severity_level = 3
        if options.threads:
            wanted.intra_op_num_threads = options.threads
        self._session = onnxruntime.InferenceSession(onnx_model(folded), wanted, providers=["CPUExecutionProvider"])

    def predicted_bytes(self, batch: int) -> int:
        return predicted(self.architecture, "fp32", pooled_with_indices=False).of(batch)

    def run(self, crops: Crops) -> Vectors:
        vectors: Vectors = self._session.run([OUTPUT], {INPUT: crops})[0]
        return vectors


class OpenVinoEngine(BatchedEngine):
    """fp32 and bf16 through OpenVINO; bf16 only where the CPU has instructions for it."""

    name = "openvino"

    def __init__(self, folded: FoldedEncoder, options: EngineOptions) -> None:
        _cpu_only(self.name, options, tuple(HINTS))
        core = openvino_core("embed")
        if options.precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise AnalysisError("engine 'openvino': this CPU has no bf16 instructions; use fp32")
        super().__init__(folded, options, 1)
        self._folded = folded
        self._core: Any = core
        self._compiled: dict[int, Any] = {}

    def predicted_bytes(self, batch: int) -> int:
        return predicted(self.architecture, self.options.precision, pooled_with_indices=False).of(batch)

    def run(self, crops: Crops) -> Vectors:
        model = self._compiled.get(len(crops))
        if model is None:
            # Fixed shapes let it plan memory and blocking; whole and last batch are the only two sizes.
            settings: dict[str, Any] = {
                "INFERENCE_PRECISION_HINT": HINTS[self.options.precision],
                "PERFORMANCE_HINT": "LATENCY",
            }
            if self.options.threads:
                settings["INFERENCE_NUM_THREADS"] = self.options.threads
            # Halves of kernels would lose what bf16 has left of them.
            paired = self.options.precision == "fp32"
            read = self._core.read_model(onnx_model(self._folded, len(crops), paired=paired))
            model = self._core.compile_model(read, "CPU", settings)
            self._compiled[len(crops)] = model
        vectors: Vectors = model({INPUT: crops})[OUTPUT]
        return vectors


def _cpu_only(name: str, options: EngineOptions, precisions: tuple[str, ...]) -> None:
    if options.device not in ("auto", "cpu"):
        raise AnalysisError(f"engine {name!r} runs on the CPU, not on {options.device!r}; engine 'torch' does")
    if options.precision not in precisions:
        raise AnalysisError(f"engine {name!r} has no {options.precision}; it has {', '.join(precisions)}")
