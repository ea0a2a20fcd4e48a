"""The lint that finds raw strings given to widgets: what it must find, what it leaves alone, and our own screens."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def lint() -> ModuleType:
    spec = importlib.util.spec_from_file_location("raw_text", ROOT / ".ci" / "raw_text.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "code",
    [
        'Static("Hello " + name)',
        'Static("Hello %s" % name, markup=False)',
        'widgets.Label(f"{name} is here")',
        'Static(content=f"{name}")',
        'Static("Hello {}".format(name))',
        "Static(str(error))",
        'Static("\\n".join(lines))',
        'Label("press [b]")',
        'Option("a" if x else f"{name}")',
        'self.query_one("#says", Static).update(f"No: {error}")',
        'note.update(problem or f"{a}{b}")',
        'box.border_title = f"Alert on {symbol}"',
        'self.tooltip = "for " + name',
        'app.notify("done")',
        'app.notify(f"{name}", markup=False)',
        "Content.from_markup(words)",
        "Text.from_markup(f'[b]{words}')",
        'def show(self):\n    words = f"{a}"\n    if b:\n        words += "x"\n    self.says.update(words)',
        'async def show(self):\n    title = "x" + name\n    self.border_title = title',
    ],
)
def test_a_raw_string_is_found(lint: ModuleType, code: str) -> None:
    assert len(lint.findings(code)) == 1, code


@pytest.mark.parametrize(
    "code",
    [
        'Static("Hello")',
        'Static(Content(f"{name}"))',
        'Static(Content.assemble(("x", "bold"), clean(name)), markup=False)',
        'Static(id="says", markup=False)',
        'self.query_one("#says", Static).update(Content("\\n").join(lines))',
        "Label(clean(name))",
        'Static(f"{clean(name)} has {len(rows)}")',
        'Static("for " + clean(name, limit=10))',
        'box.border_title = Content(f"Alert on {symbol}")',
        "app.notify(clean(words), markup=False)",
        'rows.update({"a": f"{b}"})',
        "digest.update(value)",
        'def one(self):\n    words = f"{a}"\n    return words\ndef two(self, words):\n    self.says.update(words)',
        'log.info(f"{name}")',
    ],
)
def test_what_is_clean_or_no_widget_is_left_alone(lint: ModuleType, code: str) -> None:
    assert lint.findings(code) == []


def test_the_place_is_named_and_the_status_says_it(
    lint: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "good.py").write_text("x = 1\n")
    assert lint.main([str(tmp_path)]) == 0
    (tmp_path / "bad.py").write_text('x = 1\nStatic(f"{x}")\n')
    assert lint.main([str(tmp_path)]) == 1
    assert f"{tmp_path / 'bad.py'}:2: Static() is given a raw string" in capsys.readouterr().out


def test_no_screen_of_ours_gives_a_widget_a_raw_string(lint: ModuleType) -> None:
    assert lint.main([str(ROOT / "ibkr_tui" / "tui")]) == 0
