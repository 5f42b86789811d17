"""The page's HTML. Whatever comes from files, cards and people is escaped here; nothing is computed here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from swath.predict.page.facts import Facts
from swath.predict.page.markup_panels import confidence_panel, files_panel, model_panel
from swath.predict.page.markup_side import legend, numbers, shape_list
from swath.predict.page.markup_viewer import viewer
from swath.predict.page.part import Part
from swath.predict.page.pictures import Pictures
from swath.predict.page.shapes import Outlines
from swath.scene.words import ground_words

_TASKS = {"change": "Change", "semantic-change": "Change, from what to what", "segmentation": "Map"}
_LOGO = (
    "<svg viewBox='0 0 24 24' fill='none' stroke='currentColor' stroke-width='2.4' stroke-linecap='round' "
    "aria-hidden='true'><path d='M3 20C6 11 12 5 21 3'/><path d='M9 21c2-6 6-10 12-12'/>"
    "<path d='M15.5 21.5c1-3 2.6-4.8 5.5-6'/></svg>"
)


class Shown(NamedTuple):
    """A part with all that is shown of it."""

    part: Part
    title: str
    facts: Facts
    pictures: Pictures
    outlines: Outlines | None
    links: Sequence[str]
    """Addresses of `facts.files`, seen from the page."""


def page(shown: Sequence[Shown], title: str, text: str, style: str, script: str, policy: str, made: str) -> str:
    """The whole page."""
    links = "".join(f"<a href='#part-{i}'>{escape(one.title)}</a>" for i, one in enumerate(shown, 1))
    opening = f"<p>{escape(text)}</p>" if text else ""
    parts = "".join(_part(i, one) for i, one in enumerate(shown, 1))
    return (
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        f"<meta name='generator' content='Swath'>\n<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<div class='bar'><div class='brand'>{_LOGO}<span>Swath</span></div>"
        f"<nav aria-label='Products'>{links}</nav></div>\n"
        f"<main>\n<div class='opening'><h1>{escape(title)}</h1>{opening}</div>\n{parts}</main>\n"
        f"<footer class='foot'><p>{escape(made)}</p></footer>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )


def _part(number: int, one: Shown) -> str:
    part, facts, pictures = one.part, one.facts, one.pictures
    words = [facts.place, *_seen(one)]
    meta = " ".join(f"<span>{escape(word)}</span>" for word in words if word)
    lede = f"<p class='lede'>{escape(part.text)}</p>" if part.text else ""
    credit = " · ".join(word for word in (part.credit, _shown_as(pictures)) if word)
    return (
        f"<article class='part' id='part-{number}' aria-labelledby='title-{number}'>\n<header><div>"
        f"<p class='eyebrow'>{escape(_TASKS.get(facts.task, facts.task.capitalize() or 'Map'))}</p>"
        f"<h2 id='title-{number}'>{escape(one.title)}</h2>{lede}<p class='meta'>{meta}</p></div>"
        f"{numbers(facts, one.outlines)}</header>\n"
        f"<div class='work'>{viewer(number, one.title, facts, pictures, one.outlines)}"
        f"<div class='side'>{legend(facts, pictures, one.outlines)}{shape_list(facts, one.outlines)}</div></div>\n"
        f"<div class='below'>{confidence_panel(facts)}{model_panel(facts)}{files_panel(facts, one.links)}</div>\n"
        + (f"<p class='credit'>{escape(credit)}</p>" if credit else "")
        + "</article>\n"
    )


def _seen(one: Shown) -> list[str]:
    """Dates, sensors and pixels in words."""
    facts, pictures = one.facts, one.pictures
    names = [image.name for image in pictures.dates]
    dates = "" if names in ([], ["Image"]) else f"{names[0]} to {names[-1]}" if len(names) > 1 else names[0]
    size = f"{facts.size[1]:,} × {facts.size[0]:,} pixels"
    if pictures.pixel is not None:
        size += f" of {ground_words((pictures.pixel[0] * pictures.pixel[1]) ** 0.5 / pictures.native)}"
    return [dates, ", ".join(facts.sensors), size]


def _shown_as(pictures: Pictures) -> str:
    """What the pictures are of the pixels, so that nobody measures in them what only the files hold."""
    shrunken = "pictures are overviews; the files hold every pixel" if pictures.native > 1.001 else ""
    return " · ".join(word for word in (pictures.caption, shrunken) if word)
