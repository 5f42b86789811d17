"""What the command line tells as KEY=VALUE: fields of a recipe, options of a method, what settles a scene."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from swath.cli.options import numbers, split

OfMethod = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="options.NAME=VALUE",
        help="An argument of a method that is fitted to the scene, as options.classes=8.",
    ),
]


def fields_of(pairs: list[str]) -> dict[str, Any]:
    """`lr=0.01`, `options.encoder=resnet18` and `options.options.drop_path_rate=0.1` as fields.

    Only options lie in one another; what else has dots in its name keeps them behind the first.
    """
    import yaml

    fields: dict[str, Any] = {}
    for pair in pairs:
        key, sign, text = pair.partition("=")
        if not sign or not key:
            raise typer.BadParameter(f"--set {pair}: write KEY=VALUE")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise typer.BadParameter(f"--set {pair}: {text!r} is no value") from error
        *above, last = key.split(".", -1 if key.startswith("options.") else 1)
        inner = fields
        for one in above:
            inner = inner.setdefault(one, {})
            if not isinstance(inner, dict):
                raise typer.BadParameter(f"--set {pair}: {one} is {inner!r} by another --set; say one of them")
        inner[last] = value
    return fields


def of_method(pairs: list[str] | None) -> dict[str, Any]:
    """What `--set options.NAME=VALUE` says of a method that is fitted to a scene, as `swath.predict` takes it."""
    fields = fields_of(pairs or [])
    if wrong := [key for key in fields if key != "options"]:
        raise typer.BadParameter(f"--set {wrong[0]}: here it gives arguments of a method alone, as options.classes=8")
    if not isinstance(fields.get("options", {}), dict):
        raise typer.BadParameter("--set options: write options.NAME=VALUE, as options.classes=8")
    return fields


def settled(bands: str | None, dates: str | None, gsd: str | None, units: str | None) -> dict[str, Any]:
    """What settles a scene that does not fit the card at once, as `swath.predict.match` takes it."""
    settled: dict[str, Any] = {}
    if bands is not None:
        pairs = [part.partition("=") for part in split(bands)]
        if not all(scene for _, _, scene in pairs):
            raise typer.BadParameter(f"--match-bands {bands}: write MODEL=SCENE,MODEL=SCENE")
        settled["bands"] = {of.strip(): scene.strip() for of, _, scene in pairs}
    if dates is not None:
        if not all(part.isdigit() for part in split(dates)):
            raise typer.BadParameter(f"--match-dates {dates}: write positions, counted from 0, as 0,4")
        settled["dates"] = [int(part) for part in split(dates)]
    if gsd is not None:
        settled["gsd"] = gsd if gsd in ("native", "nominal") else numbers(gsd, 1, "write native, nominal or metres")[0]
    if units is not None:
        settled["units"] = units
    return settled
