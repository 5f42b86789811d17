"""Weight files: nothing is run, nothing is guessed, nothing is half written, and every difference is told."""

from __future__ import annotations

import argparse
import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from swath.errors import CardError
from swath.models import Card, CardBand, Model, load
from swath.models.header import NetworkSpec, read_header
from swath.models.strict import load_strict
from swath.models.weights import hash_state, read_state, read_weights, save_weights

Make = Callable[..., nn.Module]


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_weights_card_and_network_come_back(tmp_path: Path, card: Card, plain: Make) -> None:
    state, spec = plain().state_dict(), NetworkSpec(name="plain", config={"channels": 4})
    path = save_weights(tmp_path / "größe 1.swath", state, card, network=spec)
    again, header = read_weights(path)
    assert equal(again, state)
    assert header == read_header(path)
    assert (header.card, header.network, header.hash) == (card, spec, hash_state(state))
    with safe_open(path, framework="pt") as file:
        assert set(file.metadata()) == {"swath_format", "swath_cards", "network", "hash"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["größe 1.swath"], "nothing else is left"
    mode = path.stat().st_mode & 0o777
    assert mode == 0o666 & ~_umask(), "readable by others as any other file"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_hash_is_of_the_numbers_and_not_of_the_file(plain: Make) -> None:
    state = plain().state_dict()
    assert hash_state(dict(reversed(state.items()))) == hash_state(state)
    transposed = {key: tensor.transpose(0, -1).contiguous().transpose(0, -1) for key, tensor in state.items()}
    assert hash_state(transposed) == hash_state(state), "the layout in memory does not count"
    key = next(iter(state))
    assert hash_state({**state, key: state[key] + 1e-6}) != hash_state(state)
    assert hash_state({**state, key: state[key].double()}) != hash_state(state)
    assert hash_state({**state, key: state[key].flatten()}) != hash_state(state)
    odd = {"empty": torch.zeros(0, 3), "scalar": torch.tensor(3), "half": torch.ones(2, dtype=torch.bfloat16)}
    # Spelled out, for records name weights by it and must do so for ever.
    spelled = b"empty|torch.float32|(0, 3)|" + b"half|torch.bfloat16|(2,)|\x80\x3f\x80\x3f"
    spelled += b"scalar|torch.int64|()|\x03\0\0\0\0\0\0\0"
    assert hash_state(odd) == hashlib.sha256(spelled).hexdigest()


def test_shared_and_odd_tensors_are_kept(tmp_path: Path, card: Card) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    state = {
        "a": whole,
        "b": whole,
        "row": whole[1],
        "turned": whole.T,
        "count": torch.tensor(7),
        "none": torch.zeros(0),
    }
    again, _ = read_weights(save_weights(tmp_path / "tied.swath", state, card))
    assert equal(again, state)


def test_half_precision_halves_the_file_and_is_read_as_float32(tmp_path: Path, unet: Model) -> None:
    for one in unet.network.buffers():
        if one.is_floating_point():
            one += 1e-5 * torch.rand_like(one)
    whole, half = unet.save(tmp_path / "whole.swath"), unet.save(tmp_path / "half.swath", dtype="float16")
    assert half.stat().st_size < 0.55 * whole.stat().st_size
    state, header = read_weights(half)
    assert (header.stored, read_header(whole).stored) == ("float16", "float32")
    assert header.hash == hash_state(state) != read_header(whole).hash
    again = load(half)
    assert (again.stored, again.hash, again.spec, again.card) == ("float16", header.hash, unet.spec, unet.card)
    parameters = dict(again.network.named_parameters())
    for name, now in again.network.state_dict().items():
        was = unet.network.state_dict()[name]
        assert now.dtype == was.dtype
        if name in parameters and now.ndim >= 2:
            assert state[name].dtype == torch.float16
            assert (now - was).abs().max() <= 2**-11 * was.abs().max()
        else:
            assert torch.equal(now, was), f"{name} is small and stays as it is"
    x = torch.rand(1, 1, 4, 64, 64)
    assert (again(x) - unet(x)).abs().max() < 0.01 * unet(x).std()
    assert read_header(again.save(tmp_path / "same.swath")).hash == again.hash, "what was loaded is saved as it was"
    assert again.with_card(name="other").hash == again.hash
    full = load(again.save(tmp_path / "full.swath", dtype="float32"))
    assert (full.stored, full.hash) == ("float32", hash_state(again.network.state_dict()))
    before = again.hash
    with torch.no_grad():
        next(again.network.parameters()).mul_(1 + 2**-20)
    assert again.hash != before, "a change too small for half precision is told all the same"
    assert load(again.save(tmp_path / "moved.swath")).hash == again.hash, "and kept: only save(dtype=) rounds"


def test_what_half_precision_cannot_hold_stays(tmp_path: Path, plain: Make, card: Card) -> None:
    network = plain()
    first, *_, last = (one for one in network.parameters() if one.ndim > 1)
    with torch.no_grad():
        first[0, 0, 0, 0] = 1e5
        last *= 1e-7 / last.abs().max()
    path = Model(network, card).save(tmp_path / "a.swath", dtype="float16")
    assert {one.dtype for one in read_weights(path)[0].values()} == {torch.float32}
    assert torch.equal(next(load(path, network=plain()).network.parameters()), first)
    with pytest.raises(CardError, match="stored as float32 or float16; 'int8' was asked for"):
        Model(network, card).save(tmp_path / "b.swath", dtype="int8")  # type: ignore[arg-type]
    save_file(network.state_dict(), tmp_path / "c.swath", {"swath_cards": "[]", "swath_format": "1", "stored": "int4"})
    with pytest.raises(CardError, match="stores its weights as int4, and this Swath reads float32 and float16"):
        read_header(tmp_path / "c.swath")


def test_damaged_and_foreign_files_are_told_in_one_line(tmp_path: Path, card: Card, plain: Make) -> None:
    good = save_weights(tmp_path / "good.swath", plain().state_dict(), card)
    blob = good.read_bytes()
    changed = bytearray(blob)
    changed[-3] ^= 0xFF
    (tmp_path / "short.swath").write_bytes(blob[: len(blob) // 2])
    (tmp_path / "changed.swath").write_bytes(changed)
    (tmp_path / "text.swath").write_text("hello, this is no weight file at all")
    (tmp_path / "empty.swath").write_bytes(b"")
    (tmp_path / "folder.swath").mkdir()
    save_file(plain().state_dict(), tmp_path / "bare.swath")
    save_file(plain().state_dict(), tmp_path / "new.swath", {"swath_cards": card.to_json(), "swath_format": "9"})
    save_file(plain().state_dict(), tmp_path / "odd.swath", {"swath_cards": "[{}]", "swath_format": "1"})
    for name, message in {
        "short": "not a safetensors file, or is cut short",
        "changed": "the weights are not those that were saved",
        "text": "not a safetensors file",
        "empty": "not a safetensors file",
        "folder": "there is no such weight file",
        "none": "there is no such weight file",
        "bare": r"holds weights but no card; .* Model\.build\(NAME, card=\.\.\.\)",
        "new": "is of format 9, and this Swath reads 1",
        "odd": r"name: Field required \(and 3 more\)",
    }.items():
        with pytest.raises(CardError, match=message) as caught:
            read_weights(tmp_path / f"{name}.swath")
        assert "\n" not in str(caught.value)
        assert f"{name}.swath" in str(caught.value)


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CardError, match="cannot write the weights"):
        save_weights(tmp_path / "no folder" / "a.swath", {"a": torch.ones(1)}, card)
    path = save_weights(tmp_path / "a.swath", {"a": torch.ones(1)}, card)
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        next(tmp_path.glob(".a.swath.*.part"), path)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("swath.models.weights.save_file", full)
    with pytest.raises(CardError, match="No space left on device"):
        save_weights(path, {"a": torch.zeros(1)}, card)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


class Evil:
    """Unpickling this makes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.target,))


def test_pickled_files_run_nothing(tmp_path: Path, plain: Make) -> None:
    state, trap = plain().state_dict(), tmp_path / "trap"
    torch.save({"epoch": 3, "state_dict": {f"model.{k}": v for k, v in state.items()}}, tmp_path / "good.ckpt")
    torch.save({"a": Evil(trap)}, tmp_path / "evil.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps({"a": Evil(trap)}))
    torch.save({"a": torch.ones(1), "args": argparse.Namespace(rate=1)}, tmp_path / "args.pth")
    torch.save(plain(), tmp_path / "whole.pt")
    (tmp_path / "short.pt").write_bytes((tmp_path / "good.ckpt").read_bytes()[:3000])
    (tmp_path / "text.pt").write_text("hello, this is no weight file")
    (tmp_path / "empty.pt").write_bytes(b"")
    torch.save({"epoch": 3}, tmp_path / "bare.pt")
    found = read_state(tmp_path / "good.ckpt")
    assert equal(found, {f"state_dict.model.{key}": tensor for key, tensor in state.items()})
    for name, message in {
        "evil.pt": "would have to run code",
        "plain.pt": "would have to run code|not a PyTorch file",
        "args.pth": r"run code to be read \(argparse.Namespace\), which is refused; .* save its state_dict\(\) alone",
        "whole.pt": "would have to run code",
        "short.pt": "not a PyTorch file, or is damaged",
        "text.pt": "not a PyTorch file, or is damaged",
        "empty.pt": "not a PyTorch file, or is damaged",
        "bare.pt": "holds no tensors",
        "none.pt": "there is no such weight file",
    }.items():
        with pytest.raises(CardError, match=message) as caught:
            read_state(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert not trap.exists()


def test_loading_is_all_or_nothing(plain: Make) -> None:
    network, other = plain(), plain()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    state = other.state_dict()
    report = load_strict(network, state)
    assert equal(network.state_dict(), state)
    assert (set(report.matched), report.adapted, report.missing, report.unexpected) == (set(state), (), (), ())
    assert report.hash == hash_state(state)
    assert str(report).startswith("4 tensors loaded as they are; weights ")

    load_strict(network, before)
    wrong = {**state, "9.weight": torch.ones(2), "2.bias": torch.ones(7)}
    del wrong["0.bias"]
    with pytest.raises(CardError) as caught:
        load_strict(network, wrong)
    assert str(caught.value) == (
        "the weights do not fit the network: 1 missing (0.bias (8,)); 1 unexpected (9.weight (2,)); "
        "1 of another shape (2.bias (7,) not (3,))"
    )
    assert equal(network.state_dict(), before)


def test_many_differences_are_counted(plain: Make) -> None:
    extra = {f"extra.{n}": torch.ones(n) for n in range(20)}
    with pytest.raises(CardError, match=r"20 unexpected \(extra\.0 \(0,\), .*extra\.7 \(7,\), and 12 more\)"):
        load_strict(plain(), {**plain().state_dict(), **extra})


def test_a_prefix_is_suggested_and_never_cut_off_in_silence(plain: Make, tmp_path: Path) -> None:
    network, other = plain(), plain()
    lightning = {
        "state_dict": {f"model.{k}": v for k, v in other.state_dict().items()},
        "loss": {"weight": torch.ones(3)},
    }
    torch.save(lightning, tmp_path / "last.ckpt")
    state = read_state(tmp_path / "last.ckpt")
    with pytest.raises(CardError, match=r"They would fit with prefix='state_dict\.model\.'$"):
        load_strict(network, state)
    load_strict(network, state, prefix="state_dict.model.")
    assert equal(network.state_dict(), other.state_dict())
    parallel = {f"module.{key}": tensor for key, tensor in other.state_dict().items()}
    with pytest.raises(CardError, match=r"prefix='module\.'"):
        load_strict(network, parallel)
    with pytest.raises(CardError, match="4 missing"):
        load_strict(network, state, prefix="nothing.")


def bands(*centres: float) -> list[CardBand]:
    return [CardBand(name=f"{c:g}", units="reflectance", wavelength=(c - 10, c, c + 10)) for c in centres]


def test_first_layers_are_adapted_by_wavelength(plain: Make) -> None:
    old, new = bands(660, 560, 480), bands(480, 520, 660, 860)
    source, network = plain(3), plain(4)
    state = source.state_dict()
    with pytest.raises(CardError, match=r"0\.weight \(8, 3, 3, 3\) not \(8, 4, 3, 3\)"):
        load_strict(network, state)
    report = load_strict(network, state, adapt=("bands",), bands=(old, new))
    red, green, blue = state["0.weight"].unbind(1)
    wanted = torch.stack([blue, (blue + green) / 2, red, red], 1) * 3 / 4
    torch.testing.assert_close(network.state_dict()["0.weight"], wanted)
    assert report.adapted == ("0.weight made for 4 bands from 3 by wavelength",)
    assert "0.weight" not in report.matched
    with pytest.raises(CardError, match="band VV has no wavelength"):
        load_strict(plain(1), state, adapt=("bands",), bands=(old, [CardBand(name="VV", units="db")]))


def test_heads_are_kept_or_left_out_when_said(plain: Make) -> None:
    network, source = plain(4, 3), plain(4, 7)
    own_head = network.state_dict()["2.weight"].clone()
    report = load_strict(network, source.state_dict(), adapt=("head",))
    assert report.missing == ("2.weight", "2.bias")
    assert report.adapted == ("2.weight, 2.bias kept as the network had them",)
    assert torch.equal(network.state_dict()["2.weight"], own_head)
    assert torch.equal(network.state_dict()["0.weight"], source.state_dict()["0.weight"])

    classifier = {**plain().state_dict(), "fc.weight": torch.ones(2), "fc.bias": torch.ones(2)}
    report = load_strict(network, classifier, adapt=("headless",))
    assert report.unexpected == ("fc.weight", "fc.bias")
    assert report.adapted == ("fc.weight, fc.bias left out",)

    with pytest.raises(CardError, match="3 unexpected"):
        load_strict(network, {**classifier, "other.weight": torch.ones(1)}, adapt=("headless",))
    wider = nn.Sequential(nn.Conv2d(4, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 5, padding=2))
    with pytest.raises(CardError, match="3 of another shape"):
        load_strict(network, wider.state_dict(), adapt=("head", "headless"))
    with pytest.raises(CardError, match="adapt='heads' is not known; there are bands, head, headless"):
        load_strict(network, classifier, adapt=("heads",))


def test_loading_says_nothing_and_leaves_random_numbers_alone(
    unet: Model, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = unet.save(tmp_path / "a.swath")
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    Model.load(path)
    assert torch.equal(torch.rand(3), wanted)
    assert capfd.readouterr() == ("", "")
