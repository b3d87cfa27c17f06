"""What is published: the sdist, the wheel made from it, and the wheel in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import typer

from graphlab.cli import app
from graphlab.web.page import INDEX, STATIC

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ROOMS = ("graphlab", "ingest", "gpu_embed", "queries")
FRONTEND = ROOT / "graphlab" / "web" / "frontend"
ENTRY = json.loads(re.findall(r"^ENTRYPOINT (.*)$", (ROOT / "Containerfile").read_text(), re.M)[0])
pytestmark = pytest.mark.slow


def product_files() -> set[str]:
    """What has to be in a wheel: everything in the four rooms that git keeps, and the page, but not its sources."""
    listed = subprocess.run(["git", "ls-files", "-z", *ROOMS], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no checkout of git, which knows what belongs to the source")
    kept = {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}
    page = {path.relative_to(ROOT).as_posix() for path in STATIC.rglob("*") if path.is_file()}
    return {name for name in kept if not (ROOT / name).is_relative_to(FRONTEND)} | page


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(sdist, wheel), the wheel built from the sdist."""
    if not (STATIC / INDEX).is_file():
        if os.environ.get("GRAPHLAB_NEED_CHROMIUM"):
            pytest.fail("the page is not built; make web builds it")
        pytest.skip("the page is not built; make web builds it")
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def test_the_wheel_holds_the_product_and_nothing_else(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        (metadata,) = (wheel.read(name).decode() for name in wheel.namelist() if name.endswith("/METADATA"))
    assert names == product_files()
    assert "graphlab/web/static/index.html" in names
    assert f"\nVersion: {PROJECT['version']}\n" in metadata
    links = re.findall(r"\]\(([^)]+)\)", metadata)
    assert links
    assert all(link.startswith("https://") for link in links), "links beside the README lead nowhere on an index"


def test_the_sdist_is_what_a_wheel_is_made_of(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    sources = {path for path in names if path.startswith("graphlab/web/frontend/")}
    beside = names - product_files() - sources
    about = {"PKG-INFO", "README.md", "CHANGELOG.md", "CITATION.cff", "LICENSE", "pyproject.toml", ".gitignore"}
    assert beside == about
    assert "graphlab/web/frontend/package-lock.json" in sources
    assert not [name for name in names if "node_modules" in name]
    assert built[0].stat().st_size < 3_000_000


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs a program of an environment that holds the wheel, over the packages of this one."""
    place = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place / "venv")], check=True)
    programs = place / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = str(programs / "python")
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own, outer = (
        Path(subprocess.run([one, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
        for one in (python, sys.executable)
    )
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index",
         "--no-compile", "--disable-pip-version-check", str(built[1])],
        check=True,
    )  # fmt: skip
    # A plain line in a .pth file: packages are found there, but what is installed there for editing is not.
    (own / "around.pth").write_text(f"{outer}\n")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}

    def run(program: str, *words: str, **more: str) -> str:
        done = subprocess.run(
            [str(programs / program), *words], cwd=place, env=clean | more, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    found = run("python", "-c", "import graphlab, ingest.reader; print(graphlab.__file__, ingest.reader.__file__)")
    assert all(Path(name).is_relative_to(own) for name in found.split()), found
    return run


def test_the_wheel_answers_alone(installed: Callable[..., str], tmp_path: Path) -> None:
    assert installed("graphlab-connectome", "--version") == f"graphlab {PROJECT['version']}\n"
    completed = {"_GRAPHLAB_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "graphlab ingest worm x --as con"}
    assert "connections" in installed("graphlab", **completed)
    code = """
import json
from pathlib import Path
from typer.testing import CliRunner
from graphlab.cli import app
Path("edges.csv").write_text("pre_name,post_name,weight\\nAVAL,PVCL,4\\nAVBL,PVCL,5\\n")
for words in (["init", "worm"], ["ingest", "worm", "edges.csv", "--as", "connections"],
              *(["query", "worm", text, "--json"] for text in (
                  "SELECT name FROM neurons", "MATCH (a:Neuron)-[:ConnectsTo]->(b) RETURN a.name", "A -> B"))):
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, (words, done.output, done.exception)
    if words[0] == "query":
        print(len(json.loads(done.stdout)))
"""
    script = tmp_path / "asked.py"
    script.write_text(code, encoding="utf-8")
    assert installed("python", str(script)).split() == ["3", "2", "2"]


def test_the_wheel_serves_its_page_as_the_container_starts_it(
    installed: Callable[..., str], built: tuple[Path, Path], tmp_path: Path
) -> None:
    """Over all addresses, with a token, under the names that the Containerfile allows."""
    program, *words = ENTRY
    assert program in PROJECT["scripts"]
    code = f"""
import json, subprocess, sys
from pathlib import Path
from graphlab import Graph
Graph.create("page").close()
words = {[*words, "page", "--port", "0", "--json"]!r}
command = [str(Path(sys.executable).with_name({program!r})), *words]
running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
try:
    told, document = "", None
    while document is None:
        line = running.stdout.readline()
        assert line, told
        told += line
        try:
            document = json.loads(told)
        except ValueError:
            pass
    import httpx
    address = document["api"].removesuffix("/api").replace("0.0.0.0", "localhost")
    bearer = {{"Authorization": "Bearer " + document["token"]}}
    page = httpx.get(address + "/", headers=bearer)
    script = page.text.partition('src="')[2].partition('"')[0]
    got = [httpx.get(address + "/" + path.lstrip("./"), headers=bearer)
           for path in (script, "api/server", "g/page/query")]
    refused = httpx.get(address + "/")
    print(json.dumps([page.text, [one.status_code for one in got], got[1].json()["version"], refused.status_code]))
finally:
    running.terminate()
    running.wait(60)
"""
    script = tmp_path / "served.py"
    script.write_text(code, encoding="utf-8")
    page, codes, version, refused = json.loads(installed("python", str(script)))
    with zipfile.ZipFile(built[1]) as wheel:
        assert page == wheel.read("graphlab/web/static/index.html").decode()
    assert codes == [200, 200, 200]
    assert version == PROJECT["version"]
    assert refused == httpx.codes.UNAUTHORIZED


def test_options_of_the_container_are_those_of_the_verb() -> None:
    command = typer.main.get_command(app).commands[ENTRY[1]]  # type: ignore[attr-defined]
    context = command.make_context("serve", [*ENTRY[2:], "worm"])
    assert context.params["allow_host"] == ["localhost", "127.0.0.1"]


def test_what_cites_the_package_knows_its_version() -> None:
    cited = dict(re.findall(r"^([a-z-]+): (.+)$", (ROOT / "CITATION.cff").read_text(), re.M))
    assert (cited["version"], cited["license"]) == (PROJECT["version"], PROJECT["license"])
    assert f"\n## {PROJECT['version']}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_the_page_about_installing_lists_every_extra() -> None:
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", page, re.M)
    assert sorted(listed) == sorted(PROJECT["optional-dependencies"])
