"""Products that come as a folder or archive: Sentinel-2 and -1 `.SAFE`, Landsat; what differs between them is data.

A product whose files bear their band and date in their own names, such as HLS, needs nothing of this: its folder is
opened like any other.
"""

from __future__ import annotations

import os
import re
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from swath.errors import OpenError
from swath.scene.dates import parse_date
from swath.scene.product_metadata import Told, landsat, sentinel2
from swath.scene.raster import RasterReader
from swath.scene.source import Source
from swath.sensors import Recognition, recognise


@dataclass(frozen=True)
class _Layout:
    """Where a kind of product has its images, and the file that tells how their numbers are meant."""

    title: str
    image: re.Pattern[str]
    """Path of an image in the product; group `band` unless the name is known to the sensor, `gsd` in m."""
    metadata: re.Pattern[str]
    read: Callable[[str, str], Told] | None = None
    optional: frozenset[str] = frozenset()
    """Bands that a product may well lack."""


_LAYOUTS = (
    _Layout(
        title="Sentinel-2",
        image=re.compile(
            r"(^|/)IMG_DATA/(R[126]0m/)?[^/]*_(?P<band>B\d\d|B8A|AOT|WVP|SCL)(_(?P<gsd>[126]0)m)?\.(jp2|tiff?)$"
        ),
        metadata=re.compile(r"(^|/)(MTD_MSIL(1C|2A)|S2[ABC]_(OPER|USER)_MTD_SAFL(1C|2A)_[^/]*)\.xml$"),
        read=sentinel2,
        # Level-2A processors before 2018 wrote none at 10 m, and newer ones may be told not to.
        optional=frozenset(["AOT", "WVP"]),
    ),
    _Layout(
        title="Landsat",
        image=re.compile(r"(^|/)L[COTEM]0\d_L[12]\w\w_\d{6}_\d{8}_\d{8}_\d\d_\w\w_[^/]+\.tif$", re.IGNORECASE),
        metadata=re.compile(r"_MTL\.(txt|json)$"),
        read=landsat,
        optional=frozenset(["B8", "B9", "B10", "B11", "B6", "ST_B10", "ST_B6", "ST_QA", "ST_EMIS"]),
    ),
    _Layout(
        title="Sentinel-1",
        image=re.compile(r"(^|/)measurement/[^/]+\.tiff?$"),
        metadata=re.compile(r"(^|/)manifest\.safe$"),
        optional=frozenset(["VV", "VH", "HH", "HV"]),
    ),
)

_SIGNS = re.compile(
    r"(^MTD_MSIL(1C|2A)\.xml|_MTD_SAFL(1C|2A)_.*\.xml|^manifest\.safe|_MTL\.(txt|json)|^GRANULE|^IMG_DATA|^measurement)$"
)
"""Names at the top of a folder that make it worth looking through."""

_ARCHIVES = {".zip": "vsizip", ".tar": "vsitar", ".tgz": "vsitar", ".gz": "vsitar"}


@dataclass(frozen=True)
class _Tree:
    """The files of a product, in a folder or in an archive that stays packed."""

    path: str
    names: tuple[str, ...]
    archive: str | None = None

    @property
    def id(self) -> str:
        """The product's name."""
        return re.sub(r"(\.SAFE|\.zip|\.tgz|\.tar(\.gz)?)+$", "", Path(self.path).name, flags=re.IGNORECASE)

    def address(self, name: str) -> str:
        """What GDAL opens."""
        # Braces keep blanks and suffixes in the archive's own name apart from the path within.
        return f"/{self.archive}/{{{self.path}}}/{name}" if self.archive else os.path.join(self.path, name)

    def text(self, name: str) -> str:
        """A small file as text."""
        if self.archive == "vsizip":
            with zipfile.ZipFile(self.path) as packed:
                return packed.read(name).decode()
        if self.archive == "vsitar":
            with tarfile.open(self.path) as packed_tar:
                member = packed_tar.extractfile(name)
                return "" if member is None else member.read().decode()
        return Path(self.address(name)).read_text(encoding="utf-8")


