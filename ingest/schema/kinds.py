"""Words for kinds of connections: ours, those the field writes for the same, and nothing else."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.schema.values import Place
from ingest.schema.words import KINDS

SYNONYMS = {
    **{kind: kind for kind in KINDS},
    **dict.fromkeys(("chemical synapse", "chem", "synaptic"), "chemical"),
    **dict.fromkeys(
        (
            *("gap junction", "gapjunction", "gap", "gj", "ej", "elec", "electric", "electric synapse"),
            *("electric junction", "electrical synapse", "electrical junction", "electrical coupling"),
        ),
        "electrical",
    ),
    **dict.fromkeys(("extra synaptic", "extrasynaptic connection", "wireless", "volume transmission"), "extrasynaptic"),
}
"""Words without capitals, underscores, hyphens and a plural's s. Directions (send, receive) are no kinds."""


def known_kind(word: str) -> str | None:
    """Our word for what a source calls a kind, None where it is not known.

    >>> known_kind("Gap_junctions")
    'electrical'
    """
    plain = re.sub(r"[\s_-]+", " ", word).strip().lower()
    return SYNONYMS.get(plain) or SYNONYMS.get(plain.removesuffix("s"))


def one_kind(word: str) -> str:
    """Our word for ``word``; UnknownNameError otherwise."""
    kind = known_kind(word)
    if kind is None:
        raise UnknownNameError("kind", word, KINDS)
    return kind


def our_kinds(words: pa.Array, place: Place, read_as: dict[str, str]) -> pa.Array:
    """A column of kinds in our words, nulls kept.

    Args:
        words: text.
        read_as: gets the source's word -> ours, where they differ.

    Raises:
        SchemaError: the first word that is none of ours and no known other one, with its row.
    """
    encoded = words.dictionary_encode()
    ours: list[str] = []
    for number, word in enumerate(encoded.dictionary.to_pylist()):
        kind = known_kind(word)
        if kind is None:
            row = pc.index(encoded.indices, pa.scalar(number, encoded.indices.type)).as_py()
            raise SchemaError(
                f"{place.at(row)}: found the kind {word!r}; wanted {', '.join(KINDS)} (gap junction and the like are "
                "read as electrical). Write one of them in the source, or rename the column and say --kind KIND for "
                "all of it"
            )
        if kind != word:
            read_as[word] = kind
        ours.append(kind)
    return pa.array(ours, pa.string()).take(encoded.indices)
