"""Where a live table is: ``cave://DATASTACK/TABLE?version=N``, ``neuprint://SERVER/DATASET``. Never who asks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from ingest.schema.errors import SchemaError, UnknownNameError

WRITTEN = {"cave": "cave://DATASTACK/TABLE?version=N", "neuprint": "neuprint://SERVER/DATASET:VERSION"}
WORDS = {"cave": ("version", "server", "page"), "neuprint": ("page",)}
"""What may stand behind the question mark."""
SECRETS = re.compile(r"token|auth|key|secret|password|credential|bearer|cookie", re.IGNORECASE)
OWN_PLACES = {
    "cave": "caveclient reads its own secret file (CAVEclient.setup_token writes it)",
    "neuprint": "neuprint-python reads the environment variable NEUPRINT_APPLICATION_CREDENTIALS",
}
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_START = re.compile(r"(cave|neuprint):/+", re.IGNORECASE)
"""One slash as well: ``pathlib`` takes the second one for nothing."""


@dataclass(frozen=True)
class LiveAddress:
    """A table of a server, in words that name no person."""

    scheme: str
    place: str
    """The datastack of CAVE; server (and port) of neuPrint."""
    table: str
    """A table of CAVE; the dataset of neuPrint, with its version."""
    version: int | None = None
    """Materialization of CAVE."""
    server: str | None = None
    """Of CAVE, where caveclient is not to take its own."""
    page: int | None = field(default=None, compare=False)
    """Rows that one request may bring; the same table whatever it is."""

    def __str__(self) -> str:
        said = {"version": self.version, "server": self.server}
        words = "&".join(f"{name}={value}" for name, value in said.items() if value is not None)
        return f"{self.scheme}://{self.place}/{self.table}{'?' if words else ''}{words}"


def is_live(source: object) -> bool:
    """Whether a source is an address of a live table, well written or not."""
    return isinstance(source, str | Path) and _START.match(str(source)) is not None


def source_label(source: Path) -> str:
    """How a source is called while it is read: the name of a file, an address without what does not belong there."""
    return str(parse_address(source)) if is_live(source) else source.name


def parse_address(source: object) -> LiveAddress:
    """The table that an address names.

    Raises:
        SchemaError: it holds credentials (which the message does not repeat), or is not written as it should be.
        UnknownNameError: another word behind the question mark.
    """
    text = str(source)
    scheme = text.partition(":")[0].lower()
    parts = urlsplit(f"{scheme}://{_START.sub('', text, count=1)}")
    said = parse_qsl(parts.query, keep_blank_values=True)
    if "@" in parts.netloc or parts.fragment or any(SECRETS.search(name) for name, _ in said):
        raise SchemaError(
            f"an address of {scheme}:// holds credentials or a fragment, which do not belong there: it would be kept "
            f"in histories and runs. {OWN_PLACES[scheme]}; leave them out, and renew what was written here"
        )
    for name, _ in said:
        if name not in WORDS[scheme]:
            raise UnknownNameError(f"word in an address of {scheme}://", name, WORDS[scheme])
    words = dict(said)
    if len(words) < len(said):
        raise SchemaError(f"an address of {scheme}:// says one word twice; wanted {WRITTEN[scheme]}")
    names = [unquote(name) for name in parts.path.split("/") if name]
    if not parts.netloc or len(names) != 1 or any(not name.isprintable() for name in names):
        raise SchemaError(f"{scheme}://{parts.netloc}{parts.path}: wanted {WRITTEN[scheme]}")
    server = _server(words["server"]) if "server" in words else None
    return LiveAddress(
        scheme, parts.netloc, names[0], _number(words, "version"), server, _number(words, "page", least=1)
    )


def _number(words: dict[str, str], name: str, least: int = 0) -> int | None:
    text = words.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
        raise SchemaError(f"{name}={text} in an address: wanted a whole number, like {name}=1300")
    return int(text)


def _server(text: str) -> str:
    """A server of CAVE as https; the token would be read on the way to any other machine."""
    named = re.match(r"(\w+):/+(?=[^/])", text)  # one slash, where pathlib took one away
    server = f"{named[1]}://{text[named.end() :]}" if named else f"https://{text}"
    parts = urlsplit(server)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not secure or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise SchemaError(
            f"server={parts.scheme}://{parts.hostname or ''}: wanted https and a name, like "
            "server=https://global.daf-apis.com"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
