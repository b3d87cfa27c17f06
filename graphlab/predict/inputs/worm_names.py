"""Homologue classes of C. elegans neurons from their names (White et al. 1986)."""

from __future__ import annotations

import re
from collections.abc import Set

MOTOR = re.compile(r"(AS|DA|DB|DD|VA|VB|VC|VD)\d+")
"""Numbered motor neurons of the ventral cord; numbers of other names tell classes apart (I3 is no I4)."""

BY_SIDE = {"AWCOFF": "AWCL", "AWCON": "AWCR"}
"""The two AWC neurons by what they do, which sides they are on differs from animal to animal; the convention."""


def worm_class(name: str, names: Set[str]) -> str:
    """AVAL and AVAR are AVA; SMBDL and three more are SMB; VB2 is a VB. RID stays apart from RIV."""
    if MOTOR.fullmatch(name):
        return name[:2]
    other = {"L": "R", "R": "L"}.get(name[-1], "")
    stem = name[:-1] if other and name[:-1] + other in names else name
    turned = {"D": "V", "V": "D"}.get(stem[-1], "")
    twins = {stem[:-1] + turned + end for end in ("", "L", "R")}
    return stem[:-1] if len(stem) > 3 and turned and twins & names else stem
