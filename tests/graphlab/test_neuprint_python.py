"""neuprint-python's own Client, over https, at our door: frames are those of pandas over the tables, or of a verb."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from requests import HTTPError

from graphlab.graph import Graph
from graphlab.web.neuprint.door import datasets
from graphlab.web.server import Door, door_server, listening
from graphlab.web.settings import Settings
from graphlab.web.work import Work

neuprint = pytest.importorskip("neuprint")

pytestmark = [
    pytest.mark.filterwarnings("ignore::Warning:neuprint"),  # its frames are its own affair
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),  # the certificate is made at start
]
NC, SC = neuprint.NeuronCriteria, neuprint.SynapseCriteria
BASE, NEURONS, CONTACTS = 720575940603560295, 12, 260
ROIS = ["EB", "SIP(R)", "aL(R)"]


def contact_table(rng: np.random.Generator) -> pd.DataFrame:
    """Contacts with positions, scores and neuropils; three of four share their release site with another."""
    site = np.arange(CONTACTS) // 2 + 1
    pre = rng.integers(0, NEURONS, CONTACTS)[site - 1]
    return pd.DataFrame(
        {
            "synapse_id": np.arange(1, CONTACTS + 1, dtype=np.uint64),
            "pre_root_id": (pre + BASE).astype(np.uint64),
            "post_root_id": (rng.integers(0, NEURONS, CONTACTS) + BASE).astype(np.uint64),
            "x_nm": rng.integers(0, 10_000, CONTACTS).astype(float),
            "y_nm": rng.integers(0, 10_000, CONTACTS).astype(float),
            "z_nm": rng.integers(0, 10_000, CONTACTS).astype(float),
            "score": rng.random(CONTACTS),
            "neuropil": rng.choice([*ROIS, None], CONTACTS),
            "presynapse_id": site.astype(np.uint64),
        }
    )


@pytest.fixture(scope="module")
def contacts() -> pd.DataFrame:
    return contact_table(np.random.default_rng(5))


@pytest.fixture(scope="module")
def neurons() -> pd.DataFrame:
    number = np.arange(NEURONS)
    return pd.DataFrame(
        {
            "root_id": (number + BASE).astype(np.uint64),
            "cell_type": [("A", "B", None)[i % 3] for i in number],
            "name": [f"n{i}" for i in number],
            "x_nm": number * 10.0,
            "y_nm": number * 20.0,
            "z_nm": number * 30.0,
            "status": ["Traced" if i % 4 else "Orphan" for i in number],
            "cropped": [False] * NEURONS,
            "size": number * 100,
        }
    )


TREE = "1 1 {x} 0 0 1 -1\n2 3 {x} 10 0 0.5 1\n3 3 {x} 20 5 0.5 2\n7 2 {x} 20 -5 0.5 2\n"


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory, neurons: pd.DataFrame, contacts: pd.DataFrame) -> Iterator[Graph]:
    place, trees = tmp_path_factory.mktemp("neuprint") / "g", tmp_path_factory.mktemp("swc")
    for number in range(3):
        (trees / f"{BASE + number}.swc").write_text(TREE.format(x=number))
    with Graph.create(place, dataset="hemibrain:v1.2") as graph:
        graph.ingest(pa.Table.from_pandas(neurons, preserve_index=False), as_="neurons")
        graph.ingest(pa.Table.from_pandas(contacts, preserve_index=False), as_="synapses")
        graph.ingest(trees, as_="skeletons", units="nm")
    with Graph.open(place, read_only=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """neuprint-python's own, at the door of a server in a thread."""
    with listening("127.0.0.1", 0) as bound:
        door = Door("127.0.0.1", bound.getsockname()[1], "a-token-that-is-long", datasets({"g": graph}))
        work = Work({"g": graph}, Settings())
        server = door_server(work, door, (), tmp_path_factory.mktemp("certificate"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        made = eval(door.client, {"neuprint": neuprint})  # the line that people paste
        yield made
        neuprint.clear_default_client()
        made.session.close()
        server.should_exit = True
        thread.join(30)
        work.close()


@pytest.fixture(scope="module")
def pairs(contacts: pd.DataFrame) -> pd.DataFrame:
    grouped = contacts.groupby(["pre_root_id", "post_root_id"]).size()
    return grouped.rename("weight").reset_index().astype(np.int64)


IDS = [BASE + i for i in range(NEURONS)]


def keys(frame: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """Rows as tuples, sorted; unknown as None."""
    rows = frame[list(columns)].astype(object)
    return sorted(rows.where(rows.notna(), None).itertuples(index=False, name=None), key=repr)


def test_the_data_set(client: Any) -> None:
    meta = neuprint.fetch_meta(client=client)
    assert meta["dataset"] == "hemibrain:v1.2"
    assert meta["voxelUnits"] == "nanometers"
    assert neuprint.fetch_all_rois(client=client) == neuprint.fetch_primary_rois(client=client) == ROIS
    hierarchy = neuprint.fetch_roi_hierarchy(mark_primary=False, client=client)
    assert hierarchy == {"hemibrain:v1.2": {roi: {} for roi in ROIS}}
    assert {"bodyId", "type", "instance", "status", "size", "somaLocation", "roiInfo"} <= {*client.fetch_neuron_keys()}


@pytest.mark.parametrize(
    "criteria", [{"type": "A"}, {"type": ["A", "B"], "status": "Traced"}, {"rois": ["EB"]}], ids=str
)
def test_neurons(client: Any, neurons: pd.DataFrame, contacts: pd.DataFrame, criteria: dict[str, Any]) -> None:
    found, regions = neuprint.fetch_neurons(NC(**criteria, client=client), client=client)
    wanted = neurons
    if "type" in criteria:
        wanted = wanted[wanted.cell_type.isin(np.atleast_1d(criteria["type"]))]
    if "status" in criteria:
        wanted = wanted[wanted.status == criteria["status"]]
    if "rois" in criteria:
        there = contacts[contacts.neuropil.isin(criteria["rois"])]
        wanted = wanted[wanted.root_id.isin([*there.pre_root_id, *there.post_root_id])]
    assert len(found)
    renamed = wanted.rename(columns={"root_id": "bodyId", "cell_type": "type", "name": "instance"})
    assert keys(found, "bodyId", "type", "instance", "status", "size") == keys(
        renamed, "bodyId", "type", "instance", "status", "size"
    )
    assert [place["x"] for place in found.somaLocation] == [(body - BASE) * 10.0 for body in found.bodyId]
    for row in regions[regions.roi.isin(ROIS)].itertuples():
        inside = contacts[contacts.neuropil == row.roi]
        assert row.pre == (inside.pre_root_id == row.bodyId).sum()
        assert row.post == (inside.post_root_id == row.bodyId).sum()


@pytest.mark.parametrize(("least", "roi_req"), [(1, "all"), (4, "all"), (4, "any")])
def test_neuropils_of_inputs_and_outputs(client: Any, contacts: pd.DataFrame, least: int, roi_req: str) -> None:
    criteria = NC(
        inputRois=["EB", "aL(R)"], outputRois=["SIP(R)"], min_roi_inputs=least, roi_req=roi_req, client=client
    )
    found = neuprint.fetch_neurons(criteria, omit_rois=True, client=client)
    got = contacts.groupby(["post_root_id", "neuropil"]).size().unstack(fill_value=0).reindex(IDS, fill_value=0)
    made = contacts.groupby(["pre_root_id", "neuropil"]).size().unstack(fill_value=0).reindex(IDS, fill_value=0)
    enough = (
        (got[["EB", "aL(R)"]] >= least).all(axis=1) if roi_req == "all" else (got[["EB", "aL(R)"]] >= least).any(axis=1)
    )
    in_all = ((got + made)[ROIS] > 0).all(axis=1) if roi_req == "all" else ((got + made)[ROIS] > 0).any(axis=1)
    wanted = [body for body in IDS if enough[body] and made["SIP(R)"][body] >= 1 and in_all[body]]
    assert wanted
    assert found["bodyId"].tolist() == wanted


def test_simple_connections(client: Any, pairs: pd.DataFrame, neurons: pd.DataFrame) -> None:
    found = neuprint.fetch_simple_connections(
        IDS[:5], IDS[3:], min_weight=2, properties=["type", "roiInfo"], client=client
    )
    wanted = pairs[pairs.pre_root_id.isin(IDS[:5]) & pairs.post_root_id.isin(IDS[3:]) & (pairs.weight >= 2)]
    assert len(wanted)
    assert keys(found, "bodyId_pre", "bodyId_post", "weight") == keys(wanted, "pre_root_id", "post_root_id", "weight")
    assert all(isinstance(info, dict) for info in found["roiInfo_pre"])
    assert sum(part["post"] for info in found["conn_roiInfo"] for part in info.values()) <= found["weight"].sum()


def test_adjacencies_are_those_of_the_verbs(
    client: Any, graph: Graph, pairs: pd.DataFrame, contacts: pd.DataFrame
) -> None:
    _, table = neuprint.fetch_adjacencies(IDS[:5], NC(type=["A", "B"], client=client), client=client)
    typed = [body for body in IDS if (body - BASE) % 3 < 2]
    wanted = pairs[pairs.pre_root_id.isin(IDS[:5]) & pairs.post_root_id.isin(typed)]
    summed = table.groupby(["bodyId_pre", "bodyId_post"])["weight"].sum().reset_index()
    assert len(wanted)
    assert keys(summed, "bodyId_pre", "bodyId_post", "weight") == keys(wanted, "pre_root_id", "post_root_id", "weight")
    inside = contacts[contacts.pre_root_id.isin(IDS[:5]) & contacts.post_root_id.isin(typed)].dropna(subset="neuropil")
    by_roi = inside.groupby(["pre_root_id", "post_root_id", "neuropil"]).size().rename("weight").reset_index()
    assert keys(table[table.roi != "NotPrimary"], "bodyId_pre", "bodyId_post", "roi", "weight") == keys(
        by_roi, "pre_root_id", "post_root_id", "neuropil", "weight"
    )
    verb = graph.connections(IDS[:5], {"cell_type": ["A", "B"]}).to_pandas()
    assert keys(verb, "pre_root_id", "post_root_id", "weight") == keys(summed, "bodyId_pre", "bodyId_post", "weight")


def test_common_partners(client: Any, graph: Graph, pairs: pd.DataFrame) -> None:
    found = neuprint.fetch_common_connectivity(IDS[:2], "downstream", client=client)
    several = pairs[pairs.pre_root_id.isin(IDS[:2])].groupby("post_root_id").size()
    assert len(found)
    assert set(found["bodyId_post"]) == set(several[several == 2].index)
    # The verb leaves autapses out: a neuron is no partner of itself.
    apart = pairs[pairs.pre_root_id != pairs.post_root_id]
    several = apart[apart.pre_root_id.isin(IDS[:2])].groupby("post_root_id").size()
    verb = graph.common_partners(IDS[:2], direction="out").to_pandas()
    assert set(verb["root_id"]) == set(several[several == 2].index)


def test_paths_are_those_of_networkx(client: Any, pairs: pd.DataFrame) -> None:
    import networkx as nx

    heavy = pairs[(pairs.weight >= 2) & (pairs.pre_root_id != pairs.post_root_id)]
    graph = nx.DiGraph(list(zip(heavy.pre_root_id, heavy.post_root_id, strict=True)))
    anything = NC(client=client)
    for target in (IDS[5], IDS[8]):
        found = neuprint.fetch_shortest_paths(IDS[0], target, 2, intermediate_criteria=anything, client=client)
        wanted = sorted(nx.all_shortest_paths(graph, IDS[0], target))
        assert sorted(group.bodyId.tolist() for _, group in found.groupby("path")) == wanted
        weights = {(a, b): w for a, b, w in pairs.itertuples(index=False)}
        for _, group in found.groupby("path"):
            steps = zip(group.bodyId, group.bodyId[1:], strict=False)
            assert group.weight.tolist()[1:] == [weights[step] for step in steps]
    most = neuprint.fetch_paths(IDS[0], IDS[5], max_path_length=2, min_weight=1, intermediate_criteria=anything,
                                client=client)  # fmt: skip
    edges = {(a, b) for a, b, _ in pairs.itertuples(index=False)}
    ways = [[IDS[0], IDS[5]]] if (IDS[0], IDS[5]) in edges else []
    ways += [[IDS[0], m, IDS[5]] for m in IDS if {(IDS[0], m), (m, IDS[5])} <= edges]
    assert ways
    assert sorted(group.bodyId.tolist() for _, group in most.groupby("path")) == sorted(ways)


def sites(contacts: pd.DataFrame) -> pd.DataFrame:
    """Synapses as nodes: one a contact on the post side, one a release site on the other."""
    post = contacts.assign(
        type="post", bodyId=contacts.post_root_id, rois=contacts.neuropil.map(lambda r: {r} - {None})
    )
    grouped = contacts.groupby(["presynapse_id", "pre_root_id"])
    pre = grouped[["x_nm", "y_nm", "z_nm", "score"]].mean().reset_index()
    rois = grouped["neuropil"].agg(lambda names: {*names} - {None}).reset_index(drop=True)
    pre = pre.assign(type="pre", bodyId=pre.pre_root_id, rois=rois)
    both = pd.concat([post, pre], ignore_index=True)
    return both[["bodyId", "type", "x_nm", "y_nm", "z_nm", "score", "rois"]]


def placed(frame: pd.DataFrame, x: str = "x", y: str = "y", z: str = "z") -> list[tuple[Any, ...]]:
    """Body, type, whole-numbered place."""
    rows = zip(frame.bodyId, frame.type.astype(str), frame[x].astype(int), frame[y].astype(int), frame[z].astype(int),
               strict=True)  # fmt: skip
    return sorted(rows)


def test_synapses(client: Any, contacts: pd.DataFrame) -> None:
    found = neuprint.fetch_synapses(IDS[:6], client=client, batch_size=4)
    wanted = sites(contacts)
    wanted = wanted[wanted.bodyId.isin(IDS[:6])]
    assert {*found.columns} == {"bodyId", "type", "roi", "x", "y", "z", "confidence"}
    # A site in several neuropils has a row of each in neuPrint's frame; its place says which rows are one.
    once = found.drop_duplicates(["bodyId", "type", "x", "y", "z", "confidence"])
    assert len(once)
    assert placed(once) == placed(wanted, "x_nm", "y_nm", "z_nm")
    criteria = SC(rois=["EB"], type="post", confidence=0.5, client=client)
    some = neuprint.fetch_synapses(IDS[:6], criteria, client=client)
    kept = wanted[(wanted.type == "post") & (wanted.score > 0.5) & wanted.rois.map(lambda rois: "EB" in rois)]
    assert len(kept)
    assert placed(some) == placed(kept, "x_nm", "y_nm", "z_nm")
    assert set(some.roi) == {"EB"}


def test_mean_synapses(client: Any, contacts: pd.DataFrame) -> None:
    found = neuprint.fetch_mean_synapses(IDS[:5], SC(type="pre", client=client), client=client)
    wanted = sites(contacts).explode("rois").dropna(subset="rois")
    wanted = wanted[wanted.bodyId.isin(IDS[:5]) & (wanted.type == "pre")]
    grouped = wanted.groupby(["bodyId", "rois"]).agg(count=("x_nm", "size"), x=("x_nm", "mean"), c=("score", "mean"))
    assert len(found) == len(grouped) > 0
    for row in found.itertuples():
        same = grouped.loc[(row.bodyId, row.roi)]
        assert row.count == same["count"]
        assert row.x == pytest.approx(same.x, rel=1e-6)
        assert row.confidence == pytest.approx(same.c, rel=1e-6)
    whole = neuprint.fetch_mean_synapses(IDS[:3], by_roi=False, client=client)
    for row in whole.itertuples():
        every = sites(contacts)
        every = every[(every.bodyId == row.bodyId) & (every.type == row.type)]
        assert (row.count, row.y) == (len(every), pytest.approx(every.y_nm.mean(), rel=1e-6))
    assert len(whole) == 6


def test_synapse_connections(client: Any, contacts: pd.DataFrame) -> None:
    found = neuprint.fetch_synapse_connections(IDS[:4], IDS[2:], SC(primary_only=True, client=client), client=client)
    wanted = contacts[contacts.pre_root_id.isin(IDS[:4]) & contacts.post_root_id.isin(IDS[2:])]
    mean = contacts.groupby(["presynapse_id", "pre_root_id"])["x_nm"].mean()
    at_pre = [int(mean.loc[(row.presynapse_id, row.pre_root_id)]) for row in wanted.itertuples()]
    assert len(wanted)
    ours = zip(wanted.pre_root_id, wanted.post_root_id, at_pre, wanted.x_nm.astype(int), wanted.z_nm.astype(int),
               strict=True)  # fmt: skip
    assert keys(found, "bodyId_pre", "bodyId_post", "x_pre", "x_post", "z_post") == sorted(ours, key=repr)


def test_output_completeness(client: Any, pairs: pd.DataFrame, neurons: pd.DataFrame) -> None:
    found = neuprint.queries.fetch_output_completeness(IDS[:5], client=client).set_index("bodyId")
    traced = set(neurons[neurons.status == "Traced"].root_id)
    assert sorted(found.index) == IDS[:5]
    for body, row in found.iterrows():
        out = pairs[pairs.pre_root_id == body]
        assert row.total_weight == out.weight.sum()
        assert row.traced_weight == out[out.post_root_id.isin(traced)].weight.sum()


def test_mitochondria_are_refused_in_words(client: Any) -> None:
    with pytest.raises(HTTPError, match="no mitochondria"):
        neuprint.queries.fetch_mitochondria(IDS[:2], client=client)


def test_the_texts_are_those_of_the_package(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "neuprint.client")
    neuprint.fetch_mean_synapses(IDS[:5], client=client)
    assert "UNWIND KEYS(s) as roi" in caplog.records[-1].message
    neuprint.fetch_synapse_connections(IDS[0], None, client=client)
    assert "(ns:Synapse)-[:SynapsesTo]->(ms:Synapse)" in caplog.records[-1].message


def test_skeletons(client: Any, graph: Graph) -> None:
    frame = client.fetch_skeleton(IDS[1])
    (own,) = graph.skeletons.of(IDS[1])
    assert frame["rowId"].tolist() == own.node_ids[own.order].tolist() == [1, 2, 3, 7]
    assert frame["link"].tolist() == [-1, 1, 2, 2]
    assert frame[["x", "y", "z"]].to_numpy().tolist() == own.points_nm[own.order].tolist()
    assert frame["radius"].tolist() == [1, 0.5, 0.5, 0.5]
    healed = client.fetch_skeleton(IDS[1], heal=True, with_distances=True)
    assert healed["distance"].tolist()[1] == 10
    with pytest.raises(HTTPError, match="has no skeleton"):
        client.fetch_skeleton(IDS[5])


def test_questions_of_ones_own(client: Any, graph: Graph, pairs: pd.DataFrame) -> None:
    text = (
        "MATCH (a:Neuron)-[e:ConnectsTo]->(b:Neuron) WHERE e.weight >= 2 "
        "RETURN a.bodyId AS a, b.bodyId AS b, e.weight AS w"
    )
    wanted = keys(pairs[pairs.weight >= 2], "pre_root_id", "post_root_id", "weight")
    frame = client.fetch_custom(text)
    assert keys(frame, "a", "b", "w") == wanted
    assert frame["a"].dtype == np.int64
    assert keys(client.fetch_custom(text, use_arrow=True), "a", "b", "w") == wanted
    rows = client.fetch_custom(text, format="json")
    assert sorted(map(tuple, rows["data"])) == wanted
    with pytest.raises(HTTPError, match="line 1, column"):
        client.fetch_custom("MATCH (a:Neuron) RETURN a.bodyIdd")
    with pytest.raises(HTTPError, match="only reads|cannot|not"):
        client.fetch_custom("MATCH (a:Neuron) SET a.type = 'X' RETURN a")


def test_what_the_client_asks_of_its_server(client: Any) -> None:
    assert client.dataset == "hemibrain:v1.2"
    assert [*client.fetch_datasets(reload_cache=True)] == ["hemibrain:v1.2"]
    assert client.fetch_datasets()["hemibrain:v1.2"]["ROIs"] == ROIS
    assert client.arrow_endpoint()
    assert client.fetch_server_info() is False
    assert client.fetch_token() == client.token
    assert client.fetch_profile()["AuthLevel"] == "readonly"
    assert "graphlab" in client.fetch_db_version()
    assert "/api/custom/custom" in client.fetch_available()
    assert "openapi" in client.fetch_help()
    with pytest.raises(HTTPError, match="no meshes"):
        client.fetch_roi_mesh("EB")


def test_who_may_ask(client: Any) -> None:
    port = client.server.rpartition(":")[2]
    with pytest.raises(HTTPError, match="401"):
        neuprint.Client(client.server, verify=False, token="another-token").fetch_version()
    with pytest.raises(RuntimeError, match="does not exist"):
        neuprint.Client(client.server, "manc:v1", verify=False, token=client.token)
    asked = client.session.get(f"https://127.0.0.1:{port}/api/version", headers={"Host": "evil.example"}, verify=False)
    assert asked.status_code == 421
    neuprint.set_default_client(client)
