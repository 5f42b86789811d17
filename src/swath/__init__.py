"""Swath turns imagery of the Earth, from any sensor, on any dates, at any size, into georeferenced answers.

    scene = swath.open("before.tif", "after.tif")
    model = swath.load("model.swath")
    product = swath.predict(scene, model)
    product.save("change.tif")

Names are imported when they are first used, so that `import swath` is quick. `swath.predict` and `swath.train` are
packages that can be called.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from swath.errors import SwathError

if TYPE_CHECKING:
    from swath import data, models
    from swath.models.model import Model
    from swath.models.registry import load
    from swath.predict import predict
    from swath.predict.product import Product
    from swath.predict.verify import verify
    from swath.scene.open import open_scene as open
    from swath.scene.scene import Scene
    from swath.scene.stacking import stack
    from swath.sensors import Band, Sensor
    from swath.train import train
    from swath.train.evaluate import Evaluation, evaluate
    from swath.train.report import TrainReport

    __version__: str

_LAZY = {
    "data": ("swath.data", ""),
    "evaluate": ("swath.train.evaluate", "evaluate"),
    "Evaluation": ("swath.train.evaluate", "Evaluation"),
    "load": ("swath.models.registry", "load"),
    "Model": ("swath.models.model", "Model"),
    "models": ("swath.models", ""),
    "open": ("swath.scene.open", "open_scene"),
    "predict": ("swath.predict", ""),
    "Product": ("swath.predict.product", "Product"),
    "Scene": ("swath.scene.scene", "Scene"),
    "Band": ("swath.sensors", "Band"),
    "Sensor": ("swath.sensors", "Sensor"),
    "stack": ("swath.scene.stacking", "stack"),
    "train": ("swath.train", ""),
    "TrainReport": ("swath.train.report", "TrainReport"),
    "verify": ("swath.predict.verify", "verify"),
}

__all__ = [
    "Band",
    "Evaluation",
    "Model",
    "Product",
    "Scene",
    "Sensor",
    "SwathError",
    "TrainReport",
    "__version__",
    "data",
    "evaluate",
    "load",
    "models",
    "open",
    "predict",
    "stack",
    "train",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("swath")
    if name not in _LAZY:
        raise AttributeError(f"module 'swath' has no attribute {name!r}")
    module, attribute = _LAZY[name]
    found = import_module(module)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    return sorted(__all__)
