"""The HTML beside a viewer: key numbers, the legend with areas, the largest shapes."""

from __future__ import annotations

from html import escape

from swath.predict.page.facts import ClassRow, Facts, area_words
from swath.predict.page.pictures import Overlay, Pictures
from swath.predict.page.shapes import Outline, Outlines
from swath.scene.words import percent
from swath.tasks.pairs import FIRST

_CHANGES = ("change", "semantic-change")
_SMALL = 2000.0
"""m²: lists whose largest shape is smaller are told in square metres."""


def numbers(facts: Facts, outlines: Outlines | None) -> str:
    """What a hurried reader takes away."""
    found = []
    told = [row for row in facts.classes if not row.is_clear]
    if told and len(told) < len(facts.classes):
        found.append((_area(facts, sum(row.area for row in told)), _together(told, facts)))
        found.append((percent(sum(row.share for row in told)), "of what was seen"))
    elif told:
        largest = max(told, key=lambda row: row.area)
        found.append((_area(facts, sum(row.area for row in told)), "mapped"))
        found.append((percent(largest.share), f"is {largest.name}"))
    if outlines is not None:
        found.append((f"{sum(outlines.counts.values()):,}", "separate areas"))
    if facts.confidence is not None:
        found.append((percent(facts.confidence), "mean confidence"))
    return (
        "<dl class='numbers'>"
        + "".join(f"<div><dt>{escape(what)}</dt><dd>{escape(number)}</dd></div>" for number, what in found)
        + "</dl>"
    )


def legend(facts: Facts, pictures: Pictures, outlines: Outlines | None) -> str:
    """Classes with their areas; dates of the first change and ramps of layers that are numbers, shown when they are."""
    counts = {} if outlines is None else outlines.counts
    rows = "".join(_row(row, facts, counts.get(row.value)) for row in facts.classes)
    count = "<th scope='col'>count</th>" if counts else ""
    columns = f"<th scope='col'>class</th><th scope='col'>area</th><th scope='col'>share</th>{count}"
    table = f"<table class='legend'><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
    ramps = "".join(_ramp(one, hidden=i > 0) for i, one in enumerate(pictures.overlays) if one.ramp is not None)
    return f"<section><h3>Legend</h3>{_first(facts, pictures)}{table}{ramps}</section>"


def _first(facts: Facts, pictures: Pictures) -> str:
    """Dates in their colours, with what changed first at each."""
    if not facts.first:
        return ""
    at, shown = next((i, one) for i, one in enumerate(pictures.overlays) if one.key.startswith(FIRST))
    columns = "".join(f"<th scope='col'>{title}</th>" for title in (shown.image.name, "area", "share"))
    rows = "".join(_row(row, facts, None) for row in facts.first)
    return (
        f"<div class='of-layer' data-layer='{shown.key}'{' hidden' if at else ''}>"
        f"<table class='legend'><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def shape_list(facts: Facts, outlines: Outlines | None) -> str:
    """The largest shapes, each of which can be gone to."""
    if outlines is None:
        return ""
    title = "What changed" if facts.task in _CHANGES else "The largest areas"
    if not outlines.largest:
        return f"<section><h3>{title}</h3><p class='note'>Nothing was found.</p></section>"
    total = sum(outlines.counts.values())
    said = f"The largest {len(outlines.largest)} of {total:,}" if total > len(outlines.largest) else f"All {total}"
    sure = ", with the mean confidence of each" if outlines.largest[0].confidence is not None else ""
    classes = {row.value: row for row in facts.classes}
    # One unit for the whole list, so that its numbers can be compared at a glance.
    small = outlines.largest[0].area < _SMALL
    areas = [area_words(one.area, in_metres=facts.in_metres, small=small) for one in outlines.largest]
    items = "".join(
        f"<li>{_shape(rank, one, classes[one.value], area)}</li>"
        for rank, (one, area) in enumerate(zip(outlines.largest, areas, strict=True), 1)
    )
    return (
        f"<section class='list'><h3>{title}</h3><p class='note'>{said}{sure}. Choose one to go there.</p>"
        f"<ol class='shapes'>{items}</ol></section>"
    )


def _together(told: list[ClassRow], facts: Facts) -> str:
    return told[0].name if len(told) == 1 else "changed" if facts.task in _CHANGES else "found"


def _area(facts: Facts, area: float) -> str:
    return area_words(area, in_metres=facts.in_metres)


def _row(row: ClassRow, facts: Facts, count: int | None) -> str:
    area = _area(facts, row.area)
    cells = [area, percent(row.share), *([] if count is None else [f"{count:,}"])]
    swatch = (
        "<i class='swatch is-clear'></i>" if row.is_clear else f"<i class='swatch' style='background:{row.colour}'></i>"
    )
    return (
        f"<tr><th scope='row'>{swatch}{escape(row.name)}</th>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
    )


def _ramp(one: Overlay, *, hidden: bool) -> str:
    assert one.ramp is not None
    colours = ", ".join(one.ramp.colours)
    return (
        f"<div class='ramp of-layer' data-layer='{one.key}'{' hidden' if hidden else ''}>"
        f"{escape(one.image.name.capitalize())}"
        f"<i style='background:linear-gradient(90deg, {colours})'></i>"
        f"<div><span>{escape(one.ramp.low)}</span><span>{escape(one.ramp.high)}</span></div></div>"
    )


def _shape(rank: int, one: Outline, row: ClassRow, area: str) -> str:
    box = " ".join(f"{side:g}" for side in one.box)
    sure = "" if one.confidence is None else percent(round(one.confidence, 2)).replace(".0", "")
    where = ""
    if one.middle is not None:
        (x, y) = one.middle
        where = f"{abs(y):.5f}°{'S' if y < 0 else 'N'}, {abs(x):.5f}°{'W' if x < 0 else 'E'}"
    return (
        f"<button type='button' aria-pressed='false' data-box='{box}'><span class='rank'>{rank}</span>"
        f"<i class='swatch' style='background:{row.colour}'></i><span class='name'>{escape(row.name)}</span>"
        f"<span class='area'>{escape(area)}</span><span class='sure'>{escape(sure)}</span>"
        f"<span class='where'>{where}</span></button>"
    )
