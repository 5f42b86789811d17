"""`swath info` on every kind of file: JSON whose numbers are those of rasterio, tables that fit, answers at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from .running import MAP, command, run


def swath_process(*arguments: object, columns: int = 80) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": str(columns)}
    )


FILES = [
    "oscd_s2_4band/paris_t1.tif",
    "landsat7_belize_two_dates/LE70220491999322EDC01_stack.gtif",
    "landsat_cd_taizhou/Taizhou/2003TM",
    "sar_change/bern data set/bern_1.bmp",
    "togo_s1s2era5_24m/98-togo_2019-02-06_2020-02-01.tif",
    "dtwsat_mod13q1/MOD13Q1_20111101_subset_from_h12v10.tif",
    "sits_modis_brazil/mod13q1_jp2/raster/mod13q1/TERRA_MODIS_012010_NDVI_2014-07-28.jp2",
    "sits_formosat2/test_img.tif",
    "canopy_height/CHM_test.tif",
    "canopy_height/CHM_empty.tif",
    "treesat_multimodal/Abies_alba_1_1005_WEFL_NLF.tif",
    "sen1floods11/S1/Spain_7370579_S1Hand.tif",
    "osm_buildings_wv3/sample_geotiff.tif",
    MAP,
]


@pytest.mark.parametrize("name", FILES)
def test_json_equals_rasterio(shared_data: Path, name: str) -> None:
    result = run("info", "--json", shared_data / name)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        file = rasterio.open(shared_data / name)
    with file:
        assert (found["grid"]["height"], found["grid"]["width"]) == file.shape
        assert found["grid"]["transform"] == pytest.approx(list(file.transform)[:6])
        data = [i for i in range(file.count) if file.colorinterp[i].name != "alpha"]
        assert len(found["bands"]) == len(data)
        assert [band["dtype"] for band in found["bands"]] == [file.dtypes[i] for i in data]
        for i, band in zip(data[:4], found["bands"], strict=False):
            if file.nodatavals[i] is not None:
                assert float(band["nodata"]) == pytest.approx(file.nodatavals[i], nan_ok=True)
            if found["is_exact"] and band["minimum"] is not None:
                seen = file.read(i + 1, masked=True).compressed()
                seen = seen[seen == seen]
                low, high = (seen.min() * band["scale"] + band["offset"], seen.max() * band["scale"] + band["offset"])
                assert (band["minimum"], band["maximum"]) == pytest.approx((low, high), rel=1e-6)
    assert found["sources"] == [str(shared_data / name)]


def odd_files() -> list[str]:
    root = os.environ.get("SWATH_TEST_DATA")
    if not root:
        return []
    folder = Path(root) / "data" / "odd_geotiffs"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", odd_files())
def test_every_odd_file_is_described_or_refused_in_one_line(shared_data: Path, name: str) -> None:
    result = run("info", shared_data / "odd_geotiffs" / name)
    assert result.exit_code in (0, 1)
    if result.exit_code == 0:
        assert "grid" in result.stdout
        assert result.stderr == ""
    else:
        assert result.stdout == ""
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
        assert Path(name).name in result.stderr


@pytest.mark.parametrize("name", [*FILES[:3], MAP])
def test_tables_fit_a_terminal(shared_data: Path, name: str) -> None:
    import pty

    # A terminal of 80 columns: what is wider is folded.
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command("info", shared_data / name),
        stdout=slave,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "80", "TERM": "dumb"},
    )
    os.close(slave)
    output = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        output += part
    os.close(master)
    assert process.wait() == 0
    lines = output.decode().replace("\r", "").splitlines()
    assert len(lines) > 5
    # The first line is the path, which is not folded so that it can be copied.
    assert max(len(line) for line in lines if str(shared_data) not in line) <= 80


def test_piped_output_has_no_padding_and_no_colour(shared_data: Path) -> None:
    result = swath_process("info", shared_data / FILES[0])
    assert "\x1b" not in result.stdout
    assert all(line == line.rstrip() for line in result.stdout.splitlines())


def test_several_files_each_for_itself(shared_data: Path) -> None:
    folder = shared_data / "oscd_s2_4band"
    result = run("info", folder / "paris_t1.tif", folder / "pisa_t1.tif")
    assert result.exit_code == 0
    assert "paris_t1.tif" in result.stdout
    assert "pisa_t1.tif" in result.stdout
    found = json.loads(run("info", "--json", folder / "paris_t1.tif", folder / "pisa_t1.tif").stdout)
    assert [one["sources"] for one in found] == [[str(folder / "paris_t1.tif")], [str(folder / "pisa_t1.tif")]]


def test_several_files_as_one_scene(shared_data: Path) -> None:
    folder = shared_data / "oscd_s2_4band"
    result = run(
        "info", "--json", "--together", "--sensor", "sentinel-2-l1c@pre-04.00", "--dates", "2015-08-01,2018-03-01",
        folder / "paris_t1.tif", folder / "paris_t2.tif",
    )  # fmt: skip
    found = json.loads(result.stdout)
    assert [one["date"] for one in found["dates"]] == ["2015-08-01", "2018-03-01"]
    assert found["dates"][1]["shift"]["pixels"] < 1
    assert found["bands"][2]["common_name"] == "red"
    assert found["bands"][2]["units"] == "reflectance"


def test_a_bad_file_among_good_ones(shared_data: Path, tmp_path: Path) -> None:
    good = shared_data / FILES[0]
    result = run("info", good, tmp_path / "absent.tif")
    assert result.exit_code == 1
    assert "paris_t1" in result.stdout
    assert result.stderr == f"error: {tmp_path / 'absent.tif'}: no such file\n"
    found = json.loads(run("info", "--json", tmp_path / "absent.tif", good).stdout)
    assert found[0]["error"].endswith("no such file")
    assert found[1]["grid"]["height"] == 408


def test_dates_choose_among_those_that_are_known(shared_data: Path) -> None:
    folder = shared_data / "landsat_peru_8dates/landsat"
    for given, names in (("1985,2020", ["1985", "2020"]), ("1999:2011", ["2000", "2005", "2010"])):
        found = json.loads(run("info", "--json", "--no-pixels", "--dates", given, folder).stdout)
        assert [one["date"] for one in found["dates"]] == names


def test_without_pixels(shared_data: Path) -> None:
    found = json.loads(run("info", "--json", "--no-pixels", shared_data / FILES[0]).stdout)
    assert found["sample"] is None
    assert found["bands"][0]["minimum"] is None
    assert "2 % to 98 %" not in run("info", "--no-pixels", shared_data / FILES[0]).stdout


def test_models_are_looked_up_when_asked_for(shared_data: Path) -> None:
    import swath
    from swath.predict.match import can_take

    path = shared_data / FILES[0]
    assert json.loads(run("info", "--json", path).stdout)["models"] is None
    asked = run("info", "--json", "--no-pixels", "--models", path)
    assert asked.exit_code == 0, asked.stderr
    assert json.loads(asked.stdout)["models"] == can_take(swath.open(path))


def test_paths_with_spaces_and_letters_of_any_kind(shared_data: Path, tmp_path: Path) -> None:
    import shutil

    path = tmp_path / "Île de la Réunion 北京 [v2].tif"
    shutil.copy(shared_data / FILES[0], path)
    result = run("info", path)
    assert result.exit_code == 0
    assert path.name in result.stdout


def measured(cache: Path, *arguments: object) -> tuple[float, float, str]:
    """CPU seconds (user and system) and peak memory (MB) of a process of its own, and what it printed.

    Its modules are compiled once into `cache`, as those of an installed package are.
    """
    code = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "sys.stderr.write(f'{used.ru_utime + used.ru_stime} {used.ru_maxrss / 1024} {done.returncode}')\n"
        "sys.stdout.write(done.stdout.decode())\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", code, *command(*arguments)],
        capture_output=True,
        text=True,
        check=True,
        env=environment | {"PYTHONPYCACHEPREFIX": str(cache)},
    )
    seconds, megabytes, status = done.stderr.split()
    assert status == "0"
    return float(seconds), float(megabytes), done.stdout


def test_the_huge_map_at_once_and_in_little_memory(shared_data: Path, tmp_path: Path) -> None:
    measured(tmp_path, "info", shared_data / MAP)
    runs = [measured(tmp_path, "info", shared_data / MAP) for _ in range(3)]
    assert "36000 x 36000" in runs[0][2]
    assert max(one[1] for one in runs) < 300
    # The least of three: other work on the machine makes a process slower, never faster.
    assert min(one[0] for one in runs) < 2.0


def test_help_at_once(tmp_path: Path) -> None:
    measured(tmp_path, "--help")
    assert min(measured(tmp_path, "--help")[0] for _ in range(3)) < 1.0
