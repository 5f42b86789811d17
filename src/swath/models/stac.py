"""A card as a STAC item of the Machine Learning Model extension, version 1.4, and back.

What the extension has words for is written in its words (https://github.com/stac-extensions/mlm), so that other
catalogues can find and read the model; the whole card goes along in the property `swath:card`, so that nothing is lost.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pystac

from swath.errors import CardError
from swath.models.card import Card
from swath.models.gives import Output
from swath.models.needs import CardBand, Input, MeanStd, TileRule

MLM = "https://stac-extensions.github.io/mlm/v1.4.0/schema.json"
CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
CARD = "swath:card"

# The extension's schema knows no word for change, nor for learning from images alone; the card itself says it.
_TASKS = {
    "classification": "scene-classification",
    "segmentation": "semantic-segmentation",
    "change": "segmentation",
    "semantic-change": "segmentation",
    "detection": "object-detection",
    "regression": "regression",
    "embedding": "similarity-search",
    "pretraining": "generative",
}


def to_item(card: Card, weights: str | None = None) -> pystac.Item:
    """The STAC item of a card. A model is of no place and no day, so geometry is null and the interval is open.

    Args:
        card: what the network needs and gives.
        weights: address of the weight file, for the asset that the extension demands; None: `NAME.swath`.
    """
    bands = {band.name: _band(band) for given in card.inputs for band in given.bands}
    properties: dict[str, Any] = {
        "title": card.title or card.name,
        "description": "\n".join(card.notes) or card.title or card.name,
        "version": card.version,
        "mlm:name": card.name,
        "mlm:architecture": card.architecture or "unknown",
        "mlm:framework": "PyTorch",
        "mlm:tasks": [_TASKS[card.task]],
        "mlm:input": [_input(given, card.tile) for given in card.inputs],
        "mlm:output": [_output(card)],
        "bands": list(bands.values()),
        CARD: json.loads(card.to_json()),
    }
    if card.licence is not None:
        properties["license"] = card.licence
    if card.trained_on:
        properties["mlm:pretrained_source"] = ", ".join(data.name for data in card.trained_on)
    item = pystac.Item(
        id=card.name,
        geometry=None,
        bbox=None,
        datetime=None,
        start_datetime=datetime(1900, 1, 1, tzinfo=UTC),
        end_datetime=datetime(9999, 12, 31, tzinfo=UTC),
        properties=properties,
        stac_extensions=[MLM, *([CLASSIFICATION] if card.output.classes else [])],
    )
    weight_file = pystac.Asset(
        href=weights or f"{card.name}.swath",
        title="Weights and card",
        media_type="application/vnd.safetensors",
        roles=["mlm:model", "mlm:weights"],
        extra_fields={"mlm:artifact_type": "safetensors"},
    )
    item.add_asset("weights", weight_file)
    return item


def from_item(item: pystac.Item) -> Card:
    """The card that `to_item` put into a STAC item.

    Raises:
        CardError: the item holds none, or it is not valid.
    """
    held = item.properties.get(CARD)
    if held is None:
        raise CardError(f"STAC item {item.id} has no property {CARD!r}; only items that Swath wrote hold a card")
    return Card.parse(json.dumps(held), f"STAC item {item.id}")


def _band(band: CardBand) -> dict[str, Any]:
    """A band in the words of STAC 1.1; `eo:` wavelengths are in µm."""
    told: dict[str, Any] = {"name": band.name, "unit": band.units}
    if band.common_name is not None:
        told["eo:common_name"] = band.common_name
    if band.wavelength is not None:
        low, centre, high = (limit / 1000 for limit in band.wavelength)
        told |= {"eo:center_wavelength": centre, "eo:full_width_half_max": round(high - low, 6)}
    if band.polarisation is not None:
        told["sar:polarizations"] = [band.polarisation]
    return told


def _input(given: Input, tile: TileRule) -> dict[str, Any]:
    size = given.resize or (tile.size if tile.fixed else -1)
    channels = len(given.bands) or -1
    shape, order = [-1, channels, size, size], ["batch", "channel", "height", "width"]
    if given.dates.max != 1 and given.dates.given == "axis":
        dates = given.dates.min if given.dates.min == given.dates.max else -1
        shape, order = [-1, dates, channels, size, size], ["batch", "time", "channel", "height", "width"]
    bands = given.bands or ((given.any_bands,) if given.any_bands else ())
    return {
        "name": given.name,
        "bands": [band.name for band in given.bands],
        "input": {"shape": shape, "dim_order": order, "data_type": "float32"},
        "value_scaling": [_scaling(band) for band in bands] if any(b.normalisation or b.clip for b in bands) else None,
        "resize_type": None if given.resize is None else "interpolation-linear",
        "pre_processing_function": None,
    }


def _scaling(band: CardBand) -> dict[str, Any]:
    norm = band.normalisation
    if band.clip is not None:
        low, high = band.clip
        if norm is None:
            return {"type": "clip", "minimum": low, "maximum": high}
        expression = f"(min(max(x, {low!r}), {high!r}) - {norm.shift!r}) / {norm.span!r}"
        return {"type": "processing", "format": "text", "expression": expression}
    if norm is None:
        return {"type": "scale", "value": 1}
    if isinstance(norm, MeanStd):
        return {"type": "z-score", "mean": norm.mean, "stddev": norm.std}
    return {"type": "min-max", "minimum": norm.min, "maximum": norm.max}


def _output(card: Card) -> dict[str, Any]:
    output = card.output
    shape, order = [-1, output.channels], ["batch", "class" if output.classes else "channel"]
    if not output.per_tile:
        shape, order = [*shape, -1, -1], [*order, "height", "width"]
    told: dict[str, Any] = {
        "name": output.kind,
        "tasks": [_TASKS[card.task]],
        "result": {"shape": shape, "dim_order": order, "data_type": "float32"},
        "post_processing_function": None,
    }
    if output.classes:
        told["classification:classes"] = _classes(output)
    return told


def _classes(output: Output) -> list[dict[str, Any]]:
    return [
        {"value": label.value, "name": label.name}
        | ({"color_hint": label.colour.removeprefix("#").upper()} if label.colour else {})
        for label in output.classes
    ]
