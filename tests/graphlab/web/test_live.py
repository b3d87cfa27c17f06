from __future__ import annotations

from pathlib import Path

from graphlab.graph import Graph
from graphlab.web.routes.live import COUNTERS, GAUGES, metrics_of, state_of


def test_metrics_are_of_the_state(tmp_path: Path) -> None:
    """Each line is a name, and a number; what it is stands before it."""
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "1.jsonl").write_text("no event\n")
    with Graph.create(tmp_path / "g") as graph, graph.live.follow(str(tmp_path / "events")) as feed:
        assert state_of(feed)["latency_s"] == {"p50": None, "p99": None}
        feed.stand('a "pair"', "A -> B")
        feed.step(0.0)
        state = state_of(feed)
        assert (state["dead_letters"], state["reciprocity"], len(state["alerts"])) == (1, None, 1)
        lines = metrics_of(state).splitlines()
        for line in lines:
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                assert float(value) >= 0
                assert f"# TYPE {name.partition('{')[0]} " in "\n".join(lines)
        told = {line.split()[2] for line in lines if line.startswith("# TYPE")}
        assert len(told) == len(GAUGES) + len(COUNTERS) + 4
        assert "graphlab_live_dead_letters_total 1" in lines
        assert r'graphlab_live_matches{query="a \"pair\""} 0' in lines
