"""Neurons by what people say of them: the one place where names, types, sets and criteria become ids.

A text is an id in digits, a neuron's name, the name of a saved set, or a cell type: whichever the graph knows. What
means several things, or a name that several neurons share, is refused with all that it could mean.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from graphlab.selection.search import searched
from graphlab.store import neuron_sets, query_source
from graphlab.store.folder import Folder
from graphlab.store.neuron_sets import NeuronSet
from ingest.schema.errors import IdError, SchemaError, UnknownNameError, did_you_mean
from ingest.schema.ids import RootIds, as_root_ids, is_id, tidy_name

SPECIAL = ("in_set", "search")
"""Criteria that are no columns: name of a saved set, words to be found in any text column."""
_LISTED = 12
_NEAR = 0.65
"""Jaro-Winkler similarity from which on a name is suggested."""


class AmbiguousNameError(SchemaError):
    """A text that means several neurons, or several things."""


class UnknownNeuronNameError(UnknownNameError, SchemaError):
    """A text that is no name, type, set or id of the graph."""

    def __init__(self, text: str, near: Sequence[str]) -> None:
        self.known = list(near)
        Exception.__init__(self, f"unknown name, cell type or saved set {text!r}{nearest_words(text, near)}")


def criteria_of(folder: Folder, who: Any) -> Mapping[str, Any] | None:
    """What a pattern asks of a vertex, as ``queries.ir.criteria`` takes it; None for any neuron.

    Args:
        who: None; a root_id, also as text; a name, cell type or saved set; criteria (column -> value, beside them
            ``in_set`` and ``search``); a table, frame or Result with a column root_id; or several of these.

    Raises:
        UnknownNameError: a text that nothing has. AmbiguousNameError: one that means several things.
        IdError: an invalid id.
    """
    if who is None:
        return None
    if isinstance(who, Mapping):
        return _without_special(folder, who)
    return {"root_id": _listed(folder, who)}


def root_ids_of(folder: Folder, who: Any, regex: bool = False) -> RootIds:
    """The ids of ``criteria_of``, each once: in the order said, those of criteria ascending.

    Ids need not be neurons of the graph.
    """
    if isinstance(who, Mapping):
        return _matching(folder, _without_special(folder, who), regex)
    if who is None:
        return _matching(folder, {}, regex)
    return _listed(folder, who, regex)


def _listed(folder: Folder, who: Any, regex: bool = False) -> RootIds:
    """Ids of anything but criteria."""
    if isinstance(who, str):
        return _by_text(folder, [who])[0]
    ids = _column(who)
    if ids is None and not _several(who):
        ids = as_root_ids([who])
    if ids is None and isinstance(who, np.ndarray) and who.dtype.kind in "iuf":
        ids = as_root_ids(who)
    if ids is None:
        items = [item.as_py() if isinstance(item, pa.Scalar) else item for item in who]
        ids = _joined(folder, items, regex)
    _, first = np.unique(ids, return_index=True)
    return ids[np.sort(first)]


def _joined(folder: Folder, items: list[Any], regex: bool) -> RootIds:
    """Ids of a list, whose texts are looked up at once."""
    texts = iter(_by_text(folder, [item for item in items if isinstance(item, str)]))
    if not any(isinstance(item, str | Mapping | NeuronSet) for item in items):
        return as_root_ids(items)
    parts = [next(texts) if isinstance(item, str) else root_ids_of(folder, item, regex) for item in items]
    return np.concatenate(parts).astype(np.uint64) if parts else np.zeros(0, np.uint64)


def _several(who: Any) -> bool:
    return hasattr(who, "__iter__") and not isinstance(who, bytes)


def _column(who: Any) -> RootIds | None:
    """The ids of what has a column of them; None for anything else."""
    if isinstance(who, NeuronSet):
        return who.root_ids
    if hasattr(who, "to_arrow"):  # Result, polars
        who = who.to_arrow()
    names = getattr(who, "column_names", None)
    if names is None and hasattr(who, "columns") and hasattr(who, "iloc"):
        names = list(who.columns)
    if names is None:
        return None
    if "root_id" not in names:
        raise SchemaError(
            f"a table of neurons has a column root_id; found {', '.join(map(str, names))}. Take the column that is "
            "meant, as in table['pre_root_id']"
        )
    column = who["root_id"]
    values = column.to_pylist() if isinstance(column, pa.ChunkedArray) else column.to_numpy()
    return as_root_ids(values)


def _without_special(folder: Folder, criteria: Mapping[str, Any]) -> Mapping[str, Any]:
    """Criteria of columns alone: saved sets and searches become ids."""
    special = [name for name in SPECIAL if name in criteria]
    texts = "root_id" in criteria and isinstance(criteria["root_id"], str)
    if not special and not texts:
        return criteria
    columns = {str(row[0]) for row in folder.cursor().execute("DESCRIBE neurons").fetchall()}
    plain = {name: value for name, value in criteria.items() if name not in special}
    chosen: list[RootIds] = []
    for name in special:
        if name in columns:
            raise SchemaError(
                f"neurons have a column called {name!r}, which is also a word of ours; ask for it by query, or rename "
                "it where it comes in (--columns)"
            )
        chosen.append(_set_ids(folder, criteria[name]) if name == "in_set" else searched(folder, criteria[name]))
    if "root_id" in plain:
        given = plain["root_id"]
        chosen.append(as_root_ids(given if _several(given) and not isinstance(given, str) else [given]))
    both = chosen[0]
    for ids in chosen[1:]:
        both = np.intersect1d(both, ids)
    return {**plain, "root_id": both}


def _set_ids(folder: Folder, names: Any) -> RootIds:
    wanted = [names] if isinstance(names, str | NeuronSet) else list(names)
    ids = [one if isinstance(one, NeuronSet) else neuron_sets.saved_set(folder, one) for one in wanted]
    return np.unique(np.concatenate([one.root_ids for one in ids])) if ids else np.zeros(0, np.uint64)


def _matching(folder: Folder, criteria: Mapping[str, Any], regex: bool) -> RootIds:
    """Ids of the neurons that meet criteria of columns, ascending."""
    from queries.engine import find
    from queries.ir.criteria import CriteriaBuilder
    from queries.ir.expression import Property
    from queries.ir.pattern import Column, Order, Pattern, Vertex

    predicates = CriteriaBuilder()
    root_id = Property("n", "root_id")
    pattern = Pattern(
        "connectome",
        (Vertex("n", ("neuron",), predicates.about("n", criteria, regex)),),
        columns=(Column("root_id", root_id),),
        order=(Order(root_id),),
    )
    with query_source.question_source(folder) as source:
        found = find(pattern, source, parameters=predicates.parameters).to_arrow()
    ids: RootIds = found["root_id"].to_numpy()
    return ids


def _by_text(folder: Folder, texts: Sequence[str]) -> list[RootIds]:
    """The ids that each text means."""
    if not texts:
        return []
    tidy = [tidy_name(text) for text in texts]
    ids = [as_root_ids([text])[0] if is_id(text) and int(text) < 2**64 else None for text in tidy]
    wanted = pa.table(
        {"place": pa.array(range(len(tidy)), pa.int64()), "text": pa.array(tidy), "id": pa.array(ids, pa.uint64())}
    )
    cursor = folder.cursor()
    cursor.register("said", wanted)
    rows = cursor.execute(
        """SELECT s.place, 'root_id', n.root_id FROM said s JOIN neurons n ON n.root_id = s.id
           UNION ALL SELECT s.place, 'name', n.root_id FROM said s JOIN neurons n ON n.name = s.text
           UNION ALL SELECT s.place, 'cell_type', n.root_id FROM said s JOIN neurons n ON n.cell_type = s.text
           ORDER BY ALL"""
    ).fetchall()
    meant: list[dict[str, list[int]]] = [{} for _ in tidy]
    for place, how, root_id in rows:
        meant[place].setdefault(how, []).append(root_id)
    sets = neuron_sets.saved_sets(folder)
    for text, found in zip(tidy, meant, strict=True):
        if text in sets:
            found["saved set"] = sets[text].root_ids.tolist()
    return [_one_meaning(folder, text, id_, found) for text, id_, found in zip(tidy, ids, meant, strict=True)]


def _one_meaning(folder: Folder, text: str, id_: Any, found: Mapping[str, list[int]]) -> RootIds:
    if not found:
        if id_ is not None:
            return np.array([id_], dtype=np.uint64)
        raise _unknown(folder, text)
    if len({frozenset(ids) for ids in found.values()}) > 1:
        told = ", ".join(f"{how} of {_count(len(ids))}" for how, ids in found.items())
        words = " or ".join(_criterion(how, text) for how in found)
        raise AmbiguousNameError(f"{text!r} means several things in this graph: {told}; say which, as {words}")
    how, ids = next(iter(found.items()))
    if how == "name" and len(ids) > 1 and "saved set" not in found:
        raise AmbiguousNameError(
            f"{len(ids):,} neurons are called {text!r}: {_told(folder, ids)}; say which by root_id, or all of them by "
            f"{_criterion('name', text)}"
        )
    return np.array(ids, dtype=np.uint64)


def _count(n: int) -> str:
    return f"{n:,} neuron{'' if n == 1 else 's'}"


def _criterion(how: str, text: str) -> str:
    key = "in_set" if how == "saved set" else how
    return f"{{'{key}': {text if how == 'root_id' else repr(text)}}}"


def _told(folder: Folder, ids: Iterable[int]) -> str:
    """Some neurons in words: id, type and side."""
    cursor = folder.cursor()
    cursor.register("asked", pa.table({"root_id": pa.array(sorted(ids), pa.uint64())}))
    rows = cursor.execute(
        "SELECT root_id, cell_type, side FROM neurons SEMI JOIN asked USING (root_id) ORDER BY 1"
    ).fetchall()
    told = [" ".join(str(value) for value in row if value is not None) for row in rows[:_LISTED]]
    return ", ".join(told) + (f" and {len(rows) - _LISTED:,} more" if len(rows) > _LISTED else "")


def _unknown(folder: Folder, text: str) -> UnknownNeuronNameError:
    sets = list(neuron_sets.saved_sets(folder))
    if text.isascii() and text.lstrip("-").replace(".", "").replace("e+", "").isdigit():
        raise IdError(f"root_id: found {text!r}; ids are integers from 0 to 2^64-1, written with all their digits")
    return UnknownNeuronNameError(text, [*difflib.get_close_matches(text, sets), *nearest(folder, text)])


def nearest_words(text: str, near: Sequence[str]) -> str:
    """The end of an error sentence: what was probably meant, or what comes nearest to it."""
    if difflib.get_close_matches(text.lower(), [value.lower() for value in near], n=1, cutoff=0.6):
        return did_you_mean(text, near)
    return f"; the nearest are {', '.join(map(repr, near[:3]))}" if near else ""


def nearest(folder: Folder, text: str, columns: Sequence[str] = ("name", "cell_type")) -> list[str]:
    """Values of columns of ``neurons`` that resemble a text, nearest first; few, so that all may be compared."""
    union = " UNION ".join(f"SELECT {column} AS value FROM neurons" for column in columns)
    rows = (
        folder.cursor()
        .execute(
            f"SELECT value, jaro_winkler_similarity(lower(value), lower($text)) AS alike FROM ({union}) "
            "WHERE value IS NOT NULL AND (alike >= $least OR contains(lower(value), lower($text))) "
            "ORDER BY alike DESC, value LIMIT 8",
            {"text": text, "least": _NEAR},
        )
        .fetchall()
    )
    return [str(row[0]) for row in rows]
