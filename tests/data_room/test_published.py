"""Each published set is read as it lies, by its folder's name or one argument, and nothing else is taken for one."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import swath.data
from swath.cli import app
from swath.data import IGNORE
from swath.data.published.facts import published
from swath.errors import DataError

from . import published_made as made
from .published_made import Real

BY_NAME = {"levir-cd", "levir-cd-plus", "sysu-cd", "clcd", "dsifn-cd", "landsat-scd"}
"""Sets that lie like others, so that something must name them; as `change` they are read anyway."""
CHANGE = sorted(name for name, one in published().items() if "change" in one.task)
SEMANTIC = {"second", "landsat-scd", "hrscd", "dynamicearthnet", "fusu"}


@pytest.fixture(scope="module")
def real(own_data: Path) -> Real:
    return Real(own_data)


@pytest.fixture(scope="module")
def folders(real: Real, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each set in a folder that bears its name."""
    root = tmp_path_factory.mktemp("published")
    for name in CHANGE:
        getattr(made, name.replace("-", "_"))(real, root / name)
    return {name: root / name for name in CHANGE}


@pytest.mark.parametrize("name", CHANGE)
def test_a_copy_is_read_without_an_argument(folders, name):
    data = swath.data.open(folders[name])
    assert (data.layout, data.task) == (name, "semantic-change" if name in SEMANTIC else "change")
    assert data.published is published()[name]
    assert {stray.why for stray in data.strays} <= {"made from another image by turning or cutting"}
    assert data.told_gsd == published()[name].gsd
    assert len(data.classes) == (len(published()[name].classes) or 2)
    assert [one.colour for one in data.classes if one.colour] == [one.colour for one in published()[name].classes]
    for item in data.items:
        sample = data.sample(item)
        assert len(sample.image) == 2
        assert sample.valid.all()
        assert sample.target.shape == ((3, 64, 64) if name in SEMANTIC else (64, 64))
        counted = Counter((sample.target[1:] if name in SEMANTIC else sample.target).ravel().tolist())
        assert {at: times for at, times in counted.items() if at != IGNORE} == data.counts(item)


@pytest.mark.parametrize("name", CHANGE)
def test_one_argument_names_a_set_whose_folder_does_not(folders, name, tmp_path):
    folder = tmp_path / "mine"
    folder.symlink_to(folders[name], target_is_directory=True)
    assert swath.data.open(folder, layout=name).layout == name


@pytest.mark.parametrize("name", CHANGE)
def test_only_what_lies_like_no_other_set_needs_no_name(folders, name, tmp_path):
    folder = tmp_path / "copy of mine"
    folder.symlink_to(folders[name], target_is_directory=True)
    data = swath.data.open(folder)
    assert data.layout == ("change" if name in BY_NAME else name)
    assert (data.published is None) == (name in BY_NAME)


PARTS = {
    "whu-cd": {"train": 1, "test": 1},
    "oscd": {"train": 2, "test": 1},
    "second": {"train": 4, "test": 1},
    "landsat-scd": {},
    "hrscd": {},
    "fusu": {},
    "xbd": {"train": 3, "val": 1, "test": 1},
    "dynamicearthnet": {"train": 4, "val": 2, "test": 2},
}


@pytest.mark.parametrize("name", CHANGE)
def test_parts_are_those_of_the_paper(folders, name):
    data = swath.data.open(folders[name])
    assert dict(Counter(data.parts.values())) == PARTS.get(name, {"train": 3, "val": 1, "test": 1})
    assert len(data.parts) in (0, len(data))


@pytest.mark.parametrize("name", sorted(set(CHANGE) - SEMANTIC - {"cdd", "xbd"}))
def test_change_is_where_it_was_drawn(folders, name, real):
    data = swath.data.open(folders[name])
    for item in data.items:
        number = (
            ["train", "test"].index(item.name)
            if name == "whu-cd"
            else list(made.CITIES).index(item.name)
            if name == "oscd"
            else int(item.name.rpartition("/")[2].split("_")[-1])
        )
        np.testing.assert_array_equal(data.sample(item).target, real.change(number))


def test_masks_blurred_by_jpeg_are_cut(folders, real):
    data = swath.data.open(folders["cdd"])
    wrong = [(data.sample(item).target != real.change(int(item.name[-1]))).mean() for item in data.items]
    assert max(wrong) < 0.01


def test_bands_of_a_city_are_one_image(folders, real):
    data = swath.data.open(folders["oscd"])
    assert [band.name for band in data.bands] == made.BANDS
    assert set(data.units) == {"reflectance"}
    image = data.sample(data["paris"]).image
    np.testing.assert_allclose(image[1, 7], real.bands(1, 1)[3] / 1e4, rtol=1e-6)


