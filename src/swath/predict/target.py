"""`Target`: the files that a run writes, as one thing that can be sent to another process."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from swath.errors import SwathError
from swath.predict.blocks import Block, size_of
from swath.predict.work import Arrays, Work
from swath.scene.write import CogWriter
from swath.tasks.task import MAIN


@dataclass(frozen=True)
class Target:
    """Where the files of a product go.

    Attributes:
        paths: by key.
        overwrite: whether what is there is replaced.
        job: hash of what makes the pixels.
    """

    paths: dict[str, Path]
    overwrite: bool
    job: str

    @property
    def folder(self) -> Path:
        """Where the main file lies."""
        return self.paths[MAIN].absolute().parent

    def writers(
        self, work: Work, *, resume: bool, without: Collection[str] = (), own: Collection[str] = ()
    ) -> dict[str, CogWriter]:
        """A writer per file.

        Args:
            work: what the files hold.
            resume: whether blocks that are there are kept.
            without: keys of files that are whole already.
            own: keys of files that the run that is gone on with may have put there, and that are put there again.

        Raises:
            WriteError: a file is there already, cannot be written, or was begun by another job.
        """
        made: dict[str, CogWriter] = {}
        try:
            for key, layers in work.files.items():
                if key not in without:
                    path, grid, overwrite = self.paths[key], work.plan.out, self.overwrite or key in own
                    made[key] = CogWriter(path, grid, layers, overwrite=overwrite, resume=resume, job=self.job)
        except SwathError:
            if not resume:
                for writer in made.values():
                    writer.discard()
            raise
        return made


def put(writers: Mapping[str, CogWriter], block: Block, arrays: Arrays | None, work: Work) -> None:
    """Write a block into all files; where nothing in it is valid, pixels that are not written say so themselves."""
    for key, writer in writers.items():
        if arrays is not None:
            writer.write(block.window, arrays[key])
        elif writer.storage.nodata is None:
            writer.write(block.window, work.nothing(size_of(block.window))[key])
