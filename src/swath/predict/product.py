"""`Product`: what comes out of a prediction: a map on a grid, with classes, confidence and validity."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.errors import PredictError
from swath.predict.kept import Kept, left_over, map_path, sibling
from swath.predict.making import Progress, Run
from swath.predict.vectors.regions import windows
from swath.predict.vectors.whole import SIDE
from swath.scene.raster import RasterReader
from swath.scene.reader import Roi, roi_of
from swath.scene.write import read_layers, write_vectors
from swath.scene.write.atomic import check_target
from swath.scene.write.layer import Storage
from swath.scene.write.record import write_record
from swath.tasks.task import MAIN, Files

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from swath.scene.scene import Scene


class Product:
    """A map that was predicted, or will be as soon as it is saved or looked at.

    Made by `swath.predict`, or opened from its file by `Product.open`. What needs the whole map (areas, shapes, a
    picture) makes it once, in a temporary folder where it was not saved.

    Attributes:
        grid: where the pixels lie.
        files: layers of each file by key; `''` is the map itself.
    """

    def __init__(self, grid: GeoBox, files: Files, kept: Kept) -> None:
        self.grid = grid
        self.files = files
        self._kept = kept

    @classmethod
    def of(cls, run: Run) -> Product:
        """The product that a run will make."""
        return cls(run.plan.out, run.files, Kept(tuple(run.files), run, None))

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Product:
        """A product from its main file; its other files and its record are found beside it.

        Raises:
            OpenError: the file is not there, or is no raster.
        """
        kept = Kept.found(Path(path))
        grid = RasterReader(path if isinstance(path, str) else Path(path)).grid
        return cls(grid, {key: read_layers(one) for key, one in kept.paths().items()}, kept)

    @property
    def run(self) -> Run | None:
        """What makes the pixels, or made them; None where the product was opened from a file."""
        return self._kept.run

    @property
    def path(self) -> Path | None:
        """The main file; None where it was not saved."""
        return self._kept.paths()[MAIN] if self._kept.saved else None

    @property
    def classes(self) -> dict[int, str]:
        """Names of the class numbers of the map; empty where it is of values."""
        return dict(self.files[MAIN][0].classes or {})

    @property
    def record(self) -> dict[str, Any] | None:
        """What made the product, as its record tells it, with paths relative to the current folder; None: not known."""
        return self._kept.told(Path.cwd())

    @property
    def is_made(self) -> bool:
        """Whether the whole map was made, saved or not."""
        return self._kept.is_made

    @property
    def is_of_tiles(self) -> bool:
        """Whether a pixel of the map is a tile of the scene, as in scene classification."""
        return self._kept.card is not None and self._kept.card.output.per_tile

    def make(self) -> None:
        """Make the whole map now, in a temporary folder, where it was not made yet.

        Raises:
            SwathError: the scene cannot be read, or the disk takes no more.
        """
        self._kept.paths()

    def reader(self, key: str = MAIN) -> RasterReader:
        """The reader of a file of the map, which is made first where it was not."""
        return self._kept.reader(key)

    def stored(self, window: Any = None, keys: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
        """Stored numbers of files, `[L, h, w]` by key; see `read`. All of one window at once cost as much as one.

        Raises:
            GridError: the window is empty or beyond the grid.
            PredictError: no such file.
        """
        wanted = list(self.files if keys is None else keys)
        for key in wanted:
            if key not in self.files:
                named = ", ".join(repr(one) for one in self.files)
                raise PredictError(f"the product has no file {key!r}; it has {named}")
        roi, run = roi_of(window, self.grid), self._kept.run
        if window is not None and run is not None and not self.is_made:
            made = run.read(roi)
            return {key: made[key] for key in wanted}
        return {key: self.reader(key).read(roi, range(len(self.files[key])))[0] for key in wanted}

    def read(self, window: Any = None, key: str = MAIN) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Values of a file, and where there is an answer.

        Of a product that was not made yet only what the window needs is computed.

        Args:
            window: `np.s_[y0:y1, x0:x1]`; None for all.
            key: which of `files`.

        Returns:
            `[L, h, w]` twice: class numbers as integers, all else float32 in the layer's units and NaN where there is
            no answer; and bool.

        Raises:
            GridError: the window is empty or beyond the grid.
            PredictError: no such file.
        """
        stored, layers = self.stored(window, [key])[key], self.files[key]
        valid = Storage.of(layers).valid(stored)
        if layers[0].kind == "categorical":
            return stored, valid
        scale = np.array([layer.scale for layer in layers])[:, None, None]
        offset = np.array([layer.offset for layer in layers])[:, None, None]
        values = (stored * scale + offset).astype(np.float32)
        values[~valid] = np.nan
        return values, valid

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        resume: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """Write the map as Cloud Optimized GeoTIFF, its other files beside it, and the record.

        Args:
            path: `X.tif`; others become `X.confidence.tif` and so on, and the record `X.tif.stac.json`.
            overwrite: replace a product that is there.
            resume: go on with what an earlier run of the same prediction left.
            progress: told how far it is.

        Returns:
            The path.

        Raises:
            WriteError: something is there already, or the disk takes no more.
            SwathError: the scene cannot be read.
        """
        main = map_path(path)
        paths = {key: sibling(main, key) for key in self.files}
        for one in paths.values():
            check_target(one, overwrite=overwrite or resume)
        left = left_over(main, paths.values())
        told, dates = self._kept.save(paths, overwrite=overwrite, resume=resume, progress=progress)
        assets = {key: one for key, one in paths.items() if key}
        write_record(main, grid=self.grid, datetimes=dates, assets=assets, properties=told)
        for one in left:
            one.unlink(missing_ok=True)
        return main

    def areas(self) -> dict[str, float]:
        """Area of each class in ha, by name; on the ellipsoid for grids in degrees.

        Raises:
            GridError: the grid has no CRS, so that pixels have no size.
            PredictError: the map has no classes.
        """
        from swath.predict.areas import class_areas

        return class_areas(self.grid, self.files[MAIN], self.blocks())

    def transitions(self) -> pd.DataFrame:
        """Area in ha that went from one class (rows) to another (columns); what kept its class is on the diagonal.

        Where dates were compared two by two, rows are told apart by the pair besides.

        Raises:
            GridError: the grid has no CRS, so that pixels have no size.
            PredictError: the map is none of semantic change.
        """
        from swath.predict.areas import class_transitions

        self.make()
        parts = ((window, self.stored(window)) for window in windows(self.shape, SIDE))
        return class_transitions(self.grid, self.files, parts)

    def blocks(self, key: str = MAIN, side: int = SIDE) -> Iterator[tuple[Roi, NDArray[Any]]]:
        """Stored numbers of the whole of a file `[L, h, w]`, block by block; the map is made first where it was not."""
        self.make()
        for window in windows(self.shape, side):
            yield window, self.stored(window, [key])[key]

    def frames(self, **options: Any) -> Iterator[gpd.GeoDataFrame]:
        """Shapes of the map, frame by frame, whatever its size; options as for `vectors`."""
        from swath.predict.vectors.of_product import frames_of

        return frames_of(self, **options)

    def to_geopandas(self, **options: Any) -> gpd.GeoDataFrame:
        """Shapes of the map as one frame; options as for `vectors`."""
        import geopandas as gpd
        import pandas as pd

        parts = list(self.frames(**options))
        full = [part for part in parts if len(part)] or parts[:1]
        return gpd.GeoDataFrame(pd.concat(full, ignore_index=True), crs=parts[0].crs)

    def vectors(self, path: str | os.PathLike[str], *, overwrite: bool = False, **options: Any) -> Path:
        """Write the map as shapes that are whole across the borders of tiles and blocks, in the map's CRS.

        Args:
            path: `.gpkg`, `.parquet`, `.geojson` or `.fgb`.
            overwrite: replace what is there.
            options: `shapes`: `areas`, polygons of each class with `class`, `name`, `area_m2` (of the pixels, on the
                ellipsoid for grids in degrees) and mean `confidence`, of semantic change parted by the classes `from`
                and `to`, and where dates were compared two by two, of each pair with its name, `pair`; `boxes` or
                `points`, one for each pixel that has an answer with what each file says of it; None: boxes where
                pixels are tiles of the scene, else areas. `classes`: those wanted, by name or number; None: all.
                `simplify`: metres (pixels without a CRS) by which outlines may be simplified; borders that two
                polygons share stay shared. `min_area`: m² (pixels without a CRS); smaller polygons join the neighbour
                with the longest common border, and are left out where they have none. `block`: side of the blocks that
                are worked on, in pixels.

        Returns:
            The path; its record lies beside it.

        Raises:
            PredictError: the map has no classes, or no such class.
            WriteError: the suffix is unknown, something is there already, or the disk takes no more.
        """
        target = Path(path)
        check_target(target, overwrite=overwrite)
        write_vectors(target, self.frames(**options), overwrite=overwrite)
        told = self._kept.told(target.absolute().parent)
        shapes = {"swath:shapes": options | ({"of": self.path.name} if self.path else {})}
        write_record(target, grid=self.grid, datetimes=self._kept.dates(), properties=(told or {}) | shapes)
        return target

    def look(self, path: str | None = None, *, scene: Scene | None = None, **options: Any) -> Figure:
        """A picture of the map over the scene, with a legend.

        Args:
            path: where to save it; None: not saved.
            scene: what lies beneath; None: the scene that the map was made from, and where it is not there any more,
                nothing.
            options: `opacity` of the map, 0 to 1; others as for `Scene.look`.
        """
        from swath.predict.picture import picture

        return picture(self, path, scene, **options)

    def page(self, path: str | os.PathLike[str], *, overwrite: bool = False, **options: Any) -> Path:
        """Write one page of HTML that needs nothing else; options as fields of `predict.page.Part`, and `size`."""
        from swath.predict.page import page_of

        return page_of(self, path, overwrite=overwrite, **options)

    def to_xarray(self) -> xr.Dataset:
        """All layers as a Dataset on `y, x`: class numbers as integers, all else float32 with NaN; read now."""
        from swath.predict.picture import dataset

        return dataset(self)

    @property
    def scene(self) -> Scene | None:
        """The (first) scene that the map was made from; None where it cannot be opened any more."""
        return self._kept.scene()

    @property
    def shape(self) -> tuple[int, int]:
        """`(height, width)` in pixels."""
        return int(self.grid.shape.y), int(self.grid.shape.x)

    def __repr__(self) -> str:
        height, width = self.shape
        state = str(self.path) if self._kept.saved else "made, not saved" if self._kept.is_made else "not made yet"
        names = ", ".join(self.classes.values()) or ", ".join(layer.name for layer in self.files[MAIN])
        others = ", ".join(key for key in self.files if key)
        crs = "no CRS" if self.grid.crs is None else str(self.grid.crs)
        lines = [f"Product: {height} x {width} pixels in {crs}, {state}", f"  shows  {names}"]
        return "\n".join(lines + ([f"  beside {others}"] if others else []))

    def _repr_html_(self) -> str:
        from swath.predict.picture import html

        return html(self)
