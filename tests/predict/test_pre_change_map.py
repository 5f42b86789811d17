"""What changed since a map was drawn: the map of the first date is a second input, and classes are not mixed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch

import swath
from swath.models import Card, CardBand, ClassLabel, DatesRule, GsdRule, Input, MeanStd, Model, Output, TileRule
from swath.models.gives import ReceptiveField
from swath.predict import predict

SENSOR = "sentinel-2-l1c@pre-04.00"
BANDS = ["B02", "B03", "B04", "B08"]
SMALL = {
    "width": 16,
    "map_width": 8,
    "mixtures": 3,
    "widths": [8, 16, 24, 32],
    "depths": [1, 1, 1, 1],
    "heads": [1, 2, 2, 4],
    "map_classes": 2,
}


@pytest.fixture
def drawn(own_data: Path, tmp_path: Path) -> Path:
    """Where plants are in the first image, and a strip of which nothing is known."""
    with rasterio.open(own_data / "paris_2015.tif") as source:
        pixels, profile = source.read(), source.profile
    plants = (pixels[3] > 1.5 * pixels[2]).astype(np.uint8)
    plants[:, :40] = 255
    profile.update(count=1, dtype="uint8", nodata=None)
    with rasterio.open(tmp_path / "plants.tif", "w", **profile) as target:
        target.write(plants, 1)
    return tmp_path / "plants.tif"


def test_a_map_is_read_beside_the_images(own_data: Path, drawn: Path) -> None:
    pair = swath.open(str(own_data / "paris_2015.tif"), str(own_data / "paris_2018.tif"), sensor=SENSOR, bands=BANDS)
    land = swath.open(str(drawn), bands=[swath.Band(name="class", kind="categorical")])
    seen = tuple(CardBand.of(band, MeanStd(mean=0.1, std=0.05)) for band in pair.bands)
    image = Input(name="image", bands=seen, dates=DatesRule(min=2, max=2, given="arguments"), gsd=GsdRule.around(10.0))
    classes = Input(name="map", bands=(CardBand(name="class", units="dn"),), gsd=GsdRule.around(10.0), fill=-1.0)
    card = Card(
        name="since-the-map",
        task="change",
        inputs=(image, classes),
        output=Output(kind="binary", classes=tuple(ClassLabel(value=k, name=n) for k, n in enumerate(("no", "yes")))),
        tile=TileRule(size=256),
        field=ReceptiveField(reason="attention sees the whole tile"),
    )
    torch.manual_seed(0)
    own = Model.build("mapformer", card=card, **SMALL)
    product = predict({"image": pair, "map": land}, own, precision="float32")
    values, valid = pair.read()
    x = own.normalise(values, valid)[None]
    wanted = own(x, torch.from_numpy(land.read()[0])[None])
    unknown = own(x, torch.full((1, 1, 1, 256, 256), -1.0))
    assert not torch.allclose(wanted, unknown)
    found = product.read()[0][0]
    np.testing.assert_array_equal(found, (wanted[0, 0] > 0).numpy())
