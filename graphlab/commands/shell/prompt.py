"""The prompt: lines with history and completion, Ctrl-C for the question, Ctrl-D for the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from graphlab.commands.shell.session import Quit, Session
from graphlab.commands.terminal import short
from ingest.schema.errors import GraphlabError, InterruptedRun

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

HISTORY = "GRAPHLAB_HISTORY"
"""Environment variable: the file of questions asked before; nothing is kept where it is empty."""
PROMPT, MORE = "graphlab> ", "      ... "


def run_shell(session: Session) -> None:
    """Ask and answer until the end of input; an error or Ctrl-C ends a question, never the session."""
    for text in _typed(session) if sys.stdin.isatty() else _piped():
        try:
            session.respond(text)
        except Quit:
            return
        except InterruptedRun as stopped:
            typer.echo(str(stopped), err=True)
        except GraphlabError as error:
            typer.echo(short(f"error: {error}"), err=True)
        except BaseException as error:
            from graphlab.store.database import was_interrupted

            if not was_interrupted(error):
                raise
            typer.echo("stopped; the session goes on", err=True)


def is_whole(text: str) -> bool:
    """Whether Enter sends the text: it is a command of one line, ends with ``;``, or its last line is empty."""
    lines = text.split("\n")
    return (
        not text.strip()
        or text.rstrip().endswith(";")
        or (len(lines) == 1 and text.lstrip().startswith(".") and not text.lstrip().startswith((".count", ".explain")))
        or (len(lines) > 1 and not lines[-1].strip())
    )


def _piped() -> Iterator[str]:
    """Questions from a pipe, as they would be typed."""
    lines: list[str] = []
    for line in sys.stdin:
        lines.append(line.rstrip("\n"))
        if is_whole("\n".join(lines)):
            yield "\n".join(lines)
            lines.clear()
    yield "\n".join(lines)


def _typed(session: Session) -> Iterator[str]:
    """Questions from a terminal."""
    prompt = _prompt(session)
    while True:
        try:
            yield prompt.prompt(PROMPT)
        except KeyboardInterrupt:  # at the prompt: begin the line again
            continue
        except EOFError:
            return


def _prompt(session: Session) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    from graphlab.commands.shell.completion import Words

    keys = KeyBindings()
    place = history_file()
    history: History = FileHistory(place) if place else InMemoryHistory()
    prompt: PromptSession[str] = PromptSession(
        history=history,
        completer=Words(session),
        complete_in_thread=False,
        complete_while_typing=True,
        auto_suggest=AutoSuggestFromHistory(),
        multiline=True,
        prompt_continuation=MORE,
        key_bindings=keys,
    )

    @keys.add("enter", filter=Condition(lambda: is_whole(prompt.default_buffer.text)))
    def send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return prompt


def history_file() -> Path | None:
    """Where questions are kept, a file that only its owner reads; None where none may be kept."""
    named = os.environ.get(HISTORY)
    if named == "":
        return None
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    place = Path(named or f"{state}/graphlab/history").expanduser()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(place, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
    except OSError as error:
        typer.echo(f"note: questions are not kept: {place}: {error.strerror}", err=True)
        return None
    return place
