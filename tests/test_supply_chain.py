"""The checks of what is shipped and of what it stands on: what they let pass and what they must not."""

from __future__ import annotations

import importlib.util
import io
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CI = Path(__file__).parents[1] / ".ci"
KEY = b"-----BEGIN RSA PRIVATE " + b"KEY-----\n" + b"MIIEpAIBAAKCAQEA0123456789abcdefghijklmnopqrstuvwxyz\n"


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, CI / f"{name}.py")
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def contents() -> ModuleType:
    return module("package_contents")


def whole(must: tuple[str, ...]) -> dict[str, bytes]:
    return {rule.replace("*", "0.1.0" if rule.startswith("ibkr_tui-") else "a"): b"x = 1\n" for rule in must}


@pytest.mark.parametrize("kind", ["WHEEL", "SDIST"])
def test_what_must_be_in_it_is_enough(contents: ModuleType, kind: str) -> None:
    may, must = getattr(contents, f"{kind}_MAY"), getattr(contents, f"{kind}_MUST")
    assert contents.problems(whole(must), may, must) == []
    for missing in must:
        names = {name: text for name, text in whole(must).items() if not contents._meets(name, missing)}
        assert f"{missing} is missing" in contents.problems(names, may, must)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tests/test_x.py", b""),
        ("ibkr_tui/tests/test_x.py", b""),
        ("ibkr_tui/sim/signature.pem", b""),
        ("ibkr_tui/credentials.json", b"{}"),
        (".env", b""),
        ("ibkr_tui/journal.db", b""),
        ("ibkr_tui/tui/page.svg", b""),
        ("keys/paper/current", b""),
        ("ibkr_tui/notes.md", b""),
        ("ibkr_tui/core/keys/key.py", KEY),
        ("ibkr_tui/core/x.py", b'token = "ghp_' + b"a1" * 18 + b'"'),
    ],
)
@pytest.mark.parametrize("kind", ["WHEEL", "SDIST"])
def test_what_has_no_place_in_it_is_found(contents: ModuleType, kind: str, name: str, content: bytes) -> None:
    may, must = getattr(contents, f"{kind}_MAY"), getattr(contents, f"{kind}_MUST")
    found = contents.problems(whole(must) | {name: content}, may, must)
    assert len(found) == 1 and name in found[0]


def test_the_archives_themselves_are_read(
    contents: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert contents.main(tmp_path) == 1
    with zipfile.ZipFile(tmp_path / "ibkr_tui-0.1.0-py3-none-any.whl", "w") as wheel:
        for name, text in whole(contents.WHEEL_MUST).items():
            wheel.writestr(name, text)
    with tarfile.open(tmp_path / "ibkr_tui-0.1.0.tar.gz", "w:gz") as sdist:
        for name, text in whole(contents.SDIST_MUST).items():
            info = tarfile.TarInfo(f"ibkr_tui-0.1.0/{name}")
            info.size = len(text)
            sdist.addfile(info, io.BytesIO(text))
    assert contents.main(tmp_path) == 0
    with zipfile.ZipFile(tmp_path / "ibkr_tui-0.1.0-py3-none-any.whl", "a") as wheel:
        wheel.writestr("ibkr_tui/keys/a.pem", KEY)
    assert contents.main(tmp_path) == 1
    assert "a.pem has no place in it" in capsys.readouterr().out


def package(name: str, **facts: Any) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": []} | facts


def test_a_known_vulnerability_fails_and_silence_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit = module("known_vulnerabilities")
    bad = package("httpx", vulns=[{"id": "PYSEC-2099-1", "fix_versions": ["1.1"]}])
    skipped = {"name": "click", "skip_reason": "not found"}
    status, lines = audit.told({"dependencies": [package("anyio"), bad, skipped]})
    assert status == 1
    assert lines[0] == "httpx 1.0: PYSEC-2099-1, mended in 1.1"
    assert "2 of 3 locked packages were looked up, known vulnerabilities: 1" in lines
    assert audit.told({"dependencies": [package("anyio")]})[0] == 0
    assert audit.told({"dependencies": [skipped]})[1][-1].startswith("the registry here could not answer for 1")
    assert audit.main(tmp_path / "none.json") == 0
    assert "no audit of known vulnerabilities" in capsys.readouterr().out
