"""Orders of pixels: those of RS-Mamba's release, each pixel once, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.parity import parity_file

from swath.nn.orders import orders, places


@pytest.mark.parametrize("size", ["3x5", "4x4", "6x4"])
def test_walks_and_their_sum_are_those_of_the_release(shared_data: Path, size: str) -> None:
    with np.load(parity_file(shared_data, f"rsm_scan_{size}.npz")) as file:
        case = dict(file)
    height, width = int(case["H"]), int(case["W"])
    assert orders(height, width, 8).numpy().tolist() == case["orders"].tolist()
    walked = torch.from_numpy(case["merge_in"]).flatten(3)  # [1, walk, 1, step]
    back = walked.gather(3, places(height, width, 8)[None, :, None])
    np.testing.assert_allclose(back.sum(1).numpy(), case["merge_out"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(3, 5), (6, 4), (1, 7), (7, 1), (4, 4)])
@pytest.mark.parametrize("directions", [2, 4, 8])
def test_each_walk_reads_each_pixel_once_and_finds_its_way_back(height: int, width: int, directions: int) -> None:
    there, back = orders(height, width, directions), places(height, width, directions)
    every = torch.arange(height * width)
    assert torch.equal(there.sort(1).values, every.expand(directions, -1))
    assert torch.equal(there.gather(1, back), every.expand(directions, -1))
    half = directions // 2 if directions < 8 else 2
    assert torch.equal(there[half], there[0].flip(0))


def test_lines_go_down_one_row_per_step_on_any_shape() -> None:
    for height, width in ((3, 5), (6, 4)):
        for walk, side in ((4, 1), (5, -1)):
            steps = orders(height, width, 8)[walk].reshape(width, height)
            rows, columns = steps // width, steps % width
            assert torch.equal(rows, torch.arange(height).expand(width, -1))
            assert bool(((columns[:, 1:] - columns[:, :-1] - side) % width == 0).all())


def test_maps_that_inference_made_serve_training() -> None:
    with torch.inference_mode():
        there, back = orders(5, 13, 2), places(5, 13, 2)
    assert not there.is_inference()
    assert not back.is_inference()
    with torch.device("meta"):
        assert orders(13, 5, 2).device.type == "cpu"


def test_maps_are_made_once() -> None:
    assert orders(9, 11, 4) is orders(9, 11, 4)
    assert orders(9, 11, 4).data_ptr() != orders(11, 9, 4).data_ptr()


def test_other_numbers_of_directions_are_refused() -> None:
    with pytest.raises(ValueError, match="in 2, 4, 8 directions; found 6"):
        orders(4, 4, 6)
