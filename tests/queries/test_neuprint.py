"""neuprint-python's own functions, talking to this engine instead of a server: their Cypher runs as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from queries.engine import Source, run

neuprint = pytest.importorskip("neuprint")

pytestmark = pytest.mark.filterwarnings("ignore::Warning:neuprint")  # its frames are its own affair
ROIS = ["SIP(R)", "aL(R)"]
NC = neuprint.NeuronCriteria


class Local(neuprint.Client):  # type: ignore[misc]
    """A neuPrint client whose server is a source of ours; keeps every Cypher text."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.texts: list[str] = []
        self.progress, self.server, self.dataset, self.token, self.verify = False, "local", "toy", "", False

    def __deepcopy__(self, memo: dict[int, Any]) -> Local:
        return self  # criteria are copied with their client

    @property
    def meta(self) -> dict[str, Any]:
        return {"primaryRois": ROIS, "neuronColumns": "[]"}

    @property
    def primary_rois(self) -> list[str]:
        return ROIS

    @property
    def all_rois(self) -> list[str]:
        return ROIS

    def fetch_neuron_keys(self) -> list[str]:
        return ["bodyId", "type", "instance", "status", "cropped", "pre", "post", "roiInfo"]

    def fetch_custom(self, cypher: str, dataset: str = "", format: str = "pandas", use_arrow: bool = False) -> Any:
        self.texts.append(cypher)
        frame = run(cypher, self.source, language="cypher").to_pandas()
        # JSON has lists of mixed values where Arrow has structs.
        return frame.map(lambda v: [list(x.values()) for x in v] if hasattr(v, "__len__") and len(v)
                         and isinstance(v[0], dict) else v)  # fmt: skip


@pytest.fixture
def client(toy: Source) -> Local:
    """The toy graph as a neuPrint data set: names, statuses, totals, two neuropils a connection."""
    for statement in (
        "ALTER TABLE neurons ADD COLUMN status VARCHAR",
        "ALTER TABLE neurons ADD COLUMN cropped BOOLEAN",
        "UPDATE neurons SET name = 'n' || root_id, status = CASE WHEN root_id = 2 THEN 'Orphan' ELSE 'Traced' END",
        "UPDATE neurons SET total_out = coalesce((SELECT sum(weight) FROM connections c WHERE pre_root_id = root_id "
        "AND c.kind = 'chemical'), 0)",
        "UPDATE neurons SET total_in = coalesce((SELECT sum(weight) FROM connections c WHERE post_root_id = root_id "
        "AND c.kind = 'chemical'), 0)",
        "INSERT INTO connections_by_neuropil SELECT pre_root_id, post_root_id, 'SIP(R)', weight - 1, kind "
        "FROM connections WHERE weight > 1",
        "INSERT INTO connections_by_neuropil SELECT pre_root_id, post_root_id, 'aL(R)', 1, kind FROM connections "
        "WHERE pre_root_id <> 3",
    ):
        toy.connection.execute(statement).fetchall()
    return Local(toy)


EDGES = pd.DataFrame(
    [(1, 2, 5), (2, 1, 3), (2, 3, 10), (3, 3, 1), (1, 3, 2), (3, 4, 7)],
    columns=["bodyId_pre", "bodyId_post", "weight"],
)
TYPE = {1: "A", 2: "B", 3: "A", 4: "B"}
CONNECTIONS: list[tuple[str, Callable[[Local], Any], Callable[[pd.DataFrame], Any]]] = [
    ("of one neuron", lambda c: neuprint.fetch_simple_connections(1, None, client=c), lambda e: e.bodyId_pre == 1),
    ("into one neuron", lambda c: neuprint.fetch_simple_connections(None, 3, client=c), lambda e: e.bodyId_post == 3),
    (
        "ids, more than three",
        lambda c: neuprint.fetch_simple_connections([1, 2, 3, 4], [1, 2, 3, 9], client=c),
        lambda e: e.bodyId_post < 4,
    ),
    (
        "types and least weight",
        lambda c: neuprint.fetch_simple_connections(
            NC(type="A", client=c), NC(type=["A", "B"], client=c), min_weight=2, client=c
        ),
        lambda e: (e.bodyId_pre % 2 == 1) & (e.weight >= 2),
    ),
    (
        "regular expressions",
        lambda c: neuprint.fetch_simple_connections(
            NC(type="A.*", regex=True, client=c), NC(instance="n[34]", regex=True, client=c), client=c
        ),
        lambda e: (e.bodyId_pre % 2 == 1) & (e.bodyId_post >= 3),
    ),
    (
        "status",
        lambda c: neuprint.fetch_simple_connections(NC(status="Traced", client=c), None, client=c),
        lambda e: e.bodyId_pre != 2,
    ),
    (
        "neuropils",
        lambda c: neuprint.fetch_simple_connections(None, NC(rois=["aL(R)"], client=c), client=c),
        lambda e: e.bodyId_post < 4,
    ),
]


