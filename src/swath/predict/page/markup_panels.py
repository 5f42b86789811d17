"""The HTML below a viewer: how sure the map is, what made it, the files beside the page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from swath.models.card import Card, Score
from swath.predict.page.facts import BINS, Facts
from swath.scene.words import ground_words, percent

_HIGH = 92
_LINKED = ("https://", "http://")


def confidence_panel(facts: Facts) -> str:
    """The spread of confidence, and how much has an answer."""
    words = (
        "All pixels have an answer."
        if facts.valid == 1
        else f"{percent(facts.valid)} of the pixels have an answer; the others are marked as having none."
    )
    if facts.confidence is None:
        return f"<section><h3>Validity</h3><p class='note'>{words} Confidence was not kept.</p></section>"
    low = next((i for i, share in enumerate(facts.histogram) if share > 0), 0)
    shown = facts.histogram[low:]
    width, most = 100 / len(shown), max(shown)
    bars = "".join(
        f"<rect x='{i * width + 0.5:.2f}%' width='{width - 1:.2f}%' y='{_HIGH - _HIGH * share / most:.1f}' "
        f"height='{_HIGH * share / most:.1f}' rx='2'><title>{100 * (low + i) / BINS:.0f} to "
        f"{100 * (low + i + 1) / BINS:.0f} %: {percent(share)} of the pixels</title></rect>"
        for i, share in enumerate(shown)
    )
    unsure = sum(facts.histogram[: int(0.7 * BINS)])
    return (
        "<section><h3>How sure the map is</h3>"
        f"<svg class='bins' role='img' aria-label='Share of pixels by confidence; mean {percent(facts.confidence)}'>"
        f"{bars}<line x1='0' x2='100%' y1='{_HIGH}' y2='{_HIGH}'/></svg>"
        f"<div class='axis' aria-hidden='true'><span>{100 * low / BINS:.0f} %</span><span>confidence</span>"
        "<span>100 %</span></div>"
        f"<p class='note'>The probability of each pixel's answer is {percent(facts.confidence)} on average; for "
        f"{percent(unsure)} of the pixels it is below 70 %. {words}</p></section>"
    )


def model_panel(facts: Facts) -> str:
    """The essentials of the card, and how the scene was matched with it."""
    card = facts.card
    if card is None:
        return "<section><h3>Model</h3><p class='note'>No record tells what made this map.</p></section>"
    rows = [
        ("name", f"{escape(card.name)} {escape(card.version)}" + (f"<br>{escape(card.title)}" if card.title else "")),
        *[(score.metric, _score(score)) for score in card.scores],
        ("trained on", _trained(card)),
        ("licence", escape(card.licence or "not stated")),
        ("source", "<br>".join(_link(one) for one in card.source)),
        ("weights", f"<code>{escape(facts.weights)}</code>" if facts.weights else ""),
    ]
    listed = "".join(f"<dt>{escape(key)}</dt><dd>{value}</dd>" for key, value in rows if value)
    notes = [*_bands(facts), *facts.match.get("notes", ()), *card.notes]
    items = "".join(f"<li>{escape(str(note))}</li>" for note in notes)
    matched = f"<details><summary>How the scene was matched</summary><ul>{items}</ul></details>" if items else ""
    return f"<section><h3>Model</h3><dl class='facts'>{listed}</dl>{matched}</section>"


def files_panel(facts: Facts, links: Sequence[str]) -> str:
    """Files beside the page."""
    if not facts.files:
        return "<section><h3>Files</h3><p class='note'>The map was not saved beside this page.</p></section>"
    items = "".join(
        f"<li><a href='{escape(link, quote=True)}'>{escape(file.path.name)}</a>"
        f"<span>{escape(file.what)}{', ' if file.what else ''}{_size(file.bytes)}</span></li>"
        for file, link in zip(facts.files, links, strict=True)
    )
    return f"<section><h3>Files</h3><ul class='files'>{items}</ul></section>"


def _score(score: Score) -> str:
    spread = f" ({score.interval[0]:.3g} to {score.interval[1]:.3g})" if score.interval else ""
    return f"<span class='score'><b>{score.value:.3g}</b>{spread} <small>on {escape(score.data)}</small></span>"


def _trained(card: Card) -> str:
    named = [f"{data.name} ({data.licence})" if data.licence else data.name for data in card.trained_on]
    return "<br>".join(escape(one) for one in named) or "not stated"


def _link(text: str) -> str:
    shown = escape(text, quote=True)
    return f"<a href='{shown}'>{shown}</a>" if text.startswith(_LINKED) else shown


def _bands(facts: Facts) -> list[str]:
    """How each input was fed, in a line."""
    lines = []
    for given in facts.match.get("inputs", ()):
        pairs = [f"{band['scene']} as {band['card']}" for band in given.get("bands", ()) if "scene" in band]
        same = all(band["scene"] == band["card"] for band in given.get("bands", ()) if "scene" in band)
        fed = ("bands " + ", ".join(band.split(" as ")[0] for band in pairs)) if same else ", ".join(pairs)
        size = f"pixels of {ground_words(given['gsd'])}" if given.get("gsd") else "pixels of unknown size"
        lines.append(", ".join(part for part in (fed, size, str(given.get("resampling", ""))) if part))
    return lines


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"
