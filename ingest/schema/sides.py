"""Words for the side of a neuron: left, right and center, and what else the field writes for them."""

from __future__ import annotations

import pyarrow as pa

SIDES = {
    **dict.fromkeys(("left", "l", "lhs"), "left"),
    **dict.fromkeys(("right", "r", "rhs"), "right"),
    **dict.fromkeys(("center", "centre", "central", "c", "m", "middle", "midline", "medial"), "center"),
}
"""Words in small letters -> ours."""


def our_sides(words: pa.Array, read_as: dict[str, str]) -> pa.Array:
    """A column of sides in our words; other words and nulls stay as they are.

    Args:
        words: text.
        read_as: gets the source's word -> ours, where they differ.
    """
    encoded = words.dictionary_encode()
    theirs = encoded.dictionary.to_pylist()
    ours = [SIDES.get(word.lower(), word) for word in theirs]
    read_as.update((word, side) for word, side in zip(theirs, ours, strict=True) if word != side)
    return pa.array(ours, pa.string()).take(encoded.indices)
