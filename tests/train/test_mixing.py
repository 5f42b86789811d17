"""Images that are pasted into one another: what is seen of each is what its label counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import swath
from swath.data import Crops, Sample
from swath.data import open as open_data
from swath.errors import TrainError
from swath.train.batches import Draw
from swath.train.mixing import Paste

from .making import QUICK, SAID, tiles


def plain(value: int, side: int = 20) -> Sample:
    image = np.full((1, 2, side, side), value, np.float32)
    return Sample(image=image, valid=np.full(image.shape, value % 2 == 0), target=np.asarray(value), name=str(value))


def test_a_part_of_the_next_image_lies_in_each() -> None:
    samples = tuple(plain(value) for value in range(3))
    paste = Paste(slice(2, 12), slice(0, 8), 0.2)
    mixed = paste.of(samples)
    for at, one in enumerate(mixed):
        following = (at + 1) % 3
        assert (one.image[..., 2:12, :8] == following).all()
        assert (one.valid[..., 2:12, :8] == (following % 2 == 0)).all()
        assert (one.image == following).mean() == 0.2
        assert (one.image == at).mean() == 0.8
        assert int(one.target) == at
        assert (samples[at].image == at).all()


def test_parts_have_all_sizes_and_say_how_large_they_are() -> None:
    rng = np.random.default_rng(0)
    found = [Paste.drawn(30, 50, rng) for _ in range(400)]
    for one in found:
        assert 0 <= one.rows.start <= one.rows.stop <= 30
        assert 0 <= one.columns.start <= one.columns.stop <= 50
        assert one.share == (one.rows.stop - one.rows.start) * (one.columns.stop - one.columns.start) / 1500
    shares = np.array([one.share for one in found])
    assert shares.min() < 0.05 < 0.8 < shares.max()


def test_labels_count_by_what_is_seen() -> None:
    targets = torch.tensor([5.0, 7.0, 9.0])
    answer = torch.tensor([1.0, 2.0, 4.0])
    loss = Paste(slice(0, 1), slice(0, 1), 0.25).loss(lambda wanted: (wanted - answer).mean(), targets)
    assert float(loss) == pytest.approx(np.mean([0.75 * 4 + 0.25 * 6, 0.75 * 5 + 0.25 * 7, 0.75 * 5 + 0.25 * 1]))


def test_batches_are_mixed_as_often_as_was_asked(own_data: Path, tmp_path: Path) -> None:
    crops = Crops(open_data(tiles(own_data, tmp_path), **SAID), 32)
    draw = Draw((crops, crops), (1.0, 1.0), (None, None), (4, 4), 0, mix=(0.5, 0.0))
    batches = [draw.batch_of(number) for number in range(60)]
    mixed = [one.of for one in batches if one.paste is not None]
    assert set(mixed) == {0}
    assert 8 < len(mixed) < 22
    again = draw.batch_of(batches[0].number)
    for one, other in zip(batches[0].samples, again.samples, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


def test_mixing_is_for_classes_of_images(own_data: Path, tmp_path: Path) -> None:
    folder = tiles(own_data, tmp_path / "labels")
    with pytest.raises(TrainError, match="classes of whole images"):
        swath.train(folder, out=tmp_path / "m.swath", mix=0.5, **QUICK, **SAID)
