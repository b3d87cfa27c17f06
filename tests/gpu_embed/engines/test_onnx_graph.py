from __future__ import annotations

import onnx
import pytest

from gpu_embed.encoder.architectures import architecture
from gpu_embed.encoder.folded import fold
from gpu_embed.encoder.variables import seeded_weights
from gpu_embed.engines.onnx_graph import INPUT, OUTPUT, onnx_model


@pytest.mark.parametrize("name", ["tiny", "segclr-tf2"])
@pytest.mark.parametrize("batch", [None, 3])
def test_a_valid_model_from_grey_values_to_embeddings(name: str, batch: int | None) -> None:
    a = architecture(name, crop=33, width=4, outputs=6)
    model = onnx.load_model_from_string(onnx_model(fold(a, seeded_weights(a, 1)), batch))
    onnx.checker.check_model(model, full_check=True)
    (into,), (out,) = model.graph.input, model.graph.output
    assert (into.name, out.name) == (INPUT, OUTPUT)
    assert into.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [d.dim_value or d.dim_param for d in into.type.tensor_type.shape.dim] == [batch or "B", 33, 33, 33]
    assert sum(node.op_type == "Conv" for node in model.graph.node) == 21