def open_product(
    path: str, *, place: str | None = None, complex_as: str | None = None, declared: Recognition | None = None
) -> list[Source] | None:
    """Sources of a product, or of all products in a folder; None where the path is none.

    Args:
        path: a `.SAFE` or Landsat folder, its zip or tar, a folder of them, a granule of a `.SAFE`, or a metadata file.
        place: `warp` or `pixels`, for Sentinel-1, whose images have only ground control points.
        complex_as: `amplitude` or `intensity`, for single look complex images.
        declared: the sensor that the caller named; a variant of it overrides the metadata.

    Raises:
        OpenError: the archive is damaged, or the product holds several tiles or no images.
    """
    products = _products_at(path)
    if not products:
        return None
    return [
        source
        for tree, layout, told in products
        for source in _sources(tree, layout, told, place, complex_as, declared)
    ]


def is_product(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder is a product by itself, as a `.SAFE` is."""
    return Path(folder).is_dir() and bool(_products_at(os.fspath(folder), look_below=False))


def _products_at(path: str, *, look_below: bool = True) -> list[tuple[_Tree, _Layout, str | None]]:
    """Trees with one product each, their layouts, and their metadata files."""
    if "://" in path or path.startswith("/vsi"):
        return []
    where = Path(path)
    if where.is_file():
        if where.suffix.casefold() in _ARCHIVES:
            return _split(_archive(path))
        if any(
            layout.metadata.search(where.name) for layout in _LAYOUTS if layout.read or where.name == "manifest.safe"
        ):
            stem = re.sub(r"_MTL\.(txt|json)$", "", where.name)
            own = stem if stem != where.name else ""
            return [one for one in _split(_folder(where.parent)) if one[2] is None or Path(one[2]).name.startswith(own)]
        return []
    if not where.is_dir():
        return []
    inside = sorted(os.listdir(where))
    if any(_SIGNS.search(name) for name in inside):
        if where.parent.name == "GRANULE":
            # One tile of a product: its metadata lie two floors up.
            prefix = f"GRANULE/{where.name}/"
            whole = _folder(where.parents[1])
            kept = [name for name in whole.names if name.startswith(prefix) or "/" not in name]
            return _split(replace(whole, names=tuple(kept)))
        return _split(_folder(where))
    if not look_below or any(Path(name).suffix.casefold() in (".tif", ".tiff", ".jp2") for name in inside):
        return []
    below = [
        name for name in inside if name.casefold().endswith(".safe") or (where / name).is_dir() or _is_archive(name)
    ]
    return [one for name in below for one in _products_at(str(where / name), look_below=False)]


def _is_archive(name: str) -> bool:
    return Path(name).suffix.casefold() in _ARCHIVES and recognise(name) is not None


def _folder(where: Path) -> _Tree:
    names = [one.relative_to(where).as_posix() for one in where.rglob("*") if one.is_file()]
    return _Tree(str(where), tuple(sorted(names)))


def _archive(path: str) -> _Tree:
    kind = _ARCHIVES[Path(path).suffix.casefold()]
    try:
        if kind == "vsizip":
            with zipfile.ZipFile(path) as packed:
                names = packed.namelist()
        else:
            with tarfile.open(path) as packed_tar:
                names = packed_tar.getnames()
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        raise OpenError(f"{path}: the archive is damaged or not what its name says: {error}") from error
    return _Tree(os.path.abspath(path), tuple(sorted(names)), kind)


def _split(tree: _Tree) -> list[tuple[_Tree, _Layout, str | None]]:
    """The products in a tree: one, or one per MTL file of a folder into which several were unpacked."""
    for layout in _LAYOUTS:
        images = [name for name in tree.names if layout.image.search(name)]
        told = sorted(
            (name for name in tree.names if layout.metadata.search(name)), key=lambda name: (name.count("/"), name)
        )
        if layout.title == "Landsat":
            stems = {re.sub(r"_MTL\.\w+$", "", name): name for name in told}
            parts = [
                (replace(tree, names=tuple(name for name in images if name.startswith(stem + "_"))), layout, name)
                for stem, name in sorted(stems.items())
            ]
            if parts and images:
                return [(part, kind, name) for part, kind, name in parts if part.names]
        elif images:
            return [(replace(tree, names=tuple(images)), layout, told[0] if told else None)]
        elif told and layout.read is not None:
            raise OpenError(f"{tree.path}: a {layout.title} product without images; get it again")
    return []


def _sources(
    tree: _Tree,
    layout: _Layout,
    metadata: str | None,
    place: str | None,
    complex_as: str | None,
    declared: Recognition | None,
) -> list[Source]:
    notes: list[str] = []
    told = Told()
    if metadata is not None and layout.read is not None:
        told = layout.read(tree.text(metadata), tree.address(metadata))
        notes.append(f"{tree.id}: {told.how}, as {Path(metadata).name} says")
    images = _finest(tree, layout, notes)
    known = told.sensor or recognise(Path(tree.path).name) or recognise(next(iter(images.values())))
    if known is None and declared is None:
        raise OpenError(f"{tree.path}: a {layout.title} product of which no file says the level; say sensor=...")
    sensor = (
        known if declared is None else replace(declared, facts={**(known.facts if known else {}), **declared.facts})
    )
    assert sensor is not None
    date = told.date or (parse_date(sensor.facts["date"]) if "date" in sensor.facts else None)
    # Who names a variant tells how numbers are stored; else the metadata do, or the sensor's file where they do not.
    storage = {} if declared is not None and declared.variant is not None else told.storage
    stored = (sensor if storage else sensor.settled(date)).bands
    by_name = {name: band for band in stored for name in (band.name, *band.aliases)}
    sources = []
    for name in sorted(images.keys() - by_name.keys()):
        notes.append(f"{tree.id}: passed over {Path(images[name]).name}, which is no band of {sensor.name}")
    for name, image in sorted(images.items(), key=lambda pair: stored.index(by_name.get(pair[0], stored[0]))):
        if (band := by_name.get(name)) is None:
            continue
        changes: dict[str, Any] = dict(storage.get(band.name) or storage.get(name) or {})
        reader = RasterReader(tree.address(image), place=place, complex_as=complex_as)
        sources.append(
            Source(
                reader=reader,
                label=tree.id,
                sensor=sensor,
                date=date,
                bands=(band.with_(**changes),),
            )
        )
    if not sources:
        raise OpenError(f"{tree.path}: none of its images is a band of {sensor.name}: {', '.join(images)}")
    have = {source.bands[0].name for source in sources if source.bands and source.bands[0]}
    lacks = [band.name for band in stored if band.name not in have | layout.optional]
    if lacks:
        notes.append(f"{tree.id}: the product lacks {', '.join(lacks)}")
    return [replace(sources[0], notes=tuple(notes)), *sources[1:]]


def _finest(tree: _Tree, layout: _Layout, notes: list[str]) -> dict[str, str]:
    """Of each band the finest image.

    Raises:
        OpenError: several tiles.
    """
    tiles = sorted({name.partition("/IMG_DATA/")[0] for name in tree.names if "/IMG_DATA/" in name})
    if len(tiles) > 1:
        first = Path(tree.path) / tiles[0]
        raise OpenError(
            f"{tree.path}: holds {len(tiles)} tiles; "
            + ("unpack it and open one of them" if tree.archive else f"open one: swath.open({str(first)!r})")
        )
    images: dict[str, tuple[int, str]] = {}
    for name in tree.names:
        match = layout.image.search(name)
        assert match is not None
        groups = match.groupdict()
        band = groups.get("band") or _band_of(Path(name).name)
        if band is None:
            notes.append(f"{tree.id}: passed over {Path(name).name}")
            continue
        size = int(groups.get("gsd") or 0)
        if band not in images or size < images[band][0]:
            images[band] = (size, name)
    return {band: name for band, (_, name) in images.items()}


def _band_of(name: str) -> str | None:
    found = recognise(name)
    return found.facts.get("band", "").upper() or None if found is not None else None
