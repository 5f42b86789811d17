"""`swath.evaluate`: how good a model is on labelled scenes, each predicted as a whole.

found = swath.evaluate("mine.swath", "labels/")
print(found.describe())
found.save("report/")
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from swath.data import Dataset
from swath.data import open as open_data
from swath.errors import MatchError, SwathError, TrainError
from swath.models.model import Model
from swath.models.registry import load
from swath.predict.skills import fitting_skill, is_fitted, meant, refuse_pretrained, task_of_fitted
from swath.scene.words import many
from swath.scene.write.atomic import check_target
from swath.tasks import TrainedTask, trained_task
from swath.tasks.figure import Case
from swath.train.evaluation.classes import ClassMatch, matched_classes
from swath.train.evaluation.counting import count_scene
from swath.train.evaluation.fields import Fields
from swath.train.evaluation.intervals import about_draws, intervals, pooled_of, single_classes, units
from swath.train.evaluation.papers import Paper
from swath.train.evaluation.parts import part_of
from swath.train.evaluation.report import Evaluation
from swath.train.evaluation.scene_result import SceneResult
from swath.train.evaluation.units import about_units, card_by_class, units_of
from swath.train.evaluation.worst import Worst

__all__ = ["Evaluation", "evaluate", "pooled_of"]

_OWN = ("out", "confidence", "probabilities", "extent", "overwrite", "resume", "cluster", "pairs", "before_map")
"""Arguments of `swath.predict` that mean nothing here."""
_MOST_ALIKE = 3


def evaluate(
    model: Model | str | Path,
    data: Dataset | str | Path,
    *,
    split: str = "test",
    split_file: str | Path | None = None,
    task: str | None = None,
    open_with: Mapping[str, Any] | None = None,
    match_classes: Mapping[str, str | None] | None = None,
    fields: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    worst: int = 4,
    progress: Callable[[int, int], None] | None = None,
    **settle: Any,
) -> Evaluation:
    """Hold a model against labels: every scene is predicted as a whole, as `swath.predict` does it.

    Pixels without a label, and such as were not seen, do not count. An answer on another grid than its label (a model
    of another GSD) is brought onto the label's by the nearest pixel. An image with one class is predicted in tiles of
    the card's size, never resized; the mean of the tiles' probabilities decides.

    Args:
        model: a model, a registered name, or the path of a weight file; `NAME:SKILL` names one of several skills. A
            method that needs no labels, such as `irmad`, is fitted to each scene by itself.
        data: labelled places, or their folder.
        split: `train`, `val`, `test`, or `all`.
        split_file: which places that are; None: as the folder is divided, or as the model's training divided it.
        task: what the labels are for, where they could serve several; None: what the model was made for.
        open_with: for a folder: what else `swath.data.open` is to be told (`classes`, `label_field`, `sensor`, ...).
        match_classes: name of a class in the labels -> name on the card, or None for one that is not to count.
        fields: count fields too, each once, by the votes of its pixels: a file of polygons, or `OLD=NEW` for rasters of
            field numbers named like the labels with `NEW` instead of `OLD`; for segmentation.
        out: folder for the report; None: not written.
        bootstrap: how often places are drawn for the intervals, or scenes where there are fewer than five places; 0: no
            intervals.
        seed: of the draws.
        worst: how many of the worst scenes are kept to be looked at.
        progress: called with scenes done and scenes there are.
        settle: what settles scenes that do not fit the card at once, and other arguments of `swath.predict`. The
            network runs in float32 unless `precision` says otherwise, so that scores do not depend on the machine.

    Raises:
        TrainError: no split is known, classes differ, or no scene can be evaluated.
        DataError: the folder is no labelled set.
        MatchError: the scenes do not fit the model's card.
        PredictError: the model is for another task.
        WriteError: the report cannot be written.
    """
    begun = time.perf_counter()
    if wrong := [key for key in _OWN if key in settle]:
        raise TrainError(f"{wrong[0]}= means nothing to an evaluation; leave it out")
    if out is not None:
        check_target(Path(out) / "report.txt" if Path(out).is_dir() else out, overwrite=True)
    method: str | None = None
    if is_fitted(model):
        method = str(model)
        dataset = _opened(data, task or task_of_fitted(method), open_with)
        model = _of_some_scene(method, dataset, settle)
    else:
        model = model if isinstance(model, Model) else load(os.fspath(model))
        refuse_pretrained(model)
        only = model.task if len({card.task for card in model.cards}) == 1 else None
        dataset = _opened(data, task or only, open_with)
    classes: ClassMatch | None
    task_of: TrainedTask
    if nameless := units_of(model, dataset, match_classes, anew=method is not None):
        classes, task_of = nameless
    else:
        model, classes = _skill(model, dataset, match_classes, settle)
        task_of = trained_task(model.card)
    if "threshold" in settle:
        output = model.card.output.model_dump() | {"threshold": settle["threshold"]}
        model = model.with_card(output=output)
    part, words = part_of(dataset, split, split_file, model)
    if fields is not None and (nameless or model.card.output.kind not in ("classes", "binary")):
        gives = "units without names" if nameless else model.card.output.kind
        raise TrainError(f"fields= is for classes of pixels, and {model.card.name} gives {gives}")
    options = {"precision": "float32", "fields": None if fields is None else Fields(os.fspath(fields))} | settle
    paper = Paper.of(part, classes, task_of.metrics(model.card), fields=fields is not None)
    counted, cases, notes = _count(part, model, method, task_of, classes, options, worst, progress, paper)
    every = [one.metrics for one in counted]
    pooled = pooled_of(every)
    of_fields = [one.fields for one in counted if one.fields is not None]
    fitted = [] if method is None else [f"{method} was fitted to each scene by itself, without its labels"]
    places = [one.place for one in counted]
    notes += about_units(every)
    scored = None if paper is None else paper.report(counted, bootstrap, seed, single_classes(every))
    notes += [] if scored is None else scored.notes()
    said = [*fitted, *dataset.notes, *(classes.notes if classes else ()), *notes, *about_draws(places, part.placing)]
    found = Evaluation(
        card=card_by_class(model.card, dataset.classes) if nameless else model.card,
        weights=model.hash if method is None else "",
        data=f"{dataset.name} {split}" if split != "all" else dataset.name,
        split=words,
        scenes=tuple(counted),
        metrics=pooled,
        pooled=pooled.compute(),
        intervals=intervals(every, bootstrap, seed, places=units(places), kinds=single_classes(every)),
        bootstrap=bootstrap,
        seed=seed,
        seconds=time.perf_counter() - begun,
        notes=tuple(_few_alike(said)),
        worst=tuple(cases),
        fields=pooled_of(of_fields) if of_fields else None,
        paper=scored,
    )
    if out is not None:
        found.save(out)
    return found


def _few_alike(notes: list[str]) -> list[str]:
    """Notes without repeats; of many that differ only in what follows their last colon, the first."""
    groups: dict[str, list[str]] = {}
    for note in dict.fromkeys(notes):
        groups.setdefault(note.rpartition(": ")[0] or note, []).append(note)
    told: list[str] = []
    for group in groups.values():
        told += group if len(group) <= _MOST_ALIKE else [f"{group[0]} (and {many(len(group) - 1, 'scene')} alike)"]
    return told


def _opened(data: Dataset | str | Path, task: str | None, told: Mapping[str, Any] | None) -> Dataset:
    if not isinstance(data, Dataset):
        return open_data(data, task=task, **(told or {}))
    if told:
        raise TrainError("open_with= goes with a folder, and data= is a data set that is open already; leave it out")
    return data


def _of_some_scene(method: str, dataset: Dataset, settle: Mapping[str, Any]) -> Model:
    """A method fitted to the first scene that it can be fitted to, whose card speaks for all.

    Raises:
        SwathError: there is none; why the first one is none.
    """
    problem: SwathError | None = None
    told = {key: value for key, value in settle.items() if key in ("bands", "dates", "gsd", "units")}
    for item in dataset.items:
        try:
            model = meant(method, None, dataset.scene(item), told, options=settle.get("options"))
        except SwathError as error:
            problem = problem or error
            continue
        return model.with_card(notes=("fitted to each scene without labels",))
    raise problem or TrainError(f"{dataset.name}: holds no scenes")


def _skill(
    model: Model, dataset: Dataset, said: Mapping[str, str | None] | None, settle: Mapping[str, Any]
) -> tuple[Model, ClassMatch | None]:
    """The model with the one skill that the labels are for, and how classes correspond."""
    meant = [card for card in model.cards if card.task == dataset.task]
    problem: TrainError | None = None
    fitting: dict[str, ClassMatch | None] = {}
    for card in meant:
        try:
            fitting[card.name] = (
                matched_classes(dataset.classes, card, said, dataset.name) if card.output.classes else None
            )
        except TrainError as error:
            problem = error
    if not fitting and problem is not None:
        raise problem
    if len(fitting) != 1:
        model = fitting_skill(model, dataset.task, dataset.scene(dataset.items[0]), settle)
        return model, fitting[model.card.name]
    ((name, classes),) = fitting.items()
    return model.skill(name), classes


def _count(
    dataset: Dataset,
    model: Model,
    method: str | None,
    task: TrainedTask,
    classes: ClassMatch | None,
    options: Mapping[str, Any],
    worst: int,
    progress: Callable[[int, int], None] | None,
    paper: Paper | None,
) -> tuple[list[SceneResult], list[Case], list[str]]:
    """Every scene, the worst of them, and what must be said."""
    results: list[SceneResult] = []
    cases = Worst(worst)
    notes: dict[str, None] = {}
    failed: dict[str, SwathError] = {}
    unlabelled, tiled = 0, 0
    for done, item in enumerate(dataset.items):
        if progress is not None:
            progress(done, len(dataset.items))
        if item.label is None:
            unlabelled += 1
            continue
        try:
            counted = count_scene(
                dataset, item, model, task, classes, options, method, None if paper is None else paper.metrics
            )
        except SwathError as error:
            failed[item.name] = error
            continue
        scores = counted.metrics.compute()
        notes |= dict.fromkeys(counted.notes)
        tiled += counted.tiles > 1
        results.append(
            SceneResult(
                item.name,
                item.place,
                counted.metrics,
                counted.labelled,
                counted.answered,
                scores,
                counted.fields,
                counted.paper,
            )
        )
        cases.take(dataset, item, model, counted, scores)
    if progress is not None:
        progress(len(dataset.items), len(dataset.items))
    if not results:
        raise _why_none(dataset, failed)
    if failed:
        name, why = next(iter(failed.items()))
        notes[f"{len(failed)} of {many(len(dataset.items), 'scene')} could not be used; {name}: {why}"] = None
    if unlabelled:
        notes[f"{unlabelled} of {many(len(dataset.items), 'scene')} without a label, left out"] = None
    if tiled:
        notes[
            f"{tiled} of {many(len(results), 'image')} larger than a tile of {model.card.tile.size} px: the mean "
            "of their tiles' probabilities decides"
        ] = None
    return results, cases.found, list(notes)


def _why_none(dataset: Dataset, failed: Mapping[str, SwathError]) -> SwathError:
    if not failed:
        return TrainError(f"{dataset.name}: no scene of this part has a label")
    first = next(iter(failed.values()))
    if len(failed) == 1 or isinstance(first, MatchError):
        return first
    return TrainError(f"{dataset.name}: no scene could be used ({len(failed)} tried); {next(iter(failed))}: {first}")
