"""`swath evaluate`: how good a model is on labelled scenes, with intervals, and its worst cases to look at."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from swath.cli.options import BandNames, SensorName, band_keys, split
from swath.cli.progress import Bar
from swath.cli.words import show, table


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As `swath models` lists, or a .swath file.")],
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Labelled images, as `swath train` takes them.")],
    part: Annotated[str, typer.Option("--split", metavar="test|val|train|all", help="Which places.")] = "test",
    split_file: Annotated[
        str | None,
        typer.Option("--split-file", metavar="FILE", help="Says which places those are; else the model's training."),
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="What the labels are for, where it could be several.")
    ] = None,
    layout: Annotated[
        str | None, typer.Option("--layout", help="How the folder is arranged, where several fit.")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option("--classes", metavar="A,B|0=A,7=B", help="Classes of the labels in order, or by their numbers."),
    ] = None,
    label_field: Annotated[
        str | None, typer.Option("--label-field", metavar="COLUMN", help="Of a table: what holds the class.")
    ] = None,
    ignore: Annotated[
        str | None, typer.Option("--ignore", metavar="N,N", help="Numbers of masks that mean not labelled.")
    ] = None,
    sensor: SensorName = None,
    bands: BandNames = None,
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
    units: Annotated[str | None, typer.Option("--units", help="As for `swath predict`.")] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Of two classes, when the answer is yes.")
    ] = None,
    tta: Annotated[bool, typer.Option("--tta", help="See each tile flipped and turned in all eight ways.")] = False,
    device: Annotated[str | None, typer.Option("--device", metavar="NAME,...", help="cpu, cuda, or several.")] = None,
    bootstrap: Annotated[int, typer.Option("--bootstrap", help="Draws for the intervals.", min=0)] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Of the draws.")] = 0,
    worst: Annotated[int, typer.Option("--worst", help="How many of the worst cases to picture.", min=0)] = 4,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FOLDER", help="Report: text, JSON, CSV per scene, a picture.")
    ] = None,
) -> None:
    """Hold a model against labels, on whole scenes: IoU, F1, accuracy, kappa, calibration, with intervals."""
    from swath.cli.predict import settled
    from swath.train.evaluate import evaluate as run

    told: dict[str, Any] = {
        "layout": layout,
        "classes": None if classes is None else _classes(classes),
        "label_field": label_field,
        "ignore": None if ignore is None else [_number(one) for one in split(ignore)],
        "sensor": sensor,
        "bands": None if bands is None else band_keys(bands),
    }
    given: dict[str, Any] = {
        "threshold": threshold,
        "device": None if device is None else split(device),
        "tta": tta or None,
    } | settled(match_bands, None, gsd, units)
    with Bar("evaluating") as bar:
        found = run(
            model,
            folder,
            split=part,
            split_file=split_file,
            task=task,
            open_with={key: value for key, value in told.items() if value is not None},
            match_classes=None if match_classes is None else _pairs(match_classes),
            out=out,
            bootstrap=bootstrap,
            seed=seed,
            worst=worst,
            progress=bar,
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
    for note in found.notes:
        typer.echo(f"note: {note}")
    if out is not None:
        typer.echo(out)


def _classes(text: str) -> list[str] | dict[int, str]:
    """Names in order, or by number."""
    if "=" not in text:
        return split(text)
    pairs = [one.partition("=") for one in split(text)]
    return {_number(number): name.strip() for number, _, name in pairs}


def _pairs(text: str) -> dict[str, str | None]:
    pairs = [one.partition("=") for one in split(text)]
    if not all(sign for _, sign, _ in pairs):
        raise typer.BadParameter(f"--match-classes {text}: write LABEL=MODEL,LABEL=MODEL, or LABEL= to leave one out")
    return {label.strip(): name.strip() or None for label, _, name in pairs}


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no number of a class") from error
