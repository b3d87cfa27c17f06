"""Words for where on a neuron a synapse lies: ours, those the field writes, and classes such as axo-dendritic.

Tests: tests/ingest/schema/test_compartments.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from ingest.schema.errors import SchemaError, UnknownNameError

UNKNOWN = "unknown"
"""How people ask for what has no label; null in tables."""
WORDS: dict[str, str | None] = {
    **dict.fromkeys(("", UNKNOWN, "undefined", "unlabelled", "unlabeled", "none", "null", "na", "n/a", "nan"), None),
    **dict.fromkeys(("axon", "axons", "axonal"), "axon"),
    **dict.fromkeys(("dendrite", "dendrites", "dendritic"), "dendrite"),
    **dict.fromkeys(("apical dendrite", "apical dendrites", "apical"), "apical_dendrite"),
    **dict.fromkeys(("basal dendrite", "basal dendrites", "basal"), "basal_dendrite"),
    **dict.fromkeys(("primary dendrite", "primary dendrites"), "primary_dendrite"),
    **dict.fromkeys(("primary neurite", "primary neurites"), "primary_neurite"),
    **dict.fromkeys(("soma", "somas", "somata", "somatic", "cell body"), "soma"),
}
"""Words without capitals and underscores -> ours; None is unknown."""
DENDRITES = ("dendrite", "apical_dendrite", "basal_dendrite")
"""What ``dendritic`` means; a primary dendrite, the cable between the arbours of a fly neuron, is none of them."""
PRE = {"axo": ("axon",), "dendro": DENDRITES, "somato": ("soma",)}
POST = {"axonic": ("axon",), "dendritic": DENDRITES, "somatic": ("soma",)}
CLASSES = tuple(f"{pre}-{post}" for pre in PRE for post in POST)
ARROW, ANY = "->", "*"


@dataclass(frozen=True, slots=True)
class CompartmentPair:
    """Connections from some compartments to some others."""

    name: str
    """As people say it: ``axo-dendritic``, ``axon->primary_dendrite``, ``*->soma``."""
    pre: tuple[str, ...] | None
    """Labels of the presynaptic side, ``unknown`` for none; any where None."""
    post: tuple[str, ...] | None


def our_compartment(word: str) -> str | None:
    """Our word for a label, None for one that says unknown; another word stays as it is.

    >>> our_compartment("Axonal"), our_compartment("NA"), our_compartment("linker")
    ('axon', None, 'linker')
    """
    plain = re.sub(r"[\s_]+", " ", word).strip().lower()
    return WORDS[plain] if plain in WORDS else word.strip()


def our_compartments(words: pa.Array, read_as: dict[str, str]) -> pa.Array:
    """A column of labels in our words; other words and nulls stay as they are.

    Args:
        words: text.
        read_as: gets the source's word -> ours, where they differ.
    """
    encoded = words.dictionary_encode()
    theirs = encoded.dictionary.to_pylist()
    ours = [our_compartment(word) for word in theirs]
    read_as.update((word, own or UNKNOWN) for word, own in zip(theirs, ours, strict=True) if word != (own or UNKNOWN))
    return pa.array(ours, pa.string()).take(encoded.indices)


def compartment_pairs(said: str | Sequence[str]) -> tuple[CompartmentPair, ...]:
    """What ``--compartment`` names, each once, by name.

    Args:
        said: classes such as ``axo-dendritic``, or pairs of labels such as ``axon->linker`` (``*`` for any, ``unknown``
            for no label): one, several with commas between, or a sequence of them.

    Raises:
        UnknownNameError: no such class. SchemaError: nothing was named, or half a pair.
    """
    words = [word.strip() for word in (said.split(",") if isinstance(said, str) else said)]
    if not any(words):
        raise SchemaError(f"no compartment was named; wanted {', '.join(CLASSES)}, or labels such as axon{ARROW}soma")
    pairs = {pair.name: pair for pair in map(_pair, filter(None, words))}
    return tuple(pairs[name] for name in sorted(pairs))


def _pair(word: str) -> CompartmentPair:
    if ARROW in word:
        pre, _, post = (part.strip() for part in word.partition(ARROW))
        if not pre or not post:
            raise SchemaError(f"compartment {word!r}: wanted a label on either side, such as axon{ARROW}soma")
        sides = [label if label == ANY else our_compartment(label) or UNKNOWN for label in (pre, post)]
        return CompartmentPair(ARROW.join(sides), *(None if label == ANY else (label,) for label in sides))
    pre, _, post = word.lower().replace("_", "-").partition("-")
    if pre not in PRE or post not in POST:
        raise UnknownNameError("compartment", word, CLASSES)
    return CompartmentPair(f"{pre}-{post}", PRE[pre], POST[post])
