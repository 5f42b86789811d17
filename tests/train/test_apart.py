"""From images with a series on its own grid and days to a map: learnt, validated, scored, predicted by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import swath
from swath.errors import CardError, MatchError, TrainError
from swath.models import registry
from swath.train.beside import beside_of
from swath.train.compose import compose
from swath.train.fit import made_ready
from tests.cli.running import run
from tests.data_room.apart import SAID, pairs_and_series, photo_and_series

from .making import BANDS, QUICK, SENSOR

SMALL: dict[str, Any] = {
    "width": 4,
    "exchanges": [1, 1, 1],
    "blocks": 1,
    "series_widths": [8, 8],
    "series_decoder_widths": [8, 8],
    "inner": 16,
    "heads": 2,
}
FUSU: dict[str, Any] = {**QUICK, "network": "fusu", "options": SMALL, "steps": 1, "validations": 1, **SAID}


class Growth(nn.Module):
    """A photograph, and how much a coarse series changes from one of its days to the next, by the days between."""

    def __init__(self, in_channels: int = 3, classes: int = 1, growth_channels: int = 2) -> None:
        super().__init__()
        self.photo = nn.Conv2d(in_channels, classes, 3, padding=1)
        self.growth = nn.Conv2d(growth_channels, classes, 1)

    def forward(self, photo: Tensor, growth: Tensor, growth_days: Tensor) -> Tensor:
        """`[B, C, H, W]`, `[B, T, S, h, w]`, `[T]` or `[B, T]` -> `[B, classes, H, W]`."""
        days = growth_days.expand(len(growth), growth.shape[1])
        rate = growth.diff(dim=1) / days.diff(dim=1)[..., None, None, None] * 100
        return self.photo(photo) + functional.interpolate(self.growth(rate.mean(1)), photo.shape[-2:])


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    registry.names()
    entry = registry.Entry("growth", Growth, "Growth", ("segmentation",))
    monkeypatch.setitem(registry._ENTRIES, "growth", entry)


def test_a_step_reaches_every_parameter_of_a_pair_and_a_series(own_data: Path, tmp_path: Path) -> None:
    folder = pairs_and_series(own_data, tmp_path / "paris", classes=True)
    fields = compose(folder, None, {**FUSU, "augment": {"clouds": 0.5, "shift": 1}})
    loop = made_ready(fields, tmp_path / "land.swath", resume=False, overwrite=False, tell=None)
    (skill,) = loop.skills
    pair, series = skill.card.inputs
    assert (pair.name, pair.dates.given, series.name, series.dates.days) == ("image", "arguments", "s2", "series_days")
    assert (series.dates.min, series.dates.max) == (2, 3)
    assert [band.name for band in series.bands] == ["B04", "B08"]
    assert series.gsd.nominal / pair.gsd.nominal == pytest.approx(4)
    assert skill.card.tile.multiple == 4
    data = skill.one.dataset
    values = np.concatenate([data.sample(item).beside[0].image[:, 1].ravel() for item in skill.one.train])
    assert series.bands[1].normalisation.mean == pytest.approx(values.mean(), rel=0.01)

    network: Any = loop.network
    loss = skill.loss(network, loop.draw.batch_of(0), torch.device("cpu"), 0.0)
    loss.backward()
    idle = [name for name, one in network.named_parameters() if one.grad is None or not one.grad.abs().sum() > 0]
    assert not idle
    # Places that were seen on other numbers of days make one batch.
    samples = [data.sample(data[name]) for name in ("tile_0_0", "tile_1_1")]
    inputs, told = beside_of(skill.model, samples, torch.device("cpu"))
    assert tuple(inputs[0].shape) == (2, 2, 2, 16, 16)
    assert told["series_days"].tolist() == [one.beside[0].days[[0, -1]].tolist() for one in samples]


def test_a_saved_file_predicts_on_scenes_by_name(own_data: Path, tmp_path: Path) -> None:
    folder = pairs_and_series(own_data, tmp_path / "paris", classes=True)
    report = swath.train(folder, out=tmp_path / "land.swath", **FUSU)
    assert np.isfinite(report.skills[0].scores[report.skills[0].headline])
    model = swath.load(str(report.model))
    data = swath.data.open(folder, **SAID)
    item = data["tile_2_1"]
    pair = swath.open(*item.images, sensor=SENSOR, bands=BANDS, dates=["2015-08-01", "2018-08-01"])
    series = swath.open(*item.apart[0], sensor=SENSOR)
    product = swath.predict({"s2": series, "image": pair}, model, precision="float32", probabilities="float32")
    found, _ = product.read(None, "probabilities")

    sample = data.sample(item)
    beside = sample.beside[0]
    fine = model.normalise(sample.image[None])
    coarse = model.normalise(beside.image[None], which=1)
    days = torch.from_numpy(beside.days)

    def direct(days: Tensor) -> np.ndarray[Any, Any]:
        with torch.inference_mode():
            change, before, after = model.network.eval()(*fine.unbind(1), coarse, days, task="semantic-change")
        return torch.cat([change.sigmoid(), *(one.softmax(1) for one in (before, after))], 1)[0].numpy()

    expected = direct(days)
    height, width = found.shape[-2:]
    np.testing.assert_allclose(found[-expected.shape[0] :], expected[:, :height, :width], atol=2e-3)
    assert np.abs(direct(days * 3) - expected).max() > 1e-4, "the days of the series reach the network"

    told = ["--bands", ",".join(BANDS), "--sensor", f"image={SENSOR},s2={SENSOR}", "-m", report.model]
    paths = ",".join(map(str, item.apart[0]))
    result = run("predict", *item.images, "--input", f"s2={paths}", *told, "-o", tmp_path / "land.tif")
    assert result.exit_code == 0, result.stderr
    np.testing.assert_array_equal(swath.open(tmp_path / "land.tif").read()[0][0], product.read(None)[0])

    with pytest.raises(MatchError, match=r"takes the inputs image, s2, and scenes are given for \['image'\]"):
        swath.predict({"image": pair}, model)
    undated = [path.rename(path.with_name(f"{k}.tif")) for k, path in enumerate(item.apart[0])]
    with pytest.raises(MatchError, match=r"s2 .*: the network is told its days, and not all dates are known"):
        swath.predict({"image": pair, "s2": swath.open(*undated, sensor=SENSOR)}, model)


def test_a_photograph_and_a_series_from_labels_to_a_map(registered: None, shared_data: Path, tmp_path: Path) -> None:
    folder = photo_and_series(tmp_path / "forest", shared_data, dates=3)
    bands = ["B02", "B03", "B04", "B08", "B05", "B06", "B07", "B8A", "B11", "B12"]
    sensor = {"s2": "sentinel-2-l2a@pre-04.00"}
    read = {"apart": ["s2"], "sensor": sensor, "bands": {"s2": bands}}
    said = {**read, "task": "segmentation"}
    short = {**QUICK, "network": "growth", "crop": 64, "reach": True, "steps": 2, "validations": 1}
    out = tmp_path / "dark.swath"
    swath.train(folder, out=out, val=["part_1"], test=["part_2"], classes=["bright", "dark"], **short, **said)
    model = swath.load(str(out))
    assert model.card.tile.multiple == 50
    assert model.card.told == ("growth_days",)
    field = model.card.field
    assert field is not None
    assert field.radius is not None
    assert 49 <= field.radius <= 51
    files = sorted((folder / "s2").glob("part_2*.tif"))
    photo = folder / "aerial/part_2.tif"
    series = swath.open(*files, sensor=sensor["s2"], bands=bands)
    scenes = {"image": swath.open(photo), "s2": series}
    whole, valid = swath.predict(scenes, model, precision="float32").read(None)
    assert valid.all()
    tiled, _ = swath.predict(scenes, model, precision="float32", tile=50, exact=True).read(None)
    np.testing.assert_array_equal(tiled, whole)
    scored = swath.evaluate(model, folder, split="all", bootstrap=0, open_with={**read, "classes": ["bright", "dark"]})
    assert len(scored.scenes) == 4
    assert scored.pooled["accuracy"] >= 0


def test_what_cannot_be_trained_is_said(registered: None, own_data: Path, tmp_path: Path) -> None:
    folder = pairs_and_series(own_data, tmp_path / "paris")
    short = {**QUICK, "steps": 1, **SAID}
    with pytest.raises(
        TrainError, match=r"takes 2 images \(before, after\) and none for s2, kept apart; leave out apart="
    ):
        swath.train(folder, out=tmp_path / "no.swath", **{**short, "network": "tinycd"})
    options = {**SMALL, "series_channels": 5}
    with pytest.raises(CardError, match="the network does not take"):
        swath.train(folder, out=tmp_path / "no.swath", **{**FUSU, "options": options})
    result = run("data", "inspect", folder, "--apart", "s3", "--task", "change")
    assert result.exit_code == 1
    assert "--apart names s3, and no file or folder is called so" in " ".join(result.stderr.split())
    assert not (tmp_path / "no.swath").exists()
