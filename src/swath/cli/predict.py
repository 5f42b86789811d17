"""`swath predict`: a map of a scene, written with its confidence and its record; or made once more from a record."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swath.cli.options import (
    BandNames,
    Complex,
    Dates,
    Extent,
    ExtentCrs,
    Place,
    SensorName,
    open_paths,
    part_of,
    sensor_by_input,
    split,
)
from swath.cli.targets import check_targets
from swath.cli.told import OfMethod, of_method, settled
from swath.cli.words import show, table
from swath.progress import Bar

if TYPE_CHECKING:
    from swath.predict.product import Product
    from swath.scene.scene import Scene

Scenes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SCENE...",
        help="Files, folders, products, STAC items: all together one scene; of several sensors s2=PATH,... s1=PATH.",
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="NAME=PATH,...",
        help="What a further input of the model sees. What files do not tell of themselves, `swath convert` lets them.",
    ),
]


def predict(
    scenes: Scenes = None,
    out: Annotated[str, typer.Option("--out", "-o", metavar="OUT.tif", help="The map.", show_default=False)] = "",
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="NAME|FILE", help="As `swath models` lists, or a .swath file."),
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="What is asked; else what the model was made for.")] = None,
    options: OfMethod = None,
    again: Annotated[
        str | None, typer.Option("--again", metavar="RECORD", help="Make once more what a record tells of.")
    ] = None,
    inputs: Inputs = None,
    sensor: SensorName = None,
    bands: BandNames = None,
    dates: Dates = None,
    grid: Place = None,
    complex: Complex = None,
    match_bands: Annotated[
        str | None,
        typer.Option(
            "--match-bands", metavar="MODEL=SCENE,...", help="Which band of the scene feeds which of the model."
        ),
    ] = None,
    match_dates: Annotated[
        str | None, typer.Option("--match-dates", metavar="I,J,...", help="Which dates the model sees, counted from 0.")
    ] = None,
    gsd: Annotated[
        str | None,
        typer.Option("--gsd", metavar="native|nominal|METRES", help="Pixels as they are, or resampled to the model's."),
    ] = None,
    units: Annotated[
        str | None, typer.Option("--units", help="Units of numbers that nothing says the units of.")
    ] = None,
    extent: Extent = None,
    extent_crs: ExtentCrs = None,
    vectors: Annotated[
        str | None, typer.Option("--vectors", metavar="FILE", help="Its shapes too: .gpkg, .parquet, .geojson, .fgb.")
    ] = None,
    fields: Annotated[
        str | None,
        typer.Option("--fields", metavar="FILE", help="Polygons whose pixels vote: writes OUT.fields.gpkg too."),
    ] = None,
    min_area: Annotated[
        float | None, typer.Option("--min-area", metavar="M2", help="Smallest shape; smaller ones join a neighbour.")
    ] = None,
    simplify: Annotated[
        float | None, typer.Option("--simplify", metavar="M", help="By how much outlines may be simplified.")
    ] = None,
    look: Annotated[str | None, typer.Option("--look", metavar="FILE.png", help="A picture of the map too.")] = None,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Keep those of each class.")] = False,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Of two classes, when the answer is yes.")
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Equal to running the whole image at once; slower.")] = False,
    stitch: Annotated[str, typer.Option("--stitch", metavar="auto|trim|blend", help="How tiles are joined.")] = "auto",
    tile: Annotated[int | None, typer.Option("--tile", metavar="PX", help="Side of a tile.")] = None,
    overlap: Annotated[
        float | None,
        typer.Option(
            "--overlap",
            metavar="PX|SHARE",
            min=0,
            help="Of blended tiles; of tiles with one answer each, whose map it makes finer: 0.5 twice as fine.",
        ),
    ] = None,
    batch: Annotated[int | None, typer.Option("--batch", help="Tiles that are run at once.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Threads that read.")] = None,
    precision: Annotated[str, typer.Option("--precision", metavar="auto|float32|bfloat16")] = "auto",
    device: Annotated[str | None, typer.Option("--device", metavar="NAME,...", help="cpu, cuda, or several.")] = None,
    compile: Annotated[bool, typer.Option("--compile", help="Use torch.compile.")] = False,
    tta: Annotated[bool, typer.Option("--tta", help="See each tile flipped and turned in all eight ways.")] = False,
    coregister: Annotated[
        bool, typer.Option("--coregister", help="Lay the other dates over the first, to a part of a pixel.")
    ] = False,
    match_radiometry: Annotated[
        bool, typer.Option("--match-radiometry", help="Bring the other dates to the light of the first.")
    ] = False,
    pairs: Annotated[
        str | None,
        typer.Option(
            "--pairs",
            metavar="consecutive|first",
            help="Of a series: compare each date with the one before it, or with the first; a layer of change each.",
        ),
    ] = None,
    before_map: Annotated[
        str | None,
        typer.Option("--before-map", metavar="MAP.tif", help="A map of the first date, for a model that takes one."),
    ] = None,
    map_classes: Annotated[
        str | None,
        typer.Option(
            "--map-classes",
            metavar="MAP=MODEL,...",
            help="Which class of that map, by name or number, is which of the model's; MAP= for not known.",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="ADDRESS|local", help="A Dask scheduler, such as tcp://host:8786."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what an earlier run left.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Make the map that a model sees in a scene: classes, confidence, record; on request shapes and a picture."""
    if not out:
        raise typer.BadParameter("say where the map goes: -o OUT.tif")
    if (again is None) == (not scenes) or (again is None and model is None):
        raise typer.BadParameter("give SCENE... and --model NAME|FILE, or --again RECORD")
    check_targets(out, vectors, fields, look, overwrite, resume)
    with Bar(os.path.basename(out)) as bar:
        saving: dict[str, Any] = {"overwrite": overwrite, "resume": resume, "progress": bar}
        try:
            if again is not None:
                from swath.predict.verify import again as make_again

                product = make_again(again, out, **saving)
            else:
                from swath.predict import predict as run

                own, others = sensor_by_input(sensor, inputs or [])
                reading = {"sensor": own, "bands": bands, "dates": dates, "grid": grid, "complex": complex}
                scene = open_paths(scenes or [], **reading, each=_takes_a_stack(str(model)))
                product = run(
                    _with_others(part_of(scene, extent, extent_crs), inputs or [], str(model), others),
                    str(model),
                    task=task,
                    exact=exact,
                    **of_method(options),
                    stitch=_choice("--stitch", stitch, ("auto", "trim", "blend")),
                    tile=tile,
                    overlap=int(overlap) if overlap is not None and overlap >= 1 else overlap,
                    batch=batch,
                    workers=workers,
                    precision=_choice("--precision", precision, ("auto", "float32", "bfloat16")),
                    probabilities=probabilities,
                    threshold=threshold,
                    device=None if device is None else split(device),
                    compile=compile,
                    tta=tta,
                    coregister=coregister,
                    match_radiometry=match_radiometry,
                    pairs=None if pairs is None else _choice("--pairs", pairs, ("consecutive", "first")),
                    before_map=before_map,
                    cluster=cluster,
                    progress=bar,
                    **(settled(match_bands, match_dates, gsd, units) | _of_map(map_classes)),
                )
                product.save(out, **saving)
        except KeyboardInterrupt:
            from swath.errors import PredictError

            raise PredictError(
                f"stopped; what is done is kept: the same command with --resume goes on ({out})"
            ) from None
    _finish(product, out, vectors, fields, min_area, simplify, look, overwrite)


