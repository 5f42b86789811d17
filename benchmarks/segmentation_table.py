"""Networks for segmentation under one recipe, as Markdown tables: same places, crops, augmentation, seen pixels, seeds.

    python benchmarks/segmentation_table.py [--data FOLDER] [--networks NAME,...] [--sets NAME,...] [--steps N]
        [--crop PX] [--batch N] [--lr RATE] [--seeds N] [--folder DIR] [-o TABLE.md]
    python benchmarks/segmentation_table.py --set FOLDER,LAYOUT ...      a set of one's own, in a published layout

The sets are those of `recipes/stsun-tiny.yaml`, with its places held out, and the crops of AgriFieldNet (12 bands,
few pixels labelled), three tenths of its places held out. How networks are trained and scored, and what their costs
mean, is as in `change_table.py`, of images in place of pairs; IoU and F1 of several classes are means over them.
"""

from __future__ import annotations

from fair import Table
from swath.train.recipe import SetRecipe

TABLE = Table(
    about=__doc__ or "",
    networks=("unet", "unetplusplus", "deeplabv3plus", "farseg", "lwganet-unetformer-l0", "deeptrinet", "stsun-tiny"),
    scores={"iou": "IoU", "f1": "F1", "accuracy": "accuracy"},
    recipes=("stsun-tiny",),
    task="segmentation",
    given={"batch": 8, "crop": 128, "lr": 1e-3},
    more=(SetRecipe(folder="agrifieldnet", skill="crops", task="segmentation", val=0.1, test=0.3),),
)

if __name__ == "__main__":
    TABLE.main()
