"""The finished blocks as one raster, in the words of GDAL's virtual format.

GDAL copies from it, in one stream, all that a product carries: places, names, nodata, units, scale, colours, classes,
statistics (https://gdal.org/en/stable/drivers/raster/vrt.html). Names that GeoTIFF has no place for (category names,
attribute table) it puts into the `.aux.xml` file beside the product, where QGIS and GDAL look for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from odc.geo.geobox import GeoBox

from swath.scene.write.layer import Layer, Storage
from swath.scene.write.pieces import BLOCK, Piece

_GDAL_NAMES = {
    "uint8": "Byte", "int8": "Int8", "uint16": "UInt16", "int16": "Int16", "uint32": "UInt32", "int32": "Int32",
    "uint64": "UInt64", "int64": "Int64", "float32": "Float32", "float64": "Float64",
    "complex64": "CFloat32", "complex128": "CFloat64",
}  # fmt: skip
_INTERPRETATIONS = {"red": "Red", "green": "Green", "blue": "Blue"}
# Lists that GDAL indexes by class number are filled up to the highest; beyond this the attribute table alone speaks.
_LONGEST_LIST = 1024


@dataclass(frozen=True)
class Source:
    """A piece of a band: band `band` (from 1) of a file, laid at `(row, column)`."""

    path: Path
    band: int
    row: int
    column: int
    height: int
    width: int


@dataclass(frozen=True)
class VirtualBand:
    """A band of a virtual raster: what it is, where its pixels are, and further tags such as statistics."""

    layer: Layer
    sources: Iterable[Source]
    tags: Mapping[str, str] = field(default_factory=dict)


def sources_of(pieces: Iterable[Piece], band: int) -> Iterator[Source]:
    """Where the blocks of one band (from 1) lie."""
    for piece in pieces:
        if band in piece.bands:
            (top, bottom), (left, right) = piece.rows, piece.columns
            yield Source(piece.path, piece.bands.index(band) + 1, top, left, bottom - top, right - left)


def write_vrt(
    path: Path,
    grid: GeoBox,
    storage: Storage,
    bands: Sequence[VirtualBand],
    *,
    tags: Mapping[str, str] | None = None,
    overviews: Sequence[Path] = (),
) -> None:
    """Write a virtual raster.

    Args:
        path: where; sources lie in its folder or below it, and are named relative to it.
        grid: where the pixels lie.
        storage: type and nodata of the file.
        bands: each band in order.
        tags: metadata of the whole file.
        overviews: rasters of the same bands in half, a quarter, ... of the size.
    """
    height, width = grid.shape
    root = ElementTree.Element("VRTDataset", rasterXSize=str(width), rasterYSize=str(height))
    if grid.crs is not None:
        _text(root, "SRS", grid.crs.to_wkt())
    a, b, c, d, e, f = grid.affine[:6]
    _text(root, "GeoTransform", ",".join(repr(float(x)) for x in (c, a, b, f, d, e)))
    _metadata(root, tags or {})
    for index, virtual in enumerate(bands, 1):
        band = ElementTree.SubElement(root, "VRTRasterBand", dataType=_GDAL_NAMES[storage.dtype], band=str(index))
        _describe(band, virtual.layer, storage, virtual.tags)
        for source in virtual.sources:
            _simple_source(band, source, storage, path.parent)
        for overview in overviews:
            element = ElementTree.SubElement(band, "Overview")
            _text(element, "SourceFilename", str(overview.relative_to(path.parent))).set("relativeToVRT", "1")
            _text(element, "SourceBand", str(index))
    ElementTree.ElementTree(root).write(path, encoding="utf-8")


def _describe(band: ElementTree.Element, layer: Layer, storage: Storage, more: Mapping[str, str]) -> None:
    _metadata(band, layer.tags() | dict(more))
    if layer.wavelength is not None:
        low, centre, high = layer.wavelength
        micrometres = {"CENTRAL_WAVELENGTH_UM": f"{centre / 1000:.6g}", "FWHM_UM": f"{(high - low) / 1000:.6g}"}
        _metadata(band, micrometres, domain="IMAGERY")
    _text(band, "Description", layer.name)
    if storage.nodata is not None:
        _text(band, "NoDataValue", repr(storage.nodata))
    if layer.units is not None:
        _text(band, "UnitType", layer.units)
    if layer.offset != 0 or layer.scale != 1:
        _text(band, "Offset", repr(float(layer.offset)))
        _text(band, "Scale", repr(float(layer.scale)))
    values = sorted({*(layer.classes or {}), *(layer.colours or {})})
    listed = bool(values) and values[0] >= 0 and values[-1] < _LONGEST_LIST
    palette = listed and bool(layer.colours) and storage.dtype in ("uint8", "uint16")
    interpretation = _INTERPRETATIONS.get(layer.common_name or "", "Undefined")
    _text(band, "ColorInterp", "Palette" if palette else interpretation)
    if palette:
        _colour_table(band, layer.colours or {}, values[-1])
    if listed and layer.classes:
        names = ElementTree.SubElement(band, "CategoryNames")
        for value in range(values[-1] + 1):
            _text(names, "Category", layer.classes.get(value, ""))
    if values:
        _attribute_table(band, layer, values)


def _simple_source(band: ElementTree.Element, source: Source, storage: Storage, folder: Path) -> None:
    width, height = str(source.width), str(source.height)
    element = ElementTree.SubElement(band, "SimpleSource")
    _text(element, "SourceFilename", str(source.path.relative_to(folder))).set("relativeToVRT", "1")
    _text(element, "SourceBand", str(source.band))
    # With these, GDAL opens a source only when its pixels are asked for.
    ElementTree.SubElement(
        element, "SourceProperties", RasterXSize=width, RasterYSize=height,
        DataType=_GDAL_NAMES[storage.dtype], BlockXSize=str(BLOCK), BlockYSize=str(BLOCK),
    )  # fmt: skip
    ElementTree.SubElement(element, "SrcRect", xOff="0", yOff="0", xSize=width, ySize=height)
    place = {"xOff": str(source.column), "yOff": str(source.row), "xSize": width, "ySize": height}
    ElementTree.SubElement(element, "DstRect", place)


def _colour_table(band: ElementTree.Element, colours: Mapping[int, str], highest: int) -> None:
    table = ElementTree.SubElement(band, "ColorTable")
    for value in range(highest + 1):
        red, green, blue = _rgb(colours.get(value, "#000000"))
        alpha = 255 if value in colours else 0
        ElementTree.SubElement(table, "Entry", c1=str(red), c2=str(green), c3=str(blue), c4=str(alpha))


def _attribute_table(band: ElementTree.Element, layer: Layer, values: Sequence[int]) -> None:
    """GDAL's raster attribute table; types and usages by number, GDALRATFieldType and GDALRATFieldUsage in `gdal.h`."""
    integer, text = "0", "2"
    fields = [("Value", integer, "5")]
    if layer.classes:
        fields.append(("Class", text, "2"))
    if layer.colours:
        fields += [("Red", integer, "6"), ("Green", integer, "7"), ("Blue", integer, "8")]
    table = ElementTree.SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    for index, (name, kind, usage) in enumerate(fields):
        column = ElementTree.SubElement(table, "FieldDefn", index=str(index))
        _text(column, "Name", name)
        _text(column, "Type", kind)
        _text(column, "Usage", usage)
    for index, value in enumerate(values):
        row = ElementTree.SubElement(table, "Row", index=str(index))
        cells: list[object] = [value]
        if layer.classes:
            cells.append(layer.classes.get(value, ""))
        if layer.colours:
            cells += _rgb(layer.colours.get(value, "#000000"))
        for cell in cells:
            _text(row, "F", str(cell))


def _metadata(parent: ElementTree.Element, tags: Mapping[str, str], domain: str | None = None) -> None:
    if tags:
        element = ElementTree.SubElement(parent, "Metadata", {} if domain is None else {"domain": domain})
        for key, text in tags.items():
            _text(element, "MDI", text).set("key", key)


def _text(parent: ElementTree.Element, name: str, text: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, name)
    element.text = text
    return element


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))