def _of_map(classes: str | None) -> dict[str, Any]:
    return {} if classes is None else {"map_classes": _classes(classes)}


def _finish(
    product: Product,
    out: str,
    vectors: str | None,
    fields: str | None,
    min_area: float | None,
    simplify: float | None,
    look: str | None,
    overwrite: bool,
) -> None:
    from swath.cli import say
    from swath.scene.write import record_path

    for note in product.run.match.get("notes", ()) if product.run is not None else ():
        say(f"note: {note}")
    typer.echo(out)
    typer.echo(str(record_path(Path(out))))
    if vectors is not None:
        given = {"min_area": min_area, "simplify": simplify}
        options = {key: value for key, value in given.items() if value is not None}
        typer.echo(str(product.vectors(vectors, overwrite=overwrite, **options)))
    if fields is not None:
        from swath.predict.fields import write_fields

        target = Path(out).with_suffix(".fields.gpkg")
        typer.echo(str(write_fields(product, fields, target, overwrite=overwrite)))
    if look is not None:
        product.look(look)
        typer.echo(look)
    if product.classes and product.grid.crs is not None:
        areas = product.areas()
        rows = table("class", ">ha", ">share")
        whole = sum(areas.values()) or 1.0
        for name, hectares in areas.items():
            rows.add_row(name, f"{hectares:,.1f}", f"{100 * hectares / whole:.1f} %")
        show(rows)
    if {"from", "to"} <= set(product.files) and product.grid.crs is not None:
        found = product.transitions()
        rows = table("ha from", *(f">to {name}" for name in found.columns))
        for old, areas_to in found.iterrows():
            rows.add_row(
                ": ".join(old) if isinstance(old, tuple) else str(old), *(f"{hectares:,.1f}" for hectares in areas_to)
            )
        show(rows)


def _takes_a_stack(model: str) -> bool:
    """Whether a model takes what several sensors saw, so that each path is of another one."""
    from swath.models.registry import card_of
    from swath.predict.skills import is_fitted

    return not is_fitted(model) and bool(card_of(model).inputs[0].stack)


def _with_others(scene: Scene, inputs: list[str], model: str, sensors: dict[str, str]) -> Scene | dict[str, Scene]:
    """The scene, or where there are others for further inputs of a model, each by its input."""
    from swath.models.registry import card_of

    if not inputs:
        return scene
    found = {card_of(model).inputs[0].name: scene}
    for one in inputs:
        name, _, paths = one.partition("=")
        if not paths or name in found:
            raise typer.BadParameter(f"--input {one}: write NAME=PATH, once for each input but the first")
        found[name] = open_paths(split(paths), sensor=sensors.get(name))
    return found


def _classes(text: str) -> dict[str, str | None]:
    pairs = [one.partition("=") for one in split(text)]
    if not all(sign for _, sign, _ in pairs):
        raise typer.BadParameter(f"--map-classes {text}: write MAP=MODEL,MAP=MODEL, or MAP= for what is not known")
    return {own.strip(): name.strip() or None for own, _, name in pairs}


def _choice(option: str, value: str, known: tuple[str, ...]) -> Any:
    if value not in known:
        raise typer.BadParameter(f"{option} {value}: give {', '.join(known)}")
    return value
