"""Merges, cleaves and new ids of one version of a DVID segmentation, from the log that the server keeps of it.

``GET .../mutations`` gives all finished mutations of a version, in their order; those after the position are taken.
The position holds how many were read and the id of the last one: a log that does not go on from there is an error.

A cleave moves supervoxels, and synapses with them. A supervoxel that was split has no synapses of its own any more as
far as DVID knows, and does not say which piece has them: a cleave of some of its pieces assigns it to nobody, so the
event is a dead letter where a synapse lies on it. Mutations whose effect on synapses is not in the log (voxels that
change their body without a supervoxel) are dead letters.

Tests: tests/graphlab/live/sources/test_dvid_mutations.py.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from graphlab.live.events import MERGED, RENAMED, SPLIT, DeadLetter, LiveError, from_records, letter_of
from graphlab.live.sources.http_json import JsonServer, secure_base, whole_number, whole_numbers
from graphlab.live.sources.polling import PolledStream, seconds_of
from graphlab.live.sources.source import Arrival, check_options
from ingest.schema.errors import SchemaError

WRITTEN = "dvid://https://SERVER/UUID/SEGMENTATION"
TOKEN = "DVID_TOKEN"
POLL_S = 30.0
COMPLETE = "-complete"
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*\s*(Z|[+-]\d\d:?\d\d)")
_REFERENCE = re.compile(r"[A-Za-z0-9_=-]{1,200}")


class DvidMutations:
    """``dvid://https://SERVER/UUID/SEGMENTATION``; where the server wants a token, it comes from DVID_TOKEN."""

    name = "dvid"
    options: tuple[str, ...] = ("poll_s",)

    def accepts(self, address: str) -> bool:
        return address.startswith("dvid://")

    def open(self, address: str, position: Any, options: Mapping[str, str]) -> MutationStream:
        check_options(self, options)
        where, uuid, data = parsed(address)
        token = os.environ.get(TOKEN)
        if token:
            secure_base(where)  # in plain text, a token would be read on the way
        place = f"/api/node/{uuid}/{quote(data, safe='')}"
        server = JsonServer(where + place, token, f"The token comes from the environment variable {TOKEN}")
        return MutationStream(server, uuid, data, dict(position or {}), seconds_of(options, "poll_s", POLL_S))


def parsed(address: str) -> tuple[str, str, str]:
    """Server, version, and name of the segmentation.

    Raises:
        SchemaError: it is not written as it should be, or names a branch.
    """
    parts = urlsplit(address.removeprefix("dvid://"))
    where = secure_base(f"{parts.scheme}://{parts.netloc}", plain_too=True)
    names = parts.path.strip("/").split("/")
    if len(names) != 2 or not all(names) or parts.query or parts.fragment:
        raise SchemaError(f"dvid://{where}{parts.path}: wanted {WRITTEN}")
    if ":" in names[0]:
        raise SchemaError(
            f"dvid://{where}{parts.path}: {names[0]} is a branch, whose log begins anew with each version. Give the "
            "version itself; once it is committed, follow the one after it"
        )
    if re.fullmatch(r"[0-9a-fA-F]{4,32}", names[0]) is None:
        raise SchemaError(f"dvid://{where}{parts.path}: {names[0]} is no UUID of a version; wanted {WRITTEN}")
    return where, names[0].lower(), names[1]


class MutationStream(PolledStream):
    """Reads the log of one version.

    Args:
        position: ``read`` records of the log, the ``last`` one's mutation, and how many events were ``sent``.
    """

    def __init__(self, server: JsonServer, uuid: str, data: str, position: dict[str, Any], poll_s: float) -> None:
        super().__init__(poll_s)
        self._server, self._uuid = server, uuid
        self._producer = f"dvid {data} {uuid}"
        self._read = int(position.get("read", 0))
        self._last = position.get("last")
        self._sent = int(position.get("sent", 0))
        self._log: list[Any] = []
        self._pieces = Pieces()
        self._known: set[tuple[str, int]] = set()
        self._noted = 0
        """Records of the log that ``_pieces`` and ``_known`` have."""

    def behind(self) -> int | None:
        return max(0, len(self._log) - self._read) if self._log else None

    def _ask(self) -> None:
        found = self._server.get("/mutations").json
        log: list[Any] = [] if found is None else found
        if not isinstance(log, list):
            raise LiveError(f"{self._producer}: its mutations came as {type(found).__name__}; wanted a list")
        if len(log) < self._read or (self._read and _mutation(log[self._read - 1]) != self._last):
            raise LiveError(
                f"{self._producer}: the log of mutations does not go on from what was read: {self._read:,} records, "
                f"the last one of mutation {self._last}. It was set back or written anew; follow it from a new graph"
            )
        self._log = log

    def _some(self, most: int) -> Arrival | None:
        # Nothing is noted before everything is here: a question that fails is asked again.
        part = [self._whole(record) for record in self._log[self._read : self._read + most]]
        if not part:
            return None
        for record in [self._whole(record) for record in self._log[self._noted : self._read]]:
            self._note(record)
        records: list[dict[str, Any]] = []
        letters: list[DeadLetter] = []
        sent, last = self._sent, self._last
        for about in part:
            last = _mutation(about)
            if self._note(about):
                continue
            event = {
                "version": 1, "producer": self._producer, "sequence": sent + 1, "event_id": f"mutation {last}",
            }  # fmt: skip
            try:
                made = self._event(about)
            except (_Untold, LiveError) as why:
                letters.append(letter_of(str(why), {**event, "mutation": about}))
                sent += 1
                continue
            if made is not None:
                records.append({**event, **made})
                sent += 1
        events, more = from_records(records)
        self._read, self._sent, self._last = self._read + len(part), sent, last
        self._noted = self._read
        position = {"read": self._read, "last": self._last, "sent": self._sent}
        return Arrival(events, [*letters, *more], position)

    def _whole(self, record: Any) -> Any:
        """A record; one that is too large for the log refers to where it is."""
        reference = record.get("DataRef") if isinstance(record, dict) else None
        if reference is None:
            return record
        if not isinstance(reference, str) or _REFERENCE.fullmatch(reference) is None:
            return record
        found = self._server.get(f"/blobstore/{reference}").json
        return {**record, **found} if isinstance(found, dict) else record

    def _note(self, record: Any) -> bool:
        """Keep what later cleaves need; whether the record says nothing new."""
        if not isinstance(record, dict):
            return False
        action, mutation = str(record.get("Action")), _mutation(record)
        self._pieces.note(record)
        if action.endswith(COMPLETE) and (action.removesuffix(COMPLETE), mutation) in self._known:
            return True
        known = (action, mutation) in self._known
        if mutation is not None:
            self._known.add((action, mutation))
        return known

    def _event(self, record: Any) -> dict[str, Any] | None:
        """Columns of the event that a mutation is; None of one without effect.

        Raises:
            _Untold, LiveError: why it is none.
        """
        if not isinstance(record, dict) or not isinstance(record.get("Action"), str):
            raise _Untold("a mutation without Action")
        uuid = str(record.get("UUID", self._uuid)).lower()
        if not uuid.startswith(self._uuid):
            raise _Untold(f"a mutation of version {uuid}; this log is of {self._uuid}")
        action = record["Action"].removesuffix(COMPLETE)
        make = _ACTIONS.get(action)
        if make is None:
            raise _Untold(f"the log does not say what {action!r} does to synapses; ingest them anew after it")
        made = make(record, self._pieces)
        return None if made is None else {**made, "time": _time(record.get("Timestamp"))}


