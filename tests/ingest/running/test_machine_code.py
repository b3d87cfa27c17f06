"""Kernels called from kept machine code: the same results as numba's, and numba wherever the code does not fit."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ingest.running import machine_code
from ingest.running.machine_code import Kernel, kinds_of
from ingest.running.own_cache import DAY_S, UNUSED_DAYS

MODULE = """
import numpy as np
from numba import njit

OPTIONS = {"nogil": True, "_nrt": False, "cache": True}

@njit(**OPTIONS)
def add(values, more, out):
    for i in range(len(values)):
        out[i] = values[i] + more
    return len(values)

@njit(**OPTIONS)
def ends(parts, stop):
    table, row = parts
    return table[0, 0] + stop, table[-1, -1] + row[0]

@njit(**OPTIONS)
def clear(out):
    for i in range(len(out)):
        out[i] = 0

@njit(nogil=True, cache=True)
def made(count):
    return np.arange(count)
"""

COLD = """
import sys
import numpy as np
from ingest.running import machine_code
from ingest.running.machine_code import Kernel
add, ends, clear = (Kernel("own_kernels.some", name) for name in ("add", "ends", "clear"))
out = np.zeros(5, np.int64)
print(add(np.arange(5, dtype=np.int32), 7, out), out.tolist())
print(ends((np.arange(6).reshape(2, 3), np.array([10, 20])), 1))
print(clear(out), out.tolist())
print("numba" in sys.modules)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where code is kept; the kernels above stand in a package of their own."""
    package = tmp_path / "own_kernels"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "some.py").write_text(MODULE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[3]}")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("own_kernels")]:
        monkeypatch.delitem(sys.modules, name)
    machine_code._made_from.cache_clear()
    return tmp_path / "cache" / "graphlab" / "kernels"


def added() -> bool:
    """Whether numba was asked for a sum, which is right either way."""
    machine_code._made_from.cache_clear()
    add, out = Kernel("own_kernels.some", "add"), np.zeros(5, np.int64)
    assert add(np.arange(5, dtype=np.int32), 7, out) == 5
    assert out.tolist() == [7, 8, 9, 10, 11]
    return "compiled" in vars(add)


def test_another_process_answers_alike_without_numba(place: Path) -> None:
    out = np.zeros(5, np.int64)
    assert added()
    assert Kernel("own_kernels.some", "ends")((np.arange(6).reshape(2, 3), np.array([10, 20])), 1) == (1, 15)
    assert Kernel("own_kernels.some", "clear")(out) is None
    assert sorted(file.name.split(".")[2] for file in place.iterdir()) == ["add", "clear", "ends"]
    done = subprocess.run([sys.executable, "-c", COLD], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.splitlines() == ["5 [7, 8, 9, 10, 11]", "(1, 15)", "None [0, 0, 0, 0, 0]", "False"]


def test_what_nobody_used_for_a_month_goes_when_code_is_added(place: Path) -> None:
    assert added()
    (kept,) = place.iterdir()
    month = (UNUSED_DAYS + 1) * DAY_S
    old, other_version, unfinished = place / "old", place / "other_version", place / ".new"
    for file, age in ((kept, month), (old, month), (other_version, month - 3 * DAY_S), (unfinished, month)):
        file.touch()
        os.utime(file, (time.time() - age,) * 2)
    assert not added()
    assert time.time() - kept.stat().st_mtime < DAY_S, "used today"
    assert {old, other_version, unfinished} < set(place.iterdir()), "nothing was added"
    Kernel("own_kernels.some", "clear")(np.zeros(5, np.int64))
    assert {kept, other_version} < set(place.iterdir())
    assert not {old, unfinished} & set(place.iterdir())


def test_code_that_does_not_fit_is_not_called(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert added()
    assert not added()
    (kept,) = place.iterdir()
    whole = kept.read_bytes()
    for broken in (b"", whole[:-1], whole[:70] + b"?" + whole[71:]):
        kept.write_bytes(broken)
        assert added()
        assert kept.read_bytes() == whole, "made anew"
    Kernel("own_kernels.some", "clear")(np.zeros(5, np.int64))
    (other,) = set(place.iterdir()) - {kept}
    kept.write_bytes(other.read_bytes())  # whole, and of another function
    assert added()
    assert not added()
    (place.parents[2] / "own_kernels" / "__init__.py").write_text("CHANGED = True")
    assert added()
    assert len(list(place.iterdir())) == 3
    monkeypatch.setenv("NUMBA_OPT", "1")
    assert added()
    assert len(list(place.iterdir())) == 3
    monkeypatch.delenv("NUMBA_OPT")
    place.chmod(0o777)
    assert added()


def test_what_machine_code_cannot_take_goes_to_numba(place: Path) -> None:
    add, made = (Kernel("own_kernels.some", name) for name in ("add", "made"))
    assert not add.ready
    every, out = np.arange(10, dtype=np.int32), np.zeros(5, np.int64)
    assert add(every[::2], 1, out) == 5
    assert out.tolist() == [1, 3, 5, 7, 9]
    np.testing.assert_array_equal(made(3), np.arange(3))
    assert not list(place.iterdir())
    assert add(every[:5].copy(), 1, out) == 5
    assert out.tolist() == [1, 2, 3, 4, 5]
    assert add.ready
    assert Kernel("own_kernels.some", "add").ready
    assert len(list(place.iterdir())) == 1


def test_kinds_tell_apart_what_is_compiled_apart() -> None:
    fixed = np.zeros(2)
    fixed.flags.writeable = False
    several = [
        (np.zeros(2),), (fixed,), (np.zeros(2, np.float32),), (np.zeros((2, 1)),), (1,), ((1,),), (np.zeros(2), 1),
    ]  # fmt: skip
    assert len({kinds_of(one) for one in several} - {None}) == len(several)
    for one in (True, 2**63, 1.0, "a", None, np.int64(1), np.zeros(4)[::2], np.zeros(2, ">i4"), np.zeros(2, "M8[s]")):
        assert kinds_of((one,)) is None
