"""What Swath does, on real imagery that lies in this repository: `make demo` (or `examples/demo.py FOLDER`).

`JOBS` says what is shown: which imagery, which model, in whose words. Each job is what `swath predict` does: match the
scene with the model's card, predict, write the map with its confidence and record, its shapes, a picture; in the end
one page shows them all.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import swath
from swath.models import ClassLabel, Model
from swath.predict.page import Part, write_page

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
COPERNICUS = "Contains modified Copernicus Sentinel data (2015, 2018)"
PAIR = {"sensor": "sentinel-2-l1c@pre-04.00", "dates": ["2015", "2018"]}


class Vegetation(nn.Module):
    """NDVI against a threshold, as a network: `image [B, 4, H, W]` (blue, green, red, nir) to logits `[B, 2, H, W]`.

    Tucker 1979, https://doi.org/10.1016/0034-4257(79)90013-0. The slope makes a difference of 0.05 in NDVI, about its
    noise at the top of the atmosphere, one step of the logistic function.
    """

    def __init__(self, threshold: float = 0.25, noise: float = 0.05) -> None:
        super().__init__()
        self.threshold, self.noise = threshold, noise

    def forward(self, image: Tensor) -> Tensor:
        """Logits of no vegetation and of vegetation."""
        red, nir = image[:, 2:3], image[:, 3:4]
        ndvi = (nir - red) / (nir + red).clamp_min(1e-6)
        logit = (ndvi - self.threshold) / self.noise
        return torch.cat([-logit / 2, logit / 2], dim=1)


def vegetation(scene: swath.Scene) -> Model:
    """NDVI as a model: it has nothing to be trained, and goes through the same engine as any other."""
    return swath.Model.wrap(
        Vegetation(),
        task="segmentation",
        like=scene,
        name="ndvi",
        classes=[
            ClassLabel(value=0, name="other", colour="#d9d2c5"),
            ClassLabel(value=1, name="vegetation", colour="#2e8b57"),
        ],
        source=("https://doi.org/10.1016/0034-4257(79)90013-0",),
    )


@dataclass(frozen=True)
class Job:
    """One prediction that the demo makes.

    Attributes:
        name: of its files.
        files: the imagery, a file per date.
        model: a name of `swath models`, or what makes a model for the scene.
        opened: arguments of `swath.open`.
        date: which date is looked at; None: all.
        settle: arguments of `swath.predict`.
        min_area: m² (pixels without a CRS) of the smallest shape.
        told: what the page says, as fields of `swath.predict.page.Part`.
    """

    name: str
    files: tuple[str, ...]
    model: str | Callable[[swath.Scene], Model]
    opened: Mapping[str, Any] = field(default_factory=dict)
    date: int | None = None
    settle: Mapping[str, Any] = field(default_factory=dict)
    min_area: float = 0.0
    told: Mapping[str, Any] = field(default_factory=dict)


JOBS = (
    Job(
        "vegetation_2015", ("paris_2015.tif", "paris_2018.tif"), vegetation, PAIR, date=0, min_area=1000,
        told={"title": "Vegetation in the south of Paris, 2015", "place": "South of Paris, France", "credit": COPERNICUS},
    ),
    Job(
        "vegetation_2018", ("paris_2015.tif", "paris_2018.tif"), vegetation, PAIR, date=1, min_area=1000,
        told={"title": "Vegetation in the south of Paris, 2018", "place": "South of Paris, France", "credit": COPERNICUS},
    ),
)  # fmt: skip


def predict(job: Job, out: Path) -> Part:
    """Carry a job out and say what it found."""
    began = time.perf_counter()
    scene = swath.open(*(DATA / name for name in job.files), **job.opened)
    scene = scene if job.date is None else scene.select(dates=job.date)
    model = job.model if isinstance(job.model, str) else job.model(scene)
    product = swath.predict(scene, model, **job.settle)
    saved = product.save(out / f"{job.name}.tif", overwrite=True)
    product.vectors(saved.with_suffix(".gpkg"), min_area=job.min_area, overwrite=True)
    product.look(str(saved.with_suffix(".png")))
    print(f"{job.told.get('title', job.name)}  ({time.perf_counter() - began:.1f} s)")
    for name, amount, unit in found(product):
        print(f"  {name:<14} {amount:>9,.1f} {unit}")
    return Part(product, min_area=job.min_area, **job.told)


def found(product: swath.Product) -> list[tuple[str, float, str]]:
    """How much there is of each class: hectares, or a share of the picture where nothing says how large a pixel is."""
    if product.grid.crs is not None:
        return [(name, hectares, "ha") for name, hectares in product.areas().items()]
    values, valid = product.read()
    return [(name, 100 * float((values[valid] == value).mean()), "%") for value, name in product.classes.items()]


def main(out: Path) -> None:
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    parts = [predict(job, out) for job in JOBS]
    page = write_page(
        out / "index.html",
        parts,
        title="What Swath sees",
        text="Real, free imagery that no shipped model was trained on. Drag the handle to compare, choose an area to go there.",
        overwrite=True,
    )
    print(f"\n{time.perf_counter() - started:.0f} s in all, for {len(JOBS)} maps. Open {page} in a browser.")
    print(f"Beside it in {out}: maps (.tif), shapes (.gpkg), pictures (.png), records (.stac.json).")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "demo")
