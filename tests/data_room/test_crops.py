"""Crops follow from seed and step, seek rare classes, and shun what was not seen."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import pytest
import rasterio

import swath.data
from swath.data import IGNORE, Crops, keep
from swath.errors import DataError

from .made import pairs


@pytest.fixture(scope="module")
def data(own_data, tmp_path_factory):
    return swath.data.open(pairs(tmp_path_factory.mktemp("pairs"), own_data))


def test_a_step_gives_one_crop(data):
    crops = Crops(data, 32, seed=5)
    for step in (0, 7, 10**9):
        a, b = crops.sample(step), Crops(data, 32, seed=5).sample(step)
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.target, b.target)
    other = Crops(data, 32, seed=6)
    assert sum(crops.window(step) == other.window(step) for step in range(40)) < 4


def test_a_run_goes_on_where_it_stopped(data):
    crops = Crops(data, 32, seed=1)
    whole = [sample.image for sample in islice(iter(crops), 6)]
    rest = [sample.image for sample in islice(crops.starting(3), 3)]
    np.testing.assert_array_equal(whole[3:], rest)
    shares = [[sample.image for sample in islice(crops.starting(worker, every=2), 3)] for worker in (0, 1)]
    np.testing.assert_array_equal(whole, [shares[i % 2][i // 2] for i in range(6)])


def test_windows_lie_within_and_all_places_are_seen(data):
    crops = Crops(data, 48, rare=0)
    seen = np.zeros((64, 64), dtype=bool)
    for step in range(300):
        _, (rows, columns) = crops.window(step)
        assert 0 <= rows.start < rows.stop <= 64
        assert rows.stop - rows.start == columns.stop - columns.start == 48
        seen[rows, columns] = True
    assert seen[4:-4, 4:-4].all()
    assert len({crops.window(step)[0].name for step in range(300)}) == 16


def test_small_images_stand_in_the_middle(data):
    sample = Crops(data, 100).sample(0)
    assert sample.image.shape == (1, 4, 100, 100)
    assert sample.valid[0, 0, 18:82, 18:82].all()
    assert sample.valid.mean() == pytest.approx(0.4096)
    assert (sample.target[:18] == IGNORE).all()


def test_rare_classes_are_sought(own_data, tmp_path):
    def one_corner(mask):
        made = np.zeros((1, *mask.shape), dtype=np.uint8)
        if mask[0, 0] == 2:
            made[0, :6, :6] = 1
        return made

    data = swath.data.open(pairs(tmp_path, own_data, code=one_corner))
    plain, seeking = (
        np.mean([(Crops(data, 24, rare=rare).sample(step).target == 1).any() for step in range(200)])
        for rare in (0.0, 1.0)
    )
    assert plain < 0.15
    assert seeking > 0.4


def test_mostly_invalid_crops_are_shunned(own_data, tmp_path):
    folder = pairs(tmp_path, own_data)
    for path in sorted((folder / "images").iterdir()):
        with rasterio.open(path, "r+") as image:
            values = image.read()
            values[:, :, :40] = 0
            image.write(values)
            image.nodata = 0
    data = swath.data.open(folder)
    shares = [1 - Crops(data, 24, invalid=0.5).sample(step).valid.mean() for step in range(60)]
    free = [1 - Crops(data, 24, invalid=1.0).sample(step).valid.mean() for step in range(60)]
    assert np.mean(np.array(shares) <= 0.5) > 0.9
    assert np.mean(free) > 1.5 * np.mean(shares)


def test_weights(data):
    weights = [0.0] * 16
    weights[3] = 1.0
    crops = Crops(data, 32, weights=weights)
    assert {crops.window(step)[0].name for step in range(30)} == {data.items[3].name}


def test_bad_settings_are_refused(data):
    for settings in ({"size": 0}, {"rare": 2}, {"invalid": -1}, {"weights": [1.0]}):
        with pytest.raises(DataError):
            Crops(data, **settings)
    with pytest.raises(DataError, match="no items"):
        Crops(data.subset([]))


def test_threads_read_the_same(data):
    crops = Crops(data, 32)
    alone = [crops.sample(step).image for step in range(40)]
    fresh = swath.data.open(data.root)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda step: Crops(fresh, 32).sample(step).image, range(40)))
    np.testing.assert_array_equal(alone, together)


def _total(crops, steps, answers):
    answers.put(sum(float(crops.sample(step).image.sum()) for step in steps))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
def test_forked_processes_read_the_same(data):
    crops = Crops(data, 32)
    alone = sum(float(crops.sample(step).image.sum()) for step in range(20))
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    with keep._decoded._lock:
        # Forked while a thread holds the lock: the child must not wait for it.
        children = [context.Process(target=_total, args=(crops, range(20), answers)) for _ in range(2)]
        for child in children:
            child.start()
    totals = [answers.get(timeout=60) for _ in children]
    for child in children:
        child.join(60)
    assert totals == [alone, alone]


def test_decoded_images_are_bounded(data, monkeypatch):
    monkeypatch.setattr(keep, "MOST_BYTES", 100_000)
    keep._decoded.forget()
    for item in data:
        data.sample(item)
    assert keep._decoded._bytes <= 100_000
    assert keep._decoded._bytes == sum(keep._size(decoded) for _, decoded in keep._decoded._images.values())
