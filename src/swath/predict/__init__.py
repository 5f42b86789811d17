"""Prediction: plan, run, stitch, write, resume; on one machine or many.

product = swath.predict(scene, model)                 # lazy: nothing is read yet
product = swath.predict(scene, model, out="map.tif")  # made and written
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch

    from swath.models.model import Model
    from swath.models.pairwise import Pairs
    from swath.predict.making import Progress
    from swath.predict.plan import Stitch
    from swath.predict.product import Product
    from swath.scene.scene import Scene

__all__ = ["predict"]

_LATER = ("fields", "match")
"""Files that people use by name; imported when they do."""


def predict(
    scene: Scene | Sequence[Scene] | Mapping[str, Scene],
    model: Model | str | Path,
    *,
    task: str | None = None,
    options: Mapping[str, Any] | None = None,
    extent: Any = None,
    out: str | os.PathLike[str] | None = None,
    stitch: Stitch = "auto",
    exact: bool = False,
    tile: int | None = None,
    overlap: int | float | None = None,
    batch: int | None = None,
    workers: int | None = None,
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    probabilities: bool | Literal["float32"] = False,
    confidence: bool = True,
    threshold: float | None = None,
    device: str | torch.device | Sequence[str | torch.device] | None = None,
    compile: bool = False,
    tta: bool = False,
    coregister: bool | Sequence[Sequence[float]] = False,
    match_radiometry: bool | Sequence[Sequence[Sequence[float]]] = False,
    pairs: Pairs | None = None,
    before_map: Scene | str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    cluster: Any = None,
    progress: Progress | None = None,
    **settle: Any,
) -> Product:
    """The map that a model makes of a scene.

    Memory does not grow with the scene. The answer for a pixel depends on no block size, number of workers or extent:
    tiles lie where the scene's own grid puts them, and a part of a scene is given what the whole would be given there.

    Args:
        scene: what to look at; of one that was cut, what lies around the cut is looked at too. For a model of several
            inputs one scene for each, in their order or by name: the map lies on the first one's grid.
        model: a model, a registered name, or the path of a weight file; `NAME:SKILL` names one of several skills. The
            name of a method that needs no labels, such as `irmad`: it is fitted to the whole scene now, which is read.
        task: what is asked; None: what the model was made for. Of several skills that one is taken which has this
            task and takes this scene. `change` or `semantic-change` of a segmentation model: the classes that it sees
            at either date are compared.
        options: arguments of a method that is fitted to the scene, as `{"classes": 8}` of `pca-clusters`.
        extent: a part of the (first) scene: `np.s_[y0:y1, x0:x1]`, bounds in its CRS, or a geometry.
        out: where to write the map now; None: later, by `Product.save`.
        stitch: `trim` keeps of each tile what its halo cannot touch, and needs a network that sees a finite part;
            `blend` averages overlapping tiles with smooth weights; `auto` trims where it can.
        exact: take the halo of all that the network sees, so that the map equals the whole-image forward; by default
            it is that beyond which the output hardly moves, by a bound that the record states.
        tile: side of a tile in pixels; None: by the card.
        overlap: of blended tiles, in pixels or as a share of the tile; None: a quarter. Of tiles with one answer each,
            whose map becomes finer by it; None: nothing.
        batch: tiles that are run at once; None: by the device.
        workers: threads that read; None: by the machine.
        precision: `auto` takes bfloat16 where it is faster here and at least 99.9 % of the classes stay the same;
            with `exact` it is float32.
        probabilities: keep the probability of each class, in steps of 1/250 or as `float32`.
        confidence: keep the probability of the answer, and the disagreement of what was merged.
        threshold: probability above which the answer is yes, of two classes; None: as the card says.
        device: where the network runs, or several; None: all GPUs, else the processor.
        compile: use `torch.compile`.
        tta: see each tile flipped and turned in all eight ways, and average.
        coregister: lay the other dates over the first, by the offset that phase correlation finds; or the offsets
            themselves, rows and columns in pixels per date.
        match_radiometry: bring the other dates to the light of the first, by a line per band through what did not
            change; or the lines themselves, gain and offset per date and band.
        pairs: of a series of dates, for a model that compares two: compare each date with the one before it
            (`consecutive`) or with the first (`first`). The map has a layer per pair; beside it lie the date at which
            change was seen first and the number of pairs with change.
        before_map: a map of the first date, on any grid, for a model that takes one besides the imagery. Its classes
            are those of the model by name, or by number where it has no names; `map_classes={"meadow": "grass",
            "ice": None}` settles others.
        overwrite: replace a map that is at `out`.
        resume: go on with what an earlier run left at `out`.
        cluster: address of a Dask scheduler, `local`, or a client; None: this process.
        progress: told how far it is, see `swath.predict.progress`.
        settle: what settles a scene that does not fit the card at once.

    Returns:
        The product; lazy unless `out` is given.

    Raises:
        MatchError: the scene does not fit the model's card; the message says what settles it.
        PredictError: options contradict the card or one another, or memory does not suffice.
        SwathError: the scene cannot be read or the map cannot be written.
    """
    from swath.errors import PredictError
    from swath.models.pairwise import PAIRS
    from swath.predict.match import by_input, match
    from swath.predict.match_map import beside
    from swath.predict.plan import Plan
    from swath.predict.prepare import Preparation
    from swath.predict.product import Product
    from swath.predict.progress import Status
    from swath.predict.run import Prediction
    from swath.predict.series import by_pairs
    from swath.predict.skills import meant
    from swath.predict.work import Work
    from swath.scene.scene import Scene
    from swath.tasks import DatePair, OutputOptions

    if pairs not in (None, *PAIRS):
        raise PredictError(f"pairs={pairs!r}: give {' or '.join(map(repr, PAIRS))}, or leave it out for two dates")
    if precision not in ("auto", "float32", "bfloat16"):
        raise PredictError(f"precision={precision!r}: give 'auto', 'float32' or 'bfloat16'")
    if before_map is not None:
        scene = beside(scene, before_map)
    ready = Preparation.of(_with_dates(scene), coregister, match_radiometry, settle.get("dates"))
    whole = ready.of_scene(scene) if isinstance(scene, Scene) else scene
    model = meant(model, task, whole, settle, progress, pairs, options)
    card, source = model.card, model.source
    scenes = by_input(scene, card)
    first = next(iter(scenes))
    scenes[first] = _cut(scenes[first], extent)
    prepared = {name: ready.of_scene(one) if name == first else one for name, one in scenes.items()}
    feed = match(prepared, card, **settle)
    feed = replace(feed, notes=(*feed.notes, *ready.notes), prepared=ready.options)
    compared: tuple[DatePair, ...] = ()
    if pairs is not None:
        feed, compared = by_pairs(feed, pairs)
    # A scene that one tile holds has no seams, so it does not matter how far the network sees.
    alone = stitch == "auto" and not exact and max(feed.grid.shape) <= (tile or card.tile.size)
    if card.field is None and stitch != "blend" and not alone:
        if progress is not None:
            progress(Status.before(f"finding out, once, how far {card.name} sees"))
        model = model.with_card(field=model.probe_field(effective=not exact))
    plan = Plan.of(
        feed.grid,
        model.card,
        extent=feed.extent,
        stitch=stitch,
        exact=exact,
        tile=tile,
        overlap=overlap,
        align=math.lcm(*(one.ratio.denominator for one in feed.inputs)),
    )
    kept = {"probabilities": probabilities, "confidence": confidence, "threshold": threshold}
    wanted = OutputOptions(
        probabilities=probabilities,
        confidence=confidence,
        threshold=threshold,
        spread=tta or (plan.stitch == "blend" and not alone),
        pairs=compared,
    )
    named = None if device is None else [device] if not isinstance(device, list | tuple) else device
    work = Work(
        model,
        feed,
        plan,
        wanted,
        views=tta,
        compiled=compile,
        batch=batch,
        workers=workers,
        device=None if named is None else tuple(str(one) for one in named),
        plain=exact,
    )
    asked: dict[str, Any] = ({} if task is None else {"task": task}) | ({} if pairs is None else {"pairs": pairs})
    asked |= {"options": dict(options)} if options else {}
    asked |= {
        "stitch": stitch,
        "exact": exact,
        "tile": tile,
        "overlap": overlap,
        "tta": tta,
        **kept,
        **ready.options,
        **settle,
    }
    if exact and precision == "auto":
        precision = "float32"
    run = Prediction(scenes, work, precision=precision, arguments=asked, source=source, cluster=cluster)
    product = Product.of(run)
    if out is not None:
        product.save(out, overwrite=overwrite, resume=resume, progress=progress)
    return product


def _with_dates(scene: Scene | Sequence[Scene] | Mapping[str, Scene]) -> Scene | list[Scene]:
    """What is prepared: of several scenes the first, where the others have one date each, as maps have."""
    from swath.scene.scene import Scene

    if isinstance(scene, Scene):
        return scene
    several = [*(scene.values() if isinstance(scene, Mapping) else scene)]
    return several[0] if several and all(len(one.dates) == 1 for one in several[1:]) else several


def _cut(scene: Scene, extent: Any) -> Scene:
    """The part of a scene that an extent names."""
    if extent is None:
        return scene
    if hasattr(extent, "toslices") or (isinstance(extent, tuple) and all(isinstance(part, slice) for part in extent)):
        return scene.select(window=extent)
    if isinstance(extent, Sequence):
        return scene.select(bounds=tuple(extent))
    return scene.select(geometry=extent)


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Callable(ModuleType):
    """`swath.predict` is this package and the function of the same name at once."""

    def __call__(self, *args: Any, **kwargs: Any) -> Product:
        return predict(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
