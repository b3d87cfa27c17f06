"""Valid small files of each format, damaged at random and read, in a process of its own that tells what it met.

A reader may read a damaged file or refuse it by an error of ours. Anything else is a fault: another exception, a
warning, more than 5 s of computing, more than 1 GB of memory. A crash ends this process, and the test names the input.

Run ``python tests/ingest/fuzz_readers.py FORMAT NUMBER`` to see one input again, with its traceback.

A format is added to ``FORMATS``: a name, how a valid file (or folder) is made, how it is read to its end, and how
many inputs of a test run are its own.
"""

from __future__ import annotations

import faulthandler
import gzip
import json
import os
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
SCALE = int(os.environ.get("GRAPHLAB_FUZZ_READERS", "1"))
"""So many times the inputs of a test run."""
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
        from ingest.schema.space import Resolution
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


def npz_file(folder: Path) -> Path:
    import numpy as np
    from scipy import sparse

    sparse.save_npz(folder / "a.npz", sparse.csr_array(np.arange(36).reshape(6, 6) % 4), compressed=False)
    return folder / "a.npz"


def npy_file(folder: Path) -> Path:
    import numpy as np

    np.save(folder / "a.npy", np.arange(36.0).reshape(6, 6) % 4)
    return folder / "a.npy"


def graphml_file(folder: Path) -> Path:
    import networkx

    graph = networkx.MultiDiGraph([(f"N{i}", f"N{i + 1}", {"weight": i, "lab": "a"}) for i in range(12)])
    networkx.write_graphml_xml(graph, folder / "a.graphml")
    return folder / "a.graphml"


def sqlite_file(folder: Path) -> Path:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(folder / "a.db")) as connection, connection:
        connection.execute("CREATE TABLE edges (pre_root_id, post_root_id, weight, lab TEXT)")
        rows = [(2**60 + i, i + 1, i + 0.5, "lab" * (i % 5)) for i in range(200)]
        connection.executemany("INSERT INTO edges VALUES (?, ?, ?, ?)", rows)
    return folder / "a.db"


def avro_file(folder: Path) -> Path:
    import fastavro

    kinds = {"pre_root_id": "long", "post_root_id": ["null", "long"], "weight": "double", "lab": "string",
             "x": {"type": "array", "items": "int"}}  # fmt: skip
    schema = {"type": "record", "name": "E", "fields": [{"name": name, "type": kind} for name, kind in kinds.items()]}
    rows = [{"pre_root_id": 2**60 + i, "post_root_id": i, "weight": 1.5, "lab": "a", "x": [i]} for i in range(60)]
    with (folder / "a.avro").open("wb") as file:
        fastavro.writer(file, schema, rows, sync_interval=200)
    return folder / "a.avro"


def nodes(path: Path) -> Any:
    from ingest.nodes import read_nodes

    return read_nodes(path)


def voxels(*inside: str, **said: Any) -> Callable[[Path], Any]:
    """Opens a volume and reads all of it."""

    def read(path: Path) -> Any:
        from ingest.volumes.volume import open_volume

        volume = open_volume("".join((str(path), *inside)), **said)
        if max(volume.shape) > 1 << 12:
            return volume.shape
        return volume.read(volume.start, volume.stop)

    return read


def stored(driver: str, metadata: dict[str, Any], more: dict[str, str] | None = None) -> Callable[[Path], Path]:
    """Writes a volume by TensorStore into ``v`` (or ``v/0``, where files of a group are given)."""

    def make(folder: Path) -> Path:
        import numpy as np
        import tensorstore

        place = folder / "v" / "0" if more else folder / "v"
        spec = {"driver": driver, "kvstore": {"driver": "file", "path": f"{place}/"}, **metadata}
        store = tensorstore.open(spec, create=True).result()
        data = np.arange(int(np.prod(store.shape)), dtype=store.dtype.numpy_dtype)
        store[...] = data.reshape(store.shape)
        for name, text in (more or {}).items():
            (folder / "v" / name).write_text(text)
        return folder / "v"

    return make


def hdf5_file(parts: Callable[[], dict[str, Any]], name: str = "a.h5") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import h5py

        with h5py.File(folder / name, "w") as file:
            for part, values in parts().items():
                file[part] = values
        return folder / name

    return make


def brain() -> dict[str, Any]:
    import numpy as np

    chance = np.random.default_rng(0)
    return {
        "gcamp/trace_array": chance.normal(size=(20, 3)), "gcamp/idx_splits": np.array([[1, 11], [10, 20]]),
        "timing/timestamp_confocal": np.arange(20) * 0.5, "behavior/velocity": chance.normal(size=20),
    }  # fmt: skip


def cube() -> dict[str, Any]:
    import numpy as np

    return {"raw": np.arange(60, dtype=np.uint8).reshape(3, 4, 5)}


