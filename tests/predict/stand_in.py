"""A run without a network: change between two dates of a real scene by a formula, for tests of what comes after."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

import swath
from swath.errors import CardError
from swath.models import Card, CardBand, ClassLabel, DatesRule, Input, Output
from swath.predict.product import Product
from swath.predict.vectors.regions import windows
from swath.scene.write import CogWriter
from swath.tasks import OutputOptions, task_for
from swath.tasks.task import Answer, Files

CLASSES = (ClassLabel(value=0, name="same", colour="#d9d9d9"), ClassLabel(value=1, name="changed", colour="#d55e00"))


def card_of(scene: swath.Scene) -> Card:
    bands = tuple(CardBand.of(band) for band in scene.bands)
    image = Input(bands=bands, dates=DatesRule(min=2, max=2, given="arguments"))
    return Card(name="difference", task="change", inputs=(image,), output=Output(kind="binary", classes=CLASSES))


@dataclass(frozen=True)
class FakeModel:
    """Stands for weights: `gain` is all there is to know."""

    gain: float = 40.0
    source: str | None = None

    @property
    def hash(self) -> str:
        return hashlib.sha256(repr(self.gain).encode()).hexdigest()


@dataclass(frozen=True)
class FakePlan:
    out: GeoBox

    def describe(self) -> dict[str, Any]:
        return {"tile": [96, 96], "scale": "1", "stitch": "trim", "radius": 0, "bound": 0.0}


@dataclass(frozen=True)
class FakeReport:
    blocks: int

    def describe(self) -> dict[str, Any]:
        return {"blocks": self.blocks}


@dataclass
class FakeRun:
    scene: swath.Scene
    model: FakeModel
    arguments: Mapping[str, Any]
    match: Mapping[str, Any] = field(default_factory=lambda: {"inputs": [], "notes": []}, kw_only=True)
    done: list[str] = field(default_factory=list)

    @property
    def scenes(self) -> dict[str, swath.Scene]:
        return {"image": self.scene}

    @property
    def plan(self) -> FakePlan:
        return FakePlan(self.scene.grid)

    @property
    def card(self) -> Card:
        return card_of(self.scene)

    @property
    def output(self) -> OutputOptions:
        return OutputOptions(probabilities=self.arguments.get("probabilities", False))

    @property
    def files(self) -> Files:
        return task_for(self.card).files(self.card, self.output)

    @property
    def weights(self) -> dict[str, str | None]:
        return {"hash": self.model.hash, "source": self.model.source}

    def read(self, window: tuple[slice, slice]) -> dict[str, NDArray[Any]]:
        self.done.append("read")
        return self._answer(window)

    def _answer(self, window: tuple[slice, slice]) -> dict[str, NDArray[Any]]:
        values, valid = self.scene.read(window)
        moved = np.abs(values[1] - values[0]).mean(axis=0)
        logits = torch.from_numpy(self.model.gain * (moved - 0.06))[None, None]
        task = task_for(self.card)
        likely = task.activate(logits)[0].numpy()
        return dict(task.finish(Answer(likely, None, valid.all(axis=(0, 1))), self.card, self.output))

    def execute(
        self, paths: Mapping[str, Path], *, overwrite: bool = False, resume: bool = False, progress: Any = None
    ) -> FakeReport:
        self.done.append("execute")
        writers = {
            key: CogWriter(paths[key], self.plan.out, layers, overwrite=overwrite, resume=resume)
            for key, layers in self.files.items()
        }
        height, width = self.plan.out.shape
        count = 0
        for window in windows((int(height), int(width)), 128):
            count += 1
            for key, array in self._answer(window).items():
                writers[key].write(window, array)
        for writer in writers.values():
            writer.finish()
        return FakeReport(count)


def fake_predict(scene: swath.Scene, model: FakeModel | str, **options: Any) -> Product:
    if isinstance(model, str):
        raise CardError(f"{model}: there is no such weight file")
    return Product.of(FakeRun(scene, model, options))
