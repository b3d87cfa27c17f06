from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.live.events import DeadLetter, LiveError, from_records
from graphlab.live.order import Followed, Sequencer


def events(*numbers: tuple[str, int]) -> Any:
    records = [
        {"version": 1, "producer": p, "sequence": s, "event_id": f"{p}{s}", "action": "chunk_ready", "chunk": "c"}
        for p, s in numbers
    ]
    return from_records(records)[0]


def numbers(table: Any) -> list[tuple[str, int]]:
    return [(row["producer"], row["sequence"]) for row in table.to_pylist()]


@settings(max_examples=60)
@given(st.data())
def test_any_arrival_gives_each_event_once_and_in_order(data: st.DataObject) -> None:
    """Shuffled, repeated and cut into any batches."""
    sent = [(p, s) for p, most in (("a", 9), ("b", 5)) for s in range(1, most + 1)]
    came = data.draw(st.permutations(sent + data.draw(st.lists(st.sampled_from(sent), max_size=8))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(came)), max_size=4)))
    sequencer, taken, duplicates = Sequencer(), [], 0
    for start, end in zip([0, *cuts], [*cuts, len(came)], strict=True):
        table, again = sequencer.take(events(*came[start:end]))
        taken += numbers(table)
        duplicates += again
        for p in "ab":
            mine = [s for q, s in taken if q == p]
            assert mine == list(range(1, len(mine) + 1))
    assert sorted(taken) == sorted(sent)
    assert duplicates == len(came) - len(sent)
    assert sequencer.held == 0
    assert not sequencer.gaps()


def test_order_among_producers_is_that_of_arrival() -> None:
    came = [("b", 1), ("a", 1), ("b", 2), ("a", 2)]
    assert numbers(Sequencer().take(events(*came))[0]) == came


def test_a_gap_is_told_and_filled() -> None:
    sequencer = Sequencer({"a": Followed(4, "a1", "a4")})
    table, _ = sequencer.take(events(("a", 5), ("a", 8), ("a", 7)))
    assert numbers(table) == [("a", 5)]
    (gap,) = sequencer.gaps()
    assert (gap.missing, gap.next, gap.waiting) == (6, 7, 2)
    assert "sequence 6 has not come" in str(gap)
    table, _ = sequencer.take(events(), [DeadLetter("malformed", "", "a", 6)])
    assert numbers(table) == [("a", 7), ("a", 8)]
    assert sequencer.followed["a"] == Followed(8, "a1", "a8")


def test_a_producer_that_counts_anew_is_no_duplicate() -> None:
    sequencer = Sequencer()
    sequencer.take(events(("a", 1), ("a", 2)))
    assert sequencer.take(events(("a", 1)))[1] == 1
    other = events(("a", 1)).set_column(3, "event_id", [["other"]])
    with pytest.raises(LiveError, match="counts anew"):
        sequencer.take(other)


def test_two_events_of_one_number_are_not_one() -> None:
    other = events(("a", 1), ("a", 1)).set_column(3, "event_id", [["one", "other"]])
    with pytest.raises(LiveError, match="two events of the sequence number 1: 'one' and 'other'"):
        Sequencer().take(other)
