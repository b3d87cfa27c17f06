"""docs/columns.md is what the code reads."""

from __future__ import annotations

from pathlib import Path

from ingest import column_page
from ingest.dialects import DIALECTS, SYNONYMS
from ingest.schema.words import TABLES

PAGE = Path(__file__).parents[2] / "docs" / "columns.md"


def test_the_page_is_the_one_in_docs() -> None:
    """After a change: graphlab columns > docs/columns.md."""
    assert PAGE.read_text(encoding="utf-8").rstrip() == column_page.page().rstrip()


def test_the_page_names_everything() -> None:
    page = column_page.page()
    for name in column_page.TABLE_NAMES:
        assert all(f"| {column}" in page for column in TABLES[name].names())
        assert all(other in page for others in SYNONYMS[name].values() for other in others)
    for name, found in DIALECTS.items():
        assert f"### {name}" in page
        section = "\n".join(column_page.preset(name))
        assert all(theirs in section for words in found.tables.values() for some in words.values() for theirs in some)
