"""`Layer`: what one band of a written raster is, and how a GeoTIFF says so."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from swath.errors import WriteError
from swath.scene.gdal import open_raster

Kind = Literal["continuous", "categorical", "flags"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_GDAL_TYPES = frozenset(
    {"uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"}
    | {"float32", "float64", "complex64", "complex128"}
)
_PROMOTED = {"bool": "uint8", "float16": "float32"}  # GeoTIFF has neither as GDAL 3.10 writes it


@dataclass(frozen=True)
class Layer:
    """One band of a raster product.

    Stored numbers become values as `value = stored * scale + offset`, as in GDAL and STAC.

    Raises:
        WriteError: a part of the description contradicts another.
    """

    name: str
    """The band's name; GDAL's band description."""
    dtype: str
    """NumPy name of the stored type. `bool` is stored as `uint8`, `float16` as `float32`."""
    nodata: float | None = None
    """Stored number that means "no answer here"; NaN always means that in floating point."""
    kind: Kind = "continuous"
    """`continuous` is averaged in overviews, `categorical` takes the most frequent class, `flags` the nearest value."""
    units: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    description: str | None = None
    """Words for people where the name says little."""
    classes: Mapping[int, str] | None = None
    """Names of the class numbers."""
    colours: Mapping[int, str] | None = None
    """Colours of the class numbers, `#rrggbb`."""
    common_name: str | None = None
    """STAC common name: `red`, `nir`."""
    wavelength: tuple[float, float, float] | None = None
    """`(min, centre, max)` in nm."""
    date: str | None = None
    """What the layer shows the state of, ISO 8601."""

    def __post_init__(self) -> None:
        stored = _PROMOTED.get(str(self.dtype), str(self.dtype))
        if stored not in _GDAL_TYPES:
            self._refuse(f"dtype {self.dtype!r} cannot be stored; use one of {', '.join(sorted(_GDAL_TYPES))}")
        object.__setattr__(self, "dtype", stored)
        if not self.name:
            self._refuse("it has no name")
        if self.kind not in KINDS:
            self._refuse(f"kind is {self.kind!r}; it is continuous, categorical or flags")
        if self.nodata is not None and not fits(self.nodata, self.dtype):
            self._refuse(f"nodata {self.nodata} is no {self.dtype} number")
        if (self.classes or self.colours) and self.kind == "continuous":
            self._refuse("classes and colours belong to class numbers; say kind='categorical'")
        for value in [*(self.classes or {}), *(self.colours or {})]:
            if not fits(value, self.dtype):
                self._refuse(f"class {value} is no {self.dtype} number")
        for colour in (self.colours or {}).values():
            if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
                self._refuse(f"colour {colour!r} is not written #rrggbb")
        if not (math.isfinite(self.scale) and math.isfinite(self.offset) and self.scale != 0):
            self._refuse(f"scale {self.scale} and offset {self.offset} give no value")

    def _refuse(self, why: str) -> None:
        raise WriteError(f"Layer {self.name!r} cannot be written: {why}")

    def tags(self) -> dict[str, str]:
        """What GDAL has no place of its own for, as text for the band's metadata inside the TIFF."""
        tags = {
            "kind": self.kind,
            "long_name": self.description,
            "classes": _dumps(self.classes),
            "colours": _dumps(self.colours),
            "common_name": self.common_name,
            "wavelength": None if self.wavelength is None else json.dumps(self.wavelength),
            "date": self.date,
        }
        return {key: text for key, text in tags.items() if text is not None}


def read_layers(path: str | Path) -> tuple[Layer, ...]:
    """The layers of a raster that Swath wrote; of any other raster, what GDAL says about its bands.

    Args:
        path: a raster that GDAL opens.

    Returns:
        One layer per band, in order.
    """
    layers = []
    with open_raster(path) as dataset:
        for index in dataset.indexes:
            tags = dataset.tags(index)
            if tags.get("kind") not in KINDS:
                tags = {}  # not written by Swath: its tags of the same names would mean something else
            layers.append(
                Layer(
                    name=dataset.descriptions[index - 1] or f"band_{index}",
                    dtype=dataset.dtypes[index - 1],
                    nodata=dataset.nodatavals[index - 1],
                    kind=tags.get("kind", "continuous"),
                    units=dataset.units[index - 1] or None,
                    scale=dataset.scales[index - 1],
                    offset=dataset.offsets[index - 1],
                    description=tags.get("long_name"),
                    classes=_loads(tags.get("classes")),
                    colours=_loads(tags.get("colours")),
                    common_name=tags.get("common_name"),
                    wavelength=tuple(json.loads(tags["wavelength"])) if "wavelength" in tags else None,
                    date=tags.get("date"),
                )
            )
    return tuple(layers)


