"""What an execution costs."""

from __future__ import annotations

from decimal import Decimal

CENT = Decimal("0.01")


def commission_for(sec_type: str, quantity: Decimal, paid: Decimal) -> Decimal:
    """The fixed price list: 0.005 a share, at least 1.00; 0.65 an option; 2.25 a future; 0.2 bp on currency.

    ``paid`` is the sum of quantity times price, without the multiplier.
    """
    if sec_type == "OPT":
        amount = max(Decimal(1), quantity * Decimal("0.65"))
    elif sec_type == "FUT":
        amount = quantity * Decimal("2.25")
    elif sec_type == "CASH":
        amount = max(Decimal(2), paid * Decimal("0.00002"))
    else:
        amount = max(Decimal(1), quantity * Decimal("0.005"))
    return amount.quantize(CENT)
