"""`match`: a scene as a model's card wants it, or one error that says all that differs and what settles it.

    feed = match(scene, model.card)
    print(feed)

Nothing is guessed: bands are paired by wavelength, polarisation or common name, units are converted where that is
sound, pixels are resampled where the card allows it, and all of it stands in `Matched.describe`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from swath.errors import GridError, MatchError, SwathError
from swath.models.card import Card, Input
from swath.models.needs import ratio_of
from swath.predict.feed import uncut
from swath.predict.match_bands import Pick, pair_bands
from swath.predict.match_grid import Gsd, Scale, fit_gsd
from swath.predict.match_map import MapClasses, legend_of
from swath.predict.match_told import days_of, told, undated, untold
from swath.predict.match_units import check_units
from swath.predict.matched import BandMatch, Matched, MatchedInput
from swath.scene.scene import BandKey, Scene
from swath.scene.side_by_side import check_side_by_side, laid, zoomed
from swath.scene.words import many

BandsSaid = Mapping[str, BandKey] | Sequence[BandKey]


def match(
    scene: Scene | Sequence[Scene] | Mapping[str, Scene],
    card: Card,
    *,
    bands: BandsSaid | Mapping[str, BandsSaid] | None = None,
    gsd: Gsd | Mapping[str, Gsd] | None = None,
    dates: Any = None,
    units: str | Mapping[str, str] | None = None,
    map_classes: MapClasses | None = None,
) -> Matched:
    """Match a scene against a card. No pixel is read, but for a look at numbers whose units `units` declares.

    Args:
        scene: what is to be looked at; for a card of several inputs one scene for each, in their order or by name.
            Where they lie on different grids, the others are brought onto that of the first, at the card's ratio.
        card: what the network needs.
        bands: `{card's band: scene's band}`, or the scene's bands in the order of the card's.
        gsd: `native`: run on the pixels as they are; `nominal`: resample them to the card's GSD, whatever its range;
            metres per pixel, where the scene has no CRS.
        dates: those to take: positions, or dates as text.
        units: of numbers that are `dn`.
        map_classes: of an input that is a map of classes: name or number in the map -> name on the card, or None for
            what is to count as not known.

    `bands`, `gsd`, `dates` and `units` hold for every input, or are given by name of the input.

    Returns:
        What the engine reads: which band feeds which, in which units, on which grid.

    Raises:
        MatchError: the scene does not fit; the message says all that differs and the arguments that settle it.
        ReadError: pixels that `units` needs looked at cannot be read.
    """
    scenes = list(by_input(scene, card).values())
    said = {"bands": bands, "gsd": gsd, "dates": dates, "units": units}
    found = [
        _fit_map(own, given, map_classes)
        if given.classes
        else _fit(own, given, card, **{key: _for(given, key, value, card) for key, value in said.items()})
        for own, given in zip(scenes, card.inputs, strict=True)
    ]
    problems = [(k, problem) for k, one in enumerate(found) for problem in one.problems]
    made: list[MatchedInput] = []
    if not problems:
        made, problems = _on_one_grid(found)
        problems += [(0, problem) for problem in untold(card, found[0].scene, found[0].picks, found[0].scale)]
        problems += [(k, problem) for k, one in enumerate(found) for problem in undated(one.given, one.scene)]
    if problems:
        several = len(scenes) > 1
        subject = "the scenes do not fit" if several else f"{_label(scenes[0])} does not fit"
        texts = [f"{card.inputs[k].name} ({_label(scenes[k])}): {text}" if several else text for k, text in problems]
        raise MatchError(f"{subject} {card.name}: {'; '.join(texts)}")
    notes = dict.fromkeys(note for one in found for note in one.notes)
    first = found[0]
    grid = zoomed(first.scene.grid, first.scale.factor)
    by_keyword = told(card, first.scene, first.picks, first.scale)
    by_keyword |= {one.given.dates.days: days_of(one.scene) for one in found if one.given.dates.days}
    return Matched(tuple(scenes), grid, tuple(made), first.scale.factor, by_keyword, tuple(notes))


def can_take(scene: Scene) -> list[str]:
    """Names of the registered models with weights, each with the skill whose card takes the scene as it is."""
    from swath.models import registry

    return [
        f"{name}:{card.name}" if len(cards) > 1 else name
        for name in registry.names(weights=True)
        for cards in [registry.find(name).cards]
        for card in cards
        if fits(scene, card)
    ]


def fits(scene: Scene, card: Card) -> bool:
    """Whether a card takes the scene as it is."""
    try:
        match(scene, card)
    except MatchError:
        return False
    return True


@dataclass(frozen=True)
class _Fit:
    """One scene held against one input of a card."""

    scene: Scene
    """Uncut, with the bands and dates that are used."""
    given: Input
    picks: tuple[Pick, ...]
    sources: tuple[str, ...]
    every: bool
    scale: Scale
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    positions: Mapping[int, int] | None = None
    """Of a map of classes, see `Legend`."""


def by_input(scene: Scene | Sequence[Scene] | Mapping[str, Scene], card: Card) -> dict[str, Scene]:
    """The scene of each input by its name, in the order of the card's.

    Raises:
        MatchError: more, fewer, or others.
    """
    names = [given.name for given in card.inputs]
    if isinstance(scene, Mapping):
        if set(scene) != set(names):
            raise MatchError(f"{card.name} takes the inputs {', '.join(names)}, and scenes are given for {[*scene]}")
        return {name: scene[name] for name in names}
    scenes = [scene] if isinstance(scene, Scene) else list(scene)
    if len(scenes) != len(names):
        want = ", ".join(f"{name!r}: ..." for name in names)
        drawn = ", or before_map= (`--before-map`)" if len(names) == 2 and card.inputs[1].classes else ""
        raise MatchError(f"{card.name} takes {many(len(names), 'scene')}, not {len(scenes)}; give {{{want}}}{drawn}")
    return dict(zip(names, scenes, strict=True))


def _for(given: Input, key: str, value: Any, card: Card) -> Any:
    """What an argument says for one input: by its name, or for all.

    Raises:
        MatchError: it names an input that there is not.
    """
    if not isinstance(value, Mapping):
        return value
    names = [one.name for one in card.inputs]
    if set(value) <= set(names):
        return value.get(given.name)
    if key != "bands":
        raise MatchError(f"{key}= is given for {', '.join(map(str, value))}; {card.name} takes {', '.join(names)}")
    own = {band.name for band in given.bands}
    elsewhere = {band.name for one in card.inputs for band in one.bands} - own
    return {band: one for band, one in value.items() if band not in elsewhere}


def _fit(scene: Scene, given: Input, card: Card, bands: Any, gsd: Any, dates: Any, units: Any) -> _Fit:
    paired = pair_bands(scene, given, bands)
    there = given.model_copy(update={"bands": tuple(band for band in given.bands if band.name not in paired.absent)})
    measured = check_units(scene, there, paired.picks, units)
    times, late, remarks = _dates(scene, given, dates, card.task)
    whole = uncut(scene)
    scale = fit_gsd(whole.gsd, given.gsd, gsd)
    every = given.dates.given != "axis" or card.task in ("change", "semantic-change")
    used = replace(
        whole,
        bands=tuple(whole.bands[pick.index] for pick in paired.picks),
        dates=tuple(whole.dates[t] for t in times),
        names=tuple(whole.names[t] for t in times),
        planes=tuple(tuple(whole.planes[t][pick.index] for pick in paired.picks) for t in times),
    )
    lacking, holes = _holes(used, every)
    problems = (*paired.problems, *measured.problems, *late, *([scale.problem] if scale.problem else []), *lacking)
    notes = (*paired.notes, *remarks, *holes, *([] if scale.said == "as it is" else [f"{given.name}: {scale.said}"]))
    return _Fit(used, given, paired.picks, measured.sources, every, scale, problems, notes)


def _fit_map(scene: Scene, given: Input, said: MapClasses | None) -> _Fit:
    """A map of classes has neither light nor units, and lies on the grid of the imagery whatever its own is."""
    legend = legend_of(scene, given, said)
    picks, scale = (Pick(given.bands[0], 0, "given"),), Scale(scene.gsd)
    return _Fit(
        legend.scene, given, picks, ("dn",), True, scale, legend.problems, legend.notes, positions=legend.positions
    )


def _dates(scene: Scene, given: Input, asked: Any, task: str) -> tuple[list[int], list[str], list[str]]:
    """Positions of the dates to take, in the order of time; problems; notes."""
    try:
        picks = list(range(len(scene.dates))) if asked is None else scene.date_indexes(asked)
    except SwathError as error:
        return [], [f"dates={asked!r}: {error}"], []
    rule, count = given.dates, len(picks)
    if all(scene.dates[t] is not None for t in picks):
        picks = sorted(picks, key=lambda t: str(scene.dates[t]))
        notes = []
    else:
        names = ", ".join(scene.names[t] for t in picks)
        notes = [f"dates are not known and are taken in this order: {names}"] if count > 1 else []
    if rule.allows(count):
        return picks, [], notes
    wants = f"{rule.min}" if rule.max == rule.min else f"{rule.min} to {rule.max or 'any number'}"
    has = f"it has {many(count, 'date')} ({', '.join(scene.names[t] for t in picks[:6])}"
    has += f"{' ...' if count > 6 else ''}), the model takes {wants}"
    if count < rule.min:
        wider = "" if asked is None else ", or say more dates="
        return picks, [f"{has}: open all of them as one scene, swath.open(FIRST, SECOND, ...){wider}"], notes
    most = rule.max or count
    some = np.unique(np.linspace(0, count - 1, most).round().astype(int)) if most > 1 else [count - 1]
    also = (
        ", or compare what it sees at both, task='change'" if task == "segmentation" and (most, count) == (1, 2) else ""
    )
    if "change" in task and most == 2:
        also = ", or compare each with the next, pairs='consecutive', or with the first, pairs='first'"
    return picks, [f"{has}: say which, such as dates={[picks[k] for k in some]}{also}"], notes


def _holes(scene: Scene, every: bool) -> tuple[list[str], list[str]]:
    """Dates that lack a whole band: a problem where all dates are needed, else a note."""
    found = [
        f"{name} lacks {', '.join(lacking)}"
        for name, row in zip(scene.names, scene.planes, strict=True)
        if (lacking := [band.name for band, plane in zip(scene.bands, row, strict=True) if plane is None])
    ]
    if not found or not scene.planes:
        return [], []
    if every or len(found) == len(scene.planes):
        return [f"{', '.join(found)}, so no pixel of it can be answered for: leave it out, dates=[...]"], []
    return [], [f"{', '.join(found)}; nothing of it is taken for valid there"]


def _on_one_grid(found: Sequence[_Fit]) -> tuple[list[MatchedInput], list[tuple[int, str]]]:
    """All inputs on the first one's grid, at their ratios to it."""
    first = found[0]
    grid = zoomed(first.scene.grid, first.scale.factor)
    made, problems = [], []
    for k, one in enumerate(found):
        ratio = ratio_of(first.given, one.given) if k else Fraction(1)
        own = grid if ratio == 1 else zoomed(grid, 1 / float(ratio))
        try:
            check_side_by_side(one.scene, first.scene)
            scene = laid(one.scene, own)
        except GridError as error:
            found_out = str(error).partition("; ")[0]
            problems.append((k, f"it cannot be laid over {first.given.name} ({found_out}): give scenes of one place"))
            continue
        gsd = first.scale.gsd / float(ratio) if first.scale.gsd is not None else None
        said = one.scale.said
        if k and scene is not one.scene:
            said = f"brought onto the grid of {first.given.name}, {ratio} of its pixels to each"
        matches = tuple(
            BandMatch(pick.wanted.name, one.scene.bands[i].name, pick.how, pick.distance, source, pick.wanted.units)
            for i, (pick, source) in enumerate(zip(one.picks, one.sources, strict=True))
        )
        name, dates = one.given.name, scene.names
        made.append(MatchedInput(name, scene, matches, dates, one.every, ratio, gsd, said, one.positions))
    return made, problems


def _label(scene: Scene) -> str:
    """What messages call a scene: its first file."""
    plane = next((plane for row in scene.planes for plane in row if plane is not None), None)
    return "the scene" if plane is None else Path(plane.reader.name).name or plane.reader.name
