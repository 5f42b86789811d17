"""`Run`: what a product asks of the engine that makes its pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.models.card import Card
from swath.scene.scene import Scene
from swath.tasks.task import Files

Window = tuple[slice, slice]
Progress = Callable[[Any], None]


class Planned(Protocol):
    """The plan of a run, as far as a product looks at it."""

    @property
    def out(self) -> GeoBox:
        """The product's grid: that of the answer, for the extent that was asked for."""
        ...

    def describe(self) -> dict[str, Any]:
        """The plan as plain data, for the record."""
        ...


class Report(Protocol):
    """What a finished run tells of itself."""

    def describe(self) -> dict[str, Any]:
        """Plain data for the record: tiles, seconds, what was found to be fastest. Nothing that another run needs."""
        ...


class Run(Protocol):
    """A prediction that may be carried out: nothing is read before `execute` or `read`."""

    @property
    def plan(self) -> Planned:
        """What is read, run and kept."""
        ...

    @property
    def card(self) -> Card:
        """The network's."""
        ...

    @property
    def scenes(self) -> Mapping[str, Scene]:
        """What is looked at, by input of the card and in their order; the product lies on the first."""
        ...

    @property
    def files(self) -> Files:
        """The product's files and their layers: `task.files(card, options)`."""
        ...

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Keyword arguments of `swath.predict` that make the same pixels again, whatever the machine; plain data."""
        ...

    @property
    def match(self) -> Mapping[str, Any]:
        """How the scene was matched with the card: `inputs` and `notes`; plain data."""
        ...

    @property
    def weights(self) -> Mapping[str, str | None]:
        """Which weights.

        `hash`: their SHA-256; `source`: the file or registered name they came from, None where unknown; `stored`:
        `float32`, or `float16` where the file keeps them so.
        """
        ...

    def execute(
        self,
        paths: Mapping[str, Path],
        *,
        overwrite: bool = False,
        resume: bool = False,
        progress: Progress | None = None,
    ) -> Report:
        """Make the whole product, one file per key, each of which appears once it is whole.

        Args:
            paths: where each of `files` goes.
            overwrite: replace files that are there.
            resume: go on with what an earlier run left.
            progress: told how far it is.

        Raises:
            SwathError: the scene cannot be read, the memory does not suffice, or the disk takes no more.
        """
        ...

    def read(self, window: Window) -> dict[str, NDArray[Any]]:
        """The pixels that `execute` would write, of a window of `plan.out` only: stored numbers `[L, h, w]` by key."""
        ...
