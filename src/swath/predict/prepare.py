"""What is done to the dates of a scene before they are compared: laid over the first, and brought to its light.

Both are found in the whole scene, whatever part of it is asked for, and then done window by window. What was found
stands among the options of the record, so that a product made again is prepared in the very same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from swath.errors import MatchError, PredictError
from swath.predict.feed import uncut
from swath.predict.radiometry import Line, lines_of, lit
from swath.scene.moved import moved
from swath.scene.registration import NOTICED, shifts_of
from swath.scene.scene import Scene
from swath.scene.words import many

Offsets = Sequence[Sequence[float]]
"""Per date: rows and columns in pixels, or six numbers, see `swath.scene.registration.Shift.offset`."""
Lines = Sequence[Sequence[Sequence[float]]]
"""Per date and band: gain and offset."""


@dataclass(frozen=True)
class Preparation:
    """What is done to a scene.

    Attributes:
        offsets: by which dates lie off the first; None: they are left where they are.
        lines: by which values are changed; None: they are left as they are.
        notes: in words.
    """

    offsets: tuple[tuple[float, ...], ...] | None = None
    lines: tuple[tuple[Line, ...], ...] | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        scene: Scene | Sequence[Scene] | Mapping[str, Scene],
        coregister: bool | Offsets,
        match_radiometry: bool | Lines,
        dates: Any = None,
    ) -> Preparation:
        """What is to be done, found in the scene where it is not said.

        Args:
            scene: what is looked at.
            coregister: whether to find offsets, or those found before.
            match_radiometry: whether to find lines, or those found before.
            dates: those that are compared; None: all.

        Raises:
            PredictError: there are several scenes, a single date, or not as many numbers as dates and bands.
            MatchError: the scene does not tell the offset or the light of a date.
        """
        if coregister is False and match_radiometry is False:
            return cls()
        if not isinstance(scene, Scene):
            raise PredictError(
                "coregister and match_radiometry are for one scene of several dates; prepare others before"
            )
        if len(scene.dates) < 2:
            raise PredictError(
                "coregister and match_radiometry compare dates, and the scene has one; open both as one scene"
            )
        whole = uncut(scene)
        used = list(range(len(scene.dates))) if dates is None else scene.date_indexes(dates)
        made = cls()
        if coregister is not False:
            made = _coregistered(whole, used, coregister)
        if match_radiometry is not False:
            found, notes = _matched(made.of_scene(whole), used, match_radiometry)
            made = replace(made, lines=found, notes=(*made.notes, *notes))
        return made

    def of_scene(self, scene: Scene) -> Scene:
        """The scene, prepared; nothing is read."""
        if self.offsets is not None:
            scene = moved(scene, self.offsets)
        return scene if self.lines is None else lit(scene, self.lines)

    @property
    def options(self) -> dict[str, Any]:
        """What makes the same preparation again, as plain data."""
        told: dict[str, Any] = {}
        if self.offsets is not None:
            told["coregister"] = [list(one) for one in self.offsets]
        if self.lines is not None:
            told["match_radiometry"] = [[list(line) for line in row] for row in self.lines]
        return told


def _coregistered(scene: Scene, used: list[int], said: bool | Offsets) -> Preparation:
    count = len(scene.dates)
    if not isinstance(said, bool):
        if len(said) != count or any(len(one) not in (2, 6) for one in said):
            raise PredictError(
                f"coregister= has {many(len(said), 'entry')} for {many(count, 'date')}; give [ROWS, COLUMNS] for each"
            )
        offsets = tuple(tuple(map(float, one)) for one in said)
        return Preparation(offsets, notes=tuple(_offset_words(scene, used[0], t, offsets[t]) for t in used[1:]))
    shifts = dict(zip(used, shifts_of(scene.select(dates=used)), strict=True))
    notes: list[str] = []
    found: list[tuple[float, ...]] = [(0.0, 0.0)] * count
    for t in used[1:]:
        shift = shifts[t]
        if shift is None:
            raise MatchError(
                f"how far {scene.names[t]} lies off {scene.names[used[0]]} cannot be told, as under clouds, over water "
                "or where too much changed; leave out coregister, or say it: coregister=[[0, 0], [ROWS, COLUMNS]]"
            )
        if shift.pixels >= NOTICED or shift.growth:
            found[t] = shift.offset
        notes.append(_offset_words(scene, used[0], t, found[t]))
    return Preparation(tuple(found), notes=tuple(notes))


def _offset_words(scene: Scene, first: int, date: int, offset: tuple[float, ...]) -> str:
    if not any(offset):
        return f"{scene.names[date]} lies within {NOTICED:g} px of {scene.names[first]} and was left where it is"
    rows, columns, *growth = offset
    said = (
        f"{scene.names[date]} was moved by {-rows:+.2f} rows and {-columns:+.2f} columns to lie on {scene.names[first]}"
    )
    if growth:
        height, width = scene.shape[2:]
        most = [abs(down) * height + abs(right) * width for down, right in (growth[:2], growth[2:])]
        said += f"; by up to {max(most):.1f} px more on one side than on the other, since its scale differs"
    return said


def _matched(scene: Scene, used: list[int], said: bool | Lines) -> tuple[tuple[tuple[Line, ...], ...], tuple[str, ...]]:
    count, bands = len(scene.dates), len(scene.bands)
    as_it_is: tuple[Line, ...] = ((1.0, 0.0),) * bands
    if not isinstance(said, bool):
        if len(said) != count or any(len(row) != bands or any(len(line) != 2 for line in row) for row in said):
            raise PredictError(
                f"match_radiometry= does not hold [GAIN, OFFSET] for {many(bands, 'band')} of {many(count, 'date')}"
            )
        lines = [tuple((float(gain), float(offset)) for gain, offset in row) for row in said]
    else:
        lines = [as_it_is] * count
        for t in used[1:]:
            lines[t] = lines_of(scene.select(dates=[used[0], t]))
    notes = []
    for t in used[1:]:
        told = ", ".join(
            f"{band.name} {gain:.3g}x{offset:+.3g}" for band, (gain, offset) in zip(scene.bands, lines[t], strict=True)
        )
        notes.append(f"{scene.names[t]} was brought to the light of {scene.names[used[0]]}: {told}")
    return tuple(lines), tuple(notes)
