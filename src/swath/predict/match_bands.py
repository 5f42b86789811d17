"""Which band of a scene feeds which band of a card: by what light it is, never by its position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from swath.errors import SensorError
from swath.models.needs import CardBand, Input
from swath.predict.match_sensors import absent_sensors
from swath.predict.match_words import band_words, is_unknown, known, names, open_with, says_light, some
from swath.scene.identify import find_band
from swath.scene.scene import BandKey, Scene
from swath.scene.words import many
from swath.sensors import Band

How = Literal["given", "name", "wavelength", "polarisation", "common name"]

_SHARED = 0.5
"""Two responses are of the same light where what they share is half of what they cover together."""
_BROADER = 5.0
"""A response so many times as broad as the card's (a panchromatic one) is other light, wherever its centre lies."""
_NEAR = 5.0
"""A band within so many tolerances is worth naming where none fits."""
_EQUAL_NM = 1.0
_EQUAL_GHZ = 0.1
"""Share by which radar frequencies of the same band differ at most."""


@dataclass(frozen=True)
class Pick:
    """A band of the scene for a band of the card.

    Attributes:
        wanted: the card's band.
        index: position of the scene's band.
        how: what told that they belong together.
        distance: of their centres in nm, where both are known.
    """

    wanted: CardBand
    index: int
    how: How
    distance: float | None = None


Rank = tuple[bool, bool, float]
"""What fits are ordered by: another band of the same sensor goes last, then another name, then distance in nm."""


