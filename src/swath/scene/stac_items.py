"""Items in or below a STAC object of any type, and where the files are that they name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlparse

from swath.errors import OpenError
from swath.scene.words import many

MISSING = "not here"
"""Said of files that are named and not found."""


@dataclass
class Item:
    """An item as JSON, and the addresses against which its relative hrefs hold."""

    data: Mapping[str, Any]
    bases: tuple[str, ...]
    notes: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Its id, or words in its place."""
        return str(self.data.get("id", "STAC item"))

    @property
    def properties(self) -> dict[str, Any]:
        """Its properties, with the collection's id as `collection`."""
        return {**self.data.get("properties", {}), "collection": self.data.get("collection", "")}


def is_stac(data: Mapping[str, Any]) -> bool:
    """Whether JSON is a STAC object, or a list of features that are all STAC items."""
    features = data.get("features")
    return "stac_version" in data or (
        isinstance(features, list) and bool(features) and all("stac_version" in one for one in features)
    )


def load(path: str) -> dict[str, Any]:
    """The JSON object in a file or at a URL.

    Raises:
        OpenError: it cannot be read, or is no JSON object.
    """
    from pystac import StacIO

    try:
        data = json.loads(StacIO.default().read_text(path))
    except (OSError, ValueError) as error:
        raise OpenError(f"{path}: cannot be read as JSON: {' '.join(str(error).split())[:160]}") from error
    if not isinstance(data, dict):
        raise OpenError(f"{path}: is JSON, but no STAC")
    return data


def self_href(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The address that an object says it has, if it does."""
    return tuple(link["href"] for link in data.get("links", ()) if link.get("rel") == "self" and "href" in link)


def items_in(data: Mapping[str, Any], bases: tuple[str, ...], depth: int = 0) -> Iterator[Item]:
    """All items in or below an object of any STAC type.

    Args:
        data: the object.
        bases: addresses against which its relative hrefs hold, the likeliest first.
        depth: how many objects lie above it.

    Raises:
        OpenError: none of its items is here.
    """
    if "features" in data:
        for feature in data["features"]:
            yield Item(feature, (*bases, *self_href(feature)))
    elif data.get("type") == "Feature" or {"assets", "geometry"} <= data.keys():
        yield Item(data, bases)
    else:
        links = [link for link in data.get("links", ()) if link.get("rel") in ("item", "child")]
        missing = 0
        for link in links:
            target = resolve(link["href"], bases)
            if target is None:
                missing += 1
            elif depth < 16:
                below = load(target)
                yield from items_in(below, (target, *self_href(below)), depth + 1)
        if missing or not links:
            where = bases[0] if bases else str(data.get("id"))
            what = f"{missing:,} of its {many(len(links), 'item')} {MISSING}" if links else "it names no items"
            if missing == len(links):
                raise OpenError(
                    f"{where}: {what}; open an item, or a search result (pystac_client: search.item_collection())"
                )


def resolve(href: str, bases: Sequence[str]) -> str | None:
    """The address behind an href; None for a file that is not here."""
    if href.startswith("file://"):
        href = unquote(urlparse(href).path)
    if "://" in href or href.startswith("/vsi"):
        return href
    if os.path.isabs(href):
        return href if os.path.exists(href) else None
    for base in bases:
        if "://" in base:
            return urljoin(base, href)
        path = os.path.normpath(Path(base).parent / href)
        if os.path.exists(path):
            return path
    return None
