"""Products held against their records: made again, wholly (`again`) or in a sample (`verify`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import CardError, PredictError
from swath.predict.inputs import check_inputs
from swath.predict.making import Progress
from swath.predict.product import Product
from swath.predict.record import place, read_told, reopened_all
from swath.predict.vectors.regions import windows
from swath.scene.scene import Scene
from swath.scene.words import many
from swath.scene.write import Layer
from swath.scene.write.layer import Storage

if TYPE_CHECKING:
    from swath.models.model import Model

Predict = Callable[..., Product]
"""`swath.predict`: `(scene, model, **options) -> Product`."""

ALIKE = 0.999
"""Share of pixels that must be the same; other processors round otherwise in the last digit."""
_STEPS = 2  # by which numbers that are kept in steps may differ
_SHARE = 1e-3  # of a layer's spread by which other numbers may differ


@dataclass(frozen=True)
class Verification:
    """What came out when tiles of a product were made again."""

    tiles: int
    of: int
    pixels: int
    """That have an answer in either."""
    same: Mapping[str, float]
    """Share of pixels that are the same, by layer: class numbers equal, other numbers within 2 steps or 1e-3 of the
    layer's spread."""
    largest: Mapping[str, float]
    """Largest difference by layer, in its units; of class numbers 1 where any differ."""
    plan: tuple[str, ...] = ()
    """What of the plan came out otherwise than it did, as where a network's reach was measured anew."""

    @property
    def ok(self) -> bool:
        """Whether at least 99.9 % of the pixels of every layer are the same."""
        return min(self.same.values(), default=1.0) >= ALIKE

    def __str__(self) -> str:
        told = [f"  the plan came out otherwise: {', '.join(self.plan)}"] if self.plan else []
        verdict = "the product is what its record says" if self.ok else "the product is NOT what its record says"
        lines = [f"{verdict}: {self.tiles} of {many(self.of, 'tile')} made again, {many(self.pixels, 'pixel')}"]
        lines += [
            f"  {name}: {100 * self.same[name]:.4g} % same, largest difference {self.largest[name]:.3g}"
            for name in self.same
        ]
        return "\n".join(lines + told)


def rebuild(
    path: str | os.PathLike[str],
    *,
    scene: Scene | Sequence[Scene] | Mapping[str, Scene] | None = None,
    model: Model | None = None,
    predict: Predict | None = None,
) -> Product:
    """The product that a record tells of, not made yet.

    Inputs and weights are found where the record says, seen from its folder, and must be what they were.

    Args:
        path: a product, or its record.
        scene: instead of what the record tells; it is taken as it is.
        model: instead of the one that the record tells; its weights must be the same.
        predict: `swath.predict`, or what stands in for it.

    Raises:
        PredictError: an input or the weights are not what they were, or nothing tells where to find them.
        OpenError: there is no record, or a source cannot be opened.
        CardError: the weights are not there.
    """
    if predict is None:
        from swath.predict import predict as predict_

        predict = predict_
    told, folder = read_told(path)
    if scene is None:
        if told["swath:scene"] is None:
            raise PredictError(
                f"{path} was made from a scene in memory, and its record cannot open it; give it: scene=..."
            )
        check_inputs(told["swath:inputs"], folder)
        scene = reopened_all(told, folder)
    noted = told["swath:model"]
    try:
        product = predict(scene, model or _source(noted, folder), **told["swath:options"])
    except CardError as error:
        if model is not None:
            raise
        raise PredictError(
            f"the weights of {noted['name']} cannot be loaded: {error}; or give them: model=..."
        ) from error
    found = None if product.run is None else product.run.weights["hash"]
    if found != noted["hash"]:
        raise PredictError(
            f"the weights of {noted['name']} are not those that made {path}: their hash is {str(found)[:12]} and was "
            f"{str(noted['hash'])[:12]}; bring the old ones back, or predict anew"
        )
    return product


