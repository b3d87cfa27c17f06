"""Homologue classes as the field names them."""

from __future__ import annotations

from graphlab.predict.inputs.worm_names import worm_class


def test_worm_classes() -> None:
    names = {"AVAL", "AVAR", "AVL", "AVDL", "AVDR", "RID", "RIVL", "RIVR", "VB2", "I3", "I1L", "I1R", "SABD", "SABVL",
             "SABVR", "RMED", "RMEV", "RMEL", "RMER", "IL1DL", "IL1DR", "IL1VL", "IL1VR", "IL1L", "IL1R"}  # fmt: skip
    found = {name: worm_class(name, names) for name in sorted(names)}
    assert set(found.values()) == {"AVA", "AVL", "AVD", "RID", "RIV", "VB", "I3", "I1", "SAB", "RME", "IL1"}
