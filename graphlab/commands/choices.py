"""Wrong choices of options told as every unknown name is: with the nearest one, or all of them."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand

from ingest.schema.errors import did_you_mean

_NOT_ONE_OF = re.compile(r"^(?:Value error, )?'(?P<found>.*)' is not one of (?P<known>'.*')\.?$", re.DOTALL)


class Verb(TyperCommand):
    """A command whose options say what was meant; the exit code stays that of wrong usage, 2."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            # The class of the error has another home from one typer to the next, its message has not.
            found = _NOT_ONE_OF.match(str(getattr(error, "message", "")))
            if found is not None:
                known = re.findall(r"'([^']*)'", found["known"])
                told = f"unknown choice {found['found']!r}{did_you_mean(found['found'], known)}"
                error.message = told  # type: ignore[attr-defined]
            raise
