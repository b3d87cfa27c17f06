"""How the command line finds, reads and lists commands: imported when called, help in sections, the nearest name.

Tests: tests/graphlab/commands/test_choices.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, cast, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup

from ingest.schema.errors import did_you_mean

_NOT_ONE_OF = re.compile(r"^(?:Value error, )?'(?P<found>.*)' is not one of (?P<known>'.*')\.?$", re.DOTALL)

Place: TypeAlias = "str | type[Sections]"
"""Of a command: ``file:function`` below ``graphlab.commands``, or a group."""


_PLAIN_NUMBER = {
    int: re.compile(r"0|-?[1-9][0-9]{0,17}"),
    float: re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?"),
}


class Verb(TyperCommand):
    """A command whose options say what was meant; the exit code stays that of wrong usage, 2."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        read_plainly(self.get_params(ctx))
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            # The class of the error has another home from one typer to the next, its message has not.
            match = _NOT_ONE_OF.match(str(getattr(error, "message", "")))
            if match is not None:
                known = re.findall(r"'([^']*)'", match["known"])
                message = f"unknown choice {match['found']!r}{did_you_mean(match['found'], known)}"
                error.message = message  # type: ignore[attr-defined]
            raise


class Sections(TyperGroup):
    """Commands under headings, each with its whole first sentence; only the one that is called is imported."""

    sections: ClassVar[Mapping[str, Mapping[str, Place]]] = {}
    """Heading -> name -> place."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._places = {name: place for part in self.sections.values() for name, place in part.items()}
        self.commands = cast(Any, Later(self._places))
        self._named = False

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def get_command(self, ctx: Any, name: str) -> Any:
        if self._named and name in self._places:
            return Verb(name=name, help=summary_of(self._places[name]))
        return self.commands.get(name)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        read_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Names that go on as typed; their commands are not imported for it."""
        self._named = True
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self._named = False

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        listed = {heading: [(name, summary_of(place)) for name, place in part.items()]
                  for heading, part in self.sections.items()}  # fmt: skip
        for name in self.list_commands(ctx):
            command = None if name in self.commands else self.get_command(ctx, name)
            if command is not None and not command.hidden:
                heading = getattr(command, "rich_help_panel", None) or "Commands"
                listed.setdefault(str(heading), []).append((name, _first(command.help)))
        for heading, rows in listed.items():
            with formatter.section(heading):
                formatter.write_dl(rows)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except Exception as error:
            if str(getattr(error, "message", "")).startswith("No such command"):
                near = did_you_mean(args[0], self.list_commands(ctx))
                error.message = f"unknown command {args[0]!r}{near}"  # type: ignore[attr-defined]
            raise


class Later(Mapping[str, Any]):
    """Commands by name, each imported when it is first asked for."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self.places = places
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            place = self.places[name]
            self._made[name] = single(name, function_at(place)) if isinstance(place, str) else _group(name, place)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


def function_at(place: str) -> Any:
    """The function behind ``file:function``."""
    file, _, function = place.partition(":")
    return getattr(import_module(f"graphlab.commands.{file}"), function)


def single(name: str, function: Callable[..., Any]) -> Any:
    """A function with typer's annotations as a command."""
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, cls=Verb)(function)
    return typer.main.get_command(alone)


def _group(name: str, group: type[Sections]) -> Any:
    made = typer.Typer(name=name, cls=group, help=group.__doc__, no_args_is_help=True, add_completion=False,
                       rich_markup_mode=None)  # fmt: skip
    made.callback()(lambda: None)
    return typer.main.get_command(made)


def summary_of(place: Place) -> str:
    """The first paragraph of a docstring, read from the source: importing all takes a hundred times as long."""
    if not isinstance(place, str):
        return _first(place.__doc__)
    file, _, function = place.partition(":")
    source = Path(__file__).parent.joinpath(*file.split(".")).with_suffix(".py")
    try:
        found = re.search(rf'^def {function}\(.*?^    """(.*?)"""', source.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    except OSError:  # in a ZIP file
        found = None
    return _first(found[1] if found else function_at(place).__doc__)


def _first(text: str | None) -> str:
    return " ".join((text or "").strip().split("\n\n")[0].split())


class _Unclear(Exception):
    """A value that typer has to look at."""


def read_plainly(parameters: Sequence[Any]) -> None:
    """Let parameters take plain values without pydantic, which recent typers import and set up for each of them.

    It takes longer than a question. What is not plain, wrong values first of all, goes to typer as before.
    """
    for parameter in parameters:
        if hasattr(parameter, "type_descriptor") and "process_value" not in vars(parameter):
            parameter.process_value = partial(_process, parameter, parameter.process_value)


def _process(parameter: Any, typers: Callable[[Any, Any], Any], ctx: Any, value: Any) -> Any:
    try:
        plain = plain_value(parameter, value)
    except (_Unclear, AttributeError):  # the latter where a typer names its things otherwise
        return typers(ctx, value)
    return plain if parameter.callback is None else parameter.callback(ctx, parameter, plain)


def plain_value(parameter: Any, value: Any) -> Any:
    """What typer makes of a value that is nothing special.

    Raises:
        _Unclear: it may be.
    """
    several = parameter.multiple or parameter.nargs == -1
    if value is None or (several and value in ((), [])):
        if parameter.required:
            raise _Unclear
        return list(value) if value is not None else () if several else None
    kind, about = parameter.type_descriptor.annotation, parameter.type_descriptor.parameter_info
    if about.parser is not None or about.clamp:
        raise _Unclear
    if get_origin(kind) is list and isinstance(value, list | tuple):
        return [_plain(item, get_args(kind)[0], about) for item in value]
    return _plain(value, kind, about)


def _plain(value: Any, kind: Any, about: Any) -> Any:
    is_text = type(value) is str
    if type(value) is kind and kind in (str, bool):
        return value
    if kind in (int, float):
        if is_text and _PLAIN_NUMBER[kind].fullmatch(value):
            value = kind(value)
        if (
            type(value) in (int, kind)
            and (about.min is None or value >= about.min)
            and (about.max is None or value <= about.max)
        ):
            return kind(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        found = [choice for choice in kind if choice is value or (is_text and str(choice.value) == value)]
        if len(found) == 1:
            return found[0]
    if kind is Path and is_text and not (about.allow_dash or about.resolve_path or about.path_type):
        path = Path(value)
        checked = about.exists or about.writable or not (about.file_okay and about.dir_okay)
        try:
            os.fsencode(value)
        except UnicodeEncodeError:
            raise typer.BadParameter(f"{value!r} is no name that a file can have") from None
        if not checked and "\0" not in value and (os.access(path, os.R_OK) or not os.path.lexists(path)):
            return path
    raise _Unclear
