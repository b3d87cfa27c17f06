"""The certificate of the door: a client that is given it can check it, for this machine's names and no other."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest

from graphlab.web.neuprint.certificate import make_certificate


def test_a_client_can_check_it(tmp_path: Path) -> None:
    files = make_certificate(tmp_path, ["127.0.0.1", "::1", "localhost", "localhost"])
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    client = ssl.create_default_context(cafile=str(files.certificate))
    with socket.create_server(("127.0.0.1", 0)) as bound:

        def answer() -> None:
            for _ in range(3):
                made, _ = bound.accept()
                try:
                    with server.wrap_socket(made, server_side=True) as spoken:
                        spoken.sendall(b"hello")
                except OSError:
                    made.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        for name in ("127.0.0.1", "localhost"):
            with (
                socket.create_connection(bound.getsockname()) as made,
                client.wrap_socket(made, server_hostname=name) as spoken,
            ):
                assert spoken.recv(5) == b"hello"
        with socket.create_connection(bound.getsockname()) as made, pytest.raises(ssl.SSLCertVerificationError):
            client.wrap_socket(made, server_hostname="evil.example")
        thread.join(10)


def test_two_starts_have_two_keys(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = (make_certificate(tmp_path / name, ["localhost"]) for name in "ab")
    assert one.key.read_bytes() != other.key.read_bytes()
    with pytest.raises(FileExistsError):
        make_certificate(tmp_path / "a", ["localhost"])
