"""Each contract fails for an implementation that is wrong in the way it is there to find."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphlab.testing import EmbeddingEngineContract, ExecutorContract, LanguageContract, ReaderContract

Package = Callable[..., Path]
READER = """
import pyarrow as pa

from ingest.reader import Reading, Sure, AcceptedOptions

SCHEMA = pa.schema({"pre_root_id": pa.uint64(), "post_root_id": pa.uint64(), "weight": pa.float64()})


class Reader:
    uses = AcceptedOptions("files")
    sure, checks, rows, schema = Sure.DIALECT, True, None, SCHEMA

    def __init__(self, **wrong):
        vars(self).update(wrong)

    def accepts(self, source):
        return self.sure if str(source).endswith(self.ending) else Sure.NO

    def read(self, source, request):
        if self.checks:
            request.check(self.uses)
        with open(source) as file:
            file.read()
        return Reading(self.schema, iter([pa.record_batch([[1], [2], [3.5]], schema=self.schema)]), rows=self.rows)


GREEDY = Reader(ending="")
LAX = Reader(ending=".acme", checks=False)
LIAR = Reader(ending=".acme", rows=5)
UNTYPED = Reader(ending=".acme", schema=SCHEMA.set(0, pa.field("pre_root_id", pa.int64())))
"""
LANGUAGE = """
from queries.ir.statement import Statement


class Language:
    def __init__(self, name, recognizes, parse):
        self.name, self.recognizes, self.parse = name, recognizes, parse


def parse(text):
    return Statement("SELECT 1 AS one", (), "acme", text)


def fails(text):
    raise KeyError(text)


TAKER = Language("taker", lambda text: "SELECT" in text, parse)
CARELESS = Language("careless", lambda text: False, parse)
RAW = Language("raw", lambda text: False, fails)
"""
EXECUTOR = """
import pyarrow as pa

from queries.duckdb.executor import DuckDBExecutor


class Half(DuckDBExecutor):
    name = "half"

    def inline(self, bound, values):
        return None

    def execute(self, bound, source, parameters, limits):
        found = super().execute(bound, source, parameters, limits).read_all()
        return found.slice(0, len(found) // 2).to_reader()


class Cold(DuckDBExecutor):
    name = "cold"
    loading_s = 5.0


class Useless(DuckDBExecutor):
    name = "useless"

    def refusal(self, bound, source):
        return "it does nothing"


HALF, COLD, USELESS = Half(), Cold(), Useless()
"""
ENGINE = """
from gpu_embed.engines.choose import EMBEDDING_ENGINES


def near(folded, options):
    engine = EMBEDDING_ENGINES.get("torch")(folded, options)
    exact = engine.embed
    engine.name, engine.embed = "near", lambda crops: exact(crops) + 1e-3
    return engine
"""


@pytest.mark.parametrize(
    ("name", "test", "told"),
    [
        ("greedy", "test_it_takes_no_other_things", "it accepts None"),
        ("greedy", "test_it_leaves_common_files_to_their_readers", "edges.csv from delimited"),
        ("lax", "test_it_refuses_what_it_does_not_use", "an unknown option: wanted a UnknownNameError"),
        ("liar", "test_it_streams_our_words_in_our_types", "says 5 rows and streams 1"),
        ("untyped", "test_it_streams_our_words_in_our_types", "pre_root_id is int64; wanted uint64"),
    ],
)
def test_readers(package: Package, tmp_path: Path, name: str, test: str, told: str) -> None:
    package("acme_wrong_reader", {"graphlab.readers": {name: f"acme_wrong_reader:{name.upper()}"}}, READER)

    class Wrong(ReaderContract):
        def source(self, folder: Path) -> Path:
            (folder / "a.acme").write_text("1")
            return folder / "a.acme"

    contract: Any = Wrong()
    contract.name = name
    with pytest.raises(AssertionError, match=told):
        getattr(contract, test)(*([] if "other" in test else [tmp_path]))


@pytest.mark.parametrize(
    ("name", "test", "told"),
    [
        ("taker", "test_what_it_recognizes_is_its_own", "which is pgq"),
        ("careless", "test_a_broken_text_is_a_parse_error_with_the_place", "wanted a ParseError, nothing was raised"),
        ("careless", "test_its_question_is_answered_counted_and_explained", "auto finds"),
    ],
)
def test_languages(package: Package, tmp_path: Path, name: str, test: str, told: str) -> None:
    package("acme_wrong_words", {"graphlab.languages": {name: f"acme_wrong_words:{name.upper()}"}}, LANGUAGE)
    contract: Any = LanguageContract()
    contract.name, contract.text, contract.rows, contract.broken = name, "say one", [{"one": 2}], "say two"
    with pytest.raises(AssertionError, match=told):
        getattr(contract, test)(*([tmp_path] if "answered" in test else []))


def test_a_language_that_raises_what_it_likes(package: Package) -> None:
    package("acme_raw_words", {"graphlab.languages": {"raw": "acme_raw_words:RAW"}}, LANGUAGE)
    contract = LanguageContract()
    contract.name, contract.text = "raw", "say one"
    with pytest.raises(KeyError):
        contract.test_any_part_of_a_text_is_parsed_or_refused()


@pytest.mark.parametrize(
    ("name", "test", "told"),
    [
        ("half", "test_it_finds_what_sql_finds", "rows, wanted"),
        ("cold", "test_it_has_nothing_left_to_load_once_it_has_answered", "it has 5 s of loading left"),
        ("useless", "test_it_finds_what_sql_finds", "it answers 0 of"),
    ],
)
def test_executors(package: Package, tmp_path: Path, name: str, test: str, told: str) -> None:
    package("acme_wrong_engine", {"graphlab.executors": {name: f"acme_wrong_engine:{name.upper()}"}}, EXECUTOR)
    contract = ExecutorContract()
    contract.name = name
    with pytest.raises(AssertionError, match=told):
        getattr(contract, test)(tmp_path)


def test_embedding_engines(package: Package) -> None:
    package("acme_wrong_vectors", {"graphlab.embedding_engines": {"near": "acme_wrong_vectors:near"}}, ENGINE)
    contract = EmbeddingEngineContract()
    contract.name = "near"
    with pytest.raises(AssertionError, match=r"tiny: 0\.001 from the encoder; wanted 1e-05"):
        contract.test_it_has_the_numbers_of_the_encoder()
