"""Methods that learn from no labels: all their numbers follow from the scene that they are run on.

    model = swath.models.fit("irmad", scene)  # what swath.predict(scene, "irmad") does first

The model is one like any other: it can be saved, looked at, and run on another scene of the same bands.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import torch

from swath.errors import CardError
from swath.models import registry
from swath.models.gives import ClassLabel, Output, ReceptiveField
from swath.models.header import NetworkSpec
from swath.models.pair import Pair
from swath.models.wrap import wrap

if TYPE_CHECKING:
    from swath.models.model import Model
    from swath.scene.scene import Scene

_DIGITS = 6
"""Numbers are kept to so many digits: beyond them processors differ, and weights are known by their hash."""
_CLASSES = (
    ClassLabel(value=0, name="no change", colour="#d9d9d9"),
    ClassLabel(value=1, name="change", colour="#d55e00"),
)


class Fitted(Protocol):
    """A network whose numbers are found in a scene; logits `[B, 1, H, W]` of change come out."""

    radius: int
    """How many pixels around one its answer depends on."""
    above: float
    """Probability above which it says change."""
    fill: float
    """What stands for invalid pixels."""

    def fit(self, pair: Pair) -> tuple[str, ...]:
        """Find all numbers.

        Returns:
            What a person should know of them, for the card.
        """
        ...


def fit(name: str, scene: Scene, **config: Any) -> Model:
    """A model for a scene, of two dates where they are compared, fitted to all of it in flat memory, without labels.

    Args:
        name: registered name of a method that is fitted.
        scene: all bands are used, and of a scene that was cut that part alone.
        config: arguments of the network's builder.

    Returns:
        The model, with a card made from the scene. The same scene gives the same weights.

    Raises:
        CardError: no such name or argument, or it is a network that is trained.
        MatchError: the scene has not two dates of the same bands where two are compared, or too little that is valid.
        ReadError: the scene cannot be read.
    """
    entry = registry.find(name)
    if not entry.fitted:
        there = ", ".join(one for one in registry.names() if registry.find(one).fitted)
        raise CardError(f"{name} is trained on labels, not fitted to a scene; {there} are")
    if "change" not in entry.tasks:
        from swath.models.unlabelled._fit import fit_units

        return fit_units(name, scene, **config)
    pair = Pair.of(scene, name)
    config = {"in_channels": len(scene.bands), **config}
    network = entry.build(**config)
    method = cast("Fitted", network)
    notes = method.fit(pair)
    for parameter in network.parameters():
        parameter.data = torch.from_numpy(_rounded(parameter.data.double().numpy())).float()
    radius = method.radius
    model = wrap(
        network.requires_grad_(False),
        task="change",
        like=replace(scene, bands=pair.bands),
        output=Output(kind="binary", classes=_CLASSES, threshold=method.above),
        field=ReceptiveField(radius=radius, halo=radius, effective_radius=radius, bound=0.0),
        fill=method.fill,
        name=name,
        architecture=entry.title,
        source=entry.source,
        notes=(f"fitted to {', '.join(scene.names)} without labels", *notes),
    )
    return replace(model, spec=NetworkSpec(name=name, config=config), source=name)


def _rounded(numbers: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Numbers to so many digits."""
    size = np.floor(np.log10(np.where(numbers == 0, 1.0, np.abs(numbers))))
    step = 10.0 ** (size - (_DIGITS - 1))
    return np.asarray(np.round(numbers / step) * step)
