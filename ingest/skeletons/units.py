"""What one unit of a skeleton's positions is, and what its labels mean: said by people, never guessed.

Tests: tests/ingest/skeletons/test_readers.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.reader import ReadRequest
from ingest.schema.compartments import our_compartment
from ingest.schema.errors import SchemaError, UnknownNameError

UNITS = {
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1.0),
    **dict.fromkeys(("um", "micron", "micrometre"), 1000.0),
}
HOW = "--units nm or --units um where positions are lengths, --resolution X,Y,Z (nm of a voxel) where they are voxels"
Labels = Mapping[int, str | None]
"""SWC structure type -> compartment, None for unknown."""
SWC: Labels = {-1: None, 0: None, 1: "soma", 2: "axon", 3: "dendrite", 4: "apical_dendrite", 5: None, 6: None}
"""What types mean everywhere. 5 and 6 are fork and end points to some tools and custom parts to others."""
BANC: Labels = {**SWC, 7: "primary_dendrite", 9: "primary_neurite"}
"""Types of the skeletons that come with the harmonised fly tables."""
LABELS: Mapping[str, Labels] = {"swc": SWC, "banc": BANC}


def unit_nm(request: ReadRequest, source: str, own: tuple[float, float, float] | None = None) -> tuple[float, ...]:
    """nm of one unit along X, Y, Z, as the caller or the source itself says.

    Args:
        own: what the source says.

    Raises:
        SchemaError: nobody says it, or two say something else. UnknownNameError: no such unit.
    """
    said = request.options.get("units")
    if said is not None and str(said).lower() not in UNITS:
        raise UnknownNameError("unit of length", str(said), UNITS)
    if said is not None and request.resolution is not None:
        raise SchemaError(f"{source}: --units and --resolution both say what a unit is; leave one of them out")
    given: tuple[float, ...] | None = None
    if said is not None:
        given = (UNITS[str(said).lower()],) * 3
    elif request.resolution is not None:
        given = tuple(float(length) for length in request.resolution.xyz)
    if given is None and own is None:
        raise SchemaError(f"{source}: skeletons like this do not say their unit; say {HOW}")
    if given is not None and own is not None and not np.allclose(given, own):
        raise SchemaError(f"{source}: its own units are {own} nm, and {given} were said; leave out what is wrong")
    return given or own or ()


def label_words(said: Any) -> Labels:
    """SWC type -> compartment, from ``swc``, ``banc``, or pairs such as ``7=linker,9=unknown`` beside those of SWC.

    Raises:
        UnknownNameError: no such set. SchemaError: a pair that is none.
    """
    if said is None:
        return SWC
    if isinstance(said, Mapping):
        pairs = [(str(code), str(word)) for code, word in said.items()]
    elif "=" not in str(said):
        if str(said).lower() not in LABELS:
            raise UnknownNameError("set of labels", str(said), LABELS)
        return LABELS[str(said).lower()]
    else:
        pairs = [(code, word) for code, _, word in (item.partition("=") for item in str(said).split(","))]
    words = dict(SWC)
    for code, word in pairs:
        if not code.strip().lstrip("-").isdigit() or not word.strip():
            raise SchemaError(f"labels: found {code}={word}; wanted TYPE=COMPARTMENT, such as 7=primary_dendrite")
        words[int(code)] = our_compartment(word)
    return words


def labelled(types: npt.NDArray[np.int64], words: Labels, source: str) -> list[str | None]:
    """The compartment of each node.

    Raises:
        SchemaError: a type without a meaning.
    """
    codes, back = np.unique(types, return_inverse=True)
    for code in codes.tolist():
        if code not in words:
            raise SchemaError(
                f"{source}: {int((types == code).sum()):,} nodes of structure type {code}, which means something else "
                f"in each data set; say what, with --option labels={code}=COMPARTMENT,... ({code}=unknown where nobody "
                "knows), or --option labels=banc for the skeletons of the harmonised fly tables"
            )
    named = [words[code] for code in codes.tolist()]
    return [named[i] for i in back.tolist()]
