"""A certificate made at start: neuprint-python speaks https alone, also to this machine.

Tests: tests/graphlab/web/neuprint/test_certificate.py.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ingest.schema.errors import MissingExtraError

DAYS = 397
"""What browsers and clients still take."""


@dataclass(frozen=True)
class Certificate:
    """Files of a certificate and of its key."""

    certificate: Path
    key: Path


def make_certificate(folder: Path, names: Iterable[str]) -> Certificate:
    """A new key, which only its owner can read, and a certificate that it signs itself.

    Args:
        names: hosts and addresses that the certificate is of.

    Raises:
        MissingExtraError: cryptography is not installed.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ImportError:
        raise MissingExtraError("cryptography", "web") from None
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "graphlab serve")])
    listed: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            listed.append(x509.IPAddress(ipaddress.ip_address(name.strip("[]"))))
        except ValueError:
            listed.append(x509.DNSName(name))
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(own)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks of other machines
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(listed), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = Certificate(folder / "certificate.pem", folder / "key.pem")
    files.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(files.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
    return files
