"""Signs of connections from transmitters: one named map a dataset, with a confidence cut; unknown stays unknown.

A transmitter names a sign only where its fast action is of one kind in that animal. Modulators (dopamine,
serotonin, octopamine) have none, and in C. elegans neither has glutamate, whose receptors are of both kinds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ingest.schema.errors import SchemaError, UnknownNameError

EXCITATORY, INHIBITORY = 1, -1

NAMES: Mapping[str, str] = {
    "ach": "ACH",
    "acetylcholine": "ACH",
    "cholinergic": "ACH",
    "gaba": "GABA",
    "gabaergic": "GABA",
    "glut": "GLUT",
    "glutamate": "GLUT",
    "glutamatergic": "GLUT",
    "da": "DA",
    "dopamine": "DA",
    "ser": "SER",
    "serotonin": "SER",
    "5-ht": "SER",
    "5ht": "SER",
    "oct": "OCT",
    "octopamine": "OCT",
    "oa": "OCT",
    "tyr": "TYR",
    "tyramine": "TYR",
    "his": "HIS",
    "hist": "HIS",
    "histamine": "HIS",
}
"""Spellings of transmitters in lower case -> the one in the maps: our own, Codex's short names, neuPrint's words."""


@dataclass(frozen=True)
class TransmitterMap:
    """Which transmitter means which sign in one dataset, and how sure a prediction must be."""

    name: str
    signs: Mapping[str, int]
    """Transmitter -> +1 or -1; a transmitter that is not here has no sign."""
    min_confidence: float
    """Predictions less confident than this are unknown. A missing confidence passes: the transmitter is known."""
    about: str

    def sign(self, transmitter: str | None, confidence: float | None = None) -> int | None:
        """+1, -1, or None where the sign is unknown.

        Args:
            transmitter: any spelling in ``NAMES``; None or another word is unknown.
            confidence: 0 to 1; None or NaN where the source gives none.

        Raises:
            SchemaError: a confidence outside 0 to 1 (a percentage, most likely).
        """
        if confidence is not None and not math.isnan(confidence):
            if not 0.0 <= confidence <= 1.0:
                raise SchemaError(f"nt_confidence: found {confidence}; wanted a number from 0 to 1")
            if confidence < self.min_confidence:
                return None
        if transmitter is None:
            return None
        return self.signs.get(NAMES.get(transmitter.strip().lower(), ""))

    def sign_all(
        self, transmitters: Iterable[str | None], confidences: Iterable[float | None] | None = None
    ) -> list[int | None]:
        """``sign`` of each; both sequences have one length."""
        if confidences is None:
            return [self.sign(name) for name in transmitters]
        return [self.sign(name, value) for name, value in zip(transmitters, confidences, strict=True)]


_FLY = {"ACH": EXCITATORY, "GABA": INHIBITORY, "GLUT": INHIBITORY, "HIS": INHIBITORY}

TRANSMITTER_MAPS: Mapping[str, TransmitterMap] = {
    item.name: item
    for item in (
        TransmitterMap(
            "fly",
            _FLY,
            0.5,
            "Adult and larval Drosophila: acetylcholine excites; GABA, glutamate (GluCl) and histamine inhibit. "
            "The cut at 0.5, a prediction likelier than all others together, is our choice.",
        ),
        TransmitterMap(
            "worm",
            {"ACH": EXCITATORY, "GABA": INHIBITORY},
            0.5,
            "C. elegans: acetylcholine excites and GABA inhibits, both with known exceptions; glutamate does both.",
        ),
        TransmitterMap(
            "mouse",
            {"GLUT": EXCITATORY, "GABA": INHIBITORY},
            0.5,
            "Mammalian cortex: glutamate excites, GABA inhibits.",
        ),
        TransmitterMap("synthetic", _FLY, 0.0, "The made connectome: transmitters are known, so there is no cut."),
    )
}


def transmitter_map(name: str) -> TransmitterMap:
    """The map called ``name``; UnknownNameError with the nearest names otherwise."""
    if name not in TRANSMITTER_MAPS:
        raise UnknownNameError("transmitter map", name, TRANSMITTER_MAPS)
    return TRANSMITTER_MAPS[name]
