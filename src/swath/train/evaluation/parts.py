"""Which scenes are evaluated, those that a split keeps for it, and which of them show one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from swath.data import Dataset, Split
from swath.data.places import placed
from swath.data.split_file import PARTS
from swath.errors import TrainError
from swath.models.model import Model
from swath.scene.words import many


def part_of(dataset: Dataset, split: str, split_file: str | Path | None, model: Model) -> tuple[Dataset, str]:
    """The items of a part.

    A file of a split speaks first, then the folder's own parts, then the split that the model's training has written
    beside it.

    Args:
        dataset: labelled places.
        split: `train`, `val`, `test`, or `all`.
        split_file: as `swath.data.split` wrote it; None: found out.
        model: whose training may have written one.

    Returns:
        The part, its items with the places of `in_places`; and in words where it comes from.

    Raises:
        TrainError: no split is known, or the part is empty.
        DataError: the file is no split.
    """
    if split not in (*PARTS, "all"):
        raise TrainError(f"split={split!r} is not known; say train, val, test or all")
    if split == "all":
        return in_places(dataset), "all of it"
    made: Split | None = None
    names: Iterable[str]
    if split_file is None and dataset.parts:
        names, source = [name for name, part in dataset.parts.items() if part == split], "the folder"
    elif (file := split_file or written_by_training(model)) is not None:
        made = Split.read(file)
        names, source = made.part(split), str(file)
    else:
        raise TrainError(
            f"nothing tells which of {many(len(dataset), 'scene')} of {dataset.name} are for {split}: say "
            "split='all' if the network was trained on none of them, or split_file= with the split it was trained by"
        )
    part, words = _subset(dataset, names, split, source)
    return in_places(dataset, made).subset(item.name for item in part.items), words


def in_places(dataset: Dataset, made: Split | None = None) -> Dataset:
    """The items with the places that a split has held together; where it does not say, with those that one would.

    Args:
        dataset: all items that a split would part, where `made` names no places.
        made: the split.
    """
    if made is None or not made.places:
        dataset, how = placed(dataset)
        return replace(dataset, placing=how)
    items = tuple(replace(item, place=made.places.get(item.name, item.place)) for item in dataset.items)
    return replace(dataset, items=items, placing=made.how)


def _subset(dataset: Dataset, names: Iterable[str], split: str, source: str) -> tuple[Dataset, str]:
    wanted = set(names)
    there = {item.name for item in dataset.items}
    if not wanted:
        raise TrainError(f"{source}: the part {split} is empty; say another, or split='all'")
    if not wanted & there:
        raise TrainError(
            f"{source}: of {many(len(wanted), 'scene')} for {split} none is in {dataset.name}; another folder?"
        )
    absent = len(wanted - there)
    words = f"{split} by {source}" + (f", {absent} of them not in the folder" if absent else "")
    return dataset.subset(wanted & there), words


def written_by_training(model: Model) -> Path | None:
    """The split beside a model's file, where its training has left one."""
    if model.source is None:
        return None
    path = Path(model.source).with_suffix(".train") / f"{model.card.name}.split.json"
    return path if path.is_file() else None
