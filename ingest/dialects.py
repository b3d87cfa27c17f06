"""What other people call their columns: the presets of ``--columns``, and names that are read without one.

Names are those of the files that people download and of the frames that CAVEclient, fafbseg and neuprint-python return.

Tests: tests/ingest/test_column_page.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Names = Mapping[str, tuple[str, ...]]
"""Our column -> theirs, the first that a source has is taken. ``*`` and ``[0-9]`` stand for letters and digits."""

POSITION = "position"
"""Our word for a point in voxels: an [x, y, z] column, or the stem of three columns ending in _x, _y, _z."""
VOXELS = ("x_vx", "y_vx", "z_vx")
NM = ("x_nm", "y_nm", "z_nm")


@dataclass(frozen=True, slots=True)
class Dialect:
    """One family of files."""

    about: str
    tables: Mapping[str, Names]
    """Table of ours -> its columns."""
    voxels: str | None = None
    """nm of one unit of its positions, where every file of the family has the same."""
    gone: tuple[str, ...] = ()
    """Columns that are filled in rows which are no longer valid; such rows are left out and counted."""
    one_sided: str | None = None
    """Column of synapses that says on which side of them a neuron is, where its partner may be unknown."""
    label: str | None = None
    """Column of synapses with the compartment of that neuron."""
    bins: tuple[str, ...] = ()
    """Columns that an export makes to sort rows by, which say nothing of their own; they are left out."""
    points: tuple[str, ...] = ()
    """Columns of tables whose rows are places on neurons, several of each: no table of neurons."""
    traps: Mapping[str, str] = field(default_factory=dict)
    """Column -> what to know where a source has it."""


_PAIR_CAVE = {"pre_root_id": ("pre_pt_root_id", "pre_root_id"), "post_root_id": ("post_pt_root_id", "post_root_id")}
# fafbseg renames the columns of CAVE: pre, post, pre_x, pre_y, pre_z, ...
_PAIR_FAFBSEG = {
    "pre_root_id": (*_PAIR_CAVE["pre_root_id"], "pre"),
    "post_root_id": (*_PAIR_CAVE["post_root_id"], "post"),
}
_SYNAPSES_CAVE: Names = {
    **_PAIR_CAVE,
    "synapse_id": ("id",),
    "score": ("cleft_score", "connection_score", "score"),
    "size": ("size", "cleft_vx"),
    "pre_supervoxel_id": ("pre_pt_supervoxel_id", "pre_supervoxel_id"),
    "post_supervoxel_id": ("post_pt_supervoxel_id", "post_supervoxel_id"),
    POSITION: ("ctr_pt_position", "ctr_pt", "pre_pt_position"),
}
_NEURONS_CODEX: Names = {
    "root_id": ("root_id",),
    "cell_type": ("primary_type", "cell_type"),
    "nt_confidence": ("nt_type_score",),
    POSITION: ("position",),
}
PREFIX = "_720575940"
"""Codex leaves these first nine digits of a root id away, and says so at the end of the column's name."""

