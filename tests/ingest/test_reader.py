"""The Reader seam: the surest reader opens a source. What every reader does is in tests/contracts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from graphlab import Graph
from ingest.reader import Reading, ReadRequest, source_name
from ingest.schema.errors import PluginError, ReadError, UnknownNameError
from ingest.segclr.readers import open_source as open_embeddings
from ingest.tables import open_source

Package = Callable[..., Path]
READER = """
from pathlib import Path

import pyarrow as pa

from ingest.reader import Reading, Sure, AcceptedOptions

SCHEMA = pa.schema({"pre_root_id": pa.uint64(), "post_root_id": pa.uint64(), "weight": pa.float64()})


class Acme:
    uses = AcceptedOptions("Acme files")

    def __init__(self, sure=Sure.NAME):
        self.sure = sure

    def accepts(self, source):
        mine = isinstance(source, str | Path) and str(source).endswith(".acme.csv")
        return self.sure if mine else Sure.NO

    def read(self, source, request):
        request.check(self.uses)
        batch = pa.record_batch([[1], [2], [3.5]], schema=SCHEMA)
        return Reading(SCHEMA, iter([batch]), ["read by Acme"])


READER = Acme()
SURER = Acme(Sure.DIALECT)
"""


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "a.acme.csv"
    path.write_text("pre_root_id,post_root_id,weight\n7,8,9\n")
    return path


def weights(source: object, **options: str) -> list[float]:
    found: list[float] = (
        open_source(source, ReadRequest("connections", options=options)).to_reader().read_all()["weight"].to_pylist()
    )
    return found


def test_a_reader_of_another_package_comes_before_the_last_resort(package: Package, csv: Path, tmp_path: Path) -> None:
    assert weights(csv) == [9.0]
    package("acme_reader", {"graphlab.readers": {"acme": "acme_reader:READER"}}, READER)
    assert weights(csv) == [3.5]
    assert weights(csv, reader="delimited") == [9.0]
    with Graph.create(tmp_path / "g") as graph:
        notes = graph.ingest(csv, as_="connections").notes
        assert notes[:2] == ["read by the reader 'acme' of acme-reader 1.2", "read by Acme"]


def test_two_readers_as_sure_are_an_error_with_a_way_out(package: Package, csv: Path) -> None:
    offers = {"acme_one": "acme_pair:READER", "acme_two": "acme_pair:READER"}
    package("acme_pair", {"graphlab.readers": offers}, READER)
    with pytest.raises(ReadError, match=r"'acme_one' and 'acme_two' are both meant for it.*reader=acme_one"):
        weights(csv)
    assert weights(csv, reader="acme_two") == [3.5]
    with pytest.raises(UnknownNameError, match="unknown reader 'acme_too'; did you mean 'acme_two'"):
        weights(csv, reader="acme_too")


def test_a_look_inside_comes_before_the_format(package: Package, tmp_path: Path) -> None:
    path = tmp_path / "a.acme.csv"
    parquet.write_table(pa.table({"pre_root_id": [1], "post_root_id": [2], "weight": [7.0]}), path)
    package("acme_named", {"graphlab.readers": {"acme": "acme_named:READER"}}, READER)
    assert weights(path) == [7.0]
    package("acme_surer", {"graphlab.readers": {"surer": "acme_surer:SURER"}}, READER)
    assert weights(path) == [3.5]


def test_a_reader_that_cannot_be_loaded_is_passed_over_until_it_is_named(package: Package, csv: Path) -> None:
    package("acme_lost", {"graphlab.readers": {"lost": "acme_lost:READER"}}, "import no_such_library")
    assert weights(csv) == [9.0]
    with pytest.raises(PluginError, match=r"reader 'lost' of acme-lost 1\.2 cannot be loaded: ModuleNotFoundError"):
        weights(csv, reader="lost")


def test_what_nobody_reads_is_said_with_what_is_read(package: Package) -> None:
    package("acme_words", {"graphlab.readers": {"acme": "acme_words:READER"}}, READER)
    with pytest.raises(ReadError, match="nobody reads this. Wanted tables in memory, .*text tables, Acme files"):
        weights({})
    with pytest.raises(ReadError, match="<dict>: nobody reads this. Wanted tables of embeddings, SegCLR shards"):
        open_embeddings({}, ReadRequest("embeddings"))


def test_rows_of_the_source_after_a_filter() -> None:
    reading = Reading(pa.schema([]), iter(()), kept_rows=[np.array([2, 5]), np.array([], np.int64), np.array([9])])
    assert [reading.source_row(i) for i in range(3)] == [2, 5, 9]
    assert Reading(pa.schema([]), iter(())).source_row(6) == 7


def test_how_a_source_is_called(tmp_path: Path) -> None:
    assert source_name("a/b.csv") == "a/b.csv"
    assert source_name(tmp_path) == str(tmp_path)
    assert source_name(pd.DataFrame()) == "<DataFrame>"
