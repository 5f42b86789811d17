"""Places that several sensors saw, under shapes or of a class each."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import swath.data
from swath.data import IGNORE
from swath.data.item import ClassIndex, ClassIndexes
from swath.errors import DataError

from .several import SENSORS, floods, into_folders, land, shores_by_class

S2 = {"s2": "sentinel-2-l1c@values"}


def test_shapes_are_burned_on_the_grid_of_the_finest_sensor(shared_data: Path, tmp_path: Path) -> None:
    folder = land(tmp_path / "land", shared_data)
    data = swath.data.open(folder, sensor=S2, label_field="LULC_NAME")
    assert (data.layout, data.task) == ("sensors", "segmentation")
    assert [item.name for item in data] == ["ne", "nw", "se", "sw"]
    assert data["nw"].sensors == (("s2", 1), ("dem", 1))
    assert [(one.name, one.said) for one in data.stacked] == [("s2", "as it is"), ("dem", "bilinear")]
    assert data.bands[-1].name == "dem"
    sample = data.sample(data["se"], np.s_[0:48, 0:48])
    assert 200 < sample.image[0, -1].mean() < 1200, "metres"
    targets = {item.name: data.sample(item).target for item in data}
    # What one sensor alone is labelled with, by the layout for it.
    shutil.rmtree(folder / "dem")
    alone = swath.data.open(folder, layout="vectors", sensor=S2["s2"], label_field="LULC_NAME")
    for name, target in targets.items():
        expected = alone.sample(alone[f"s2/{name}"]).target
        assert isinstance(expected, np.ndarray)
        assert (expected != IGNORE).mean() > 0.5
        np.testing.assert_array_equal(target, expected)


def test_each_place_may_have_a_vector_file_of_its_own(shared_data: Path, tmp_path: Path) -> None:
    folder = land(tmp_path / "land", shared_data)
    for name in ("nw_land", "ne_land", "sw_land"):
        shutil.copy(folder / "land.gpkg", folder / f"{name}.gpkg")
    (folder / "land.gpkg").unlink()
    (folder / "dem/ne.tif").unlink()
    data = swath.data.open(folder, sensor=S2, label_field="LULC_NAME")
    assert [item.name for item in data] == ["nw", "sw"]
    why = {one.path.relative_to(folder).as_posix(): one.why for one in data.strays}
    assert why["s2/ne.tif"] == "lacks dem"
    assert why["s2/se.tif"] == "no vector file is named like it"
    assert why["ne_land.gpkg"] == "no place is named like it"


def test_files_at_the_top_are_one_place(shared_data: Path, tmp_path: Path) -> None:
    folder = land(tmp_path / "land", shared_data)
    for name in ("s2", "dem"):
        shutil.move(folder / name / "nw.tif", folder / f"{name}.tif")
        shutil.rmtree(folder / name)
    data = swath.data.open(folder, sensor=S2, label_field="LULC_NAME")
    assert [(item.name, item.sensors) for item in data] == [("scene", (("s2", 1), ("dem", 1)))]


def test_masks_come_before_shapes_unless_a_column_is_told(shared_data: Path, tmp_path: Path) -> None:
    folder = floods(tmp_path / "floods", shared_data)
    (folder / "extent.geojson").write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"class": "all"}, "geometry": '
        '{"type": "Polygon", "coordinates": [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]}}]}'
    )
    masked = swath.data.open(folder, sensor=SENSORS, ignore=-1)
    assert [one.why for one in masked.strays] == ["there are masks, which are taken"]
    assert len(masked.classes) == 2
    burned = swath.data.open(folder, sensor=SENSORS, label_field="class")
    assert [one.name for one in burned.classes] == ["all"]


@pytest.mark.parametrize(
    "how",
    [
        "{sensor}/{told}/{name}.tif",
        "{told}/{sensor}/{name}.tif",
        "{told}/{name}_{sensor}.tif",
        "{told}/{name}/{sensor}.tif",
    ],
)
def test_a_folder_per_class(how: str, shared_data: Path, tmp_path: Path) -> None:
    folder, told = shores_by_class(tmp_path / "shores", shared_data)
    into_folders(folder, told, how)
    data = swath.data.open(folder, sensor=SENSORS)
    assert (data.layout, data.task, len(data)) == ("sensors", "classification", 6)
    assert [one.name for one in data.classes] == ["dry", "wet"]
    assert {item.name.rpartition("/")[2]: data.classes[data.counts(item).popitem()[0]].name for item in data} == told
    assert all(item.sensors == (("s2", 1), ("s1", 1)) for item in data)
    assert data.sample(data.items[0]).image.shape == (1, 15, 32, 32)


def test_folders_of_parts_and_classes(shared_data: Path, tmp_path: Path) -> None:
    folder, told = shores_by_class(tmp_path / "shores", shared_data)
    held = min(name for name, label in told.items() if label == "wet")
    into_folders(folder, {held: "wet"}, "test/{told}/{name}_{sensor}.tif")
    into_folders(folder, {name: one for name, one in told.items() if name != held}, "train/{told}/{name}_{sensor}.tif")
    data = swath.data.open(folder, sensor=SENSORS)
    assert {name: part for name, part in data.parts.items() if part == "test"} == {f"test/wet/{held}": "test"}
    assert len(data.parts) == 6


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_of_classes(suffix: str, shared_data: Path, tmp_path: Path) -> None:
    folder, told = shores_by_class(tmp_path / "shores", shared_data)
    first, *rest = told
    rows = [(f"{name}.tif", told[name]) for name in rest] + [("elsewhere.tif", "wet")]
    frame = pd.DataFrame(rows, columns=["image", "label"])
    frame.to_csv(folder / "classes.csv", index=False) if suffix == "csv" else frame.to_parquet(
        folder / "classes.parquet"
    )
    data = swath.data.open(folder, sensor=SENSORS)
    assert (data.layout, data.task) == ("sensors", "classification")
    assert {item.name: data.classes[item.label.index].name for item in data if isinstance(item.label, ClassIndex)} == {
        name: told[name] for name in rest
    }
    assert [one.why for one in data.strays] == [f"not in classes.{suffix}"] * 2, first
    assert f"classes.{suffix}: 1 of 6 rows for places that are not here" in data.notes
    assert data.items[0].label is not None
    assert data.items[0].label.files == (folder / f"classes.{suffix}",)


def test_several_classes_of_a_place(shared_data: Path, tmp_path: Path) -> None:
    folder, told = shores_by_class(tmp_path / "shores", shared_data)
    lines = [f"{name};{'shore|water' if label == 'wet' else 'shore'}" for name, label in told.items()]
    (folder / "classes.csv").write_text("place;covers\n" + "\n".join(lines) + "\n")
    data = swath.data.open(folder, sensor=SENSORS, task="classification", label_field="covers")
    assert [one.name for one in data.classes] == ["shore", "water"]
    for item in data:
        assert isinstance(item.label, ClassIndexes)
        target = data.sample(item).target
        assert isinstance(target, np.ndarray)
        assert target.tolist() == [1, float(told[item.name] == "wet")]


def test_what_is_wrong_with_a_table_is_said(shared_data: Path, tmp_path: Path) -> None:
    folder, told = shores_by_class(tmp_path / "shores", shared_data)
    table = folder / "classes.csv"
    table.write_text("name,label\nnowhere,wet\n")
    with pytest.raises(DataError, match="names none of the places, such as 'tile_0'"):
        swath.data.open(folder, sensor=SENSORS)
    table.write_text("name,label\ntile_0,wet\ntile_0,dry\n")
    with pytest.raises(DataError, match=r"'tile_0' has several rows, of classes wet, dry; keep one, or write A;B"):
        swath.data.open(folder, sensor=SENSORS)
    table.write_text("name,remark\ntile_0,wet\n")
    with pytest.raises(DataError, match="is not arranged as 'sensors'"):
        swath.data.open(folder, sensor=SENSORS)
    table.write_text("name,label\n" + "".join(f"{name},{label}\n" for name, label in told.items()))
    asked = swath.data.open(folder, sensor=SENSORS, classes=["wet", "dry"])
    assert [one.name for one in asked.classes] == ["wet", "dry"]
