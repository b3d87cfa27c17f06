"""Text tables: every separator, compression and header; damage told with its line, never read around."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.reader import Reading
from ingest.schema.errors import GraphlabError, IdError, ReadError, SchemaError, UnknownNameError
from ingest.schema.ids import root_id_of_name

Read = Callable[..., pa.Table]
File = Callable[[str, str | bytes], Path]
HEAD = "pre_root_id,post_root_id,weight\n"
ROWS = [(864691135941359220, 864691135941359221, 5.0), (2**64 - 1, 3, 0.5)]
TEXT = HEAD + "".join(f"{pre},{post},{weight}\n" for pre, post, weight in ROWS)


def pairs(table: pa.Table) -> list[tuple[int, int, float]]:
    return list(zip(*(table[name].to_pylist() for name in ("pre_root_id", "post_root_id", "weight")), strict=True))


@pytest.mark.parametrize("separator", [",", "\t", ";", "|", " "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_and_line_ends(read: Read, file: File, separator: str, end: str) -> None:
    assert pairs(read(file("a.txt", TEXT.replace(",", separator).replace("\n", end)))) == ROWS


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv", "a"])
def test_gzip_under_any_name(read: Read, file: File, name: str) -> None:
    assert pairs(read(file(name, gzip.compress(TEXT.encode())))) == ROWS


def test_zstd(read: Read, tmp_path: Path) -> None:
    target = tmp_path / "a.csv.zst"
    rows = ", ".join(f"({pre}::UBIGINT, {post}::UBIGINT, {weight})" for pre, post, weight in ROWS)
    duckdb.sql(f"FROM (VALUES {rows}) t(pre_root_id, post_root_id, weight)").write_csv(str(target), compression="zstd")
    assert pairs(read(target)) == ROWS


@pytest.mark.parametrize("prefix", ["\ufeff", "\n\n", "# made by hand\n% twice\n", "\n# late\n\n"])
def test_what_comes_before_the_header(read: Read, file: File, prefix: str) -> None:
    assert pairs(read(file("a.csv", prefix + TEXT))) == ROWS


def test_encodings(read: Read, file: File) -> None:
    text = "pre_name,post_name,weight\nNäu,ß,1\n"
    assert read(file("a.csv", text.encode("latin-1")), options={"encoding": "latin-1"})["pre_name"][0].as_py() == "Näu"
    assert read(file("b.csv", text.encode("utf-16")), options={"encoding": "utf-16"})["post_name"][0].as_py() == "ß"
    with pytest.raises(ReadError, match=r"a.csv, line 2: this is no text in UTF-8; say --option encoding=latin-1"):
        read(file("a.csv", text.encode("latin-1")))
    with pytest.raises(ReadError, match="--option encoding=utf-16"):
        read(file("b.csv", text.encode("utf-16")))


def test_lists_without_a_header(read: Read, file: File) -> None:
    assert pairs(read(file("a.txt", "29 8419602 9.0\n29 9469519 1.0\n"), header=False)) == [
        (29, 8419602, 9.0),
        (29, 9469519, 1.0),
    ]
    named = read(file("b.txt", "AVAL AVAR 3\nAVAR AVAL 4\n"), header=False)
    assert named["pre_name"].to_pylist() == ["AVAL", "AVAR"]
    assert named["pre_root_id"].to_pylist() == [root_id_of_name("AVAL"), root_id_of_name("AVAR")]
    by_place = {"pre_root_id": "column2", "post_root_id": "column0", "weight": "column1"}
    assert pairs(read(file("c.csv", "7,2.5,9\n"), header=False, columns=by_place)) == [(9, 7, 2.5)]
    assert read(file("d.txt", "7\n8\n"), "neurons", header=False)["root_id"].to_pylist() == [7, 8]
    with pytest.raises(SchemaError, match="found 2 columns; without a header the first are pre_root_id, post_root_id"):
        read(file("e.txt", "1 2\n"), header=False)


@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())])
def test_columns_set_apart_by_runs_of_blanks(read: Read, file: File, pack: Callable[[str], bytes]) -> None:
    assert pairs(read(file("a.txt", pack("  1   2  3\n\n10 \t20   30  \n")), header=False)) == [(1, 2, 3), (10, 20, 30)]
    assert pairs(read(file("b.txt", pack("pre_root_id  post_root_id  weight\n1   2  3\n")))) == [(1, 2, 3)]
    named = read(file("c.txt", pack("a   b  3\n")), header=False)
    assert (named["pre_name"].to_pylist(), named["post_name"].to_pylist()) == (["a"], ["b"])
    with pytest.raises(SchemaError, match=r"d.txt, line 3: found 2 columns, the first line has 3"):
        read(file("d.txt", pack("1   2  3\n4 5 6\n7 8\n")), header=False)


def test_further_columns_keep_names_and_types(read: Read, file: File) -> None:
    text = "pre_root_id,post_root_id,weight,roi,count,share,ok,supervoxel_id\n1,2,3,LH(R),7,0.5,True,\n"
    text += f'1,3,3,"a,b",8,1,False,{2**60 + 1}\n'
    table = read(file("a.csv", text))
    row = table.to_pylist()[1]
    assert (row["roi"], row["count"], row["share"], row["ok"], row["supervoxel_id"]) == (
        "a,b",
        8,
        1.0,
        False,
        2**60 + 1,
    )
    wide = read(file("b.csv", f"pre_root_id,post_root_id,weight,nucleus_id\n1,2,3,{2**63 + 1}\n1,3,4,{2**63 + 3}\n"))
    assert [int(value) for value in wide["nucleus_id"].to_pylist()] == [2**63 + 1, 2**63 + 3]


def test_the_unnamed_first_column_of_pandas_holds_the_ids(read: Read, file: File) -> None:
    table = read(file("a.csv", ",Completed\n720575940596125868,True\n"), "neurons")
    assert table["root_id"].to_pylist() == [720575940596125868]


def test_keep_selects_rows_by_value_as_text(opened: Callable[..., Reading], read: Read, file: File) -> None:
    path = file("a.csv", "pre_name,post_name,weight,Type,n\na,b,1,S,1\na,c,2,R,2\nb,c,3,Sp,1\n")
    assert read(path, keep={"Type": ("S", "Sp")})["weight"].to_pylist() == [1, 3]
    assert read(path, keep={"Type": ("S", "Sp"), "n": ("2",)}).num_rows == 0
    assert read(path, keep={"n": ("1",)}).num_rows == 2
    reading = opened(path, "connections", keep={"Type": ("s",)})
    assert sum(batch.num_rows for batch in reading.batches) == 0
    assert any("no row has Type 's'; did you mean 'S'" in note for note in reading.notes)
    with pytest.raises(SchemaError, match="no column 'type' to keep rows by; did you mean 'Type'"):
        read(path, keep={"type": ("S",)})


def test_messages_count_the_rows_of_the_source_also_under_keep(read: Read, file: File) -> None:
    path = file("a.csv", HEAD[:-1] + ",Type\n1,2,3,R\n1,2,3,S\n1,x,3,R\n1,y,3,S\n")
    with pytest.raises(IdError, match=r"a.csv, row 4, column 'post_root_id': found 'y'"):
        read(path, keep={"Type": ("S",)})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n\n\n", "is empty"),
        (HEAD + "1,2\n", r"line 2: found 2 columns, the first line has 3"),
        (HEAD + "1,2,3\n" * 5000 + "1,2\n", r"line 5002: found 2 columns, the first line has 3"),
        (HEAD + "1,2,3,4\n" + "1,2,3\n" * 50, r"line 2: found 4 columns, the first line has 3"),
        ("# why\n" + HEAD + "1,2,3\n1,2,3,4\n", r"line 4: found 4 columns"),
        (HEAD + '1,"2,3\n4,5,6\n', "line 2: a quote is opened and not closed"),
        ("pre_root_id,post_root_id,weight,weight\n1,2,3,4\n", "the column 'weight' occurs twice"),
        ("pre_root_id,weight\n1,2\n", "need the column post_root_id; found pre_root_id, weight"),
        ("pre_root_id,post_root_id\n1,2\n", "need the column weight.*--as synapses"),
        ("1,2,3\n4,5,6\n", "The first line is data: say --no-header"),
        ("pre_pt_root_id,post_pt_root_id,n_syn\n1,2,3\n", "look like cave columns: say --columns cave"),
        ("bodyId_pre,bodyId_post,weight\n1,2,3\n", "look like neuprint columns: say --columns neuprint"),
        (HEAD + "1,2,3\n1.5,2,3\n", r"row 2, column 'pre_root_id': found '1.5'; a float cannot hold a 64-bit id"),
        (HEAD + "1,2,3\n1e5,2,3\n", r"row 2, column 'pre_root_id': found '1e5'; a float"),
        (HEAD + "1,-2,3\n", r"row 1, column 'post_root_id': found '-2'; ids are integers from 0 to 2\^64-1"),
        (HEAD + f"1,{2**64},3\n", r"row 1, column 'post_root_id': found 18446744073709551616; ids are integers"),
        (HEAD + "AVAL,2,3\n", r"found 'AVAL'; ids are integers. For neurons with names say --columns pre_name=pre_ro"),
        (HEAD + ",2,3\n", r"row 1, column 'pre_root_id': the cell is empty; every row needs a root id"),
        (HEAD + "1,2,\n", r"row 1, column 'weight': the cell is empty.*unweighted=leave_out"),
        (HEAD + "1,2,many\n", r"row 1, column 'weight': found 'many'; wanted a number"),
        (HEAD + "1,2,nan\n", r"row 1, column 'weight': found nan; wanted a finite number"),
        (HEAD + "1,2,-inf\n", r"row 1, column 'weight': found -inf"),
        (HEAD + "1,2," + "3" * 3_000_000 + "\n", "more than 2,000,000 bytes"),
        (b"pre\0post", "holds zero bytes"),
        (gzip.compress((HEAD + "1,2,3\n" * 999).encode(), mtime=0)[:-9], "the compressed file is truncated or damaged"),
        (gzip.compress(random.Random(1).randbytes(9000), mtime=0)[:4000], "truncated or damaged"),
        (b"BZh91AY&SY", "compressed in a way that is not read here"),
        (b"PK\x03\x04", "compressed in a way that is not read here"),
    ],
)
def test_bad_text(read: Read, file: File, content: str | bytes, message: str) -> None:
    with pytest.raises(GraphlabError, match=message) as error:
        read(file("bad.csv", content))
    assert "bad.csv" in str(error.value)
    assert len(str(error.value)) < 600


def test_rows_without_a_weight_on_request(opened: Callable[..., Reading], read: Read, file: File) -> None:
    path = file("a.csv", HEAD + "1,2,\n1,3,4\n1,4, \n")
    assert pairs(read(path, options={"unweighted": "leave_out"})) == [(1, 3, 4.0)]
    reading = opened(path, "connections", options={"unweighted": "leave_out"})
    list(reading.batches)
    assert "2 rows without a weight left out" in reading.notes
    assert reading.source_row(0) == 2
    with pytest.raises(UnknownNameError, match="did you mean 'leave_out'"):
        read(path, options={"unweighted": "leaveout"})


def test_an_option_nobody_knows(read: Read, file: File) -> None:
    with pytest.raises(UnknownNameError, match="unknown option of text tables 'encodin'; did you mean 'encoding'"):
        read(file("a.csv", TEXT), options={"encodin": "utf-8"})


def test_files_and_folders(read: Read, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"absent.csv does not exist"):
        read(tmp_path / "absent.csv")
    with pytest.raises(ReadError, match="is a folder without Parquet, Feather, Arrow or Avro files; name the"):
        read(tmp_path)


def test_a_name_with_stars_is_one_file(read: Read, file: File) -> None:
    file("ab.csv", HEAD + "7,7,7\n")
    assert pairs(read(file("a[b]*'.csv", TEXT))) == ROWS


names = (
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=8)
    .map(str.strip)
    .filter(lambda name: name not in ("", "nan", "NaN", "None") and not name.startswith(("\ufeff", "#", "%")))
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.floats(-1e300, 1e300), names),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from(",;\t|"),
)
def test_what_the_csv_module_writes_comes_back(
    tmp_path: Path, read: Read, rows: list[tuple[int, int, float, str]], separator: str
) -> None:
    """Ids to the last digit, weights to the last bit, texts with separators and quotes in them."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(["pre_root_id", "post_root_id", "weight", "neuropil"])
    writer.writerows((pre, post, repr(weight), name) for pre, post, weight, name in rows)
    path = tmp_path / "h.csv"
    path.write_bytes(text.getvalue().encode())
    table = read(path, options={"matrix": "no"})
    assert pairs(table) == [row[:3] for row in rows]
    assert table["neuropil"].to_pylist() == [row[3] for row in rows]


