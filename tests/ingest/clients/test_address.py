"""Addresses of live tables: what they name, and that nobody's credentials are in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.clients.address import LiveAddress, is_live, parse_address, source_label
from ingest.schema.errors import SchemaError, UnknownNameError


def test_what_an_address_names() -> None:
    cave = parse_address("cave://minnie65_public/synapses_pni_2?version=1300&page=1000")
    assert cave == LiveAddress("cave", "minnie65_public", "synapses_pni_2", version=1300)
    assert (cave.page, str(cave)) == (1000, "cave://minnie65_public/synapses_pni_2?version=1300")
    fly = parse_address("neuprint://neuprint.janelia.org/hemibrain:v1.2.1")
    assert (fly.place, fly.table) == ("neuprint.janelia.org", "hemibrain:v1.2.1")
    assert parse_address("cave://a/b?version=7&server=global.daf-apis.com").server == "https://global.daf-apis.com"


def test_a_path_of_an_address_is_the_address() -> None:
    """The command line, and people, make paths of whatever they read."""
    address = "cave://minnie65_public/synapses_pni_2?version=1300"
    assert parse_address(Path(address)) == parse_address(address)
    assert source_label(Path(address)) == address
    local = "cave://a/b?version=1&server=http://127.0.0.1:8080"
    assert parse_address(Path(local)).server == "http://127.0.0.1:8080"
    assert source_label(Path("a/b.csv")) == "b.csv"
    assert not is_live("cave.csv")
    assert not is_live(Path("folder/neuprint:/a"))
    assert not is_live(None)


@pytest.mark.parametrize(
    "address",
    [
        "cave://minnie65_public/synapses?version=1&token=0123abcd",
        "cave://minnie65_public/synapses?version=1&auth_token=0123abcd",
        "cave://me:0123abcd@minnie65_public/synapses?version=1",
        "neuprint://0123abcd@neuprint.janelia.org/hemibrain:v1.2.1",
        "neuprint://neuprint.janelia.org/hemibrain:v1.2.1?Authorization=Bearer%200123abcd",
        "neuprint://neuprint.janelia.org/hemibrain:v1.2.1#0123abcd",
        "cave://minnie65_public/synapses?version=1&server=https://me:0123abcd@global.daf-apis.com",
        "cave://minnie65_public/synapses?version=1&server=https://global.daf-apis.com/?t=0123abcd",
    ],
)
def test_credentials_are_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(SchemaError) as error:
        parse_address(address)
    assert "0123abcd" not in str(error.value)
    with pytest.raises(SchemaError) as error:
        source_label(Path(address))
    assert "0123abcd" not in str(error.value)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("cave://minnie65_public", "wanted cave://DATASTACK/TABLE"),
        ("cave://minnie65_public/a/b?version=1", "wanted cave://DATASTACK/TABLE"),
        ("neuprint://neuprint.janelia.org/", "wanted neuprint://SERVER/DATASET:VERSION"),
        ("cave://a/b?version=latest", "version=latest in an address: wanted a whole number"),
        ("cave://a/b?version=-3", "wanted a whole number"),
        ("cave://a/b?version=1&page=0", "wanted a whole number"),
        ("cave://a/b?version=1&version=2", "says one word twice"),
        ("cave://a/b?version=1&server=http://example.org", "wanted https"),
        ("cave://a/b?version=1&server=ftp://example.org", "wanted https"),
    ],
)
def test_an_address_that_is_none(address: str, says: str) -> None:
    with pytest.raises(SchemaError, match=says):
        parse_address(address)


def test_an_unknown_word_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"'versoin'; did you mean 'version'"):
        parse_address("cave://a/b?versoin=1")
    with pytest.raises(UnknownNameError, match="'version'"):
        parse_address("neuprint://a/b?version=1")
