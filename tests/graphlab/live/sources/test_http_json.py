from __future__ import annotations

from typing import Any

import pytest

from graphlab.live.events import LiveError
from graphlab.live.sources.http_json import JsonServer, secure_base, whole_numbers
from graphlab.live.sources.polling import seconds_of
from graphlab.live.sources.source import SourceUnreachable
from ingest.schema.errors import SchemaError

SECRET = "0123456789abcdef"


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (503, SourceUnreachable, "HTTP 503"),
        (429, SourceUnreachable, "HTTP 429"),
        (401, LiveError, "wants credentials.*from here"),
        (302, LiveError, "sends elsewhere"),
        (400, LiveError, "HTTP 400"),
    ],
)
def test_what_may_pass_and_what_will_not(dvid_node: Any, status: int, kind: type[Exception], told: str) -> None:
    """The stand-in repeats the token in its words; no error of ours does."""
    dvid_node.fails = lambda path: status
    with pytest.raises(kind, match=told) as refused:
        JsonServer(dvid_node.place, SECRET, "It is from here").get("/x")
    assert SECRET not in str(refused.value)


def test_a_server_that_is_not_there_is_asked_again() -> None:
    with pytest.raises(SourceUnreachable):
        JsonServer("http://127.0.0.1:9").get("/x")


def test_addresses_ids_and_seconds() -> None:
    assert secure_base("https://server.org/") == "https://server.org"
    assert secure_base("http://emdata:8900", plain_too=True) == "http://emdata:8900"
    for text in ("http://server.org", "https://me:secret@server.org", "ftp://server.org", "https://", "https://a?b=c"):
        with pytest.raises(SchemaError) as refused:
            secure_base(text)
        assert "secret" not in str(refused.value)
    largest = 2**64 - 1
    assert whole_numbers([largest, str(largest)], "ids") == [largest, largest]
    for wrong in ([1.0], [True], [-1], [2**64], ["1e3"], None, {}):
        with pytest.raises(LiveError, match="ids"):
            whole_numbers(wrong, "ids")
    assert seconds_of({"poll_s": "0.5"}, "poll_s", 9.0) == 0.5
    for text in ("-1", "inf", "soon"):
        with pytest.raises(SchemaError, match="poll_s"):
            seconds_of({"poll_s": text}, "poll_s", 9.0)
