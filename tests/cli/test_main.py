"""The command line as a whole: quick to start, errors in one line, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from swath.cli import VERBS
from swath.cli.words import as_options

from .running import command, run

HEAVY = ("torch", "rasterio", "matplotlib", "xarray", "numpy", "pandas", "odc")


def test_help_is_quick_because_it_imports_little() -> None:
    code = (
        "import sys\n"
        "from swath.cli import app\n"
        "app(['--help'], standalone_mode=False)\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for verb in VERBS:
        assert f" {verb} " in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str) -> None:
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert "Usage: root " + verb in result.stdout


def test_version() -> None:
    import swath

    assert run("--version").stdout == f"swath {swath.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["info"], 2, "Missing argument"),
        (["nonsense"], 2, "No such command 'nonsense'"),
        (["info", "--nonsense", "x"], 2, "No such option"),
        (["look", "x.tif"], 2, "--out"),
        (["look", "x.tif", "-o", "x.png", "--size", "huge"], 2, "--size"),
        (["look", "x.tif", "-o", "x.png", "--percentiles", "98,2"], 2, "LOW < HIGH"),
        (["look", "x.tif", "-o", "x.png", "--percentiles", "2"], 2, "LOW,HIGH"),
        (["info", "absent.tif"], 1, "absent.tif: no such file"),
        (["info", "*.absent"], 1, "no file matches"),
        (["info", "absent.tif", "--sensor", "sentinel-2-l9"], 1, "sentinel-2-l1c"),
        (["info", "absent.tif", "--grid", "elsewhere"], 1, "warp"),
        (["info", "absent.tif", "--bands", "a,,b"], 2, "empty part"),
        (["sensors", "nonsense"], 1, "unknown sensor"),
    ],
)
def test_errors_are_one_line(arguments: list[str], code: int, words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_no_traceback_in_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("no raster")
    done = subprocess.run(command("info", tmp_path / "text.tif"), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_leaves_early_is_no_error(shared_data: Path) -> None:
    with subprocess.Popen(
        command("info", shared_data / "oscd_s2_4band/paris_t1.tif"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert b"Traceback" not in said


@pytest.mark.parametrize(
    ("library", "command_line"),
    [
        ("say sensor='naip' or grid='warp'", "say --sensor naip or --grid warp"),
        ("say bands=['red', 'green', ...]", "say --bands red,green,..."),
        ("say dates=['2020-01-13', ...]", "say --dates 2020-01-13,..."),
        ("bands=[swath.Band(name='B04'), ...]", "bands=[swath.Band(name='B04'), ...]"),
        ("pass overwrite=True (`--overwrite`)", "pass --overwrite"),
        ("complex='amplitude'", "--complex amplitude"),
        ("names: say classes=[...]\n  - more", "names: say --classes A,B,...\n  - more"),
        ("say classes=['background', 'field'] to tell it", "say --classes background,field to tell it"),
        ("say classes=['background', 'bare soil']", "say --classes 'background,bare soil'"),
        ("split otherwise (val=, test=, seed=)", "split otherwise (--val, --test, --seed)"),
        ("say gsd=METRES", "say --gsd METRES"),
        ("say gsd=, in m on the ground", "say --gsd, in m on the ground"),
        ("a smaller lr= may help", "a smaller --lr may help"),
        ("in a second run, from its file: start=", "in a second run, from its file: --from"),
        ("made for change; leave out task=, or take another", "made for change; leave out --task, or take another"),
        ("give a smaller one, tile=", "give a smaller one, --tile"),
        ("say crs= if they are in another", "say --extent-crs if they are in another"),
        ("leave it out, or say device='cpu'", "leave it out, or say --device cpu"),
        ("exact=True has no meaning for", "--exact has no meaning for"),
        ("metric='iuo': no such score", "--metric iuo: no such score"),
    ],
)
def test_advice_is_given_in_the_words_of_the_command_line(library: str, command_line: str) -> None:
    assert as_options(library) == command_line


def test_sensors_are_listed() -> None:
    listed = run("sensors").stdout
    assert "sentinel-2 " in listed
    one = run("sensors", "sentinel-2-l2a").stdout
    assert "B8A" in one
    assert "865 nm" in one
    assert "@04.00" in one
    assert run("sensors", "sentinel-2").exit_code == 0
