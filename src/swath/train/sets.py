"""`LabelledSet`: a set that is ready to be learnt from: opened, looked through, split by place."""

from __future__ import annotations

import fnmatch
import os
import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from swath.data import Dataset, Item, Report, Split, inspect, split
from swath.data import open as open_data
from swath.data.places import placed
from swath.data.split_file import PARTS
from swath.errors import SwathWarning, TrainError
from swath.scene.words import many
from swath.train.recipe import Part, SetRecipe
from swath.train.statistics import Statistics, look_through

TRAINED = ("segmentation", "change", "semantic-change", "classification", "regression", "pretraining")


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """A set that is ready to be learnt from.

    Attributes:
        recipe: what was said of it.
        skill: name of its card.
        dataset: all readable items.
        split: names of items by part.
        statistics: of the training part.
        report: what inspection found.
        notes: of that, what no warning has said.
    """

    recipe: SetRecipe
    skill: str
    dataset: Dataset
    split: Split
    statistics: Statistics
    report: Report
    notes: tuple[str, ...] = ()

    @cached_property
    def train(self) -> tuple[Item, ...]:
        """Items to learn from."""
        return tuple(self.dataset[name] for name in self.split.train)

    @cached_property
    def val(self) -> tuple[Item, ...]:
        """Items to choose the best weights by."""
        return tuple(self.dataset[name] for name in self.split.val)


def open_set(one: SetRecipe, data: str | None, seed: int) -> LabelledSet:
    """Open, inspect, split and look through a set.

    Warns (`SwathWarning`) of items that cannot be used, which take no part, and of classes that training never sees.

    Raises:
        DataError: the folder is no labelled set.
        TrainError: there is too little to learn from; the message says what.
    """
    whole = open_data(
        located(one.folder, data),
        task=one.task,
        layout=one.layout,
        classes=one.classes,
        label_field=one.label_field,
        sensor=one.sensor,
        bands=one.bands,
        dates=one.dates,
        ignore=one.ignore,
        gsd=one.gsd,
        buffer=one.buffer,
        coregister=one.coregister,
        apart=one.apart,
        quality=one.quality,
        grades=one.grades,
    )
    if one.quality is not None and whole.task not in ("segmentation", "change"):
        raise TrainError(f"quality= is for labels of pixels, and {whole.name} is labelled for {whole.task}")
    if whole.task not in TRAINED:
        raise TrainError(f"{whole.name} is labelled for {whole.task}; one trains for {', '.join(TRAINED)}")
    report = inspect(whole)
    left_out = {item.name for item in whole.items} - set(report.keep)
    notes = []
    for finding in report.findings:
        words = f"{whole.name}: {finding.what}; {finding.action}"
        if left_out.intersection(finding.items):
            warnings.warn(SwathWarning(words), stacklevel=2)
        else:
            notes.append(words)
    if not report.keep:
        raise TrainError(f"{whole.name}: no item of it can be used ({len(whole)} found); see `swath data inspect`")
    dataset = whole.subset(report.keep)
    parts = split_set(dataset, one, data, seed, report)
    statistics = look_through(dataset, map(dataset.__getitem__, parts.train))
    ready = LabelledSet(one, one.skill or skill_name(dataset.name), dataset, parts, statistics, report, tuple(notes))
    check(ready)
    return ready


def check(ready: LabelledSet) -> None:
    """See that there is something to learn, and warn of what cannot be learnt.

    Raises:
        TrainError: a part is empty, or only one class is labelled.
    """
    dataset, parts = ready.dataset, ready.split
    for part, names in (("train", parts.train), ("val", parts.val)):
        if not names:
            raise TrainError(
                f"{dataset.name}: nothing is left for the part {part!r} ({many(len(dataset), 'item')}, split "
                f"{parts.how}); label more places, or say val= and test= as smaller shares or as names"
            )
    if not dataset.classes:
        return
    seen = [label.name for label, count in zip(dataset.classes, ready.statistics.counts, strict=True) if count]
    if len(seen) < 2:
        raise TrainError(
            f"{dataset.name}: only one class is labelled in the training part ({', '.join(seen) or 'none'}), so there "
            "is nothing to tell apart; label what is not of that class too"
        )
    if unseen := [label.name for label in dataset.classes if label.name not in seen]:
        elsewhere = {position for item in ready.val for position in dataset.counts(item)}
        where = [name for name in unseen if _position(dataset, name) in elsewhere]
        told = f"; the validation part has {', '.join(where)}" if where else ""
        warnings.warn(
            SwathWarning(
                f"{dataset.name}: the training part has no {', '.join(unseen)}, so it will not be recognised{told}; "
                "label more of it, or split otherwise (val=, test=, seed=)"
            ),
            stacklevel=2,
        )


def located(folder: str, data: str | None) -> Path:
    """Where a set lies: an absolute folder, one within `data`, or one of the working folder."""
    path = Path(os.path.expandvars(folder)).expanduser()
    if path.is_absolute() or data is None:
        return path
    root = os.path.expandvars(data)
    if "$" in root:
        raise TrainError(f"data={data!r}: this variable is not set; set it, or say data=")
    return Path(root).expanduser() / path


def split_set(dataset: Dataset, one: SetRecipe, data: str | None, seed: int, report: Report | None) -> Split:
    """The parts that a recipe wants: a file's, or named ones and the rest by place.

    Args:
        dataset: what to part.
        one: says how.
        data: where a relative file lies.
        seed: of the choice among places.
        report: of inspection, which knows images that are nearly alike; None: not looked for.

    Raises:
        TrainError: a pattern fits no item.
        DataError: the file is no split, or a part would be empty.
    """
    if one.split is not None:
        read = Split.read(located(one.split, data))
        train, val, test = (tuple(name for name in read.part(part) if name in dataset) for part in PARTS)
        return replace(read, train=train, val=val, test=test)
    held = {part: _named(dataset, patterns) for part, patterns in (("val", one.val), ("test", one.test))}
    taken = held["val"] | held["test"]
    of_val, of_test = (part if isinstance(part, float) else 0.0 for part in (one.val, one.test))
    if not taken:
        return split(dataset, seed=seed, val=of_val, test=of_test, report=report)
    rest = dataset.subset(item.name for item in dataset.items if item.name not in taken)
    parts = split(rest, seed=seed, val=of_val, test=of_test) if of_val or of_test else None
    return Split(
        train=tuple(item.name for item in rest.items) if parts is None else parts.train,
        val=(*sorted(held["val"]), *(parts.val if parts else ())),
        test=(*sorted(held["test"]), *(parts.test if parts else ())),
        how="; ".join(filter(None, ["named in the recipe", parts.how if parts else ""])),
        seed=seed,
        dataset=dataset.name,
        hash=dataset.hash,
        places={item.name: item.place for item in placed(dataset)[0].items},
    )


def _named(dataset: Dataset, part: Part) -> set[str]:
    if isinstance(part, float):
        return set()
    found: set[str] = set()
    for pattern in part:
        fitting = {item.name for item in dataset.items if fnmatch.fnmatchcase(item.name, pattern)}
        if not fitting:
            raise TrainError(f"{dataset.name}: no item is called {pattern!r}; there is {dataset.items[0].name}")
        found |= fitting
    return found


def _position(dataset: Dataset, name: str) -> int:
    return next(position for position, label in enumerate(dataset.classes) if label.name == name)


def skill_name(folder: str) -> str:
    """Name of a card from that of a folder; such names have three characters or more."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in Path(folder).name).strip("-")
    return kept if len(kept) > 2 and kept[0].isalpha() else f"set-{kept}" if kept else "own"
