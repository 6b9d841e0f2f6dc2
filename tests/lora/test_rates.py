"""Blocks of the U-Net, counted as kohya's trainer does, and what learns at which rate."""

import math
import re

import pytest
import torch

from loranb import families
from loranb.errors import SettingsError
from loranb.lora.adapter import attach
from loranb.lora.targets import unet_targets
from loranb.settings import LoraSettings, OptimizerSettings, Settings
from loranb.settings.blocks import SD, SDXL, all_rates, block_of, rates
from loranb.settings.conflicts import conflicts
from loranb.training.optimizers import choose, learning_rates, make_optimizer, restore, set_learning_rates
from loranb.training.recipe import train
from loranb.training.run import Run

CPU = torch.device("cpu")


@pytest.fixture
def model(tiny_base):
    return families.load(str(tiny_base), torch.float32)


@pytest.mark.parametrize(
    ("key", "blocks", "number"),
    [
        ("lora_unet_down_blocks_0_attentions_0_proj_in", SD, 1),
        ("lora_unet_down_blocks_0_downsamplers_0_conv", SD, 3),
        ("lora_unet_down_blocks_1_attentions_1_proj_in", SD, 5),
        ("lora_unet_down_blocks_3_resnets_1_conv1", SD, 11),
        ("lora_unet_mid_block_attentions_0_proj_in", SD, 12),
        ("lora_unet_up_blocks_0_resnets_0_conv1", SD, 13),
        ("lora_unet_up_blocks_1_attentions_2_proj_in", SD, 18),
        ("lora_unet_up_blocks_3_attentions_2_proj_in", SD, 24),
        ("lora_unet_input_blocks_4_1_proj_in", SDXL, 5),
        ("lora_unet_input_blocks_8_1_proj_in", SDXL, 9),
        ("lora_unet_middle_block_1_proj_in", SDXL, 11),
        ("lora_unet_output_blocks_0_1_proj_in", SDXL, 13),
        ("lora_unet_output_blocks_8_0_in_layers_2", SDXL, 21),
    ],
)
def test_a_layers_block_is_the_one_that_kohyas_trainer_counts(key, blocks, number):
    assert block_of(key) == (blocks, number)


