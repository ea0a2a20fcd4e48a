"""Which servers may be talked to, as a table."""

from __future__ import annotations

import pytest

from ibkr_tui.core.hosts import is_loopback, url_problem


@pytest.mark.parametrize(
    "url",
    [
        "https://api.ibkr.com/v1/api",
        "https://1.api.ibkr.com/v1/api",
        "https://API.IBKR.COM/v1/api",
        "https://localhost:5000/v1/api",
        "http://localhost:5000/v1/api",
        "http://127.0.0.1:80/v1/api",
        "http://127.9.9.9/v1/api",
        "http://[::1]:5000/v1/api",
    ],
)
def test_may_be_used(url: str) -> None:
    assert url_problem(url, "http") == ""
    assert url_problem(url.replace("http", "ws", 1), "ws") == ""


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://api.ibkr.com/v1/api", "https://"),
        ("https://127.0.0.1.evil.example/v1/api", "host"),
        ("http://127.0.0.1.evil.example/v1/api", "https://"),
        ("https://localhost.evil.example/", "host"),
        ("http://localhost./v1/api", "https://"),
        ("https://localhost./v1/api", "host"),
        ("http://0.0.0.0:5000/v1/api", "https://"),
        ("https://0.0.0.0:5000/v1/api", "host"),
        ("https://127.1/v1/api", "host"),
        ("https://2130706433/v1/api", "host"),
        ("https://0x7f.0.0.1/v1/api", "host"),
        ("https://[::ffff:127.0.0.1]/v1/api", "host"),
        ("https://[::1%25lo]/v1/api", "host"),
        ("https://[::]/v1/api", "host"),
        ("https://169.254.169.254/v1/api", "host"),
        ("https://user@localhost/v1/api", "user"),
        ("https://user:word@api.ibkr.com/v1/api", "user"),
        ("https://@api.ibkr.com/v1/api", "user"),
        ("https://api.ibkr.com@evil.example/v1/api", "user"),
        ("https://evil.example/v1/api", "host"),
        ("https://api.ibkr.com.evil.example/v1/api", "host"),
        ("https://xapi.ibkr.com/v1/api", "host"),
        ("https://0.api.ibkr.com/v1/api", "host"),
        ("https://10.api.ibkr.com/v1/api", "host"),
        ("https://api.ibkr.com/v1/api?x=1", "query"),
        ("https://api.ibkr.com/v1/api#x", "fragment"),
        ("ftp://localhost/v1/api", "https://"),
        ("localhost:5000", "https://"),
        ("https://", "host"),
        ("https://localhost:0/", "host"),
        ("https://localhost:99999/", "not a URL"),
        ("https://[::1/", "not a URL"),
        ("https://api.ibkr.com/v1/api\n", "control"),
        ("https://api.ib\tkr.com/v1/api", "control"),
        ("https://аpi.ibkr.com/v1/api", "ASCII"),
        ("", "no spaces"),
    ],
)
def test_is_refused(url: str, why: str) -> None:
    assert why in url_problem(url, "http")


def test_each_protocol_has_its_own_scheme() -> None:
    assert "wss://" in url_problem("https://api.ibkr.com/ws", "ws")
    assert "https://" in url_problem("wss://api.ibkr.com/ws", "http")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("localhost.", False),
        ("Localhost", False),
        ("0.0.0.0", False),
        ("::ffff:127.0.0.1", False),
        ("::1%lo", False),
        ("128.0.0.1", False),
        ("", False),
        ("127.0.0.1.evil.example", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
