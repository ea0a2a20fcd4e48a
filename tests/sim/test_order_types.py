"""Stops, trailing stops, midprice, orders at the opening: when they come to life, and at what price."""

from __future__ import annotations

from decimal import Decimal

import pytest

AAPL = 265598
KO = 8894
ES = 495512572
EUR = 12087792


def row_of(state, order_id):
    return next(row for row in state["orders"] if row["orderId"] == int(order_id))


@pytest.fixture
async def still(client):
    """A client whose AAPL stands at 190 until it is moved, and who is asked nothing about prices and sizes."""
    await client.control("market", {"conid": AAPL, "price": "190.00", "frozen": True})
    await client.control("orders", {"do": "precautions", "off": ["o403", "o163", "o383", "o451"]})
    return client


async def place(client, **ticket):
    return (await client.place(**ticket))[0]["order_id"]


async def move(client, price, conid=AAPL):
    await client.control("market", {"conid": conid, "price": price})
    return await client.state()


async def settled(client, order_id):
    """The order has reached the exchange: a later one of another contract, sent after it, has filled."""
    marker = await place(client, conid=KO)
    await client.wait_state(lambda state: row_of(state, marker)["status"] == "Filled")
    return row_of(await client.state(), order_id)


@pytest.mark.parametrize(("side", "stop", "beyond"), [("SELL", 188, "187.50"), ("BUY", 192, "192.50")])
async def test_a_stop_sleeps_until_the_market_reaches_it(still, side, stop, beyond):
    order_id = await place(still, side=side, orderType="STP", price=stop)
    row = await settled(still, order_id)
    assert (row["status"], row["filledQuantity"], row["orderType"]) == ("PreSubmitted", 0.0, "Stop")
    assert row["price"] == row["auxPrice"] == str(stop)
    row = row_of(await move(still, beyond), order_id)
    assert row["status"] == "Filled" and abs(Decimal(row["avgPrice"]) - Decimal(beyond)) < 1
    status = await still.get(f"/iserver/account/order/status/{order_id}")
    assert (status["order_type"], status["stop_price"]) == ("STOP", f"{stop}.00")


async def test_a_stop_limit_becomes_a_limit(still):
    order_id = await place(still, side="SELL", orderType="STOP_LIMIT", price=187.9, auxPrice=188)
    await settled(still, order_id)
    row = row_of(await move(still, "186.00"), order_id)
    assert (row["status"], row["filledQuantity"]) == ("Submitted", 0.0), "triggered, and the market is below its limit"
    row = row_of(await move(still, "188.50"), order_id)
    assert row["status"] == "Filled" and Decimal(row["avgPrice"]) >= Decimal("187.9")


async def test_a_trailing_stop_follows_and_never_goes_back(still):
    order_id = await place(still, side="SELL", orderType="TRAIL", price=188, trailingAmt=2, trailingType="amt")
    row = await settled(still, order_id)
    assert abs(Decimal(row["stop_price"]) - 188) < Decimal("0.1") and row["trailingAmount"] == "2"
    raised = Decimal(row_of(await move(still, "195.00"), order_id)["stop_price"])
    assert abs(raised - 193) < Decimal("0.1")
    assert Decimal(row_of(await move(still, "193.60"), order_id)["stop_price"]) == raised
    assert row_of(await move(still, "192.80"), order_id)["status"] == "Filled"


async def test_a_trailing_stop_in_percent_takes_its_first_stop_from_the_market(still):
    order_id = await place(still, side="BUY", orderType="TRAIL", trailingAmt=5, trailingType="%")
    row = await settled(still, order_id)
    assert abs(Decimal(row["stop_price"]) - Decimal("199.5")) < Decimal("0.1") and row["status"] == "PreSubmitted"
    lowered = Decimal(row_of(await move(still, "180.00"), order_id)["stop_price"])
    assert abs(lowered - 189) < Decimal("0.1")
    assert row_of(await move(still, "189.50"), order_id)["status"] == "Filled"


async def test_a_trailing_limit_keeps_its_limit_behind_its_stop(still):
    ticket = {"orderType": "TRAILLMT", "price": 187.5, "auxPrice": 188, "trailingAmt": 2, "trailingType": "amt"}
    order_id = await place(still, side="SELL", **ticket)
    await settled(still, order_id)
    row = row_of(await move(still, "196.00"), order_id)
    assert Decimal(row["stop_price"]) - Decimal(row["price"]) == Decimal("0.5") and Decimal(row["price"]) > 193
    assert row_of(await move(still, "190.00"), order_id)["status"] == "Submitted"