@pytest.mark.parametrize("first", ["0", "1"])
def test_numbers_of_rows_are_no_ids(read: Read, file: File, first: str) -> None:
    rows = f"{first},a\n{int(first) + 1},b\n"
    with pytest.raises(SchemaError, match="the first column has no name and numbers the rows"):
        read(file("a.csv", ",cell_type\n" + rows), "neurons")
    named = read(file("b.csv", ",name\n" + rows), "neurons")
    assert named["root_id"].to_pylist() == [root_id_of_name("a"), root_id_of_name("b")]
    said = read(file("c.csv", ",cell_type\n" + rows), "neurons", columns={"root_id": "column0"})
    assert said["root_id"].to_pylist() == [int(first), int(first) + 1]


def test_an_unnamed_column_of_ids_is_told(opened: Callable[..., Reading], file: File) -> None:
    reading = opened(file("a.csv", ",cell_type\n720575940596125868,x\n5,y\n"), "neurons")
    assert "the first column has no name and was read as root_id" in reading.notes


@pytest.mark.parametrize(
    ("as_", "said", "message"),
    [
        ("neurons", {"options": {"unweighted": "leave_out"}}, "unweighted does nothing for neurons"),
        ("synapses", {"options": {"matrix": "yes"}}, "a matrix holds connections or neurons, not synapses"),
        ("connections", {"resolution": "4,4,40"}, "--resolution does nothing here: none of its columns holds voxels"),
    ],
)
def test_what_this_table_has_no_use_for(read: Read, file: File, as_: str, said: dict[str, str], message: str) -> None:
    text = "root_id,pre_root_id,post_root_id,weight\n1,2,3,4\n"
    with pytest.raises(SchemaError, match=message):
        read(file("a.csv", text), as_, **said)


@pytest.mark.parametrize(("marks", "left"), [(["False", "f", "", "true"], 3), (["0", "0", "0", "1"], 3)])
def test_a_false_mark_deletes_nothing(read: Read, tmp_path: Path, marks: list[str], left: int) -> None:
    rows = [f"{i},{i + 10},{i + 20},{mark}" for i, mark in enumerate(marks, 1)]
    (tmp_path / "a.csv").write_text("id,pre_pt_root_id,post_pt_root_id,deleted\n" + "\n".join(rows) + "\n")
    assert read(tmp_path / "a.csv", "synapses", columns="cave").num_rows == left
