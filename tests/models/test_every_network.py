"""Every registered network, by name: it runs, learns, takes odd sizes, stands bfloat16, is saved and loaded equal."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from swath.models import Card, DatesRule, Layer, Model, Output, find, load, names
from swath.models.calling import call_network
from swath.models.card import Task
from swath.models.registry import Entry

QUICK: dict[str, dict[str, Any]] = {
    "btc": {"width": 16, "depths": [1, 1, 1, 1], "heads": [1, 2, 4, 8], "window": 4, "hidden": 32},
    "btc-base": {"width": 16, "depths": [1, 1, 1, 1], "heads": [1, 2, 4, 8], "window": 4, "hidden": 32},
    "btc-tiny": {"width": 16, "depths": [1, 1, 1, 1], "heads": [1, 2, 4, 8], "window": 4, "hidden": 32},
    "cdmaskformer": {"layers": 5},
    "ddpmcd": {"inner": 32, "multipliers": [1, 1, 2, 2], "blocks": 1, "steps": [50, 400]},
    "lenet": {"width": 16, "depths": [1, 1, 1, 1], "heads": [1, 2, 4, 8], "hidden": 64},
    "unet": {"encoder": "mobilenet_v2", "decoder_options": {"decoder_channels": [32, 16, 16, 8, 8]}},
    "unetplusplus": {
        "encoder": "mobilenet_v2",
        "decoder_options": {"decoder_channels": [32, 16, 16, 8, 8]},
    },
    "fpn": {
        "encoder": "mobilenet_v2",
        "decoder_options": {"decoder_pyramid_channels": 32, "decoder_segmentation_channels": 32},
    },
    "deeplabv3plus": {"encoder": "mobilenet_v2", "decoder_options": {"decoder_channels": 32}},
    "stsun": {"widths": [16, 24, 32, 48], "encoder_depths": [1, 1, 1, 1], "decoder_depths": [1, 1, 1, 0]},
    "stsun-small": {"widths": [16, 24, 32, 48], "encoder_depths": [1, 1, 1, 1], "decoder_depths": [1, 1, 1, 0]},
    "stsun-base": {"widths": [16, 24, 32, 48], "encoder_depths": [1, 1, 1, 1], "decoder_depths": [1, 1, 1, 0]},
    "stsun-paper": {"width": 64, "unified": 8, "heads": 4, "windows": [[4, 1], [2, 2], [1, 4]], "image_size": 32},
    "sgsln": {"widths": [8, 16, 32, 64, 128]},
    "sgsln-512": {"widths": [8, 16, 32, 64, 128]},
    "changeformer": {"widths": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "decoder_width": 16},
    "mapformer": {
        "widths": [8, 16, 24, 32],
        "depths": [1, 1, 1, 1],
        "heads": [1, 2, 2, 4],
        "width": 16,
        "mixtures": 3,
    },
    "rsbuilding": {"width": 32, "depth": 2, "heads": 4, "whole": [1], "image_size": 64, "decoder_width": 32},
    "rsbuilding-vit-b": {"width": 32, "depth": 2, "heads": 4, "whole": [1], "image_size": 64, "decoder_width": 32},
    "rsbuilding-vit-l": {"width": 32, "depth": 2, "heads": 4, "whole": [1], "image_size": 64, "decoder_width": 32},
    **{
        f"rsbuilding-swin-{size}": {
            "width": 8,
            "depth": [2, 1, 1, 1],
            "heads": [1, 2, 4, 8],
            "window": 4,
            "decoder_width": 32,
        }
        for size in "tb"
    },
    "snunet-cd": {"width": 4},
    "snunet-cd-16": {"width": 4},
    "snunet-cd-32": {"width": 4},
    "snunet-cd-48": {"width": 8},
    "rsm-cd": {"width": 8, "depths": [1, 1, 1, 1], "states": 2},
    "rsm-ss": {"width": 8, "depths": [1, 1, 1, 1], "states": 2},
    **{
        f"lwganet{kind}{size}": {"width": 16, "depths": [1, 1, 1, 1]}
        for kind in ("", "-unetformer", "-a2net")
        for size in ("", "-l0", "-l1", "-l2")
    },
    **{f"rsmamba{size}": {"width": 32, "depth": 2, "image_size": 64} for size in ("", "-b", "-l", "-h")},
    "farseg": {"encoder": "resnet18", "pyramid_width": 32, "decoder_width": 16},
    "utae": {"widths": [16, 16, 16], "decoder_widths": [8, 8, 16], "inner": 32, "heads": 4},
    "deeptrinet": {"width": 16},
    "tempcnn": {"width": 8, "dense": 16},
    "ltae": {"width": 32, "inner": 32, "heads": 4, "keys": 4, "decoder": [16]},
    **{
        f"cloud-adapter{size}": {
            "foundation": "vit_small_patch14_dinov2",
            "foundation_options": {"depth": 4, "embed_dim": 32, "num_heads": 2},
            "image_size": 64,
            "context": 8,
            "queries": 5,
            "layers": 3,
        }
        for size in ("", "-small", "-base", "-large")
    },
    **{
        f"urbansam{size}": {
            "width": 32,
            "depth": 4,
            "heads": 2,
            "whole": [1, 3],
            "window": 2,
            "image_size": 64,
            "neck": 32,
            "adapter_width": 8,
        }
        for size in ("", "-b", "-l", "-h")
    },
    "fusu": {
        "width": 8,
        "exchanges": [1, 1, 1],
        "blocks": 1,
        "series_widths": [16, 16],
        "series_decoder_widths": [8, 16],
        "inner": 32,
        "heads": 4,
    },
    "hpcl-net": {"encoder": "resnet18", "width": 16, "embedding": 8, "queue": 32},
    "timf": {"widths": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "heads": [1, 2, 2, 4], "decoder_width": 16},
    **{
        f"unetpp-efficientnet{size}": {"size": "b0", "decoder_widths": [32, 16, 16, 8, 8]}
        for size in ("", "-b0", "-b1", "-b2", "-b3", "-b4")
    },
    "unet3d": {"width": 2},
    "convlstm": {"width": 16},
    **{
        f"mamba{kind}{size}": {"width": 8, "depths": [1, 1, 1, 1], "hidden": 8}
        for kind in ("bcd", "scd", "bda")
        for size in ("", "-tiny", "-small", "-base")
    },
}
"""Arguments with which a network that is large as it stands is quick to run; every other one runs as it is."""

CONTEXT = ("wavelengths", "days", "gsd", "task", "classes")


def made(entry: Entry, task: Task, card: Card) -> Model:
    """The network with a card for a task, made from what its arguments say."""
    quick = QUICK.get(entry.name, {})
    by_number = {"in_channels": 3, "classes": 1}
    with torch.device("meta"):
        shown = entry.build(**quick, **{key: value for key, value in by_number.items() if key in entry.arguments})
    parameters = inspect.signature(shown.forward).parameters
    several = len(parameters.keys() - set(CONTEXT)) > 1
    given: Literal["axis", "arguments", "channels"] = "channels" if entry.stacks else "arguments" if several else "axis"
    labels = card.output.classes
    outputs = {
        "change": Output(kind="binary", classes=labels[:2]),
        "semantic-change": Output(kind="semantic-change", classes=labels),
        "classification": Output(kind="labels", classes=labels),
        "regression": Output(kind="values", layers=(Layer(name="height", units="metre"),)),
        "pretraining": Output(kind="values", layers=(Layer(name="error", units="1"),)),
    }
    dates = DatesRule(min=2, max=2, given=given) if "change" in task else DatesRule()
    for_task = card.with_(
        name=entry.name,
        task=task,
        inputs=(card.inputs[0].model_copy(update={"dates": dates}),),
        output=outputs.get(task, card.output),
        takes=tuple(key for key in CONTEXT if key in parameters),
    )
    return Model.build(entry.name, card=for_task, **quick)


def answers(model: Model, x: Tensor) -> list[Tensor]:
    """What the network gives for `[B, T, C, H, W]`, gradients and all."""
    given = model.card.inputs[0]
    about = {
        "wavelengths": torch.tensor([band.wavelength[1] for band in given.bands if band.wavelength]),
        "days": torch.arange(x.shape[1]) * 30.0,
        "gsd": 10.0,
    }
    answer = call_network(model.network, model.card, [x], about)
    return [answer] if isinstance(answer, Tensor) else list(answer)


def shapes(card: Card, batch: int, height: int, width: int) -> list[tuple[int, ...]]:
    """What the card says of the answer."""
    scale, count = card.output.scale, card.output.channels
    size = () if scale is None else (int(height * scale), int(width * scale))
    counts = [1, count, count] if card.task == "semantic-change" else [count]
    return [(batch, channels, *size) for channels in counts]


def off(found: list[Tensor], wanted: list[Tensor]) -> float:
    """By how much the worst part is off, as a share of its size (root mean squares)."""
    return max(
        float(((one.float() - other).square().mean() / other.square().mean().clamp_min(1e-12)).sqrt())
        for one, other in zip(found, wanted, strict=True)
    )


@pytest.mark.parametrize("name", names())
def test_every_network(name: str, card: Card, tmp_path: Path) -> None:
    torch.manual_seed(0)
    entry = find(name)
    lacking: set[str] | None = None
    for task in entry.tasks[-1:] if entry.config else entry.tasks:  # sizes of a network differ in numbers alone
        model = made(entry, task, card)
        dates, multiple = model.card.inputs[0].dates.min, model.card.tile.multiple
        x = torch.randn(2, dates, 4, 64, 96 if 96 % multiple == 0 else 64)
        with torch.inference_mode():
            found = answers(model, x)
            assert [tuple(part.shape) for part in found] == shapes(model.card, *x.shape[:1], *x.shape[3:])
            assert all(part.isfinite().all() for part in found)
            assert off(answers(model, x[1:]), [part[1:] for part in found]) < 1e-4, "tiles of a batch are apart"
            if not model.card.tile.fixed:
                odd = (65, 83) if multiple == 1 else (64 + multiple, 64)
                tile = answers(model, torch.randn(1, dates, 4, *odd))
                assert [tuple(part.shape) for part in tile] == shapes(model.card, 1, *odd)
            with torch.autocast("cpu", torch.bfloat16):
                assert off(answers(model, x), found) < 0.1

        assert Card.parse(model.card.to_json()) == model.card
        again = load(model.save(tmp_path / "a.swath"))
        assert (again.card, again.spec, again.hash) == (model.card, model.spec, model.hash)
        assert again.report is not None
        assert len(again.report.matched) == len(model.network.state_dict())
        with torch.inference_mode():
            assert all(torch.equal(one, other) for one, other in zip(answers(again, x), found, strict=True))

        model.network.train()
        torch.stack([part.square().mean() for part in answers(model, x)]).sum().backward()
        learnt = ((key, one) for key, one in model.network.named_parameters() if one.requires_grad)
        slopes = {key: parameter.grad for key, parameter in learnt}
        assert all(slope is None or slope.isfinite().all() for slope in slopes.values())
        idle = {key for key, slope in slopes.items() if slope is None}
        lacking = idle if lacking is None else lacking & idle
    assert not lacking, "what no task learns need not be there"
