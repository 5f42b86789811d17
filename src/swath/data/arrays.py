"""`Within`: an image that lies in a file of arrays (HDF5, and NetCDF 4, which is HDF5) with others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import DataError, ReadError


@dataclass(frozen=True)
class Within:
    """Where the bands of an image lie.

    Attributes:
        keys: names that the array may have.
        index: number along the first axis, where it holds several images; None: it is one.
    """

    keys: tuple[str, ...]
    index: int | None = None

    def read(self, path: Path) -> NDArray[Any]:
        """The array `[y, x, band]`, as such files have it, as `[band, y, x]`.

        Raises:
            ReadError: the file cannot be read.
            DataError: it has no such array.
        """
        values = read_array(path, self.keys, self.index)
        if values.ndim not in (2, 3):
            raise DataError(f"{path}: {self.keys[0]} has {values.ndim} axes; an image has 2 or 3")
        return np.moveaxis(values, -1, 0) if values.ndim == 3 else values[None]


def read_array(path: Path, keys: Sequence[str], index: int | None = None) -> NDArray[Any]:
    """The first of these arrays that a file has, whole or at a place along its first axis.

    Raises:
        ReadError: the file cannot be read.
        DataError: it has none of them.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            for key in keys:
                if isinstance(found := file.get(key), h5py.Dataset):
                    return np.asarray(found[...] if index is None else found[index])
            held = ", ".join(sorted(file)) or "nothing"
    except OSError as error:
        raise ReadError(f"{path}: cannot be read: {error}") from error
    raise DataError(f"{path}: holds {held}, and no array {' or '.join(keys)}; get the file again")
