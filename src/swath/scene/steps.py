"""Stacks of several dates in one file, whose layers are numbered by date: `VV, B1, VV_1, B1_1, VV_2, B1_2, elevation`.

Google Earth Engine names the layers so when images of one collection are joined. What has no number holds at all dates.
Such numbers may mean other things, so they are taken for dates only where `dates="numbered"` says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from swath.errors import OpenError
from swath.scene.dates import Date
from swath.scene.reader import Picked
from swath.scene.source import Source
from swath.scene.words import many

NUMBERED = "numbered"
"""What `dates=` says of such stacks."""
_DAY = r"((?:19[5-9]\d|20\d\d)-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))"


def steps_of(names: Sequence[str | None]) -> tuple[tuple[int, ...], ...] | None:
    """Positions of the layers of each step, those without a number last and in each; None where names tell no steps.

    Every numbered name has to be there at every step: without a number at the first, or with 0.
    """
    bases: dict[str, dict[int, int]] = {}
    plain: dict[str, int] = {}
    for at, name in enumerate(names):
        if not name:
            return None
        found = re.fullmatch(r"(.+)_(\d{1,3})", name)
        if found is None:
            if name in plain:
                return None
            plain[name] = at
        else:
            bases.setdefault(found[1], {})[int(found[2])] = at
    for base, steps in bases.items():
        if 0 not in steps and base in plain:
            steps[0] = plain.pop(base)
    counts = {len(steps) for steps in bases.values()}
    whole = all(set(steps) == set(range(len(steps))) for steps in bases.values())
    if not bases or len(counts) != 1 or not whole or (count := counts.pop()) < 2:
        return None
    return tuple((*(steps[step] for steps in bases.values()), *plain.values()) for step in range(count))


def in_steps(source: Source) -> list[Source]:
    """A source per step of a stack whose layers are numbered by date.

    Raises:
        OpenError: they are not.
    """
    steps = steps_of([one.description for one in source.reader.stored])
    if steps is None:
        raise OpenError(
            f"{source.reader.name}: its layers are not numbered by date, as VV, B4, VV_1, B4_1, ... would be, each "
            "name with all numbers; leave out dates='numbered'"
        )
    names = [str(source.reader.stored[at].description) for at in steps[0]]
    counted = len({at for step in steps for at in step}) - len(steps[0])
    moving = counted // (len(steps) - 1)
    names[:moving] = [re.sub(r"_0$", "", name) for name in names[:moving]]
    dates = step_dates(source.reader.name, len(steps))
    note = (
        f"{source.reader.name}: its numbered layers are taken for {many(len(steps), 'date')} of {many(moving, 'band')}"
    )
    if len(names) > moving:
        note += f" and {len(names) - moving} that hold at all of them"
    if dates is not None:
        note += f"; the dates part the period that its name tells, from {dates[0]}, into {len(steps)}"
    return [
        replace(
            source,
            reader=Picked(source.reader, step, named=names),
            label=f"{source.label} {at + 1}",
            date=None if dates is None else dates[at],
            notes=(*source.notes, note),
        )
        for at, step in enumerate(steps)
    ]


def step_dates(path: str, count: int) -> tuple[Date, ...] | None:
    """The first days of `count` equal parts of the period that a file's name tells, `NAME_2019-02-06_2020-02-01`."""
    found = re.findall(_DAY, Path(path).stem)
    if len(found) != 2:
        return None
    try:
        start, stop = (np.datetime64(date.fromisoformat(one), "D") for one in found)
    except ValueError:
        return None
    days = int((stop - start).astype(int))
    return tuple(start + np.timedelta64(days * step // count, "D") for step in range(count)) if days >= count else None
