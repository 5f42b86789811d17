"""One network on one device: memory that does not suffice, views, precision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import swath
from swath.errors import PredictError
from swath.models.model import Model
from swath.models.remember import recall
from swath.predict import precision, predict
from swath.predict.forward import VIEWS, Forward, batch_size, devices_of, lanes_of, out_of_memory
from swath.predict.match import match
from swath.predict.plan import Plan
from swath.predict.work import Work
from swath.tasks import OutputOptions, task_for

from .toys import Coarser, Finer, large, model


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWATH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def scene(shared_data: Path) -> swath.Scene:
    return large(shared_data, 300, 280)


class Small(Coarser):
    """Has memory for so many pixels at once, as a GPU or a processor would say it."""

    room = 4 * 64 * 64
    error: type[BaseException] = torch.OutOfMemoryError
    said = "CUDA out of memory. Tried to allocate 20.00 MiB"

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] * x.shape[2] * x.shape[3] > self.room:
            raise self.error(self.said)
        self.seen.append(len(x))
        return super().forward(x)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 20.00 MiB"),
        (RuntimeError, "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried"),
        (MemoryError, "Unable to allocate 3.9 GiB"),
    ],
)
def test_a_smaller_batch_is_tried_and_kept(scene: swath.Scene, error: type[BaseException], said: str) -> None:
    own = model("coarser", scene)
    expected = predict(scene, own, tile=64, precision="float32").read()
    network = Small()
    network.load_state_dict(own.network.state_dict())
    network.error, network.said = error, said
    found = predict(scene, replace(own, network=network), tile=64, batch=16, precision="float32").read()
    np.testing.assert_array_equal(found[0], expected[0])
    assert set(network.seen) == {4}


def test_a_tile_that_does_not_fit_alone_is_said(scene: swath.Scene) -> None:
    own = model("coarser", scene)
    network = Small()
    network.room = 100
    with pytest.raises(PredictError, match=r"single tile of 64 x 64 px does not fit.*cpu.*tile=32"):
        predict(scene, replace(own, network=network), tile=64).read()


def test_other_errors_of_the_network_are_not_taken_for_memory(scene: swath.Scene) -> None:
    own = model("coarser", scene)
    network = Small()
    network.room, network.error, network.said = 100, RuntimeError, "mat1 and mat2 shapes cannot be multiplied"
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        predict(scene, replace(own, network=network), tile=64).read()
    assert not out_of_memory(ValueError("bad value"))


def test_views_are_the_eight_symmetries_of_a_square() -> None:
    x = torch.arange(24.0).reshape(1, 2, 3, 4)
    seen = {tuple(view.apply(x).flatten().tolist()) + tuple(view.apply(x).shape) for view in VIEWS}
    assert len(seen) == 8
    for view in VIEWS:
        torch.testing.assert_close(view.undo(view.apply(x)), x)


def test_a_batch_that_is_not_full_gives_the_same(scene: swath.Scene) -> None:
    own = model("finer", scene)
    forward = Forward(own, task_for(own.card), torch.device("cpu"))
    values, _ = scene.read(np.s_[0:64, 200:264])
    one = forward([[values]], 4)
    four = forward([[values]] * 4, 4)
    assert len(one) == 1
    assert len(four) == 4
    np.testing.assert_array_equal(one[0].mean, four[0].mean)
    np.testing.assert_allclose(one[0].mean.sum(axis=0), 1, atol=1e-5)


def test_batches_fill_the_processor_and_do_not_grow_with_the_tile(scene: swath.Scene) -> None:
    own = model("finer", scene)
    forward = Forward(own, task_for(own.card), torch.device("cpu"))
    sizes = [batch_size((side, side), 1000, forward, list) for side in (32, 64, 256, 512, 1024)]
    assert sizes == [64, 64, 4, 1, 1]
    assert batch_size((64, 64), 3, forward, list) == 2


def test_the_network_is_left_as_it_was(scene: swath.Scene) -> None:
    own = model("finer", scene)
    before = {key: value.clone() for key, value in own.network.state_dict().items()}
    strides = [value.stride() for value in own.network.parameters()]
    predict(scene, own, tile=128, device=["cpu", "cpu"]).read()
    assert [value.stride() for value in own.network.parameters()] == strides
    for key, value in own.network.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


def work_of(own: Model, scene: swath.Scene) -> Work:
    feed = match(scene, own.card)
    return Work(own, feed, Plan.of(feed.grid, own.card, tile=128), OutputOptions(), device=("cpu",))


def times(faster: float) -> Any:
    return lambda forward, tile: 1.0 if forward.precision == "float32" else faster


@pytest.mark.parametrize(("faster", "chosen"), [(0.5, "bfloat16"), (0.95, "float32")])
def test_bfloat16_is_taken_where_it_is_faster_and_remembered(
    scene: swath.Scene, monkeypatch: pytest.MonkeyPatch, faster: float, chosen: str
) -> None:
    own = model("finer", scene)
    monkeypatch.setattr(precision, "_has_bfloat16", lambda device: True)
    monkeypatch.setattr(precision, "_seconds", times(faster))
    monkeypatch.setattr(precision, "SAME", 0.95)  # random weights are less sure than trained ones
    work = work_of(own, scene)
    assert precision.fitting_precision(work) == chosen
    monkeypatch.setattr(precision, "_seconds", times(0.01 if chosen == "float32" else 2))
    assert precision.fitting_precision(work) == chosen
    kept = list(Path(str(recall.__globals__["cache_dir"]())).rglob("precision/*"))
    assert [one.read_text() for one in kept] == [chosen]


def test_bfloat16_is_not_taken_where_classes_change(scene: swath.Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    class Doubtful(Finer):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * 0 + torch.arange(5.0).view(1, 5, 1, 1) * 1e-6 + super().forward(x) * 1e-3

    own = replace(model("finer", scene), network=Doubtful().eval())
    monkeypatch.setattr(precision, "_has_bfloat16", lambda device: True)
    monkeypatch.setattr(precision, "_seconds", times(0.1))
    assert precision.fitting_precision(work_of(own, scene)) == "float32"


def test_bfloat16_gives_nearly_the_same_map_when_asked_for(scene: swath.Scene) -> None:
    own = model("finer", scene)
    full = predict(scene, own, precision="float32", probabilities="float32")
    half = predict(scene, own, precision="bfloat16", probabilities="float32")
    gap = np.abs(full.read(key="probabilities")[0] - half.read(key="probabilities")[0])
    assert 0 < np.nanmax(gap) < 0.03
    assert half.record is not None
    assert half.record["swath:options"]["precision"] == "bfloat16"
    assert predict(scene, own, exact=True).record["swath:options"]["precision"] == "float32"  # type: ignore[index]


def test_devices_are_found_or_refused() -> None:
    assert devices_of(["cpu", "cpu"]) == [torch.device("cpu")] * 2
    assert devices_of("cpu") == [torch.device("cpu")]
    assert devices_of(None)
    with pytest.raises(PredictError, match="device=nonsense cannot be used"):
        devices_of("nonsense")


def test_lanes_share_a_processor_and_bound_what_is_in_flight() -> None:
    cpu, before = torch.device("cpu"), torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        assert lanes_of(cpu, (512, 512)) == [1, 1, 1, 1]
        assert lanes_of(cpu, (768, 768)) == [4]
        assert lanes_of(cpu, (4096, 4096)) == [4]
        torch.set_num_threads(10)
        assert lanes_of(cpu, (512, 512)) == [2, 2, 2, 2]
        assert lanes_of(torch.device("cuda", 0), (512, 512)) == [None]
    finally:
        torch.set_num_threads(before)


def test_a_mosaic_is_the_same_in_one_lane_and_in_several(scene: swath.Scene) -> None:
    own, before = model("finer", scene), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = predict(scene, own, tile=64, precision="float32").read()
        torch.set_num_threads(3)
        several = predict(scene, own, tile=64, precision="float32").read()
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    for got, expected in zip(several, one, strict=True):
        np.testing.assert_array_equal(got, expected)
