"""Errors between processes: what a worker raises is what its caller catches."""

from __future__ import annotations

import pickle

import pytest

from ingest.schema.errors import GraphlabError, MissingExtraError, ParseError, ReadError, UnknownNameError

ERRORS = [
    GraphlabError("plain"),
    ReadError("no such file"),
    MissingExtraError("torch", "gnn"),
    UnknownNameError("null", "configration", ["configuration", "er"]),
    ParseError("found a comma", "MATCH (a),", 9, hint="say more"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_pickled_whole(error: GraphlabError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))
