"""Cloud Optimized GeoTIFF of any size, written block by block in any order, with flat memory.

Blocks gather in a hidden folder beside the product (`pieces.py`), are made into the product there (`convert.py`), and
the whole is renamed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.errors import WriteError
from swath.scene.words import many
from swath.scene.write.atomic import SIDECARS, check_target, remove, sync, writing
from swath.scene.write.convert import COMPRESSIONS, gdal_errors, make_cog
from swath.scene.write.layer import Layer, Storage
from swath.scene.write.pieces import Piece, Pieces, neighbours

Window = tuple[slice, slice]


class CogWriter:
    """Writes one Cloud Optimized GeoTIFF.

    `write` takes windows in any order, from any number of threads. Windows may have any size and must not overlap; they
    cost least when each is a whole number of blocks. Pixels that are never written are nodata. `finish` makes the
    product and its `.aux.xml`, with overviews, statistics, colours and class names; until then nothing exists under the
    final name. A killed run leaves the blocks it finished in the hidden folder `.NAME.partial`, and `resume=True` goes
    on with them. Several processes may write one product when each passes `resume=True` and one of them calls `finish`
    at the end.

    A GeoTIFF has one type and one nodata for all bands: see `Storage.of` for how layers that differ are stored. Colours
    are a TIFF palette where the format allows one (a single `uint8` or `uint16` layer) and stand in `.aux.xml` for any
    other. Class names stand in `.aux.xml`, where QGIS and GDAL look for them, and in the TIFF itself (tag `classes`).

    As a context manager it finishes when the block ends well. When the block fails, finished blocks are kept if
    `resume` was asked for and removed otherwise.

    Args:
        path: the product.
        grid: where its pixels lie; rotated and south-up grids and grids without a CRS are written as they are.
        layers: one per band, in order.
        block: side of the file's square blocks in pixels, a multiple of 16; smaller ones for a grid that is smaller.
        compress: one of `COMPRESSIONS`.
        tags: metadata of the file.
        overwrite: replace a product that is there, once the new one is whole.
        resume: go on with the blocks of an earlier run of the same job, if there are any.
        job: what makes the pixels (plan, weights, options), as text: a run is resumed only when it is the same.

    Raises:
        WriteError: the layers cannot share a file, the folder cannot be written, a product is there already, or an
            earlier run was of another job.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        grid: GeoBox,
        layers: Sequence[Layer],
        *,
        block: int = 512,
        compress: str | None = None,
        tags: Mapping[str, str] | None = None,
        overwrite: bool = False,
        resume: bool = False,
        job: str | None = None,
    ) -> None:
        self.grid = grid
        self.layers = tuple(layers)
        self.storage = Storage.of(self.layers)
        self.path = check_target(path, overwrite=overwrite)
        if block < 128 or block % 16:
            raise WriteError(f"block is {block}; a GeoTIFF's blocks are a multiple of 16 pixels, at least 128 here")
        if min(grid.shape) < 1:
            raise WriteError(f"{self.path} would have no pixels: the grid is {grid.shape[0]} x {grid.shape[1]}")
        self._compress = (compress or COMPRESSIONS[0]).lower()
        if self._compress not in COMPRESSIONS:
            raise WriteError(f"compress is {compress!r}; it is one of {', '.join(COMPRESSIONS)}, all without loss")
        # GDAL fills blocks up to their full side: of a small scene with many bands most would be filling.
        self._block = min(block, max(128, -(-max(grid.shape) // 16) * 16))
        self._tags = dict(tags or {})
        self._resume = resume
        self._pieces = Pieces(
            partial_folder(self.path),
            {
                "shape": list(grid.shape),
                "affine": list(grid.affine[:6]),
                "crs": None if grid.crs is None else grid.crs.to_wkt(),
                "layers": [asdict(layer) for layer in self.layers],
                "job": job,
            },
            resume=resume,
            target=self.path,
        )

    def write(self, window: Window, values: NDArray[Any], layers: Sequence[str] | None = None) -> None:
        """Write one window; when this returns, the window survives the end of the process.

        Args:
            window: `(slice_y, slice_x)` in pixels of the grid.
            values: stored numbers, `[B, h, w]`, of any type whose numbers fit the layers exactly.
            layers: names of the layers that `values` holds, in its order; all of them when None.

        Raises:
            WriteError: window and values do not fit the grid and layers, or the disk does not take them.
        """
        rows, columns, bands = self._place(window, layers)
        expected = (len(bands), rows[1] - rows[0], columns[1] - columns[0])
        if values.shape != expected:
            raise WriteError(f"The window {rows} x {columns} takes values of shape {expected}, and {values.shape} came")
        planes = {b: self.storage.store(self.layers[b - 1], v) for b, v in zip(bands, values, strict=True)}
        for together in neighbours(bands):
            stored = np.stack([planes[band] for band in together])
            self._pieces.write(stored, self.storage.valid(stored), self._pieces.at(rows, columns, together))

    def has(self, window: Window, layers: Sequence[str] | None = None) -> bool:
        """Whether this window of these layers was written at one time, in this run or in the one that is resumed."""
        rows, columns, bands = self._place(window, layers)
        return all(self._pieces.at(rows, columns, together).path.exists() for together in neighbours(bands))

    def flush(self) -> None:
        """Wait until every window written so far is on the disk; only a power failure makes a difference."""
        self._pieces.flush()

    def finish(self, note: Callable[[], None] | None = None) -> Path:
        """Make the product of the windows that were written.

        Args:
            note: called when the product is there, before its blocks are removed.

        Returns:
            The product's path.

        Raises:
            WriteError: pixels were not written and no nodata is declared to stand for them, or the disk is full.
        """
        pieces = self._pieces.all()
        self._check_whole(pieces)
        with gdal_errors(self.path):
            made = make_cog(
                self._pieces, self.grid, self.layers, self.storage,
                tags=self._tags, block=self._block, compress=self._compress,
            )  # fmt: skip
        with writing(self.path):
            self._put(made)
        if note is not None:
            note()
        self.discard()
        return self.path

    def discard(self) -> None:
        """Remove the blocks written so far; the product, if it is finished, stays."""
        remove(self._pieces.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.finish()
        finally:
            if not self._resume:
                self.discard()

    def _place(
        self, window: Window, layers: Sequence[str] | None
    ) -> tuple[tuple[int, int], tuple[int, int], tuple[int, ...]]:
        spans = []
        for part, size, axis in zip(window, self.grid.shape, ("rows", "columns"), strict=True):
            start, stop = part.start or 0, size if part.stop is None else part.stop
            if part.step not in (None, 1) or not 0 <= start < stop <= size:
                raise WriteError(f"The window's {axis} {start}:{stop} do not lie within the grid's 0:{size}")
            spans.append((int(start), int(stop)))
        names = [layer.name for layer in self.layers]
        unknown = [name for name in layers or () if name not in names]
        if unknown:
            raise WriteError(f"No layer is named {unknown[0]!r}; this file has {', '.join(names)}")
        bands = range(len(names)) if layers is None else [names.index(name) for name in layers]
        return spans[0], spans[1], tuple(band + 1 for band in bands)

    def _check_whole(self, pieces: Sequence[Piece]) -> None:
        total = self.grid.shape[0] * self.grid.shape[1]
        for band, layer in enumerate(self.layers, 1):
            areas = ((p.rows[1] - p.rows[0]) * (p.columns[1] - p.columns[0]) for p in pieces if band in p.bands)
            written = sum(areas)
            if written > total:
                raise WriteError(f"Layer {layer.name!r} was written in windows that overlap: write each pixel once")
            if written < total and self.storage.nodata is None:
                raise WriteError(
                    f"{total - written} of {total} pixels of layer {layer.name!r} were never written, and no nodata is "
                    "declared to say so: write them, or give the layer a nodata"
                )

    def _put(self, made: Path) -> None:
        """Rename the product and what belongs beside it, so that at no moment old and new stand side by side."""
        sync(made)
        for suffix in SIDECARS:
            remove(self.path.with_name(self.path.name + suffix))
        made.replace(self.path)
        for suffix in SIDECARS:
            beside = made.with_name(made.name + suffix)
            if beside.exists():
                beside.replace(self.path.with_name(self.path.name + suffix))


def partial_folder(path: Path) -> Path:
    """The hidden folder in which the blocks of a product gather."""
    return path.with_name(f".{path.name}.partial")


def write_cog(
    path: str | os.PathLike[str],
    grid: GeoBox,
    values: NDArray[Any],
    layers: Sequence[Layer] | None = None,
    **options: Any,
) -> Path:
    """Write an array as a Cloud Optimized GeoTIFF.

    Args:
        path: the product.
        grid: where the pixels lie.
        values: stored numbers, `[B, h, w]`, or `[h, w]` for one layer.
        layers: one per band; plain continuous layers of the array's type when None.
        **options: as for `CogWriter`, but for `resume`.

    Returns:
        The product's path.

    Raises:
        WriteError: as for `CogWriter`.
    """
    stack = values[None] if values.ndim == 2 else values
    if layers is None:
        layers = [Layer(f"band_{index}", str(stack.dtype)) for index in range(1, len(stack) + 1)]
    with CogWriter(path, grid, layers, **options) as writer:
        if stack.shape != (len(layers), *grid.shape):
            raise WriteError(
                f"{many(len(layers), 'layer')} on a grid of {grid.shape[0]} x {grid.shape[1]} pixels take values of "
                f"shape {(len(layers), *grid.shape)}, and {values.shape} came"
            )
        step = 2048
        for y in range(0, grid.shape[0], step):
            for x in range(0, grid.shape[1], step):
                window = (slice(y, min(y + step, grid.shape[0])), slice(x, min(x + step, grid.shape[1])))
                writer.write(window, stack[:, *window])
    return writer.path