class _Untold(Exception):
    """Why a mutation is no event."""


class Pieces:
    """Supervoxels that were split, and into what."""

    def __init__(self) -> None:
        self._of: dict[int, tuple[int, ...]] = {}
        self._whole: dict[int, int] = {}

    def note(self, record: Mapping[str, Any]) -> None:
        action = str(record.get("Action")).removesuffix(COMPLETE)
        splits: list[tuple[Any, Any, Any]] = []
        if action == "split-supervoxel":
            splits.append(tuple(record.get(n) for n in ("Supervoxel", "SplitSupervoxel", "RemainSupervoxel")))  # type: ignore[arg-type]
        elif isinstance(record.get("SVSplits"), dict):
            for voxel, about in record["SVSplits"].items():
                if isinstance(about, dict):
                    splits.append((voxel, about.get("Split"), about.get("Remain")))
        for split in splits:
            try:
                whole, *pieces = (whole_number(value, "a supervoxel") for value in split)
            except LiveError:
                continue  # the record itself is a dead letter
            self._of[whole] = tuple(pieces)
            self._whole.update(dict.fromkeys(pieces, whole))

    def assigned(self, voxels: list[int], body: int) -> dict[int, int]:
        """Supervoxel -> the body that it goes to with ``voxels``; 0 where only some of its pieces do."""
        found = dict.fromkeys(voxels, body)
        for voxel in voxels:
            while (voxel := self._whole.get(voxel, 0)) and voxel not in found:
                found[voxel] = body if self._leaves(voxel) <= set(voxels) else 0
        return found

    def _leaves(self, voxel: int) -> set[int]:
        found: set[int] = set()
        left = [voxel]
        while left:
            pieces = self._of.get(left[-1])
            one = left.pop()
            if pieces is None:
                found.add(one)
            else:
                left += pieces
        return found


def _merge(record: Mapping[str, Any], _: Pieces) -> dict[str, Any]:
    target, labels = whole_number(record.get("Target"), "Target"), whole_numbers(record.get("Labels"), "Labels")
    return {"action": MERGED, "old_root_ids": [target, *labels], "new_root_ids": [target]}


def _cleave(record: Mapping[str, Any], pieces: Pieces) -> dict[str, Any]:
    old, new = (whole_number(record.get(name), name) for name in ("OrigLabel", "CleavedLabel"))
    voxels = whole_numbers(record.get("CleavedSupervoxels"), "CleavedSupervoxels")
    to = pieces.assigned(voxels, new)
    return {
        "action": SPLIT, "old_root_ids": [old], "new_root_ids": [old, new],
        "supervoxel_ids": list(to), "supervoxel_root_ids": list(to.values()),
    }  # fmt: skip


def _renumber(record: Mapping[str, Any], _: Pieces) -> dict[str, Any]:
    old, new = (whole_number(record.get(name), name) for name in ("OrigLabel", "NewLabel"))
    return {"action": RENAMED, "old_root_ids": [old], "new_root_ids": [new]}


def _split_supervoxel(record: Mapping[str, Any], _: Pieces) -> None:
    """The body stays what it is: no event, and kept for later cleaves."""
    for name in ("Supervoxel", "SplitSupervoxel", "RemainSupervoxel"):
        whole_number(record.get(name), name)


_ACTIONS: dict[str, Callable[[Mapping[str, Any], Pieces], dict[str, Any] | None]] = {
    "merge": _merge, "cleave": _cleave, "renumber": _renumber, "split-supervoxel": _split_supervoxel,
}  # fmt: skip


def _mutation(record: Any) -> int | None:
    value = record.get("MutationID") if isinstance(record, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _time(text: Any) -> datetime.datetime | None:
    """A moment as Go writes it; None where it is none, since the log's order is what counts."""
    found = _TIME.search(text) if isinstance(text, str) else None
    if found is None:
        return None
    try:
        return datetime.datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3]}")
    except ValueError:
        return None
