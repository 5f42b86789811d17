"""Splits part places and never images of one; what they did stands in their file."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
import shapely

import swath.data
from swath.data import Split
from swath.data.groups import places_of
from swath.data.places import named_places
from swath.errors import DataError, WriteError

from .made import change, pairs, write


def part_by_place(data, made):
    """Place -> parts that hold items of it."""
    held: dict[str, set[str]] = {}
    for part in ("train", "val", "test"):
        for name in made.part(part):
            held.setdefault(made.places[name], set()).add(part)
    return held


def check(data, made):
    names = [*made.train, *made.val, *made.test]
    assert sorted(names) == sorted(item.name for item in data)
    assert all(len(parts) == 1 for parts in part_by_place(data, made).values())


@pytest.mark.parametrize(
    ("name", "told", "how"),
    [
        ("hotosm_buildings", {}, "numbered map tiles: blocks of space"),
        ("dubai_landcover", {"ignore": [5, 255]}, "up to the last number"),
        ("oscd_s2_4band", {}, "position: images that touch"),
        ("sztaki_airchange", {}, "up to the last number"),
        ("cd_levir_samples", {}, "as the data say themselves"),
        ("cd_dsifn_samples", {}, "each image is a place of its own"),
        ("ucmerced", {}, "blocks of consecutive numbers"),
    ],
)
def test_real_sets_are_parted_by_place(shared_data, name, told, how):
    data = swath.data.open(shared_data / name, **told)
    made = swath.data.split(data)
    assert how in made.how
    check(data, made)
    assert min(len(made.train), len(made.val), len(made.test)) > 0
    assert len(made.train) >= 0.4 * len(data)
    if not data.parts:
        in_train = {at for item in data.subset(made.train) for at in data.counts(item)}
        assert in_train == {at for item in data for at in data.counts(item)}


def test_names_tell_places(shared_data):
    data = swath.data.open(shared_data / "sztaki_airchange")
    assert {item.name: item.place for item in data}["szada/1"] == "szada"
    data = swath.data.open(shared_data / "dubai_landcover", ignore=[5, 255])
    assert data["Tile_3_image_part_007"].place == "Tile_3"
    data = swath.data.open(shared_data / "ucmerced")
    numbers = sorted(int(item.name[-2:]) for item in data if item.place == data["river/river50"].place)
    everything = sorted(int(item.name[-2:]) for item in data if item.name.startswith("river/"))
    start = everything.index(numbers[0])
    assert everything[start : start + len(numbers)] == numbers, "a block holds consecutive numbers of one class"


def test_tiles_that_show_the_same_ground_stay_together(shared_data):
    """Tiles of zoom 19 and 20 lie over those of zoom 21."""
    data = swath.data.open(shared_data / "hotosm_buildings")
    made = swath.data.split(data, seed=3)
    tiles = {}
    for item in data:
        x, y, zoom = (int(part) for part in item.name.split("-")[1:])
        tiles[item.name] = shapely.box(x * 2.0**-zoom, y * 2.0**-zoom, (x + 1) * 2.0**-zoom, (y + 1) * 2.0**-zoom)
    train = shapely.union_all([tiles[name] for name in made.train])
    for name in (*made.val, *made.test):
        assert tiles[name].intersection(train).area < 1e-6 * tiles[name].area


def test_a_mosaic_is_cut_into_blocks_of_space(own_data, tmp_path):
    data = swath.data.open(pairs(tmp_path, own_data))
    made = swath.data.split(data)
    assert "blocks of space, since 16 of the 16 images touch" in made.how
    check(data, made)


def test_images_apart_are_places_of_their_own(own_data, tmp_path):
    data = swath.data.open(pairs(tmp_path, own_data, gap=4))
    made = swath.data.split(data)
    assert "images that touch share a place (16 places)" in made.how


def test_overlapping_images_are_never_parted(own_data, tmp_path):
    with rasterio.open(own_data / "paris_2018.tif") as scene:
        values = scene.read()
        for number, x in enumerate([0, 20, 100, 120, 200, 216]):
            name = f"strip_{'abcdef'[number]}"
            write(tmp_path / "images" / f"{name}.tif", values[:, :, x : x + 40], scene, (0, x))
            write(tmp_path / "masks" / f"{name}.png", (values[:1, :, x : x + 40] > 1500).astype(np.uint8))
    made = swath.data.split(swath.data.open(tmp_path))
    for a, b in ("ab", "cd", "ef"):
        assert made.places[f"strip_{a}"] == made.places[f"strip_{b}"]


def test_copies_share_a_place(own_data, tmp_path):
    folder = pairs(tmp_path, own_data, placed=False)
    (folder / "images" / "paris_3_3.tif").write_bytes((folder / "images" / "paris_0_0.tif").read_bytes())
    made = swath.data.split(swath.data.open(folder))
    assert made.places["paris_0_0"] == made.places["paris_3_3"]
    assert "same byte for byte" in made.how


def test_seeds_repeat_and_differ(own_data, tmp_path):
    data = swath.data.open(pairs(tmp_path, own_data, gap=4))
    assert swath.data.split(data, seed=1) == swath.data.split(data, seed=1)
    assert len({swath.data.split(data, seed=seed).test for seed in range(6)}) > 1


def test_shares_are_kept(own_data, tmp_path):
    data = swath.data.open(pairs(tmp_path, own_data, gap=4))
    made = swath.data.split(data, val=0.25, test=0.25)
    assert (len(made.train), len(made.val), len(made.test)) == (8, 4, 4)
    assert swath.data.split(data, val=0).val == ()


def test_too_few_places_and_bad_shares(own_data, tmp_path):
    folder = pairs(tmp_path, own_data, placed=False)
    for path in folder.rglob("paris_*_*.*"):
        if path.stem not in ("paris_0_0", "paris_3_3"):
            path.unlink()
    data = swath.data.open(folder)
    with pytest.raises(DataError, match=r"has 2 places .* too few for train, val, test; .* val=0 or test=0"):
        swath.data.split(data)
    assert len(swath.data.split(data, val=0).test) == 1
    with pytest.raises(DataError, match="must leave something for training"):
        swath.data.split(data, val=0.5, test=0.5)
    with pytest.raises(DataError, match="nothing in it parts it"):
        swath.data.split(data, by="given")


def test_an_empty_given_part_is_an_error(own_data, tmp_path):
    pairs(tmp_path / "val", own_data)
    with pytest.raises(DataError, match="train would be empty"):
        swath.data.split(swath.data.open(tmp_path))


def test_lists_and_split_files_in_the_folder_are_honoured(own_data, tmp_path):
    folder = pairs(tmp_path, own_data)
    names = sorted(path.stem for path in (folder / "images").iterdir())
    (folder / "splits").mkdir()
    (folder / "splits" / "train.txt").write_text("\n".join(f"images/{name}.tif" for name in names[:10]))
    (folder / "splits" / "val.txt").write_text("\n".join(names[10:12]))
    (folder / "splits" / "test.txt").write_text("\n".join(f"{name}.tif 3" for name in names[12:]))
    made = swath.data.split(swath.data.open(folder))
    assert (made.train, made.val, made.test) == (tuple(names[:10]), tuple(names[10:12]), tuple(names[12:]))
    (folder / "split.json").write_text(json.dumps({"train": names[1:], "test": names[:1]}))
    made = swath.data.split(swath.data.open(folder), val=0)
    assert made.test == tuple(names[:1])
    (folder / "split.json").write_text(json.dumps({"train": ["nowhere"]}))
    with pytest.raises(DataError, match=r"names no item \(16 there\)"):
        swath.data.open(folder)
    (folder / "split.json").unlink()
    (folder / "splits" / "val.txt").write_text(names[0])
    with pytest.raises(DataError, match=r"is in (train and in val|val and in train)"):
        swath.data.open(folder)


def test_a_missing_part_is_taken_from_train(own_data, tmp_path):
    pairs(tmp_path / "train", own_data, gap=4)
    change_free = pairs(tmp_path / "test", own_data)
    assert change_free.is_dir()
    made = swath.data.split(swath.data.open(tmp_path))
    assert {name.split("/")[0] for name in made.val} == {"train"}
    assert "val from train by" in made.how


@pytest.mark.parametrize("name", ["split.json", "split.yaml"])
def test_files_are_read_as_they_were_written(own_data, tmp_path, name):
    data = swath.data.open(change(tmp_path / "data", own_data))
    made = swath.data.split(data, by="name")
    made.save(tmp_path / name)
    back = Split.read(tmp_path / name)
    assert back == made
    assert back.hash == data.hash
    assert len(back.of(data, "train")) == len(made.train)
    with pytest.raises(WriteError, match="exists already"):
        made.save(tmp_path / name)


def test_split_files_of_ones_own(own_data, tmp_path):
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"train": ["q0", "q1"], "test": ["q9"]}))
    data = swath.data.open(change(tmp_path / "data", own_data))
    made = Split.read(path)
    assert [item.name for item in made.of(data, "train")] == ["q0", "q1"]
    with pytest.raises(DataError, match="lacks 1 item of the split's test"):
        made.of(data, "test")
    for text, words in [
        ('{"train": ["a"], "test": ["a"]}', "named twice"),
        ('{"val": ["a"]}', "train"),
        ("[1, 2]", "is no split file"),
        ("{", "neither JSON nor YAML"),
    ]:
        path.write_text(text)
        with pytest.raises(DataError, match=words):
            Split.read(path)
    with pytest.raises(DataError, match="cannot be read"):
        Split.read(tmp_path / "absent.json")


def test_one_large_group_is_cut_and_overlaps_stay(own_data):
    squares = [shapely.box(x, y, x + 1, y + 1) for x in range(8) for y in range(8)]
    places, how = places_of([*squares, shapely.box(0.25, 0.25, 0.75, 0.75)])
    assert places[-1] == places[0]
    assert "65 of the 65" in how
    assert len(set(places)) > 8


def test_plain_names_are_places(own_data):
    items = [swath.data.Item(name, (), None, name) for name in ("paris", "rome", "oslo")]
    placed, how = named_places(items)
    assert [item.place for item in placed] == ["paris", "rome", "oslo"]
    assert "nothing in them tells" in how


def test_a_single_image_is_a_place_and_touches_no_other() -> None:
    assert places_of([shapely.box(0, 0, 1, 1)]) == (["area 1"], "images that touch share a place")
