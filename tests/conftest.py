"""What every test may ask for: the real-data folder, and markers that follow from where a test reads."""

from __future__ import annotations

import asyncio
import csv
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

# No example may fail because the machine is busy. One commit tries the same examples everywhere; to look for new ones:
# pytest --hypothesis-profile=new
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("new", deadline=None)
settings.load_profile("same")


if TYPE_CHECKING:
    from graphlab.predict.tasks.cell_type import CellTypeData
    from graphlab.predict.tasks.functional import FunctionalData

# Threads of OpenMP wait for each other by turning in a loop; on a busy machine, that takes the time they wait for.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Hundreds of tests start processes of their own. Compiling every module again, as PYTHONDONTWRITEBYTECODE has it, would
# be most of what they do.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(__file__).parents[1] / ".pytest_cache" / "bytecode"))

# Started in the background, a shell makes its children ignore Ctrl-C, which many tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)

REAL_DATA = os.environ.get("GRAPHLAB_REAL_DATA")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of public connectomes; a test that asks for it is skipped when none is named."""
    if not REAL_DATA:
        pytest.skip("GRAPHLAB_REAL_DATA names no folder")
    folder = Path(REAL_DATA)
    assert folder.is_dir(), f"GRAPHLAB_REAL_DATA={REAL_DATA} is no folder"
    return folder


SLOW_FILES = Path(__file__).with_name("slow_files.txt")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help=f"leave out the files that {SLOW_FILES.name} lists")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``--fast``, files that take three seconds or more on two cores are not even imported."""
    if not config.getoption("--fast") or collection_path.suffix != ".py":
        return None
    name = collection_path.relative_to(SLOW_FILES.parent.parent).as_posix()
    return True if name in SLOW_FILES.read_text().split() else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "real_data" in getattr(item, "fixturenames", ()):
            item.add_marker("real")


BROWSER = "launch"
"""The fixture that starts one; it stays until the session ends."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    with _no_loop_of_a_browser(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    with _no_loop_of_a_browser(item):
        return (yield)


@contextmanager
def _no_loop_of_a_browser(item: pytest.Item) -> Iterator[None]:
    """Between its calls, Playwright leaves its event loop as the running one of the thread; others start their own."""
    theirs = None if BROWSER in getattr(item, "fixturenames", ()) else asyncio._get_running_loop()
    if theirs is None:
        yield
        return
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(theirs)


ALONE = "GRAPHLAB_TEST_ALONE"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Tests marked ``alone`` run in a process of their own: a signal that hits it leaves the others standing."""
    if pyfuncitem.get_closest_marker("alone") is None or ALONE in os.environ:
        return None
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", pyfuncitem.nodeid]
    done = subprocess.run(
        command, cwd=pyfuncitem.config.rootpath, env={**os.environ, ALONE: "1"}, capture_output=True, text=True,
        timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "1 passed" in done.stdout
    return True


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Installs a package of somebody else for one test, as pip lays it out; see ``install_package``."""
    modules = set(sys.modules)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def install(module: str, offers: Mapping[str, Mapping[str, str]], source: str, folder: Path | None = None) -> Path:
        place = install_package(folder or tmp_path / "site", module, offers, source)
        if str(place) not in sys.path:
            monkeypatch.syspath_prepend(place)
        return place

    yield install
    for module in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[module], "__file__", "")):
            del sys.modules[module]


def install_package(folder: Path, module: str, offers: Mapping[str, Mapping[str, str]], source: str) -> Path:
    """Lay out a package of one module, version 1.2, in a folder for ``sys.path``.

    Args:
        offers: entry-point group -> name -> ``module:object``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
    about = folder / f"{module}-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 1.2\n")
    lines = [
        line
        for group, points in offers.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def larva_typed(real_data: Path) -> CellTypeData:
    """Winding et al. 2023: 3,591 annotated skeletons, their pairs, and the summed connections."""
    from graphlab.predict.tasks.cell_type import CellTypeData
    from queries.snapshot import Snapshot

    folder = real_data / "larva_winding2023"
    with (folder / "meta_data.csv").open(newline="", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row[""]))
    ids = np.array([int(row[""]) for row in rows], dtype=np.uint64)
    edges = np.loadtxt(folder / "G_edgelist.txt")
    kept = np.isin(edges[:, :2].astype(np.uint64), ids).all(axis=1)
    pre, post = np.searchsorted(ids, edges[kept, :2].astype(np.uint64)).T
    chemical = Snapshot.from_edges(ids, pre, post, edges[kept, 2])
    kinds = [None if row["simple_group"] in ("", "unk") else row["simple_group"] for row in rows]
    partner = [int(row["pair"]) if int(row["pair"]) > 0 else None for row in rows]
    return CellTypeData(ids, {"chemical": chemical}, kinds, partner, [row["hemisphere"] for row in rows])


