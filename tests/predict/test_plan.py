"""Geometry of plans: every pixel kept once, every halo wide enough, nothing that depends on the extent."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from swath.errors import PredictError
from swath.models.card import Card, CardBand, ClassLabel, Input, Output, ReceptiveField, TileRule
from swath.predict.axis import Axis
from swath.predict.plan import Plan

LABELS = (ClassLabel(value=0, name="land"), ClassLabel(value=1, name="water"))


def card(
    *, field: ReceptiveField | None = None, size: int = 64, multiple: int = 1, fixed: bool = False, scale: object = 1
) -> Card:
    labels = scale is None
    return Card(
        name="test-net",
        task="classification" if labels else "segmentation",
        inputs=(Input(bands=(CardBand(name="red", units="reflectance"),)),),
        output=Output(kind="labels" if labels else "classes", classes=LABELS, scale=scale),
        field=field,
        tile=TileRule(size=size, multiple=multiple, fixed=fixed),
    )


def grid(height: int, width: int) -> GeoBox:
    return GeoBox((height, width), Affine(10, 0, 600_000, 0, -10, 5_000_000), "EPSG:32631")


def finite(radius: int, stride: int = 1) -> ReceptiveField:
    return ReceptiveField(radius=radius, halo=-(-radius // stride) * stride, stride=stride)


EVERYTHING = ReceptiveField(radius=None, reason="it sees the whole tile, from attention (Attention) on")

steps = st.sampled_from([1, 2, 8, 32])


@st.composite
def trimmed(draw: st.DrawFn) -> tuple[Axis, int, int]:
    step = draw(steps)
    halo = step * draw(st.integers(0, 70 // step))
    tile = 2 * halo + step * draw(st.integers(1, 200 // step))
    size = draw(st.one_of(st.integers(1, 900), st.sampled_from([1, tile - 1, tile, tile + 1, tile + step])))
    return Axis.trimmed(max(size, 1), tile, halo, step), halo, step


@st.composite
def blended(draw: st.DrawFn) -> tuple[Axis, int]:
    step = draw(steps)
    tile = step * draw(st.integers(1, 12))
    overlap = draw(st.integers(0, tile - 1))
    size = draw(st.one_of(st.integers(1, 900), st.sampled_from([1, tile - 1 or 1, tile, tile + 1])))
    return Axis.blended(size, tile, overlap, step), step


@given(trimmed())
@settings(deadline=None)
def test_trimmed_cells_partition_the_axis_and_see_enough(case: tuple[Axis, int, int]) -> None:
    axis, halo, step = case
    padded = -(-axis.size // step) * step
    assert axis.edges[0] == 0
    assert axis.edges[-1] == axis.size
    assert all(a < b for a, b in zip(axis.edges, axis.edges[1:], strict=False))
    assert axis.starts[-1] + axis.tile == padded
    for k, start in enumerate(axis.starts):
        assert start % step == 0
        assert axis.edges[k] % step == 0
        assert axis.edges[k] - start >= halo or start == 0
        assert start + axis.tile - axis.edges[k + 1] >= halo or start + axis.tile == padded
        assert list(axis.sources(k)) == list(axis.targets(k)) == [k]


@given(blended())
@settings(deadline=None)
def test_blended_tiles_cover_and_their_weights_never_vanish(case: tuple[Axis, int]) -> None:
    axis, step = case
    total = np.zeros(axis.size)
    for k, start in enumerate(axis.starts):
        assert start % step == 0
        assert start <= axis.edges[k] < axis.edges[k + 1] <= start + axis.tile
        weights = axis.weights(axis.tile)
        stop = min(start + axis.tile, axis.size)
        if axis.overlap:
            total[start:stop] += weights[: stop - start]
            assert [t for t in range(len(axis)) if k in axis.targets(t)] == list(axis.sources(k))
            touching = [m for m, s in enumerate(axis.starts) if s < axis.edges[k + 1] and s + axis.tile > axis.edges[k]]
            assert list(axis.sources(k)) == touching
        else:
            total[axis.edges[k] : axis.edges[k + 1]] += 1
    assert total.min() > 0


@given(st.integers(1, 600), st.integers(1, 64), st.floats(0, 0.9))
@settings(deadline=None)
def test_each_label_is_given_by_a_tile_inside_the_grid_that_holds_its_cell(size: int, tile: int, share: float) -> None:
    stride = max(1, tile - int(share * tile))
    axis = Axis.labelled(size, tile, stride)
    assert len(axis) == -(-size // stride)
    for k, start in enumerate(axis.starts):
        assert 0 <= start <= axis.edges[k] < axis.edges[k + 1] <= start + tile
        assert start + tile <= max(size, tile)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    height, width = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    scale = draw(st.sampled_from([Fraction(1), Fraction(2), Fraction(1, 8), None]))
    field = draw(st.sampled_from([finite(0), finite(5), finite(16, 8), EVERYTHING, None]))
    one = card(
        field=field, size=draw(st.sampled_from([16, 48, 64])), multiple=draw(st.sampled_from([1, 16])), scale=scale
    )
    return Plan.of(grid(height, width), one)


@st.composite
def parts(draw: st.DrawFn) -> tuple[Plan, Plan]:
    whole = draw(plans())
    spans = []
    for size in whole.grid.shape:
        start = draw(st.integers(0, size - 1))
        spans.append(slice(start, draw(st.integers(start + 1, size))))
    return whole, whole.within((spans[0], spans[1]))


@given(parts())
@settings(max_examples=200, deadline=None)
def test_an_extent_takes_tiles_of_the_whole_and_moves_none(case: tuple[Plan, Plan]) -> None:
    whole, part = case
    assert set(part.tiles()) <= set(whole.tiles())
    assert set(part.cells) <= set(whole.cells)
    count = np.zeros(whole.whole.shape, dtype=int)
    for cell in part.cells:
        assert cell in list(part.sources(cell))
        count[part.cell_out(cell)] += 1
    assert count[part.window].min() == count[part.window].max() == 1
    assert part.out.shape == count[part.window].shape
    for tile in part.tiles():
        assert part.read_window(tile) == whole.read_window(tile)
        read = part.read_window(tile)
        assert (read[0].stop - read[0].start, read[1].stop - read[1].start) == whole.shape
    if whole.grid.shape != (1, 1) and part.extent != whole.extent:
        assert part.describe() != whole.describe()


@given(parts())
@settings(deadline=None)
def test_the_answers_grid_lies_on_the_scenes(case: tuple[Plan, Plan]) -> None:
    whole, part = case
    factor = float(1 / whole.scale)
    top, left = part.window[0].start, part.window[1].start
    x, y = part.out.affine @ (0, 0)
    assert (x, y) == pytest.approx(whole.grid.affine @ (left * factor, top * factor))
    assert part.out.resolution.x == pytest.approx(10 * factor)


def test_a_tile_full_of_halo_is_enlarged() -> None:
    exact = Plan.of(grid(4000, 4000), card(field=finite(300, 32), size=256, multiple=32), tile=256, exact=True)
    assert exact.shape == (896, 896)
    assert exact.bound == 0
    auto = Plan.of(grid(4000, 4000), card(field=finite(100, 32), size=512, multiple=32))
    assert auto.shape == (768, 768)
    assert Plan.of(grid(4000, 4000), card(field=finite(16), size=512)).shape == (512, 512)


def test_the_effective_radius_is_the_default_and_said() -> None:
    field = ReceptiveField(radius=197, halo=200, effective_radius=40, bound=1e-3, stride=8)
    plan = Plan.of(grid(2000, 2000), card(field=field, size=512, multiple=8))
    assert (plan.halo, plan.bound) == (40, 1e-3)
    assert Plan.of(grid(2000, 2000), card(field=field, size=512, multiple=8), exact=True).halo == 200
    assert "0.001" in plan.describe()["why"]


@pytest.mark.parametrize(
    ("field", "options", "says"),
    [
        (EVERYTHING, {"exact": True}, "exact=True needs a finite receptive field.*attention.*stitch='blend'"),
        (None, {"stitch": "trim"}, "not measured"),
        (finite(5), {"exact": True, "stitch": "blend"}, "blends nothing"),
        (finite(5), {"overlap": 8}, "overlap= goes with blending"),
        (EVERYTHING, {"overlap": 64}, "overlap of 64 does not fit tiles of 64"),
        (finite(5), {"extent": np.s_[0:10, 90:120]}, "90:120 is not within 0:100"),
    ],
)
def test_contradictions_are_refused(field: ReceptiveField | None, options: dict[str, object], says: str) -> None:
    with pytest.raises(PredictError, match=says):
        Plan.of(grid(100, 100), card(field=field), **options)  # type: ignore[arg-type]


def test_a_network_of_one_size_is_given_that_size() -> None:
    one = card(field=EVERYTHING, size=64, fixed=True)
    assert Plan.of(grid(20, 300), one).shape == (64, 64)
    with pytest.raises(PredictError, match="leave out tile=32"):
        Plan.of(grid(20, 300), one, tile=32)
    with pytest.raises(PredictError, match="no tile has a core"):
        Plan.of(grid(300, 300), card(field=finite(32), size=64, fixed=True))
    assert Plan.of(grid(60, 60), card(field=finite(32), size=64, fixed=True)).tiles() == [(0, 0)]
