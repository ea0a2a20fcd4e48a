"""The smallest Textual app that fills a screen: what the toolkit itself takes to start."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static


class BareApp(App[None]):
    """One widget."""

    def compose(self) -> ComposeResult:
        yield Static("\n".join(f"DEMO line {number}" for number in range(40)))


if __name__ == "__main__":
    BareApp().run()
