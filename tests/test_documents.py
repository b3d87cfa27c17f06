"""What the README, the CHANGELOG and docs/ say is there: commands, options, files, links, names, extras, settings."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import pytest
import typer

from graphlab import Graph
from graphlab.cli import app

ROOT = Path(__file__).parent.parent
ROOMS = ("graphlab", "ingest", "queries", "gpu_embed")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
BUILT_IN = [page for page in PAGES if page.name != "extending.md"]
"""What docs/extending.md names is to be made first, and its own test makes it and types its commands."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PROGRAM: Any = typer.main.get_command(app)
FENCE = re.compile(r"^([ ]*)(```+|~~~+)(\{?[\w-]*\}?)[^\n]*\n(.*?)^\1\2[ ]*$", re.M | re.S)
SHELLS = {"bash", "console", "sh", "shell"}
STAND_IN = re.compile(r"^[A-Z][A-Z_0-9]*(?:,[A-Z_0-9,.]+)*(?:\.\.\.|\.\w+)?$")
"""What stands for a value: GRAPH, FILE.csv, X,Y,Z."""


class Said(NamedTuple):
    """A piece of a page: where it is and what it says."""

    at: str
    text: str


def lines_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path) -> Iterator[tuple[str, Said]]:
    text = lines_of(page)
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield match[3].strip("{}"), Said(f"{page.relative_to(ROOT)}:{line}", match[4])


def prose(page: Path) -> str:
    """The page without its blocks, every line where it was."""
    return FENCE.sub(lambda match: "\n" * match[0].count("\n"), lines_of(page))


def spans(page: Path) -> Iterator[Said]:
    """Everything between backticks, put on one line."""
    text = prose(page)
    for match in re.finditer(r"(?<!`)`([^`]+)`(?!`)", text):
        line = text.count("\n", 0, match.start()) + 1
        yield Said(f"{page.relative_to(ROOT)}:{line}", " ".join(match[1].split()))


def commands() -> Iterator[tuple[Said, bool]]:
    """(what is typed after ``graphlab``, whether it is whole): lines of blocks are, spans may leave arguments out."""
    for page in BUILT_IN:
        for language, (at, text) in blocks(page):
            if language not in SHELLS:
                continue
            shown = any(line.startswith("$ ") for line in text.splitlines())
            # Lines go on after a backslash and inside quotes.
            text = "\n".join(
                line[2:] for line in text.replace("\\\n", " ").splitlines() if not shown or line.startswith("$ ")
            ) if shown else text.replace("\\\n", " ")  # fmt: skip
            words: list[str] = []
            for line in text.splitlines():
                words.append(line)
                try:
                    shlex.split("\n".join(words), comments=True)
                except ValueError:
                    continue
                typed = "\n".join(words).strip()
                words = []
                for part in re.split(r"\s(?:\||&&|;)\s", typed):
                    if match := re.match(r"graphlab\s+(.*)", part.strip(), re.S):
                        yield Said(at, match[1]), True
        for at, text in spans(page):
            if match := re.match(r"(?:uvx |pipx run )?graphlab ([a-z-][^`]*)", text):
                yield Said(at, match[1]), False


def words_of(text: str) -> list[str]:
    """As a shell takes them; comments, redirections and what follows dots that leave words out are cut."""
    found = []
    for word in shlex.split(text, comments=True):
        if word in ("...", ">", "2>", "|"):
            break
        found.append(word)
    return found


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words name, and the words after it; KeyError where there is none."""
    command, rest = PROGRAM, list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-") and not STAND_IN.match(rest[0]):
        found = command.get_command(typer.Context(command), rest[0])
        if found is None:
            raise KeyError(rest[0])
        command, rest = found, rest[1:]
    return command, rest


def fault(text: str, whole: bool) -> str | None:
    """What the parser of the command line says against it; nothing where all is well."""
    try:
        command, words = command_of(words_of(text))
    except KeyError as unknown:
        return f"no command {unknown}"
    if hasattr(command, "commands"):  # such as --install-completion, which acts as soon as it is parsed
        known = {name for option in command.params for name in option.opts} | {"--help"}
        return next((f"no option {word}" for word in words if word.startswith("-") and word not in known), None)
    if "--help" in words:
        return None
    options = {name: option for option in command.params for name in (*option.opts, *option.secondary_opts)}
    for i, word in enumerate(words):
        if word.startswith("--") and word.partition("=")[0] not in options:
            return f"no option {word}"
        taken = options.get(words[i - 1]) if i else None
        if STAND_IN.match(word) and taken is not None and not getattr(taken, "is_flag", False):
            words[i] = stand_in(taken, word)
    if not whole and words and words[-1] in options and not getattr(options[words[-1]], "is_flag", False):
        words.append(stand_in(options[words[-1]], "X"))  # an option that is named, without a value
    try:
        command.make_context(command.name, words)
    except Exception as error:  # whatever the parser of the command line says
        told = str(getattr(error, "message", "")) or type(error).__name__
        if whole or type(error).__name__ != "MissingParameter":
            return told
    return None


def stand_in(option: Any, word: str) -> str:
    """A value of the option's kind in place of a word like N."""
    kind = option.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return str(next(iter(kind)).value)
    return "3" if kind in (int, float) else word


