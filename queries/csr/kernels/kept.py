"""The kernels as they are called: from machine code that is kept, so that a question need not wait for numba.

Tests: tests/queries/csr/test_cold.py.
"""

from __future__ import annotations

from ingest.running.machine_code import Kernel


def _kernel(module: str, name: str) -> Kernel:
    return Kernel(f"queries.csr.kernels.{module}", name)


key_table = _kernel("relations", "key_table")
numbers_of = _kernel("relations", "numbers_of")
usable = _kernel("relations", "usable")
in_order = _kernel("relations", "in_order")
falls = _kernel("relations", "falls")
count_ends = _kernel("relations", "count_ends")
sorted_by = _kernel("relations", "sorted_by")
adjacency = _kernel("relations", "adjacency")
turned = _kernel("relations", "turned")
pair_places = _kernel("relations", "pair_places")
pairs_there = _kernel("relations", "pairs_there")
join = _kernel("join", "join")
meetings = _kernel("meet", "meetings")
add_degrees = _kernel("oriented", "add_degrees")
ranks = _kernel("oriented", "ranks")
add_lower = _kernel("oriented", "add_lower")
put = _kernel("oriented", "put")
join_ways = _kernel("oriented", "join_ways")
higher = _kernel("triangles", "higher")
triangles = _kernel("triangles", "triangles")
list_triangles = _kernel("triangles", "list_triangles")

LISTS = (key_table, numbers_of, usable, in_order, adjacency, turned)
"""What every pattern needs."""