@pytest.mark.parametrize("name", ["second", "landsat-scd"])
def test_classes_are_labelled_where_there_is_change(folders, name, real):
    data = swath.data.open(folders[name])
    for item in data.items:
        number = int(item.name.rpartition("/")[2])
        classes = [made.classes(real, number, date).astype(int) for date in (0, 1)]
        change = real.change(number) if name == "second" else (made.transitions(real, number) > 0)
        expected = [change, *(np.where(change > 0, one - 1, IGNORE) for one in classes)]
        np.testing.assert_array_equal(data.sample(item).target, expected)


def test_land_cover_goes_with_a_mask_of_change(folders, real):
    data = swath.data.open(folders["hrscd"])
    for number, item in enumerate(data.items):
        land = [real.land(number, date).astype(int) - 1 for date in (0, 1)]  # 0 is no information
        np.testing.assert_array_equal(data.sample(item).target, [real.change(number), *land])


def test_months_follow_one_another(folders, real):
    data = swath.data.open(folders["dynamicearthnet"])
    assert data.items[1].name == "1311_3077_13/2018-02_2018-03"
    for item in data.items:
        number = list(made.PLACES).index(item.name.partition("/")[0])
        first = int(item.name[-2:]) - 2
        land = [made.land_of_month(real, number, month) for month in (first, first + 1)]
        np.testing.assert_array_equal(data.sample(item).target, [land[0] != land[1], *land])
    months = swath.data.open(folders["dynamicearthnet"], task="segmentation")
    assert (len(months), months.task, months.dates) == (12, "segmentation", 1)
    np.testing.assert_array_equal(months.sample(months["2065_3647_13/2018-01"]).target, real.land(2, 0))
    assert Counter(months.parts.values()) == {"train": 6, "val": 3, "test": 3}


def test_levels_of_damage_are_burned(folders, real):
    data = swath.data.open(folders["xbd"])
    target = data.sample(data["palu-tsunami_00000001"]).target
    buildings = real.land(1, 0) == 2
    assert (target[~buildings] == 0).all()
    assert set(np.unique(target[buildings])) == {IGNORE, 1, 2, 3, 4}
    assert [one.name for one in data.classes][1:] == ["no damage", "minor damage", "major damage", "destroyed"]


@pytest.mark.parametrize("name", sorted(SEMANTIC))
def test_semantic_sets_serve_networks_that_tell_change_alone(folders, name):
    whole, only = swath.data.open(folders[name]), swath.data.open(folders[name], task="change")
    assert (only.task, [one.name for one in only.classes]) == ("change", ["unchanged", "changed"])
    for item in only.items:
        target = only.sample(item).target
        np.testing.assert_array_equal(target, whole.sample(whole[item.name]).target[0])
        assert only.counts(item) == {at: int((target == at).sum()) for at in (0, 1) if (target == at).any()}


def test_a_colour_of_no_class_is_no_such_set(folders, tmp_path, real):
    folder = tmp_path / "SECOND"
    made.second(real, folder)
    path = folder / "train/label1/00000.png"
    real.write(path, np.full((3, 64, 64), 7, dtype=np.uint8))
    with pytest.raises(DataError, match=r"00000.png: holds #070707, which is none of the classes of SECOND"):
        swath.data.open(folder, layout="second")
    assert swath.data.open(folder).layout == "semantic_change"


def test_what_lacks_a_file_is_told(folders, tmp_path, real):
    folder = tmp_path / "s2looking"
    made.s2looking(real, folder)
    (folder / "train/label/train_0.png").unlink()
    data = swath.data.open(folder)
    assert len(data) == 4
    assert [(stray.path.parent.name, stray.why) for stray in data.strays] == [
        ("Image1", "without mask of change"),
        ("Image2", "without mask of change"),
    ]


def test_broken_labels_are_left_out(folders, tmp_path, real):
    folder = tmp_path / "xbd"
    made.xbd(real, folder)
    (folder / "train/labels/palu-tsunami_00000000_post_disaster.json").write_text('{"features": {"xy": [{}]}}')
    report = swath.data.inspect(swath.data.open(folder))
    assert len(report.keep) == 4
    assert "no polygons under features.xy" in str(report)


def test_one_area_to_train_is_cut_so_that_some_of_it_tunes(tmp_path, real):
    inner = tmp_path / "WHU-CD"
    for part, times in (("train", 8), ("test", 1)):
        for year, date in ((2012, 0), (2016, 1)):
            whole = np.tile(real.picture(5, date), (1, times, times))
            real.write(inner / f"{year}/whole_image/{part}/image/{year}_{part}.tif", whole)
        change = np.tile(real.change(5), (times, times))
        real.write(inner / f"change_label/{part}/change_label.tif", change)
    data = swath.data.open(inner)
    assert Counter(data.parts.values()) == {"train": 4, "test": 1}
    parts = swath.data.split(data)
    assert len(parts.train) + len(parts.val) == 4
    assert parts.val
    assert parts.test == ("test",)
    np.testing.assert_array_equal(data.sample(data[parts.val[0]]).target[:64, :64], real.change(5))


