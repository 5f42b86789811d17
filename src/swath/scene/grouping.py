"""Are several sources bands of one date, or dates of the same bands? Where they do not say, it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from swath.errors import OpenError
from swath.scene.dates import Date
from swath.scene.parts import Part
from swath.scene.words import many


@dataclass(frozen=True)
class Group:
    """What was seen at one time."""

    date: Date | None
    parts: tuple[Part, ...]


def by_date(parts: list[Part], given: list[Date] | None) -> list[Group]:
    """Parts seen at the same time together, in the order of time; without dates, in the order given.

    Raises:
        OpenError: nothing tells whether the sources are bands or dates, or dates and sources do not pair.
    """
    parts = [part for part in parts if part.names]
    if not parts:
        raise OpenError("none of the bands asked for is in the sources")
    parts = _same_light_same_name(_dated(parts, given))
    if all(part.date is not None for part in parts):
        groups: dict[Any, list[Part]] = {}
        for part in parts:
            groups.setdefault(part.date, []).append(part)
        if all(_first_double(members) is None for members in groups.values()):
            return [Group(when, tuple(groups[when])) for when in sorted(groups)]
    known = [part.date for part in parts if part.date is not None]
    alike = len({part.names for part in parts}) == 1
    is_named = all(part.is_named for part in parts)
    if len(parts) == 1 or (_first_double(parts) is None and is_named and not _may_be_dates(parts)):
        return [Group(known[0] if known else None, tuple(parts))]
    if alike and len(known) < len(parts) and (len(parts[0].names) > 1 or is_named):
        return [Group(part.date, (part,)) for part in parts]
    double = _first_double(parts)
    if double is None or not is_named:
        raise OpenError(
            f"cannot tell whether {len(parts)} sources ({parts[0].label}, {parts[1].label}"
            f"{', ...' if len(parts) > 2 else ''}) are bands or dates: "
            "say, one for each, bands=['NAME', ...] or dates=['2020-01-13', ...]"
        )
    first, second, name = double
    raise OpenError(
        f"{first.label} and {second.label} both hold band {name}"
        + (f" on {first.date}" if first.date is not None and first.date == second.date else "")
        + "; open one of them, say dates=[...] if they were seen at different times, or join tiles first (gdalbuildvrt)"
    )


def _dated(parts: list[Part], given: list[Date] | None) -> list[Part]:
    if given is None:
        return parts
    if len(given) not in (1, len(parts)):
        raise OpenError(
            f"{many(len(given), 'date')} for {many(len(parts), 'source')}; give one date per source, in their order"
        )
    dates = given if len(given) == len(parts) else given * len(parts)
    return [replace(part, date=when) for part, when in zip(parts, dates, strict=True)]


def _same_light_same_name(parts: list[Part]) -> list[Part]:
    """Sources that call the same wavelengths differently, each after its own file, take the names of the first."""
    lights = {tuple(band.centre if band else None for band in part.bands) for part in parts}
    if len(parts) < 2 or len(lights) != 1 or None in next(iter(lights)) or len({part.names for part in parts}) == 1:
        return parts
    return [replace(part, bands=parts[0].bands) if part.names != parts[0].names else part for part in parts]


def _may_be_dates(parts: Sequence[Part]) -> bool:
    """Several stacks of as many bands each, and nothing but their own words to say what those are."""
    counts = {len(part.names) for part in parts}
    return len(parts) > 1 and len(counts) == 1 and counts != {1} and not any(part.is_told for part in parts)


def _first_double(parts: Sequence[Part]) -> tuple[Part, Part, str] | None:
    """Two parts that hold the same band, and its name."""
    seen: dict[str, Part] = {}
    for part in parts:
        for name in part.names:
            if name in seen:
                return seen[name], part, name
            seen[name] = part
    return None
