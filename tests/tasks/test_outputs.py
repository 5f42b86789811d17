"""What each task makes of the numbers of a network: class numbers, confidence, probabilities, values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from swath.errors import PredictError
from swath.models import Card, CardBand, ClassLabel, Input, Layer, Output
from swath.scene.write import CogWriter, read_layers
from swath.tasks import OutputOptions, task_for
from swath.tasks.layers import colours_of
from swath.tasks.task import Answer

LAND = (
    ClassLabel(value=10, name="Tree cover", colour="#006400"),
    ClassLabel(value=80, name="Water", colour="#0064c8"),
    ClassLabel(value=50, name="Built-up"),
)
PAIR = (ClassLabel(value=0, name="same"), ClassLabel(value=1, name="changed"))


def card_of(task: Any, output: Output) -> Card:
    band = CardBand(name="B04", units="reflectance")
    return Card(name="small-net", task=task, inputs=(Input(bands=(band,)),), output=output)


def run(
    card: Card, logits: Any, options: OutputOptions, valid: Any = None, spread: Any = None
) -> Mapping[str, np.ndarray[Any, Any]]:
    task = task_for(card)
    outputs = task.activate(logits)[0].numpy()
    ok = np.ones(outputs.shape[1:], dtype=bool) if valid is None else valid
    arrays = task.finish(Answer(outputs, spread, ok), card, options)
    files = task.files(card, options)
    assert list(files) == list(arrays)
    for key, layers in files.items():
        assert arrays[key].shape == (len(layers), *ok.shape)
        assert all(arrays[key].dtype == layer.dtype for layer in layers)
    return arrays


def real_logits(shared_data: Path, count: int) -> torch.Tensor:
    """Logits made of real reflectances: one linear classifier per class over four bands."""
    with rasterio.open(shared_data / "oscd_s2_4band" / "pisa_t1.tif") as dataset:
        pixels = torch.from_numpy(dataset.read(window=((0, 96), (0, 131))).astype("float32"))
    weights = torch.linspace(-1, 1, count * 4).reshape(count, 4).sin() / 400
    return torch.einsum("kc,chw->khw", weights, pixels - pixels.mean((1, 2), keepdim=True))[None]


def test_segmentation_gives_class_numbers_confidence_and_probabilities(shared_data: Path) -> None:
    card = card_of("segmentation", Output(kind="classes", classes=LAND))
    logits = real_logits(shared_data, 3)
    valid = np.ones(logits.shape[2:], dtype=bool)
    valid[:7, 5:9] = False
    arrays = run(card, logits, OutputOptions(probabilities=True), valid)
    expected = torch.softmax(logits.double(), 1)[0].numpy()
    numbers = np.array([10, 80, 50])[expected.argmax(0)]
    np.testing.assert_array_equal(arrays[""][0][valid], numbers[valid])
    assert (arrays[""][0][~valid] == 255).all()
    assert len(np.unique(arrays[""])) == 4
    confidence, probabilities = arrays["confidence"], arrays["probabilities"]
    assert np.abs(confidence[0][valid] / 200 - expected.max(0)[valid]).max() <= 0.5 / 200 + 1e-6
    assert np.abs(probabilities[:, valid] / 250 - expected[:, valid]).max() <= 0.5 / 250 + 1e-6
    assert (confidence[:, ~valid] == 255).all()
    assert (probabilities[:, ~valid] == 255).all()
    exact = run(card, logits, OutputOptions(probabilities="float32"), valid)["probabilities"]
    np.testing.assert_allclose(exact[:, valid], expected[:, valid], atol=1e-6)
    assert np.isnan(exact[:, ~valid]).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_one_logit_of_change_becomes_two_classes_in_float32(dtype: torch.dtype) -> None:
    card = card_of("change", Output(kind="binary", classes=PAIR))
    likely = task_for(card).activate(torch.tensor([[-2.0, 0.0, 3.0]], dtype=dtype).reshape(1, 1, 1, 3))
    assert likely.dtype == torch.float32
    expected = 1 / (1 + np.exp([2.0, 0.0, -3.0]))
    np.testing.assert_allclose(likely[0, :, 0].numpy(), [1 - expected, expected], atol=1e-6)


def test_the_threshold_decides_and_confidence_is_that_of_the_answer() -> None:
    card = card_of("change", Output(kind="binary", classes=PAIR))
    logits = torch.logit(torch.tensor([0.2, 0.4, 0.5, 0.6])).reshape(1, 1, 1, 4)
    by_card = run(card, logits, OutputOptions())
    np.testing.assert_array_equal(by_card[""][0, 0], [0, 0, 0, 1])
    np.testing.assert_array_equal(by_card["confidence"][0, 0], [160, 120, 100, 120])
    lower = run(card, logits, OutputOptions(threshold=0.3))
    np.testing.assert_array_equal(lower[""][0, 0], [0, 1, 1, 1])
    np.testing.assert_array_equal(lower["confidence"][0, 0], [160, 80, 100, 120])
    two = card_of("change", Output(kind="classes", classes=PAIR))
    both = torch.cat([torch.zeros_like(logits), logits], 1)
    np.testing.assert_array_equal(run(two, both, OutputOptions(threshold=0.3))[""], lower[""])


def test_disagreement_is_the_second_layer_of_confidence() -> None:
    card = card_of("segmentation", Output(kind="classes", classes=LAND))
    logits = torch.zeros(1, 3, 2, 2)
    options = OutputOptions(spread=True)
    spread = np.array([[0.0, 0.1], [0.25, np.nan]], dtype=np.float32)
    arrays = run(card, logits, options, spread=spread)
    np.testing.assert_array_equal(arrays["confidence"][1], [[0, 20], [50, 255]])
    np.testing.assert_array_equal(run(card, logits, options)["confidence"][1], 0)
    assert "confidence" not in run(card, logits, OutputOptions(confidence=False, spread=True))


def test_what_is_not_a_number_is_nodata_without_a_warning() -> None:
    card = card_of("segmentation", Output(kind="classes", classes=LAND, activation="none"))
    numbers = torch.tensor([[0.2, float("nan")], [0.7, float("inf")]]).reshape(1, 2, 1, 2)
    numbers = torch.cat([numbers, torch.full((1, 1, 1, 2), 0.1)], 1)
    arrays = run(card, numbers, OutputOptions(probabilities=True))
    np.testing.assert_array_equal(arrays[""][0, 0], [80, 255])
    np.testing.assert_array_equal(arrays["probabilities"][:, 0, 1], 255)


def test_several_labels_at_once_have_a_layer_each() -> None:
    card = card_of("classification", Output(kind="labels", classes=LAND, activation="sigmoid"))
    logits = torch.logit(torch.tensor([[0.9, 0.1, 0.6], [0.2, 0.3, 0.4]])).T.reshape(1, 3, 2, 1)
    arrays = run(card, logits, OutputOptions())
    np.testing.assert_array_equal(arrays[""][:, :, 0], [[1, 0], [0, 0], [1, 0]])
    np.testing.assert_array_equal(arrays["confidence"][0, :, 0], [120, 120])
    assert [layer.name for layer in task_for(card).files(card, OutputOptions())[""]] == [one.name for one in LAND]


def test_tile_labels_are_a_coarse_map() -> None:
    card = card_of("classification", Output(kind="labels", classes=LAND))
    assert task_for(card).activate(torch.eye(3)).shape == (3, 3)
    logits = 9 * torch.eye(3).reshape(1, 3, 1, 3)
    np.testing.assert_array_equal(run(card, logits, OutputOptions())[""][0, 0], [10, 80, 50])


def test_regression_gives_values_in_units() -> None:
    layers = (Layer(name="height", units="metre", mean=12.0, std=4.0), Layer(name="cover", units="percent"))
    card = card_of("regression", Output(kind="values", layers=layers))
    outputs = torch.tensor([[-1.0, 0.5], [3.0, float("nan")]]).reshape(1, 2, 1, 2)
    arrays = run(card, outputs, OutputOptions(), valid=np.array([[True, True]]))
    np.testing.assert_array_equal(arrays[""][:, 0], [[8.0, 14.0], [3.0, np.nan]])
    files = task_for(card).files(card, OutputOptions())
    assert [layer.units for layer in files[""]] == ["metre", "percent"]
    alone = card_of("regression", Output(kind="values", layers=layers[:1]))
    spread = np.full((1, 2), 0.5, np.float32)
    told = run(alone, outputs[:, :1], OutputOptions(spread=True), spread=spread)
    np.testing.assert_array_equal(told["confidence"], 2.0)
    with pytest.raises(PredictError, match="goes with classes"):
        task_for(card).files(card, OutputOptions(probabilities=True))


def test_semantic_change_tells_from_and_to() -> None:
    card = card_of("semantic-change", Output(kind="semantic-change", classes=LAND))
    change = torch.tensor([-3.0, 3.0]).reshape(1, 1, 1, 2)
    before, after = (9 * torch.eye(3)[rows].T.reshape(1, 3, 1, 2) for rows in ([0, 0], [0, 1]))
    arrays = run(card, (change, before, after), OutputOptions(probabilities=True))
    np.testing.assert_array_equal(arrays[""][0, 0], [0, 1])
    np.testing.assert_array_equal(arrays["from"][0, 0], [10, 10])
    np.testing.assert_array_equal(arrays["to"][0, 0], [10, 80])
    assert len(arrays["confidence"]) == 3
    assert len(arrays["probabilities"]) == 8
    with pytest.raises(PredictError, match="three"):
        task_for(card).activate(change)


def test_embeddings_stay_as_they_are() -> None:
    card = card_of("embedding", Output(kind="embedding", dimensions=5))
    vectors = torch.arange(10.0).reshape(1, 5, 1, 2)
    np.testing.assert_array_equal(run(card, vectors, OutputOptions())[""], vectors[0])


def test_what_cannot_be_is_refused_in_words() -> None:
    card = card_of("segmentation", Output(kind="classes", classes=LAND))
    with pytest.raises(PredictError, match="3 apart"):
        task_for(card).files(card, OutputOptions(threshold=0.4))
    with pytest.raises(PredictError, match="between 0 and 1"):
        OutputOptions(threshold=1.0)
    with pytest.raises(PredictError, match="'float32'"):
        OutputOptions(probabilities="uint16")  # type: ignore[arg-type]  # what a person may write
    with pytest.raises(PredictError, match="detection"):
        task_for(card_of("detection", Output(kind="boxes", classes=LAND)))
    with pytest.raises(PredictError, match="2 tensors"):
        task_for(card).activate([torch.zeros(1, 3, 2, 2)] * 2)


@pytest.mark.parametrize(("highest", "dtype"), [(254, "uint8"), (255, "uint16"), (65534, "uint16"), (65535, "uint32")])
def test_nodata_is_never_a_class(highest: int, dtype: str) -> None:
    classes = (ClassLabel(value=0, name="low"), ClassLabel(value=highest, name="high"))
    card = card_of("segmentation", Output(kind="classes", classes=classes))
    (layer,) = task_for(card).files(card, OutputOptions())[""]
    assert layer.dtype == dtype
    assert layer.nodata == np.iinfo(dtype).max
    arrays = run(card, torch.tensor([[0.0], [1.0]]).reshape(1, 2, 1, 1), OutputOptions())
    assert arrays[""].item() == highest


def test_colours_are_the_cards_own_and_differ() -> None:
    many = tuple(ClassLabel(value=i, name=f"class {i}", colour="#0072b2" if i == 4 else None) for i in range(60))
    colours = colours_of(many)
    assert colours[4] == "#0072b2"
    assert len(set(colours.values())) == 60


def test_the_files_are_what_gdal_reads(shared_data: Path, tmp_path: Path) -> None:
    card = card_of("segmentation", Output(kind="classes", classes=LAND))
    arrays = run(card, real_logits(shared_data, 3), OutputOptions(probabilities=True))
    grid = GeoBox(arrays[""].shape[1:], rasterio.Affine(10, 0, 6e5, 0, -10, 4.8e6), "EPSG:32632")
    for key, layers in task_for(card).files(card, OutputOptions(probabilities=True)).items():
        path = tmp_path / f"map.{key}.tif"
        with CogWriter(path, grid, layers) as writer:
            writer.write(np.s_[0 : grid.shape.y, 0 : grid.shape.x], arrays[key])
        with rasterio.open(path) as dataset:
            np.testing.assert_array_equal(dataset.read(), arrays[key])
            assert dataset.nodata == 255
            if not key:
                assert dataset.colormap(1)[80] == (0x00, 0x64, 0xC8, 255)
                assert read_layers(path)[0].classes == {10: "Tree cover", 80: "Water", 50: "Built-up"}
            else:
                assert dataset.scales[0] == pytest.approx(1 / (200 if key == "confidence" else 250))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), row=st.integers(1, 19), column=st.integers(1, 16))
def test_parts_of_a_map_are_finished_as_the_whole_is(seed: int, row: int, column: int) -> None:
    card = card_of("segmentation", Output(kind="classes", classes=LAND))
    task, options = task_for(card), OutputOptions(probabilities=True, spread=True)
    rng = np.random.default_rng(seed)
    outputs = rng.dirichlet(np.ones(3), (20, 17)).astype(np.float32).transpose(2, 0, 1)
    spread, valid = rng.random((20, 17), dtype=np.float32), rng.random((20, 17)) > 0.2
    whole = task.finish(Answer(outputs, spread, valid), card, options)
    for rows in (slice(0, row), slice(row, 20)):
        for columns in (slice(0, column), slice(column, 17)):
            piece = Answer(outputs[:, rows, columns], spread[rows, columns], valid[rows, columns])
            part = task.finish(piece, card, options)
            for key, array in part.items():
                np.testing.assert_array_equal(array, whole[key][:, rows, columns])
