"""`probe`: what the features of an encoder are worth on labels that it was not trained for, and how to feed it.

found = swath.train.probe.probe("mine.swath", "labels/", kinds=("knn", "linear"))
print(found.describe())

Features of whole images are computed once, and a plain classifier is fitted to those of the training part. How images
are resized and normalised matters as much as the encoder (Corley et al. 2024, arXiv:2305.13456), so each choice has a
row: the card's, and what one would do without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from swath.data import ClassIndex, Dataset, Item, Split
from swath.data import open as open_data
from swath.data import split as by_place
from swath.errors import TrainError
from swath.models.calling import resized
from swath.models.features import features
from swath.models.model import Model
from swath.models.needs import MinMax, Normalisation
from swath.models.published_encoder import published_encoder
from swath.models.registry import load
from swath.predict.match import match
from swath.train.evaluation.intervals import about_draws
from swath.train.evaluation.parts import in_places, written_by_training
from swath.train.evaluation.probes import KINDS, Probed, compared
from swath.train.statistics import look_through

__all__ = ["Probed", "probe"]

_BATCH = 32
_TEST = 0.3
"""Share of the places that is scored, where nothing tells which."""
_ANEW = "made for this, by place"
_RANGES = {"display": (0.0, 255.0), "reflectance": (0.0, 1.0)}
_SETTLED = ("bands", "units")


def probe(
    model: Model | str | Path,
    data: Dataset | str | Path,
    *,
    kinds: Sequence[str] = KINDS,
    split: str = "test",
    split_file: str | Path | None = None,
    open_with: Mapping[str, Any] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    **settle: Any,
) -> Probed:
    """Fit plain classifiers to the features of an encoder and score them, for each choice of preprocessing.

    Args:
        model: a model, a registered name with weights, or a weight file, whatever it was made for; `timm:NAME.TAG` is a
            published encoder, `timm:NAME` one with random weights.
        data: images of one class each, or their folder.
        kinds: `knn`: the five nearest training images vote; `linear`: logistic regression on standardised features.
        split: which part is scored, `test` or `val`; it is fitted on `train`.
        split_file: which places those are; None: as the folder is divided, as the model's training divided it, or by
            place with 30 % for the score.
        open_with: for a folder: what else `swath.data.open` is to be told.
        bootstrap: how often places are drawn for the intervals, or images where there are fewer than five places.
        seed: of the draws, and of a split that is made here.
        progress: called with images done and images there are.
        settle: `bands=` and `units=` as for `swath.predict`, where images do not fit the card at once; any GSD fits.

    Raises:
        TrainError: a kind is not known, the images have not one class each, or a part is empty.
        CardError: the network has no features to be had.
        MatchError: the images do not fit the card.
    """
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise TrainError(f"probe {unknown[0]!r} is not known; there are {', '.join(KINDS)}")
    if wrong := [key for key in settle if key not in _SETTLED]:
        raise TrainError(f"{wrong[0]}= means nothing to a probe; leave it out")
    model = model if isinstance(model, Model) else _loaded(str(model))
    dataset = data if isinstance(data, Dataset) else open_data(data, task="classification", **(open_with or {}))
    if not all(isinstance(item.label, ClassIndex) for item in dataset.items):
        raise TrainError(f"{dataset.name}: a probe needs images of one class each")
    parts, how, placing = _parts(dataset, model, split, split_file, seed)
    train, scored = parts["train"], parts[split]
    if not train or not scored:
        raise TrainError(f"{dataset.name}: the part {split if train else 'train'} is empty ({how}); say another split")
    reading = {key: settle.get(key) for key in _SETTLED}
    chosen = choices(model, dataset, train, reading)
    items = [*train, *scored]
    vectors = _vectors(model, dataset, items, chosen, reading, progress)
    labels = np.array([item.label.index for item in items if isinstance(item.label, ClassIndex)])
    places = [item.place for item in scored]
    return Probed(
        model=model.card.name,
        data=f"{dataset.name} {split}",
        split=how,
        counts=(len(train), len(scored)),
        places=len(set(places)),
        rows=tuple(compared(vectors, labels, places, kinds, bootstrap, seed)),
        notes=(*(_notes(model, dataset) if how.startswith(_ANEW) else ()), *about_draws(places, placing)),
    )


def _loaded(name: str) -> Model:
    library, _, encoder = name.partition(":")
    if library != "timm" or not encoder:
        return load(name)
    encoder, _, tag = encoder.partition(".")
    return published_encoder(encoder, tag or None)


@dataclass(frozen=True)
class Choice:
    """One way to feed an encoder.

    Attributes:
        name: what is done, in words.
        model: whose card says the normalisation.
        resize: side in px that images are brought to; None: they go in as they are.
    """

    name: str
    model: Model
    resize: int | None

    def prepared(self, values: Sequence[NDArray[np.float32]], valid: Sequence[NDArray[np.bool_]]) -> Tensor:
        """Images of one size, `[T, C, H, W]` each, as the encoder gets them, `[B, T, C, h, w]`."""
        x = self.model.normalise(np.stack(values), np.stack(valid)[:, None])
        return x if self.resize is None else resized(x, self.resize)


def choices(model: Model, dataset: Dataset, train: Sequence[Item], reading: Mapping[str, Any]) -> list[Choice]:
    """The card's choice first, then others that differ from it in one thing each."""
    given = model.card.inputs[0]
    plain = model.with_card(inputs=(given.model_copy(update={"resize": None}),))
    side = max(dataset.shape(train[0]))

    def normalised(name: str, wanted: Sequence[Normalisation | None]) -> Choice:
        pairs = zip(given.bands, wanted, strict=True)
        bands = tuple(band.model_copy(update={"normalisation": one, "clip": None}) for band, one in pairs)
        told = given.model_copy(update={"resize": None, "bands": bands})
        return Choice(name, plain.with_card(inputs=(told,)), given.resize)

    made = [Choice("the card's" + (f", {given.resize} px" if given.resize else ""), plain, given.resize)]
    if given.resize is not None:
        made.append(Choice("no resize", plain, None))
    else:
        made.append(Choice(f"resize to {2 * side} px", plain, 2 * side))
    if any(band.normalisation for band in given.bands):
        made.append(normalised("no normalisation", [None] * len(given.bands)))
    if all(band.units in _RANGES for band in given.bands):
        ranges = [_RANGES[band.units] for band in given.bands]
        made.append(normalised("0 to 1", [MinMax(min=low, max=high) for low, high in ranges]))
    own = look_through(dataset, train).bands
    names = [band.name for band in dataset.bands]
    pairs = match(dataset.scene(train[0]), model.card, gsd="native", **reading).inputs[0].bands
    if given.bands and all(pair.found == pair.units for pair in pairs):
        made.append(normalised("mean and spread of these images", [own[names.index(pair.band)] for pair in pairs]))
    return made


