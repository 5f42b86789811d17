"""`swath train`: labels become a model."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from swath.cli.data import Apart, Buffer, Classes, Coregister, Gsd, Ignore, LabelField, Layout, Numbered, class_names
from swath.cli.options import BandNames, SensorName, band_keys, sensors_told, split
from swath.cli.told import fields_of
from swath.cli.words import as_options
from swath.progress import Bar


def train(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER|RECIPE.yaml", help="Labelled images (any, with --task pretraining), or a recipe."
        ),
    ],
    out: Annotated[str, typer.Option("--out", "-o", metavar="MINE.swath", help="The model.", show_default=False)] = "",
    task: Annotated[str | None, typer.Option("--task", metavar="TASK", help="What is to be learnt.")] = None,
    network: Annotated[
        str | None, typer.Option("--network", metavar="NAME", help="As `swath models` lists; else unet.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="MODEL", help="A model whose weights are the beginning.")
    ] = None,
    freeze_encoder: Annotated[
        bool, typer.Option("--freeze-encoder", help="Keep the encoder of --from as it is.")
    ] = False,
    config: Annotated[
        str | None, typer.Option("--config", metavar="RECIPE.yaml", help="What is not said here.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="FOLDER", help="Where relative folders of a recipe lie.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Budget in steps.")] = None,
    epochs: Annotated[float | None, typer.Option("--epochs", help="Budget in passes over the pixels.")] = None,
    minutes: Annotated[float | None, typer.Option("--minutes", help="Budget in time.")] = None,
    batch: Annotated[int | None, typer.Option("--batch", help="Crops per batch.")] = None,
    crop: Annotated[int | None, typer.Option("--crop", metavar="PX", help="Side of a crop.")] = None,
    lr: Annotated[float | None, typer.Option("--lr", help="Highest learning rate.")] = None,
    patience: Annotated[
        int | None, typer.Option("--patience", help="End after so many validations that are no better.")
    ] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="Score by which the best weights are told.")] = None,
    class_weights: Annotated[
        str | None, typer.Option("--class-weights", metavar="none|inverse|effective", help="For rare classes.")
    ] = None,
    val: Annotated[
        str | None, typer.Option("--val", metavar="SHARE|NAME,...", help="Places to choose the best weights by.")
    ] = None,
    test: Annotated[
        str | None, typer.Option("--test", metavar="SHARE|NAME,...", help="Places that training never sees.")
    ] = None,
    split_file: Annotated[
        str | None, typer.Option("--split-file", metavar="FILE", help="As `swath data split` wrote it.")
    ] = None,
    layout: Layout = None,
    classes: Classes = None,
    ignore: Ignore = None,
    label_field: LabelField = None,
    buffer: Buffer = None,
    sensor: SensorName = None,
    bands: BandNames = None,
    gsd: Gsd = None,
    dates: Numbered = None,
    apart: Apart = None,
    coregister: Coregister = False,
    precision: Annotated[str | None, typer.Option("--precision", metavar="auto|float32|bfloat16")] = None,
    accelerator: Annotated[str | None, typer.Option("--accelerator", metavar="auto|cpu|gpu|mps")] = None,
    devices: Annotated[str | None, typer.Option("--devices", metavar="N|auto", help="How many GPUs.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of everything random.")] = None,
    more: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other field of a recipe, as options.encoder=resnet18."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what an interrupted run left.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model that is there.")] = False,
) -> None:
    """Train a network on labelled images; the file that is written predicts as it is.

    With --task pretraining it learns from images alone, and --from takes up its file.
    """
    if not out:
        raise typer.BadParameter("say where the model goes: -o MINE.swath")
    from swath.train import train as run

    said: dict[str, Any] = {
        "start": start,
        "freeze_encoder": freeze_encoder or None,
        "data": data,
        "steps": steps,
        "epochs": epochs,
        "minutes": minutes,
        "batch": batch,
        "crop": crop,
        "lr": lr,
        "patience": patience,
        "metric": metric,
        "class_weights": class_weights,
        "val": None if val is None else _part(val),
        "test": None if test is None else _part(test),
        "split": split_file,
        "layout": layout,
        "classes": None if classes is None else class_names(classes),
        "ignore": None if ignore is None else split(ignore),
        "label_field": label_field,
        "buffer": buffer,
        "sensor": None if sensor is None else sensors_told(sensor),
        "dates": dates,
        "bands": None if bands is None else band_keys(bands),
        "gsd": gsd,
        "apart": None if apart is None else split(apart),
        "coregister": coregister or None,
        "precision": precision,
        "accelerator": accelerator,
        "devices": None if devices is None else int(devices) if devices.isdigit() else devices,
        "seed": seed,
    }
    with Bar(Path(out).name) if _first() else nullcontext() as bar:
        report = run(
            folder,
            task=task,
            network=network,
            out=out,
            config=config,
            resume=resume,
            overwrite=overwrite,
            progress=bar,
            **(said | fields_of(more or [])),
        )
    if _first():
        typer.echo(as_options(report.describe()))


def _first() -> bool:
    """Whether this is the first of the processes that work together; Lightning starts the others with this variable."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def _part(text: str) -> float | list[str]:
    """A share, or names."""
    try:
        return float(text)
    except ValueError:
        return split(text)
