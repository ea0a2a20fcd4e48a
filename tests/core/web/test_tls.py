"""TLS (faults P15 and P16): a certificate that nobody vouches for, old protocols, and the environment's wishes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ibkr_tui.core.web.tls import tls_context
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError

from .conftest import CountingSigner, response


def self_signed(folder: Path) -> Path:
    """A certificate for 127.0.0.1 and its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "both.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
async def secure_url(tmp_path: Path) -> AsyncIterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(response(b"{}"))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/api"


@pytest.mark.parametrize("verify", [True, False])
async def test_a_certificate_that_nobody_vouches_for(
    secure_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verify: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "both.pem"))  # the environment cannot vouch for it either
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    transport = Transport(secure_url, CountingSigner(), SystemClock(), verify=verify)
    if verify:
        with pytest.raises(BrokerError) as caught:
            await transport.get("/tickle")
        assert caught.value.code == "IBKR_UNAVAILABLE"
    else:
        assert (await transport.get("/tickle")).status == 200
    await transport.aclose()
    assert not (tmp_path / "keys.log").exists()


def test_what_is_checked() -> None:
    checked = tls_context(verify=True)
    assert checked.check_hostname
    assert checked.verify_mode is ssl.CERT_REQUIRED
    assert checked.minimum_version is ssl.TLSVersion.TLSv1_2
    assert checked.cert_store_stats()["x509_ca"] > 50
    assert tls_context(verify=False).minimum_version is ssl.TLSVersion.TLSv1_2
