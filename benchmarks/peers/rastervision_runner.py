"""Raster Vision: a learner on a sliding-window dataset, labels put together and saved, as in its tutorial.

Timed: opening the scene, `predict_dataset`, `SemanticSegmentationLabels.from_predictions` of smooth labels (the sum of
probabilities) and `save` as a raster of classes. Windows are read in the process itself: with workers of its data
loader, cores would be shared with the network. It runs in float32; the learner has no option for another precision.
"""

from __future__ import annotations

from importlib.metadata import version

import torch
from measure import BANDS, CLASSES, DIVISOR, job, measure, network
from rastervision.core.data import CastTransformer, ClassConfig, SemanticSegmentationLabels
from rastervision.core.utils import calculate_required_padding
from rastervision.pytorch_learner import (
    SemanticSegmentationGeoDataConfig,
    SemanticSegmentationLearner,
    SemanticSegmentationLearnerConfig,
    SemanticSegmentationSlidingWindowGeoDataset,
)


class Scaled(torch.nn.Module):
    """The network on digital numbers; Raster Vision scales 16-bit values by their whole range, or not at all."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits `[B, 8, H, W]` of digital numbers `[B, 4, H, W]`."""
        return self.inner(x / DIVISOR)


told = job()
size, stride, crop = told.options["tile"], told.options["stride"], told.options.get("crop")
config = ClassConfig(names=[f"class {value}" for value in range(CLASSES)], null_class="class 0")
learner = SemanticSegmentationLearner(
    SemanticSegmentationLearnerConfig(data=SemanticSegmentationGeoDataConfig(class_config=config, num_workers=0)),
    model=Scaled(network(told)),
    training=False,
)


def windows(**more: object) -> SemanticSegmentationSlidingWindowGeoDataset:
    return SemanticSegmentationSlidingWindowGeoDataset.from_uris(
        class_config=config,
        image_uri=told.scene,
        image_raster_source_kw={
            "channel_order": list(range(BANDS)),
            "raster_transformers": [CastTransformer("float32")],
        },
        size=size,
        stride=stride,
        normalize=False,
        **more,
    )


def run() -> None:
    data = windows()
    extent = data.scene.extent
    if crop is not None:
        padding = calculate_required_padding(extent.size, (size, size), (stride, stride), "both", crop)
        data = windows(padding=padding, pad_direction="both")
    predictions = learner.predict_dataset(
        data,
        raw_out=True,
        numpy_out=True,
        predict_kw={"out_shape": (size, size)},
        dataloader_kw={"batch_size": told.options["batch"], "num_workers": 0},
        progress_bar=False,
    )
    labels = SemanticSegmentationLabels.from_predictions(
        data.windows, predictions, extent=extent, num_classes=CLASSES, smooth=True, crop_sz=crop
    )
    labels.save(
        told.out,
        crs_transformer=data.scene.raster_source.crs_transformer,
        class_config=config,
        discrete_output=True,
        smooth_output=False,
    )


measure(run, version=version("rastervision"))
