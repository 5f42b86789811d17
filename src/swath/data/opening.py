"""`swath.data.open`: a folder of labelled images becomes a `Dataset`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from swath.data.apart import kept_apart, parted, plain
from swath.data.blocks import in_blocks
from swath.data.dataset import Dataset
from swath.data.given import given_parts
from swath.data.layouts import Asked, held, recognise
from swath.data.places import named_places
from swath.data.quality import Quality
from swath.errors import DataError
from swath.models.card import TASKS
from swath.sensors import find_sensor


def open_folder(
    path: str | Path,
    *,
    task: str | None = None,
    layout: str | None = None,
    classes: Sequence[str] | Mapping[int, str] | None = None,
    label_field: str | None = None,
    sensor: Any = None,
    bands: Sequence[Any] | Mapping[str, Any] | None = None,
    dates: Any = None,
    ignore: int | Sequence[int] | None = None,
    gsd: float | None = None,
    buffer: float | None = None,
    blocks: bool = True,
    coregister: bool = False,
    quality: str | None = None,
    grades: Mapping[str, float] | None = None,
    apart: Sequence[str] = (),
) -> Dataset:
    """Open a folder of labelled images. Labels are looked through; images are not read yet.

    Args:
        path: the folder.
        task: one of `swath.models.card.TASKS`, where the folder could serve several.
        layout: name of a file in `swath.data.layouts`, where several fit, or of a published set in
            `swath.data.published`.
        classes: names in the order of their values, or `{value: name}`; None: as the labels say.
        label_field: column of a table or vector file that holds the class.
        sensor: as for `swath.open`, where the images bear no mark of it; of several sensors a mapping by the names that
            their files are told by, `{"s2": "sentinel-2-l2a@04.00", "dem": "dem-copernicus"}`.
        bands: as for `swath.open`.
        dates: as for `swath.open`, of each image: `numbered`, where the layers of a file are numbered by date.
        ignore: values of masks that mean "not labelled".
        gsd: pixel size on the ground in m, of images that do not say it.
        buffer: metres by which lines and points of vector files are widened to areas; None: they are left out.
        blocks: whether images with labels of pixels are cut into blocks where there are so few of them that none could
            be held out.
        quality: what says how far each label is trusted, see `swath.data.quality`; None: all alike.
        grades: weights of the words that it holds, where it holds no weights.
        coregister: whether the dates of a place are laid over its first, where their offset can be told, by phase
            correlation (`swath.scene.registration`); the rest are left where they are.
        apart: sensors, by the names that their files are told by, that keep their own grid and dates instead of being
            laid on that of the others, see `swath.data.apart`; `sensor` and `bands` tell them by these names, and what
            they say without a name is of the others.

    Raises:
        DataError: the folder is not arranged in a known way, or its labels do not fit what was said; the message says
            what to do.
        SensorError: no such sensor.
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        problem = "is a file" if root.exists() else "no such folder"
        raise DataError(f"{path}: {problem}; give a folder of labelled images")
    if task is not None and task not in TASKS:
        raise DataError(f"task={task!r} is not known; there are {', '.join(TASKS)}")
    if isinstance(sensor, list | tuple):
        raise DataError("several sensors are told by the names of their files: sensor={'s2': ..., 's1': ...}")
    for one in sensor.values() if isinstance(sensor, Mapping) else [sensor]:
        if one is not None:
            find_sensor(one)  # what is unknown is said once, not for each image
    own, sensor, bands = parted(apart, sensor, bands)
    if layout is None and (isinstance(sensor, Mapping) or isinstance(bands, Mapping)):
        layout = "sensors"
    asked = Asked(
        task=task,
        layout=layout,
        classes=classes if classes is None or isinstance(classes, Mapping) else tuple(classes),
        label_field=label_field,
        sensor=sensor,
        bands=bands if bands is None or isinstance(bands, Mapping) else tuple(bands),
        dates=dates,
        ignore=() if ignore is None else (ignore,) if isinstance(ignore, int) else tuple(ignore),
        gsd=gsd,
        buffer=buffer,
        apart=tuple(one.name for one in own),
    )
    name, made = recognise(root, asked)
    if asked.apart:
        made = kept_apart(made, root, asked)
        asked = replace(asked, sensor=plain(asked.sensor, made.items), bands=plain(asked.bands, made.items))
    if blocks:
        made = in_blocks(made, asked)
    if not made.items:
        raise DataError(f"{path}: holds no image with a label; it holds {held(root)}")
    if doubles := [one for one, times in Counter(item.name for item in made.items).items() if times > 1]:
        raise DataError(f"{path}: {len(doubles)} names stand for several images ({doubles[0]}); rename one of them")
    items, placing = named_places(made.items)
    trust = None if quality is None else Quality.of(quality, root, grades)
    if trust is not None:
        trust.check(items)
    known = made.published
    return Dataset(
        name=root.resolve().name,
        root=root,
        layout=name,
        task=made.task,
        classes=made.classes,
        items=items,
        told_sensor=known.sensor if known is not None and asked.sensor is None else asked.sensor,
        told_bands=known.told_bands if known is not None and asked.bands is None else asked.bands,
        told_gsd=known.gsd if known is not None and asked.gsd is None else asked.gsd,
        told_dates=dates,
        coregister=coregister,
        strays=made.strays,
        parts=made.parts or given_parts(root, items),
        notes=made.notes,
        placing=placing,
        published=known,
        before_classes=made.before_classes,
        quality=trust,
        apart=own,
    )