def test_the_blocks_of_sd_15_with_a_lora_are_those_that_block_weights_are_known_by():
    """IN01, IN02, IN04, IN05, IN07, IN08, M00 and OUT03 to OUT11, as the web UIs' block weights name them."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8)
    found = {block_of("lora_unet_" + path.replace(".", "_")) for path in unet_targets(unet)}
    assert found == {(SD, number) for number in (1, 2, 4, 5, 7, 8, 12, *range(16, 25))}


def test_a_text_encoders_layer_is_in_no_block():
    assert block_of("lora_te_text_model_encoder_layers_0_mlp_fc1") is None


@pytest.mark.parametrize(
    ("text", "length", "wanted"),
    [
        ("1,0.5,,2", 4, [1, 0.5, 0, 2]),
        ("0.5", 3, [0.5, 1, 1]),
        ("1,2,3,4", 3, [1, 2, 3]),
        ("zeros+0.25", 3, [0.25, 0.25, 0.25]),
        ("linear", 5, [0, 0.25, 0.5, 0.75, 1]),
        ("reverse_linear+1", 3, [2, 1.5, 1]),
        ("sine", 3, [0, math.sqrt(0.5), 1]),
        ("cosine+0.5", 3, [1.5, 0.5 + math.sqrt(0.5), 0.5]),
    ],
)
def test_rates_are_read_as_kohyas_trainer_reads_them(text, length, wanted):
    assert rates(text, length) == pytest.approx(wanted)


def test_what_is_not_given_is_one_and_what_is_not_above_the_threshold_is_nought():
    assert all_rates((None, None, None), SD) is None
    assert all_rates((None, "0.5", None), SD) == [1.0] * 12 + [0.5] + [1.0] * 12
    shares = all_rates(("linear", None, None), SDXL, threshold=0.25)
    assert shares == pytest.approx([1, 0, 0, 0, 0.375, 0.5, 0.625, 0.75, 0.875, 1, *[1.0] * 13])


def numbered(**at):
    return ",".join(str(at.get(f"b{i}", 4)) for i in range(25))


def test_blocks_may_have_ranks_and_alphas_of_their_own(model):
    lora = LoraSettings(rank=4, alpha=1, block_ranks=numbered(b1=2, b12=0), block_alphas=numbered(b1=3))
    tensors = attach(model, lora).tensors()
    assert not [name for name in tensors if "mid_block" in name]
    assert tensors["lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight"].shape[0] == 2
    assert tensors["lora_unet_down_blocks_0_attentions_0_proj_in.alpha"] == 3
    assert tensors["lora_unet_up_blocks_1_attentions_0_proj_in.lora_down.weight"].shape[0] == 4
    assert tensors["lora_unet_up_blocks_1_attentions_0_proj_in.alpha"] == 4
    assert tensors["lora_te_text_model_encoder_layers_0_mlp_fc1.alpha"] == 1


def test_convolutions_of_blocks_have_ranks_of_their_own(model):
    tensors = attach(model, LoraSettings(rank=4, conv_block_ranks=numbered(b1=3, b12=0))).tensors()
    assert tensors["lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight"].shape[0] == 3
    assert "lora_unet_mid_block_resnets_0_conv1.alpha" not in tensors
    assert "lora_unet_mid_block_resnets_0_time_emb_proj.alpha" in tensors


def test_as_many_numbers_as_another_family_has_blocks_are_refused(model):
    with pytest.raises(SettingsError, match=r"lora.block_ranks holds 23 numbers, and this base model has 25"):
        attach(model, LoraSettings(block_ranks=",".join(["4"] * 23)))


def test_blocks_with_no_rate_are_left_out(model):
    optimizer = OptimizerSettings(block_rates_mid="0", block_rates_up="zeros")
    adapter = attach(model, LoraSettings(rank=2, text_encoder=False), optimizer)
    assert {layer.key.split("_")[2] for layer in adapter.layers} == {"down"}


def test_rates_that_leave_nothing_to_train_are_told(model):
    nothing = OptimizerSettings(block_rates_mid="0", block_rates_up="zeros", block_rates_down="zeros")
    with pytest.raises(SettingsError, match="Nothing is left to train"):
        attach(model, LoraSettings(text_encoder=False), nothing)


def moved(base, **options):
    """Take one step of plain gradient descent with gradients of 1; returns how far each tensor went."""
    model = families.load(str(base), torch.float32)
    settings = OptimizerSettings(name="SGD", learning_rate=0.5, text_encoder_learning_rate=0.25, **options)
    adapter = attach(model, LoraSettings(rank=2), settings)
    before = adapter.tensors()
    optimizer = make_optimizer(adapter, settings, choose(settings, CPU))
    set_learning_rates(optimizer, 1.0)
    for layer in adapter.layers:
        for weight in layer.weights.values():
            weight.grad = torch.ones_like(weight)
    optimizer.step()
    after = adapter.tensors()
    went = {name: (before[name] - tensor).mean().item() for name, tensor in after.items()}
    return went, optimizer


DOWN = "lora_unet_down_blocks_0_attentions_0_proj_in"
UP = "lora_unet_up_blocks_1_attentions_0_proj_in"
TEXT = "lora_te_text_model_encoder_layers_0_mlp_fc1"


def test_every_tensor_moves_at_its_rate(tiny_base):
    plain, optimizer = moved(tiny_base)
    assert learning_rates(optimizer) == {"unet": 0.5, "text_encoder": 0.25}
    assert plain[f"{UP}.lora_up.weight"] == pytest.approx(0.5)
    assert plain[f"{TEXT}.lora_up.weight"] == pytest.approx(0.25)


def test_loraplus_moves_the_second_matrix_faster(tiny_base):
    went, optimizer = moved(tiny_base, loraplus_ratio=4, loraplus_text_encoder_ratio=2)
    assert went[f"{UP}.lora_up.weight"] == pytest.approx(2.0)
    assert went[f"{UP}.lora_down.weight"] == pytest.approx(0.5)
    assert went[f"{TEXT}.lora_up.weight"] == pytest.approx(0.5)
    assert went[f"{TEXT}.lora_down.weight"] == pytest.approx(0.25)
    assert set(learning_rates(optimizer)) == {"unet", "unet_up", "text_encoder", "text_encoder_up"}


def test_blocks_move_at_their_share(tiny_base):
    went, optimizer = moved(tiny_base, block_rates_down="1,0.5", loraplus_unet_ratio=3)
    assert went[f"{DOWN}.lora_down.weight"] == pytest.approx(0.25)
    assert went[f"{DOWN}.lora_up.weight"] == pytest.approx(0.75)
    assert went[f"{UP}.lora_down.weight"] == pytest.approx(0.5)
    assert learning_rates(optimizer)["unet_block_01_up"] == pytest.approx(0.75)


def test_a_schedule_takes_every_group_down_alike(tiny_base):
    _, optimizer = moved(tiny_base, block_rates_down="1,0.5")
    set_learning_rates(optimizer, 0.1)
    rates_now = learning_rates(optimizer)
    assert rates_now == pytest.approx({"unet": 0.05, "unet_block_01": 0.025, "text_encoder": 0.025})


def test_a_state_of_before_there_were_shares_goes_on(tiny_base):
    _, optimizer = moved(tiny_base)
    state = optimizer.state_dict()
    for group in state["param_groups"]:
        del group["peak"]
    restore(optimizer, state)
    set_learning_rates(optimizer, 0.5)
    assert learning_rates(optimizer) == {"unet": 0.25, "text_encoder": 0.125}


def test_a_text_encoder_without_a_rate_is_left_alone(small_project):
    run = Run.create(small_project, small_project.settings().assign("optimizer.text_encoder_learning_rate", 0))
    assert not run.settings().lora.text_encoder


def test_a_run_with_all_of_it_trains_and_tells_every_rate(small_project):
    changes = {
        "lora.block_ranks": numbered(b12=2),
        "lora.conv_block_ranks": numbered(b1=1),
        "optimizer.block_rates_up": "cosine+0.1",
        "optimizer.loraplus_ratio": 4,
        "length.epochs": 1,
    }
    run = Run.create(small_project, small_project.settings().assign_all(changes))
    events = list(train(run))
    assert events[-1].why == "finished"
    assert run.settings().lora.block_alphas == numbered(b12=2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lora.block_ranks": "4,4"}, "lora.block_ranks: there are 2 numbers; expected 25"),
        ({"lora.block_ranks": ",".join(["1.5"] * 25)}, "whole numbers from 0 to 1024"),
        ({"lora.block_alphas": "a"}, "lora.block_alphas: 'a' cannot be read"),
        ({"lora.conv_block_alphas": ",".join(["1"] * 25)}, "lora.conv_block_ranks"),
        ({"optimizer.block_rates_down": "sinus"}, "optimizer.block_rates_down: 'sinus'.*sine, cosine"),
        ({"optimizer.block_rates_mid": "-1"}, "optimizer.block_rates_mid: '-1' cannot be read"),
        ({"optimizer.loraplus_ratio": 4, "lora.type": "loha"}, "lora.type = 'loha' has others"),
        ({"optimizer.loraplus_ratio": 4, "optimizer.name": "Prodigy"}, "Prodigy finds one learning rate"),
        ({"optimizer.block_rates_up": "sine", "optimizer.name": "DAdaptAdam"}, "DAdaptAdam finds one"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_loaded(changes, said):
    assert re.search(said, " ".join(conflicts(Settings().assign_all(changes))))


@pytest.mark.parametrize("count", [3, 23])
def test_a_list_of_the_wrong_length_is_told_once(small_project, count):
    settings = small_project.settings().assign("lora.block_ranks", ",".join(["4"] * count))
    with pytest.raises(SettingsError) as told:
        Run.create(small_project, settings)
    assert len(told.value.problems) == 1
