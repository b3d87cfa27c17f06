"""The SQL that keeps one of the matches which exchange alike vertices: a rank among those of the same neurons.

Tests: tests/queries/planning/test_rewrites.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def least_of_alike(ids: Mapping[str, str], alike: Iterable[Sequence[str]]) -> str:
    """QUALIFY clause for the match with the smallest ids; of one with several rows all have rank 1.

    Args:
        ids: vertex -> SQL of its id, in the order of the pattern. alike: sets of vertices.
    """
    sets = list(alike)
    same = [ids[name] for name in ids if not any(name in together for together in sets)]
    for together in sets:
        listed = ", ".join(ids[name] for name in together)
        same += [f"least({listed})", f"greatest({listed})"] if len(together) == 2 else [f"list_sort([{listed}])"]
    return f"QUALIFY rank() OVER (PARTITION BY {', '.join(same)} ORDER BY {', '.join(ids.values())}) = 1"
