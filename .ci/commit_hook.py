"""Bake the commit into what is built, so that `ibkr-tui --version` can say it where there is no checkout."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitHook(BuildHookInterface[Any]):
    """Adds `ibkr_tui/cli/commit.txt` to a wheel or source archive built in a checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by the builder before each target; an editable install reads the checkout itself."""
        if version == "editable":
            return
        place = Path(self.root) / "ibkr_tui" / "cli" / "version.py"
        spec = importlib.util.spec_from_file_location("version_of_checkout", place)
        if spec is None or spec.loader is None:
            return
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found = module.commit()
        if found != "unknown":
            self._folder = tempfile.TemporaryDirectory()
            baked = Path(self._folder.name) / "commit.txt"
            baked.write_text(found + "\n")
            build_data["force_include"][str(baked)] = "ibkr_tui/cli/commit.txt"