DIALECTS: Mapping[str, Dialect] = {
    "cave": Dialect(
        "tables of CAVE: CAVEclient's frames, their CSV, Delta Lake exports",
        {
            "neurons": {
                "root_id": ("pt_root_id",),
                POSITION: ("pt_position",),
                "super_class": ("classification_system",),
            },
            "synapses": _SYNAPSES_CAVE,
            "connections": {**_PAIR_CAVE, "weight": ("n_syn", "syn_count")},
        },
        gone=("deleted", "superceded_id"),
        bins=("*_morton", "*_partition"),
    ),
    "flywire": Dialect(
        "FlyWire's annotations and its tables on Zenodo, fafbseg's frames",
        {
            "neurons": {
                "root_id": ("root_id", "pt_root_id", "root_783"),
                "cell_type": ("primary_type", "cell_type"),
                "nt_type": ("nt_type", "top_nt"),
                "nt_confidence": ("nt_type_score", "top_nt_conf"),
                POSITION: ("position", "pos", "pt_position"),
            },
            "synapses": {**_SYNAPSES_CAVE, **_PAIR_FAFBSEG, POSITION: ("ctr_pt_position", "pre_pt_position", "pre")},
            "connections": {**_PAIR_FAFBSEG, "weight": ("syn_count", "n_syn")},
        },
    ),
    "codex": Dialect(
        "downloads of FlyWire Codex; their positions are nanometres already",
        {
            "neurons": _NEURONS_CODEX,
            "synapses": {
                "pre_root_id": (f"pre_root_id{PREFIX}", "pre_root_id"),
                "post_root_id": (f"post_root_id{PREFIX}", "post_root_id"),
                POSITION: ("ctr", "pre"),
            },
            "connections": {**_PAIR_FAFBSEG, "weight": ("syn_count",)},
        },
        voxels="1,1,1",
        traps={
            "supervoxel_id": "`coordinates.csv` holds several rows of a neuron, one a supervoxel; the first is kept",
        },
    ),
    "neuprint": Dialect(
        "frames of neuprint-python",
        {
            "neurons": {
                "root_id": ("bodyId",),
                "name": ("instance",),
                "cell_type": ("type",),
                "super_class": ("superclass", "class"),
                "side": ("somaSide",),
                "nt_type": ("predictedNt", "consensusNt"),
                "nt_confidence": ("predictedNtConfidence", "ntConfidence"),
                "total_in": ("upstream", "post"),
                "total_out": ("downstream",),
                POSITION: ("somaLocation",),
            },
            "synapses": {
                "pre_root_id": ("bodyId_pre",),
                "post_root_id": ("bodyId_post",),
                "score": ("confidence_post", "confidence"),
                "neuropil": ("roi_post", "roi_pre", "roi"),
                "x_vx": ("x_post", "x"),
                "y_vx": ("y_post", "y"),
                "z_vx": ("z_post", "z"),
            },
            "connections": {"pre_root_id": ("bodyId_pre",), "post_root_id": ("bodyId_post",), "neuropil": ("roi",)},
        },
    ),
    "flyem": Dialect(
        "flat files of FlyEM releases: male CNS, optic lobe, hemibrain, MANC; their voxels are 8 nm",
        {
            "neurons": {
                "root_id": ("bodyId", "body", "bodyid"),
                "name": ("instance",),
                "cell_type": ("type", "cell_type"),
                "super_class": ("superclass", "class"),
                "side": ("somaSide", "rootSide"),
                # Confidences in these files are those of predicted_nt, so they are no word of ours beside another.
                "nt_type": ("consensus_nt", "predicted_nt", "consensusNt", "predictedNt"),
                "total_in": ("upstream",),
                "total_out": ("downstream",),
                POSITION: ("somaLocation",),
            },
            "synapses": {
                "pre_root_id": ("body_pre",),
                "post_root_id": ("body_post",),
                "score": ("conf_post",),
                "neuropil": ("primary_post",),
                "x_vx": ("x_post",),
                "y_vx": ("y_post",),
                "z_vx": ("z_post",),
            },
            "connections": {"pre_root_id": ("body_pre",), "post_root_id": ("body_post",)},
        },
        voxels="8,8,8",
        points=("x", "y", "z"),
    ),
    "banc": Dialect(
        "harmonised tables of BANC, FAFB, MANC, hemibrain and male CNS; their positions are nanometres already",
        {
            "neurons": {
                "root_id": ("*_[0-9]*_id", "root_id"),
                "nt_type": ("neurotransmitter_predicted", "top_nt"),
                "nt_confidence": ("neurotransmitter_score",),
            },
            "synapses": {
                "pre_root_id": ("pre",),
                "post_root_id": ("post",),
                "score": ("cleft_scores", "confidence"),
                "presynapse_id": ("connector_id",),
                "x_nm": ("x",),
                "y_nm": ("y",),
                "z_nm": ("z",),
            },
            "connections": {"pre_root_id": ("pre",), "post_root_id": ("post",), "weight": ("count",)},
        },
        one_sided="prepost",
        label="label",
        traps={
            "prepost": "`prepost` tells from which of its two neurons a contact was listed; where both are, a contact "
            "is two rows: --keep prepost=0 takes one",
        },
    ),
    "navis": Dialect(
        "connectors of single neurons, as navis writes them: a file a neuron, the partner unknown",
        {
            "synapses": {
                "score": ("confidence",),
                "neuropil": ("roi",),
                "x_vx": ("x",),
                "y_vx": ("y",),
                "z_vx": ("z",),
            },
        },
        one_sided="type",
    ),
    "witvliet": Dialect(
        "the synapse list of Witvliet et al. 2021",
        {
            "synapses": {"pre_name": ("pre",), "post_name": ("post",), "presynapse_id": ("syn_id",), "size": ("size",)},
        },
    ),
}
SYNONYMS: Mapping[str, Names] = {
    "neurons": {
        "root_id": ("node_id", "neuron_id", "segment_id"),
        "nt_type": ("neurotransmitter",),
    },
    "synapses": {
        "pre_root_id": ("source_id", "pre_id"),
        "post_root_id": ("target_id", "post_id"),
        "pre_compartment": ("pre_label",),
        "post_compartment": ("post_label",),
        "pre_supervoxel_id": ("pre_pt_supervoxel_id",),
        "post_supervoxel_id": ("post_pt_supervoxel_id",),
        **{f"{axis}_nm": (f"ctr_pt_{axis}_nm", f"ctr_pt_position_{axis}_nm") for axis in "xyz"},
    },
    "connections": {
        "pre_root_id": ("source_id", "pre_id"),
        "post_root_id": ("target_id", "post_id"),
        "weight": ("synapse_weight", "synapse_count", "n_synapses", "num_synapses"),
        "pre_compartment": ("pre_label",),
        "post_compartment": ("post_label",),
    },
}
"""Names that are read with and without a preset where a source has none of the others; a note says so."""

OWNERS = ("root_id", "bodyId", "neuron", "skeleton_id")
"""Column of one-sided synapses that names their neuron; without one it is the name of the file."""
SHARES = ("norm",)
"""Columns of connections that divide a count by all input of the receiver."""
COMPARTMENTS = ("pre_compartment", "post_compartment")
"""Our columns of connections that split a pair: a row each for axon to dendrite, axon to axon, ..."""
OF_COMPARTMENTS = (*SHARES, "compartment_input", "post_label_count", "connection")
"""What holds for a row of a split pair alone, and would be wrong for the pair."""
