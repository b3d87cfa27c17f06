"""Names of tasks and predictors of another package, known to the command line and to ``Graph`` by entry points."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("safetensors")
ROOT = Path(__file__).parents[3]
USED = """
import json, sys
from typer.testing import CliRunner
from graphlab import Graph, cli

def say(*words):
    done = CliRunner().invoke(cli.app, [*words])
    return {"code": done.exit_code, "said": done.output + str(done.exception or "")}

g, found = sys.argv[1], {}
quick = {"predictors": ["nearest"], "folds": 2, "bootstraps": 10}
with Graph.open(g) as graph:
    found["cards"] = [
        graph.predict.train("cell-type", **quick).card.document(),
        graph.predict.train("hemisphere", column="side", **quick).card.document(),
    ]
    found["models"] = graph.predict.models()
    found["sides"] = graph.predict.ask("hemisphere", task="hemisphere").summary().to_pylist()
found |= {
    "setting": say("train", "hemisphere", g, "--set", "colum=side"),
    "name": say("train", "cell-type", g, "--predictors", "nearst", "--name", "x"),
    "verb": say("train", "hemispere", g),
    "help": say("train", "--help"),
}
print(json.dumps(found))
"""


def module(title: str) -> str:
    """The first block of a section of docs/extending.md."""
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {title}$.*?^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def test_they_are_used_by_name(package: Callable[..., Path], trainable: Any) -> None:
    offers = {
        "graphlab.predictors": {"nearest": "acme_both:NEAREST"},
        "graphlab.tasks": {"hemisphere": "acme_both:HEMISPHERE"},
    }
    site = package("acme_both", offers, f"{module('A predictor')}\n\n{module('A task')}")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(site)])}
    done = subprocess.run(
        [sys.executable, "-c", USED, str(trainable.path)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    one, two = found["cards"]
    assert one["predictor"] == two["predictor"] == "nearest"
    assert two["question"] == {"task": "hemisphere", "column": "side", "homologues": None, "embeddings": None}
    assert found["models"] == ["cell-type", "hemisphere"]
    assert {row["label"] for row in found["sides"]} == {"left", "right"}
    for step, said in [
        ("setting", "did you mean 'column'"), ("name", "did you mean 'nearest'"), ("verb", "did you mean 'hemisphere'")
    ]:  # fmt: skip
        assert found[step]["code"] != 0
        assert said in found[step]["said"], found[step]
    assert "hemisphere" in found["help"]["said"]
