"""`swath data`: look at labelled data, and part them by place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from swath.cli.options import BandNames, SensorName, band_keys, sensors_told
from swath.cli.options import split as parts_of
from swath.cli.words import as_options, show
from swath.scene.words import many

if TYPE_CHECKING:
    from swath.data import Dataset, Report

data = typer.Typer(no_args_is_help=True, help="Look at labelled data, and part them by place.")

Folder = Annotated[str, typer.Argument(metavar="FOLDER", help="Images with labels, in any common arrangement.")]
Task = Annotated[str | None, typer.Option("--task", metavar="TASK", help="Where the folder could serve several.")]
Layout = Annotated[str | None, typer.Option("--layout", metavar="NAME", help="Where several arrangements fit.")]
Classes = Annotated[
    str | None,
    typer.Option("--classes", metavar="A,B,...|N=A,...", help="Names in the order of their numbers, or by number."),
]
Ignore = Annotated[
    str | None, typer.Option("--ignore", metavar="N,N,...", help='Numbers in masks that mean "not labelled".')
]
LabelField = Annotated[
    str | None, typer.Option("--label-field", metavar="FIELD", help="Column of a table or vector file with the class.")
]
Buffer = Annotated[
    float | None,
    typer.Option("--buffer", metavar="M", help="Width by which lines and points of vector files become areas."),
]
Gsd = Annotated[
    float | None, typer.Option("--gsd", metavar="M", help="Pixel size on the ground, of images that do not say it.")
]
Coregister = Annotated[
    bool, typer.Option("--coregister", help="Lay the dates of a place over its first, where their offset can be told.")
]
Apart = Annotated[
    str | None,
    typer.Option("--apart", metavar="NAME,...", help="Sensors that keep their own grid and dates, as further inputs."),
]
Numbered = Annotated[
    str | None,
    typer.Option("--dates", metavar="numbered", help="The layers of each image are numbered by date: VV, VV_1, ..."),
]


@data.command("inspect")
def inspect(
    folder: Folder,
    task: Task = None,
    layout: Layout = None,
    classes: Classes = None,
    ignore: Ignore = None,
    label_field: LabelField = None,
    sensor: SensorName = None,
    bands: BandNames = None,
    gsd: Gsd = None,
    dates: Numbered = None,
    coregister: Coregister = False,
    buffer: Buffer = None,
    apart: Apart = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Read all of it, and say what is there, what is odd, and what is done about that."""
    told = (task, layout, classes, ignore, label_field, sensor, bands, gsd, coregister, dates)
    found = open_data(folder, *told, buffer=buffer, apart=apart)
    report = inspected(found)
    if as_json:
        typer.echo(report.to_json())
    else:
        show(as_options(report.describe()))


@data.command("split")
def split(
    folder: Folder,
    out: Annotated[str, typer.Option("-o", "--out", metavar="FILE", help="Where to write it: .json or .yaml.")],
    task: Task = None,
    layout: Layout = None,
    classes: Classes = None,
    ignore: Ignore = None,
    label_field: LabelField = None,
    sensor: SensorName = None,
    bands: BandNames = None,
    gsd: Gsd = None,
    dates: Numbered = None,
    buffer: Buffer = None,
    apart: Apart = None,
    val: Annotated[float, typer.Option("--val", help="Share of the items to tune by.")] = 0.15,
    test: Annotated[float, typer.Option("--test", help="Share of the items to score by.")] = 0.15,
    seed: Annotated[int, typer.Option("--seed", help="Another one gives another choice of places.")] = 0,
    by: Annotated[
        str, typer.Option("--by", metavar="auto|given|place|name", help="What holds items together.")
    ] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
) -> None:
    """Part the items that can be used into train, val and test, by place and never at random."""
    from swath.data import split as part
    from swath.scene.write.atomic import check_target

    check_target(out, overwrite=overwrite)
    told = (task, layout, classes, ignore, label_field, sensor, bands, gsd)
    found = open_data(folder, *told, dates=dates, buffer=buffer, apart=apart)
    report = inspected(found)
    made = part(found, seed=seed, val=val, test=test, by=by, report=report)  # type: ignore[arg-type]  # checked there
    made.save(out, overwrite=overwrite)
    left = len(found) - sum(len(names) for names in (made.train, made.val, made.test))
    show(
        f"{out}: {many(len(made.train), 'item')} to train, {len(made.val)} to tune, {len(made.test)} to score"
        + (f", {left} left out (see swath data inspect)" if left else ""),
        f"parted by {made.how}",
    )


def open_data(
    folder: str,
    task: str | None = None,
    layout: str | None = None,
    classes: str | None = None,
    ignore: str | None = None,
    label_field: str | None = None,
    sensor: str | None = None,
    bands: str | None = None,
    gsd: float | None = None,
    coregister: bool = False,
    dates: str | None = None,
    buffer: float | None = None,
    apart: str | None = None,
) -> Dataset:
    """Open a labelled folder with the options as they were typed.

    Raises:
        DataError: as `swath.data.open`.
        typer.BadParameter: an option that cannot be read.
    """
    from swath.data import open as open_folder

    return open_folder(
        folder,
        task=task,
        layout=layout,
        classes=None if classes is None else class_names(classes),
        ignore=None if ignore is None else [_whole(one, "--ignore") for one in parts_of(ignore)],
        label_field=label_field,
        sensor=None if sensor is None else sensors_told(sensor),
        dates=dates,
        bands=None if bands is None else band_keys(bands),
        gsd=gsd,
        coregister=coregister,
        buffer=buffer,
        apart=() if apart is None else parts_of(apart),
    )


def class_names(text: str) -> list[str] | dict[int, str]:
    """`building,road` as names in order; `0=building,5=road` as names by number; colours are `#rrggbb=road`."""
    parts = parts_of(text)
    if not any("=" in one for one in parts):
        return parts
    pairs = [one.partition("=") for one in parts]
    if lacking := [key for key, _, name in pairs if not name]:
        raise typer.BadParameter(
            f"--classes: {lacking[0]!r} has no number or no name; write NUMBER=NAME for all of them"
        )
    return {int(key[1:], 16) if key.startswith("#") else _whole(key, "--classes"): name for key, _, name in pairs}


def _whole(text: str, option: str) -> int:
    try:
        return int(text, 16) if text.startswith("0x") else int(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {text!r} is no whole number") from error


def inspected(found: Dataset) -> Report:
    """The report, with a bar where it takes more than two seconds."""
    from swath.data import inspect as look
    from swath.progress import Bar

    with Bar(f"reading {found.name}") as bar:
        return look(found, progress=bar.count)
