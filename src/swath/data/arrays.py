"""`Within`: an image that lies in a file of arrays (HDF5, and NetCDF 4, which is HDF5) with others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data.inside import Opening
from swath.errors import DataError, ReadError


@dataclass(frozen=True)
class Within:
    """Where the bands of an image lie; see `Inside`.

    Attributes:
        keys: names that the array may have; `a+b`: the bands of both, one after another.
        index: number along the first axis, where it holds several images; None: it is one.
    """

    keys: tuple[str, ...]
    index: int | None = None

    def layers(self, path: Path) -> NDArray[Any]:
        """See `Inside.layers`; such files have `[y, x, band]` or `[y, x]`."""
        values = read_array(path, self.keys, self.index)
        if values.ndim not in (2, 3):
            raise DataError(f"{path}: {self.keys[0]} has {values.ndim} axes; an image has 2 or 3")
        return np.moveaxis(values, -1, 0) if values.ndim == 3 else values[None]

    def opening(self, path: Path) -> Opening:
        """See `Inside.opening`; such files say nothing of the place."""
        values = self.layers(path)
        return Opening(((values, GeoBox(values.shape[1:], Affine.identity(), None)),))


@dataclass(frozen=True)
class Joined:
    """An image whose further bands lie in files beside it; see `Inside`.

    Attributes:
        keys: names that the arrays of all of them may have.
        others: the files beside it, in the order of their bands.
    """

    keys: tuple[str, ...]
    others: tuple[Path, ...]

    def layers(self, path: Path) -> NDArray[Any]:
        """See `Inside.layers`; float32 where types differ."""
        parts = [Within(self.keys).layers(one) for one in (path, *self.others)]
        for other, part in zip(self.others, parts[1:], strict=True):
            if part.shape[1:] != parts[0].shape[1:]:
                raise DataError(f"{other}: has another size than {path.name}; get the files again")
        return np.concatenate(parts)

    def opening(self, path: Path) -> Opening:
        """See `Inside.opening`."""
        values = self.layers(path)
        return Opening(((values, GeoBox(values.shape[1:], Affine.identity(), None)),))


def read_array(path: Path, keys: Sequence[str], index: int | None = None) -> NDArray[Any]:
    """The first of these arrays that a file has, whole or at a place along its first axis.

    Raises:
        ReadError: the file cannot be read.
        DataError: it has none of them.
    """
    import h5py

    def read(found: Any) -> NDArray[Any]:
        return np.asarray(found[...] if index is None else found[index])

    try:
        with h5py.File(path, "r") as file:
            for key in keys:
                found = [file.get(part) for part in key.split("+")]
                if all(isinstance(one, h5py.Dataset) for one in found):
                    return read(found[0]) if len(found) == 1 else np.concatenate([read(one) for one in found], axis=-1)
            held = ", ".join(sorted(file)) or "nothing"
    except OSError as error:
        raise ReadError(f"{path}: cannot be read: {error}") from error
    raise DataError(f"{path}: holds {held}, and no array {' or '.join(keys)}; get the file again")
