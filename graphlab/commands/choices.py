"""How the command line reads and lists commands: help in sections, and the nearest name for an unknown one."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

from ingest.schema.errors import did_you_mean

_NOT_ONE_OF = re.compile(r"^(?:Value error, )?'(?P<found>.*)' is not one of (?P<known>'.*')\.?$", re.DOTALL)


class Verb(TyperCommand):
    """A command whose options say what was meant; the exit code stays that of wrong usage, 2."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
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
    """Commands listed under the headings that they were registered with, each with its whole first sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                heading = getattr(command, "rich_help_panel", None) or "Commands"
                summary = (command.help or "").split("\n\n")[0].replace("\n", " ").strip()
                sections.setdefault(str(heading), []).append((name, summary))
        for heading, rows in sections.items():
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
