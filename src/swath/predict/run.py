"""`Prediction`: a run that may be carried out: the whole into files, or a window into memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from swath.errors import PredictError, SwathError
from swath.models.card import Card
from swath.predict.blocks import Block, blocks_of, size_of
from swath.predict.forward import Precision
from swath.predict.journal import Journal
from swath.predict.plan import Plan, Window
from swath.predict.precision import fitting_precision
from swath.predict.progress import Progress, Watch
from swath.predict.target import Target, put
from swath.predict.work import Engine, Work
from swath.scene.scene import Scene
from swath.scene.write import CogWriter
from swath.scene.write.atomic import check_target, remove
from swath.scene.write.cog import partial_folder
from swath.tasks.task import MAIN, Files

_COMMITS = 50
"""A run notes what is done at least so many times."""


class Interrupted(KeyboardInterrupt):
    """The run was stopped by Ctrl-C, and can be gone on with; the text says how."""


@dataclass(frozen=True)
class RunReport:
    """What a finished run tells of itself.

    Attributes:
        tiles: that the extent takes.
        blocks: that were written; `resumed` of them by an earlier run.
        seconds: of this run.
        pixels: of the answer, written by this run.
        memory: most bytes that the process held.
        batch: tiles that were run at once.
        devices: where.
    """

    tiles: int
    blocks: int
    resumed: int
    seconds: float
    pixels: int
    memory: int
    batch: int | None
    devices: tuple[str, ...]

    def describe(self) -> dict[str, Any]:
        """Plain data for the record."""
        told = asdict(self) | {"devices": list(self.devices), "seconds": round(self.seconds, 3)}
        return {key: value for key, value in told.items() if value is not None}


class Prediction:
    """Scenes, a model and a plan: makes the pixels of a product. See `swath.predict.making.Run`.

    Args:
        scenes: what is looked at, by input of the card; the first is cut to what is asked for.
        work: what is read, run and made of it; its precision is a proposal where `precision` is `auto`.
        precision: `float32`, `bfloat16`, or `auto` for what fits the network and the machine.
        arguments: what `swath.predict` was asked, as plain data.
        source: where the weights came from.
        cluster: address of a Dask scheduler, `local`, or a client; None: this process.
    """

    def __init__(
        self,
        scenes: Mapping[str, Scene],
        work: Work,
        *,
        precision: str = "auto",
        arguments: Mapping[str, Any] | None = None,
        source: str | None = None,
        cluster: Any = None,
    ) -> None:
        self.scenes = dict(scenes)
        self._proposed = work
        self._precision = precision
        self._arguments = dict(arguments or {})
        self._source = source
        self._cluster = cluster

    @property
    def scene(self) -> Scene:
        """The scene on which the product lies."""
        return next(iter(self.scenes.values()))

    @property
    def plan(self) -> Plan:
        """What is read, run and kept."""
        return self._proposed.plan

    @property
    def card(self) -> Card:
        """The network's."""
        return self._proposed.model.card

    @property
    def files(self) -> Files:
        """The product's files and their layers."""
        return self._proposed.files

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What makes the same pixels again, whatever the machine; finds the precision out where it was not said."""
        return self._arguments | {"precision": self.work.precision}

    @property
    def match(self) -> Mapping[str, Any]:
        """Which bands feed which inputs, in which units and pixels; `notes` for people."""
        return {key: value for key, value in self._proposed.feed.describe().items() if key != "sources"}

    @cached_property
    def weights(self) -> Mapping[str, str | None]:
        """Hash and source of the weights, and how they are stored there."""
        model = self._proposed.model
        return {"hash": model.hash, "source": self._source, "stored": model.stored}

    @cached_property
    def work(self) -> Work:
        """What is read, run and made of it, all settled."""
        chosen: Precision = "bfloat16" if self._precision == "bfloat16" else "float32"
        if self._precision == "auto":
            chosen = fitting_precision(self._proposed)
        return replace(self._proposed, precision=chosen)

    @cached_property
    def _engine(self) -> Engine:
        return self.work.engine()

    def read(self, window: Window) -> dict[str, NDArray[Any]]:
        """The pixels that `execute` would write, of a window of `plan.out`: stored numbers `[L, h, w]` by key."""
        return self.work.read(self._engine, window)

    def job(self) -> dict[str, Any]:
        """What decides about the pixels, as plain data."""
        work = self.work
        return {
            "swath": version("swath"),
            "plan": work.plan.describe(),
            "weights": self.weights["hash"],
            "card": hashlib.sha256(work.model.card.to_json().encode()).hexdigest(),
            "inputs": work.feed.describe(),
            "options": asdict(work.options) | {"precision": work.precision, "views": work.views},
        }

    def execute(
        self,
        paths: Mapping[str, Path],
        *,
        overwrite: bool = False,
        resume: bool = False,
        progress: Progress | None = None,
    ) -> RunReport:
        """Make the whole product, one file per key, each of which appears once it is whole; the main file is the last.

        A run that is stopped by whatever leaves what it did in hidden files beside the product, and goes on with it
        when it is asked for again with `resume=True`.

        Args:
            paths: where each of `files` goes.
            overwrite: replace files that are there.
            resume: go on with what an earlier run left.
            progress: told how far it is; see `swath.predict.progress`.

        Raises:
            PredictError: what an earlier run left would have other pixels, or memory does not suffice.
            WriteError: something is there already, or the disk takes no more.
            ReadError: the scene cannot be read.
            Interrupted: Ctrl-C was pressed.
        """
        for path in paths.values():
            check_target(path, overwrite=overwrite or resume)
        job, blocks = self.job(), blocks_of(self.plan)
        journal = Journal.begin(paths[MAIN], job, resume=resume)
        target = Target(dict(paths), overwrite, hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest())
        todo = [block for block in blocks if block.cells[0] not in journal.done]
        watch = Watch(len(blocks), len(blocks) - len(todo), progress)
        writers: Mapping[str, CogWriter] = {}
        for key, path in paths.items():
            if key in journal.finished:
                remove(partial_folder(path))
            elif journal.done and not partial_folder(path).is_dir():
                raise PredictError(
                    f"{path}: blocks that an earlier run wrote are gone ({partial_folder(path).name}); begin anew with "
                    "resume=False"
                )
        try:
            writers = target.writers(self.work, resume=resume, without=journal.finished, own=journal.placing)
            if todo:
                self._write(todo, target, writers, journal, watch, max(1, len(blocks) // _COMMITS))
            for key in sorted(writers, reverse=True):
                journal.place(key)
                writers[key].finish(partial(journal.finish, key))
        except KeyboardInterrupt as error:
            share = 100 * len(journal.done) // len(blocks)
            again = f"ask for {paths[MAIN].name} again with resume=True (`--resume`) to go on"
            raise Interrupted(f"stopped at {share} %; {again}") from error
        except SwathError:
            if not journal.done and not resume:
                journal.close()
                for writer in writers.values():
                    writer.discard()
            raise
        journal.close()
        return RunReport(
            tiles=len(self.plan.tiles()),
            blocks=len(blocks),
            resumed=len(blocks) - len(todo),
            seconds=watch.seconds,
            pixels=watch.pixels,
            memory=watch.peak,
            batch=self._engine.batch if todo and self._cluster is None else None,
            devices=tuple(str(one) for one in self.work.devices),
        )

    def _write(
        self,
        todo: list[Block],
        target: Target,
        writers: Mapping[str, CogWriter],
        journal: Journal,
        watch: Watch,
        commit: int,
    ) -> None:
        fresh: list[Block] = []

        def note() -> None:
            for writer in writers.values():
                writer.flush()
            journal.note(block.cells[0] for block in fresh)
            fresh.clear()

        try:
            for block in self._written(todo, target, writers):
                fresh.append(block)
                height, width = size_of(block.window)
                watch.step(1, height * width)
                if len(fresh) >= commit:
                    note()
        finally:
            if fresh:
                note()

    def _written(self, todo: list[Block], target: Target, writers: Mapping[str, CogWriter]) -> Iterator[Block]:
        """Blocks, each after it was written, by this process or by those of a cluster."""
        if self._cluster is not None:
            from swath.predict.cluster import cluster_blocks

            yield from cluster_blocks(self._cluster, self.work, todo, target, writers)
            return
        for block, arrays in self.work.produce(self._engine, todo, target.folder):
            put(writers, block, arrays, self.work)
            yield block
