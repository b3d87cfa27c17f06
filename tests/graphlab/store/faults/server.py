"""Runs graphlab commands in forked children, with a fault at a given file operation: imports are paid for once.

Started with ``faults.c`` preloaded. Reads one JSON request a line, answers one JSON line. A request names parts, each
done in its own child, and a part steps: ``run`` (a command line), ``look`` (what the graph holds). What a command
imports where its operations are counted is imported here, too, so that the children after it have it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import hashlib
import importlib
import io
import json
import os
import re
import shutil
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

KINDS = {"count": 0, "kill": 1, "io": 2, "full": 3, "interrupt": 4}
LIBRARY = ctypes.CDLL(None)
LIBRARY.faults_count.restype = ctypes.c_long
LIBRARY.faults_name.restype = ctypes.c_char_p
RANDOM = re.compile(r"[0-9a-f]{12}-[0-9a-f]{8}(?=\.)")
TIMES = {"runs": ("started", "seconds"), "embedding_files": ("file",), "recording_files": ("file",)}
"""Columns that differ from time to time."""
AGAIN = ("samples", "snapshots", "reports")
"""Folders of what is made again from the rest, and may be cut differently."""


def warm(modules: list[str]) -> None:
    """Import what commands import lazily; nothing is computed, so that no thread runs when a child is forked."""
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page


def learn(modules: list[str]) -> None:
    """Import what a child imported; what cannot be imported by its name alone stays with the children."""
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    gc.freeze()


def run(argv: list[str]) -> tuple[int, str]:
    """A command line as the shell would end it."""
    from graphlab import cli

    said = io.StringIO()
    sys.argv = ["graphlab", *argv]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        except BaseException:
            traceback.print_exc()
            code = 1
    return code, said.getvalue()


def look(graph: str) -> dict[str, Any]:
    """What the graph holds, told apart from when and by which random names; and the files that lie there."""
    from graphlab.store.folder import DATABASE, Folder

    root = Path(graph)
    files = sorted(path for path in root.rglob("*") if not path.is_dir())
    told = [
        RANDOM.sub("*", str(path.relative_to(root))) for path in files if path.relative_to(root).parts[0] != "samples"
    ]
    if not (root / DATABASE).exists():
        return {"content": "none", "files": told}
    digest = hashlib.sha256()
    folder = Folder.open(root, read_only=True)
    execute = folder.connection.execute
    tables = execute("SELECT schema_name || '.' || table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
    for (table,) in tables:
        columns = [
            row[0]
            for row in execute(f"DESCRIBE {table}").fetchall()
            if row[0] not in TIMES.get(table.removeprefix("main."), ())
        ]
        rows = execute(f"SELECT {', '.join(map(quoted, columns))} FROM {table} ORDER BY ALL").fetchall()
        digest.update(repr((table, columns, [row for row in rows if row[0] != "arriving"])).encode())
    named = "SELECT file FROM embedding_files UNION SELECT file FROM recording_files"
    stored = {row[0] for row in execute(named).fetchall()}
    digest.update(repr(sorted(hashed(root / name) for name in stored)).encode())
    # Opening finished what the last commit named.
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = path.relative_to(root)
        own = len(name.parts) > 1 and name.parts[0] not in AGAIN and not RANDOM.search(name.name)
        if own and not any(part.startswith(".") for part in name.parts):
            digest.update(f"{name} {hashed(path)}".encode())
    folder.close()
    return {"content": digest.hexdigest()[:16], "files": told}


def quoted(name: str) -> str:
    return f'"{name}"'


def hashed(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def act(step: dict[str, Any]) -> dict[str, Any]:
    if step["do"] == "look":
        return look(step["graph"])
    code, said = run(step["argv"])
    return {"code": code, "said": said}


def child(steps: list[dict[str, Any]], fault: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Steps in a fork; what they answer, how it ended, and how many file operations there were."""
    known = set(sys.modules)
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(read)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        answers: list[dict[str, Any]] = []
        try:
            if fault:
                place = os.path.realpath(steps[0]["graph"]).encode()
                LIBRARY.faults_arm(place, ctypes.c_long(fault["at"]), KINDS[fault["kind"]])
            answers = [act(step) for step in steps]
        except BaseException:
            answers.append({"code": -1, "said": traceback.format_exc()})
        finally:
            LIBRARY.faults_disarm()
            with os.fdopen(write, "w") as out:
                out.write(json.dumps([answers, [name for name in sys.modules if name not in known]]))
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as heard:
        text = heard.read()
    _, status = os.waitpid(process, 0)
    answers, imported = json.loads(text) if text else ([{}], [])
    if fault and fault["kind"] == "count":
        learn(imported)
    answers[-1]["killed"] = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if fault:
        answers[-1]["operations"] = int(LIBRARY.faults_count())
        answers[-1]["operation"] = LIBRARY.faults_name(ctypes.c_long(max(fault["at"], 1))).decode()
    return answers


def main() -> None:
    LIBRARY.faults_share()
    warm(json.loads(sys.argv[1]))
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "copy" in request:
            source, target = request["copy"]
            shutil.rmtree(target, ignore_errors=True)
            if Path(source).is_dir():
                shutil.copytree(source, target, symlinks=True)
        answers = [child(part["steps"], part.get("fault")) for part in request["parts"]]
        print(json.dumps(answers), flush=True)


main()
