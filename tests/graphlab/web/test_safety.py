"""Strangers at the door: other hosts, other sites, paths out of the folder, tokens, SQL that does more than read."""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from graphlab.graph import Graph
from graphlab.web import safety
from graphlab.web.safety import is_loopback, names_of
from graphlab.web.server import Opening
from graphlab.web.settings import Settings
from ingest.schema.errors import SchemaError

HERE = "/api/graphs/made"


def host_of(client: httpx.Client) -> str:
    return f"{client.base_url.host}:{client.base_url.port}"


def raw(client: httpx.Client, lines: str) -> str:
    """What the server says to bytes as they are: clients tidy paths and headers up."""
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=30) as made:
        made.sendall(lines.replace("\n", "\r\n").encode("latin-1"))
        got = b""
        while piece := made.recv(65_536):
            got += piece
    return got.decode("latin-1")


@pytest.mark.parametrize(
    "named", ["evil.example", "evil.example:PORT", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:PORT", ""]
)
def test_another_host_is_refused(client: httpx.Client, named: str) -> None:
    """DNS rebinding: a name of somebody else's that leads to this machine."""
    given = named.replace("PORT", str(client.base_url.port))
    answer = client.get("/api/server", headers={"Host": given})
    assert answer.status_code == 421
    assert "graphs" not in answer.json()


def test_no_host_or_two_are_refused(client: httpx.Client) -> None:
    port = client.base_url.port
    assert raw(client, "GET /api/server HTTP/1.0\n\n").split()[1] in ("400", "421")
    two = raw(client, f"GET /api/server HTTP/1.1\nHost: 127.0.0.1:{port}\nHost: evil.example\nConnection: close\n\n")
    assert two.split()[1] in ("400", "421")
    assert raw(client, f"GET /api/server HTTP/1.1\nHost: localhost:{port}\nConnection: close\n\n").split()[1] == "200"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
    ids=str,
)
def test_another_site_is_refused(client: httpx.Client, headers: dict[str, str]) -> None:
    for answer in (
        client.get("/api/server", headers=headers),
        client.post(f"{HERE}/query", json={"text": "SELECT 1"}, headers=headers),
    ):
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers


