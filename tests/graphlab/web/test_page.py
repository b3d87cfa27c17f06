"""What a browser opens where the page is built, and where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from graphlab.graph import Graph


def test_without_a_build_it_says_how_to_build(graph: Graph, serve: Any, tmp_path: Path) -> None:
    with serve({"a <b>": graph}, static=tmp_path) as client:
        for path in ("/", "/g/made/neuron/1"):
            answer = client.get(path)
            assert answer.status_code == 200
            assert "make web" in answer.text
            assert "a &lt;b&gt;" in answer.text
            assert "<b>" not in answer.text
        assert client.get("/api/nothing").json()["error"]["kind"] == "MissingError"
        assert client.get("/api/graphs/a%20%3Cb%3E").json()["counts"]["neurons"] == 12


def test_the_built_page(graph: Graph, serve: Any, tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("the page")
    (tmp_path / "assets" / "app-1.js").write_text("1")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    with serve({"made": graph}, static=tmp_path) as client:
        for path in ("/", "/g/made/neuron/1?w=5", "/assets", "/assets/", "/apis"):
            answer = client.get(path)
            assert (answer.status_code, answer.text) == (200, "the page"), path
            assert answer.headers["cache-control"] == "no-cache"
        asset = client.get("/assets/app-1.js")
        assert "javascript" in asset.headers["content-type"]
        assert "immutable" in asset.headers["cache-control"]
        assert client.get("/favicon.svg").headers["content-type"] == "image/svg+xml"
        assert client.get("/api/nothing").status_code == 404
        assert client.get("/api").status_code == 404


def test_the_api_page_names_every_endpoint(client: httpx.Client) -> None:
    schema = client.get("/api/openapi.json").json()
    page = client.get("/api/docs").text
    assert "<script" not in page
    assert "https://" not in page.replace("https://127.0.0.1", "")
    for path in schema["paths"]:
        assert path in page
    assert "min_weight" in page
