"""A product to look at: over its scene, as a Dataset, in a notebook."""

from __future__ import annotations

import base64
import html as markup
import io
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from swath.scene.look import ClassMap, look
from swath.scene.scene import Scene
from swath.tasks.pairs import FIRST, is_of_pairs
from swath.tasks.task import MAIN

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from swath.predict.product import Product


def picture(
    product: Product,
    path: str | os.PathLike[str] | None = None,
    scene: Scene | None = None,
    *,
    opacity: float = 0.6,
    size: int = 1000,
    **options: Any,
) -> Figure:
    """See `Product.look`. Of two classes the first, which says no, is left clear; of pairs of dates, no change."""
    of_pairs = is_of_pairs(product.files)
    key = FIRST if of_pairs else MAIN
    layer = product.files[key][0]
    beneath = scene or product.scene
    if not layer.classes or beneath is None:
        return look(as_scene(product), path, size=size, **({"bands": layer.name} | options))
    shape = _shrunken(product.shape, size)
    reader = product.reader(key)
    whole = (slice(0, product.shape[0]), slice(0, product.shape[1]))
    values, valid = reader.read(whole, [0], shape)
    labels = [(value, name, (layer.colours or {}).get(value, "#d55e00")) for value, name in layer.classes.items()]
    clear = (labels[0][0],) if len(labels) == 2 or of_pairs else ()
    overlay = ClassMap(values[0], product.grid.zoom_to(shape), labels, valid[0], opacity, clear)
    dates = {"dates": [len(beneath.dates) - 1]} if len(beneath.dates) > 1 else {}
    return look(beneath, path, overlay=overlay, size=size, **(dates | options))


def as_scene(product: Product) -> Scene:
    """The map itself as a scene of one date."""
    from swath.scene.open import open_scene
    from swath.sensors import Band

    bands = [
        Band(
            name=layer.name,
            kind=layer.kind,
            classes=dict(layer.classes) if layer.classes else None,
            colours=dict(layer.colours) if layer.colours else None,
        )
        for layer in product.files[MAIN]
    ]
    return open_scene(product.reader(MAIN).path, bands=bands)


def dataset(product: Product) -> xr.Dataset:
    """See `Product.to_xarray`. Classes are told as CF does, by `flag_values` and `flag_meanings`."""
    import xarray as xr
    from odc.geo.xr import xr_coords

    coords = {str(key): one for key, one in xr_coords(product.grid, always_yx=True).items()}
    variables: dict[str, Any] = {}
    for key, layers in product.files.items():
        values, _ = product.read(None, key)
        for layer, plane in zip(layers, values, strict=True):
            attrs: dict[str, Any] = {"units": layer.units} if layer.units else {}
            if layer.description:
                attrs["long_name"] = layer.description
            if layer.classes:
                attrs["flag_values"] = np.array(list(layer.classes), dtype=plane.dtype)
                attrs["flag_meanings"] = " ".join(name.replace(" ", "_") for name in layer.classes.values())
                attrs["_FillValue"] = layer.nodata
            name = layer.name if key == MAIN or layer.name == key else f"{key}_{layer.name}"
            variables[name] = xr.DataArray(plane, dims=("y", "x"), attrs=attrs)
            if product.grid.crs is not None:
                variables[name].encoding["grid_mapping"] = "spatial_ref"
    return xr.Dataset(variables, coords=coords)


def html(product: Product) -> str:
    """Words, and a small picture where the map was made already."""
    text = f"<pre>{markup.escape(repr(product))}</pre>"
    if not product.is_made:
        return text
    image = io.BytesIO()
    picture(product, size=480).savefig(image, format="png")
    return f'{text}<img alt="map" src="data:image/png;base64,{base64.b64encode(image.getvalue()).decode()}">'


def _shrunken(shape: tuple[int, int], longest: int) -> tuple[int, int]:
    factor = max(1.0, max(shape) / longest)
    return max(1, round(shape[0] / factor)), max(1, round(shape[1] / factor))
