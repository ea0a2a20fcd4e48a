"""Says what pip-audit found: exits 1 for a known vulnerability, and says how much it could not look up.

Without a network, or on a registry that answers no question about vulnerabilities, nothing is known: that is said and
is no failure of the program.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def told(report: dict[str, Any]) -> tuple[int, list[str]]:
    """The exit status and the words for a report of pip-audit's."""
    packages = report.get("dependencies", [])
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    lines = []
    for package in packages:
        for known in package.get("vulns", []):
            fixed = ", ".join(known.get("fix_versions", [])) or "no version yet"
            lines.append(f"{package['name']} {package.get('version', '')}: {known['id']}, mended in {fixed}")
    looked = len(packages) - len(skipped)
    status = 1 if lines else 0
    lines.append(f"{looked} of {len(packages)} locked packages were looked up, known vulnerabilities: {len(lines)}")
    if skipped:
        lines.append(f"the registry here could not answer for {len(skipped)}: run this again where PyPI can be reached")
    return status, lines


def main(path: Path) -> int:
    """Print it; the exit status."""
    if not path.is_file() or not path.stat().st_size:
        print("no audit of known vulnerabilities: pip-audit could not be had or could not reach a registry")
        return 0
    status, lines = told(json.loads(path.read_text(encoding="utf-8")))
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
