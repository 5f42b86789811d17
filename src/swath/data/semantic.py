"""From images of two dates with a mask of classes for each to items of semantic change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from swath.data import masked
from swath.data.item import Item, Label
from swath.data.layouts import Asked, Stray
from swath.data.masks import MaskLabel
from swath.data.transitions import TransitionLabel


@dataclass(frozen=True)
class Sides:
    """The files of a place.

    Attributes:
        name: of the item.
        images: of two dates.
        masks: of their classes; one and the same, where its numbers mean pairs of classes; None where a date has none.
        change: mask of change; None where there is none.
    """

    name: str
    images: tuple[Path, ...]
    masks: tuple[Path | None, Path | None]
    change: Path | None = None

    @property
    def drawn(self) -> tuple[Path, ...]:
        """The masks of classes that there are."""
        return tuple(path for path in self.masks if path is not None)


class Masks(Protocol):
    """Masks of classes that were looked through."""

    @property
    def broken(self) -> Collection[Path]:
        """Those that cannot be read."""

    @property
    def unchanged(self) -> int | None:
        """See `TransitionLabel.unchanged`."""

    def label(self, path: Path, date: int = 0) -> MaskLabel:
        """The label of a mask, for the first or the last date (0, 1).

        Raises:
            DataError: it holds what is no class.
        """


def items_of(
    root: Path, sides: Sequence[Sides], masks: Masks, strays: Sequence[Stray], asked: Asked
) -> tuple[list[Item], list[Stray]]:
    """Items with labels of semantic change; images whose masks cannot be read are strays.

    Raises:
        DataError: a mask holds what is no class, or none of the masks of change can be read.
    """
    change = _changes(root, [one for one in sides if one.change is not None], asked)
    items, lost = [], list(strays)
    for one in sides:
        if any(path in masks.broken for path in one.drawn) or (one.change is not None and one.name not in change):
            lost += [Stray(path, "its mask cannot be read") for path in one.images]
            continue
        before, after = (None if path is None else masks.label(path, date) for date, path in enumerate(one.masks))
        label = TransitionLabel(before, after, change.get(one.name), masks.unchanged)
        items.append(Item(one.name, one.images, label, one.name))
    return items, lost


def _changes(root: Path, sides: Sequence[Sides], asked: Asked) -> Mapping[str, Label]:
    """Labels of the masks of change, by the name of the place."""
    if not sides:
        return {}
    pairs = [masked.Paired(one.name, one.images, one.change) for one in sides if one.change is not None]
    found = masked.found_of(root, pairs, (), replace(asked, task=None, classes=("unchanged", "changed")), "change")
    return {item.name: item.label for item in found.items if item.label is not None}
