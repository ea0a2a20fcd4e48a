"""Finds raw strings given to widgets: an f-string or a sum of strings is text that nobody cleaned, read as markup.

A widget takes a `Content` or a `Text`, or a constant without brackets. `notify` says markup=False and takes a cleaned
text. Run it with the folders to look through; it prints each place and exits 1 when there is one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

WIDGETS = {"Static", "Label", "Option", "Button", "Link", "Collapsible", "Markdown", "Placeholder", "Digits"}
UPDATES = {"update", "add_option", "set_content", "set_label"}
TITLES = {"border_title", "border_subtitle", "tooltip", "placeholder", "label", "sub_title", "title"}
CLEANERS = {"clean", "clean_html", "sentence", "mask_accounts"}


def findings(source: str, name: str = "<text>") -> list[str]:
    """`place: what` for each raw string in a Python text."""
    return [f"{name}:{line}: {what}" for line, what in sorted(set(_Looker().look(ast.parse(source, name))))]


class _Looker:
    def look(self, tree: ast.Module) -> Iterator[tuple[int, str]]:
        for scope in (tree, *(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))):
            raw = _raw_names(scope)
            for node in _own(scope):
                if isinstance(node, ast.Call):
                    yield from self._call(node, raw)
                elif isinstance(node, ast.Assign):
                    for target in node.targets:
                        if isinstance(target, ast.Attribute) and target.attr in TITLES and _is_raw(node.value, raw):
                            yield node.lineno, f"{target.attr} is a raw string"

    def _call(self, call: ast.Call, raw: set[str]) -> Iterator[tuple[int, str]]:
        name = ast.unparse(call.func)
        last = name.rpartition(".")[2]
        first = call.args[0] if call.args else None
        words = {word.arg: word.value for word in call.keywords}
        if (last in WIDGETS or last in UPDATES) and first is not None and _is_raw(first, raw):
            yield call.lineno, f"{last}() is given a raw string"
        if last in WIDGETS:
            for key in ("content", "label", "renderable"):
                if key in words and _is_raw(words[key], raw):
                    yield call.lineno, f"{last}({key}=) is given a raw string"
        if last == "notify":
            if ast.unparse(words.get("markup", ast.Constant(True))) != "False":
                yield call.lineno, "notify() without markup=False"
            if first is not None and _is_raw(first, raw):
                yield call.lineno, "notify() is given a raw string"
        if last in {"from_markup", "render_markup"} and not (first is not None and isinstance(first, ast.Constant)):
            yield call.lineno, f"{last}() reads a text as markup"


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of functions in it."""
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield child
        yield from _own(child)


def _raw_names(scope: ast.AST) -> set[str]:
    """Local names that are given a raw string somewhere in the scope."""
    found: set[str] = set()
    for node in _own(scope):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if _is_raw(node.value, set()):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def _is_raw(node: ast.expr, names: set[str]) -> bool:
    """Whether an expression is a text that was put together, or has a bracket that would be read as markup."""
    raw = False
    match node:
        case ast.Constant(value=str(text)):
            raw = "[" in text
        case ast.JoinedStr(values=parts):
            raw = any(isinstance(part, ast.FormattedValue) and not _is_cleaned(part.value) for part in parts)
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            texts = any(isinstance(side, ast.JoinedStr) or _is_text(side) for side in (left, right))
            summed = texts and not (_is_harmless(left) and _is_harmless(right))
            raw = _is_raw(left, names) or _is_raw(right, names) or summed
        case ast.IfExp(body=body, orelse=other):
            raw = _is_raw(body, names) or _is_raw(other, names)
        case ast.BoolOp(values=values):
            raw = any(_is_raw(value, names) for value in values)
        case ast.Name(id=name):
            raw = name in names
        case ast.Call(func=ast.Name(id=name)):
            raw = name in {"str", "repr", "format"}
        case ast.Call(func=ast.Attribute(value=owner, attr="format" | "join")):
            raw = _is_text(owner)
    return raw


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_harmless(node: ast.expr) -> bool:
    return (_is_text(node) and not _is_raw(node, set())) or _is_cleaned(node)


def _is_cleaned(node: ast.expr) -> bool:
    """A cleaner's text, a number that is formatted, or a name in capitals: a constant of ours."""
    if isinstance(node, ast.Constant):
        return "[" not in str(node.value)
    if isinstance(node, ast.Name):
        return node.id.isupper()
    if isinstance(node, ast.IfExp):
        return _is_cleaned(node.body) and _is_cleaned(node.orelse)
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in CLEANERS | {"len", "plain"}


def main(folders: list[str]) -> int:
    """Look through the folders; the exit status."""
    found: list[str] = []
    for folder in folders:
        paths = sorted(Path(folder).rglob("*.py")) if Path(folder).is_dir() else [Path(folder)]
        for path in paths:
            found += findings(path.read_text(encoding="utf-8"), str(path))
    print("\n".join(found) if found else "no widget is given a raw string")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["ibkr_tui/tui"]))