def test_every_command_can_be_typed() -> None:
    found = list(commands())
    assert sum(whole for _, whole in found) > 60
    assert sum(not whole for _, whole in found) > 50
    wrong = [f"{at}: graphlab {text}: {told}" for (at, text), whole in found if (told := fault(text, whole))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("typed", "whole", "right"),
    [
        ("motifs worm --size 3", True, True),
        ("motifs worm --sizes 3", True, False),
        ("motifs GRAPH --size N", False, True),
        ("motif worm", True, False),
        ("ingest worm edges.csv", True, False),
        ("ingest worm edges.csv --as nonsense", True, False),
        ("train cel-type worm", False, False),
        ("train cell-type GRAPH --label cell_type", False, True),
    ],
)
def test_the_check_tells_right_from_wrong(typed: str, whole: bool, right: bool) -> None:
    assert (fault(typed, whole) is None) is right


def every_option() -> set[str]:
    found = set()
    todo = [PROGRAM]
    while todo:
        command = todo.pop()
        found |= {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
        todo += getattr(command, "commands", {}).values()
    return found


def test_every_option_is_one_of_ours() -> None:
    """In prose too, where no command stands before it."""
    known = every_option() | {"--help"}
    named = {
        (option, at)
        for page in PAGES
        for at, text in spans(page)
        for option in re.findall(r"(?:^|(?<=[\s(|]))--[a-z][a-z-]*", text)
        if not re.match(r"(?:pip|docker|npm|torchrun|python|uvx|pipx|podman) ", text)
    }
    assert len(named) > 80
    assert not sorted(f"{at}: {option}" for option, at in named if option not in known)


def test_every_file_is_there() -> None:
    """Paths from the root of the repository, patterns too; ``test_..._bench.py`` by its name."""
    wrong, seen = [], 0
    start = "|".join((*ROOMS, "tests", "docs", "examples", "notebooks", r"\.ci"))
    for page in BUILT_IN:
        for at, text in (*spans(page), *(said for _, said in blocks(page))):
            for path in re.findall(rf"(?<![\w/.:-])(?:{start})/[\w./*-]*[\w*]", text):
                seen += 1
                path = path.replace("NAME", "*")
                if not any(ROOT.glob(path)) and not any(ROOT.glob(f"{path}.py")):
                    wrong.append(f"{at}: {path}")
            for name in re.findall(r"(?<![\w/])test_\w+\.py", text):
                seen += 1
                if not list((ROOT / "tests").rglob(name.replace("NAME", "*"))):
                    wrong.append(f"{at}: {name}")
    assert seen > 60
    assert not wrong, "\n".join(wrong)


@cache
def anchors(page: Path) -> set[str]:
    """The headings of a page as addresses within it."""
    heads = re.findall(r"^#+ +(.*?) *$", FENCE.sub("", lines_of(page)), re.M)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", head).lower() for head in heads)
    return {re.sub(r"[^\w\- ]", "", head).strip().replace(" ", "-") for head in plain}


def test_every_link_leads_somewhere() -> None:
    wrong, seen = [], 0
    for page in PAGES:
        text = prose(page)
        for match in re.finditer(r"\]\(([^)\s]+)\)", text):
            target, _, place = match[1].partition("#")
            at = f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match[1]}"
            if re.match(r"https://[\w.-]+\.\w+(/|$)", target):
                continue
            seen += 1
            where = (page.parent / target) if target else page
            if not where.exists() or (place and place not in anchors(where)):
                wrong.append(at)
    assert seen > 60
    assert not wrong, "\n".join(wrong)


