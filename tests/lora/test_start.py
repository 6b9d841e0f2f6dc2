"""Going on from an earlier LoRA: it begins where that one ended, or says why it cannot."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

from loranb import families
from loranb.errors import LoraFileError, SettingsError
from loranb.events import Step, Warned
from loranb.generate.loras import LoraRack
from loranb.lora.adapter import attach
from loranb.lora.file import load_lora, save_lora
from loranb.lora.sizes import Size
from loranb.lora.start import common_size
from loranb.settings import LoraSettings, Settings
from loranb.settings.conflicts import conflicts
from loranb.training.recipe import train
from loranb.training.run import Run

TYPES = ("dora", "lokr", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("lora", "loha")))


def predicted(model):
    with torch.no_grad():
        conditioning = model.family.encode(model, ["a red castle"], 1)
        noisy = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        return model.family.denoise(model.unet, noisy, torch.tensor([500]), conditioning)


def earlier(base, path, **options):
    """Write an earlier LoRA; returns what its model predicts."""
    model = families.load(str(base), torch.float32)
    adapter = attach(model, LoraSettings(**options))
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in adapter.layers:
            for weight in layer.weights.values():
                weight += 0.1 * torch.randn(weight.shape, generator=noise)
    save_lora(path, adapter.tensors(), {}, torch.float32)
    return predicted(model)


def going_on(base, path, **options):
    model = families.load(str(base), torch.float32)
    return model, attach(model, LoraSettings(start_from=str(path), **options))


@pytest.mark.parametrize("kind", TYPES)
def test_it_begins_where_the_other_ended(tiny_base, tmp_path, kind):
    options = {"type": kind, "rank": 2, "alpha": 1, "conv_rank": 2, "conv_alpha": 2}
    wanted = earlier(tiny_base, tmp_path / "a.safetensors", **options)
    model, adapter = going_on(tiny_base, tmp_path / "a.safetensors", **options)
    assert torch.equal(predicted(model), wanted)
    assert adapter.remarks == ()


@pytest.mark.parametrize("kind", TYPES)
def test_another_alpha_changes_how_it_learns_and_not_where_it_begins(tiny_base, tmp_path, kind):
    wanted = earlier(tiny_base, tmp_path / "a.safetensors", type=kind, rank=2, alpha=1)
    model, _ = going_on(tiny_base, tmp_path / "a.safetensors", type=kind, rank=2, alpha=8)
    assert torch.allclose(predicted(model), wanted, atol=1e-6)


@pytest.mark.parametrize("kind", TYPES)
def test_rank_and_layers_can_be_taken_over(tiny_base, tmp_path, kind):
    options = {"type": kind, "rank": 3, "alpha": 1, "conv_rank": 1, "text_encoder": False, "decompose_both": True}
    wanted = earlier(tiny_base, tmp_path / "a.safetensors", **options)
    both = {"decompose_both": True} if kind == "lokr" else {}
    model, adapter = going_on(tiny_base, tmp_path / "a.safetensors", type=kind, rank_from_start=True, **both)
    assert torch.allclose(predicted(model), wanted, atol=1e-6)
    tensors, _ = load_lora(tmp_path / "a.safetensors")
    made = adapter.tensors()
    assert made.keys() == tensors.keys()
    told = [name for name in tensors if kind != "lokr" or "alpha" not in name]  # nothing, where matrices are whole
    assert all(torch.equal(made[name], tensors[name]) for name in told)


def test_ranks_that_differ_from_layer_to_layer_are_taken_over(tiny_base, tmp_path):
    ranks = ",".join(str(1 + number % 3) for number in range(25))
    wanted = earlier(tiny_base, tmp_path / "a.safetensors", rank=4, block_ranks=ranks)
    model, _ = going_on(tiny_base, tmp_path / "a.safetensors", rank_from_start=True)
    assert torch.equal(predicted(model), wanted)


def test_a_file_of_diffusers_can_be_gone_on_from(tiny_base, tmp_path):
    from diffusers import StableDiffusionPipeline
    from diffusers.training_utils import _collate_lora_metadata
    from peft import get_peft_model_state_dict

    model = families.load(str(tiny_base), torch.float32)
    attach(model, LoraSettings(rank=2, alpha=1, text_encoder=False))
    for name, weight in model.unet.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    StableDiffusionPipeline.save_lora_weights(
        tmp_path,
        unet_lora_layers=get_peft_model_state_dict(model.unet),
        **_collate_lora_metadata({"unet": model.unet}),
    )
    file = tmp_path / "pytorch_lora_weights.safetensors"
    other, _ = going_on(tiny_base, file, rank=2, alpha=2)
    assert torch.allclose(predicted(other), predicted(model), atol=1e-6)


def by_peft(base, folder):
    """Save a LoRA of rank 4 and alpha 1 as peft does, alpha in a file beside it; returns what its model predicts."""
    model = families.load(str(base), torch.float32)
    config = LoraConfig(r=4, lora_alpha=1, target_modules=["to_q", "to_out.0"], init_lora_weights=False)
    get_peft_model(model.unet, config).save_pretrained(folder)
    return predicted(model)


def test_a_file_of_peft_is_as_strong_as_it_was(tiny_base, tmp_path):
    wanted, file = by_peft(tiny_base, tmp_path), tmp_path / "adapter_model.safetensors"
    model, _ = going_on(tiny_base, file, rank=4)
    assert torch.allclose(predicted(model), wanted, atol=1e-6)
    drawing = families.load(str(tiny_base), torch.float32)
    LoraRack(drawing).use({file: (1.0, 1.0)})
    assert torch.allclose(predicted(drawing), wanted, atol=1e-6)


@pytest.mark.parametrize("written", ["{", "[]", '{"lora_alpha": "x"}'])
def test_a_file_of_peft_whose_strength_cannot_be_read_is_refused(tiny_base, tmp_path, written):
    by_peft(tiny_base, tmp_path)
    (tmp_path / "adapter_config.json").write_text(written)
    with pytest.raises(LoraFileError, match="adapter_config.json cannot be read.*Get both files again"):
        going_on(tiny_base, tmp_path / "adapter_model.safetensors", rank=4)


def test_the_rank_that_is_taken_over_is_the_same_whatever_layers_are_called(tiny_base, tmp_path):
    by_peft(tiny_base, tmp_path)
    assert common_size(tmp_path / "adapter_model.safetensors") == Size(4, 1.0)


@pytest.mark.parametrize("form", ["{}.lora.{}.weight", "{}.lora_linear_layer.{}.weight"])
def test_files_of_older_diffusers_can_be_gone_on_from(tiny_base, tmp_path, form):
    by_peft(tiny_base, tmp_path)
    sides = {"lora_A": "down", "lora_B": "up"}
    older = {}
    for name, tensor in load_lora(tmp_path / "adapter_model.safetensors")[0].items():
        path, side, _ = name.removeprefix("base_model.model.").rsplit(".", 2)
        older[form.format(f"unet.{path}", sides[side])] = tensor
    save_file(older, tmp_path / "older.safetensors")
    drawing = families.load(str(tiny_base), torch.float32)
    LoraRack(drawing).use({tmp_path / "older.safetensors": (1.0, 1.0)})
    model, _ = going_on(tiny_base, tmp_path / "older.safetensors", rank=4)
    assert torch.allclose(predicted(model), predicted(drawing), atol=1e-6)


def test_layers_that_are_not_trained_any_more_are_told(tiny_base, tmp_path):
    earlier(tiny_base, tmp_path / "a.safetensors", rank=2)
    _, adapter = going_on(tiny_base, tmp_path / "a.safetensors", rank=2, text_encoder=False)
    assert len(adapter.remarks) == 1
    assert "will not be in the new LoRA" in adapter.remarks[0]
    assert "lora_te_text_model_encoder_layers_0_mlp_fc1" in adapter.remarks[0]


def test_a_lora_of_another_base_model_is_refused(tiny_base, tmp_path):
    tensors = {"lora_down.weight": torch.ones(16, 320), "lora_up.weight": torch.ones(320, 16)}
    key = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    save_file({f"{key}.{name}": tensor for name, tensor in tensors.items()}, tmp_path / "a.safetensors")
    with pytest.raises(LoraFileError, match=r"to have the shape \(16, 16\)"):
        going_on(tiny_base, tmp_path / "a.safetensors")
    save_file({f"lora_unet_x.{name}": tensor for name, tensor in tensors.items()}, tmp_path / "b.safetensors")
    with pytest.raises(LoraFileError, match="none of the layers"):
        going_on(tiny_base, tmp_path / "b.safetensors")


def test_a_burnt_out_lora_is_refused(tiny_base, tmp_path):
    earlier(tiny_base, tmp_path / "a.safetensors", rank=2)
    tensors, _ = load_lora(tmp_path / "a.safetensors")
    next(iter(tensors.values())).fill_(float("nan"))
    save_file(tensors, tmp_path / "b.safetensors")
    with pytest.raises(LoraFileError, match="holds what is no number.*an earlier epoch"):
        going_on(tiny_base, tmp_path / "b.safetensors", rank=2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lora.rank": 4}, r"lora.rank = 4, and .*a.safetensors has 2. Switch lora.rank_from_start on"),
        ({"lora.type": "loha"}, r"lora.type = 'loha', and .*a.safetensors holds lora"),
        ({"lora.start_from": "/nowhere/b.safetensors"}, "lora.start_from: /nowhere/b.safetensors cannot be read"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_made(small_project, tiny_base, tmp_path, changes, said):
    earlier(tiny_base, tmp_path / "a.safetensors", rank=2)
    asked = {"lora.rank": 2, "lora.start_from": str(tmp_path / "a.safetensors")} | changes
    with pytest.raises(SettingsError, match=said):
        Run.create(small_project, small_project.settings().assign_all(asked))
    assert list(small_project.runs_folder.iterdir()) == []


def test_a_rank_to_take_over_needs_a_file():
    assert "lora.start_from" in conflicts(Settings().assign("lora.rank_from_start", True))[0]


def test_a_run_goes_on_from_the_run_before_and_after_a_stop(small_project):
    before = Run.create(small_project, small_project.settings().assign("length.epochs", 1))
    list(train(before))
    changes = {"lora.start_from": str(before.lora_file()), "lora.rank_from_start": True, "lora.text_encoder": False}
    settings = small_project.settings().assign_all(changes | {"lora.rank": 16, "length.epochs": 1})
    whole = Run.create(small_project, settings)
    events = list(train(whole))
    assert any("will not be in the new LoRA" in event.message for event in events if isinstance(event, Warned))
    assert whole.settings().lora.rank == 4
    run = Run.create(small_project, settings)
    for event in train(run):
        if isinstance(event, Step) and event.step == 2:
            run.stop_file.touch()
    list(train(run))
    wanted, got = load_lora(whole.lora_file())[0], load_lora(run.lora_file())[0]
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)
