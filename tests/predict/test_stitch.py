"""Parts of tiles become cells: in any order, with bounded memory."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from swath.errors import WriteError
from swath.models.card import Card, CardBand, ClassLabel, Input, Output, TileRule
from swath.predict.forward import Answer
from swath.predict.plan import Plan
from swath.predict.shelf import Shelf
from swath.predict.stitch import Stitcher

CARD = Card(
    name="test-net",
    task="segmentation",
    inputs=(Input(bands=(CardBand(name="red", units="reflectance"),)),),
    output=Output(kind="classes", classes=(ClassLabel(value=0, name="a"), ClassLabel(value=1, name="b"))),
    tile=TileRule(size=16),
)
GRID = GeoBox((40, 28), Affine(10, 0, 0, 0, -10, 0), "EPSG:32631")


def merged(plan: Plan, order: list[tuple[int, int]], room: int = 10**9) -> tuple[np.ndarray, np.ndarray]:
    """The whole, of tiles that each say their own number; one tile says nothing."""
    stitcher = Stitcher(plan, CARD, plan.cells, room=room)
    whole = np.full((2, *plan.whole.shape), np.nan, dtype=np.float32)
    spread = np.full(plan.whole.shape, np.nan, dtype=np.float32)
    for tile in order:
        rng = np.random.default_rng(tile)
        mean = rng.random((1, *plan.shape), dtype=np.float32)
        answer = None if tile == (0, 0) else Answer(np.concatenate([mean, 1 - mean]))
        own = plan.cell_out(tile)
        valid = np.ones((own[0].stop - own[0].start, own[1].stop - own[1].start), dtype=bool)
        for cell in stitcher.add(tile, answer, valid & (answer is not None)):
            if cell.outputs is not None:
                whole[:, *plan.cell_out(cell.index)] = cell.outputs
                if cell.spread is not None:
                    spread[plan.cell_out(cell.index)] = cell.spread
    return whole, spread


@given(st.randoms(use_true_random=False), st.sampled_from([0, 20_000, 10**9]), st.sampled_from([4, 8, 11]))
@settings(deadline=None, max_examples=30)
def test_the_order_of_tiles_and_the_room_change_no_digit(random: object, room: int, overlap: int) -> None:
    plan = Plan.of(GRID, CARD, overlap=overlap)
    order = plan.tiles()
    expected = merged(plan, order)
    shuffled = list(order)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found = merged(plan, shuffled, room)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_a_merged_pixel_lies_between_what_was_said_and_its_spread_says_how_far() -> None:
    plan = Plan.of(GRID, CARD, overlap=8)
    whole, spread = merged(plan, plan.tiles())
    told = np.full((len(plan.tiles()), *plan.whole.shape), np.nan, dtype=np.float32)
    for number, tile in enumerate(plan.tiles()):
        rows, columns = plan.tile_out(tile)
        mean = np.random.default_rng(tile).random((1, *plan.shape), dtype=np.float32)[0]
        if tile != (0, 0):
            told[number, rows, columns] = mean[
                : min(rows.stop, 40) - rows.start, : min(columns.stop, 28) - columns.start
            ]
    answered = np.isfinite(whole[0])
    low, high = np.nanmin(told[:, answered], axis=0), np.nanmax(told[:, answered], axis=0)
    assert (whole[0][answered] >= low - 1e-6).all()
    assert (whole[0][answered] <= high + 1e-6).all()
    np.testing.assert_allclose(np.nan_to_num(spread[answered]), high - low, atol=1e-6)
    np.testing.assert_allclose(whole[:, answered].sum(axis=0), 1, atol=1e-5)


def test_cells_come_as_soon_as_their_last_tile() -> None:
    plan = Plan.of(GRID, CARD, overlap=8)
    stitcher = Stitcher(plan, CARD, plan.cells)
    answer = Answer(np.full((2, 16, 16), 0.5, dtype=np.float32))
    seen = []
    for number, tile in enumerate(plan.tiles()):
        own = plan.cell_out(tile)
        valid = np.ones((own[0].stop - own[0].start, own[1].stop - own[1].start), dtype=bool)
        for cell in stitcher.add(tile, answer, valid):
            seen.append(cell.index)
            assert max(plan.sources(cell.index)) == tile
            assert number == plan.tiles().index(tile)
    assert sorted(seen) == plan.cells


def test_a_shelf_gives_back_what_it_was_given_and_uses_places_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.random((2, n, 50), dtype=np.float32) for n in (10, 300, 3, 2000)]
    for order in permutations(range(4)):
        shelf = Shelf(5200, tmp_path)
        tickets = [shelf.put(array) for array in arrays]
        assert [ticket.array is None for ticket in tickets] == [False, True, False, True]
        for k in order:
            np.testing.assert_array_equal(shelf.take(tickets[k]), arrays[k])
    shelf = Shelf(0, tmp_path)
    starts = {shelf.put(arrays[0]).start for _ in range(3)}
    assert len(starts) == 3
    first = shelf.put(arrays[1])
    shelf.take(first)
    assert shelf.put(arrays[1]).start == first.start
    assert list(tmp_path.iterdir()) == []


def test_a_shelf_on_no_disk_says_so(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="folder does not exist"):
        Shelf(0, tmp_path / "gone").put(np.ones((1, 2, 2), dtype=np.float32))