def again(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    **given: Any,
) -> Product:
    """Make the product that a record tells of once more, at `out`.

    Args:
        path: a product, or its record.
        out: where to.
        overwrite: as for `Product.save`.
        resume: as for `Product.save`.
        progress: as for `Product.save`.
        given: `scene`, `model`, `predict`, as for `rebuild`.

    Raises:
        SwathError: as `rebuild` and `Product.save` say.
    """
    product = rebuild(path, **given)
    product.save(out, overwrite=overwrite, resume=resume, progress=progress)
    return product


def verify(path: str | os.PathLike[str], share: float = 0.01, *, seed: int = 0, **given: Any) -> Verification:
    """Make tiles of a product again, chosen by chance, and compare.

    Args:
        path: the product.
        share: of its tiles; at least one is taken.
        seed: of the choice.
        given: `scene`, `model`, `predict`, as for `rebuild`.

    Raises:
        PredictError: the share is not between 0 and 1, the record would make another grid or other files, or as
            `rebuild` says.
    """
    if not 0 < share <= 1:
        raise PredictError(f"share={share:g}: give a part of the tiles, more than 0 and at most 1")
    product, new = Product.open(path), rebuild(path, **given)
    if product.shape != new.shape or {*product.files} != {*new.files}:
        raise PredictError(
            f"{path} has {product.shape} pixels and files {sorted(product.files)}, and its record makes {new.shape} "
            f"and {sorted(new.files)}: a file is missing, or belongs to another product"
        )
    noted, now = read_told(path)[0]["swath:plan"], {} if new.run is None else new.run.plan.describe()
    differs = tuple(f"{key} {now.get(key)}, was {value}" for key, value in noted.items() if now.get(key) != value)
    tiles = list(windows(product.shape, _side(noted)))
    count = max(1, round(share * len(tiles)))
    chosen = np.random.default_rng(seed).choice(len(tiles), count, replace=False)
    found = _Differences()
    for index in sorted(chosen.tolist()):
        before, after = product.stored(tiles[index]), new.stored(tiles[index])
        for key, layers in product.files.items():
            found.take(key, layers, before[key], after[key])
    return Verification(count, len(tiles), found.pixels, found.shares(), found.largest, differs)


class _Differences:
    """Running sums of what differs, by layer."""

    def __init__(self) -> None:
        self.pixels = 0
        self.largest: dict[str, float] = {}
        self._same: dict[str, int] = {}
        self._seen: dict[str, int] = {}

    def take(self, key: str, layers: tuple[Layer, ...], old: NDArray[Any], new: NDArray[Any]) -> None:
        storage = Storage.of(layers)
        for layer, a, b in zip(layers, old, new, strict=True):
            name = f"{key}/{layer.name}" if key else layer.name
            in_old, in_new = storage.valid(a), storage.valid(b)
            either, both = in_old | in_new, in_old & in_new
            x, y = a[both].astype(float) * layer.scale, b[both].astype(float) * layer.scale
            apart = (x != y).astype(float) if layer.kind == "categorical" else np.abs(x - y)
            allowed = 0.0 if layer.kind == "categorical" else _STEPS * layer.scale * 1.001
            if layer.kind != "categorical" and np.dtype(layer.dtype).kind == "f":
                allowed = _SHARE * float(np.std(x)) if len(x) else 0.0
            self._same[name] = self._same.get(name, 0) + int((apart <= allowed).sum())
            self._seen[name] = self._seen.get(name, 0) + int(either.sum())
            self.largest[name] = max(self.largest.get(name, 0.0), float(apart.max(initial=0.0)))
            self.pixels += int(either.sum()) if layer is layers[0] and not key else 0

    def shares(self) -> dict[str, float]:
        return {name: self._same[name] / seen if seen else 1.0 for name, seen in self._seen.items()}


def _source(noted: Mapping[str, Any], folder: Path) -> str:
    """Path or registered name of the weights that a record tells of."""
    source = noted.get("source")
    if source is None:
        raise PredictError(f"the record does not say where the weights of {noted['name']} are; give them: model=...")
    file = place(source, folder)
    return str(file) if file.is_file() else str(source)


def _side(plan: Mapping[str, Any]) -> int:
    """Side of the squares that are made again: about a tile of the plan, in pixels of the product."""
    tile = plan.get("tile") or [512, 512]
    return max(16, int(max(tile) * Fraction(str(plan.get("scale", 1)))))
