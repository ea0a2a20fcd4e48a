"""TLS (faults P14 to P16): whom to believe, old protocols, names that lead elsewhere, and the environment's wishes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ibkr_tui.core.web.tls import tls_context
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError

from .conftest import CountingSigner, response


def certificate(
    folder: Path, *, issuer: tuple[Path, Path] | None = None, names: tuple[str, ...] = (), days: int = 1
) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, or for these hosts instead, and its key; without an issuer it vouches for itself.

    It ends in so many days, or ended so many days ago.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"made for {folder.name}")])
    now = datetime.now(UTC)
    signer, by = (key, name) if issuer is None else _read(issuer)
    hosts: list[x509.GeneralName] = [x509.DNSName(host) for host in names]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(hosts or [x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    files = folder / "key.pem", folder / "certificate.pem"
    plain = serialization.NoEncryption()
    files[0].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    files[1].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return files


def _read(files: tuple[Path, Path]) -> tuple[ec.EllipticCurvePrivateKey, x509.Name]:
    key = serialization.load_pem_private_key(files[0].read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key, x509.load_pem_x509_certificate(files[1].read_bytes()).subject


@asynccontextmanager
async def secure_server(files: tuple[Path, Path], newest: ssl.TLSVersion | None = None) -> AsyncIterator[int]:
    """The port of a server with that certificate, that speaks no newer TLS than `newest`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[1], files[0])
    if newest is not None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, newest

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
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """An authority that is trusted here in the place of the world's."""
    files = certificate(tmp_path / "authority")
    monkeypatch.setattr("certifi.where", lambda: str(files[1]))
    return files


async def refused(port: int, host: str = "127.0.0.1") -> str:
    """Why a GET over TLS was refused; empty when it was answered."""
    transport = Transport(f"https://{host}:{port}/v1/api", CountingSigner(), SystemClock())
    try:
        await transport.get("/tickle", deadline=0.9)
    except BrokerError as error:
        return f"{error.code}: {error.message}"
    finally:
        await transport.aclose()
    return ""


async def test_whom_the_authority_vouches_for_is_trusted(authority: Any, tmp_path: Path) -> None:
    async with secure_server(certificate(tmp_path / "good", issuer=authority)) as port:
        assert await refused(port) == ""


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("fault", ["ended", "of another host", "of another authority", "its own", "TLS 1.1"])
async def test_a_server_that_is_not_the_one_it_should_be(authority: Any, tmp_path: Path, fault: str) -> None:
    """Fault P15: every one of them is refused, and nothing was asked."""
    issuer = {"of another authority": certificate(tmp_path / "other"), "its own": None}.get(fault, authority)
    names = ("api.ibkr.com",) if fault == "of another host" else ()
    files = certificate(tmp_path / "served", issuer=issuer, names=names, days=-1 if fault == "ended" else 1)
    newest = ssl.TLSVersion.TLSv1_1 if fault == "TLS 1.1" else None
    async with secure_server(files, newest) as port:
        assert (await refused(port)).startswith("IBKR_UNAVAILABLE")


async def test_a_name_that_leads_elsewhere_fails_closed(
    authority: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault P14: the name server answers for IBKR's host with this machine; its certificate is not IBKR's."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def lead_here(host: Any, port: Any, *more: Any, **options: Any) -> Any:
        asked.append(str(host))
        return real("127.0.0.1", port, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lead_here)
    async with secure_server(certificate(tmp_path / "served", issuer=authority)) as port:
        assert (await refused(port, "api.ibkr.com")).startswith("IBKR_UNAVAILABLE")
    async with secure_server(certificate(tmp_path / "right", issuer=authority, names=("api.ibkr.com",))) as port:
        assert await refused(port, "api.ibkr.com") == "", "it is the certificate that was wrong"
    assert "api.ibkr.com" in asked[0]


@pytest.fixture
async def secure_url(tmp_path: Path) -> AsyncIterator[str]:
    async with secure_server(certificate(tmp_path / "own")) as port:
        yield f"https://127.0.0.1:{port}/v1/api"


@pytest.mark.parametrize("verify", [True, False])
async def test_a_certificate_that_nobody_vouches_for(
    secure_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verify: bool
) -> None:
    monkeypatch.setenv(
        "SSL_CERT_FILE", str(tmp_path / "own" / "certificate.pem")
    )  # the environment cannot vouch for it either
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
