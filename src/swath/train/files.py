"""Where a run keeps what it makes: the model at `mine.swath`, all else in the folder `mine.train` beside it.

| file | what |
| --- | --- |
| `recipe.yaml` | what the run was told |
| `SKILL.split.json` | which places were learnt from, validated on, kept for tests |
| `curves.csv`, `curves.png` | loss, rate and scores along the run |
| `tensorboard/` | the same, for `tensorboard --logdir` |
| `last.ckpt` | what an interrupted run goes on from: weights, their mean, two moments of each; frozen ones once |
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from swath.errors import TrainError
from swath.scene.write.atomic import check_target, writing


@dataclass(frozen=True)
class RunFiles:
    """Names of the files of a run."""

    out: Path

    @classmethod
    def at(cls, out: str | Path, *, overwrite: bool, resume: bool) -> RunFiles:
        """Files around `out`, once it is known that they can be written.

        Raises:
            WriteError: the folder is not there or not writable, or a model is there already.
            TrainError: it is no name of a model, or there is nothing to go on from.
        """
        if Path(out).suffix != ".swath":
            raise TrainError(f"out={str(out)!r}: a model's name ends in .swath, as mine.swath")
        files = cls(check_target(out, overwrite=overwrite or resume))
        if resume and not files.last.is_file():
            raise TrainError(f"{files.last} is not there, so there is nothing to go on from; leave out resume=True")
        with writing(files.folder):
            files.folder.mkdir(exist_ok=True)
            if files.tensorboard.is_dir() and not resume:  # it shows all runs that a folder holds as one
                shutil.rmtree(files.tensorboard)
        return files

    @property
    def folder(self) -> Path:
        """All but the model."""
        return self.out.with_suffix(".train")

    @property
    def recipe(self) -> Path:
        """What the run was told."""
        return self.folder / "recipe.yaml"

    @property
    def last(self) -> Path:
        """What an interrupted run goes on from."""
        return self.folder / "last.ckpt"

    @property
    def curves(self) -> Path:
        """Loss, rate and scores."""
        return self.folder / "curves.csv"

    @property
    def picture(self) -> Path:
        """The same, drawn."""
        return self.folder / "curves.png"

    @property
    def tensorboard(self) -> Path:
        """The same for TensorBoard."""
        return self.folder / "tensorboard"

    def split(self, skill: str) -> Path:
        """Places by part."""
        return self.folder / f"{skill}.split.json"