@cache
def defined(place: Path, within: str = "") -> set[str]:
    """Names that a module, or a class of it, defines or brings in; the source is read, nothing is imported."""
    body: list[ast.stmt] = ast.parse(place.read_text(encoding="utf-8")).body
    if within:
        body = next((one.body for one in body if isinstance(one, ast.ClassDef) and one.name == within), [])
    names = set()
    for node in body:
        for one in ast.walk(node) if not isinstance(node, ast.FunctionDef | ast.ClassDef) else [node]:
            if isinstance(one, ast.Import | ast.ImportFrom):
                names |= {alias.asname or alias.name for alias in one.names}
            elif isinstance(one, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                names.add(one.name)
            elif isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
                names.add(one.id)
    return names


def is_there(name: str) -> bool:
    """Whether a dotted name is a module of ours, or is defined in one."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        folder = ROOT.joinpath(*parts[:cut])
        file = folder.with_suffix(".py") if folder.with_suffix(".py").is_file() else folder / "__init__.py"
        if not file.is_file():
            continue
        rest = parts[cut:]
        if not rest:
            return True
        text = file.read_text(encoding="utf-8")
        if rest[0] not in defined(file) and f'"{rest[0]}":' not in text and f'"{rest[0]}",' not in text:
            return False
        return len(rest) == 1 or not defined(file, rest[0]) or rest[1] in defined(file, rest[0])
    return False


GROUPS = {"graphlab.commands"}
"""Entry-point groups, which look like names of modules."""


def test_every_name_is_there() -> None:
    """Dotted names of our packages, and methods of ``graph``, its namespaces and their methods."""
    groups = set(re.findall(r'"(graphlab\.[a-z_]+)"', "".join(p.read_text() for p in (ROOT / "ingest").glob("*.py"))))
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            groups |= set(re.findall(r'Registry\([^)]*?"(graphlab\.[a-z_]+)"', path.read_text(), re.S))
    wrong, seen = [], 0
    for page in PAGES:
        for at, text in spans(page):
            for name in re.findall(rf"(?<![\w./-])(?:{'|'.join(ROOMS)})(?:\.[A-Za-z_]\w*)+", text):
                if name in groups | GROUPS or re.search(r"\.(py|md|html|svg)$", name):
                    continue
                seen += 1
                if not is_there(name):
                    wrong.append(f"{at}: {name}")
            for name in re.findall(r"(?<![\w./-])graph((?:\.[a-z_]+)+)(?=\(|$|[^\w.])", text):
                seen += 1
                if name != ".duckdb" and not in_graph(name.strip(".").split(".")):
                    wrong.append(f"{at}: graph{name}")
    assert seen > 60
    assert not wrong, "\n".join(wrong)


def in_graph(parts: list[str]) -> bool:
    """Whether ``graph`` has the method, or the namespace with the method."""
    kind: Any = Graph
    for part in parts:
        found = vars(kind).get(part, getattr(kind, part, None)) if kind is not None else True
        if found is None:
            return False
        called = getattr(found, "func", None) or getattr(found, "fget", None)
        if called is None:
            kind = None
        else:
            module = import_module(called.__module__)
            names = {**vars(module), **typed_only(module)}
            kind = get_type_hints(called, names, names).get("return")
    return True


@cache
def typed_only(module: Any) -> dict[str, Any]:
    """What a module imports for its annotations only."""
    source = Path(module.__file__).read_text(encoding="utf-8")
    return {
        name: getattr(import_module(home), name)
        for home, names in re.findall(r"^    from ((?:graphlab|queries|ingest)[\w.]*) import (.+)$", source, re.M)
        for name in names.split(", ")
    }


def test_extras_and_settings_are_those_of_the_code() -> None:
    extras = set(PROJECT["optional-dependencies"])
    code = "".join(path.read_text(encoding="utf-8") for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    code += (ROOT / ".ci" / "run").read_text() + (ROOT / "Makefile").read_text()
    tests = (path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__))
    code += "".join(path.read_text(encoding="utf-8") for path in tests)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    wrong, seen = [], 0
    for page in PAGES:
        text, name = lines_of(page), page.relative_to(ROOT)
        named = re.findall(r"\bextras? `(\w+)`", text) + re.findall(r"graphlab-connectome\[([\w,]+)\]", text)
        asked = {one for some in named for one in some.split(",")}
        wrong += [f"{name}: extra {one}" for one in asked - extras]
        settings = set(re.findall(r"\bGRAPHLAB_[A-Z_]+\b", text))
        wrong += [f"{name}: {one}" for one in settings if one not in code]
        made = set(re.findall(r"(?:`|^\$ )make ([a-z]+)\b", text, re.M))
        wrong += [f"{name}: make {one}" for one in made - targets]
        seen += len(asked) + len(settings) + len(made)
    assert seen > 30
    assert not wrong, "\n".join(wrong)
