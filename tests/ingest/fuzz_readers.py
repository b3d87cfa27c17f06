"""Valid small files of each format, damaged at random and read, in a process of its own that tells what it met.

A reader may read a damaged file or refuse it by an error of ours. Anything else is a fault: another exception, a
warning, more than 5 s of computing, more than 1 GB of memory. A crash ends this process, and the test names the input.

Run ``python tests/ingest/fuzz_readers.py FORMAT NUMBER`` to see one input again, with its traceback.

A format is added to ``FORMATS``: a name, how a valid file (or folder) is made, how it is read to its end, and how
many of the 10,000 inputs are its own.
"""

from __future__ import annotations

import faulthandler
import gzip
import json
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS, BYTES = 5, 1 << 30
MOST_FAULTS = 20
SPLICES = (
    b"\0",
    b"\xff" * 4,
    b"\xff" * 8,
    b",",
    b'"',
    b"\n",
    b"-1",
    b"nan",
    b"1e999",
    b"\xc2\xb2",
    b"[",
    b"{}",
    b"null",
)


class TooSlowError(BaseException):
    """A reader computed for longer than it may; no ``except Exception`` swallows it."""


@dataclass(frozen=True)
class Format:
    """One kind of source."""

    make: Callable[[Path], Path]
    """Writes a valid source into a folder; of a folder, one file of it is damaged."""
    read: Callable[[Path], Any]
    inputs: int


def csv_of(text: str, name: str = "a.csv") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(gzip.compress(text.encode(), mtime=0) if name.endswith(".gz") else text.encode())
        return path

    return make


def table(as_: str, **said: Any) -> Callable[[Path], int]:
    """Reads a table to its end."""

    def read(path: Path) -> int:
        from ingest.reader import ReadRequest
        from ingest.space import Resolution
        from ingest.tables import open_source

        request = ReadRequest(as_, default_resolution=Resolution(4, 4, 40), **said)
        return sum(batch.num_rows for batch in open_source(path, request).batches)

    return read


EDGES = "pre_root_id,post_root_id,weight,sex,share\n" + "".join(
    f'{720575940600000000 + i},{i % 7},{i}.5,"F",{i / 7}\n' for i in range(40)
)
SYNAPSES = "id,pre_pt_root_id,post_pt_root_id,ctr_pt_position\n" + "".join(
    f'{i},{i},{i % 5},"[{i} 2 3]"\n' for i in range(30)
)
MATRIX = ",A,B,C,D\n" + "".join(f"{n},{i},0,{i}.5,\n" for i, n in enumerate("ABCD"))


def columns() -> dict[str, list[Any]]:
    return {
        "pre_root_id": [1, 2**60 + 1, 3] * 20, "post_root_id": [2, 3, 4] * 20, "weight": [1.5, 2.0, 0.0] * 20,
        "lab": ["a", "", "b"] * 20, "x": [0.5, float("nan"), 1.0] * 20,
    }  # fmt: skip


def parquet_file(folder: Path) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table(columns()), folder / "a.parquet")
    return folder / "a.parquet"


def arrow_file(folder: Path) -> Path:
    import pyarrow as pa
    from pyarrow import feather

    feather.write_feather(pa.table(columns()), str(folder / "a.feather"), compression="uncompressed")
    return folder / "a.feather"


def arrow_stream(folder: Path) -> Path:
    import pyarrow as pa

    made = pa.table(columns())
    with pa.OSFile(str(folder / "a.arrows"), "wb") as sink, pa.ipc.new_stream(sink, made.schema) as writer:
        writer.write_table(made)
    return folder / "a.arrows"


def json_file(document: Any) -> Callable[[Path], Path]:
    return csv_of(json.dumps(document), "a.json")


def workbook(folder: Path) -> Path:
    rows = "".join(
        f'<row><c t="inlineStr"><is><t>N{i}</t></is></c><c t="inlineStr"><is><t>N{i + 1}</t></is></c><c><v>{i}</v></c>'
        "</row>"
        for i in range(12)
    )
    head = "".join(f'<c t="inlineStr"><is><t>{title}</t></is></c>' for title in ("pre_name", "post_name", "weight"))
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    related = "http://schemas.openxmlformats.org/package/2006/relationships"
    with zipfile.ZipFile(folder / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{related}"><Relationship Id="r1" Type="{office}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="e" sheetId="1" r:id="r1"/></sheets>'
            "</workbook>",
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{related}"><Relationship Id="r1" Type="{office}/worksheet" '
            'Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/worksheets/sheet1.xml",
            f'<worksheet xmlns="{main}"><sheetData><row>{head}</row>{rows}</sheetData></worksheet>',
        )
    return folder / "a.xlsx"


def mat_file(folder: Path) -> Path:
    import numpy as np
    from scipy import io

    io.savemat(folder / "a.mat", {"A": np.array([[0, 2.0, 0], [1, 0, 0], [0, 0, 0]]), "n": ["a", "b", "c"]})
    return folder / "a.mat"


def nodes(path: Path) -> Any:
    from ingest.nodes import read_nodes

    return read_nodes(path)


