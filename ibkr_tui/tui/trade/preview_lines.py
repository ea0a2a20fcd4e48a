"""The preview of an order as lines to read before it is sent. Pure."""

from __future__ import annotations

from textual.content import Content

from ibkr_tui.model.orders import OrderPreview, OrderType
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures

OLD_QUOTE_S = 5.0


def preview_lines(preview: OrderPreview) -> list[Content]:
    """Value, commission, margin, leverage before and after, distance to the market, quote age, warnings; of one that
    would be refused only the reasons, and what to do."""
    if preview.refused_by:
        return _refused(preview)
    value = f"{figures.number(preview.value)} {clean(preview.currency, limit=5)}"
    commission = clean(preview.commission, limit=24) or figures.UNKNOWN
    lines = [
        _pair("Value", value, "Commission", commission),
        _pair("Margin", _margin(preview), "Lev+orders", _leverage(preview)),
    ]
    market = _market(preview)
    if market:
        lines.append(Content.assemble(*market))
    if preview.money_at_risk is not None:
        reward = f"  reward {figures.number(preview.reward, 0)}" if preview.reward is not None else ""
        lines.append(Content.assemble(("At risk    ", "$muted"), figures.number(preview.money_at_risk, 0), reward))
    lines += [Content.styled(f"! {clean(warning, limit=300)}", "$warn") for warning in preview.warnings]
    lines += [Content.styled(f"Will ask: {clean(question, limit=200)}", "$warn") for question in preview.questions]
    return lines


def _refused(preview: OrderPreview) -> list[Content]:
    """Each reason once, with its code and the way out."""
    lines: list[Content] = []
    for refusal in preview.refusals:
        reason = clean(refusal.reason, limit=300)
        lines.append(Content.styled(f"✗ {reason[:1].upper()}{reason[1:]} ({clean(refusal.code, limit=40)})", "$danger"))
        if refusal.user_action and not (refusal.code == "BAD_TICKET" and refusal.field):
            lines.append(Content.styled(f"  {clean(refusal.user_action, limit=300)}", "$muted"))
    if not preview.refusals:
        codes = " ".join(clean(code, limit=40) for code in preview.refused_by)
        lines.append(Content.styled(f"✗ It would be refused ({codes}).", "$danger"))
    return lines


def _pair(first: str, value: str | Content, second: str, other: str | Content) -> Content:
    shown = value if isinstance(value, Content) else Content(value)
    gap = " " * max(2, 26 - shown.cell_length)
    return Content.assemble(
        (figures.left(first, 11), "$muted"), shown, gap, (figures.left(second, 11), "$muted"), other
    )


def _margin(preview: OrderPreview) -> str:
    before, after = clean(preview.margin_before, limit=16), clean(preview.margin_after, limit=16)
    if not before and not after:
        return figures.UNKNOWN
    return f"{before or figures.UNKNOWN} → {after or figures.UNKNOWN}"


def _leverage(preview: OrderPreview) -> Content:
    before, after = preview.leverage_before, preview.leverage_after
    near = after is not None and after > preview.leverage_cap * 8 / 10
    return Content.assemble(
        f"{figures.number(before)} → ",
        (figures.number(after), "bold $warn" if near else "bold"),
        (f" / {figures.number(preview.leverage_cap, 1)}", "$muted"),
    )


def _market(preview: OrderPreview) -> list[str | tuple[str, str]]:
    """Where the price stands against the market, and how old the quote is."""
    parts: list[str | tuple[str, str]] = []
    distance = preview.distance_pct
    if preview.order_type is OrderType.LIMIT and distance is not None:
        where = (
            "at"
            if distance == 0
            else f"{figures.percent(abs(distance)).lstrip('+')} {'above' if distance > 0 else 'below'}"
        )
        parts.append(f"The limit is {where} the market")
    elif preview.order_type is OrderType.MARKET:
        parts.append(f"At the market, about {figures.number(preview.price)}")
    if preview.quote_age_s is not None:
        old = preview.quote_age_s > OLD_QUOTE_S
        parts += [" · " if parts else "", (f"quote {preview.quote_age_s:.1f} s old", "$warn" if old else "$muted")]
    return parts
