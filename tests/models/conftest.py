"""Small networks, cards and files that the tests of this room share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from swath.models import Card, CardBand, ClassLabel, GsdRule, Input, MeanStd, Model, Output
from swath.sensors import find_sensor

S2 = tuple(band for band in find_sensor("sentinel-2-l2a").bands if band.name in ("B02", "B03", "B04", "B08"))
NAMES = ("land", "water", "cloud")
SMALL = {"encoder": "mobilenet_v2", "decoder_options": {"encoder_depth": 3, "decoder_channels": (16, 8, 8)}}
"""A U-Net that is quick to run."""


# Several threads wait for each other, spinning, wherever a processor is shared: twenty times slower on a busy machine.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWATH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def card() -> Card:
    return Card(
        name="land-cover",
        task="segmentation",
        inputs=(Input(bands=tuple(CardBand.of(b, MeanStd(mean=0.2, std=0.1)) for b in S2), gsd=GsdRule.around(10)),),
        output=Output(kind="classes", classes=tuple(ClassLabel(value=v, name=n) for v, n in enumerate(NAMES))),
    )


@pytest.fixture
def unet(card: Card) -> Model:
    return Model.build("unet", card=card, **SMALL)


@pytest.fixture(scope="session")
def plain() -> Callable[[int, int], nn.Module]:
    """Makes a network with a known radius of 3 px."""

    def make(channels: int = 4, answers: int = 3) -> nn.Module:
        return nn.Sequential(nn.Conv2d(channels, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, answers, 5, padding=2))

    return make