@pytest.mark.parametrize(("ask", "kept"), [c[1:] for c in CONNECTIONS], ids=[c[0] for c in CONNECTIONS])
def test_simple_connections(client: Local, ask: Callable[[Local], Any], kept: Callable[[pd.DataFrame], Any]) -> None:
    found = ask(client)
    wanted = EDGES[kept(EDGES)].sort_values(["weight", "bodyId_pre", "bodyId_post"], ascending=[False, True, True])
    assert found[["bodyId_pre", "bodyId_post", "weight"]].values.tolist() == wanted.values.tolist()
    assert found["type_pre"].tolist() == [TYPE[i] for i in found["bodyId_pre"]]
    assert found["weightHP"].tolist() == [0] * len(found)
    for pre, weight, regions in zip(found.bodyId_pre, found.weight, found.conn_roiInfo, strict=True):
        parts = {"SIP(R)": weight - 1} if weight > 1 else {}
        parts |= {"aL(R)": 1} if pre != 3 else {}
        assert {name: counts["post"] for name, counts in regions.items()} == parts


def test_neurons_with_their_neuropils(client: Local) -> None:
    neurons, regions = neuprint.fetch_neurons(NC(type="A", min_pre=1, min_post=1, client=client), client=client)
    assert neurons[["bodyId", "type", "instance"]].values.tolist() == [[1, "A", "n1"], [3, "A", "n3"]]
    counts = {(r.bodyId, r.roi): (r.pre, r.post) for r in regions.itertuples()}
    assert counts[(1, "SIP(R)")] == (5, 2)  # out 4 + 1, in 2
    assert counts[(1, "aL(R)")] == (2, 1)
    assert counts[(3, "SIP(R)")] == (6, 10)


@pytest.mark.parametrize(
    ("criteria", "bodies"),
    [
        ({"type": neuprint.NotNull}, [1, 2, 3, 4]),
        ({"type": neuprint.IsNull}, []),
        ({"status": "Orphan"}, [2]),
        ({"status": ["Orphan", "Traced"], "type": "B"}, [2, 4]),
        ({"cropped": False}, [1, 2, 3, 4]),
        ({"rois": ROIS}, [1, 2, 3]),
        ({"rois": ROIS, "roi_req": "any"}, [1, 2, 3, 4]),
        ({"min_pre": 8}, [2, 3]),
        ({"bodyId": [1, 2, 3, 9]}, [1, 2, 3]),
    ],
    ids=str,
)
def test_neuron_criteria(client: Local, criteria: dict[str, Any], bodies: list[int]) -> None:
    found = neuprint.fetch_neurons(NC(**criteria, client=client), omit_rois=True, client=client)
    assert found["bodyId"].tolist() == bodies


def test_adjacencies(client: Local) -> None:
    neurons, table = neuprint.fetch_adjacencies([1, 2, 3, 4], None, client=client)
    assert sorted(neurons["bodyId"]) == [1, 2, 3, 4]
    summed = table.groupby(["bodyId_pre", "bodyId_post"])["weight"].sum()
    assert summed.to_dict() == {(a, b): w for a, b, w in EDGES.values.tolist()}
    in_sip = table[table.roi == "SIP(R)"].set_index(["bodyId_pre", "bodyId_post"])["weight"].to_dict()
    assert in_sip == {(a, b): w - 1 for a, b, w in EDGES.values.tolist() if w > 1}
    assert table[table.roi == "NotPrimary"][["bodyId_pre", "bodyId_post", "weight"]].values.tolist() == [
        [3, 3, 1],
        [3, 4, 1],
    ]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"min_total_weight": 4, "omit_rois": True}, [(1, 2, 5), (2, 3, 10), (3, 4, 7)]),
        ({"omit_rois": True}, [(1, 2, 5), (1, 3, 2), (2, 1, 3), (2, 3, 10), (3, 3, 1), (3, 4, 7)]),
        ({"rois": ["SIP(R)"], "min_roi_weight": 3}, [(1, 2, 4), (2, 3, 9), (3, 4, 6)]),
    ],
    ids=str,
)
def test_adjacencies_by_weight_and_neuropil(client: Local, options: dict[str, Any], wanted: list[Any]) -> None:
    _, table = neuprint.fetch_adjacencies([1, 2, 3, 4], None, **options, client=client)
    assert [tuple(row) for row in table[["bodyId_pre", "bodyId_post", "weight"]].values.tolist()] == wanted


