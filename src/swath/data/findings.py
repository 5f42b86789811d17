"""What is odd about labelled data, and what is done about each: one function per oddity."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from swath.data.boxes import BoxesLabel
from swath.data.dataset import Dataset
from swath.data.item_facts import ItemFacts
from swath.data.layouts import listing
from swath.data.likeness import copies, overlaps
from swath.data.report import ClassFacts, Finding
from swath.errors import SwathError, SwathWarning
from swath.scene.words import ground_words, many, percent

_MOST_PAIRS = 100
"""Items whose dates are laid on each other; more take minutes."""
_OFF = 1.0
"""Pixels from which on dates do not lie on each other."""
_RARE = 0.01
_MOSTLY = 0.5


def findings_of(
    data: Dataset,
    facts: Sequence[ItemFacts],
    usual: tuple[Any, ...] | None,
    classes: Sequence[ClassFacts],
    alike: Sequence[tuple[str, str]],
    parts: Mapping[str, str],
) -> Iterator[Finding]:
    """Everything odd, the worst first.

    Args:
        data: what was looked at.
        facts: of every item.
        usual: dates, bands and units that most items have.
        classes: of the items that can be used.
        alike: pairs of items that look nearly the same.
        parts: name of item -> part of a split.
    """
    sound = [one for one in facts if one.image_problem is None and one.label_problem is None]
    yield from _unreadable(facts)
    yield from _unlike(sound, usual)
    yield from _empty(sound)
    yield from _strays(data)
    yield from _few_classes(data, classes)
    yield from _parts(data, facts, parts)
    yield from _likeness(data, facts, alike, parts)
    yield from _shifted(data, sound)
    yield from _pixels(data, sound)
    yield from _odd_boxes(data, sound)
    yield from (Finding("note", *_halves(note)) for note in data.notes)


def _unreadable(facts: Sequence[ItemFacts]) -> Iterator[Finding]:
    bad = [one for one in facts if one.image_problem is not None]
    if bad:
        what = f"{_items(bad)} cannot be read ({listing([one.name for one in bad], 3)}): {bad[0].image_problem}"
        yield Finding("corrupt", what, "left out; mend the file or get it again", _names(bad))
    bad = [one for one in facts if one.label_problem is not None]
    if bad:
        what = (
            f"the labels of {_items(bad)} do not fit ({listing([one.name for one in bad], 3)}): {bad[0].label_problem}"
        )
        yield Finding("label", what, "left out", _names(bad))


def _unlike(facts: Sequence[ItemFacts], usual: tuple[Any, ...] | None) -> Iterator[Finding]:
    others = [one for one in facts if one.kind != usual]
    if others and usual is not None:
        one = others[0]
        has, most = (f"{dates} of {listing(bands, 6)}" for dates, bands in (one.kind[:2], usual[:2]))
        what = f"{_items(others)} with other bands or dates than most ({one.name}: {has}; most: {most})"
        yield Finding("bands", what, "left out; bands=[...] picks bands that all have", _names(others))


def _empty(facts: Sequence[ItemFacts]) -> Iterator[Finding]:
    for kind, bare, what in (
        ("invalid", [one for one in facts if one.invalid >= 1], "without a valid pixel"),
        ("unlabelled", [one for one in facts if one.unlabelled >= 1 and one.invalid < 1], "without a labelled pixel"),
    ):
        if bare:
            yield Finding(kind, f"{_items(bare)} {what} ({listing(_names(bare), 3)})", "left out", _names(bare))
    mostly = [one for one in facts if _MOSTLY < one.invalid < 1]
    if mostly:
        what = f"{_items(mostly)} more than half without data ({listing(_names(mostly), 3)})"
        yield Finding(
            "nodata", what, "kept; invalid pixels never count, and crops with fewer are sought", _names(mostly)
        )


def _strays(data: Dataset) -> Iterator[Finding]:
    by_why: dict[str, list[str]] = defaultdict(list)
    for stray in data.strays:
        by_why[stray.why.partition(":")[0]].append(stray.path.relative_to(data.root).as_posix())
    for why, paths in by_why.items():
        what = f"{many(len(paths), 'file')} ({listing(paths, 3)}): {why}"
        yield Finding("stray", what, "left out", tuple(paths))


def _few_classes(data: Dataset, classes: Sequence[ClassFacts]) -> Iterator[Finding]:
    seen = [one for one in classes if one.count]
    if len(classes) > 1 and len(seen) == 1 and data.task != "detection":
        yield Finding(
            "one-class",
            f"all labels are of one class, {seen[0].name}",
            "a network learns nothing from that: label the others, or look at classes= and ignore=",
        )
    absent = [one.name for one in classes if not one.count]
    if absent and seen:
        yield Finding("absent", f"no label is of {listing(absent)}", "kept as classes that are never answered")
    rare = [one for one in seen if one.share < _RARE]
    if rare and len(seen) > 1:
        words = listing([f"{one.name} ({percent(one.share)})" for one in rare])
        yield Finding("rare", f"rare: {words}", "crops seek every class equally often in half of the draws")


def _parts(data: Dataset, facts: Sequence[ItemFacts], parts: Mapping[str, str]) -> Iterator[Finding]:
    """Classes that are not in every part of a split."""
    if not parts:
        return
    where: dict[int, set[str]] = defaultdict(set)
    for one in facts:
        if one.name in parts:
            for position, count in one.counts.items():
                if count:
                    where[position].add(parts[one.name])
    there = set(parts.values())
    unlearnt = [data.classes[at].name for at, held in sorted(where.items()) if "train" not in held]
    if unlearnt:
        what = f"in val or test only, never in train: {listing(unlearnt)}"
        yield Finding("one-part", what, "cannot be learnt; a split by='place' parts them anew")
    unscored = [data.classes[at].name for at, held in sorted(where.items()) if "train" in held and held < there]
    if unscored:
        what = f"in train, but not in every other part: {listing(unscored)}"
        yield Finding("one-part", what, "their scores there are empty")


def _likeness(
    data: Dataset, facts: Sequence[ItemFacts], alike: Sequence[tuple[str, str]], parts: Mapping[str, str]
) -> Iterator[Finding]:
    same = copies(data)
    if same:
        names = tuple(name for group in same for name in group)
        what = f"{len(names)} images are copies of one another ({listing(same[0], 3)})"
        counts = {one.name: dict(one.counts) for one in facts}
        differing = [group for group in same if any(counts[name] != counts[group[0]] for name in group)]
        if differing:
            what += f", {len(differing)} of them with different labels ({listing(differing[0], 3)})"
        pairs = [pair for group in same for pair in pairwise(group)]
        yield Finding("copies", what, _kept(pairs, parts), names)
    known = {frozenset(pair) for group in same for pair in pairwise(group)}
    near = [pair for pair in alike if frozenset(pair) not in known]
    if near:
        what = (
            f"{many(len(near), 'pair')} of images nearly the same ({listing([' and '.join(pair) for pair in near], 2)})"
        )
        yield Finding("alike", what, _kept(near, parts, " that is given this report"), _both(near))
    over = overlaps(data)
    if over:
        told = listing([" and ".join(pair) for pair in over], 2)
        what = f"{many(len(over), 'pair')} of images overlapping on the ground ({told})"
        yield Finding("overlap", what, _kept(over, parts), _both(over))


def _kept(pairs: Sequence[tuple[str, str]], parts: Mapping[str, str], which: str = "") -> str:
    """What is done about pairs that show the same: none, if the split that is given parts some of them."""
    parted = sum(a in parts and b in parts and parts[a] != parts[b] for a, b in pairs)
    if not parted:
        return f"kept; a split{which} never parts them"
    return (
        f"the split parts {many(parted, 'pair')} of them, so that its scores are too good; a split by='place' "
        "holds them together"
    )


def _both(pairs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(sorted({name for pair in pairs for name in pair}))


def _shifted(data: Dataset, facts: Sequence[ItemFacts]) -> Iterator[Finding]:
    """Dates that do not lie on each other."""
    series = [one for one in facts if one.dates > 1 and one.invalid < 1]
    looked = series[:: max(1, -(-len(series) // _MOST_PAIRS))]
    off: dict[str, float] = {}
    for one in looked:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SwathWarning)
            try:
                shifts = data.scene(data[one.name]).misregistration()
            except SwathError:
                continue
        largest = max((shift.farthest for shift in shifts if shift is not None), default=0.0)
        if largest > _OFF:
            off[one.name] = largest
    if off:
        ranked = sorted(off, key=lambda name: -off[name])
        words = listing([f"{name} by up to {off[name]:.1f} px" for name in ranked], 4)
        of = (
            many(len(series), "item") if len(looked) == len(series) else f"{len(looked)} of {many(len(series), 'item')}"
        )
        what = f"dates lie off one another in {len(off)} of {of}: {words}"
        action = "kept as they are; edges may be learnt as change: coregister=True lays them over their first date"
        if data.coregister:
            action = "what is left of it after laying them over their first date"
        yield Finding("shifted", what, action, tuple(ranked))


def _pixels(data: Dataset, facts: Sequence[ItemFacts]) -> Iterator[Finding]:
    sizes = sorted(one.gsd for one in facts if one.gsd is not None)
    if facts and len(sizes) < len(facts):
        unsaid = "no image says how large its pixels are"
        if sizes:
            unsaid = f"{len(facts) - len(sizes)} of {many(len(facts), 'image')} without the size of its pixels"
        yield Finding("gsd", unsaid, "say gsd=METRES, on the ground")
    if sizes and sizes[-1] > 1.2 * sizes[0]:
        what = f"pixels are from {ground_words(sizes[0])} to {ground_words(sizes[-1])} on the ground"
        yield Finding("gsd-mix", what, "each image is read at its own pixel size; none is resampled")
    systems = Counter(one.crs for one in facts)
    if len(systems) > 1:
        yield Finding("crs-mix", f"{len(systems)} coordinate systems", "each image is read in its own; none is warped")
    known = data.published is not None and bool(data.published.bands)
    if not known and any("dn" in one.units for one in facts):
        what = "nothing says what light the bands hold and in what units"
        yield Finding("units", what, "read as plain numbers; sensor= says it, such as sensor='sentinel-2-l2a'")
    if len({one.dtypes for one in facts}) > 1:
        yield Finding("dtypes", "images are stored in different types", "each is read as its own file says")


def _odd_boxes(data: Dataset, facts: Sequence[ItemFacts]) -> Iterator[Finding]:
    """Objects that do not lie within their images."""
    times: Counter[str] = Counter()
    where: dict[str, list[str]] = defaultdict(list)
    for one in facts:
        label = data[one.name].label
        if isinstance(label, BoxesLabel):
            for kind, count in label.oddities(data.scene(data[one.name]).grid).items():
                times[kind] += count
                where[kind].append(one.name)
    for kind, count in times.items():
        what, _, action = kind.partition("; ")
        yield Finding(
            "boxes", f"{many(count, 'object')} {what} ({listing(where[kind], 3)})", action, tuple(where[kind])
        )


def _halves(note: str) -> tuple[str, str]:
    """A note as what was found and what is done."""
    what, _, action = note.partition("; ")
    return what, action or "taken so; classes= and ignore= say it otherwise"


def _items(facts: Sequence[ItemFacts]) -> str:
    return many(len(facts), "item")


def _names(facts: Sequence[ItemFacts]) -> tuple[str, ...]:
    return tuple(one.name for one in facts)
