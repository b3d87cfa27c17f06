"""Named policies of signs: which transmitter excites, which inhibits, and which is left out on purpose.

A policy that an analysis uses is named in its result. What a policy does not list has no sign: the analysis refuses
it, or treats it as the caller says, with a count.
"""

from __future__ import annotations

from collections.abc import Mapping

from ingest.schema.errors import UnknownNameError
from ingest.schema.transmitters import EXCITATORY, INHIBITORY, TRANSMITTER_MAPS, TransmitterMap

LEFT_OUT = 0
"""The value of a transmitter whose connections a policy leaves out."""

_MONOAMINES = dict.fromkeys(("DA", "SER", "OCT", "TYR"), LEFT_OUT)

POLICIES: Mapping[str, TransmitterMap] = {
    **TRANSMITTER_MAPS,
    **{
        policy.name: policy
        for policy in (
            TransmitterMap(
                "shiu",
                {
                    **dict.fromkeys(("ACH", "DA", "SER", "OCT"), EXCITATORY),
                    **dict.fromkeys(("GABA", "GLUT"), INHIBITORY),
                },
                0.0,
                "Shiu et al. 2024: GABA and glutamate inhibit, the other four predicted transmitters excite.",
            ),
            TransmitterMap(
                "effectome",
                {
                    **dict.fromkeys(("ACH", "DA"), EXCITATORY),
                    **dict.fromkeys(("GABA", "GLUT", "OCT", "SER"), INHIBITORY),
                },
                0.0,
                "Pospisil et al. 2024: acetylcholine and dopamine excite; GABA, glutamate, octopamine and serotonin "
                "inhibit.",
            ),
            TransmitterMap(
                "exclude monoamines",
                {"ACH": EXCITATORY, **dict.fromkeys(("GABA", "GLUT", "HIS"), INHIBITORY), **_MONOAMINES},
                0.0,
                "Acetylcholine excites; GABA, glutamate and histamine inhibit; connections of dopamine, serotonin, "
                "octopamine and tyramine neurons are left out, since they modulate.",
            ),
        )
    },
}
"""The maps that ``graph.set_signs`` takes, too, and policies of published models."""


def sign_policy(name: str) -> TransmitterMap:
    """The policy called ``name``; UnknownNameError with the nearest names otherwise."""
    if name not in POLICIES:
        raise UnknownNameError("policy of signs", name, POLICIES)
    return POLICIES[name]
