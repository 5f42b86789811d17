"""Pictures of answers beside their labels: image, label, answer, and where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.data.sample import IGNORE
from swath.models.card import Card
from swath.models.gives import ClassLabel
from swath.scene.look_marks import FAINT, INK
from swath.tasks.layers import colours_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RIGHT, WRONG, MISSED = "#c9d1d9", "#d55e00", "#0072b2"
DIFFERS = "#1f2328"
"""Of several classes, whatever is wrong: no class is as dark."""
FOUND, NOTHING, CLEAR = "#009e73", "#ffffff", "#eceff1"
_PANEL, _DPI, _MOST_ENTRIES = 2.4, 110, 24


@dataclass(frozen=True, eq=False)
class Case:
    """A scene whose answer is shown.

    Attributes:
        name: of the scene.
        score: said beside its name.
        images: `[T, y, x, 4]` uint8, one or two dates.
        label: `[y, x]` positions of classes with `IGNORE`, or values with NaN; one number for the whole image.
        answer: alike.
    """

    name: str
    score: str
    images: NDArray[np.uint8]
    label: NDArray[Any]
    answer: NDArray[Any]


def figure(cases: Sequence[Case], card: Card) -> Figure:
    """A row for each case: its images, the label, the answer, the mistakes; and a legend.

    Args:
        cases: one or more.
        card: of the network that answered.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    classes = _shown_classes(card)
    columns = [len(case.images) + (3 if case.label.ndim == 2 else 0) for case in cases]
    width, height = max(2, *columns) * _PANEL, len(cases) * (_PANEL + 0.45) + 0.8
    made = Figure(figsize=(width, height), dpi=_DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(made)
    grid = made.subplots(len(cases), max(2, *columns), squeeze=False)
    for row, case in zip(grid, cases, strict=True):
        for ax in row:
            ax.set_axis_off()
        # A case of one date has fewer panels than a pair in the row above; what is left over stays empty.
        for ax, (title, picture, options) in zip(row, _panels(case, card, classes), strict=False):
            ax.imshow(picture, interpolation="nearest", **options)
            ax.set_title(title, fontsize=7.5, color=FAINT, loc="left", parse_math=False)
        row[0].set_title(f"{case.name}\n{case.score}", fontsize=8, color=INK, loc="left", parse_math=False)
    _legend(made, cases, card, classes)
    return made


def _panels(case: Case, card: Card, classes: Sequence[ClassLabel]) -> list[tuple[str, NDArray[Any], dict[str, Any]]]:
    names = [""] if len(case.images) == 1 else ["before", "after"]
    shown: list[tuple[str, NDArray[Any], dict[str, Any]]] = [
        (name, image, {}) for name, image in zip(names, case.images, strict=True)
    ]
    if case.label.ndim < 2:
        return shown
    if card.output.layers:
        return shown + _value_panels(case, card)
    table = np.stack([_rgb(colour) for colour in (*_colours(card, classes), NOTHING)])
    differ = _mistakes(case, binary=_is_yes_or_no(card))
    return [*shown, ("label", table[case.label], {}), ("answer", table[case.answer], {}), ("mistakes", differ, {})]


def _value_panels(case: Case, card: Card) -> list[tuple[str, NDArray[Any], dict[str, Any]]]:
    layer = card.output.layers[0]
    label, answer = (one * layer.std + layer.mean for one in (case.label, case.answer))
    known = np.concatenate([label[np.isfinite(label)], answer[np.isfinite(answer)]])
    low, high = np.percentile(known, [2, 98]) if len(known) else (0.0, 1.0)
    error = answer - label
    most = float(np.nanpercentile(np.abs(error), 98)) if np.isfinite(error).any() else 1.0
    scale = {"cmap": "viridis", "vmin": float(low), "vmax": float(high)}
    around = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
    words = f"{low:.3g} to {high:.3g} {layer.units}"
    return [
        (f"label, {words}", label, scale),
        (f"answer, {words}", answer, scale),
        (f"too low (blue) or high (red), to {most:.3g} {layer.units}", error, around),
    ]


def _mistakes(case: Case, *, binary: bool) -> NDArray[np.uint8]:
    shown = np.full((*case.label.shape, 3), 255, dtype=np.uint8)
    known = (case.label != IGNORE) & (case.answer != IGNORE)
    right = case.label == case.answer
    shown[known & right] = _rgb(RIGHT)
    shown[known & ~right] = _rgb(WRONG if binary else DIFFERS)
    if binary:
        shown[known & right & (case.label == 0)] = _rgb(CLEAR)
        shown[known & right & (case.label == 1)] = _rgb(FOUND)
        shown[known & (case.label == 1) & (case.answer == 0)] = _rgb(MISSED)
    return shown


def _legend(made: Figure, cases: Sequence[Case], card: Card, classes: Sequence[ClassLabel]) -> None:
    from matplotlib.patches import Patch

    if card.output.layers or all(case.label.ndim < 2 for case in cases):
        return
    if _is_yes_or_no(card):
        told = {"found": FOUND, "missed": MISSED, "false alarm": WRONG, "rightly nothing": CLEAR}
    else:
        there = np.unique(np.concatenate([np.concatenate([one.label, one.answer], axis=None) for one in cases]))
        colours = _colours(card, classes)
        told = {classes[k].name: colours[k] for k in there[there >= 0][:_MOST_ENTRIES]} | {
            "right": RIGHT,
            "wrong": DIFFERS,
        }
    told |= {"no label or no answer": NOTHING}
    patches = [Patch(facecolor=colour, edgecolor=FAINT, linewidth=0.4, label=name) for name, colour in told.items()]
    made.legend(handles=patches, loc="outside lower center", ncols=min(len(patches), 6), fontsize=7.5, frameon=False)


def _is_yes_or_no(card: Card) -> bool:
    return card.output.kind in ("binary", "semantic-change") or (
        card.task == "change" and len(card.output.classes) == 2
    )


def _shown_classes(card: Card) -> Sequence[ClassLabel]:
    """Classes by the positions that are drawn: of semantic change, whether there is any."""
    if card.output.kind == "semantic-change":
        return (ClassLabel(value=0, name="unchanged"), ClassLabel(value=1, name="changed"))
    return card.output.classes


def _colours(card: Card, classes: Sequence[ClassLabel]) -> list[str]:
    by_value = colours_of(classes)
    colours = [by_value[label.value] for label in classes]
    return [CLEAR, WRONG if card.output.kind == "semantic-change" else colours[1]] if _is_yes_or_no(card) else colours


def _rgb(colour: str) -> NDArray[np.uint8]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.uint8)