def read_statistics(path: str | Path) -> tuple[dict[str, float], ...]:
    """What a raster says of its valid numbers: minimum, maximum, mean, stddev, valid_percent, for each band."""
    found = []
    with open_raster(path) as dataset:
        for index in dataset.indexes:
            tags = dataset.tags(index)
            names = ("minimum", "maximum", "mean", "stddev", "valid_percent")
            known = {name: tags.get(f"STATISTICS_{name.upper()}") for name in names}
            found.append({name: float(text) for name, text in known.items() if text is not None})
    return tuple(found)


@dataclass(frozen=True)
class Storage:
    """What all bands of one GeoTIFF share, since the format has one type and one nodata per file."""

    dtype: str
    nodata: float | None

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> Storage:
        """The smallest type that holds every layer exactly, and the nodata that is true for all of them.

        Layers of different types are stored in their common type. Where nodata differs, a file of floating point uses
        NaN and each layer's own number is turned into it; a file of integers has no such way out.

        Raises:
            WriteError: no type holds all layers, or integer layers differ in nodata.
        """
        if not layers:
            raise WriteError("A raster needs at least one layer: pass layers=[Layer(...)]")
        names = [layer.name for layer in layers]
        if len(set(names)) < len(names):
            raise WriteError(f"Two layers have one name among {', '.join(names)}: give each its own")
        dtype = np.result_type(*(layer.dtype for layer in layers))
        wide = [x.name for x in layers if x.dtype in ("int64", "uint64") and dtype != np.dtype(x.dtype)]
        if wide or dtype.name not in _GDAL_TYPES:
            raise WriteError(
                f"No number type holds the layers {', '.join(f'{x.name} ({x.dtype})' for x in layers)} exactly: "
                "write them to separate files or with smaller types"
            )
        declared = {_key(layer.nodata) for layer in layers}
        if len(declared) == 1:
            nodata = layers[0].nodata
        elif dtype.kind in "fc":
            nodata = math.nan
        else:
            found = ", ".join(f"{layer.name}: {layer.nodata}" for layer in layers)
            raise WriteError(
                f"A GeoTIFF of integers has one nodata for all its bands, and the layers differ ({found}): "
                "give them one number that none of them uses, or write them to separate files"
            )
        return cls(dtype.name, nodata)

    def store(self, layer: Layer, values: NDArray[Any]) -> NDArray[Any]:
        """Numbers of one layer as this file stores them.

        Args:
            layer: what the numbers are.
            values: stored numbers of the layer, of any type that holds them exactly, `[h, w]`.

        Returns:
            The same numbers in the file's type with the file's nodata, `[h, w]`.

        Raises:
            WriteError: a number does not fit the layer's type.
        """
        exact = np.dtype(layer.dtype)
        stored = values
        if values.dtype != exact:
            with np.errstate(invalid="ignore", over="ignore"):
                stored = values.astype(exact)
            lossless = np.can_cast(values.dtype, exact, "safe") or (values.dtype.kind == "f" and exact.kind in "fc")
            if not lossless and not np.array_equal(stored, values):
                raise WriteError(
                    f"Layer {layer.name!r} is {layer.dtype} and was given {values.dtype} numbers that it cannot hold: "
                    "round or rescale them, put its nodata where there is none, or give it a wider dtype"
                )
        stored = stored.astype(self.dtype, copy=False)
        if layer.nodata is not None and _key(layer.nodata) != _key(self.nodata):
            stored = np.where(stored == layer.nodata, np.asarray(self.nodata, stored.dtype), stored)
        return stored

    def valid(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Where stored numbers are answers: neither nodata nor NaN; bool of the same shape."""
        valid = ~np.isnan(stored) if stored.dtype.kind in "fc" else np.ones(stored.shape, bool)
        if self.nodata is not None and not math.isnan(self.nodata):
            valid &= stored != self.nodata
        return valid


def fits(number: float, dtype: str) -> bool:
    """Whether a number can be stored in a type without becoming another number."""
    kind = np.dtype(dtype).kind
    if kind in "fc":
        return not math.isfinite(number) or abs(number) <= float(np.finfo(dtype).max)
    limits = np.iinfo(dtype)
    return math.isfinite(number) and number == int(number) and limits.min <= number <= limits.max


def _key(nodata: float | None) -> object:
    return "nan" if nodata is not None and math.isnan(nodata) else nodata


def _dumps(table: Mapping[int, str] | None) -> str | None:
    return json.dumps({str(k): v for k, v in table.items()}, ensure_ascii=False) if table else None


def _loads(text: str | None) -> dict[int, str] | None:
    return None if text is None else {int(k): v for k, v in json.loads(text).items()}
