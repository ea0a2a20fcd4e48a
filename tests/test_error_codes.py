"""Every code of the catalogue is raised by the program and reached by a test, and none is raised that is not in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ibkr_tui.model.errors import CATALOGUE, BrokerError

ROOT = Path(__file__).parents[1]
HOME = ROOT / "ibkr_tui" / "model" / "errors.py"
CODE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")


def sources(room: str, *without: Path) -> Iterator[str]:
    """The files of a room, as text."""
    return (path.read_text() for path in sorted((ROOT / room).rglob("*.py")) if path not in without)


@cache
def trees() -> list[ast.Module]:
    """The parsed files of the package that may raise an error: those that name one, or a code."""
    naming = re.compile("BrokerError|" + "|".join(f'"{code}"' for code in CATALOGUE))
    return [ast.parse(source) for source in sources("ibkr_tui", HOME) if naming.search(source)]


def texts(nodes: list[ast.expr]) -> Iterator[str]:
    """The texts among `nodes`, those of a choice between two included."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.IfExp):
            yield from texts([node.body, node.orelse])


@cache
def raised() -> frozenset[str]:
    """The texts that a call is given, or that a variable called `code` becomes: how an error comes by its code."""
    found: set[str] = set()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                found |= set(texts([*node.args, *(word.value for word in node.keywords)]))
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                found |= set(texts([node.value]))
                if isinstance(node.value, ast.Tuple):
                    found |= set(texts(node.value.elts))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found |= set(texts([default for default in node.args.defaults if default is not None]))
    return frozenset(found)


@cache
def named_by_tests() -> frozenset[str]:
    """Every word in capitals that a test has: a code stands alone, in a message, or in a list of what is expected."""
    return frozenset(word for source in sources("tests", Path(__file__)) for word in CODE.findall(source))


def test_every_code_is_raised() -> None:
    assert set(CATALOGUE) - raised() == set(), "nothing raises these: take them out of the catalogue"


def test_every_code_is_reached() -> None:
    assert set(CATALOGUE) - named_by_tests() == set(), "no test reaches these"


def test_every_code_says_what_to_do() -> None:
    for code, kind in CATALOGUE.items():
        assert CODE.fullmatch(code)
        assert kind.user_action.endswith(".") and kind.user_action[0].isupper() and len(kind.user_action) > 20, code
        problem = BrokerError(code, "what happened").problem()
        assert (problem.code, problem.retryable, problem.user_action) == (code, kind.retryable, kind.user_action)


def test_no_code_is_raised_that_is_not_in_the_catalogue() -> None:
    unknown: set[str] = set()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "BrokerError":
                unknown |= set(texts(node.args[:1])) - set(CATALOGUE)
    assert not unknown


def test_the_required_codes_that_can_be_reached_by_now() -> None:
    """Those of orders in groups and of key rotation come with what raises them."""
    required = {
        "IBKR_KEY_NOT_FOUND", "IBKR_KEY_INVALID", "IBKR_CONSUMER_REVOKED", "IBKR_ACCESS_TOKEN_EXPIRED",
        "IBKR_SESSION_MINT_FAILED", "IBKR_AUTH_FAILED", "IBKR_RATE_LIMITED", "IBKR_MAINTENANCE",
        "IBKR_ACCOUNT_NOT_FOUND", "IBKR_NO_MARKET_DATA_SUBSCRIPTION", "IBKR_ORDER_REJECTED_WARNING",
        "IBKR_WS_SUB_LIMIT", "IBKR_TICK_TIMEOUT",
    }  # fmt: skip
    assert required <= set(CATALOGUE)
    retryable = {code for code in required if CATALOGUE[code].retryable}
    assert retryable == {
        "IBKR_SESSION_MINT_FAILED", "IBKR_AUTH_FAILED", "IBKR_RATE_LIMITED", "IBKR_MAINTENANCE", "IBKR_TICK_TIMEOUT",
    }  # fmt: skip
