"""Checkpoints that are pickles: their tensors are read, and nothing in them is called."""

import builtins
import io
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from loranb import families
from loranb.errors import ModelError
from loranb.families._checkpoint import open_checkpoint


class Callback:
    """What a trainer leaves in its checkpoints besides: an object of a class that is not to be had here."""

    def __init__(self):
        self.best, self.seen = 0.5, [1, 2]


def with_pickle(file: Path, payload: bytes, out: Path) -> Path:
    """Copy an archive of torch's with another pickle in it."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, payload if name.endswith("data.pkl") else old.read(name))
    return out


@pytest.fixture
def small(tmp_path) -> Path:
    torch.save({"state_dict": {"a": torch.arange(6.0).reshape(2, 3)}}, tmp_path / "small.ckpt")
    return tmp_path / "small.ckpt"


def test_a_ckpt_with_a_trainers_objects_gives_the_same_model_as_the_safetensors_file(tiny_sd1_file, tmp_path):
    held = {
        "state_dict": load_file(tiny_sd1_file),
        "global_step": 470000,
        "callbacks": {Callback: {"object": Callback(), "steps": [1, 2, 3], "set": {1, 2}}},
        "optimizer_states": [torch.optim.AdamW([torch.nn.Parameter(torch.zeros(2))]).state_dict()],
    }
    torch.save(held, tmp_path / "model.ckpt")
    ours, theirs = (families.load(str(f), torch.float32) for f in (tmp_path / "model.ckpt", tiny_sd1_file))
    for one, other in zip(ours.parts(), theirs.parts(), strict=True):
        expected = other.state_dict()
        assert all(torch.equal(tensor, expected[name]) for name, tensor in one.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64])
def test_tensors_are_read_as_torch_reads_them(tmp_path, dtype):
    base = torch.arange(24).to(dtype)
    tensors = {
        "whole": base.reshape(2, 3, 4),
        "part": base[5:11],
        "turned": base.reshape(4, 6).T,
        "alone": base[3],
        "none": base[:0],
        "parameter": torch.nn.Parameter(base.float()),
    }
    torch.save(tensors, tmp_path / "it.ckpt")
    file = open_checkpoint(tmp_path / "it.ckpt")
    expected = torch.load(tmp_path / "it.ckpt", weights_only=True)
    assert file.shapes == {name: tuple(tensor.shape) for name, tensor in expected.items()}
    assert all(torch.equal(file.tensor(name), tensor) for name, tensor in expected.items())


class Evil:
    def __init__(self, function, *arguments):
        self.made_of = function, arguments

    def __reduce__(self):
        return self.made_of


@pytest.mark.parametrize("where", ["instead", "beside", "as a name", "as a state"])
def test_a_hostile_pickle_calls_nothing(small, tmp_path, where, monkeypatch):
    trap = tmp_path / "caught"
    evil = Evil(os.system, f"touch {trap}")
    held = {
        "instead": evil,
        "beside": {"state_dict": {"a": 1}, "callbacks": [evil, Evil(exec, f"open({str(trap)!r}, 'w')")]},
        "as a name": {Evil(eval, f"open({str(trap)!r}, 'w')"): 1},
        "as a state": {"state_dict": Evil(builtins.__import__, "antigravity")},
    }[where]
    with pytest.raises(ModelError, match="holds no tensors"):
        open_checkpoint(with_pickle(small, pickle.dumps(held), tmp_path / "evil.ckpt"))
    assert not trap.exists()


def test_a_hostile_pickle_cannot_change_what_reads_the_next_one(small, tmp_path):
    # BUILD sets attributes: of whatever the pickle names it gets the stand-ins alone, and those cannot be changed
    for name in (
        "torch._utils\n_rebuild_tensor_v2",
        "torch._utils\n_rebuild_parameter",
        "os\nsystem",
        "collections\nOrderedDict",
    ):
        payload = b"c" + name.encode() + b"\n(N}(X\x08\x00\x00\x00__call__K\x01X\x07\x00\x00\x00__new__K\x01utb."
        with pytest.raises(ModelError):
            open_checkpoint(with_pickle(small, payload, tmp_path / "evil.ckpt"))
    assert torch.equal(open_checkpoint(small).tensor("a"), torch.arange(6.0).reshape(2, 3))


def test_numbers_outside_their_storage_are_not_read(tmp_path, small):
    class Numbers(pickle.Pickler):
        def persistent_id(self, thing):
            return ("storage", torch.FloatStorage, "0", "cpu", 6) if thing == "numbers" else None

    for offset, shape, stride in ((4, (2, 3), (3, 1)), (0, (3, 3), (3, 1)), (-1, (2,), (1,)), (0, (2,), (-1,))):
        out = io.BytesIO()
        tensor = Evil(torch._utils._rebuild_tensor_v2, "numbers", offset, shape, stride, False, {})
        Numbers(out, 2).dump({"a": tensor})
        file = open_checkpoint(with_pickle(small, out.getvalue(), tmp_path / "it.ckpt"))
        with pytest.raises(ModelError, match="a is not all there"):
            file.tensor("a")


def test_damage_is_told(small, tmp_path):
    whole = small.read_bytes()
    for name, data, said in (
        ("cut.ckpt", whole[: len(whole) // 2], "cut off"),
        ("old.ckpt", pickle.dumps({"a": 1}), "before 1.6"),
        ("page.ckpt", b"<!doctype html>", "cut off"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ModelError, match=said):
            open_checkpoint(tmp_path / name)
    with pytest.raises(ModelError, match="is damaged"):
        open_checkpoint(with_pickle(small, b"\x80\x02}q", tmp_path / "short.ckpt"))