@pytest.fixture(scope="session")
def typed_by() -> Callable[..., CellTypeData]:
    """Neurons with imbalanced types and random wiring, that knows types or does not; see ``_typed_by``."""
    return _typed_by


def _typed_by(seed: int, n: int = 90, informed: float = 0.0, twins: bool = False) -> CellTypeData:
    """``n`` neurons of four types (60, 25, 10 and 5 %) and a random graph with hubs.

    Args:
        informed: how much the type of both ends says of a connection; 0 nothing.
        twins: neurons are pairs of one type, declared as homologues, else all stand alone.
    """
    from graphlab.predict.tasks.cell_type import CellTypeData
    from queries.snapshot import Snapshot

    rng = np.random.default_rng([seed, n])
    ids = np.arange(1, n + 1, dtype=np.uint64)
    kind = rng.choice(4, n, p=[0.6, 0.25, 0.1, 0.05])
    if twins:
        kind = np.repeat(kind[: n // 2], 2)
    kind[:8] = [0, 0, 1, 1, 2, 2, 3, 3]
    hubs = rng.lognormal(0, 0.5, n)
    rate = 0.12 * np.outer(hubs, rng.permutation(hubs))
    # Every type prefers two of four, and is preferred by others.
    likes = np.array([[2, 0, 0, 2], [0, 2, 2, 0], [2, 2, 0, 0], [0, 0, 2, 2]], dtype=float)
    rate *= 1 + informed * (likes[kind][:, kind] - 1)
    there = rng.random((n, n)) < rate
    np.fill_diagonal(there, False)
    snapshot = Snapshot.from_edges(ids, *np.nonzero(there), rng.integers(1, 9, int(there.sum())))
    partner = [int(ids[k ^ 1]) for k in range(n)] if twins else None
    return CellTypeData(ids, {"chemical": snapshot}, ["abcd"[k] for k in kind], partner)


LAYERS = ("NPP_RipollSanchez2023_shortRange", "dopamine_Bentley2016", "octopamine_Bentley2016", "serotonin_Bentley2016",
          "tyramine_Bentley2016")  # fmt: skip


@pytest.fixture(scope="session")
def randi_measured(real_data: Path) -> FunctionalData:
    """The signal-propagation atlas, the summed wiring in the order of sorted ids, places, extrasynaptic layers."""
    h5py = pytest.importorskip("h5py")
    from graphlab.predict.inputs.worm_names import worm_class
    from graphlab.predict.tasks.functional import FunctionalData
    from queries.snapshot import Snapshot

    folder = real_data / "celegans_randi2023_funconn"
    lines = (folder / "neuron_ids.txt").read_text().splitlines()
    names = sorted(parts[1] for parts in map(str.split, lines) if len(parts) == 2)
    # AWCOFF and AWCON are AWCL and AWCR by convention.
    side = {"AWCOFF": "AWCL", "AWCON": "AWCR"}
    place = {side.get(name, name): k for k, name in enumerate(names)}
    ids = np.arange(1, len(names) + 1, dtype=np.uint64)
    with h5py.File(folder / "aconnectome_default.h5") as file:
        matrices = {"chemical": file["chem"][:].T, "electrical": file["gap"][:].T}
    far = np.zeros((len(names), len(names)))
    for source in LAYERS:
        with (real_data / "celegans_extrasynaptic" / f"{source}.csv").open(newline="") as file:
            first, *rows = csv.reader(file)
        at = [place.get(name, -1) for name in first[1:]]
        for row in rows:
            pre = place.get(row[0], -1)
            for post, value in zip(at, row[1:], strict=True):
                if pre >= 0 and post >= 0 and value and float(value):
                    far[pre, post] += 1
    matrices["extrasynaptic"] = far
    snapshots = {kind: Snapshot.from_edges(ids, *np.nonzero(m), m[np.nonzero(m)]) for kind, m in matrices.items()}
    header, *rows = (folder / "anatlas_neuron_positions.txt").read_text().splitlines()
    where = dict(zip(header.lstrip("#").split(), (list(map(float, row.split())) for row in rows), strict=True))
    position = np.array([where.get(name, [np.nan] * 3) for name in place]) * 1e3
    atlas = np.load(folder / "derived_wild-type_atlas.npz", allow_pickle=False)
    measured = [place[str(name)] for name in atlas["neuron_ids"]]
    responds = np.full((len(names),) * 2, -1, dtype=np.int8)
    # The atlas has the responding neuron in rows.
    verdict = np.where(atlas["has_kernel"], np.isfinite(atlas["scalar_atlas"]).astype(np.int8), -1).T
    responds[np.ix_(measured, measured)] = verdict
    classes = [worm_class(name, set(place)) for name in place]
    return FunctionalData(ids, snapshots, responds, classes, position)


@pytest.fixture(scope="session")
def randi_sized(randi_measured: FunctionalData, real_data: Path) -> FunctionalData:
    """The same with signed sizes: mean dF/F of the atlas's responses, and of Figure 2 for all other pairs."""
    from dataclasses import replace

    folder = real_data / "celegans_randi2023_funconn"
    lines = (folder / "neuron_ids.txt").read_text().splitlines()
    names = sorted(parts[1] for parts in map(str.split, lines) if len(parts) == 2)
    # The figure writes one name wrongly: its column IL2V4 holds the atlas's values of IL2VR.
    known = {"AWCOFF": "AWCL", "AWCON": "AWCR", "IL2V4": "IL2VR"}
    place = {known.get(name, name): k for k, name in enumerate(names)}
    size = np.full((len(names),) * 2, np.nan)
    atlas = np.load(folder / "derived_wild-type_atlas.npz", allow_pickle=False)
    at = [place[str(name)] for name in atlas["neuron_ids"]]
    size[np.ix_(at, at)] = atlas["scalar_atlas"].T
    with (folder / "randi2023_fig2_source_data.csv").open(newline="", encoding="utf-8-sig") as file:
        head, *rows = csv.reader(file)
    at = [place[known.get(name, name)] for name in head[1:]]
    assert [row[0] for row in rows] == head[1:]
    # Rows respond, here as in the atlas.
    values = np.array([[float(cell) if cell else np.nan for cell in row[1:]] for row in rows]).T
    shown = size[np.ix_(at, at)]
    # A neuron's answer to its own stimulus is another number in either file, and asked by nobody.
    both = np.isfinite(values) & np.isfinite(shown) & ~np.eye(len(at), dtype=bool)
    assert both.sum() > 1_000
    assert np.corrcoef(values[both], shown[both])[0, 1] > 0.999, "two files of one experiment, neuron by neuron"
    size[np.ix_(at, at)] = np.where(np.isfinite(shown), shown, values)
    return replace(randi_measured, size=size)
