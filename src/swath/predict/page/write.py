"""Write a page: gather, draw, lay out, and put it down whole."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import os
from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from swath.errors import PredictError, WriteError
from swath.predict.page.facts import facts_of
from swath.predict.page.markup import Shown, page
from swath.predict.page.part import Part
from swath.predict.page.pictures import pictures_of
from swath.predict.page.shapes import outlines_of
from swath.scene.write.atomic import atomic_path

if TYPE_CHECKING:
    from swath.predict.product import Product

_SUFFIXES = (".html", ".htm")
_SIZE = 1600


def write_page(
    path: str | os.PathLike[str],
    parts: Sequence[Part],
    *,
    title: str = "",
    text: str = "",
    size: int = _SIZE,
    overwrite: bool = False,
) -> Path:
    """Write products as one HTML file with everything inside: it asks nothing of the network.

    Args:
        path: `.html`; files are linked relative to it.
        parts: the products, in order.
        title: heading of the page; empty: that of the only product.
        text: what the page is about, in a sentence or two.
        size: longest side of a picture in pixels; what is larger is shown by its overview.
        overwrite: replace a page that is there.

    Returns:
        The path.

    Raises:
        PredictError: there is nothing to show.
        WriteError: the name is not one of a page, something is there already, or the disk takes no more.
        SwathError: a scene cannot be read.
    """
    target = Path(path)
    if target.suffix.lower() not in _SUFFIXES:
        raise WriteError(f"{target}: a page is written as HTML; give a name that ends with .html")
    if not parts:
        raise PredictError("a page without products shows nothing: give at least one Part(product)")
    with atomic_path(target, overwrite=overwrite) as temporary:
        shown = [_shown(part, target.absolute().parent, size) for part in parts]
        here = files("swath.predict.page")
        style, script = (here.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
        heading = title or (shown[0].title if len(shown) == 1 else "Products")
        made = f"Made by Swath {version('swath')} on {dt.datetime.now(dt.UTC):%d %B %Y, %H:%M} UTC."
        temporary.write_text(page(shown, heading, text, style, script, _policy(script), made), encoding="utf-8")
    return target


def page_of(product: Product, path: str | os.PathLike[str], *, size: int = _SIZE, overwrite: bool, **told: Any) -> Path:
    """A page of one product; `told` as fields of `Part`, others as for `write_page`."""
    return write_page(path, [Part(product, **told)], size=size, overwrite=overwrite)


def _shown(part: Part, folder: Path, size: int) -> Shown:
    product = part.product
    facts = facts_of(part)
    pictures = pictures_of(product, part.scene or product.scene, size)
    outlines = outlines_of(product, pictures.grid, most=part.most, min_area=part.min_area)
    links = [quote(Path(os.path.relpath(file.path.absolute(), folder)).as_posix()) for file in facts.files]
    title = part.title or (product.path.stem if product.path else "Map")
    return Shown(part, title, facts, pictures, outlines, links)


def _policy(script: str) -> str:
    """What the browser may load: pictures and styles from the page itself, the one script that is in it, no more."""
    # What lies between the tags is hashed, the line break after the opening one included.
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode("ascii")
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
