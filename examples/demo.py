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
from swath.models.registry import names
from swath.predict.page import Part, write_page

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
COPERNICUS = "Contains modified Copernicus Sentinel data (2015 to 2018)"
PAIR = {"sensor": "sentinel-2-l1c@pre-04.00"}


class Greenness(nn.Module):
    """How NDVI changed between two dates, as a network: `[B, 4, H, W]` (blue, green, red, nir) twice to logits.

    Tucker 1979, https://doi.org/10.1016/0034-4257(79)90013-0. What counts as a change is three times 0.05, about the
    noise of NDVI at the top of the atmosphere, which is also one step of the logistic function.

    Returns:
        `[B, 3, H, W]`: as it was, less green, greener.
    """

    noise = 0.05

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """Logits of the three."""
        steps = (self.ndvi(after) - self.ndvi(before)) / self.noise
        return torch.cat([torch.zeros_like(steps), -steps - 3, steps - 3], dim=1)

    @staticmethod
    def ndvi(image: Tensor) -> Tensor:
        """`[B, 1, H, W]`, -1 to 1."""
        red, nir = image[:, 2:3], image[:, 3:4]
        return (nir - red) / (nir + red).clamp_min(1e-6)


def greenness(scene: swath.Scene) -> Model:
    """A model that has nothing to be trained, and goes through the same engine as any other."""
    return swath.Model.wrap(
        Greenness(),
        task="change",
        like=scene,
        name="ndvi-change",
        title="Change of NDVI against a threshold",
        classes=[
            ClassLabel(value=0, name="as it was", colour="#d9d2c5"),
            ClassLabel(value=1, name="less green", colour="#d95f02"),
            ClassLabel(value=2, name="greener", colour="#1b9e77"),
        ],
        source=("https://doi.org/10.1016/0034-4257(79)90013-0",),
        notes=("nothing is trained: it follows the seasons as well as what was built or planted",),
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


NANTES = ("nantes_before.tif", "nantes_after.tif")
JOBS = (
    Job(
        "nantes_built",
        NANTES,
        "stsun-tiny-nc:urban-change",
        opened=PAIR,
        settle={"coregister": True},
        min_area=500,
        told={
            "title": "What was built in Nantes",
            "text": "Two Sentinel-2 images, some years apart. These weights learnt from five cities and miss more of "
            "what was built than they find: see the scores on their card.",
            "place": "Nantes, France",
            "credit": COPERNICUS,
        },
    ),
    Job(
        "nantes_greenness",
        NANTES,
        greenness,
        opened=PAIR,
        min_area=2000,
        told={
            "title": "Where Nantes became greener or less green",
            "text": "The same two images, compared by a vegetation index: it sees seasons, silt and clouds too.",
            "place": "Nantes, France",
            "credit": COPERNICUS,
        },
    ),
    Job(
        "kampala_buildings",
        ("kampala.tif",),
        "stsun-tiny:buildings",
        opened={"sensor": "drone-rgb"},
        min_area=4,
        told={
            "title": "Buildings of a school in Kampala",
            "text": "A drone photograph with pixels of 15 cm.",
            "place": "Kampala, Uganda",
            "credit": "Imagery: contributors of OpenAerialMap, CC BY 4.0",
        },
    ),
    Job(
        "dubai_landcover",
        ("dubai.tif",),
        "stsun-tiny:landcover",
        opened={"sensor": "aerial-rgb"},
        settle={"gsd": 0.5},
        min_area=60,
        told={
            "title": "Land cover in Dubai",
            "text": "A picture that nothing says the place or scale of: areas are counted in pixels.",
            "place": "Dubai, United Arab Emirates",
            "credit": "Imagery: Mohammed Bin Rashid Space Centre, through Humans in the Loop, CC0",
        },
    ),
)


def is_here(job: Job) -> bool:
    """Whether the job's model comes with this version."""
    return not isinstance(job.model, str) or job.model.partition(":")[0] in names(weights=True)


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
    jobs = [job for job in JOBS if is_here(job)]
    parts = [predict(job, out) for job in jobs]
    page = write_page(
        out / "index.html",
        parts,
        title="What Swath sees",
        text="Real imagery that no shipped weights have seen. Drag the handle to compare, choose an area to see it.",
        overwrite=True,
    )
    print(f"\n{time.perf_counter() - started:.0f} s in all, for {len(jobs)} maps. Open {page} in a browser.")
    print(f"Beside it in {out}: maps (.tif), shapes (.gpkg), pictures (.png), records (.stac.json).")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "demo")
