"""Cards: read back as written, refused when a bit changed, and read as they were before they had a seal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphlab.predict.card import FORMAT, SEAL, read, sealed
from graphlab.predict.tasks.question import Question
from ingest.schema.errors import ReadError, SchemaError, VersionError

OLD = Path(__file__).parents[2] / "data" / "card_of_format_1.json"


def test_a_card_of_before_is_read(tmp_path: Path) -> None:
    """As training wrote it for a made connectome: no seal, and a question with the settings of both tasks."""
    before = json.loads(OLD.read_text())
    assert before["format"] == 1
    card = read(OLD)
    assert card.predictor == before["predictor"] == "label propagation"
    assert card.scores == before["scores"]
    assert card.held_sha256 is None
    assert card.controls == []
    question = Question.on_card(card)
    assert question.plain() == {
        name: tuple(value) if name == "unknown" else value
        for name, value in before["question"].items()
        if name not in ("responses", "outsiders")
    } | {"unknown": before["question"]["unknown"]}
    (tmp_path / "again.json").write_text(card.text())
    assert read(tmp_path / "again.json") == card


def test_every_entry_that_changes_is_noticed(tmp_path: Path) -> None:
    document = json.loads(read(OLD).text())
    assert document["format"] == FORMAT
    path = tmp_path / "m.json"
    for name, value in document.items():
        changed = {**document, name: f"{value}x" if isinstance(value, str) else [value]}
        path.write_text(json.dumps(changed))
        with pytest.raises(ReadError, match="was changed since it was written"):
            read(path)
        path.write_text(json.dumps({key: other for key, other in document.items() if key != name}))
        with pytest.raises(ReadError, match="was changed since it was written"):
            read(path)


def test_cards_of_others_and_of_later_versions(tmp_path: Path) -> None:
    document = json.loads(read(OLD).text())
    path = tmp_path / "m.json"
    path.write_text(sealed({**document, "format": FORMAT + 1}))
    with pytest.raises(VersionError, match=f"of format {FORMAT + 1}; this graphlab reads up to {FORMAT}"):
        read(path)
    for name, value, said in [
        ("leaks", {"shared class": 2}, "has leaks of another form"),
        ("kind", "edge", "has kind of another form"),
        ("reference", "nobody", "has no scores of its reference"),
    ]:
        path.write_text(sealed({**document, name: value}))
        with pytest.raises(SchemaError, match=said):
            read(path)
    path.write_text(json.dumps({"name": "encoder", "sha256": "x"}))
    with pytest.raises(SchemaError, match=r"not the card of a predictor \(it lacks task"):
        read(path)
    assert SEAL in document
