"""A client we did not write: ibind 0.2.2 from PyPI, unmodified, given only ``credentials.json``, or a gateway's URL.

Both run as processes of their own. These tests never skip: without ibind (with its OAuth extra) they fail.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def simulator(out, *options):
    """A simulator process and its ready line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ibkr_tui.sim", "--out", str(out), *options],
        text=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
    )
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(timeout=10)
    assert process.returncode == 143


def session(given, ready, tmp_path):
    """What ibind sees in its whole session."""
    assert version("ibind") == "0.2.2"
    result = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("ibind_session.py")), given, ready["rest_url"], ready["ws_url"]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={
            **os.environ,
            "IBIND_LOG_TO_FILE": "false",
            "IBIND_LOG_TO_CONSOLE": "false",
            "IBIND_LOGS_DIR": str(tmp_path),
            "PYTHONWARNINGS": "ignore",
        },
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout.splitlines()[-1])


def check(seen):
    """It read, streamed, placed, cancelled and filled."""
    assert seen["accounts"] == seen["portfolio_accounts"] == ["DU1234567"]
    assert seen["ledger"] == ["BASE", "EUR", "USD"] and 900_000 < seen["net_liquidation"] < 1_100_000
    assert seen["conid"] == 265598 and seen["positions"]["265598"] == 400.0 and len(seen["positions"]) == 8
    first, second = seen["quotes"]
    assert 100 < float(first["last_price"]) < 300 and float(first["bid_price"]) < float(first["ask_price"])
    assert set(second) < set(first) | {"last_price", "bid_price", "ask_price"}
    assert seen["live"] == {"status": "Submitted", "order_ref": "far-away", "fills": "0/10"}
    assert seen["cancel"] == "Request was submitted" and seen["cancelled"]["status"] == "Cancelled"
    assert seen["filled"] == {"status": "Filled", "order_ref": "one", "fills": "1"}
    assert [trade["order_ref"] for trade in seen["trades"]] == ["one"] and seen["position_after"] == 401.0


def test_ibind_logs_in_reads_streams_and_trades(tmp_path):
    with simulator(tmp_path / "sim") as ready:
        check(session(ready["credentials"], ready, tmp_path))
        state = httpx.get(ready["control_url"] + "/state").json()
    assert state["mints"] == 1 and state["logins"] == 1 and state["ws"]["connections"] == 1
    assert state["dialects"]["query-omitted"] >= 2, "ibind leaves the query out of what it signs"


def test_ibind_does_the_same_at_a_gateway(tmp_path):
    with (
        simulator(tmp_path / "sim", "--gateway", "--tls") as ready,
        httpx.Client(verify=False) as browser,  # noqa: S501 - the gateway's certificate is its own
    ):
        page = browser.post(ready["login_url"] + "/sso/Login", data={"user": "simpaper"})
        assert "Client login succeeds" in page.text
        check(session("DU1234567", ready, tmp_path))
        state = browser.get(ready["control_url"] + "/state").json()
    assert state["mints"] == 0 and state["logins"] == 1 and state["ws"]["connections"] == 1
