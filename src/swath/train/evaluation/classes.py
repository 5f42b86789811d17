"""Which class of the labels is which class of the network; by name, and never by guessing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swath.data import IGNORE
from swath.errors import TrainError
from swath.models.card import Card
from swath.models.gives import ClassLabel


@dataclass(frozen=True, eq=False)
class ClassMatch:
    """Positions of the labels' classes among the network's.

    Attributes:
        positions: `[K]`, by position in the labels; `IGNORE` for a class that does not count.
        notes: what a reader should know.
    """

    positions: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    def __call__(self, target: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions among the labels' classes as those among the network's; `IGNORE` stays."""
        return np.asarray(np.append(self.positions, IGNORE)[target])


def matched_classes(
    labelled: Sequence[ClassLabel], card: Card, said: Mapping[str, str | None] | None = None, data: str = "the labels"
) -> ClassMatch:
    """Find each class of the labels among those of a network.

    Names are compared without regard to case, spaces, `-` and `_`. Of two classes on both sides those whose names
    differ are paired by what is left, since no and yes have many names.

    Args:
        labelled: classes of the labels, by position.
        card: the network's.
        said: name in the labels -> name on the card, or None for a class that is not to count.
        data: what the labels are called.

    Raises:
        TrainError: a class of the labels is none of the network's.
    """
    wanted = [label.name for label in card.output.classes]
    if card.task == "change" and card.output.kind == "binary" and not labelled:
        labelled = card.output.classes
    said = dict(said or {})
    check_names(said, labelled, data)
    if unknown := [name for name in said.values() if name is not None and name not in wanted]:
        raise TrainError(f"match_classes= names {unknown[0]!r}, which {card.name} does not tell: {', '.join(wanted)}")
    places = {_plain(name): position for position, name in enumerate(wanted)}
    found: list[int | None] = []
    for label in labelled:
        name = said.get(label.name, label.name)
        found.append(IGNORE if name is None else places.get(_plain(name)))
    notes = []
    two = len(labelled) == len(wanted) == 2
    if two and None in found and IGNORE not in found and (_is_yes_or_no(card) or found != [None, None]):
        left = [position for position in range(2) if position not in found]
        found = [left.pop(0) if one is None else one for one in found]
        pairs = [(label.name, wanted[one]) for label, one in zip(labelled, found, strict=True) if one is not None]
        told = ", ".join(f"{a!r} is {b!r}" for a, b in pairs if _plain(a) != _plain(b))
        notes.append(f"the labels' {told}")
    lacking = [label.name for label, position in zip(labelled, found, strict=True) if position is None]
    if lacking:
        raise TrainError(
            f"{data} has the class{'es' if len(lacking) > 1 else ''} {', '.join(lacking)}, and {card.name} tells "
            f"{', '.join(wanted)}; say which is which, as "
            f"match_classes={{{lacking[0]!r}: {wanted[-1]!r}}}, with None for what is not to count"
        )
    positions = np.array(found, dtype=np.int64)
    if ignored := [label.name for label, position in zip(labelled, positions, strict=True) if position == IGNORE]:
        notes.append(f"as asked, pixels labelled {', '.join(ignored)} do not count")
    if absent := [name for position, name in enumerate(wanted) if position not in positions]:
        notes.append(f"{data} has no class for {', '.join(absent)}; where that is answered, it counts as a mistake")
    return ClassMatch(positions, tuple(notes))


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter not in " -_")


def _listed(labels: Sequence[ClassLabel]) -> str:
    return ", ".join(label.name for label in labels) or "it has none"


def _is_yes_or_no(card: Card) -> bool:
    return card.output.kind == "binary" or card.task == "change"


def check_names(said: Iterable[str], labelled: Sequence[ClassLabel], data: str) -> None:
    """See that what is said is said of classes that labels have.

    Raises:
        TrainError: there is no such class.
    """
    if unknown := [name for name in said if name not in {label.name for label in labelled}]:
        raise TrainError(f"match_classes= names {unknown[0]!r}, which is no class of {data}: {_listed(labelled)}")
