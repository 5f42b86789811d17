"""To and from xarray: DataArrays, Datasets, NetCDF, HDF5 and Zarr, by the conventions of CF, rioxarray and odc-geo."""

from __future__ import annotations

import json
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.errors import OpenError, SensorError
from swath.scene.arrays import XarrayReader
from swath.scene.dates import Date, date_in_name, date_in_tags
from swath.scene.reader import Picked
from swath.scene.source import Source
from swath.scene.xarrays import BANDS_KEY, Layer, grid_of, layers_of
from swath.sensors import VALUES, Recognition, find_sensor, recognise

if TYPE_CHECKING:
    from swath.scene.scene import Scene


def sources_of_xarray(obj: Any, *, name: str | None = None, path: str = "") -> list[Source]:
    """Sources in a DataArray or Dataset: one per date and grid, over readers that stay lazy.

    Dims are found by name: space by odc-geo's rules, time `time`, `t`, `date`, bands `band`, `wavelength`, `variable`;
    pressure levels are bands too. Every variable of a Dataset with both spatial dims is a band.

    Args:
        obj: an `xarray.DataArray` or `xarray.Dataset`.
        name: what messages call it.
        path: the file it came from, for the marks and the date in its name.

    Raises:
        OpenError: it has no place, unevenly spaced coordinates, or a dim that is neither space, time nor band.
    """
    label = name or str(getattr(obj, "name", None) or type(obj).__name__)
    if isinstance(obj, xr.DataArray):
        variables = [obj]
    elif isinstance(obj, xr.Dataset):
        variables = [obj[key] for key in obj.data_vars if obj[key].ndim >= 2 and obj[key].dtype.kind in "iufb"]
    else:
        raise OpenError(f"{label}: give an xarray DataArray or Dataset; found {type(obj).__name__}")
    tags = {str(key): str(value) for key, value in obj.attrs.items() if key != BANDS_KEY}
    placed: dict[tuple[GeoBox, bool], list[xr.DataArray]] = {}
    refused: list[str] = []
    for variable in variables:
        try:
            grid, assumed = grid_of(variable, label)
        except OpenError as error:
            refused.append(str(error))
            continue
        placed.setdefault((grid, assumed), []).append(variable)
    if not placed:
        raise OpenError(refused[0] if refused else f"{label}: holds no variable with two spatial dims")
    sensor = _sensor_of(obj.attrs) or recognise(path, tags)
    fallback = date_in_tags(tags) or (date_in_name(Path(path).name) if path else None)
    found: list[Source] = []
    for (grid, assumed), members in placed.items():
        layers = [layer for one in members for layer in layers_of(one, grid, len(members) > 1, obj.attrs, label)]
        notes = [f"{label}: passed over: {why}" for why in refused] if not found else []
        if assumed:
            notes.append(f"{label}: coordinates are degrees and no CRS is given; taken as EPSG:4326")
        stored = [layer.stored for layer in layers]
        reader = XarrayReader(
            [(layer.array, layer.where) for layer in layers], grid, stored=stored, name=label, tags=tags
        )
        found += _by_date(reader, layers, sensor, fallback, notes, label)
    return found


def _by_date(
    reader: XarrayReader,
    layers: Sequence[Layer],
    sensor: Recognition | None,
    fallback: Date | None,
    notes: list[str],
    label: str,
) -> list[Source]:
    """One source per date over the one reader."""
    steps: dict[int, list[int]] = {}
    order: list[Date | None] = []
    for i, layer in enumerate(layers):
        # Dates that are not known are told apart by their place in the series.
        if layer.date not in order or layer.date is None:
            known = [p for p, members in steps.items() if order[p] is None and _lacks(layers, members, layer)]
            if layer.date is not None or not known:
                steps[len(order)] = [i]
                order.append(layer.date)
            else:
                steps[known[0]].append(i)
        else:
            steps[order.index(layer.date)].append(i)
    sources = []
    for position, members in steps.items():
        bands = tuple(layers[i].band for i in members)
        date = order[position] if order[position] is not None or len(order) > 1 else fallback
        sources.append(
            Source(
                reader=Picked(reader, members) if len(steps) > 1 else reader,
                label=str(date) if date is not None else f"{label}[{position}]",
                sensor=sensor,
                date=date,
                bands=bands if all(bands) else None,
                notes=tuple(notes) if position == 0 else (),
            )
        )
    return sources


def _lacks(layers: Sequence[Layer], members: Sequence[int], layer: Layer) -> bool:
    return layer.stored.description not in {layers[i].stored.description for i in members}


def _sensor_of(attrs: Mapping[Hashable, Any]) -> Recognition | None:
    """The sensor that `to_xarray` wrote; its numbers are in units."""
    if BANDS_KEY not in attrs or "sensor" not in attrs:
        return None
    try:
        return replace(find_sensor(f"{str(attrs['sensor']).partition('@')[0]}@{VALUES}"), how="xarray attribute sensor")
    except SensorError:
        return None


