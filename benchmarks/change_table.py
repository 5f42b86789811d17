"""Networks for change under one recipe, as Markdown tables: same places, crops, augmentation, seen pixels, seeds.

    python benchmarks/change_table.py [--data FOLDER] [--networks NAME,...] [--sets NAME,...] [--steps N] [--crop PX]
        [--batch N] [--lr RATE] [--seeds N] [--folder DIR] [-o TABLE.md]
    python benchmarks/change_table.py --set FOLDER,LAYOUT ...      a set of one's own, in a published layout

The sets are the ones of `recipes/stsun-tiny-nc.yaml` that are labelled for change, with its places held out. Each
network is trained on each set alone, from random weights, `--seeds` times, and scored on whole scenes that it never
saw; scenes of all seeds are pooled, and in brackets is the 95 % interval over places. What is trained already in
`--folder` is not trained again. The second table tells what a network costs: parameters; multiply-adds of a pair of
256 x 256 px (of convolutions, matrix products and attention; scans are not counted); megapixels of one date per second
on this processor in float32 and in bfloat16; and how far memory rises for a pair of `--large` px.
"""

from __future__ import annotations

from fair import Table

TABLE = Table(
    about=__doc__ or "",
    networks=(
        "unet",
        "fc-ef",
        "fc-siam-conc",
        "fc-siam-diff",
        "snunet-cd-16",
        "tinycd",
        "bit",
        "sgsln-128",
        "stsun-tiny",
    ),
    scores={"f1": "F1", "iou": "IoU", "precision": "precision", "recall": "recall"},
    recipes=("stsun-tiny-nc",),
    task="change",
    given={"batch": 8, "crop": 128, "lr": 1e-3},
)

if __name__ == "__main__":
    TABLE.main()
