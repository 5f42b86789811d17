"""The package as a whole: quick to import, and its demo and its README do what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "rasterio", "xarray", "geopandas", "matplotlib", "pandas", "scipy", "numpy")


def run(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=cwd, env=environment)


def test_import_is_quick_and_light() -> None:
    code = (
        "import sys, time; start = time.process_time(); import swath; spent = time.process_time() - start; "
        f"import json; print(json.dumps([spent, [m for m in {HEAVY!r} if m in sys.modules]]))"
    )
    spent, heavy = json.loads(run(sys.executable, "-c", code).stdout)
    assert spent < 1
    assert heavy == []


def test_every_name_at_the_top_is_there() -> None:
    import swath

    for name in swath.__all__:
        assert getattr(swath, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        swath.nothing


def test_what_the_documents_name_is_there_after_import_swath_alone() -> None:
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *ROOT.glob("docs/*.md"))]
    named = sorted(
        {name for page in pages for name in re.findall(r"\bswath\.(?:[A-Za-z]+\.)*[A-Za-z_]+\b(?=\()", page)}
    )
    assert len(named) > 15
    code = (
        "import functools, swath\n"
        f"for name in {named!r}:\n"
        "    assert callable(functools.reduce(getattr, name.split('.')[1:], swath)), name\n"
    )
    run(sys.executable, "-c", code)


def test_all_that_is_no_code_is_packed() -> None:
    """Weights, sensors and styles lie in what is installed, too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["swath"]
    package = ROOT / "src/swath"
    packed = {path for pattern in patterns for path in package.glob(pattern)}
    others = {path for path in package.rglob("*.*") if path.suffix != ".py" and "__pycache__" not in path.parts}
    assert others - packed == set()


def test_links_of_the_documents_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *ROOT.glob("docs/*.md"), ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_what_the_readme_shows_is_what_info_says(own_data: Path) -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    command = [str(Path(sys.executable).parent / "swath"), "info", "tests/data/paris_2015.tif"]
    for line in run(*command, cwd=ROOT).stdout.splitlines():
        assert " ".join(line.split())[:70] in readme
