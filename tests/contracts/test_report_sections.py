"""Every report section of ours passes the contract that others are held to."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from graphlab import Graph
from graphlab.report import SECTIONS, Subject, report_section, write_report
from graphlab.report.page import Notes, Section
from graphlab.testing import ReportSectionContract
from graphlab.testing.report_sections import HOSTILE


class TestOverview(ReportSectionContract):
    name = "overview"


class TestConnectivity(ReportSectionContract):
    name = "connectivity"


class TestStatistics(ReportSectionContract):
    name = "statistics"

    def fill(self, graph: Graph) -> None:
        graph.circuits.statistics(["size", "reciprocity", "type-assortativity", "rich-club"])


class TestTriads(ReportSectionContract):
    name = "triads"


class TestMotifTests(ReportSectionContract):
    name = "motif-tests"


class TestMining(ReportSectionContract):
    name = "mining"


class TestParticipation(ReportSectionContract):
    name = "participation"


class TestStrongestConnections(ReportSectionContract):
    name = "strongest-connections"


class TestCellTypes(ReportSectionContract):
    name = "cell-types"


class TestMethods(ReportSectionContract):
    name = "methods"


class TestInstances(ReportSectionContract):
    name = "instances"

    def subject(self, graph: Graph) -> Subject:
        _, found = graph.motifs.kept_significance()[0]
        return Subject(graph, found, {f"other {HOSTILE}": found})


class TestProfiles(TestInstances):
    name = "profiles"


class TestEmbeddingMap(ReportSectionContract):
    name = "embedding-map"

    def fill(self, graph: Graph) -> None:
        vectors = np.random.default_rng(1).normal(size=(6, 64)).astype(np.float32)
        rows = pa.table(
            {
                "root_id": pa.array(range(1, 7), pa.uint64()), "node_id": pa.array([0] * 6, pa.uint64()),
                **{f"{axis}_nm": pa.array([1.0] * 6, pa.float32()) for axis in "xyz"},
                "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 64),
            }
        )  # fmt: skip
        graph.ingest(rows, as_="embeddings", model="made", segmentation_version="1")


class TestActivity(ReportSectionContract):
    name = "activity"

    def fill(self, graph: Graph) -> None:
        traces = np.random.default_rng(2).normal(size=(200, 3))
        frames = pa.table({"time_s": np.arange(200) * 0.1, **{f"n{k}": traces[:, k] for k in range(3)}})
        graph.ingest(frames, as_="recordings")


class TestSignalFlow(ReportSectionContract):
    name = "signal-flow"

    def fill(self, graph: Graph) -> None:
        graph.circuits.signal_flow()


class TestSimulation(ReportSectionContract):
    name = "simulation"

    def fill(self, graph: Graph) -> None:
        graph.circuits.simulate(1, signs="shiu", unknown_signs="excite", trials=2, duration_ms=60.0)


class TestPredictions(ReportSectionContract):
    name = "predictions"

    def fill(self, graph: Graph) -> None:
        (graph.path / "models").mkdir(exist_ok=True)
        (graph.path / "models" / "broken.json").write_text(
            json.dumps({"scores": {}, "split_hash": HOSTILE}), encoding="utf-8"
        )


def test_every_section_is_held_to_it() -> None:
    held = {kind.name for kind in (*ReportSectionContract.__subclasses__(), TestProfiles)}
    assert set(SECTIONS.names()) <= held


@pytest.mark.parametrize(
    ("fault", "test"),
    [
        ("a need that nobody knows", "test_words"),
        ("a page that runs something", "test_it_says_something_and_the_same_twice"),
        ("another page each time", "test_it_says_something_and_the_same_twice"),
        ("a graph that it changes", "test_it_says_something_and_the_same_twice"),
    ],
)
def test_the_contract_finds_faults(tmp_path: Path, fault: str, test: str) -> None:
    from markupsafe import Markup

    times: list[int] = []

    def make(subject: Subject) -> Section:
        times.append(1)
        if fault == "a graph that it changes":
            subject.graph.set_signs("fly")  # type: ignore[attr-defined]
        text = str(len(times)) if fault == "another page each time" else "said"
        note = Markup("<script>alert(1)</script>") if fault == "a page that runs something" else text
        return Section("Careless", [Notes([note])])

    class Held(ReportSectionContract):
        name = "careless"
        section = report_section("careless", *(["gold"] if "need" in fault else []))(make)  # type: ignore[assignment]

    arguments = [] if test == "test_words" else [tmp_path]
    with pytest.raises((AssertionError, OSError)):
        getattr(Held(), test)(*arguments)


def test_a_section_of_another_package_that_fails_stands_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "site" / "acme-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[graphlab.report_sections]\nacme = no_such_module:SECTION\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with Graph.create(tmp_path / "graph") as graph:
        text = write_report(graph, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "left out: report section &#39;acme&#39; of acme 1.0 cannot be loaded" in text


@pytest.mark.parametrize("where", ["making", "need"])
def test_a_section_of_another_package_that_breaks_leaves_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    site = tmp_path / "site"
    info = site / "acme-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[graphlab.report_sections]\nbroken-{where} = acme_{where}:SECTION\n")
    needs = f"'broken-{where}'" + (", 'gold'" if where == "need" else "")
    (site / f"acme_{where}.py").write_text(
        "from graphlab.report import report_section\n\n"
        f"@report_section({needs})\ndef SECTION(subject):\n    {{}}['gold']\n"
    )
    monkeypatch.syspath_prepend(str(site))
    with Graph.create(tmp_path / "graph") as graph:
        text = write_report(graph, tmp_path / "report.html").read_text(encoding="utf-8")
    why = (
        "unknown need of the report section"
        if where == "need"
        else "KeyError: &#39;gold&#39;. This is a fault of acme 1.0"
    )
    assert f"left out: {why}" in text