def _vectors(
    model: Model,
    dataset: Dataset,
    items: Sequence[Item],
    chosen: Sequence[Choice],
    reading: Mapping[str, Any],
    progress: Callable[[int, int], None] | None,
) -> dict[str, NDArray[np.float32]]:
    """Features `[N, D]` of all images, in the order of the items, by the name of each choice."""
    card = chosen[0].model.card
    found: dict[str, list[NDArray[np.float32]]] = {one.name: [] for one in chosen}
    done = 0
    for batch in _batches(dataset, items):
        feeds = [match(dataset.scene(item), model.card, gsd="native", **reading).inputs[0] for item in batch]
        height, width = dataset.shape(batch[0])
        values, valid = zip(*(feed.read(np.s_[0:height, 0:width]) for feed in feeds), strict=True)
        for one in chosen:
            x = one.prepared(values, valid).to(model.device)
            found[one.name].append(features(model.network, card, [x]).cpu().numpy())
        done += len(batch)
        if progress is not None:
            progress(done, len(items))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _batches(dataset: Dataset, items: Sequence[Item]) -> Iterator[list[Item]]:
    """Items in their order, a few of one size at a time."""
    for _, group in groupby(items, key=dataset.shape):
        alike = list(group)
        yield from (alike[at : at + _BATCH] for at in range(0, len(alike), _BATCH))


def _parts(
    dataset: Dataset, model: Model, split: str, split_file: str | Path | None, seed: int
) -> tuple[dict[str, list[Item]], str, str]:
    """Items of the training part and of the one that is scored, where that was said, and how places were told."""
    if split not in ("test", "val"):
        raise TrainError(f"split={split!r}: a probe is fitted on train and scored on test or val")
    beside = split_file or (None if dataset.parts else written_by_training(model))
    if beside is not None:
        made, how = Split.read(beside), str(beside)
    elif {"train", split} <= set(dataset.parts.values()):
        made, how = replace(by_place(dataset, by="given", seed=seed), places={}), "the folder"
    else:
        of_val, of_test = (_TEST if split == part else 0.0 for part in ("val", "test"))
        made = by_place(dataset, seed=seed, val=of_val, test=of_test)
        how = f"{_ANEW}: {made.how}"
    dataset = in_places(dataset, made)
    parts = {part: [dataset[name] for name in made.part(part) if name in dataset] for part in ("train", split)}
    return parts, how, dataset.placing


def _notes(model: Model, dataset: Dataset) -> tuple[str, ...]:
    if dataset.name not in {told.name.split()[0] for told in model.card.trained_on}:
        return ()
    return (
        f"the encoder itself has learnt from {dataset.name}, and images that are scored may be among those; "
        "say split_file= with the split it was trained by",
    )
