"""Neurons in questions: sets, results and arrays as lists of ids, saved sets by their names.

Tests: tests/graphlab/verbs/everyday/test_sets.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from graphlab.store import neuron_sets
from graphlab.store.folder import Folder

_PARAMETER = re.compile(r"\$([A-Za-z][A-Za-z0-9_]*)")


def parameters_of(folder: Folder, text: str, given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The values of a question: those given, and for names that are not given the saved sets of these names."""
    values = {name: _plain(folder, value) for name, value in (given or {}).items()}
    open_ = {name for name in _PARAMETER.findall(text) if name not in values} if "$" in text else set()
    if open_:
        sets = neuron_sets.saved_sets(folder)
        values |= {name: sets[name].root_ids.tolist() for name in open_ if name in sets}
    return values or None


def _plain(folder: Folder, value: Any) -> Any:
    """Neurons as a list of ids; anything else as it is."""
    if isinstance(value, neuron_sets.NeuronSet) or hasattr(value, "to_arrow") or hasattr(value, "iloc"):
        from graphlab.selection.resolve import root_ids_of

        return root_ids_of(folder, value).tolist()
    return value.tolist() if hasattr(value, "tolist") else value