def test_the_report_says_what_set_it_is(folders):
    found = CliRunner().invoke(app, ["data", "inspect", str(folders["hrscd"])])
    assert found.exit_code == 0
    told = " ".join(found.output.split())
    assert "HRSCD: 291 pairs" in told
    assert "CC BY-NC-SA 4.0" in told
    assert "scored in its paper by kappa of change, Dice of change, kappa of land cover" in told
    assert "0.5 to 3 m (1.2 m is taken" in published()["second"].describe()
    assert "artificial surfaces" in found.output


def test_every_set_is_in_the_table_of_the_document():
    table = (Path(__file__).parents[2] / "docs/data.md").read_text(encoding="utf-8")
    lacking = [one.name for one in published().values() if f"| `{one.name}` | {one.title} |" not in table]
    assert not lacking


def test_facts_agree_with_one_another():
    for one in published().values():
        assert one.citation
        assert one.source.startswith("https://")
        for arrangement in one.arrangements:
            roles = set(arrangement.files)
            kinds = ({"before", "after"}, {"month", "classes"}, {"image"})
            assert any(kind <= roles for kind in kinds), one.name
            paths = [path for listed in arrangement.files.values() for path in listed]
            words = [set(one.pattern(path).groupindex) - {"_head"} for path in paths]
            assert set.intersection(*filter(None, words)) if any(words) else len(words) == 3  # of a single place


def test_an_own_folder_of_classes_at_two_dates(tmp_path, real):
    for number in range(4):
        for role, date in (("1", 0), ("2", 1)):
            real.write(tmp_path / f"im{role}" / f"{number}.png", real.picture(number, date))
            real.write(tmp_path / f"label{role}" / f"{number}.png", made.classes(real, number, date))
    names = ["unchanged", "bare", "sparse", "mixed", "green"]
    data = swath.data.open(tmp_path, classes=names)
    assert (data.layout, [one.name for one in data.classes]) == ("semantic_change", names[1:])
    target = data.sample(data["2"]).target
    np.testing.assert_array_equal(target[0], real.change(2))
    np.testing.assert_array_equal(target[1], made.classes(real, 2, 0).astype(int) - 1)
    # Without a name for what stands where nothing changed, it is a class like others.
    plain = swath.data.open(tmp_path)
    first, last = (made.classes(real, 2, date) for date in (0, 1))
    np.testing.assert_array_equal(plain.sample(plain["2"]).target, [first != last, first, last])


def test_all_maps_of_a_sample_move_alike(folders, real):
    data = swath.data.open(folders["hrscd"])
    sample = data.sample(data.items[0])
    code = sample.target[0] * 100 + sample.target[1] * 10 + sample.target[2]
    marked = dataclasses.replace(sample, image=np.repeat(code[None, None].astype(np.float32), 2, axis=0))
    marked = dataclasses.replace(marked, valid=np.ones_like(marked.image, dtype=bool))
    augment = swath.data.Augment(scale=0.4, brightness=0, contrast=0, gamma=0, colour=0)
    for seed in range(8):
        moved = augment(marked, np.random.default_rng(seed))
        there = moved.valid[0, 0]
        code = moved.target[0] * 100 + moved.target[1] * 10 + moved.target[2]
        np.testing.assert_array_equal(code[there], moved.image[0, 0][there])
        assert (moved.target[:, ~there] == IGNORE).all()
    swapped = swath.data.Augment(turns=False, scale=0, brightness=0, contrast=0, gamma=0, colour=0, swap_dates=1)
    found = swapped(sample, np.random.default_rng(0))
    np.testing.assert_array_equal(found.image, sample.image[::-1])
    np.testing.assert_array_equal(found.target, sample.target[[0, 2, 1]])


def test_crops_seek_classes_where_they_change(folders):
    data = swath.data.open(folders["hrscd"])
    sought, any_ = (swath.data.Crops(data, 8, seed=1, rare=rare) for rare in (1.0, 0.0))
    shares = [np.mean([(crops.sample(step).target[0] == 1).mean() for step in range(60)]) for crops in (sought, any_)]
    assert shares[0] > 1.5 * shares[1]


def test_blocks_count_classes_and_not_change(tmp_path, own_data):
    real = Real(own_data)
    real.tiles = [(0, 0)]
    big = {name: np.tile(values, (1, 2, 2)) for name, values in enumerate(real.dates)}
    for role, date in (("1", 0), ("2", 1)):
        real.write(tmp_path / f"a_t{role}.tif", big[date])
        near, red = big[date][3].astype(int), big[date][2].astype(int)
        real.write(tmp_path / f"a_label{role}.tif", (near > 2 * red).astype(np.uint8))
    data = swath.data.open(tmp_path)
    assert len(data) == 4
    for item in data.items:
        target = data.sample(item).target
        assert target.shape == (3, 256, 256)
        assert data.counts(item) == {at: int((target[1:] == at).sum()) for at in (0, 1)}
        beyond = data.sample(item, np.s_[-8:8, -8:8]).target
        assert (beyond[:, :8] == IGNORE).all()
        assert (beyond[:, :, :8] == IGNORE).all()
