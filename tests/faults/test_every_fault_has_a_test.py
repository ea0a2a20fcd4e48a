"""Every fault of the catalogue is provoked by a test that exists, or is excused by name; six at most are."""

from __future__ import annotations

import ast
import functools
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
MOST_EXCUSED = 6
HOW_MANY = {"R": 40, "O": 16, "W": 16, "F": 21, "P": 16, "U": 12}
EVERY = {f"{letter}{number}" for letter, count in HOW_MANY.items() for number in range(1, count + 1)}


@functools.cache
def functions_of(path: Path) -> frozenset[str]:
    """The test functions of a file, without importing it."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.parse(path.read_text()).body if isinstance(node, functions))


def test_every_fault_has_a_test_or_an_excuse() -> None:
    catalogue = tomllib.loads((HERE / "catalogue.toml").read_text())
    excused = catalogue.pop("excused")
    assert len(excused) <= MOST_EXCUSED and all(len(reason) > 20 for reason in excused.values())
    assert set(catalogue) | set(excused) == EVERY
    assert not set(catalogue) & set(excused)
    missing = []
    for fault, (what, *names) in catalogue.items():
        assert what and names, fault
        for name in names:
            file, _, function = name.partition("::")
            path = HERE.parent / file
            if not path.is_file() or function not in functions_of(path):
                missing.append(f"{fault}: {name}")
    assert missing == []