def test_traced_adjacencies_and_common_partners(client: Local) -> None:
    _, table = neuprint.fetch_traced_adjacencies(client=client)
    assert set(zip(table.bodyId_pre, table.bodyId_post, strict=True)) == {(1, 3), (3, 3), (3, 4)}
    common = neuprint.fetch_common_connectivity([1, 2], search_direction="downstream", client=client)
    assert set(common["bodyId_post"]) == {3}
    common = neuprint.fetch_common_connectivity([2, 3], search_direction="upstream", client=client)
    assert set(common["bodyId_pre"]) == {1}


def bodies(paths: pd.DataFrame) -> list[list[int]]:
    return sorted(group["bodyId"].tolist() for _, group in paths.groupby("path"))


def test_paths(client: Local) -> None:
    anything = NC(client=client)
    shortest = neuprint.fetch_shortest_paths(1, 4, min_weight=1, client=client)
    assert bodies(shortest) == [[1, 3, 4]]
    assert shortest["weight"].tolist() == [0, 2, 7]
    assert shortest["type"].tolist() == ["A", "A", "B"]
    heavy = neuprint.fetch_shortest_paths(1, 4, min_weight=5, intermediate_criteria=anything, client=client)
    assert bodies(heavy) == [[1, 2, 3, 4]]
    traced = neuprint.fetch_shortest_paths(1, 4, min_weight=5, client=client)
    assert traced.empty
    exact = neuprint.fetch_paths(1, 4, path_length=3, min_weight=1, intermediate_criteria=anything, client=client)
    assert bodies(exact) == [[1, 2, 3, 4], [1, 3, 3, 4]]
    most = neuprint.fetch_paths(1, 4, max_path_length=3, min_weight=1, intermediate_criteria=anything, client=client)
    assert bodies(most) == [[1, 2, 3, 4], [1, 3, 3, 4], [1, 3, 4]]
    assert sorted(set(most["path_length"])) == [2, 3]


def test_texts_came_from_the_published_package(client: Local) -> None:
    neuprint.fetch_simple_connections([1, 2, 3, 4], None, client=client)
    assert "WITH [1, 2, 3, 4] as" in client.texts[-1]
    assert "e.roiInfo as conn_roiInfo" in client.texts[-1]
    neuprint.fetch_shortest_paths(1, 4, client=client)
    assert "apoc.cypher.runTimeboxed" in client.texts[-1]


def test_roi_info_is_json_of_its_own_row(client: Local) -> None:
    rows = run(
        "SELECT * FROM GRAPH_TABLE (connectome MATCH (a)-[e IS synapse]->(b) COLUMNS (a.root_id AS a, b.root_id AS b, "
        "e.roiInfo AS edge, b.roiInfo AS neuron)) ORDER BY a, b",
        client.source,
    ).to_arrow()
    assert len(rows) == len(EDGES)
    edges = {(r["a"], r["b"]): json.loads(r["edge"]) for r in rows.to_pylist()}
    assert edges[(3, 3)] == {}
    assert edges[(2, 3)] == {"SIP(R)": {"post": 9}, "aL(R)": {"post": 1}}
    assert json.loads(rows.to_pylist()[-1]["neuron"]) == {"SIP(R)": {"pre": 0, "post": 6}}


@pytest.mark.parametrize(
    ("criteria", "bodies"),
    [
        ({"inputRois": ["SIP(R)"]}, [1, 2, 3, 4]),
        ({"outputRois": ["aL(R)"]}, [1, 2]),
        ({"inputRois": ["SIP(R)"], "outputRois": ["aL(R)"], "min_roi_inputs": 3}, [2]),
        ({"inputRois": ROIS, "outputRois": ["SIP(R)"], "roi_req": "any", "bodyId": [1, 2, 3, 4]}, [1, 2, 3]),
        ({"inputRois": ROIS, "outputRois": ROIS, "roi_req": "all"}, [1, 2]),
    ],
    ids=str,
)
def test_neuropils_of_inputs_and_outputs(client: Local, criteria: dict[str, Any], bodies: list[int]) -> None:
    found = neuprint.fetch_neurons(NC(**criteria, client=client), omit_rois=True, client=client)
    assert found["bodyId"].tolist() == bodies
