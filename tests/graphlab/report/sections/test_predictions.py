"""The section of predictions: figures and tables that agree with the run, hostile names as text, bad files said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from graphlab import Graph
from graphlab.predict.card import SHAPES, sealed
from graphlab.report.page import Figures, Notes, Table
from graphlab.report.section import Subject
from graphlab.report.sections import predictions

pytest.importorskip("sklearn")
EVIL = '<script>fetch("https://example.org/x")</script>'


def test_a_graph_without_models_says_nothing(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        assert predictions.section.make(Subject(graph)) is None


def test_everything_that_a_reader_needs_is_there(predicted: Path) -> None:
    with Graph.open(predicted / "graph", read_only=True) as graph:
        section = predictions.section.make(Subject(graph))
    assert section is not None
    tables = [block for block in section.blocks if isinstance(block, Table)]
    figures = [figure for block in section.blocks if isinstance(block, Figures) for figure in block.figures]
    names = [figure.name for figure in figures]
    for kind in ("roc", "precision_recall", "reliability", "selective"):
        assert f"predictions_functional_{kind}" in names
        assert f"predictions_cell-type_{kind}" in names
    assert "predictions_functional_importance" in names
    assert "predictions_cell-type_confusion" in names
    card = json.loads((predicted / "graph" / "models" / "functional.json").read_text())
    (scores,) = [t for t in tables if t.title.startswith("functional: scores")]
    assert [*scores.columns[:5]] == ["predictor", "AUROC", "average precision", "Brier", "ECE"]
    told = {str(row[0]): row for row in scores.rows}
    assert set(card["predictors"]) <= set(told)
    best = card["scores"]["logistic regression"]["auroc"]
    assert told["logistic regression"][1] == f"{best['value']:.3f} [{best['lo']:.3f}, {best['hi']:.3f}]"
    assert told["random forest"][6] == "reference"
    base = card["base_rates"]["response"]
    assert told["chance"][1:3] == ["0.500", f"{base:.3f}"]
    (types_scores,) = [t for t in tables if t.title.startswith("cell-type: scores")]
    assert types_scores.columns[1] == "macro-F1"
    sure = [t for t in tables if t.title.startswith("Only the surest")]
    assert len(sure) == 2
    uncertain = card["uncertainty"]["logistic regression"]
    (row,) = [row for row in sure[1].rows if row[0] == "logistic regression"]
    assert str(row[1]).startswith(f"{uncertain['coverage_at_95']['value']:.3f} [")
    assert str(row[3]).startswith(f"{uncertain['ece_calibrated']['value']:.3f} [")
    assert "[" not in str(sure[0].rows[0][1]), "a card without intervals gets none"
    (untold, leaks) = [t for t in tables if t.columns[0] == "leak"]
    copies = [f"near copy by {kind}, no twin declared" for kind in card["near_copies"]["share"]]
    assert {str(row[0]): str(row[1]) for row in leaks.rows} == dict.fromkeys([*card["leaks"], *copies], "0.0%")
    assert {str(row[2]) for row in leaks.rows[: len(card["leaks"])]} == {"yes, and checked"}
    assert [str(row[1]) for row in untold.rows if str(row[2]).startswith("promised, not checked")] == ["–"] * 3
    (_, beside) = [t for t in tables if t.columns[-1] == "p against guessing"]
    assert [str(row[-1]) for row in beside.rows if row[0] == "random forest"]
    (by_type,) = [t for t in tables if t.title.startswith("Where the errors")]
    assert {str(row[1]) for row in by_type.rows} <= {"first", "second"}
    (types,) = [t for t in tables if t.title.startswith("Types by")]
    assert EVIL in {str(row[0]) for row in types.rows}
    assert {"predictions_functional_scores", "predictions_functional_types", "predictions_cell-type_types"} <= set(
        section.tables
    )


def test_errors_by_type_add_up_to_the_brier_score(predicted: Path) -> None:
    with Graph.open(predicted / "graph", read_only=True) as graph:
        section = predictions.section.make(Subject(graph))
    assert section is not None
    rows = section.tables["predictions_functional_types"].to_pylist()
    held = pq.read_table(predicted / "graph" / "models" / "functional.held.parquet").to_pylist()
    chosen = [row for row in held if row["predictor"] == "nominated"]
    assert chosen
    total = sum((row["probability"][1] - row["label"]) ** 2 for row in chosen)
    for end in ("first", "second"):
        of_end = [row for row in rows if row["end"] == end]
        assert sum(row["squared_error"] for row in of_end) == pytest.approx(total)
        assert sum(row["pairs"] for row in of_end) == len(chosen)


def test_hostile_names_are_escaped(predicted: Path) -> None:
    page = (predicted / "predicted.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;fetch" in page
    assert "Predictions" in page
    files = predicted / "predicted_files"
    assert (files / "predictions_functional_roc.svg").read_text().startswith("<svg")
    assert (files / "predictions_functional_scores.csv").is_file()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda models: (models / "functional.json").write_text("{"), "functional.json: "),
        (lambda models: _card(models, scores={}), "has scores of another form"),
        (lambda models: _card(models, reference="nobody"), "has no scores of its reference"),
        (lambda models: _card(models, leaks=None), "lacks leaks"),
        (lambda models: (models / "functional.held.parquet").write_bytes(b"PAR1"), "functional.held.parquet: "),
        (lambda models: _card(models, classes=["a", "b", "c"]), "its card has 3 classes"),
        (lambda models: _drop(models, "label"), "lacks the columns label"),
    ],
)
def test_what_cannot_be_read_is_said_and_the_rest_is_shown(predicted: Path, tmp_path: Path, harm, told: str) -> None:  # type: ignore[no-untyped-def]
    place = shutil.copytree(predicted / "graph", tmp_path / "g")
    harm(place / "models")
    with Graph.open(place) as graph:
        section = predictions.section.make(Subject(graph))
        graph.report(tmp_path / "page.html")
    assert section is not None
    notes = [note for block in section.blocks if isinstance(block, Notes) for note in block.notes]
    assert any(told in note for note in notes), notes
    assert any(note.startswith("functional") and "rain the model again" in note for note in notes)
    assert "predictions_cell-type_scores" in section.tables
    assert "predictions_functional_scores" not in section.tables


def test_cards_without_predictions_and_cards_of_others(predicted: Path, tmp_path: Path) -> None:
    place = shutil.copytree(predicted / "graph", tmp_path / "g")
    (place / "models" / "functional.held.parquet").unlink()
    (place / "models" / "cell-type.json").write_text('{"kind": "encoder", "sha256": "x"}')
    with Graph.open(place) as graph:
        section = predictions.section.make(Subject(graph))
    assert section is not None
    notes = [note for block in section.blocks if isinstance(block, Notes) for note in block.notes]
    assert any("were not kept" in note for note in notes)
    assert list(section.tables) == ["predictions_functional_scores"]


def _card(models: Path, **changes: object) -> None:
    path = models / "functional.json"
    card = {**json.loads(path.read_text()), **changes}
    path.write_text(sealed({key: value for key, value in card.items() if value is not None}))


def _drop(models: Path, column: str) -> None:
    path = models / "functional.held.parquet"
    pq.write_table(pq.read_table(path).drop_columns([column]), path)


JUNK = ("x", 5, -1.5, None, [], [1], {}, {"x": 1}, {"x": {}}, {"x": {"y": {"value": "z"}}}, [{"test": 3}], True)


def test_no_card_breaks_the_report(predicted: Path, tmp_path: Path) -> None:
    """Every entry in turn replaced by every junk: a sentence or a section, never an exception."""
    place = shutil.copytree(predicted / "graph", tmp_path / "g")
    (place / "models" / "cell-type.json").unlink()
    path = place / "models" / "functional.json"
    card = json.loads(path.read_text())
    said = 0
    with Graph.open(place, read_only=True) as graph:
        for key in sorted(SHAPES):
            for junk in JUNK:
                path.write_text(sealed({**card, key: junk}))
                section = predictions.section.make(Subject(graph))
                assert section is not None
                notes = [note for block in section.blocks if isinstance(block, Notes) for note in block.notes]
                said += any(note.endswith("train the model again") for note in notes)
    assert said > 6 * len(SHAPES), "most junk is not shown as if it were something"
