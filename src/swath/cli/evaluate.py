"""`swath evaluate`: how good a model is on labelled scenes, with intervals, and its worst cases to look at."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from swath.cli.data import (
    Apart,
    Buffer,
    Classes,
    Coregister,
    Folder,
    Ignore,
    LabelField,
    Layout,
    Numbered,
    Task,
    open_data,
)
from swath.cli.options import BandNames, SensorName, split
from swath.cli.told import OfMethod, of_method, settled
from swath.cli.words import as_options, show, table
from swath.progress import Bar


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As `swath models` lists, or a .swath file.")],
    folder: Folder,
    part: Annotated[str, typer.Option("--split", metavar="test|val|train|all", help="Which places.")] = "test",
    split_file: Annotated[
        str | None,
        typer.Option("--split-file", metavar="FILE", help="Says which places those are; else the model's training."),
    ] = None,
    task: Task = None,
    options: OfMethod = None,
    layout: Layout = None,
    classes: Classes = None,
    label_field: LabelField = None,
    buffer: Buffer = None,
    ignore: Ignore = None,
    sensor: SensorName = None,
    bands: BandNames = None,
    dates: Numbered = None,
    match_classes: Annotated[
        str | None,
        typer.Option(
            "--match-classes",
            metavar="LABEL=MODEL,...",
            help="Which class is which; LABEL= for one that is not to count.",
        ),
    ] = None,
    match_bands: Annotated[
        str | None, typer.Option("--match-bands", metavar="MODEL=SCENE,...", help="As for `swath predict`.")
    ] = None,
    gsd: Annotated[
        str | None, typer.Option("--gsd", metavar="native|nominal|METRES", help="As for `swath predict`.")
    ] = None,
    apart: Apart = None,
    coregister: Coregister = False,
    units: Annotated[str | None, typer.Option("--units", help="As for `swath predict`.")] = None,
    fields: Annotated[
        str | None,
        typer.Option(
            "--fields",
            metavar="FILE|OLD=NEW",
            help="Count fields too, by vote: polygons, or rasters of field numbers named like the labels.",
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Of two classes, when the answer is yes.")
    ] = None,
    tta: Annotated[bool, typer.Option("--tta", help="See each tile flipped and turned in all eight ways.")] = False,
    device: Annotated[str | None, typer.Option("--device", metavar="NAME,...", help="cpu, cuda, or several.")] = None,
    bootstrap: Annotated[int, typer.Option("--bootstrap", help="Draws for the intervals.", min=0)] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Of the draws.")] = 0,
    worst: Annotated[int, typer.Option("--worst", help="How many of the worst cases to picture.", min=0)] = 4,
    probe: Annotated[
        str | None,
        typer.Option(
            "--probe",
            metavar="knn,linear",
            help="Score the features of its encoder instead, by plain classifiers, for several ways to feed it.",
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FOLDER", help="Report: text, JSON, CSV per scene, a picture.")
    ] = None,
) -> None:
    """Hold a model against labels, on whole scenes: IoU, F1, accuracy, kappa, calibration, with intervals."""
    if probe is not None:
        about = {"task": task, "layout": layout, "classes": classes, "label_field": label_field, "sensor": sensor}
        said = {"split": part, "split_file": split_file, "bootstrap": bootstrap, "seed": seed}
        _probe(model, folder, split(probe), about | {"ignore": ignore, "bands": bands}, said, match_bands, units, out)
        return
    from swath.models.registry import load
    from swath.predict.skills import is_fitted, task_of_fitted
    from swath.train.evaluate import evaluate as run

    loaded = model if is_fitted(model) else load(model)
    tasks = {task_of_fitted(loaded)} if isinstance(loaded, str) else {card.task for card in loaded.cards}
    only = next(iter(tasks)) if len(tasks) == 1 else None
    read_as = (task or only, layout, classes, ignore, label_field, sensor, bands)
    data = open_data(folder, *read_as, coregister=coregister, dates=dates, buffer=buffer, apart=apart)
    given: dict[str, Any] = {
        "threshold": threshold,
        "fields": fields,
        "device": None if device is None else split(device),
        "tta": tta or None,
    } | (settled(match_bands, None, gsd, units) | of_method(options))
    with Bar("evaluating") as bar:
        found = run(
            loaded,
            data,
            split=part,
            split_file=split_file,
            match_classes=None if match_classes is None else _pairs(match_classes),
            out=out,
            bootstrap=bootstrap,
            seed=seed,
            worst=worst,
            progress=bar.count,
            **{key: value for key, value in given.items() if value is not None},
        )
    for line in found.heading():
        typer.echo(line)
    typer.echo()
    rows = table(*found.titles())
    for row in found.rows():
        rows.add_row(*row)
    show(rows)
    if by_class := found.class_rows():
        rows = table(*found.titles(of_class=True))
        for one in by_class:
            rows.add_row(*one)
        typer.echo()
        show(rows)
    if by_field := found.field_rows():
        rows = table(*found.field_titles())
        for counted in by_field:
            rows.add_row(*counted)
        typer.echo()
        show(rows)
    if found.paper is not None and (by_paper := found.paper.rows()):
        rows = table(*found.paper.titles())
        for told in by_paper:
            rows.add_row(*told)
        typer.echo()
        show(rows)
    for note in found.notes:
        typer.echo(f"note: {as_options(note)}")
    if out is not None:
        typer.echo(out)


def _probe(
    model: str,
    folder: str,
    kinds: list[str],
    opening: dict[str, Any],
    said: dict[str, Any],
    match_bands: str | None,
    units: str | None,
    out: str | None,
) -> None:
    """The table of a probe."""
    from swath.train.probe import probe as run

    data = open_data(folder, **(opening | {"task": "classification"}))
    with Bar("looking at images") as bar:
        found = run(model, data, kinds=kinds, progress=bar.count, **said, **settled(match_bands, None, None, units))
    for line in found.heading():
        typer.echo(line)
    typer.echo()
    rows = table(*found.titles())
    for row in found.cells():
        rows.add_row(*row)
    show(rows)
    for note in found.notes:
        typer.echo(f"note: {as_options(note)}")
    if out is not None:
        typer.echo(found.save(out))


def _pairs(text: str) -> dict[str, str | None]:
    pairs = [one.partition("=") for one in split(text)]
    if not all(sign for _, sign, _ in pairs):
        raise typer.BadParameter(f"--match-classes {text}: write LABEL=MODEL,LABEL=MODEL, or LABEL= to leave one out")
    return {label.strip(): name.strip() or None for label, _, name in pairs}
