"""Networks small enough for tests, their models, and the answer that a whole-image forward gives."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from torch import Tensor, nn
from torch.nn import functional

import swath
from swath.models.card import MeanStd, ReceptiveField
from swath.models.model import Model
from swath.predict.match import match
from swath.tasks import task_for

FIELDS = {
    "flat": ReceptiveField(radius=71, halo=72, stride=8),
    "unet": ReceptiveField(radius=311, halo=288, stride=32),
}
"""What `Model.probe_field` finds, which takes it a minute; a long test holds it against that."""
SENSOR = "sentinel-2-l1c@pre-04.00"
CLASSES = ("water", "trees", "fields", "roofs", "roads")


def oscd(folder: Path, city: str = "pisa", *times: int) -> swath.Scene:
    """A real scene of four bands, on one date or two."""
    paths = [folder / "oscd_s2_4band" / f"{city}_t{time}.tif" for time in times or (1,)]
    return swath.open(*paths, sensor=SENSOR)


def shown(values: NDArray[np.float32], grid: GeoBox) -> swath.Scene:
    """Reflectances in memory as a scene of the same four bands."""
    return swath.Scene.from_array(values, grid, sensor="sentinel-2-l1c@values", bands=["B02", "B03", "B04", "B08"])


def large(folder: Path, height: int, width: int) -> swath.Scene:
    """A real scene repeated, mirrored at each turn so that there is no seam, with a wedge and holes of nodata."""
    values, _ = oscd(folder).read()
    tall = np.concatenate([values[0], values[0][:, ::-1]] * (height // values.shape[2] + 1), axis=1)[:, :height]
    wide = np.concatenate([tall, tall[:, :, ::-1]] * (width // values.shape[3] + 1), axis=2)[:, :, :width].copy()
    y, x = np.mgrid[:height, :width]
    wide[:, y + 2 * x < height // 2] = np.nan
    wide[:, (y % 401 < 60) & (x % 397 < 50)] = np.nan
    grid = oscd(folder).grid
    return shown(wide, GeoBox((height, width), grid.affine, grid.crs))


class Box(nn.Module):
    """Mean over 33 x 33 px, then a class by its brightness: sees 16 px around."""

    def __init__(self, classes: int = len(CLASSES)) -> None:
        super().__init__()
        down, along = (
            {"kernel_size": size, "stride": 1, "padding": pad} for size, pad in (((33, 1), (16, 0)), ((1, 33), (0, 16)))
        )
        self.mean = nn.Sequential(nn.AvgPool2d(**down), nn.AvgPool2d(**along))
        self.mix = nn.Conv2d(4, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(self.mean(x))


class Everywhere(nn.Module):
    """Each pixel looks at the mean of the tile, as attention would."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(8, len(CLASSES), 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(torch.cat([x, x.mean((2, 3), keepdim=True).expand_as(x)], 1))


class Finer(nn.Module):
    """Twice as fine as its input."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(4, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 4 * len(CLASSES), 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.body(x), 2)


class Coarser(nn.Module):
    """An eighth as fine as its input, as an encoder without a decoder is."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in ((4, 8), (8, 16), (16, 16)):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Conv2d(16, len(CLASSES), 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class Labels(nn.Module):
    """One answer per tile."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.mean((2, 3)))


def unet(encoder: str = "resnet18", classes: int = len(CLASSES), depth: int = 5) -> nn.Module:
    """A U-Net of random weights; `settle` makes its answers vary. One of less depth sees less, and takes less time."""
    import segmentation_models_pytorch as smp  # takes seconds, which runs in processes of their own need not wait

    channels = (256, 128, 64, 32, 16)[5 - depth :]
    return smp.Unet(
        encoder, encoder_weights=None, in_channels=4, classes=classes, encoder_depth=depth, decoder_channels=channels
    )


def flat() -> nn.Module:
    """A U-Net of three levels."""
    return unet(depth=3)


def settle(network: nn.Module, x: Tensor) -> None:
    """Let batch norms see images, and bring the logits to mean 0 and deviation 1, so that no class always wins."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the plain mean of what it sees
    with torch.no_grad():
        for _ in range(2):
            network(x)
        network.eval()
        std, mean = torch.std_mean(network(x), (0, 2, 3))
        head = network.segmentation_head[0]
        head.weight.div_(std[:, None, None, None])
        head.bias.sub_(mean).div_(std)


def model(network: nn.Module | str, scene: swath.Scene, task: Any = "segmentation", **about: Any) -> Model:
    """A model for a scene, its field measured, the same each time."""
    torch.manual_seed(3)
    makers = {
        "box": Box,
        "everywhere": Everywhere,
        "finer": Finer,
        "coarser": Coarser,
        "labels": Labels,
        "unet": unet,
        "flat": flat,
    }
    made = network if isinstance(network, str) else ""
    network = makers[network]() if isinstance(network, str) else network
    values, valid = scene.read(
        np.s_[max(0, scene.shape[2] - 256) : scene.shape[2], max(0, scene.shape[3] - 256) : scene.shape[3]]
    )
    axes = (0, 2, 3)
    norms = [
        MeanStd(mean=float(mean), std=float(std))
        for mean, std in zip(np.nanmean(values, axes), np.nanstd(values, axes), strict=True)
    ]
    about = {"classes": CLASSES, "normalisation": norms} | about
    wrapped = Model.wrap(network, task=task, like=scene, **about)
    if made in FIELDS:
        settle(network, wrapped.normalise(values, valid)[:, :, -128:, -128:])
    return wrapped.with_card(field=FIELDS.get(made) or wrapped.probe_field(effective=False))


class _Float64(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).double()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.network(image.double())
        return found


def in_float64(own: Model) -> Model:
    """The model of one image with all its sums in float64."""
    return replace(own, network=_Float64(own.network).eval())


def whole_image(own: Model, scene: swath.Scene, step: int) -> NDArray[np.float32]:
    """Activated answer of the network to the whole image, padded at the bottom and the right: `[K, h, w]`."""
    values, _ = match(scene, own.card).inputs[0].read(np.s_[0 : scene.shape[2], 0 : scene.shape[3]])
    x = own.normalise(values[None], np.ones((1, 1, 1, 1), dtype=bool))
    height, width = scene.shape[2:]
    x = functional.pad(x, (0, -width % step, 0, -height % step), value=own.card.inputs[0].fill)
    answer = task_for(own.card).activate(own(x))[0].numpy()
    scale = own.card.output.scale
    return np.asarray(answer[:, : -int(-height * scale // 1), : -int(-width * scale // 1)])
