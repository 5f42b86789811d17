"""What is odd about a scene: what a careful person would want to know before they trust an answer made from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swath.scene.footprint import Footprint
from swath.scene.sample import Sample, innermost, readers_of
from swath.scene.whereabouts import facing, on_earth
from swath.scene.words import many

if TYPE_CHECKING:
    from swath.scene.scene import Scene

_PLAUSIBLE = {
    "reflectance": (-0.5, 2.0), "index": (-1.0, 1.0), "fraction": (0.0, 1.0), "percent": (0.0, 100.0),
    "kelvin": (100.0, 400.0), "celsius": (-120.0, 120.0), "db": (-70.0, 50.0), "metre": (-12_000.0, 9_000.0),
    "degree": (-360.0, 360.0),
}  # fmt: skip
"""Values beyond these are no measurements of the unit: snow and sun glint reflect up to 2, no land is above 9 km."""
_BEYOND = 0.001
_ROUTINE_DTYPES = frozenset(["uint8", "uint16", "int16", "float32"])
_EXACT_FLOAT32 = 2**24
_BORDER = 0.1
_FILLS = (0.0, 255.0, 65535.0, -9999.0, -32768.0)
_BIG = 4096 * 4096


@dataclass(frozen=True)
class Oddity:
    """One thing that is odd; `kind` for programs, `text` for people."""

    kind: str
    text: str


def oddities(scene: Scene, sample: Sample | None, outline: Footprint | None) -> tuple[Oddity, ...]:
    """All that is odd about a scene, the gravest first.

    Args:
        scene: the scene.
        sample: some of its pixels; None: only what is known without reading.
        outline: its footprint.
    """
    found = [*_of_sample(scene, sample)] if sample is not None else []
    return (*found, *_of_place(scene, outline), *_of_meaning(scene), *_of_storage(scene))


def _of_place(scene: Scene, outline: Footprint | None) -> Iterator[Oddity]:
    grid = scene.grid
    way = facing(grid)
    if grid.crs is None:
        lacks = "neither CRS nor transform" if way == "pixels" else "no CRS"
        give = "-a_srs EPSG:XXXX -a_ullr LEFT TOP RIGHT BOTTOM" if way == "pixels" else "-a_srs EPSG:XXXX"
        yield Oddity("no-crs", f"{lacks}: nothing says where on Earth it lies; gdal_edit.py {give} FILE says it")
    elif on_earth(grid.crs) is False:
        radius = grid.crs.proj.ellipsoid.semi_major_metre / 1000 if grid.crs.proj.ellipsoid else 0
        yield Oddity(
            "not-earth", f"not on Earth: its CRS ({grid.crs.proj.name}) is of a body of {radius:,.0f} km radius"
        )
    elif outline is None:
        yield Oddity("no-place", "its CRS does not lead to longitude and latitude")
    if way in ("south-up", "mirrored", "rotated"):
        turned = {
            "south-up": "stored bottom up: its first row is the southernmost",
            "mirrored": "mirrored: its first column is the easternmost",
            "rotated": "rotated: its rows do not run west to east",
        }
        yield Oddity(way, f"{turned[way]}; pictures are turned north up, values and places stay right")
    a, e = abs(grid.affine.a), abs(grid.affine.e)
    if way in ("north-up", "south-up") and abs(a - e) > 0.01 * max(a, e):
        yield Oddity("oblong-pixels", f"pixels are not square: {a:.6g} wide, {e:.6g} high in the units of the CRS")
    if outline is not None:
        if outline.crosses_date_line:
            yield Oddity("date-line", "crosses the date line: its western edge has a larger longitude than its eastern")
        if not outline.is_whole:
            yield Oddity("beside-the-disk", "part of the grid lies beside the Earth's disk")
    if grid.crs is not None and grid.crs.geographic and on_earth(grid.crs):
        bottom, top = sorted((grid.boundingbox.bottom, grid.boundingbox.top))
        if bottom < -90.001 or top > 90.001:
            yield Oddity("beyond-the-poles", f"latitudes from {bottom:g} to {top:g}: the transform cannot be right")


def _of_meaning(scene: Scene) -> Iterator[Oddity]:
    raw = [band for band in scene.bands if band.units in ("dn", "display")]
    if not scene.sensors and any(band.units == "dn" and band.kind == "continuous" for band in raw):
        names = "['NAME', ...]" if len(scene.bands) > 1 else "['NAME']"
        lit = all(band.common_name or band.wavelength for band in scene.bands)
        yield Oddity(
            "sensor-unknown",
            "nothing says which sensor saw it, so its numbers have no unit: open with sensor='NAME' (`swath sensors` "
            "lists them)" + ("" if lit else f", or name its {many(len(scene.bands), 'band')} with bands={names}"),
        )
    stretched = [band for band in raw if band.dtype == "uint8" or band.units == "display"]
    if stretched and len(stretched) == len(scene.bands):
        what = "stretched for the eye" if stretched[0].units == "display" else "perhaps stretched for the eye"
        more = "; dates cannot be compared by value" if len(scene.dates) > 1 else ""
        yield Oddity("stretched", f"8-bit numbers, {what}: no physical unit{more}")
    if len(scene.dates) > 1 and any(date is None for date in scene.dates):
        lacking = [name for name, date in zip(scene.names, scene.dates, strict=True) if date is None]
        several = ", ".join(lacking[:3]) + (" ..." if len(lacking) > 3 else "")
        yield Oddity("dates-unknown", f"no date known for {several}: open with dates=['2020-01-13', ...]")


def _of_storage(scene: Scene) -> Iterator[Oddity]:
    stored: dict[str, set[str]] = {}
    for row in scene.planes:
        for plane in row:
            if plane is None:
                continue
            one = plane.reader.stored[plane.index]
            if one.is_scaled:
                stored.setdefault("scaled", set()).add(f"scale {one.scale:.6g}, offset {one.offset:.6g}")
            if one.interpretation == "palette":
                stored.setdefault("palette", set())
            if one.dtype not in _ROUTINE_DTYPES:
                stored.setdefault("dtype", set()).add(one.dtype)
    if "scaled" in stored:
        ways = sorted(stored["scaled"])
        yield Oddity("scale-tags", f"the file's own scale and offset are applied: {'; '.join(ways[:3])}")
    if "palette" in stored:
        yield Oddity("palette", "has a colour table: its numbers are taken as classes, not as brightness")
    for dtype in sorted(stored.get("dtype", ())):
        if dtype.startswith("complex"):
            yield Oddity("complex", f"stored as {dtype}; only the amplitude or intensity is read")
        elif dtype in ("float64", "int32", "uint32", "int64", "uint64"):
            yield Oddity("wide-numbers", f"stored as {dtype}; values are float32, exact to 7 digits")
        else:
            yield Oddity("unusual-dtype", f"stored as {dtype}, which much software does not read")
    yield from _of_nodata(scene)
    for reader in readers_of(scene):
        inner = innermost(reader)
        if any(one.interpretation == "alpha" for one in inner.stored):
            yield Oddity("alpha", f"{inner.name}: its transparency band tells which pixels are valid")
            break
    for reader in readers_of(scene):
        inner = innermost(reader)
        block, overviews = getattr(inner, "block", None), getattr(inner, "overviews", ())
        if block is not None and inner.grid.shape.x * inner.grid.shape.y > _BIG and not overviews:
            layout = "in strips" if block[1] >= inner.grid.shape.x else f"in blocks of {block[0]} x {block[1]}"
            yield Oddity(
                "no-overviews",
                f"{inner.name}: large, {layout}, without overviews: slow to look at; `swath convert` helps",
            )
            break


def _of_nodata(scene: Scene) -> Iterator[Oddity]:
    for b, band in enumerate(scene.bands):
        declared = {
            "none"
            if plane.reader.stored[plane.index].nodata is None
            else f"{plane.reader.stored[plane.index].nodata:g}"
            for row in scene.planes
            if (plane := row[b]) is not None
        }
        if len(declared) > 1:
            yield Oddity(
                "nodata-differs",
                f"nodata of {band.name} differs between dates: {', '.join(sorted(declared))}; each is honoured",
            )
            return


def _of_sample(scene: Scene, sample: Sample) -> Iterator[Oddity]:
    for text in sample.damage:
        yield Oddity("damaged", text)
    if not sample.valid.any():
        if not sample.damage:
            every = "not one pixel is valid" if sample.is_exact else "not one sampled pixel is valid"
            yield Oddity("all-nodata", f"{every}: all of it is nodata")
        return
    for t, date in enumerate(sample.dates):
        if not sample.valid[t].any() and not sample.damage and len(scene.dates) > 1:
            yield Oddity("empty-date", f"{scene.names[date]}: not one pixel is valid")
    yield from _beyond_units(scene, sample)
    for b, band in enumerate(scene.bands):
        seen = sample.values[:, b][sample.valid[:, b]]
        wide = {plane.reader.stored[plane.index].dtype for row in scene.planes if (plane := row[b]) is not None}
        if seen.size and wide & {"int32", "uint32", "int64", "uint64"} and float(np.abs(seen).max()) >= _EXACT_FLOAT32:
            yield Oddity(
                "digits-lost", f"{band.name}: numbers up to {float(np.abs(seen).max()):.3g} lose digits in float32"
            )
            break
    if sample.has_edges:
        yield from _border(scene, sample)


def _beyond_units(scene: Scene, sample: Sample) -> Iterator[Oddity]:
    worst: dict[str, tuple[float, str, float, float]] = {}
    for b, band in enumerate(scene.bands):
        limits = _PLAUSIBLE.get(band.units)
        seen = sample.values[:, b][sample.valid[:, b]]
        if limits is None or not seen.size:
            continue
        share = float(((seen < limits[0]) | (seen > limits[1])).mean())
        if share > max(_BEYOND, worst.get(band.units, (0.0,))[0]):
            worst[band.units] = (share, band.name, float(seen.min()), float(seen.max()))
    for units, (share, name, low, high) in worst.items():
        fit = _PLAUSIBLE[units]
        yield Oddity(
            "out-of-range",
            f"{name}: {100 * share:.2g} % of its values lie beyond what {units} can be ({fit[0]:g} to {fit[1]:g}): "
            f"they reach from {low:.4g} to {high:.4g}; check the sensor and its variant, or the scale",
        )


def _border(scene: Scene, sample: Sample) -> Iterator[Oddity]:
    """A fill value that nobody declared: one number, the same in all bands, over much of the border."""
    planes = [plane for row in scene.planes for plane in row if plane is not None]
    declares = any(plane.nodata is not None or plane.reader.stored[plane.index].nodata is not None for plane in planes)
    if declares or any(band.kind != "continuous" for band in scene.bands) or min(sample.values.shape[2:]) < 8:
        return
    edges = _ring(sample.values)
    known = _ring(sample.valid)
    if not known.all():
        return
    first = scene.planes[sample.dates[0]]
    for fill in _FILLS:
        wanted = np.array([fill * p.scale + p.offset if p is not None else np.nan for p in first], dtype=np.float32)
        share = float((edges == wanted[:, None]).all(axis=1).mean())
        if share >= _BORDER:
            yield Oddity(
                "undeclared-nodata",
                f"{100 * share:.0f} % of its border pixels are {fill:g} in all bands and no nodata is declared: if "
                f"that means nothing was seen, gdal_edit.py -a_nodata {fill:g} FILE says so",
            )
            return


def _ring(planes: NDArray[np.generic]) -> NDArray[np.generic]:
    """The outermost pixels, `[time, band, n]`."""
    return np.concatenate([planes[..., 0, :], planes[..., -1, :], planes[..., 1:-1, 0], planes[..., 1:-1, -1]], axis=-1)
