"""A batch with every neighbour gives the whole graph's answers, for our layers and for torch_geometric's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from scipy import sparse

torch = pytest.importorskip("torch")
pytest.importorskip("torch_geometric")

from graphlab.predict.inputs.examples import Examples  # noqa: E402
from graphlab.predict.inputs.features import Inputs  # noqa: E402
from graphlab.predict.learners.networks.label_inputs import Labelled, batches  # noqa: E402
from graphlab.predict.learners.networks.wirings import kinds_of, network_of, wiring_of  # noqa: E402
from ingest.schema.errors import AnalysisError  # noqa: E402

CPU = torch.device("cpu")
Make = Callable[..., Inputs]


@pytest.mark.parametrize("layers", ["sparse", "sage", "gine"])
def test_batches_of_all_neighbours_answer_as_the_whole(layers: str, nodes: Examples, make_inputs: Make) -> None:
    inputs = make_inputs(nodes)
    wiring = wiring_of(layers, inputs)
    torch.manual_seed(0)
    network = network_of(layers, len(wiring.rows()), 7, 6, 3, 2, 0.0).eval()
    assert kinds_of(layers, network.state_dict()) == len(wiring.rows()) == 2
    values = torch.randn(len(inputs.root_ids), 7)
    whole = network(values, wiring.whole(CPU))
    taught = Labelled.of(values, 4, inputs.source, nodes.label, CPU)
    seen = []
    for some, node, part in batches(wiring, taught, torch.arange(30), 8, (-1, -1), torch.Generator().manual_seed(1)):
        torch.testing.assert_close(network(values[node], part)[: len(some)], whole[taught.nodes[some]])
        seen.append(some)
    assert torch.cat(seen).sort().values.tolist() == list(range(30))


def test_what_has_no_wiring(nodes: Examples, make_inputs: Make) -> None:
    inputs = make_inputs(nodes)
    bare = replace(inputs, layers={"chemical": sparse.csr_array(inputs.layers["chemical"].shape)})
    for layers in ("sparse", "gine"):
        with pytest.raises(AnalysisError, match="no connections between these neurons"):
            wiring_of(layers, bare)
    with pytest.raises(AnalysisError, match="no layers 'gat'; choose among sparse, sage, gine"):
        wiring_of("gat", inputs)
