"""One archive without trust: Python's zipfile is the oracle for good ones, every lie of a directory is told."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.schema.errors import ReadError
from ingest.segclr import zip_shard
from ingest.segclr.zip_shard import Shard


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as made:
        made.comment = comment
        for name, data in members.items():
            made.writestr(name, data)
    return buffer.getvalue()


def reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: data[offset : offset + length]


def contents(data: bytes, piece: int = 1 << 24) -> dict[str, bytes]:
    shard = Shard.open(reader(data), len(data), "0.zip")
    shard.check()
    return {
        f"{shard.root_ids[k]}.csv": b"".join(shard.inflate(reader(data), k, piece)) for k in range(shard.root_ids.size)
    }


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(st.integers(0, 2**64 - 1).map(lambda n: f"{n}.csv"), st.binary(max_size=400), max_size=6),
    st.sampled_from([zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED]),
    st.binary(max_size=40),
    st.sampled_from([1, 7, 1 << 24]),
    st.binary(max_size=30),
)
def test_equals_zipfile(members: dict[str, bytes], compression: int, comment: bytes, piece: int, before: bytes) -> None:
    """Stored or deflated, with a comment, in pieces of any size, behind other bytes."""
    if b"PK" in comment + before:  # would be records of the format itself
        return
    data = before + archive(members, compression, comment)
    with zipfile.ZipFile(io.BytesIO(data)) as theirs:
        wanted = {name: theirs.read(name) for name in theirs.namelist()}
    assert contents(data, piece) == wanted == members


def test_members_of_64_bits() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        with made.open(zipfile.ZipInfo("5.csv"), "w", force_zip64=True) as member:
            member.write(b"0,1,2,3")
        made.writestr("6.csv", b"")
    assert contents(buffer.getvalue()) == {"5.csv": b"0,1,2,3", "6.csv": b""}


def archive_of(count: int) -> bytes:
    """Stored members 1.csv, 2.csv, .. of one byte each, with ZIP64 records where the format asks for them."""
    check = zlib.crc32(b"x")
    files, directory = bytearray(), bytearray()
    for number in range(count):
        name = b"%d.csv" % (number + 1)
        directory += struct.pack("<L6H3L5H2L", 0x02014B50, 20, 20, 0, 0, 0, 0, check, 1, 1, len(name), 0, 0, 0, 0, 0,
                                 len(files)) + name  # fmt: skip
        files += struct.pack("<L5H3L2H", 0x04034B50, 20, 0, 0, 0, 0, check, 1, 1, len(name), 0) + name + b"x"
    size, offset = len(directory), len(files)
    long = struct.pack("<LQ2H2L4Q", 0x06064B50, 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<LLQL", 0x07064B50, 0, size + offset, 1)
    few = min(count, 0xFFFF)
    end = struct.pack("<L4H2LH", 0x06054B50, 0, 0, few, few, size, offset, 0)
    return bytes(files + directory) + (long + locator if count >= 0xFFFF else b"") + end


def without_zip64(data: bytes, count: int) -> bytes:
    """The archive with the end record of a writer that knows 16 bits only."""
    end = data.rfind(b"PK\x05\x06")
    record = data.rfind(b"PK\x06\x06", 0, end)
    _, size, offset = struct.unpack_from("<3Q", data, record + 32)
    return data[:record] + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, count, count, size, offset, 0)


@pytest.mark.parametrize("count", [65_535, 65_536, 65_541])
@pytest.mark.parametrize("before", [b"", b"other bytes before it"])
def test_the_directory_is_read_to_its_end_whatever_the_count_says(count: int, before: bytes) -> None:
    data = archive_of(count)
    for variant in (data, without_zip64(data, count & 0xFFFF), without_zip64(data, 0xFFFF)):
        read_at = reader(before + variant)
        shard = Shard.open(read_at, len(before + variant), "0.zip")
        shard.check()
        assert shard.root_ids.tolist() == list(range(1, count + 1))
        assert [b"".join(shard.inflate(read_at, k)) for k in (0, 5, count - 1)] == [b"x"] * 3


@pytest.mark.parametrize("declared", [0, 1, 2])
def test_a_count_too_low_loses_nothing(declared: int) -> None:
    end = TWO.rfind(b"PK\x05\x06")
    data = TWO[: end + 8] + struct.pack("<2H", declared, declared) + TWO[end + 12 :]
    assert set(contents(data)) == {"5.csv", "6.csv"}


def test_a_directory_that_ends_before_its_count_is_damaged() -> None:
    end = TWO.rfind(b"PK\x05\x06")
    with pytest.raises(ReadError, match="2 whole entries in .* 3 declared|contradicts its length"):
        contents(TWO[: end + 8] + struct.pack("<2H", 3, 3) + TWO[end + 12 :])
    second = TWO.rfind(b"PK\x01\x02")
    with pytest.raises(ReadError, match="1 whole entries"):
        contents(TWO[:second] + b"PK\x01\x03" + TWO[second + 4 :])


def test_a_comment_that_looks_like_an_end_record() -> None:
    data = archive({"5.csv": b"0,1"}, comment=b"PK\x05\x06" + bytes(30))
    assert contents(data) == {"5.csv": b"0,1"}


def test_a_member_twice() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("5.csv", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            made.writestr("5.csv", b"2")
    with pytest.raises(ReadError, match=r"0.zip: member 5.csv is there twice"):
        contents(buffer.getvalue())


def patched(data: bytes, local: dict[int, tuple[str, int]], central: dict[int, tuple[str, int]]) -> bytes:
    """The archive with fields of its first member changed: offset in the record -> (format, value)."""
    out = bytearray(data)
    for signature, fields in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        at = data.index(signature)
        for offset, (form, value) in fields.items():
            struct.pack_into(form, out, at + offset, value)
    return bytes(out)


ONE = archive({"5.csv": b"0,1,2,3,4\n" * 200})
STORED = archive({"5.csv": b"0,1,2,3,4\n" * 200}, zipfile.ZIP_STORED)
TWO = archive({"5.csv": b"0,1,2,3,4\n" * 200, "6.csv": b"1"})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no ZIP archive or a truncated one"),
        (b"PK\x03\x04", "no ZIP archive or a truncated one"),
        (ONE[:-1], "no ZIP archive or a truncated one"),
        (ONE[100:], "contradicts its length|truncated|no member begins|damaged"),
        (archive({"../5.csv": b""}), r"member '\.\./5.csv' is no <root_id>.csv"),
        (archive({"5.csv": bytes(70 << 20)}), r"5.csv declares 73,400,320 bytes .*ZIP bomb"),
        (patched(ONE, {}, {24: ("<L", 50)}), "inflates to more than the 50 bytes it declares"),
        (patched(ONE, {}, {24: ("<L", 5000)}), "ends after 2,000 of 5,000 bytes"),
        (patched(ONE, {}, {16: ("<L", 1)}), "the checksum is wrong"),
        (patched(ONE, {}, {10: ("<H", 12)}), "12"),
        (patched(ONE, {}, {8: ("<H", 1)}), "encrypted|password"),
        (patched(ONE, {}, {42: ("<L", 3)}), "no member begins|overlaps|contradicts|damaged"),
        (patched(ONE, {26: ("<H", 4)}, {}), "another name in place"),
        (patched(TWO, {}, {20: ("<L", 900)}), "member 5.csv overlaps the next one"),
        (patched(STORED, {}, {24: ("<L", 1000)}), "inflates to more than|declares"),
        (STORED.replace(b"0,1,2,3,4\n", b"0,1,2,3,5\n", 1), "the checksum is wrong"),
    ],
)
def test_lies_and_damage(data: bytes, message: str) -> None:
    with pytest.raises(ReadError, match=message) as error:
        contents(data)
    assert "0.zip" in str(error.value)


@pytest.mark.parametrize("good", [ONE, STORED, TWO])
def test_any_damage_is_an_error_or_harmless(good: bytes) -> None:
    wanted = contents(good)
    rng = random.Random(1)
    refused = 0
    for number in range(400):
        data = bytearray(good[: rng.randrange(len(good))] if number % 4 == 0 else good)
        for _ in range(0 if number % 4 == 0 else rng.choice([1, 3, 20])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            found = contents(bytes(data))
        except ReadError:
            refused += 1
            continue
        assert set(found.values()) <= set(wanted.values()), "damage that reads as other content"
    assert refused > 200


def test_memory_is_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    data = archive({"5.csv": b"0,1,2,3,4\n" * 50_000})
    shard = Shard.open(reader(data), len(data), "0.zip")
    sizes = [len(piece) for piece in shard.inflate(reader(data), 0, 1000)]
    assert max(sizes) <= 1000
    assert sum(sizes) == 500_000
    monkeypatch.setattr(zip_shard, "LARGEST_MEMBER", 1000)
    with pytest.raises(ReadError, match="ZIP bomb"):
        list(shard.inflate(reader(data), 0))


def test_rows_in_parquet_are_told_where_to_go() -> None:
    data = b"PAR1" + bytes(200) + b"PAR1"
    with pytest.raises(ReadError, match=r"is a Parquet file.*graph\.ingest\(pyarrow\.parquet\.read_table"):
        Shard.open(reader(data), len(data), "vectors.parquet")
