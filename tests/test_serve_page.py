"""The page of the server is true: its limits, its options, its example."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from graphlab.cli import app
from graphlab.web.settings import Settings

PAGE = (Path(__file__).parent.parent / "docs" / "serve.md").read_text(encoding="utf-8")


def test_every_limit_stands_there_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(--[a-z-]+)` \| ([^|]+) \|", PAGE, re.MULTILINE))
    shown = {one["option"]: one for one in Settings().shown()}
    assert rows.keys() == shown.keys()
    for option, one in shown.items():
        if option != "--memory":
            assert float(rows[option].split()[0].replace(",", "")) == one["value"], option


def test_every_option_can_be_typed() -> None:
    command = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE)) <= options
