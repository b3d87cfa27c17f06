"""Statuses of proofreading: what is said, what is not, and what nobody says of any neuron."""

from __future__ import annotations

from ingest.schema.proofreading import seen


def test_words_that_deny_and_words_that_affirm() -> None:
    found = seen(["clean", " Non ", "", None, "extended", 0, True])
    assert found is not None
    assert found.tolist() == [True, False, False, False, True, False, True]


def test_a_graph_that_says_nothing_has_no_answer() -> None:
    assert seen([None, None]) is None
    assert seen([]) is None
