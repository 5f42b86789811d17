"""A model of units, fitted to a scene of any number of dates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np

from swath.errors import MatchError
from swath.models import registry
from swath.models.gives import ClassLabel, Output, ReceptiveField
from swath.models.header import NetworkSpec
from swath.models.model import Model
from swath.models.needs import DatesRule
from swath.models.pair import MOST, Floats, chosen
from swath.models.unlabelled._clusters import Clusters
from swath.models.wrap import wrap
from swath.scene.scene import Scene

_SIDE = 512
_COLOURS = (
    "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948",
    "#b07aa1", "#9c755f", "#ff9da7", "#bab0ac", "#1f5f8b", "#8c6d31",
)  # fmt: skip


def unit_name(number: int) -> str:
    """What the unit of a number, from 1 on, is called until a person names it."""
    return f"unit {number}"


def fit_units(name: str, scene: Scene, **config: Any) -> Model:
    """A model for a scene, fitted to all of it in flat memory, without labels; see `swath.models.fit`.

    Raises:
        CardError: no such argument.
        MatchError: a band holds classes or is the same everywhere, or too little is valid.
        ReadError: the scene cannot be read.
    """
    entry = registry.find(name)
    if odd := [band.name for band in scene.bands if band.kind != "continuous"]:
        raise MatchError(f"{name} looks at measurements, and {', '.join(odd)} holds classes or flags; open without it")
    dates = len(scene.dates)
    config = {"in_channels": dates * len(scene.bands), **config}
    network = cast("Clusters", entry.build(**config))
    pixels = sampled(scene, name)
    notes = network.fit(pixels)
    units = len(network.centres)
    labels = tuple(
        ClassLabel(value=at + 1, name=unit_name(at + 1), colour=_COLOURS[at % len(_COLOURS)]) for at in range(units)
    )
    if "features" in config or name.startswith("pca"):
        config["features"] = network.features.count
    radius = network.radius
    model = wrap(
        network.requires_grad_(False),
        task="segmentation",
        like=scene,
        dates=DatesRule(min=dates, max=dates, given="axis" if dates == 1 else "channels"),
        output=Output(kind="classes", classes=labels, activation="softmax"),
        field=ReceptiveField(radius=radius, halo=radius, effective_radius=radius, bound=0.0),
        fill=network.fill,
        name=name,
        architecture=entry.title,
        source=entry.source,
        notes=(f"fitted to {', '.join(scene.names)} without labels", *notes),
    )
    return replace(model, spec=NetworkSpec(name=name, config=config | {"classes": units}), source=name)


def sampled(scene: Scene, name: str) -> Floats:
    """Pixels that are valid on all dates, `[n, T * C]`; all of a small scene, else a part spread over all of it.

    Raises:
        MatchError: there are too few of them, or a band is the same everywhere.
    """
    height, width = scene.grid.shape
    count = len(scene.dates) * len(scene.bands)
    share = min(1.0, MOST / count / (height * width))
    parts = []
    for top in range(0, height, _SIDE):
        for left in range(0, width, _SIDE):
            window = np.s_[top : min(top + _SIDE, height), left : min(left + _SIDE, width)]
            values, valid = scene.read(window)
            whole = valid.all(axis=(0, 1))
            taken = whole & chosen(top, left, whole.shape, share)
            parts.append(values[:, :, taken].reshape(count, -1).T.astype(np.float64))
    pixels: Floats = np.concatenate(parts)
    if len(pixels) < (least := 16 * count):
        raise MatchError(f"only {len(pixels)} pixels are valid on all dates, and {name} takes {least} or more")
    names = [f"{band.name} on {when}" for when in scene.names for band in scene.bands]
    if flat := [one for one, spread in zip(names, pixels.std(0), strict=True) if not spread > 0]:
        raise MatchError(f"{', '.join(flat)} is the same everywhere; open without it")
    return pixels
