"""An app in our roles' colours, on every terminal."""

from __future__ import annotations

from ibkr_tui.tui import themes
from ibkr_tui.tui.crash import FramesOnly


class ThemedApp(FramesOnly):
    """Every style sheet may name every role of `themes.ROLES`."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Every role has a colour, also in a theme of the toolkit's own."""
        return dict(themes.FALLBACK["variables"])

    def get_css_variables(self) -> dict[str, str]:
        """The theme's roles; on a terminal of sixteen colours the ones that can be told apart there."""
        variables = super().get_css_variables()
        if self.console.color_system == "standard" and self.current_theme.dark:
            variables |= themes.SIXTEEN
            self.theme_variables = variables
        return variables
