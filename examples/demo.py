"""What Swath does today, on real imagery that lies in this repository: `make demo` (or `examples/demo.py FOLDER`).

Two Sentinel-2 images of the south of Paris (2015 and 2018; Copernicus, free) and a piece of ESA's WorldCover 2021. The
network is NDVI with its usual threshold: it has nothing to be trained, and goes through the same engine as any other.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn

import swath
from swath.models import ClassLabel

HERE = Path(__file__).resolve().parent.parent
DATA = HERE / "tests" / "data"
SENSOR = "sentinel-2-l1c@pre-04.00"


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


def main(out: Path) -> None:
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    pair = swath.open(DATA / "paris_2015.tif", DATA / "paris_2018.tif", sensor=SENSOR, dates=["2015", "2018"])
    print(pair, end="\n\n")
    pair.look(str(out / "paris.png"))
    swath.open(DATA / "worldcover_2021.tif").look(str(out / "worldcover.png"))

    model = swath.Model.wrap(
        Vegetation(),
        task="segmentation",
        like=pair.select(dates=0),
        classes=[
            ClassLabel(value=0, name="other", colour="#d9d2c5"),
            ClassLabel(value=1, name="vegetation", colour="#2e8b57"),
        ],
        source=("https://doi.org/10.1016/0034-4257(79)90013-0",),
    )
    print("vegetation by NDVI, in ha")
    for i, year in enumerate(pair.names):
        product = swath.predict(pair.select(dates=i), model)
        product.save(out / f"vegetation_{year}.tif", overwrite=True)
        product.vectors(out / f"vegetation_{year}.gpkg", classes=["vegetation"], min_area=1000, overwrite=True)
        product.look(str(out / f"vegetation_{year}.png"))
        print(f"  {year}  {product.areas()['vegetation']:6.1f}")

    print(f"\n{time.perf_counter() - started:.0f} s. Look into {out}:")
    for path in sorted(out.iterdir()):
        if not path.name.endswith(".aux.xml"):
            print(f"  {path.name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "demo")