def test_a_link_to_the_page_opens_it(client: httpx.Client) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.get("/g/made", headers=headers).status_code == 200
    own = {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{host_of(client)}"}
    assert client.post(f"{HERE}/query", json={"text": "SELECT 1 AS a"}, headers=own).status_code == 200


def test_behind_a_proxy_with_tls(graph: Graph) -> None:
    """As docs/serve.md says it: browsers leave the usual port out, and their scheme is https."""
    hosts = names_of("0.0.0.0", 8642, ["lab.example:443"])
    guard = safety.Guard(_answers, hosts)

    def status(host: str, origin: str) -> int:
        return asyncio.run(_asked(guard, [("host", host), ("origin", origin)]))

    for host in ("lab.example", "Lab.Example:443"):
        assert status(host, "https://lab.example") == 200
    assert status("lab.example", "http://lab.example") == 403
    assert status("lab.example", "https://lab.example:444") == 403
    assert status("lab.example:80", "https://lab.example") == 421
    assert status("0.0.0.0:8642", "https://evil.example") == 403


async def _answers(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("asked")(scope, receive, send)


async def _asked(guard: safety.Guard, headers: list[tuple[str, str]]) -> int:
    """The status that a guard answers a question with."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    named = [(name.encode(), value.encode()) for name, value in headers]
    await guard({"type": "http", "method": "POST", "path": "/api/server", "headers": named}, receive, send)
    return int(sent[0]["status"])


def test_simple_forms_of_other_sites_cannot_ask(client: httpx.Client) -> None:
    """What a form can send without being asked first is no JSON."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        sent = client.post(f"{HERE}/query", content=b'{"text": "SELECT 1"}', headers={"Content-Type": kind})
        assert sent.status_code == 422, kind


def test_answers_bind_browsers(client: httpx.Client) -> None:
    for path in ("/", "/api/server", "/api/docs", "/api/nothing", HERE):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "http" not in policy.replace("http-equiv", "")
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
    assert client.get("/api/server").headers["cache-control"] == "no-store"


@pytest.fixture(scope="module")
def built(graph: Graph, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server with a page, beside which a secret lies."""
    folder = tmp_path_factory.mktemp("page")
    page = folder / "static"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("the page")
    (page / "assets" / "a.js").write_text("code")
    (folder / "secret.txt").write_text("the secret")
    (page / "link.txt").symlink_to(folder / "secret.txt")
    with serve({"made": graph}, static=page) as client:
        yield client


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/assets/../../secret.txt",
     "/assets/%2e%2e%2f%2e%2e%2fsecret.txt", "//etc/passwd", "/assets//etc/passwd", "/..\\secret.txt",
     "/link.txt", "/%00secret.txt"],
)  # fmt: skip
def test_no_path_leads_out_of_the_page(built: httpx.Client, path: str) -> None:
    assert built.get("/assets/a.js").text == "code"
    assert built.get("/assets/of-another-version.js").status_code == 404
    assert built.get("/g/made/neuron/1").text == "the page"
    got = raw(built, f"GET {path} HTTP/1.1\nHost: {host_of(built)}\nConnection: close\n\n")
    assert "the secret" not in got
    assert "root:" not in got
    assert got.split()[1] in ("200", "400", "404")


def test_tokens(graph: Graph, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    token, compared = "right-token-of-24-letters", []
    real = hmac.compare_digest
    monkeypatch.setattr(safety.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or real(a, b))
    with serve({"made": graph}, token=token) as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {token}"},
                        {"Authorization": "Bearer é"}, {"Cookie": "graphlab_token=wrong"}):  # fmt: skip
            for path in ("/", "/api/server", f"/api/server?token={token}"):
                answer = client.get(path, headers=[(k, v.encode()) for k, v in headers.items()])
                assert answer.status_code == 401, (headers, path)
                assert token not in answer.text
        assert client.get("/api/server", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert client.get("/?token=wrong").status_code == 401
        asked = f"GET //evil.example/x?token={token}&a=b HTTP/1.1"
        away = raw(client, f"{asked}\nHost: {host_of(client)}\nConnection: close\n\n")
        assert "location: /evil.example/x?a=b\r\n" in away
        entered = client.get(f"/g/made?token={token}&a=b")
        assert entered.status_code == 303
        assert entered.headers["location"] == "/g/made?a=b"
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert client.get("/api/server").status_code == 200  # by the cookie
        deep = client.get(f"/g/made/type/a%3Fb%23c?token={token}")
        assert deep.headers["location"] == "/g/made/type/a%3Fb%23c", "a name keeps its signs"
    # Compared in a time that says nothing of how much of it was right.
    assert {right for _, right in compared} == {token.encode()}


def test_a_token_may_have_signs(graph: Graph, serve: Any) -> None:
    token = 'a+b/c=d;e"f&g%20'
    with serve({"made": graph}, token=token) as client:
        opened = client.get(Opening(("made",), str(client.base_url.host), client.base_url.port, token).url)
        assert opened.status_code == 303
        assert client.get("/api/server").status_code == 200  # by the cookie


FORBIDDEN = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "COPY neurons TO '/tmp/out.csv'",
    "ATTACH '/tmp/other.db' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '1TB'",
    "PRAGMA database_list",
    "CREATE TABLE t AS SELECT 1",
    "CREATE TEMP TABLE t AS SELECT 1",
    "DROP TABLE neurons",
    "DELETE FROM neurons",
    "UPDATE neurons SET name = 'x'",
    "INSERT INTO neurons (root_id) VALUES (99)",
    "EXPORT DATABASE '/tmp/out'",
    "CALL pragma_version()",
    "SELECT getenv('HOME')",
    "SELECT current_setting('memory_limit')",
    "SELECT 1; DROP TABLE neurons",
    "BEGIN",
    "CHECKPOINT",
    "SELECT * FROM duckdb_settings()",
]


@pytest.mark.parametrize("text", FORBIDDEN)
def test_sql_reads_the_graph_alone(client: httpx.Client, graph: Graph, text: str) -> None:
    """Through every door that takes a text of SQL."""
    before = graph.info().data_version, len(graph.neurons())
    doors: list[tuple[str, dict[str, Any]]] = [
        ("query", {"text": text}),
        ("query", {"text": text, "language": "pgq", "explain": True}),
        ("query", {"text": text, "count": True}),
        ("motifs/pattern_count", {"pattern": text}),
    ]
    if text == FORBIDDEN[0]:
        doors.append(("motifs/pattern_significance", {"pattern": text, "samples": 2}))
    for door, words in doors:
        answer = client.post(f"{HERE}/{door}", json=words)
        assert 400 <= answer.status_code < 500, (door, answer.text)
        assert "root:" not in answer.text
    assert (graph.info().data_version, len(graph.neurons())) == before


@pytest.mark.parametrize(
    "who", ["'; DROP TABLE neurons; --", {"cell_type": "x' OR 1=1 --"}, {'a" = 1; --': 1}, {"name": ["' UNION SELECT"]}]
)
def test_words_are_values_and_never_sql(client: httpx.Client, graph: Graph, who: Any) -> None:
    answer = client.post(f"{HERE}/neurons", json={"who": who})
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert answer.json()["rows"] == 0
    assert len(graph.neurons()) == 12


def test_large_bodies_are_refused(graph: Graph, serve: Any) -> None:
    with serve({"made": graph}, Settings(body_mb=1)) as client:
        big = b'{"text": "' + b"x" * (1 << 20) + b'"}'
        told = client.post(f"{HERE}/query", content=big, headers={"Content-Type": "application/json"})
        assert told.status_code == 413
        pieces = client.post(
            f"{HERE}/query", content=(big[at : at + 65_536] for at in range(0, len(big), 65_536)),
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        assert pieces.status_code == 413


def test_names_of_hosts() -> None:
    assert names_of("127.0.0.1", 80) == {"127.0.0.1:80", "localhost:80", "[::1]:80"}
    assert names_of("10.0.0.5", 80, ["lab.example", "x.example:443"]) == {
        "10.0.0.5:80",
        "lab.example:80",
        "x.example:443",
    }
    assert "[fe80::1]:80" in names_of("127.0.0.1", 80, ["[fe80::1]"])
    for wrong in ("http://lab.example", "lab example", "läb.example", "fe80::1", "lab.example:x"):
        with pytest.raises(SchemaError, match="names no host"):
            names_of("127.0.0.1", 80, [wrong])
    assert [is_loopback(host) for host in ("localhost", "127.8.0.1", "::1", "[::1]", "0.0.0.0", "10.0.0.1", "lab")] == [
        True, True, True, True, False, False, False,
    ]  # fmt: skip
