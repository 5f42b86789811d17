"""Swath: `swath.predict(...).save(...)`, from the file of the scene to the files of the map.

Timed: planning, reading, the network, stitching, and writing the map as a COG with confidence, validity and record.
Not timed: what is found out once for a model and remembered (how far the network sees, whether bfloat16 is faster);
a map of one tile, made before, sees to that.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from measure import CLASSES, DIVISOR, TILE, job, measure, network

import swath
from swath.models.card import MeanStd

told = job()
scene = swath.open(told.scene)
model = swath.Model.wrap(
    network(told),
    task="segmentation",
    like=scene,
    classes=[f"class {value}" for value in range(CLASSES)],
    normalisation=MeanStd(mean=0.0, std=DIVISOR),
)
model = model.with_card(field=model.probe_field())
out = Path(told.out)
swath.predict(scene, model, extent=np.s_[0:TILE, 0:TILE], **told.options).save(out.with_name("first_" + out.name))

measure(lambda: swath.predict(scene, model, **told.options).save(out), version=swath.__version__)