OBJECTS = [{"pre_root_id": str(i), "post_root_id": i + 1, "weight": i + 0.5, "note": None, "t": [1]} for i in range(20)]
NODE_LINK = {
    "directed": True,
    "nodes": [{"id": f"N{i}", "cell_type": "a"} for i in range(9)],
    "links": [{"source": f"N{i}", "target": f"N{i + 1}", "weight": i} for i in range(8)],
}
NEMANODE = [{"pre": "A", "post": "B", "typ": 0, "syn": [1, 2]}, {"pre": "B", "post": "A", "typ": 2, "syn": [3]}] * 4
SITES = [{"pre": "A", "post": ["B", "C"], "catmaid_id": 7, "size": 5, "post_weights": [0.5, 0.5]}] * 6
NODES = "root_id,node_id,x_nm,y_nm,z_nm\n" + "".join(f"5,{i},{i}.5,2,3\n" for i in range(30))

FORMATS: dict[str, Format] = {
    "csv of connections": Format(csv_of(EDGES), table("connections"), 150),
    "csv of synapses": Format(csv_of(SYNAPSES), table("synapses", columns="cave"), 80),
    "csv without a header": Format(csv_of(EDGES.partition("\n")[2]), table("connections", header=False), 60),
    "csv of a matrix": Format(csv_of(MATRIX), table("connections"), 80),
    "text set apart by blanks": Format(
        csv_of(EDGES.replace(",", "   "), "a.txt"), table("connections"), 60
    ),
    "gzip": Format(csv_of(EDGES, "a.csv.gz"), table("connections"), 60),
    "Parquet": Format(parquet_file, table("connections"), 900),
    "Feather": Format(arrow_file, table("connections"), 900),
    "Arrow stream": Format(arrow_stream, table("connections"), 700),
    "JSON objects": Format(json_file(OBJECTS), table("connections"), 1200),
    "node-link": Format(json_file(NODE_LINK), table("connections"), 1200),
    "node-link neurons": Format(json_file(NODE_LINK), table("neurons"), 600),
    "nemanode": Format(json_file(NEMANODE), table("connections"), 700),
    "release sites": Format(json_file(SITES), table("synapses"), 700),
    "workbook": Format(workbook, table("connections"), 300),
    "MATLAB": Format(mat_file, table("connections"), 4),
    "nodes as CSV": Format(csv_of(NODES), nodes, 500),
}  # fmt: skip


def damaged(data: bytes, chance: random.Random) -> bytes:
    """One to three of: a bit or byte changed, a piece cut out, repeated, or put in."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(len(made) + 1)
        size = chance.choice((1, 2, 4, 8, 64, len(made) // 2 + 1))
        what = chance.randrange(7)
        if what == 0 and at < len(made):
            made[at] ^= 1 << chance.randrange(8)
        elif what == 1 and at < len(made):
            made[at] = chance.randrange(256)
        elif what == 2:
            del made[at:]
        elif what == 3:
            del made[at : at + size]
        elif what == 4:
            made[at:at] = made[at : at + size]
        elif what == 5:
            made[at:at] = chance.choice(SPLICES)
        else:
            piece = chance.choice((chance.choice(SPLICES), chance.randbytes(min(size, 64))))
            made[at : at + len(piece)] = piece
    return bytes(made)


def inputs(name: str, only: int | None = None) -> Iterator[tuple[int, Path]]:
    """(number, damaged source) of a format; each is gone when the next one comes."""
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "whole"
        whole.mkdir()
        source = FORMATS[name].make(whole)
        files = sorted(item for item in whole.rglob("*") if item.is_file()) if source.is_dir() else [source]
        FORMATS[name].read(source)  # the valid file is read without an error
        for number in range(FORMATS[name].inputs) if only is None else (only,):
            chance = random.Random(f"{name} {number}")
            target = Path(place) / "damaged"
            shutil.copytree(whole, target)
            hurt = chance.choice(files)
            (target / hurt.relative_to(whole)).write_bytes(damaged(hurt.read_bytes(), chance))
            yield number, target / source.relative_to(whole)
            shutil.rmtree(target)


def fault(read: Callable[[Path], Any], path: Path) -> str | None:
    """What went wrong beyond an error of ours."""
    from ingest.errors import GraphlabError

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    faulthandler.dump_traceback_later(60, exit=True)
    try:
        read(path)
    except GraphlabError:
        pass
    except TooSlowError:
        return f"more than {SECONDS} s"
    except Exception as error:
        return f"{type(error).__name__}: {error} at {traceback.extract_tb(error.__traceback__)[-1]}"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        faulthandler.cancel_dump_traceback_later()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return f"{grown:,} bytes of memory" if grown > BYTES else None


def main(names: list[str]) -> None:
    """Print one line of JSON a fault, and one a format with the number of its inputs."""
    warnings.simplefilter("error")

    def stop(*_: Any) -> None:
        raise TooSlowError

    signal.signal(signal.SIGVTALRM, stop)
    for name in names:
        faults = count = 0
        for number, path in inputs(name):
            Path(sys.argv[1]).write_text(f"{name} {number}")
            found = fault(FORMATS[name].read, path)
            count += 1
            if found is not None:
                print(json.dumps({"format": name, "number": number, "fault": found[:600]}), flush=True)
                faults += 1
                if faults >= MOST_FAULTS:
                    break
        print(json.dumps({"format": name, "inputs": count}), flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[2].isdigit():
        for _, damaged_path in inputs(sys.argv[1], int(sys.argv[2])):
            print(FORMATS[sys.argv[1]].read(damaged_path))
    else:
        main(sys.argv[2:])