async def test_midprice_trades_between_the_quotes_and_not_beyond_its_cap(still):
    capped = await place(still, orderType="MIDPRICE", price=180)
    free = await place(still, orderType="MIDPRICE")
    await settled(still, free)
    state = await move(still, "190.00")
    assert row_of(state, capped)["filledQuantity"] == 0.0
    walk = still.running.sim.market.walks[AAPL]
    assert Decimal(row_of(state, free)["avgPrice"]) == walk.mark
    assert row_of(await move(still, "179.50"), capped)["status"] == "Filled"


async def test_an_order_for_the_opening_waits_for_the_next_one(client):
    await client.control("orders", {"do": "precautions", "off": ["o163"]})
    order_id = await place(client, tif="OPG")
    never = await place(client, tif="OPG", orderType="LMT", price=150)
    await settled(client, order_id)
    assert row_of(await client.state(), order_id)["status"] == "PreSubmitted"
    await client.control("clock", {"exchange_seconds": 4 * 24 * 3600})
    state = await client.wait_state(lambda state: row_of(state, order_id)["status"] == "Filled")
    row = row_of(state, never)
    assert row["status"] == "Cancelled" and "opening" in row["order_cancellation_by_system_reason"]


async def test_a_stop_rests_outside_regular_hours_unless_it_may_not(still):
    await still.control("clock", {"exchange_seconds": 7 * 3600})
    regular = await place(still, side="SELL", orderType="STP", price=188)
    around = await place(still, side="SELL", orderType="STP", price=188, outsideRTH=True)
    await still.control("market", {"conid": AAPL, "price": "187.00"})
    state = await still.wait_state(lambda state: row_of(state, around)["status"] == "Filled")
    assert row_of(state, regular)["status"] == "PreSubmitted"


async def test_a_future_counts_its_multiplier_and_costs_its_fee(client):
    await client.control("orders", {"do": "precautions", "off": ["o451"]})
    before = (await client.state())["accounts"][client.account]
    order_id = await place(client, conid=ES, quantity=1, side="SELL", manualIndicator=True, extOperator="desk")
    state = await client.wait_state(lambda state: row_of(state, order_id)["status"] == "Filled")
    execution = state["executions"][-1]
    assert execution["commission"] == "2.25"
    assert execution["net_amount"] == pytest.approx(float(execution["price"]) * 50)
    after = state["accounts"][client.account]
    assert str(ES) not in after["positions"], "the one that was held is sold"
    average = Decimal("4968.50")
    assert Decimal(after["cash"]["USD"]) - Decimal(before["cash"]["USD"]) == (
        (Decimal(execution["price"]) - average) * 50 - Decimal("2.25")
    )


async def test_a_currency_moves_two_cash_balances(client):
    before = (await client.state())["accounts"][client.account]["cash"]
    order_id = await place(client, conid=EUR, quantity=20_000, side="BUY")
    state = await client.wait_state(lambda state: row_of(state, order_id)["status"] == "Filled", 10)
    after, executions = state["accounts"][client.account]["cash"], state["executions"]
    paid = sum(Decimal(each["price"]) * Decimal(str(each["size"])) for each in executions)
    fees = sum(Decimal(each["commission"]) for each in executions)
    assert Decimal(after["EUR"]) - Decimal(before["EUR"]) == 20_000
    assert Decimal(before["USD"]) - Decimal(after["USD"]) == paid + fees


async def test_a_modified_stop_moves_and_sleeps_again(still):
    order_id = await place(still, side="SELL", orderType="STP", price=188, tif="GTC")
    await settled(still, order_id)
    ticket = {"conid": AAPL, "side": "SELL", "orderType": "STP", "tif": "GTC", "quantity": 1, "price": 185}
    await still.post(f"/iserver/account/{still.account}/order/{order_id}", ticket)
    assert (await settled(still, order_id))["stop_price"] == "185"
    assert row_of(await move(still, "187.00"), order_id)["status"] == "PreSubmitted"
    assert row_of(await move(still, "184.50"), order_id)["status"] == "Filled"