@dataclass(frozen=True)
class Pairing:
    """Bands found for an input.

    Attributes:
        picks: in the order of the network's channels; those that were found.
        problems: why others were not, each with what settles it.
        notes: what a person should know though it fits.
        absent: names of the card's bands whose sensor is not there or not known at all.
    """

    picks: tuple[Pick, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    absent: frozenset[str] = frozenset()


def pair_bands(scene: Scene, given: Input, asked: Mapping[str, BandKey] | Sequence[BandKey] | None = None) -> Pairing:
    """Pair the bands of a card's input with those of a scene.

    Args:
        scene: its bands may come in any order, and more than are needed.
        given: the card's input.
        asked: what a person says: `{card's band: scene's band}`, or the scene's bands in the order of the card's.
    """
    if given.any_bands is not None:
        return _any_bands(scene, given.any_bands, asked)
    told, problems = _told(scene, given, asked)
    light = _Light.of(scene, given)
    open_bands = [band for band in given.bands if band.name not in told]
    fits = {band.name: light.fits(band) for band in open_bands}
    chosen = _assigned(fits, taken={pick.index for pick in told.values()})
    found = {**told, **{pick.wanted.name: pick for pick in chosen.values()}}
    for band in open_bands:
        problems += _ambiguity(light, fits[band.name], chosen.get(band.name))
    lacking = [band for band in open_bands if band.name not in chosen]
    absent, said = absent_sensors(scene, given, [band.name for band in lacking])
    problems += said
    lacking = [band for band in lacking if band.name not in absent]
    if lacking:
        problems.append(_lacking(light, lacking))
    picks = tuple(found[band.name] for band in given.bands if band.name in found)
    return Pairing(picks, tuple(problems), tuple(_notes(scene, given, picks)), absent)


@dataclass(frozen=True)
class _Light:
    """How the bands of one scene compare with those of one input."""

    scene: Scene
    given: Input
    sensors: frozenset[str]
    """Instruments that both have seen."""
    frequencies: Mapping[str, float]
    """Radar frequencies in GHz by polarisation, of the instruments that the card names."""

    @classmethod
    def of(cls, scene: Scene, given: Input) -> _Light:
        trained = [one for one in map(known, given.sensors) if one is not None]
        mine = {one.sensor.name for one in scene.sensors}
        radar = {
            str(band.polarisation): band.frequency
            for one in trained
            for band in one.bands
            if band.polarisation and band.frequency
        }
        return cls(scene, given, frozenset(mine & {one.sensor.name for one in trained}), radar)

    def fits(self, wanted: CardBand) -> list[tuple[Rank, Pick]]:
        """All bands of the scene that may feed a band of the card, the best first, with what they are ordered by."""
        found = []
        for index, band in enumerate(self.scene.bands):
            how = self._how(wanted, band)
            if how is not None:
                apart = _apart(wanted, band)
                pick = Pick(wanted, index, how, apart)
                other = how != "wavelength" and band.name != wanted.name
                found.append(((how != "name", other, apart or 0.0), pick))
        return sorted(found, key=lambda one: one[0])

    def _how(self, wanted: CardBand, band: Band) -> How | None:
        alike = bool(self.sensors) and band.answers_to(wanted.name)
        if wanted.wavelength is not None and band.wavelength is not None:
            same = _same_light(wanted.wavelength, band.wavelength, self.given.wavelength_tolerance)
            return None if not same else "name" if alike else "wavelength"
        if wanted.polarisation is not None or band.polarisation is not None:
            own, other = band.frequency, self.frequencies.get(str(wanted.polarisation))
            apart = own is not None and other is not None and abs(own - other) > _EQUAL_GHZ * other
            return None if wanted.polarisation != band.polarisation or apart else "name" if alike else "polarisation"
        if wanted.common_name is not None or band.common_name is not None:
            return "common name" if wanted.common_name == band.common_name else None
        nameless = wanted.wavelength is None and band.wavelength is None
        return "name" if band.answers_to(wanted.name) and (alike or nameless) else None

    def nearest(self, wanted: CardBand) -> tuple[str, str] | None:
        """The band that comes nearest to one that nothing feeds, and why it does not; None where none is near."""
        for band in self.scene.bands:
            other = self.frequencies.get(str(wanted.polarisation))
            if (
                wanted.polarisation is not None
                and wanted.polarisation == band.polarisation
                and band.frequency
                and other
            ):
                return band.name, f"{band.name} is at {band.frequency:g} GHz, the model's at {other:g}"
        apart = [(gap, band) for band in self.scene.bands if (gap := _apart(wanted, band)) is not None]
        gap, nearest = min(apart, key=lambda one: one[0], default=(0.0, None))
        if nearest is None or gap > _NEAR * self.given.wavelength_tolerance:
            return None
        if self._how(wanted, nearest) is not None:
            return nearest.name, f"{nearest.name} feeds another band"
        if gap <= self.given.wavelength_tolerance:
            return nearest.name, f"{nearest.name} is {nearest.width:.4g} nm broad"
        return nearest.name, f"{nearest.name} is {gap:.4g} nm off, {self.given.wavelength_tolerance:g} are allowed"


def _apart(wanted: CardBand, band: Band) -> float | None:
    if wanted.wavelength is None or band.wavelength is None:
        return None
    return abs(wanted.wavelength[1] - band.wavelength[1])


def _same_light(a: tuple[float, float, float], b: tuple[float, float, float], tolerance: float) -> bool:
    """Whether the response `b` can stand for `a`: centres within the tolerance, or ranges that are half the same."""
    narrow, broad = a[2] - a[0], b[2] - b[0]
    if narrow > 0 and broad > _BROADER * narrow and broad > _BROADER * tolerance:
        return False
    if abs(a[1] - b[1]) <= tolerance:
        return True
    together = max(a[2], b[2]) - min(a[0], b[0])
    return min(a[2], b[2]) - max(a[0], b[0]) >= _SHARED * together > 0


def _assigned(fits: Mapping[str, list[tuple[Rank, Pick]]], taken: set[int]) -> dict[str, Pick]:
    """Each band of the scene to the card's band that it fits best; no band feeds two."""
    chosen: dict[str, Pick] = {}
    used = set(taken)
    for _, pick in sorted((one for found in fits.values() for one in found), key=lambda one: one[0]):
        if pick.wanted.name not in chosen and pick.index not in used:
            chosen[pick.wanted.name] = pick
            used.add(pick.index)
    return chosen


def _ambiguity(light: _Light, fits: list[tuple[Rank, Pick]], chosen: Pick | None) -> Iterable[str]:
    """A sentence where another band of the scene fits exactly as well as the one chosen."""
    if chosen is None:
        return
    bands, ranks = light.scene.bands, {pick.index: rank for rank, pick in fits}
    best, centre = ranks[chosen.index], bands[chosen.index].centre or 0.0
    alike = [
        bands[index].name
        for index, rank in ranks.items()
        if rank[:2] == best[:2]
        and abs(rank[2] - best[2]) < _EQUAL_NM
        # Neighbours in a spectrum of many narrow bands are nearly the same light, and either will do.
        and not 0 < abs((bands[index].centre or 0.0) - centre) <= light.given.wavelength_tolerance
    ]
    if len(alike) > 1:
        ways = " or ".join(f"bands={{{chosen.wanted.name!r}: {name!r}}}" for name in alike)
        yield f"{' and '.join(alike)} fit {band_words(chosen.wanted)} equally well: say {ways}"


def _told(
    scene: Scene, given: Input, asked: Mapping[str, BandKey] | Sequence[BandKey] | None
) -> tuple[dict[str, Pick], list[str]]:
    """What `bands=` says, and what is wrong with it."""
    own = [band.name for band in given.bands]
    if isinstance(asked, Mapping):
        pairs = dict(asked)
    else:
        keys = [asked] if isinstance(asked, str | int | float) else list(asked or [])
        if keys and len(keys) != len(own):
            return {}, [f"bands= names {many(len(keys), 'band')}, and the model takes {len(own)}: {some(own)}"]
        pairs = dict(zip(own, keys, strict=False))
    told, problems = {}, []
    for name, key in pairs.items():
        if name not in own:
            problems.append(f"bands= names {name!r}, which is none of the model's bands: {some(own)}")
            continue
        try:
            index = find_band(scene.bands, key)
        except SensorError as error:
            problems.append(f"bands={{{name!r}: {key!r}}}: {error}")
            continue
        wanted = given.bands[own.index(name)]
        told[name] = Pick(wanted, index, "given", _apart(wanted, scene.bands[index]))
    return told, problems


def _any_bands(scene: Scene, wanted: CardBand, asked: Mapping[str, BandKey] | Sequence[BandKey] | None) -> Pairing:
    """All bands whose wavelength is within the limits, in the scene's order; or those asked for, in theirs."""
    low, high = (wanted.wavelength[0], wanted.wavelength[2]) if wanted.wavelength else (0.0, float("inf"))
    fit = [i for i, band in enumerate(scene.bands) if band.centre is not None and low <= band.centre <= high]
    limits = f" between {low:g} and {high:g} nm" if wanted.wavelength else ""
    how: How = "wavelength"
    if asked is not None:
        how, keys = "given", list(asked.values() if isinstance(asked, Mapping) else asked)
        try:
            indexes = scene.band_indexes(keys)
        except SensorError as error:
            return Pairing((), (f"bands={keys}: {error}",))
        if wrong := [scene.bands[i].name for i in indexes if i not in fit]:
            return Pairing((), (f"bands= names {', '.join(wrong)}, of no wavelength{limits}: leave them out",))
        fit = indexes
    if not fit:
        return Pairing((), (f"none of its bands {names(scene)} has a known wavelength{limits}: {open_with((), ())}",))
    left = [band.name for i, band in enumerate(scene.bands) if i not in fit]
    notes = (f"{some(left)} left out: no wavelength{limits}",) if left and asked is None else ()
    own = [(i, scene.bands[i]) for i in fit]
    return Pairing(
        tuple(
            Pick(wanted.model_copy(update={"name": band.name, "wavelength": band.wavelength}), i, how, 0.0)
            for i, band in own
        ),
        (),
        notes,
    )


def _lacking(light: _Light, lacking: Sequence[CardBand]) -> str:
    """Why bands of the card are fed by nothing, and what settles it."""
    scene, given = light.scene, light.given
    needs = some([band_words(band) for band in lacking])
    near = {band.name: found for band in lacking if (found := light.nearest(band)) is not None}
    same = {band.name: repr(band.name) for band in scene.bands}
    by_name = {band.name: repr(near[band.name][0]) if band.name in near else same.get(band.name) for band in lacking}
    stand_in = some([f"{name!r}: {found or '...'}" for name, found in by_name.items()])
    if is_unknown(scene, lacking):
        ways = open_with(given.sensors, [band.units for band in lacking])
        what = f"nothing says what light its bands {names(scene)} are, and the model takes {needs}"
        return f"{what}: {ways}, or say which is which, bands={{{stand_in}}}"
    fewer = f"it has {len(scene.bands)} of the {many(len(given.bands), 'band')} that the model takes; "
    why = some([f"{f'{name}: ' if len(lacking) > 1 else ''}{said}" for name, (_, said) in near.items()])
    return (
        f"{fewer if len(scene.bands) < len(given.bands) else ''}"
        f"none of its bands {names(scene)} is {needs}{f' ({why})' if why else ''}: "
        f"open imagery that has {'it' if len(lacking) == 1 else 'them'}, or say what may stand in, bands={{{stand_in}}}"
    )


def _notes(scene: Scene, given: Input, picks: Sequence[Pick]) -> Iterable[str]:
    trained = {one.sensor.name + one.level for one in map(known, given.sensors) if one is not None}
    other = [one.name for one in scene.sensors if one.sensor.name + one.level not in trained]
    if trained and other:
        yield f"the model was trained on {', '.join(given.sensors)}; this is {', '.join(other)}"
    bare = [pick.wanted.name for pick in picks if pick.how == "name" and not says_light(pick.wanted)]
    if bare and not scene.sensors:
        yield f"{some(bare)}: matched by name alone, as neither side says what it is"
