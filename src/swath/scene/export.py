"""A scene as files: Cloud Optimized GeoTIFF or Zarr, streamed block by block, each with its record.

Numbers stay as they are stored where no pixel is resampled: type, scale, offset and nodata. Where they cannot, values
in units are written as float32 with NaN.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import WriteError
from swath.scene.reader import Roi
from swath.scene.storage import Storing, storing
from swath.scene.write.atomic import check_target
from swath.scene.write.cog import CogWriter
from swath.scene.write.record import write_record

if TYPE_CHECKING:
    from swath.scene.scene import Scene

Progress = Callable[[int, int], None]
"""Called with the number of blocks written and of all."""

_BLOCK = 512
_MOST_VALUES = 16_000_000
"""Numbers held at once, whatever the number of bands."""


def save_scene(
    scene: Scene,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> tuple[Path, ...]:
    """Write a scene, and the record of each file beside it.

    Args:
        scene: what to write; it is read block by block.
        path: `.tif` for Cloud Optimized GeoTIFF, one date per file: with several dates the name must hold `{date}`.
            `.zarr` for a store of all dates.
        overwrite: replace what is there.
        progress: told how far it is.

    Returns:
        The files, without their records.

    Raises:
        WriteError: another suffix, several dates for one file, or the place cannot be written to.
        ReadError: a source is damaged; nothing is left under the final names that was not whole.
    """
    target = Path(path)
    suffix = target.suffix.casefold()
    if suffix == ".zarr":
        return (_save_zarr(scene, target, overwrite, progress),)
    if suffix not in (".tif", ".tiff"):
        raise WriteError(f"{target}: a scene is written as .tif (Cloud Optimized GeoTIFF) or .zarr; choose one of them")
    targets = _targets(scene, target)
    for one in targets:
        check_target(one, overwrite=overwrite)
    blocks = list(_blocks(scene))
    total = len(targets) * len(blocks)
    for t, one in enumerate(targets):
        _save_cog(
            scene, t, one, blocks, overwrite, None if progress is None else _later(progress, t * len(blocks), total)
        )
    return tuple(targets)


def _targets(scene: Scene, path: Path) -> list[Path]:
    """One path per date."""
    if len(scene.dates) == 1 and "{date}" not in path.name:
        return [path]
    if "{date}" not in path.name:
        name = f"{path.stem}_{{date}}{path.suffix}"
        pick = "" if scene.dates[0] is None else f", pick one with dates=['{scene.dates[0]}']"
        raise WriteError(
            f"{path}: the scene has {len(scene.dates)} dates and a GeoTIFF holds one: put {{date}} into the name "
            f"('{name}'){pick}, or write all to one store, {path.stem}.zarr"
        )
    names = [re.sub(r"[^\w.-]+", "-", name) for name in scene.names]
    if len(set(names)) < len(names):
        names = [f"{name}_{t + 1}" for t, name in enumerate(names)]
    return [path.with_name(path.name.replace("{date}", name)) for name in names]


def _later(progress: Progress, before: int, total: int) -> Progress:
    return lambda done, _: progress(before + done, total)


def _save_cog(
    scene: Scene, t: int, path: Path, blocks: Sequence[tuple[Roi, slice]], overwrite: bool, progress: Progress | None
) -> None:
    plan = storing(scene, [t])
    date = scene.dates[t]
    tags = {} if date is None else {"ACQUISITION_DATE": str(date)}
    layers = plan.layers(scene, None if date is None else str(date))
    with CogWriter(path, scene.grid, layers, block=_BLOCK, tags=tags, overwrite=overwrite) as writer:
        for done, (window, bands) in enumerate(blocks, 1):
            chosen = range(len(scene.bands))[bands]
            writer.write(window, plan.read(scene, t, window, chosen), [layers[b].name for b in chosen])
            if progress is not None:
                progress(done, len(blocks))
    _record(scene, path, [t])


def _blocks(scene: Scene) -> list[tuple[Roi, slice]]:
    """Windows of whole blocks, and bands, so that each holds a bounded count of numbers."""
    _, bands, height, width = scene.shape
    side = max(1, min(4, int((_MOST_VALUES / bands) ** 0.5) // _BLOCK)) * _BLOCK
    together = max(1, _MOST_VALUES // side**2)
    return [
        ((slice(y, min(y + side, height)), slice(x, min(x + side, width))), slice(b, min(b + together, bands)))
        for y in range(0, height, side)
        for x in range(0, width, side)
        for b in range(0, bands, together)
    ]


def _save_zarr(scene: Scene, path: Path, overwrite: bool, progress: Progress | None) -> Path:
    import xarray as xr

    from swath.scene.write.zarr import write_zarr
    from swath.scene.xarrays import BANDS_KEY

    check_target(path, overwrite=overwrite)
    plan = storing(scene, range(len(scene.dates)))
    count = [0]
    blocks = -(-scene.shape[2] // _BLOCK) * -(-scene.shape[3] // _BLOCK) * scene.shape[0] * scene.shape[1]

    def told() -> None:
        count[0] += 1
        if progress is not None:
            progress(count[0], blocks)

    times = [np.datetime64("NaT", "s") if date is None else date.astype("datetime64[s]") for date in scene.dates]
    variables = {
        band.name: (("time", *scene.grid.dimensions), _lazy(scene, plan, b, told), plan.attributes(scene, b))
        for b, band in enumerate(scene.bands)
    }
    attrs: dict[str, Any] = {BANDS_KEY: json.dumps([_in_units(band) for band in scene.bands])}
    if scene.sensor is not None:
        attrs["sensor"] = scene.sensor.name
    data = xr.Dataset(variables, coords={"time": np.array(times, dtype="datetime64[s]")}, attrs=attrs)
    write_zarr(path, data, grid=scene.grid, overwrite=overwrite)
    _record(scene, path, range(len(scene.dates)))
    return path


def _in_units(band: Any) -> Mapping[str, Any]:
    """The band as its values are once xarray has unpacked them."""
    plain = band.with_(scale=1.0, offset=0.0, dtype=None, nodata=None)
    return dict(plain.model_dump(mode="json", exclude_defaults=True))


def _lazy(scene: Scene, plan: Storing, b: int, told: Callable[[], None]) -> Any:
    """Stored numbers `[time, y, x]` of one band, read when they are written."""
    import dask.array

    height, width = scene.grid.shape
    sides = [tuple(min(_BLOCK, size - start) for start in range(0, size, _BLOCK)) for size in (height, width)]

    def block(block_info: Any = None) -> NDArray[Any]:
        (date, _), rows, columns = block_info[None]["array-location"]
        numbers = plan.read(scene, date, (slice(*rows), slice(*columns)), [b])
        told()
        return numbers

    dtype = np.dtype(plan.bands[b].dtype)
    return dask.array.map_blocks(  # type: ignore[no-untyped-call]  # dask is typed in part
        block,
        chunks=((1,) * len(scene.dates), *sides),
        dtype=dtype,
        meta=np.empty((0, 0, 0), dtype=dtype),
    )


def _record(scene: Scene, path: Path, dates: Sequence[int]) -> None:
    rows = [scene.planes[t] for t in dates]
    sources = dict.fromkeys(plane.reader.name for row in rows for plane in row if plane is not None)
    links = [
        {"rel": "derived_from", "href": name if "://" in name else Path(name).resolve().as_uri()}
        for name in sources
        if "://" in name or os.path.exists(name)
    ]
    found = {"swath:sensors": [one.name for one in scene.sensors], "swath:notes": list(scene.notes)}
    moments = [date for t in dates if (date := scene.dates[t]) is not None]
    properties = {key: value for key, value in found.items() if value}
    write_record(path, grid=scene.grid, datetimes=moments, properties=properties, links=links)
