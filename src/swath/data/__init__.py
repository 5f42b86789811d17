"""Labelled data: a folder in any common form becomes samples for training. No torch.

    data = swath.data.open("labels/")
    print(swath.data.inspect(data).describe())
    parts = swath.data.split(data)
    sample = data.sample(data[parts.train[0]], np.s_[0:256, 0:256])

What a target holds: see `swath.data.sample.Target`.
"""

from swath.data.augment import Augment
from swath.data.crops import Crops
from swath.data.dataset import Dataset
from swath.data.inspection import inspect
from swath.data.item import ClassIndex, Item, Label
from swath.data.masks import MaskLabel, ValuesLabel
from swath.data.opening import open_folder as open
from swath.data.report import Finding, Report
from swath.data.sample import IGNORE, Boxes, Sample, Target
from swath.data.split_file import Split
from swath.data.splitting import split
from swath.data.torchgeo import from_torchgeo

__all__ = [
    "IGNORE",
    "Augment",
    "Boxes",
    "ClassIndex",
    "Crops",
    "Dataset",
    "Finding",
    "Item",
    "Label",
    "MaskLabel",
    "Report",
    "Sample",
    "Split",
    "Target",
    "ValuesLabel",
    "from_torchgeo",
    "inspect",
    "open",
    "split",
]
