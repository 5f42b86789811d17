"""GeoAI: its two functions that segment a whole GeoTIFF, from file to file.

`predict_geotiff` takes any network and blends logits; its output is made a class map by its `postprocess_fn`.
`semantic_segmentation` takes the file of weights of a segmentation-models-pytorch network, loads it in the call (which
takes well under a second) and writes classes. Timed: the call. Both run in float32; neither has an option for another
precision.
"""

from __future__ import annotations

from importlib.metadata import version

import geoai
import numpy as np
from geoai.inference import predict_geotiff
from measure import BANDS, CLASSES, DIVISOR, job, measure, network
from numpy.typing import NDArray

told = job()
net = network(told)


def classes(logits: NDArray[np.float32]) -> NDArray[np.uint8]:
    return logits.argmax(0)[None].astype(np.uint8)


def by_predict_geotiff() -> None:
    predict_geotiff(
        net,
        told.scene,
        told.out,
        tile_size=told.options["tile"],
        num_classes=CLASSES,
        output_dtype="uint8",
        output_nodata=255,
        preprocess_fn=lambda tile: tile / np.float32(DIVISOR),
        postprocess_fn=classes,
        device="cpu",
        verbose=False,
    )


def by_semantic_segmentation() -> None:
    geoai.semantic_segmentation(
        told.scene,
        told.out,
        told.weights,
        architecture="unet",
        encoder_name="resnet34",
        num_channels=BANDS,
        num_classes=CLASSES,
        window_size=told.options["tile"],
        device="cpu",
        quiet=True,
    )


CALLS = {"predict_geotiff": by_predict_geotiff, "semantic_segmentation": by_semantic_segmentation}
measure(CALLS[told.options["call"]], version=version("geoai-py"))
