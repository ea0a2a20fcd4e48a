"""What no file of the package may do, and what every process does first."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ibkr_tui"


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """Calls by dotted name, with their place; the simulator has its own ways."""
    last = {name.rpartition(".")[2] for name in names}
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text()
        if PACKAGE / "sim" in path.parents or not any(word in source for word in last):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                if called in last and ast.unparse(node.func) in names:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def keywords(call: ast.Call) -> dict[str | None, str]:
    return {word.arg: ast.unparse(word.value) for word in call.keywords}


def flags_of(place: str, call: ast.Call) -> str:
    """The flags of an `os.open`, those that were named a line before included."""
    said = ast.unparse(call.args[1])
    if said.isidentifier():
        source = ROOT / place.rpartition(":")[0]
        said = " ".join(line for line in source.read_text().splitlines() if f"{said} = " in line)
    return said


def test_no_file_is_made_through_a_link_or_for_others() -> None:
    made = [(place, call) for place, call in calls("os.open") if "O_CREAT" in flags_of(place, call)]
    assert len(made) > 8
    for place, call in made:
        assert "O_NOFOLLOW" in flags_of(place, call) or "O_EXCL" in flags_of(place, call), place
        mode = ast.unparse(call.args[2])
        assert mode in {"384", "PRIVATE", "FILE_MODE"}, f"{place}: {mode}"


def test_no_client_trusts_the_environment_or_follows_a_redirect() -> None:
    clients = [*calls("httpx.Client", "httpx.AsyncClient", "httpx.AsyncHTTPTransport", "httpx.HTTPTransport")]
    assert clients
    for place, call in clients:
        assert keywords(call).get("trust_env") == "False", place
        assert keywords(call).get("follow_redirects", "False") == "False", place
    for place, _ in calls("httpx.get", "httpx.post", "httpx.request", "httpx.stream", "urllib.request.urlopen"):
        raise AssertionError(place)
    for place, call in calls("_Connect", "connect", "websockets.connect"):
        if "additional_headers" in keywords(call):
            assert keywords(call).get("proxy") == "None", place


def test_no_shell_and_no_pickle() -> None:
    for place, call in calls("subprocess.run", "subprocess.Popen"):
        assert keywords(call).get("shell", "False") == "False", place
        assert "env" in keywords(call), f"{place}: a child's environment is given, never inherited"
    assert [place for place, _ in calls("pickle.loads", "pickle.load", "eval", "exec", "os.system", "os.popen")] == []


def test_every_process_begins_without_core_dumps_and_with_a_private_umask(tmp_path: Path) -> None:
    script = (
        "import json, os, resource\n"
        "from ibkr_tui.cli.main import main\n"
        "try: main(['config', 'path'])\n"
        "except SystemExit: pass\n"
        "mask = os.umask(0)\n"
        "print(json.dumps([mask, list(resource.getrlimit(resource.RLIMIT_CORE))]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout.splitlines()[-1]) == [0o077, [0, 0]]
