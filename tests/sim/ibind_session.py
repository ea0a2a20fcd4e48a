"""A whole session of ibind 0.2.2, unmodified, against a simulator; run as a program of its own.

It is given the path of ``credentials.json`` and the two URLs, and prints one JSON document of what it saw. For a
gateway the account stands in the place of the path: nothing else is needed there.
"""

from __future__ import annotations

import json
import queue
import sys
import time
from pathlib import Path

from ibind import EventSink, IbkrClient, IbkrWsClient, OrderRequest, QuestionType
from ibind.ibkr_ws.ibkr_subscriptions import MarketDataSubscription
from ibind.oauth.oauth1a import OAuth1aConfig


class Sink(EventSink):
    """Collects market data events."""

    def __init__(self):
        self.events = queue.Queue()

    def emit(self, event):
        self.events.put(event)


def main(given, rest_url, ws_url):
    seen = {}
    if given.endswith(".json"):
        client, socket = with_oauth(json.loads(Path(given).read_text()), rest_url, ws_url)
    else:
        client, socket = with_gateway(given, rest_url, ws_url)
    account = client.account_id
    seen["accounts"] = client.receive_brokerage_accounts().data["accounts"]
    seen["portfolio_accounts"] = [row["id"] for row in client.portfolio_accounts().data]
    client.positions()
    seen["positions"] = {row["conid"]: row["position"] for row in client.positions().data}
    seen["ledger"] = sorted(client.get_ledger().data)
    seen["net_liquidation"] = client.portfolio_summary().data["netliquidation"]["amount"]
    conid = client.stock_conid_by_symbol("AAPL").data["AAPL"]
    seen["conid"] = conid
    seen["quotes"] = stream(socket, conid)
    trade(client, conid, account, seen)
    client.close()
    print(json.dumps(seen))  # noqa: T201 - the program's answer


def with_oauth(given, rest_url, ws_url):
    """Clients that sign."""
    config = OAuth1aConfig(
        oauth_rest_url=rest_url + "/",
        access_token=given["access_token"],
        access_token_secret=given["access_token_secret"],
        consumer_key=given["consumer_key"],
        dh_prime=given["dh_prime"],
        dh_generator=str(given["dh_generator"]),
        encryption_key_fp=given["encryption_key_path"],
        signature_key_fp=given["signature_key_path"],
        realm=given["realm"],
    )
    account = given["account_id"]
    client = IbkrClient(account_id=account, use_oauth=True, oauth_config=config)
    token = given["access_token"]
    return client, lambda sink: IbkrWsClient(
        account_id=account, url=ws_url, ibkr_client=client, use_oauth=True, access_token=token, sink=sink
    )


def with_gateway(account, rest_url, ws_url):
    """Clients of a gateway where a person has logged in; its certificate is its own."""
    client = IbkrClient(account_id=account, url=rest_url + "/", cacert=False)
    return client, lambda sink: IbkrWsClient(
        account_id=account, url=ws_url, ibkr_client=client, cacert=False, sink=sink
    )


def stream(make_socket, conid):
    """The first quotes of an instrument over ibind's WebSocket client."""
    sink = Sink()
    socket = make_socket(sink)
    socket.start()
    handle = socket.subscribe(MarketDataSubscription(conid=str(conid), fields=["31", "84", "86"]))
    assert handle.wait(10), "no confirmation of the subscription"
    found = []
    deadline = time.monotonic() + 10
    while len(found) < 2 and time.monotonic() < deadline:
        event = sink.events.get(timeout=10)
        if type(event).__name__ == "MarketData":
            found.append(event.data)
    socket.unsubscribe(MarketDataSubscription(conid=str(conid), fields=["31", "84", "86"]))
    socket.shutdown()
    return found


def trade(client, conid, account, seen):
    """A limit order far away, seen and cancelled; one share at market, seen filled."""
    client.live_orders()
    far = OrderRequest(
        conid=conid, side="BUY", quantity=10, order_type="LMT", acct_id=account, price=150.0, coid="far-away", tif="DAY"
    )
    placed = client.place_order(far, {QuestionType.PRICE_PERCENTAGE_CONSTRAINT: True}).data
    seen["live"] = wait_for(client, placed["order_id"], "Submitted")
    seen["cancel"] = client.cancel_order(placed["order_id"], account).data["msg"]
    seen["cancelled"] = wait_for(client, placed["order_id"], "Cancelled")
    share = OrderRequest(conid=conid, side="BUY", quantity=1, order_type="MKT", acct_id=account, coid="one", tif="DAY")
    bought = client.place_order(share, {}).data
    seen["filled"] = wait_for(client, bought["order_id"], "Filled")
    client.trades()
    seen["trades"] = client.trades().data
    seen["position_after"] = client.position_and_contract_info(str(conid)).data[account][0]["position"]


def wait_for(client, order_id, status):
    """The order's row when it has that status."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        row = next((row for row in client.live_orders().data["orders"] if str(row["orderId"]) == str(order_id)), None)
        if row and row["status"] == status:
            return {"status": row["status"], "order_ref": row["order_ref"], "fills": row["sizeAndFills"]}
        time.sleep(0.05)
    raise AssertionError(f"order {order_id} never was {status}")


if __name__ == "__main__":
    main(*sys.argv[1:])
