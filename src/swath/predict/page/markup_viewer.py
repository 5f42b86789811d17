"""The HTML of a viewer: dates under a swipe, the map over them, outlines of the largest shapes."""

from __future__ import annotations

from html import escape

from swath.predict.page.facts import Facts
from swath.predict.page.pictures import Pictures
from swath.predict.page.shapes import Outlines

_ARROWS = (
    "<svg viewBox='0 0 24 24' fill='none' stroke='currentColor' stroke-width='2.2' stroke-linecap='round' "
    "stroke-linejoin='round'><path d='M9 6l-6 6 6 6M15 6l6 6-6 6'/></svg>"
)
_WHOLE = (
    "<svg viewBox='0 0 24 24' fill='none' stroke='currentColor' stroke-width='2.2' stroke-linecap='round' "
    "aria-hidden='true'><path d='M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5'/></svg>"
)
_OPACITY = 60
"""In percent, at first."""


def viewer(number: int, title: str, facts: Facts, pictures: Pictures, outlines: Outlines | None) -> str:
    """The stage with its controls."""
    high, wide = (int(side) for side in pictures.grid.shape)
    pixel = pictures.pixel or (1.0, 1.0)
    ratio = wide * pixel[0] / (high * pixel[1])
    single = len(pictures.dates) == 1
    opacity = _OPACITY if pictures.dates else 100
    tags = _tags(pictures)
    handle = f"<div class='handle' aria-hidden='true'>{_ARROWS}</div>" if pictures.dates else ""
    scale = "<div class='scale' aria-hidden='true'><b></b><i></i></div>" if pictures.pixel else ""
    return (
        "<div class='viewer'>"
        f"<div class='stage{' is-single' if single else ''}' role='group' tabindex='0' data-width='{wide}' "
        f"data-height='{high}' data-metres='{pixel[0]:.6g}' style='--ratio:{ratio:.5f};--opacity:{opacity / 100}' "
        f"aria-label='{escape(title, quote=True)}: picture; plus and minus enlarge, arrows move, 0 shows all'>"
        f"{_dates(pictures)}{_over(pictures)}{_marks(outlines, wide, high)}{tags}{handle}{scale}"
        "<div class='zoom'><button type='button' class='zoom-in' aria-label='Enlarge'>+</button>"
        "<button type='button' class='zoom-out' aria-label='Shrink'>−</button>"
        f"<button type='button' class='zoom-whole' aria-label='Show all'>{_WHOLE}</button></div></div>"
        f"{_controls(number, pictures, outlines, opacity)}</div>"
    )


def _dates(pictures: Pictures) -> str:
    last = len(pictures.dates) - 1
    return "".join(
        f"<div class='pane' data-date='{i}' data-side='{'right' if i == last else 'left' if i == 0 else 'none'}'>"
        f"<div class='world'><img alt='{escape(image.name, quote=True)}' src='{image.data}'></div></div>"
        for i, image in enumerate(pictures.dates)
    )


def _over(pictures: Pictures) -> str:
    images = "".join(
        f"<img alt='{escape(one.image.name, quote=True)}' data-layer='{one.key}'{' hidden' if i else ''} "
        f"src='{one.image.data}'>"
        for i, one in enumerate(pictures.overlays)
    )
    return f"<div class='pane over'><div class='world'>{images}</div></div>"


def _marks(outlines: Outlines | None, wide: int, high: int) -> str:
    if outlines is None:
        return ""
    paths = "".join(
        f"<path d='{one.path}' fill-rule='evenodd' vector-effect='non-scaling-stroke'/>" for one in outlines.largest
    )
    return (
        "<div class='pane marks'><div class='world'>"
        f"<svg viewBox='0 0 {wide} {high}' preserveAspectRatio='none' aria-hidden='true'>{paths}</svg></div></div>"
    )


def _tags(pictures: Pictures) -> str:
    if not pictures.dates:
        return ""
    left, right = pictures.dates[0].name, pictures.dates[-1].name
    if len(pictures.dates) == 1:
        name = escape(_layer_name(pictures, 0))
        return f"<span class='tag tag-left'>{escape(left)}</span><span class='tag tag-right tag-map'>{name}</span>"
    return f"<span class='tag tag-left'>{escape(left)}</span><span class='tag tag-right'>{escape(right)}</span>"


def _layer_name(pictures: Pictures, index: int) -> str:
    """`Map` for the only layer of a map, whose own name says less."""
    one = pictures.overlays[index]
    maps = sum(other.key.startswith("map-") for other in pictures.overlays)
    return "Map" if one.key.startswith("map-") and maps == 1 else one.image.name.capitalize()


def _controls(number: int, pictures: Pictures, outlines: Outlines | None, opacity: int) -> str:
    swipe = ""
    if pictures.dates:
        between = "image and map" if len(pictures.dates) == 1 else "dates"
        swipe = _slide(f"swipe-{number}", "swipe", "Swipe", f"Swipe between {between}", 50)
    picks = ""
    if len(pictures.dates) > 2:
        last = len(pictures.dates) - 1
        picks = "<div class='picks'>" + " and ".join(
            f"<select class='pick' aria-label='Date on the {side}'>"
            + "".join(
                f"<option value='{i}'{' selected' if i == chosen else ''}>{escape(image.name)}</option>"
                for i, image in enumerate(pictures.dates)
            )
            + "</select>"
            for side, chosen in (("left", 0), ("right", last))
        )
        picks += "</div>"
    layers = "".join(
        _choice(number, one.key, _layer_name(pictures, i), checked=i == 0) for i, one in enumerate(pictures.overlays)
    ) + _choice(number, "nothing", "Nothing", checked=False)
    marks = ""
    if outlines is not None and outlines.largest:
        marks = "<label><input type='checkbox' class='outlines'>Outlines</label>"
    fade = _slide(f"opacity-{number}", "opacity", "Opacity", "Opacity of the map", opacity)
    shown = f"<fieldset class='choice'><legend class='hidden-words'>Shown over the image</legend>{layers}</fieldset>"
    return f"<div class='controls'>{swipe}{picks}{shown}{fade}{marks}</div>"


def _slide(name: str, kind: str, short: str, words: str, value: int) -> str:
    return (
        f"<div class='slide'><label for='{name}'>{short}</label>"
        f"<input type='range' id='{name}' class='{kind}' min='0' max='100' step='1' value='{value}' "
        f"aria-label='{words}'>"
        f"<output for='{name}'>{value} %</output></div>"
    )


def _choice(number: int, key: str, name: str, *, checked: bool) -> str:
    return (
        f"<label><input type='radio' class='layer' name='layer-{number}' value='{key}' "
        f"data-name='{escape(name, quote=True)}'{' checked' if checked else ''}><span>{escape(name)}</span></label>"
    )
