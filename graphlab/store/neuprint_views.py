"""Synapses as nodes, and the node of the data set: the relations of ``queries.ir.synapse_nodes`` over a graph's tables.

A release site is where the source says so (``presynapse_id``); its place and confidence are the means of its contacts'.
Elsewhere each contact has its own. Contacts of other kinds than chemical, and sides that are no segment, are left out.

Tests: tests/graphlab/store/test_neuprint_views.py.
"""

from __future__ import annotations

import json
from typing import Any

import duckdb

from graphlab.store.database import first_row
from graphlab.store.folder import Folder
from queries.ir.connectome import NEURONS as NODES
from queries.ir.synapse_nodes import (
    DATASET,
    SET_PAIRS,
    SETS,
    SETS_OF_NEURONS,
    SITE_PAIRS,
    SITES,
    SITES_OF_SETS,
)
from queries.planning.elements import computed, public_names

_SET = "concat({side}, ':', pre_root_id, '>', post_root_id)"
_PRE_SET, _POST_SET = _SET.format(side="'pre'"), _SET.format(side="'post'")
_POST_SITE = "2 * CAST(synapse_id AS HUGEINT) + 1"
_PAIRED = "pre_root_id <> 0 AND post_root_id <> 0"


def relation(folder: Folder, cursor: duckdb.DuckDBPyConnection, name: str) -> str:
    """CREATE TEMP VIEW of one of the relations."""
    body = _dataset(folder, cursor) if name == DATASET else _views(cursor)[name]
    return f"CREATE OR REPLACE TEMP VIEW {name} AS {body}"


def _views(cursor: duckdb.DuckDBPyConnection) -> dict[str, str]:
    shared = first_row(cursor, "SELECT EXISTS (SELECT 1 FROM synapses WHERE presynapse_id IS NOT NULL)")[0]
    # A site is called after the first of its contacts.
    own = (
        """CASE WHEN presynapse_id IS NULL THEN synapse_id ELSE min(synapse_id) OVER (PARTITION BY presynapse_id,
        pre_root_id) END"""
        if shared
        else "synapse_id"
    )
    contacts = f"""(SELECT synapse_id, pre_root_id, post_root_id, x_nm, y_nm, z_nm, score, neuropil,
        2 * CAST({own} AS HUGEINT) AS pre_site, {_POST_SITE} AS post_site FROM synapses WHERE kind = 'chemical')"""
    post = f"""SELECT post_site AS site, 'post' AS type, score AS confidence, x_nm, y_nm, z_nm,
        post_root_id AS "bodyId", CASE WHEN neuropil IS NULL THEN [] ELSE [neuropil] END AS neuropils
        FROM {contacts} WHERE post_root_id <> 0"""
    # The order of addition is said, so that a mean has the same bytes whatever the threads.
    means = ", ".join(
        f"avg({column} ORDER BY synapse_id) AS {name}"
        for column, name in (("score", "confidence"), ("x_nm", "x_nm"), ("y_nm", "y_nm"), ("z_nm", "z_nm"))
    )
    pre = (
        f"""SELECT pre_site AS site, 'pre' AS type, {means}, min(pre_root_id) AS "bodyId",
        coalesce(list_sort(list(DISTINCT neuropil) FILTER (WHERE neuropil IS NOT NULL)), []) AS neuropils
        FROM {contacts} WHERE pre_root_id <> 0 GROUP BY pre_site"""
        if shared
        else post.replace("post_site", "pre_site").replace("'post'", "'pre'").replace("post_root_id", "pre_root_id")
    )
    pairs = f"SELECT DISTINCT pre_root_id, post_root_id FROM synapses WHERE kind = 'chemical' AND {_PAIRED}"
    return {
        SITES: f"{post} UNION ALL {pre}",
        SETS: f"""SELECT {_PRE_SET} AS "set", 'pre' AS type, pre_root_id, post_root_id FROM ({pairs}) UNION ALL
            SELECT {_POST_SET}, 'post', pre_root_id, post_root_id FROM ({pairs})""",
        SETS_OF_NEURONS: f"""SELECT pre_root_id AS "bodyId", {_PRE_SET} AS "set" FROM ({pairs}) UNION ALL
            SELECT post_root_id, {_POST_SET} FROM ({pairs})""",
        SITES_OF_SETS: f"""SELECT {_POST_SET} AS "set", post_site AS site FROM {contacts} WHERE {_PAIRED} UNION ALL
            SELECT DISTINCT {_PRE_SET}, pre_site FROM {contacts} WHERE {_PAIRED}""",
        SET_PAIRS: f"SELECT {_PRE_SET} AS pre_set, {_POST_SET} AS post_set FROM ({pairs})",
        SITE_PAIRS: f"SELECT pre_site, post_site FROM {contacts} WHERE {_PAIRED}",
    }


def _dataset(folder: Folder, cursor: duckdb.DuckDBPyConnection) -> str:
    """One row: what neuPrint keeps in its Meta node, as far as a graph knows it."""
    regions = cursor.execute(
        """SELECT neuropil, CAST(coalesce(sum(weight), 0) AS BIGINT) FROM connections_by_neuropil
           WHERE kind = 'chemical' AND neuropil IS NOT NULL GROUP BY neuropil ORDER BY neuropil"""
    ).fetchall()
    columns = {str(row[0]): str(row[1]) for row in cursor.execute("DESCRIBE neurons").fetchall()}
    name = str(folder.meta("dataset", cursor) or folder.path.name)
    version = folder.meta("materialization", cursor)
    names = [str(row[0]) for row in regions]
    properties = {public: columns[column] for public, column in public_names(NODES, columns).items()}
    properties |= {derived.name: derived.type for derived in computed(NODES, columns)}
    values: dict[str, Any] = {
        "dataset": name,
        "tag": None if version is None else str(version),
        "uuid": str(folder.meta("data_version", cursor)),
        "primaryRois": names,
        "superLevelRois": names,
        "roiInfo": json.dumps({region: {"hasROI": True, "post": count} for region, count in regions}),
        "roiHierarchy": json.dumps({"name": name, "children": [{"name": region} for region in names]}),
        "neuronProperties": json.dumps(properties),
        "ntSynapseProperties": "{}",
        "neuroglancerInfo": None,
        "neuroglancerMeta": None,
        "statusDefinitions": None,
        "voxelSize": [1.0, 1.0, 1.0],
        "voxelUnits": "nanometers",
    }
    listed = ", ".join(f'{_constant(value)} AS "{column}"' for column, value in values.items())
    return f"SELECT 0 AS node, {listed}"


def _constant(value: Any) -> str:
    if value is None:
        return "CAST(NULL AS VARCHAR)"
    if isinstance(value, list):
        kind = "DOUBLE" if value and isinstance(value[0], float) else "VARCHAR"
        return f"CAST([{', '.join(map(_constant, value))}] AS {kind}[])"
    return str(value) if isinstance(value, float) else "'" + str(value).replace("'", "''") + "'"