def nwb_file(folder: Path) -> Path:
    import datetime

    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pynwb import NWBHDF5IO, NWBFile, TimeSeries
        from pynwb.ophys import Fluorescence, ImageSegmentation, OpticalChannel, RoiResponseSeries

        file = NWBFile("s", "id", datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        device, light = file.create_device("d"), OpticalChannel(name="o", description="x", emission_lambda=500.0)
        plane = file.create_imaging_plane(
            name="p", optical_channel=light, description="x", device=device, excitation_lambda=488.0, indicator="g",
            location="h",
        )  # fmt: skip
        module, segmentation = file.create_processing_module("ophys", "x"), ImageSegmentation()
        module.add(segmentation)
        rois = segmentation.create_plane_segmentation("x", plane, "ps")
        for i in range(2):
            rois.add_roi(pixel_mask=[(i, i, 1.0)])
        region = rois.create_roi_table_region("r", region=[0, 1])
        data = np.random.default_rng(0).normal(size=(20, 2))
        module.add(Fluorescence(roi_response_series=[RoiResponseSeries("dff", data, "1", region, rate=2.0)]))
        speed = TimeSeries(name="speed", data=data[:, 0], unit="x", rate=2.0)
        file.create_processing_module("behavior", "x").add(speed)
        with NWBHDF5IO(str(folder / "a.nwb"), "w") as io:
            io.write(file)
    return folder / "a.nwb"


def tiff_file(folder: Path) -> Path:
    import numpy as np
    import tifffile

    data = np.arange(4 * 10 * 12, dtype=np.uint16).reshape(4, 10, 12)
    tifffile.imwrite(folder / "a.tif", data, imagej=True, metadata={"axes": "ZYX"})
    return folder / "a.tif"


def png_folder(folder: Path) -> Path:
    import numpy as np
    from PIL import Image

    (folder / "v").mkdir()
    for z in range(3):
        Image.fromarray(np.arange(120, dtype=np.uint8).reshape(10, 12)).save(folder / "v" / f"{z}.png")
    return folder / "v"


def swc_folder(folder: Path) -> Path:
    (folder / "v").mkdir()
    text = "# made\n" + "".join(f"{i} {i % 4} {i}.5 2 3 1.0 {i - 1 or -1}\n" for i in range(1, 20))
    (folder / "v" / "5.swc").write_text(text)
    (folder / "v" / "7.swc.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    return folder / "v"


def skeleton_folder(folder: Path) -> Path:
    import numpy as np

    (folder / "v").mkdir()
    about = {"@type": "neuroglancer_skeletons", "transform": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]}
    (folder / "v" / "info").write_text(json.dumps(about))
    edges = np.stack([np.arange(5), np.arange(1, 6)], axis=1).astype("<u4")
    made = np.array([6, 5], "<u4").tobytes() + np.arange(18, dtype="<f4").tobytes() + edges.tobytes()
    (folder / "v" / "5").write_bytes(made)
    (folder / "v" / "7.gz").write_bytes(gzip.compress(made, mtime=0))
    return folder / "v"


def swc_nodes(path: Path) -> Any:
    from ingest.nodes import read_nodes

    return read_nodes(path, unit_nm=8)


def shard_folder(folder: Path) -> Path:
    (folder / "v").mkdir()
    row = "0,1.0,2.0,3.0," + ",".join(["0.5"] * 64) + "\n"
    for number in range(2):
        with zipfile.ZipFile(folder / "v" / f"{number}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for member in range(3):
                archive.writestr(f"{10 * number + member}.csv", row * member)
    return folder / "v"


def shards(path: Path) -> int:
    from ingest.reader import ReadRequest
    from ingest.segclr.csv_zip import SegclrReader

    return sum(batch.num_rows for batch in SegclrReader().read(path, ReadRequest("embeddings")).batches)


def record_file(folder: Path) -> Path:
    import pyarrow as pa

    from ingest.segclr.tfrecord import write_examples

    write_examples(
        folder / "a.tfrecord", pa.table({"distance": [[1], [2, 3], []], "vol_name": [[b"a"], [b""], [b"c"]]})
    )
    return folder / "a.tfrecord"


def records(path: Path) -> Any:
    from ingest.segclr.tfrecord import read_examples

    return read_examples(path)


def recordings(path: Path) -> Any:
    from ingest.recordings.readers import open_recordings

    return [found.block(0, len(found.identities)) for found in open_recordings(path, {})]


def behaviour(path: Path) -> Any:
    from ingest.recordings.readers import open_behavior

    return open_behavior(path, {})


TRACES = "time_s,AVAL,AVAR,RIBL\n" + "".join(f"{i * 0.5},{i % 7},{i}.25,\n" for i in range(30))
LONG = "animal,time_s,name,activity,segment\n" + "".join(
    f"{'ab'[i % 2]},{i // 4},{'AB'[i // 2 % 2]},{i}.5,0\n" for i in range(40)
)
OME = json.dumps(
    {
        "multiscales": [
            {
                "version": "0.4",
                "axes": [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"],
                "datasets": [
                    {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [8, 8, 8]}]},
                ],
            }
        ]
    }
)
ZARR = {"metadata": {"shape": [8, 8, 8], "chunks": [4, 4, 4], "dtype": "<u2", "compressor": None}}
ZARR3 = {"metadata": {"shape": [8, 8, 8], "data_type": "uint16", "dimension_names": ["z", "y", "x"]}}
N5 = {"metadata": {"dimensions": [8, 8, 8], "blockSize": [4, 4, 4], "dataType": "uint16", "axes": ["x", "y", "z"],
                   "compression": {"type": "raw"}}}  # fmt: skip
PRECOMPUTED = {
    "multiscale_metadata": {"type": "image", "data_type": "uint8", "num_channels": 1},
    "scale_metadata": {"size": [8, 8, 8], "resolution": [8, 8, 8], "encoding": "raw", "chunk_size": [4, 4, 4]},
}
STACK = {"resolution": "8,8,8", "offset": (0, 0, 0)}

OBJECTS = [{"pre_root_id": str(i), "post_root_id": i + 1, "weight": i + 0.5, "note": None, "t": [1]} for i in range(20)]
NODE_LINK = {
    "directed": True,
    "nodes": [{"id": f"N{i}", "cell_type": "a"} for i in range(9)],
    "links": [{"source": f"N{i}", "target": f"N{i + 1}", "weight": i} for i in range(8)],
}
NEMANODE = [{"pre": "A", "post": "B", "typ": 0, "syn": [1, 2]}, {"pre": "B", "post": "A", "typ": 2, "syn": [3]}] * 4
SITES = [{"pre": "A", "post": ["B", "C"], "catmaid_id": 7, "size": 5, "post_weights": [0.5, 0.5]}] * 6
NODES = "root_id,node_id,x_nm,y_nm,z_nm\n" + "".join(f"5,{i},{i}.5,2,3\n" for i in range(30))

ROWS_PRE = {"rows": "pre", "labels": "numbers"}

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
    "sparse matrix of scipy": Format(npz_file, table("connections", options=ROWS_PRE), 500),
    "matrix of NumPy": Format(npy_file, table("connections", options=ROWS_PRE), 300),
    "GraphML": Format(graphml_file, table("connections"), 500),
    "SQLite": Format(sqlite_file, table("connections"), 500),
    "Avro": Format(avro_file, table("connections"), 500),
    "nodes as CSV": Format(csv_of(NODES), nodes, 500),
    "precomputed": Format(stored("neuroglancer_precomputed", PRECOMPUTED), voxels(), 250),
    "zarr": Format(stored("zarr", ZARR), voxels(axes="zyx", resolution="8,8,8"), 150),
    "zarr 3": Format(stored("zarr3", ZARR3), voxels(resolution="8,8,8"), 200),
    "OME-Zarr": Format(stored("zarr", ZARR, {".zgroup": '{"zarr_format": 2}', ".zattrs": OME}), voxels(), 250),
    "N5": Format(stored("n5", N5), voxels(resolution="8,8,8"), 200),
    "HDF5 volume": Format(hdf5_file(cube), voxels(":raw", **STACK), 200),
    "TIFF": Format(tiff_file, voxels(**STACK), 250),
    "PNG": Format(png_folder, voxels(**STACK), 150),
    "SWC": Format(swc_folder, swc_nodes, 200),
    "precomputed skeletons": Format(skeleton_folder, nodes, 250),
    "SegCLR shards": Format(shard_folder, shards, 200),
    "TFRecord": Format(record_file, records, 300),
    "whole-brain HDF5": Format(hdf5_file(brain), recordings, 200),
    "NWB": Format(nwb_file, recordings, 60),
    "matrix of traces": Format(csv_of(TRACES), recordings, 200),
    "long recording": Format(csv_of(LONG), recordings, 200),
    "behaviour": Format(csv_of(TRACES.replace(",\n", ",1\n")), behaviour, 150),
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
        target = Path(place) / "damaged"
        shutil.copytree(whole, target)
        for number in range(FORMATS[name].inputs * SCALE) if only is None else (only,):
            chance = random.Random(f"{name} {number}")
            right = chance.choice(files)
            hurt = target / right.relative_to(whole)
            hurt.unlink()  # another file each time: whoever still holds the one before keeps it
            hurt.write_bytes(damaged(right.read_bytes(), chance))
            yield number, target / source.relative_to(whole)
            hurt.write_bytes(right.read_bytes())


def fault(read: Callable[[Path], Any], path: Path) -> str | None:
    """What went wrong beyond an error of ours."""
    from ingest.schema.errors import GraphlabError

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
