"""`swath.data.split`: which places are trained on, which tune, which are kept for the score. By place, never random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from swath.data.dataset import Dataset
from swath.data.fingerprint import digests
from swath.data.groups import linked, same
from swath.data.layouts import listing
from swath.data.places import Tell, placed
from swath.data.report import Report
from swath.data.split_file import PARTS, Split
from swath.errors import DataError
from swath.scene.words import many

By = Literal["auto", "given", "place", "name"]
Pairs = Sequence[tuple[str, str]]
_WORK = 600
"""Places to try in all starts of the search together."""


def split(
    data: Dataset,
    *,
    seed: int = 0,
    val: float = 0.15,
    test: float = 0.15,
    by: By = "auto",
    report: Report | None = None,
    progress: Tell | None = None,
) -> Split:
    """Part the places of a data set, with about equal shares of every class.

    In this order, and the answer's `how` says which it was: folders or lists of the data that already part them;
    groups of images that touch on the ground; blocks of space, where most images touch; groups of names; blocks of
    consecutive numbers in names. Images with the same bytes always share a place, and every class is in `train` if it
    has at least one place there.

    Args:
        data: what to part.
        seed: another one gives another choice among equally good ones.
        val: share of the items to tune by.
        test: share of the items to score by.
        by: `given`: only as the data part themselves; `place`: leave that aside; `name`: leave positions aside too.
        report: of `inspect`; only the items that it keeps are parted, and images that it found nearly the same share a
            place.
        progress: called with what is done and what is to do.

    Raises:
        DataError: a part would be empty; the message says what to do.
    """
    if by not in get_args(By):
        raise DataError(f"by={by!r} is not known; there are {', '.join(get_args(By))}")
    if not (0 <= val < 1 and 0 <= test < 1 and val + test < 1):
        raise DataError(
            f"val={val:g} and test={test:g} must leave something for training: shares from 0, below 1 in sum"
        )
    alike: tuple[tuple[str, str], ...] = ()
    if report is not None:
        data, alike = data.subset(report.keep), report.alike
    wanted = {"train": 1 - val - test, "val": val, "test": test}
    if by == "given" and not data.parts:
        raise DataError(f"{data.name}: nothing in it parts it; say by='auto'")
    if by in ("auto", "given") and data.parts:
        return _given(data, seed, wanted, alike, progress)
    return _by_place(data, seed, wanted, alike, progress, by_name=by == "name")


def _given(data: Dataset, seed: int, wanted: dict[str, float], alike: Pairs, progress: Tell | None) -> Split:
    """As folders or lists say; a part that they lack is taken from the places of `train`."""
    has = set(data.parts.values())
    how = f"as the data say themselves ({listing(part for part in PARTS if part in has)})"
    names = {part: tuple(item.name for item in data.items if data.parts.get(item.name) == part) for part in PARTS}
    without = [item.name for item in data.items if item.name not in data.parts]
    if without:
        how += f"; {many(len(without), 'item')} in no part, left out"
    lacking = [part for part in ("val", "test") if wanted[part] and part not in has]
    places = {item.name: item.place for item in data.items if item.name in data.parts}
    if lacking and "train" in has:
        rest = _by_place(
            data.subset(names["train"]),
            seed,
            {part: wanted[part] if part == "train" or part in lacking else 0.0 for part in PARTS},
            alike,
            progress,
        )
        names |= {"train": rest.train} | {part: rest.part(part) for part in lacking}
        places |= rest.places
        how += f"; {' and '.join(lacking)} from train by {rest.how}"
    made = Split(**names, how=how, seed=seed, dataset=data.name, hash=data.hash, places=places)
    return _whole(made, wanted, data)


def _by_place(
    data: Dataset,
    seed: int,
    wanted: dict[str, float],
    alike: Pairs,
    progress: Tell | None,
    *,
    by_name: bool = False,
) -> Split:
    data, how = (data, data.placing) if by_name else placed(data, progress)
    data, copies, near = _with_copies(data, alike)
    if copies:
        how += f"; {copies} images that are the same byte for byte share their places"
    if near:
        how += f"; so do {many(near, 'pair')} nearly the same"
    places = sorted({item.place for item in data.items})
    asked = [part for part in PARTS if wanted[part] > 0]
    if len(places) < len(asked):
        raise DataError(
            f"{data.name}: has {len(places)} place{'s' if len(places) > 1 else ''} ({listing(places, 4)}), too few for "
            f"{', '.join(asked)}; give images of more places, say {'val=0 or test=0' if len(asked) > 2 else 'val=0'}, "
            "or name the parts in folders train, val and test"
        )
    amounts = _amounts(data, places)
    parts = _assigned(amounts, np.array([wanted[part] for part in PARTS]), np.random.default_rng(seed))
    part_of = {place: PARTS[part] for place, part in zip(places, parts, strict=True)}
    names = {part: tuple(item.name for item in data.items if part_of[item.place] == part) for part in PARTS}
    made = Split(
        **names,
        how=f"{how} ({many(len(places), 'place')})",
        seed=seed,
        dataset=data.name,
        hash=data.hash,
        places={item.name: item.place for item in data.items},
    )
    return _whole(made, wanted, data)


def _whole(made: Split, wanted: dict[str, float], data: Dataset) -> Split:
    """The split, if no part is empty that was asked for."""
    if empty := [part for part in PARTS if wanted[part] and not made.part(part)]:
        given = ", ".join(f"{many(len(made.part(part)), 'item')} for {part}" for part in PARTS if made.part(part))
        raise DataError(
            f"{data.name}: {empty[0]} would be empty, since its {many(len(set(made.places.values())), 'place')} can "
            f"only give {given}; say {empty[0]}=0, or give images of more places"
        )
    return made


def _with_copies(data: Dataset, alike: Pairs) -> tuple[Dataset, int, int]:
    """Places joined that hold the same image or nearly; how many images are copies, and how many pairs are near."""
    known = digests(data)
    keys = [(item.window, item.within, known[item.images[0]]) for item in data.items]
    copies = sum(count for count in Counter(keys).values() if count > 1)
    at = {item.name: i for i, item in enumerate(data.items)}
    near = [(at[a], at[b]) for a, b in alike if a in at and b in at and keys[at[a]] != keys[at[b]]]
    if not copies and not near:
        return data, 0, 0
    groups = linked(len(keys), [*same(keys), *near, *same([item.place for item in data.items])])
    items = tuple(replace(item, place=data.items[group].place) for item, group in zip(data.items, groups, strict=True))
    return replace(data, items=items), copies, len(near)


def _amounts(data: Dataset, places: Sequence[str]) -> NDArray[np.float64]:
    """`[place, 1 + classes]`: share of all items, and of all labels of each class that occurs."""
    row = {place: i for i, place in enumerate(places)}
    amounts = np.zeros((len(places), 1 + len(data.classes)))
    for item in data.items:
        amounts[row[item.place], 0] += 1
        for position, count in data.counts(item).items():
            amounts[row[item.place], 1 + position] += count
    amounts = amounts[:, amounts.sum(axis=0) > 0]
    return np.asarray(amounts / amounts.sum(axis=0))


def _assigned(amounts: NDArray[np.float64], wanted: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.intp]:
    """The part of each place: seeded starts, each mended place by place until nothing gets better.

    Args:
        amounts: `[place, column]`, each column sums to 1.
        wanted: `[part]`, sums to 1; parts with 0 stay empty.
        rng: what the order of the places is drawn from.
    """
    count = len(amounts)
    open_parts = np.flatnonzero(wanted > 0)
    best, best_cost = np.zeros(count, dtype=np.intp), np.inf
    for _ in range(max(3, _WORK // count)):
        parts = np.full(count, -1, dtype=np.intp)
        got = np.zeros((len(wanted), amounts.shape[1]))
        order = np.argsort(-amounts.sum(axis=1) * rng.uniform(0.5, 1.5, count))
        for step in range(4):
            moved = False
            for place in order if step == 0 else rng.permutation(count):
                if parts[place] >= 0:
                    got[parts[place]] -= amounts[place]
                trials = np.repeat(got[None], len(open_parts), axis=0)
                trials[np.arange(len(open_parts)), open_parts] += amounts[place]
                chosen = open_parts[int(np.argmin(_cost(trials, wanted, final=step > 0)))]
                moved |= bool(chosen != parts[place])
                parts[place] = chosen
                got[chosen] += amounts[place]
            if not moved:
                break
        cost = float(_cost(got[None], wanted, final=True)[0])
        if cost < best_cost - 1e-12:
            best, best_cost = parts.copy(), cost
    return best


def _cost(got: NDArray[np.float64], wanted: NDArray[np.float64], *, final: bool) -> NDArray[np.float64]:
    """How far `[trial, part, column]` is from what is wanted; empty parts, and classes not trained on, weigh most."""
    asked = wanted > 0
    off = ((got[:, asked] - wanted[asked, None]) ** 2 / wanted[asked, None]).mean(axis=2).sum(axis=1)
    if final:
        off = off + 100.0 * (got[:, asked, 0] < 1e-12).sum(axis=1) + 10.0 * (got[:, 0, 1:] < 1e-12).sum(axis=1)
    return np.asarray(off)
