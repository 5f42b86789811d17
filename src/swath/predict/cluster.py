"""Prediction over a cluster: parts of a plan are tasks of `dask.distributed`, and workers write their own blocks.

Workers share a file system with whoever asks. The network and the plan lie in a file beside the product, which each
worker process reads once; a task is a list of blocks, and what comes back says which of them are written. A worker that
dies loses the blocks it had not written: they are made again elsewhere, under the same names.
"""

from __future__ import annotations

import importlib
import pickle
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from swath.errors import PredictError
from swath.predict.blocks import Block
from swath.predict.forward import cores
from swath.predict.plan import Index
from swath.predict.target import Target, put
from swath.predict.work import Engine, Work
from swath.scene.write import CogWriter
from swath.scene.write.atomic import writing

distributed: Any = importlib.import_module("distributed")  # partly typed, so that strict checks call its calls untyped

_PER_WORKER = 4
"""Tasks for each worker at least, so that the last ones do not wait long for each other."""
_SIDE = 8
"""Cells along a side of a task at most; blended tiles at its border are run in the neighbour's task as well."""
_RETRIES = 3
_PATIENCE = 30  # seconds to wait for a scheduler


def cluster_blocks(
    cluster: Any, work: Work, blocks: Sequence[Block], target: Target, writers: Mapping[str, CogWriter]
) -> Iterator[Block]:
    """Blocks, each after a worker wrote it.

    Args:
        cluster: address of a scheduler, `local`, a `distributed.Client` or a Dask cluster.
        work: what is read, run and made of it.
        blocks: those wanted.
        target: where they go.
        writers: of the same files, to see that what workers write arrives here.

    Raises:
        PredictError: there is no such scheduler, workers keep dying, or do not see the folder of the product.
        SwathError: as in a run on this machine.
    """
    with ExitStack() as stack:
        client = stack.enter_context(_client(cluster))
        sent = stack.enter_context(_sent(work, target))
        workers = len(client.scheduler_info(n_workers=-1)["workers"])
        parts = _parts(blocks, max(workers, 1))
        futures = [
            client.submit(_make, str(sent), target, part, sorted(writers), pure=False, retries=_RETRIES)
            for part in parts
        ]
        stack.callback(client.cancel, futures)
        known = {block.cells[0]: block for block in blocks}
        try:
            for future in distributed.as_completed(futures):
                for first, written in future.result():
                    if written and not all(writer.has(known[first].window) for writer in writers.values()):
                        raise PredictError(
                            f"a worker wrote a part of {target.folder}, and it does not arrive here: the folder of "
                            "the product must be on a disk that all workers share"
                        )
                    yield known[first]
                future.release()
        except distributed.KilledWorker as error:
            raise PredictError(
                f"a part of the product killed {_RETRIES + 1} workers one after another, most likely for want of "
                "memory: give them more, or a smaller tile="
            ) from error


@contextmanager
def _client(cluster: Any) -> Iterator[Any]:
    """A client of what was given; what is made for the purpose is closed at the end."""
    if isinstance(cluster, distributed.Client):
        yield cluster
        return
    with ExitStack() as stack:
        if cluster == "local":
            own = {"n_workers": cores(), "threads_per_worker": 1, "dashboard_address": None}
            cluster = stack.enter_context(distributed.LocalCluster(**own))
        try:
            client = distributed.Client(cluster, timeout=_PATIENCE)
        except (OSError, TimeoutError, ValueError) as error:
            raise PredictError(
                f"no Dask scheduler answers at {cluster}: start one (`dask scheduler`) and give its address, "
                "tcp://HOST:PORT"
            ) from error
        yield stack.enter_context(client)


@contextmanager
def _sent(work: Work, target: Target) -> Iterator[Path]:
    """A file that workers find the work in."""
    path = target.folder / f".{target.job[:12]}.{uuid.uuid4().hex[:8]}.work"
    try:
        with writing(path):
            path.write_bytes(distributed.protocol.pickle.dumps(work))
        yield path
    finally:
        path.unlink(missing_ok=True)


def _parts(blocks: Sequence[Block], workers: int) -> list[list[Block]]:
    """Blocks of squares of the tiling, several for each worker."""
    side = max(1, min(_SIDE, int((len(blocks) / (workers * _PER_WORKER)) ** 0.5)))
    parts: dict[Index, list[Block]] = defaultdict(list)
    for block in blocks:
        row, column = block.cells[0]
        parts[row // side, column // side].append(block)
    return list(parts.values())


_lock = threading.Lock()
_ready: dict[str, tuple[Work, Engine]] = {}


def _make(sent: str, target: Target, blocks: Sequence[Block], keys: Sequence[str]) -> list[tuple[Index, bool]]:
    """In a worker: write blocks; gives the first cell of each, and whether there was anything to write."""
    with _lock:  # one network at a time in a process, whatever its number of threads
        if sent not in _ready:
            _ready.clear()
            # The file was written by whoever sent this task, which is code as well.
            try:
                work = pickle.loads(Path(sent).read_bytes())
            except ModuleNotFoundError as error:
                raise PredictError(
                    f"a worker cannot load the network: {error}; install what it is made of on all workers"
                ) from error
            _ready[sent] = (work, work.engine())
        work, engine = _ready[sent]
        writers = target.writers(work, resume=True, without=set(work.files) - set(keys))
        done = []
        for block, arrays in work.produce(engine, blocks, target.folder):
            put(writers, block, arrays, work)
            done.append((block.cells[0], arrays is not None))
        for writer in writers.values():
            writer.flush()
        return done
