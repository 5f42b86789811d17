"""What is promised of a map: the whole-image forward, whatever the tiles, workers, devices, blocks and extent."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from shapely.geometry import box

import swath
from swath.errors import PredictError, WriteError
from swath.models.model import Model
from swath.predict import predict
from swath.predict.product import Product

from .toys import Box, Everywhere, in_float64, large, model, oscd, shown, whole_image


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWATH_CACHE", str(tmp_path_factory.mktemp("cache")))
        # Which precision is faster depends on the machine, and here digits are compared.
        patch.setattr("swath.predict.run.fitting_precision", lambda work: "float32")
        yield


@pytest.fixture(scope="module")
def scene(shared_data: Path) -> swath.Scene:
    """With a wedge and holes of nodata, and of no round size."""
    return large(shared_data, 423, 610)


@pytest.fixture(scope="module")
def unet(scene: swath.Scene) -> Model:
    return model("flat", scene)


@pytest.fixture(scope="module")
def boxes(scene: swath.Scene) -> Model:
    return model("box", scene)


@pytest.fixture(scope="module")
def wholes(scene: swath.Scene, unet: Model, boxes: Model) -> dict[str, NDArray[np.float32]]:
    return {"unet": whole_image(unet, scene, 8), "box": whole_image(boxes, scene, 1)}


def probabilities(product: Product, window: Any = None) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    classes, valid = product.read(window)
    return classes[0], product.read(window, "probabilities")[0], valid[0]


def check(
    product: Product, whole: NDArray[np.float32], scene: swath.Scene, window: Any = np.s_[:, :], rounding: float = 0.0
) -> None:
    """Equal classes everywhere, or where two are not level to `rounding`; probabilities within 1e-5, or that."""
    classes, likely, valid = probabilities(product)
    np.testing.assert_array_equal(valid, scene.read()[1][0].all(axis=0)[window])
    answer = whole[:, *window]
    assert np.abs(likely - answer)[:, valid].max() < max(1e-5, rounding)
    runner_up, best = np.sort(answer, axis=0)[-2:]
    clear = valid & (best - runner_up >= rounding)
    assert clear.sum() > 0.9999 * valid.sum()
    np.testing.assert_array_equal(classes[clear], answer.argmax(axis=0)[clear])


@pytest.mark.parametrize(
    ("name", "tile", "options"),
    [
        ("box", 256, {}),
        ("box", 384, {"workers": 1, "batch": 3}),
        ("box", 512, {"workers": 4}),
        ("box", 1024, {"workers": 2}),
        ("unet", 256, {"workers": 4}),
        ("unet", 384, {"workers": 1, "device": ["cpu", "cpu"]}),
    ],
)
def test_exact_equals_the_whole_image_forward(
    scene: swath.Scene,
    wholes: dict[str, NDArray[np.float32]],
    request: pytest.FixtureRequest,
    name: str,
    tile: int,
    options: dict[str, Any],
) -> None:
    own = request.getfixturevalue("unet" if name == "unet" else "boxes")
    product = predict(scene, own, exact=True, tile=tile, probabilities="float32", **options)
    check(product, wholes[name], scene)


@pytest.mark.long
@pytest.mark.parametrize("tile", [256, 384, 512, 1024])
@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("name", ["unet", "box"])
def test_exact_at_every_size_and_number_of_workers(shared_data: Path, name: str, tile: int, workers: int) -> None:
    scene = large(shared_data, 1500, 1300)
    own = model(name, scene)
    assert own.card.field == own.probe_field(effective=False)
    whole = whole_image(own, scene, 32 if name == "unet" else 1)
    product = predict(scene, own, exact=True, tile=tile, workers=workers, probabilities="float32")
    # Convolutions of tiles this large add up in another order than those of 512 px and of the whole do. No bound can be
    # tighter than what the whole-image forward itself loses to rounding, which is seen beside float64.
    lost = np.abs(whole - whole_image(in_float64(own), scene, 32)).max() if (name, tile) == ("unet", 1024) else 0.0
    check(product, whole, scene, rounding=float(lost))


@pytest.mark.parametrize("name", ["coarser", "finer"])
def test_exact_on_another_scale(scene: swath.Scene, name: str) -> None:
    own = model(name, scene)
    assert own.card.field is not None
    whole = whole_image(own, scene, own.card.field.stride)
    product = predict(scene, own, exact=True, tile=128, probabilities="float32")
    classes, likely, valid = probabilities(product)
    assert classes.shape == whole.shape[1:]
    np.testing.assert_array_equal(classes[valid], whole.argmax(axis=0)[valid])
    assert np.abs(likely - whole)[:, valid].max() < 1e-5
    seen = scene.read()[1][0].all(axis=0)
    if name == "finer":
        np.testing.assert_array_equal(valid, seen.repeat(2, 0).repeat(2, 1))
    else:
        padded = np.pad(seen.astype(float), ((0, -423 % 8), (0, -610 % 8)), constant_values=np.nan)
        share = np.nanmean(padded.reshape(53, 8, 77, 8), axis=(1, 3))
        np.testing.assert_array_equal(valid, share >= 0.5)


@pytest.fixture(scope="module")
def answers(scene: swath.Scene) -> dict[str, tuple[Model, dict[str, Any], NDArray[Any], NDArray[Any]]]:
    """For each way of stitching a model, its options, and the whole answer."""
    made = {}
    for name, options in (
        ("box", {"tile": 160}),
        ("everywhere", {"tile": 96, "overlap": 0.4}),
        ("coarser", {"tile": 64}),
    ):
        own = model(name, scene)
        product = predict(scene, own, probabilities="float32", **options)
        made[name] = (own, options, product.read()[0], product.read(key="probabilities")[0])
    return made


@given(data=st.data())
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_a_part_is_answered_as_the_whole_is(scene: swath.Scene, answers: Any, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(answers)))
    own, options, classes, likely = answers[name]
    spans = []
    for size in scene.grid.shape:
        start = data.draw(st.integers(0, size - 1))
        spans.append(slice(start, min(size, start + data.draw(st.integers(1, 250)))))
    window = (spans[0], spans[1])
    workers = data.draw(st.sampled_from([1, 2, 4]))
    cut = predict(scene.select(window=window), own, probabilities="float32", workers=workers, **options)
    asked = predict(scene, own, extent=window, probabilities="float32", **options)
    assert cut.grid == asked.grid
    scale = own.card.output.scale or 1
    out = tuple(slice(int(part.start * scale), -int(-part.stop * scale // 1)) for part in window)
    for product in (cut, asked) if data.draw(st.booleans()) else (cut,):
        everything = np.s_[0 : product.shape[0], 0 : product.shape[1]]
        np.testing.assert_array_equal(product.read(everything)[0], classes[:, *out])
        np.testing.assert_array_equal(product.read(everything, "probabilities")[0], likely[:, *out])


def test_blocks_workers_and_devices_change_no_digit_of_blended_maps(scene: swath.Scene, answers: Any) -> None:
    own, options, classes, likely = answers["everywhere"]
    other = predict(scene, own, probabilities="float32", device=["cpu", "cpu"], workers=4, **options)
    np.testing.assert_array_equal(other.read()[0], classes)
    np.testing.assert_array_equal(other.read(key="probabilities")[0], likely)
    part = np.s_[130:333, 77:200]
    np.testing.assert_array_equal(predict(scene, own, **options).read(part)[0], classes[:, *part])


def test_blending_is_smooth_where_trimming_would_leave_a_seam(scene: swath.Scene, answers: Any) -> None:
    own, _, _, likely = answers["everywhere"]
    tiles = predict(scene, own, probabilities="float32", tile=96, overlap=0).read(key="probabilities")[0]

    def jump(x: NDArray[Any]) -> float:
        steps = np.abs(np.diff(x, axis=2))
        return float(np.nanmean(steps[:, :, 95:96]) / np.nanmean(steps))

    assert jump(tiles) > 1.15
    assert jump(likely) < 1.1


def test_default_radius_leaves_nearly_all_classes(scene: swath.Scene, unet: Model, wholes: Any) -> None:
    assert unet.card.field is not None
    field = unet.card.field.model_copy(update={"effective_radius": 64, "bound": 1e-3})
    product = predict(scene, unet.with_card(field=field), tile=256)
    classes, valid = product.read()
    assert np.mean(classes[0][valid[0]] == wholes["unet"].argmax(axis=0)[valid[0]]) >= 0.999
    assert product.record is not None
    assert product.record["swath:plan"]["halo"] == 64
    assert product.record["swath:plan"]["bound"] == 1e-3


@cache
def small(name: str, folder: Path) -> Model:
    return model(name, oscd(folder), task="classification" if name == "labels" else "segmentation")


@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (40, 300), (129, 128), (128, 129), (257, 64), (1, 1)])
@pytest.mark.parametrize("name", ["box", "flat", "everywhere", "coarser", "finer", "labels"])
def test_odd_sizes_are_covered_fully(shared_data: Path, name: str, shape: tuple[int, int]) -> None:
    whole = oscd(shared_data)
    own = small(name, shared_data)
    own = own.with_card(tile={"size": 128, "multiple": own.card.tile.multiple})
    values, _ = whole.read(np.s_[50 : 50 + shape[0], 60 : 60 + shape[1]])
    scene = shown(values, GeoBox(shape, whole.grid.affine, whole.grid.crs))
    product = predict(scene, own, tile=128, probabilities="float32")
    _, likely, valid = probabilities(product)
    scale = own.card.output.scale or 1 / 128
    assert product.shape == tuple(-int(-size * scale // 1) for size in shape)
    assert valid.all()
    assert np.isfinite(likely).all()
    if name == "box":
        assert np.abs(likely - whole_image(own, scene, 1)).max() < 1e-5


def test_nodata_is_marked_and_looked_through(scene: swath.Scene, boxes: Model) -> None:
    values, valid = scene.read()
    assert 0.5 < valid.mean() < 0.99
    calls: list[int] = []

    class Counting(Box):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            calls.append(len(x))
            assert x.isfinite().all()
            return super().forward(x)

    network = Counting()
    network.load_state_dict(boxes.network.state_dict())
    # What is found out once, by running the network, is not to be counted.
    counted = replace(boxes.with_card(field=boxes.probe_field()), network=network)
    options = {"tile": 128, "batch": 1}
    empty = values.copy()
    empty[:, :, :, 300:] = np.nan
    half = shown(empty[0], scene.grid)
    classes, answered = predict(half, counted, **options).read()
    np.testing.assert_array_equal(answered[0], np.isfinite(empty[0]).all(axis=0))
    assert (classes[0][~answered[0]] == 255).all()
    full = len(calls)
    predict(scene, counted, **options).read()
    assert full < 0.6 * (len(calls) - full)
    nothing = shown(np.full_like(values[0], np.nan), scene.grid)
    assert not predict(nothing, boxes).read()[1].any()


def test_an_outline_is_an_extent_and_hides_nothing_from_the_network(scene: swath.Scene, boxes: Model) -> None:
    outline = box(*scene.grid[200:400, 100:333].boundingbox.bbox).centroid.buffer(0.008)
    product = predict(scene, boxes, extent=outline, tile=128)
    part = scene.select(geometry=outline)
    rows, columns = (slice(o, o + s) for o, s in zip(part.origin, part.grid.shape, strict=True))
    assert product.grid == part.grid
    whole, valid = predict(scene, boxes, tile=128).read()
    classes, inside = product.read()
    np.testing.assert_array_equal(inside[0], part.read()[1][0].all(axis=0))
    assert 0 < inside.mean() < valid[:, rows, columns].mean()
    np.testing.assert_array_equal(classes[inside], whole[:, rows, columns][inside])


def test_labels_are_a_coarse_map(scene: swath.Scene) -> None:
    own = model("labels", scene, task="classification").with_card(tile={"size": 64})
    product = predict(scene, own, probabilities="float32")
    assert product.shape == (7, 10)
    assert product.grid.resolution.x == pytest.approx(64 * scene.grid.resolution.x)
    _, likely, valid = probabilities(product)
    values, seen = scene.read(np.s_[320:384, 512:576])
    assert seen.all()
    expected = torch.softmax(own(own.normalise(values[None], seen[None])), 1)[0]
    np.testing.assert_allclose(likely[:, 5, 8], expected, atol=1e-6)
    share = np.pad(scene.read()[1][0].all(axis=0)[:384, :576].reshape(6, 64, 9, 64).mean((1, 3)), 0)
    np.testing.assert_array_equal(valid[:6, :9], share >= 0.5)
    finer = predict(scene, own, overlap=48)
    assert finer.shape == (27, 39)


def test_flips_and_turns_are_averaged_and_their_disagreement_told(scene: swath.Scene, shared_data: Path) -> None:
    own = model("finer", scene)
    part = np.s_[300:400, 400:470]
    product = predict(scene, own, tta=True, tile=96, probabilities="float32")
    likely = product.read(key="probabilities")[0]
    values, _ = scene.read()
    views = []
    for flip in (False, True):
        for turns in range(4):
            seen = np.rot90(values[:, :, :, ::-1] if flip else values, turns, (2, 3)).copy()
            turned = shown(seen[0], GeoBox(seen.shape[2:], scene.grid.affine, scene.grid.crs))
            answer = np.rot90(whole_image(own, turned, 1), -turns, (1, 2))
            views.append(answer[:, :, ::-1] if flip else answer)
    out = np.s_[600:800, 800:940]
    mean = np.mean(views, axis=0)
    valid = product.read(out)[1][0]
    assert part[0].start * 2 == out[0].start
    assert np.abs(likely[:, *out] - mean[:, *out])[:, valid].max() < 1e-5
    names = [layer.name for layer in product.files["confidence"]]
    disagreement = product.read(out, "confidence")[0][names.index("disagreement")]
    best = np.take_along_axis(np.ptp(views, axis=0), mean.argmax(axis=0)[None], 0)[0]
    assert np.abs(disagreement - best[out])[valid].max() < 0.006
    assert "disagreement" not in [layer.name for layer in predict(scene, own).files["confidence"]]


def test_a_pair_of_dates_is_compared(shared_data: Path) -> None:
    class Difference(torch.nn.Module):
        def forward(self, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
            return (after - before).abs().mean(1, keepdim=True) * 40 - 2

    pair = oscd(shared_data, "pisa", 1, 2)
    own = Model.wrap(Difference(), task="change", like=pair)
    classes, valid = predict(pair, own).read()
    values, _ = pair.read()
    expected = np.abs(values[1] - values[0]).mean(axis=0) * 40 - 2 > 0
    assert valid.all()
    assert 0.02 < expected.mean() < 0.98
    assert np.mean(classes[0].astype(bool) == expected) > 0.9999


def test_files_are_cogs_on_the_scenes_grid(scene: swath.Scene, boxes: Model, tmp_path: Path) -> None:
    path = tmp_path / "map.tif"
    steps: list[Any] = []
    product = predict(scene, boxes, extent=np.s_[100:400, 200:600], out=path, progress=steps.append)
    with rasterio.open(path) as dataset:
        assert dataset.transform == scene.grid[100:400, 200:600].affine
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert product.record is not None
    assert product.record["swath:run"]["blocks"] == steps[-1].done == steps[-1].total
    assert steps[-1].remaining == 0
    assert steps[-1].rate > 0
    assert steps[-1].memory > 2**20
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]
    with pytest.raises(WriteError, match="exists already"):
        predict(scene, boxes, out=path)


def test_a_network_that_gives_something_else_is_told_so(scene: swath.Scene) -> None:
    own = model("everywhere", scene)

    class Smaller(Everywhere):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x)[..., 1:, 1:]

    with pytest.raises(PredictError, match=r"gave \(63, 63\) px for a tile"):
        predict(scene, replace(own, network=Smaller()), tile=64).read()


def test_wrong_options_are_refused(scene: swath.Scene, boxes: Model) -> None:
    with pytest.raises(PredictError, match="made for segmentation, not for regression"):
        predict(scene, boxes, task="regression")
    with pytest.raises(PredictError, match="precision='float16'"):
        predict(scene, boxes, precision="float16")  # type: ignore[arg-type]
    with pytest.raises(PredictError, match="device=cuda:7 cannot be used"):
        predict(scene, boxes, device="cuda:7").read()
