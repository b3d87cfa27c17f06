"""Neurons of navis, and whatever has their attributes, as skeletons: ``nodes``, ``id`` and ``units`` are looked at.

navis itself is not needed. ``nodes`` is a frame of node_id, parent_id, x, y, z and perhaps radius, label (SWC type) and
compartment, as ``navis.TreeNeuron`` has it.

Tests: tests/ingest/skeletons/test_readers.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.reader import ReadRequest
from ingest.schema.compartments import our_compartment
from ingest.schema.errors import IdError, SchemaError
from ingest.schema.ids import as_root_ids
from ingest.skeletons.skeleton import Skeleton
from ingest.skeletons.units import Labels, labelled, unit_nm

NEEDED = ("node_id", "parent_id", "x", "y", "z")
Place = tuple[float, float, float]


def is_skeletons(source: object) -> bool:
    """Whether this is one or several neurons of navis, or Skeletons."""
    if isinstance(source, str | bytes | type):
        return False
    if isinstance(source, Skeleton) or _is_neuron(source):
        return True
    is_list = isinstance(source, list | tuple) or hasattr(source, "neurons")
    items = list(source) if is_list else []  # type: ignore[call-overload]
    return bool(items) and all(isinstance(item, Skeleton) or _is_neuron(item) for item in items)


def each(source: Any) -> list[Any]:
    return [source] if isinstance(source, Skeleton) or _is_neuron(source) else list(source)


def name_of(item: Any) -> str:
    return f"skeleton {item.root_id}" if isinstance(item, Skeleton) else f"neuron {getattr(item, 'id', '?')}"


def raw_table(source: Any) -> pa.Table:
    """Everything that a result depends on, to be hashed: ids, places, labels and units as they are."""
    tables = []
    for item in each(source):
        if isinstance(item, Skeleton):
            values: dict[str, Any] = {"node_id": item.node_ids, "parent_id": item.parents}
            values |= {axis: item.points_nm[:, i] for i, axis in enumerate("xyz")}
            values |= {"radius": item.radii_nm, "label": item.types}
            values = {name: value for name, value in values.items() if value is not None}
        else:
            values = {name: item.nodes[name] for name in _columns(item)}
        texts = {name: pa.array([str(value) for value in np.asarray(column)]) for name, column in values.items()}
        about = f"{name_of(item)} {getattr(item, 'units', 'nm')}"
        table = pa.table({**texts, "about": pa.array([about] * len(next(iter(texts.values()))), pa.string())})
        tables.append(table)
    return pa.concat_tables(tables, promote_options="default")


def skeleton_of(item: Any, request: ReadRequest, words: Labels) -> tuple[Skeleton, list[str | None] | None]:
    """A skeleton in nm and the compartments of its nodes.

    Raises:
        IdError: its id is no root_id. SchemaError: units that nobody says, a parent that is no node, a cycle, ...
    """
    name = name_of(item)
    if isinstance(item, Skeleton):
        unit_nm(request, name, (1.0, 1.0, 1.0))
        return item, None if item.types is None else labelled(item.types, words, name)
    root_id = _root_id(item, name)
    unit = np.array(unit_nm(request, name, own_unit(item)))
    nodes = item.nodes
    ids = as_root_ids(np.asarray(nodes["node_id"]), "node_id")
    at = {node: index for index, node in enumerate(ids.tolist())}
    parents = [int(parent) for parent in np.asarray(nodes["parent_id"]).tolist()]
    missing = [parent for parent in parents if parent >= 0 and parent not in at]
    if missing:
        raise SchemaError(f"{name}: parent {missing[0]} is no node of it")
    points = np.stack([np.asarray(nodes[axis], dtype=np.float64) for axis in "xyz"], axis=1) * unit
    columns = _columns(item)
    radii = None
    if "radius" in columns:
        radii = np.asarray(nodes["radius"], dtype=np.float64)
        radii = np.where((radii == -1) | np.isnan(radii), np.nan, radii)
        if (radii < 0).any() or np.isinf(radii).any():
            raise SchemaError(f"{name}: a radius of {np.nanmin(radii)}; wanted 0 or more, or -1 where it is unknown")
        radii = radii * float(np.cbrt(unit.prod()))
    skeleton = Skeleton(root_id, ids, points, np.array([at.get(p, -1) for p in parents], dtype=np.int64), None, radii)
    if "compartment" in columns:
        given = np.asarray(nodes["compartment"], dtype=object).tolist()
        return skeleton, [None if word is None or word != word else our_compartment(str(word)) for word in given]
    if "label" in columns:
        return skeleton, labelled(np.asarray(nodes["label"]).astype(np.int64), words, name)
    return skeleton, None


def own_unit(item: Any) -> Place | None:
    """nm of one unit, where the neuron says so with a length (a quantity of pint, as navis has it); None otherwise."""
    units = getattr(item, "units", None)
    if units is None or not hasattr(units, "to") or getattr(units, "dimensionless", False):
        return None
    lengths = np.broadcast_to(np.asarray(units.to("nanometer").magnitude, dtype=np.float64), (3,))
    x, y, z = (float(length) for length in lengths)
    return x, y, z


def _root_id(item: Any, name: str) -> int:
    try:
        (root_id,) = as_root_ids([item.id if not isinstance(item.id, str) else int(item.id)])
    except (IdError, ValueError, TypeError):
        raise IdError(f"{name}: its id is no root_id; set neuron.id to the whole number of its segment") from None
    return int(root_id)


def _is_neuron(item: object) -> bool:
    nodes = getattr(item, "nodes", None)
    return hasattr(item, "id") and hasattr(nodes, "columns") and set(NEEDED) <= set(_columns(item))


def _columns(item: Any) -> list[str]:
    names: Iterable[Any] = item.nodes.columns
    wanted = (*NEEDED, "radius", "label", "compartment")
    return [name for name in wanted if name in list(names)]
