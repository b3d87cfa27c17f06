"""Neurons in the tables of a page: name, type and id, and a link into Neuroglancer where the data set has one.

Tests: tests/graphlab/report/test_neurons.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from graphlab.exchange import neuroglancer
from graphlab.report.page import breakable, link_to

if TYPE_CHECKING:
    from graphlab.store.information import GraphInfo


def published(info: GraphInfo) -> neuroglancer.NeuroglancerDataset:
    """Where links of this graph find images and segments."""
    return neuroglancer.dataset_of(info.dataset, info.materialization, None, info.resolution)


def neuron_cell(
    root_id: int, name: str | None, cell_type: str | None, dataset: neuroglancer.NeuroglancerDataset
) -> str | Markup:
    """A neuron as a cell: ``name · type · id``, the id a link where segments are published."""
    known = [str(part) for part in dict.fromkeys((name, cell_type)) if part]
    if not dataset.segmentation:
        return " · ".join([*known, str(root_id)])
    address = neuroglancer.link(neuroglancer.state([root_id], dataset=dataset))
    return Markup(" · ").join([*map(breakable, known), link_to(address, str(root_id))])
