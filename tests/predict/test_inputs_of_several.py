"""Networks of several inputs on grids of their own: predicted from files, recorded, and made again from the record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from typer.testing import CliRunner

import swath
from swath.cli import app
from swath.errors import MatchError, PredictError
from swath.models import Card, CardBand, ClassLabel, GsdRule, Input, Output, ReceptiveField, TileRule, registry
from swath.models.model import Model
from swath.predict import predict
from swath.predict.match import match
from swath.predict.product import Product
from swath.predict.verify import again, rebuild, verify
from swath.scene.export import save_scene
from swath.scene.write.record import record_path

from .toys import CLASSES, SENSOR

Values = NDArray[Any]
Pair = tuple[swath.Scene, swath.Scene]
EXACT: dict[str, Any] = {"exact": True, "tile": 96, "precision": "float32"}


class Slopes(nn.Module):
    """Colours and slopes: the second input is coarser, by whatever factor."""

    def __init__(self) -> None:
        super().__init__()
        self.colour, self.slope = nn.Conv2d(4, len(CLASSES), 3, padding=1), nn.Conv2d(1, len(CLASSES), 3, padding=1)

    def forward(self, image: Tensor, heights: Tensor) -> Tensor:
        slope = functional.interpolate(self.slope(heights), image.shape[-2:])
        return torch.add(self.colour(image), slope)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = registry.Entry("slopes", Slopes, "Slopes", ("segmentation",))
    registry.names()
    monkeypatch.setitem(registry._ENTRIES, "slopes", entry)


def paris(folder: Path) -> Pair:
    """Four bands, and the near infrared of three years later at half the resolution, in the place of heights."""
    with rasterio.open(folder / "paris_2018.tif") as source:
        finer, profile = source.read(4), source.profile
        coarse = finer.reshape(128, 2, 128, 2).mean(axis=(1, 3), dtype=np.float32)
        own = {"height": 128, "width": 128, "count": 1, "dtype": "float32", "nodata": None}
        profile.update(transform=source.transform @ Affine.scale(2), **own)
    path = folder / "heights.tif"
    with rasterio.open(path, "w", **profile) as target:
        target.write(coarse, 1)
    heights = swath.open(path, bands=[swath.Band(name="elevation", units="metre")])
    return swath.open(folder / "paris_2015.tif", sensor=SENSOR), heights


def forest(folder: Path) -> Pair:
    """Bands of the Amazon, and heights on the same grid, which the network takes at a third of the resolution."""
    optical = swath.open(folder / "sen2.tif", sensor="sentinel-2-l2a@values")
    return optical, swath.open(folder / "srtm_sen2.tif", sensor="dem-srtm@values", bands=["elevation"])


@pytest.fixture
def home(tmp_path: Path, own_data: Path) -> Path:
    """A folder that can be moved as a whole."""
    (tmp_path / "home").mkdir()
    for name in ("paris_2015.tif", "paris_2018.tif"):
        (tmp_path / "home" / name).write_bytes((own_data / name).read_bytes())
    return tmp_path / "home"


def model_for(scenes: Pair, ratio: int) -> Model:
    """The network and its card, such that each of the inputs decides about classes."""
    bands = tuple(CardBand.of(band) for band in scenes[0].select(bands=["B02", "B03", "B04", "B08"]).bands)
    rule = GsdRule(nominal=10 * ratio, min=5, max=90)
    elevation = Input(name="heights", bands=(CardBand(name="elevation", units="metre"),), gsd=rule)
    card = Card(
        name="slopes",
        task="segmentation",
        inputs=(Input(name="image", bands=bands, gsd=GsdRule.around(10.0)), elevation),
        output=Output(kind="classes", classes=tuple(ClassLabel(value=k, name=name) for k, name in enumerate(CLASSES))),
        tile=TileRule(size=96, multiple=2 * ratio),
        field=ReceptiveField(radius=2 * ratio, halo=2 * ratio, stride=ratio),
    )
    torch.manual_seed(3)
    own = Model.build("slopes", card=card)
    spreads = [float(np.nanstd(scene.read()[0])) for scene in scenes]
    with torch.no_grad():
        for name, spread in zip(("colour", "slope"), spreads, strict=True):
            weight = own.network.get_parameter(f"{name}.weight")
            weight.sub_(weight.mean(dim=(1, 2, 3), keepdim=True)).div_(spread / 5)
    return own


def direct(own: Model, image: Values, heights: Values, ratio: int) -> Values:
    """Class numbers by one forward of the whole."""
    height, width = image.shape[-2:]
    rows, columns = -height % ratio, -width % ratio
    x = functional.pad(torch.from_numpy(image)[None, None], (0, columns, 0, rows))
    scores = own(x, torch.from_numpy(heights)[None, None])[0]
    return np.asarray(scores.argmax(0).numpy()[:height, :width])


def classes_of(product: Product) -> Values:
    values, valid = product.read()
    assert valid.all()
    return np.asarray(values[0])


def test_it_is_the_forward_of_the_whole(home: Path) -> None:
    image, heights = scenes = paris(home)
    own = model_for(scenes, 2)
    found = classes_of(predict(scenes, own, **EXACT))
    expected = direct(own, image.read()[0][0], heights.read()[0][0], 2)
    np.testing.assert_array_equal(found, expected)
    assert np.unique(found).size == len(CLASSES)
    flat = direct(own, image.read()[0][0], np.zeros((1, 128, 128), np.float32), 2)
    assert (flat != expected).mean() > 0.2
    named = predict({"heights": heights, "image": image}, own, **EXACT)
    np.testing.assert_array_equal(classes_of(named), expected)
    part = np.s_[31:200, 57:190]
    np.testing.assert_array_equal(classes_of(predict(scenes, own, extent=part, **EXACT)), expected[part])
    assert named.scene is image


# rasterio silences this while it warps; filters are those of the process, though, and several threads warp at once.
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_heights_are_brought_onto_the_image_of_a_forest(shared_data: Path) -> None:
    image, heights = scenes = forest(shared_data / "rstoolbox_s2_landsat" / "converted")
    own = model_for(scenes, 3)
    values, _ = match(scenes, own.card).inputs[1].read(np.s_[0:79, 0:83])
    whole = heights.read()[0][0, 0, :, :246].reshape(79, 3, 82, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(values[0, 0, :, :82], whole, rtol=1e-5)
    four = image.select(bands=["B02", "B03", "B04", "B08"]).read()[0][0]
    expected = direct(own, four, values[0], 3)
    assert np.unique(expected).size == len(CLASSES)
    np.testing.assert_array_equal(classes_of(predict(scenes, own, **EXACT)), expected)


def test_a_record_tells_of_all_inputs_and_makes_the_map_again(home: Path, tmp_path: Path) -> None:
    image, heights = paris(home)
    weights = model_for((image, heights), 2).save(home / "slopes.swath")
    cut = {"image": image, "heights": heights}
    path = predict(cut, weights, extent=np.s_[31:200, 57:190], **EXACT).save(home / "map.tif")
    told = json.loads(record_path(path).read_text())["properties"]
    assert [(one["input"], one["href"]) for one in told["swath:inputs"]] == [
        ("image", "paris_2015.tif"),
        ("heights", "heights.tif"),
    ]
    assert all(len(one["sha256"]) == 64 for one in told["swath:inputs"])
    assert [one["input"] for one in told["swath:scene"]] == ["image", "heights"]
    assert told["swath:scene"][0]["select"]["window"] == [[31, 200], [57, 190]]
    assert told["swath:sensors"] == [SENSOR]
    assert told["swath:match"]["inputs"][1]["ratio"] == "1/2"

    moved = home.rename(tmp_path / "elsewhere")
    found = verify(moved / "map.tif", 1.0)
    assert found.ok, str(found)
    assert (set(found.same.values()), found.pixels) == ({1.0}, 169 * 133)
    again(moved / "map.tif", tmp_path / "again.tif")
    Product.open(moved / "map.tif").save(tmp_path / "copy.tif")
    for other in ("again", "copy"):
        for key in ("", ".confidence"):
            with rasterio.open(moved / f"map{key}.tif") as old, rasterio.open(tmp_path / f"{other}{key}.tif") as new:
                np.testing.assert_array_equal(old.read(), new.read())
        assert verify(tmp_path / f"{other}.tif", 0.5).ok
    scene = Product.open(tmp_path / "copy.tif").scene
    assert scene is not None
    assert scene.shape == (1, 4, 169, 133)

    with (moved / "heights.tif").open("ab") as file:
        file.write(b"!")
    with pytest.raises(PredictError, match=r"heights\.tif is not what the product was made from"):
        verify(moved / "map.tif")


def test_one_scene_in_memory_must_be_given_with_the_others(home: Path, tmp_path: Path) -> None:
    image, heights = scenes = paris(home)
    own = model_for(scenes, 2)
    array = swath.Scene.from_array(heights.read()[0][0], heights.grid, bands=list(heights.bands))
    path = predict((image, array), own, **EXACT).save(tmp_path / "map.tif")
    with pytest.raises(PredictError, match="scene in memory"):
        rebuild(path, model=own)
    assert Product.open(path).scene is None
    assert verify(path, 0.2, scene=(image, array), model=own).ok


def test_inputs_that_lack_or_are_unknown_are_named(home: Path) -> None:
    image, heights = scenes = paris(home)
    own = model_for(scenes, 2)
    for given, words in (
        (image, "takes 2 scenes, not 1; give {'image': ..., 'heights': ...}"),
        ((image, heights, heights), "takes 2 scenes, not 3"),
        ({"image": image}, "takes the inputs image, heights, and scenes are given for ['image']"),
        ({"image": image, "depths": heights}, "scenes are given for ['image', 'depths']"),
    ):
        with pytest.raises(MatchError) as caught:
            predict(given, own, **EXACT)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)


def test_inputs_at_the_command_line(home: Path, tmp_path: Path) -> None:
    image, heights = scenes = paris(home)
    own = model_for(scenes, 2)
    weights = own.save(tmp_path / "slopes.swath")
    # What a file does not tell of itself, converting it lets it tell.
    (known,) = save_scene(heights, tmp_path / "known.tif")

    def run(out: str, *inputs: str) -> Any:
        options = [part for one in inputs for part in ("--input", one)]
        fixed = ["--sensor", SENSOR, "-m", weights, "-o", tmp_path / out, "--exact", "--tile", 96]
        return CliRunner().invoke(app, [str(one) for one in ("predict", home / "paris_2015.tif", *options, *fixed)])

    done = run("map.tif", f"heights={known}")
    assert done.exit_code == 0, done.output
    expected = direct(own, image.read()[0][0], heights.read()[0][0], 2)
    np.testing.assert_array_equal(classes_of(Product.open(tmp_path / "map.tif")), expected)
    for inputs, code, words in (
        ((), 1, "give --input heights=PATH"),
        ((f"depths={known}",), 1, "takes the inputs image, heights, and scenes are given for ['image', 'depths']"),
        ((f"image={known}",), 2, "NAME=PATH"),
        ((str(known),), 2, "NAME=PATH"),
    ):
        done = run("none.tif", *inputs)
        assert (done.exit_code, words in " ".join(done.output.split())) == (code, True), done.output
    assert not (tmp_path / "none.tif").exists()
