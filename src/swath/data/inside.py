"""`Inside`: where an image lies in a file that holds more than it, and how it is opened there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray


@dataclass(frozen=True)
class Opening:
    """What `swath.open` is given for an image.

    Attributes:
        sources: of it, one per date where it has several.
        dates: of these; None: they are not known.
        sensor: where they are by sensor, what each is.
        bands: likewise the names of its stored bands.
    """

    sources: tuple[Any, ...]
    dates: tuple[str, ...] | None = None
    sensor: Mapping[str, str] | None = None
    bands: Mapping[str, tuple[str, ...]] | None = None


class Inside(Protocol):
    """A place in a file. Frozen, light, can be pickled."""

    def opening(self, path: Path) -> Opening:
        """The image as `swath.open` takes it.

        Raises:
            ReadError: the file cannot be read.
            DataError: it has no such image.
        """
        ...

    def layers(self, path: Path) -> NDArray[Any]:
        """What is stored there, `[band, y, x]`, for masks.

        Raises:
            ReadError, DataError: as above.
        """
        ...