def sources_of_file(path: str) -> list[Source] | None:
    """Sources in a NetCDF, HDF5 or Zarr store; nothing but coordinates is read.

    Packed numbers (`scale_factor`, `add_offset`) are unpacked by xarray, once.

    Args:
        path: a file of whatever suffix, or a folder that ends in `.zarr`.

    Returns:
        None where xarray finds no arrays in it, so that GDAL may try.

    Raises:
        OpenError: it is damaged, or its arrays have no place.
    """
    engine = _engine(path)
    if engine is None:
        return None
    options: dict[str, Any] = {"phony_dims": "sort"} if engine == "h5netcdf" else {}
    try:
        with warnings.catch_warnings():
            # Stores without consolidated metadata and odd calendars open all the same.
            warnings.simplefilter("ignore")
            data = xr.open_dataset(
                path, engine=engine, decode_coords="all", decode_timedelta=False, cache=False, **options
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise OpenError(f"{path}: cannot be read as {engine.upper()}: {' '.join(str(error).split())[:200]}") from error
    _mend_text(data)
    arrays = {str(key): one for key, one in data.data_vars.items() if one.ndim >= 2 and one.dtype.kind in "iufb"}
    if not arrays:
        data.close()
        return None
    if all(not one.coords for one in arrays.values()):
        listed = ", ".join(f"{key} {' x '.join(map(str, one.shape))}" for key, one in list(arrays.items())[:6])
        data.close()
        raise OpenError(
            f"{path}: holds arrays without a place: {listed}; read one (xarray, h5py) and give it a grid: "
            "swath.Scene.from_array(array, grid)"
        )
    return sources_of_xarray(data, name=path, path=path)


def _mend_text(data: xr.Dataset) -> None:
    """Attributes declared as ASCII that hold UTF-8 come with lone surrogates, which no other library takes."""
    for attrs in (data.attrs, *(one.attrs for one in data.variables.values())):
        for key, value in attrs.items():
            if isinstance(value, str):
                attrs[key] = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _engine(path: str) -> str | None:
    """Engine of xarray by the first bytes; None for what it has none for, such as HDF4."""
    if path.rstrip("/").endswith(".zarr"):
        if "://" not in path and not Path(path).is_dir():
            raise OpenError(f"{path}: no such Zarr store")
        return "zarr"
    try:
        with open(path, "rb") as file:
            head = file.read(8)
    except OSError as error:
        raise OpenError(f"{path}: {error.strerror or error}") from error
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "h5netcdf"
    return "scipy" if head[:3] == b"CDF" else None


def to_xarray(scene: Scene, chunks: int | None = None) -> xr.DataArray:
    """A scene as a DataArray `(time, band, y, x)` float32, NaN where invalid; see `Scene.to_xarray`.

    `.odc.geobox` is the scene's grid, `.rio.crs` and `.rio.transform()` agree with it; coordinates along `band` tell
    units, centre wavelength (nm) and common name, `time` is `datetime64[s]`, NaT where the date is not known.

    Args:
        scene: what to hand over.
        chunks: side of Dask's blocks in pixels, one date and all bands each; None: read all now.

    Raises:
        ReadError: a source is damaged or has changed; with `chunks`, when it is computed.
    """
    from odc.geo.xr import xr_coords

    values: Any
    if chunks is None:
        values, _ = scene.read()
    else:
        import dask.array

        height, width = scene.grid.shape
        sides = [tuple(min(chunks, size - start) for start in range(0, size, chunks)) for size in (height, width)]
        values = dask.array.map_blocks(  # type: ignore[no-untyped-call]  # dask is typed in part
            _read_block,
            scene,
            chunks=((1,) * len(scene.dates), (len(scene.bands),), *sides),
            dtype=np.float32,
            meta=np.empty((0, 0, 0, 0), dtype=np.float32),
        )
    times = [np.datetime64("NaT", "s") if date is None else date.astype("datetime64[s]") for date in scene.dates]
    bands = scene.bands
    coords: dict[str, Any] = {
        **{str(key): one for key, one in xr_coords(scene.grid, always_yx=True).items()},
        "time": ("time", np.array(times, dtype="datetime64[s]")),
        "band": ("band", np.array([band.name for band in bands], dtype=object).astype(str)),
        "units": ("band", [band.units for band in bands]),
        "common_name": ("band", [band.common_name or "" for band in bands]),
        "wavelength": ("band", [np.nan if band.centre is None else band.centre for band in bands], {"units": "nm"}),
    }
    plain = {"scale": 1.0, "offset": 0.0, "dtype": "float32", "nodata": None}
    attrs: dict[str, Any] = {
        "nodata": np.nan,
        BANDS_KEY: json.dumps([band.with_(**plain).model_dump(mode="json", exclude_defaults=True) for band in bands]),
    }
    if scene.sensor is not None:
        attrs["sensor"] = scene.sensor.name
    if len({band.units for band in bands}) == 1:
        attrs["units"] = bands[0].units
    if len(bands) == 1 and bands[0].classes:
        attrs["flag_values"] = np.array(list(bands[0].classes), dtype=np.int32)
        attrs["flag_meanings"] = " ".join(name.replace(" ", "_") for name in bands[0].classes.values())
    array = xr.DataArray(values, dims=("time", "band", "y", "x"), coords=coords, attrs=attrs)
    if scene.grid.crs is not None:
        array.encoding["grid_mapping"] = "spatial_ref"
    return array


def _read_block(scene: Scene, block_info: Any = None) -> NDArray[np.float32]:
    (date, _), _, rows, columns = block_info[None]["array-location"]
    return scene.read((slice(*rows), slice(*columns)), dates=[date])[0]
