"""Every section of docs/extending.md: its package laid out as pip does, its contract tested, its commands typed.

Where a section says what the change inside is, the commands are typed once more over a copy of the four packages with
that change and without the other package.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
ROOMS = ("graphlab", "ingest", "queries", "gpu_embed")
MOST_FILES_INSIDE = 2


@dataclass(frozen=True)
class Section:
    """One part of the page."""

    title: str
    files: dict[str, str]
    """Name -> text of every block whose first line is a comment with a name."""
    commands: list[tuple[str, list[str]]]
    """What is typed -> lines that must be printed, in this order."""
    diff: str
    inside: str
    """The product file that the module stands in; "" where the section does not say."""

    @property
    def module(self) -> str:
        return next(name for name in self.files if name.endswith(".py") and not name.startswith("test_"))


def sections() -> list[Section]:
    """The parts of the page; the first is what stands before the first heading."""
    found = []
    for part in re.split(r"^## ", PAGE, flags=re.M):
        blocks = re.findall(r"^```(\w+)\n(.*?)^```", part, flags=re.M | re.S)
        files = {text.split("\n", 1)[0].removeprefix("# "): text for kind, text in blocks if kind in ("python", "toml")}
        commands: list[tuple[str, list[str]]] = []
        for line in "".join(text for kind, text in blocks if kind == "console").splitlines():
            if line.startswith("$ "):
                commands.append((line[2:], []))
            else:
                commands[-1][1].append(line)
        stands = re.search(r"stands in `([\w/]+\.py)`", part)
        diff = "".join(text for kind, text in blocks if kind == "diff")
        found.append(Section(part.split("\n", 1)[0], files, commands, diff, stands.group(1) if stands else ""))
    return found


FIRST, *SECTIONS = sections()
NAMED = pytest.mark.parametrize("section", SECTIONS, ids=[section.title for section in SECTIONS])


def installed(section: Section, folder: Path) -> Path:
    """The section's package in a folder for ``sys.path``, as pip lays it out."""
    project: dict[str, Any] = tomllib.loads(section.files["pyproject.toml"])["project"]
    site = folder / "site"
    about = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    about.mkdir(parents=True)
    (site / section.module).write_text(section.files[section.module], encoding="utf-8")
    told = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (about / "METADATA").write_text(told, encoding="utf-8")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return site


def run(command: list[str], folder: Path, *path: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "COLUMNS": "120"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def typed(section: Section, folder: Path, *path: Path) -> None:
    """Type the commands; each must print its lines, each of which may go on."""
    for command, wanted in section.commands:
        line = re.sub(r"^graphlab\b", f"{shlex.quote(sys.executable)} -m graphlab.cli", command)
        printed = run(["bash", "-euc", line], folder, *path)
        lines = iter([" ".join(found.split()) for found in printed.splitlines()])
        for expected in wanted:
            told = f"{command}: wanted {expected!r}, printed\n{printed}"
            assert any(" ".join(expected.split()) in found for found in lines), told


@pytest.fixture(scope="module")
def worm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the graph that all sections start from."""
    folder = tmp_path_factory.mktemp("worm")
    typed(FIRST, folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What one process prints that runs the tests of all sections, with all packages installed."""
    folder = tmp_path_factory.mktemp("contracts")
    sites = [installed(section, folder / str(number)) for number, section in enumerate(SECTIONS)]
    tests = {name: text for section in SECTIONS for name, text in section.files.items() if name.startswith("test_")}
    for name, text in tests.items():
        (folder / name).write_text(text, encoding="utf-8")
    pytest_ = [sys.executable, "-W", "error", "-m", "pytest", "-v", "-p", "no:cacheprovider", *tests]
    return run(pytest_, folder, *sites, ROOT)


@NAMED
@pytest.mark.slow
def test_a_package_of_one_file_and_one_entry_point(
    section: Section, contracts: str, worm: Path, tmp_path: Path
) -> None:
    site = installed(section, tmp_path)
    assert len([name for name in section.files if name.endswith(".py") and not name.startswith("test_")]) == 1
    project = tomllib.loads(section.files["pyproject.toml"])["project"]
    assert sum(map(len, project["entry-points"].values())) == 1
    for name in section.files:
        if name.startswith("test_"):
            assert re.search(rf"^{re.escape(name)}::.* PASSED", contracts, flags=re.M), contracts
    typed(section, shutil.copytree(worm, tmp_path / "typed"), site, ROOT)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four packages with the changes of all sections."""
    place = tmp_path_factory.mktemp("inside")
    for room in ROOMS:
        shutil.copytree(ROOT / room, place / room)
    for section in SECTIONS:
        if section.inside:
            (place / section.inside).write_text(section.files[section.module], encoding="utf-8")
            apply(section.diff, place)
    return place


def apply(diff: str, place: Path) -> None:
    """Insert the lines with + after the line of context before them."""
    for part in diff.split("--- ")[1:]:
        name, _, body = part.partition("\n")
        file = place / name
        lines, at = file.read_text(encoding="utf-8").split("\n"), -1
        for line in body.splitlines():
            if line.startswith("+"):
                at += 1
                lines.insert(at, line[1:])
            else:
                assert lines.count(line[1:]) == 1, f"{name} has no one line {line[1:]!r}"
                at = lines.index(line[1:])
        file.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize("section", [one for one in SECTIONS if one.inside], ids=lambda one: str(one.title))
@pytest.mark.slow
def test_the_same_inside_in_two_files(section: Section, changed: Path, worm: Path, tmp_path: Path) -> None:
    assert not (ROOT / section.inside).exists()
    assert 1 + section.diff.count("--- ") <= MOST_FILES_INSIDE
    assert section.commands
    typed(section, shutil.copytree(worm, tmp_path / "typed"), changed)


def test_the_page_names_every_group() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    groups = set(re.findall(r'Registry\(\s*"[^"]+",\s*(?:group=)?"(graphlab\.\w+)"', sources))
    assert {"graphlab.readers", "graphlab.languages", "graphlab.commands"} <= groups
    assert [group for group in sorted(groups) if f"`{group}`" not in PAGE] == []
