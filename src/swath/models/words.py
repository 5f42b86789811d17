"""A card in words, for people: what `swath models NAME` prints."""

from __future__ import annotations

from collections.abc import Iterator

from swath.models.card import Card
from swath.models.gives import Output, ReceptiveField
from swath.models.needs import CardBand, Input
from swath.scene.words import many


def describe(card: Card) -> str:
    """The card as lines of text: a heading, then `what  said` pairs in aligned columns, bands as a table."""
    lines = [f"{card.name} {card.version}" + (f": {card.title}" if card.title else "")]
    pairs = list(_pairs(card))
    width = max(len(key) for key, _ in pairs)
    for key, text in pairs:
        first, *rest = text.splitlines() or [""]
        lines.append(f"  {key:<{width}}  {first}".rstrip())
        lines += [f"  {'':<{width}}  {line}".rstrip() for line in rest]
    return "\n".join(lines)


def _pairs(card: Card) -> Iterator[tuple[str, str]]:
    yield "task", card.task
    if card.architecture:
        yield "architecture", card.architecture
    for given in card.inputs:
        label = "needs" if len(card.inputs) == 1 else f"needs {given.name}"
        yield label, _needs(given)
    if card.told:
        yield "is told", ", ".join(card.told)
    yield "gives", _gives(card.output)
    yield "sees", _sees(card.field)
    sizes = f"{card.tile.size} px" + (" and nothing else" if card.tile.fixed else "")
    yield "tiles", sizes + (f", multiples of {card.tile.multiple} px" if card.tile.multiple > 1 else "")
    if card.trained_on:
        yield "trained on", "\n".join(f"{data.name} ({data.licence or 'licence unknown'})" for data in card.trained_on)
    for score in card.scores:
        spread = f" ({score.interval[0]:g} to {score.interval[1]:g})" if score.interval else ""
        yield score.metric, f"{score.value:g}{spread} on {score.data}"
    yield "licence", card.licence or "not stated"
    if card.source:
        yield "source", "\n".join(card.source)
    if card.recipe:
        yield "recipe", card.recipe
    if card.notes:
        yield "notes", "\n".join(card.notes)


def _needs(given: Input) -> str:
    rule = given.dates
    if rule.max == rule.min:
        dates = "one date" if rule.min == 1 else f"{rule.min} dates in order"
    else:
        dates = f"{rule.min} to {rule.max or 'any number of'} dates in order"
    if given.classes:
        return "a map of the first date: " + ", ".join(f"{label.value} {label.name}" for label in given.classes)
    gsd = given.gsd
    ground = f"GSD {gsd.nominal:g} m ({gsd.min:g} to {gsd.max:g} m)" if gsd else "GSD not recorded"
    lines = [f"{dates}, {ground}" + (f", seen by {', '.join(given.sensors)}" if given.sensors else "")]
    for one in given.stack:
        own = f", {one.gsd:.3g} m" if one.gsd else ""
        lines.append(f"{one.name}: {one.sensor or 'sensor not stated'}{own}, {one.resampling}: {', '.join(one.bands)}")
    if given.resize is not None:
        lines.append(f"tiles are resized to {given.resize} px")
    if given.any_bands is not None:
        return "\n".join([*lines, f"any bands, by wavelength, in {_values(given.any_bands)}"])
    rows = [(band.name, band.common_name or "", band.light(), _values(band)) for band in given.bands]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines += ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, [*widths, 0], strict=True)) for row in rows]
    return "\n".join(lines)


def _values(band: CardBand) -> str:
    text = band.units
    if band.clip is not None:
        text += f", clipped to {band.clip[0]:g}..{band.clip[1]:g}"
    norm = band.normalisation
    return f"{text}, " + ("as it is" if norm is None else str(norm))


def _gives(output: Output) -> str:
    if output.kind == "embedding":
        text = f"embedding of {many(output.dimensions or 0, 'number')}"
    elif output.kind == "values":
        text = ", ".join(f"{layer.name} ({layer.units})" for layer in output.layers)
    else:
        names = ", ".join(f"{label.value} {label.name}" for label in output.classes)
        text = f"{output.kind}: {names}" if output.kind != "classes" else names
    if output.per_tile:
        text += "; one answer per tile"
    elif output.scale is not None and output.scale != 1:
        finer = output.scale > 1
        ratio = output.scale if finer else 1 / output.scale
        text += f"; {float(ratio):g} times {'finer' if finer else 'coarser'} than the input"
    return text


def _sees(field: ReceptiveField | None) -> str:
    if field is None:
        return "not measured"
    if field.radius is None:
        return f"the whole tile ({field.reason})" if field.reason else "the whole tile"
    text = f"{field.radius} px around, in steps of {field.stride} px"
    if field.effective_radius is not None:
        text += f"; beyond {field.effective_radius} px the output moves by at most {field.bound:.1g} of its spread"
    return text
