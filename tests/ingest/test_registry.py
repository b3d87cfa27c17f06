"""Names of one seam: taken once, suggested when misspelt, completed by other packages."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from ingest.registry import Registry
from ingest.schema.errors import GraphlabError, PluginError, UnknownNameError

Package = Callable[..., Path]
GROUP = "graphlab.numbers"


class Number(Protocol):
    """A seam of two members."""

    name: str

    def value(self) -> float: ...


GOOD = """
class Number:
    def __init__(self, name):
        self.name = name

    def value(self):
        return 3.0
"""


def test_names() -> None:
    found: Registry[int] = Registry("null model")
    assert found.register("block", 1) == 1
    found.register("reciprocal", 2)
    assert (found.names(), list(found), found.get("block")) == (
        ["block", "reciprocal"],
        [("block", 1), ("reciprocal", 2)],
        1,
    )
    with pytest.raises(ValueError, match="null model 'block' is registered twice"):
        found.register("block", 3)
    with pytest.raises(UnknownNameError, match="unknown null model 'recipocal'; did you mean 'reciprocal'"):
        found.get("recipocal")


def test_what_takes_long_to_import_is_made_once_when_it_is_asked_for() -> None:
    made: list[int] = []

    def three() -> int:
        made.append(3)
        return 3

    found: Registry[int] = Registry("number")
    found.defer("three", three)
    found.register("two", 2)
    assert (found.names(), made) == (["three", "two"], [])
    assert (found.get("three"), found.get("three"), list(found), made) == (3, 3, [("three", 3), ("two", 2)], [3])
    with pytest.raises(ValueError, match="'three' is registered twice"):
        found.register("three", 3)


def test_another_package_is_known_by_name_and_imported_when_asked(package: Package) -> None:
    package("acme_asked", {GROUP: {"pi": "acme_asked:PI", "e": "acme_asked:E"}}, "from math import pi as PI, e as E")
    found: Registry[float] = Registry("number", GROUP)
    found.register("two", 2.0)
    assert found.names() == ["two", "e", "pi"]
    assert "acme_asked" not in sys.modules
    assert found.get("pi") == pytest.approx(3.14159, abs=1e-4)
    assert found.names() == ["two", "e", "pi"]
    assert [name for name, _ in found] == ["two", "e", "pi"]
    with pytest.raises(UnknownNameError, match="unknown number 'pie'; did you mean 'pi'"):
        found.get("pie")


def test_a_package_cannot_replace_a_name_of_ours(package: Package) -> None:
    package("acme_usurper", {GROUP: {"two": "acme_usurper:TWO"}}, "TWO = 3.0")
    found: Registry[float] = Registry("number", GROUP)
    found.register("two", 2.0)
    assert found.get("two") == 2.0
    assert list(found) == [("two", 2.0)]


def test_a_package_that_cannot_be_imported_is_an_error_only_for_who_asks(
    package: Package, recwarn: pytest.WarningsRecorder
) -> None:
    package("acme_broken", {GROUP: {"bad": "acme_broken:BAD"}}, "import a_library_that_is_not_there")
    found: Registry[float] = Registry("number", GROUP)
    found.register("two", 2.0)
    assert found.names() == ["two", "bad"]
    assert list(found) == [("two", 2.0)]
    assert not recwarn
    with pytest.raises(
        PluginError,
        match=r"number 'bad' of acme-broken 1\.2 cannot be loaded: ModuleNotFoundError: "
        "No module named 'a_library_that_is_not_there'. Install what it needs, or uninstall it",
    ) as caught:
        found.get("bad")
    assert isinstance(caught.value, GraphlabError)
    assert isinstance(caught.value, ImportError)


def test_a_package_that_ends_the_program_when_it_is_imported_does_not(package: Package) -> None:
    package("acme_exit", {GROUP: {"bad": "acme_exit:BAD"}}, "raise SystemExit(3)")
    with pytest.raises(PluginError, match=r"of acme-exit 1\.2 cannot be loaded: SystemExit: 3"):
        Registry[float]("number", GROUP).get("bad")
    assert list(Registry[float]("number", GROUP)) == []


def test_an_object_that_is_not_there_is_said(package: Package) -> None:
    package("acme_absent", {GROUP: {"bad": "acme_absent:NOWHERE"}}, "")
    with pytest.raises(PluginError, match=r"of acme-absent 1\.2 cannot be loaded: AttributeError: .*NOWHERE"):
        Registry[float]("number", GROUP).get("bad")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("X = 3", "acme_unlike_0:X is no Number: it has no name, value; see docs/extending.md"),
        (f"{GOOD}\nX = Number", "is a class; wanted an object, such as Number()"),
        (f"{GOOD}\nX = Number('other')", "says that its name is 'other'; wanted 'three', as its entry point says"),
    ],
)
def test_what_is_none_of_the_seam_is_refused(
    package: Package, written: str, told: str, request: pytest.FixtureRequest
) -> None:
    number = request.node.callspec.indices["written"]
    package(f"acme_unlike_{number}", {GROUP: {"three": f"acme_unlike_{number}:X"}}, written)
    found: Registry[Number] = Registry("number", GROUP, Number)
    with pytest.raises(PluginError) as caught:
        found.get("three")
    assert told in str(caught.value)
    assert list(found) == []


def test_what_is_of_the_seam_is_taken(package: Package) -> None:
    package("acme_good", {GROUP: {"three": "acme_good:X"}}, f"{GOOD}\nX = Number('three')")
    found: Registry[Number] = Registry("number", GROUP, Number)
    assert found.get("three").value() == 3.0
    assert found.get("three") is found.get("three")


def test_one_name_from_two_packages_is_refused_and_one_package_twice_on_the_path_is_not(
    package: Package, tmp_path: Path
) -> None:
    package("acme_first", {GROUP: {"x": "acme_first:X"}}, "X = 1.0", tmp_path / "a")
    package("acme_first", {GROUP: {"x": "acme_first:X"}}, "X = 1.0", tmp_path / "b")
    assert Registry[float]("number", GROUP).get("x") == 1.0
    package("acme_second", {GROUP: {"x": "acme_second:X"}}, "X = 2.0", tmp_path / "c")
    with pytest.raises(PluginError, match=r"'x' of acme-\w+ 1\.2 and acme-\w+ 1\.2: one name, 2 packages; uninstall"):
        Registry[float]("number", GROUP).get("x")


def test_a_package_in_a_zip_file_is_found(package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = package("acme_zipped", {GROUP: {"zipped": "acme_zipped:X"}}, "X = 4.0")
    monkeypatch.undo()
    with zipfile.ZipFile(tmp_path / "acme.zip", "w") as archive:
        for path in sorted(folder.rglob("*.*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    monkeypatch.syspath_prepend(tmp_path / "acme.zip")
    assert Registry[float]("number", GROUP).get("zipped") == 4.0
