"""The laws of prompt lines and of LoRAs in prompts."""

import subprocess
import sys

import pytest

from loranb.errors import GenerationError
from loranb.generate.prompt import LoraMention, SamplePrompt, parse_line, parse_lines, split_loras

GUIDE = (
    "photo, church interior, in the style of medieval city, realistic, 8K, "
    "--w 768--h 640 --s 35 --n Anime, Cartoon, Drawing, Illustration, 3D render"
)


def test_the_guides_line_without_a_space_between_options_is_read():
    asked = parse_line(GUIDE)
    assert (asked.width, asked.height, asked.steps) == (768, 640, 35)
    assert asked.prompt == "photo, church interior, in the style of medieval city, realistic, 8K,"
    assert asked.negative == "Anime, Cartoon, Drawing, Illustration, 3D render"


@pytest.mark.parametrize(
    "line",
    [
        "a house --w 256 --h 320 --s 5 --d 7 --l 3.5 --n blurry --ss euler_a",
        "a house--w256--h320--s5--d7--l3.5--n blurry--ss euler_a",
        "a house  --W 256   --H=320 --S 5 --D 7 --L 3.5 --N  blurry  --SS euler_a  ",
        "a house --ss euler_a --n blurry --g 3.5 --l 3.5 --d 7 --s 5 --h 327 --w 263",
    ],
)
def test_spacing_case_and_order_of_options_do_not_matter(line: str):
    assert parse_line(line) == SamplePrompt("a house", "blurry", 256, 320, 5, 7, 3.5, "euler_a")


@pytest.mark.parametrize("line", [GUIDE, "", "a well--known house", "a house --d 12 --l 7.25", "--ss DPM++ 2M Karras"])
def test_a_line_survives_being_written_and_read(line: str):
    asked = parse_line(line)
    assert parse_line(asked.to_line()) == asked


def test_sizes_are_rounded_down_to_eight_and_are_at_least_64():
    asked = parse_line("x --w 519 --h 3")
    assert (asked.width, asked.height) == (512, 64)


def test_what_a_line_does_not_say_is_the_default():
    asked = parse_line("x", default_size=(130, 768), default_seed=9)
    assert (asked.width, asked.height, asked.steps, asked.seed, asked.cfg_scale) == (128, 768, 30, 9, 7.5)
    assert (asked.negative, asked.sampler) == ("", None)


@pytest.mark.parametrize("line", ["x", "x --d -1"])
def test_a_line_without_a_seed_gets_a_fresh_one(line: str):
    assert len({parse_line(line).seed for _ in range(8)}) > 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x --w wide", "--w 'wide' (width); expected a whole number, 64 to 4096."),
        ("x --w 99999", "--w '99999' (width); expected a whole number, 64 to 4096."),
        ("x --h -8", "--h '-8' (height); expected a whole number, 64 to 4096."),
        ("x --s 0", "--s '0' (steps); expected a whole number, 1 to 1000."),
        ("x --s 2.5", "--s '2.5' (steps); expected a whole number, 1 to 1000."),
        ("x --d -2", "--d '-2' (seed); expected a whole number, 0 to"),
        ("x --l nan", "--l 'nan' (cfg_scale); expected a number, 0 to 100."),
        ("x --s", "--s '' (steps); expected a whole number, 1 to 1000."),
        ("x --ss eulr a", "sampler = 'eulr a' is not a sampler; did you mean Euler a?"),
        ("x --steps 5", "--steps is not an option of a prompt. There are --w width"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_is_allowed(line: str, said: str):
    with pytest.raises(GenerationError) as caught:
        parse_line(line)
    assert said in str(caught.value)


def test_a_request_made_in_code_is_checked_as_a_line_is():
    with pytest.raises(GenerationError) as caught:
        SamplePrompt("x", width=500, steps=0)
    assert "steps = 0; expected a whole number, 1 to 1000." in str(caught.value)
    assert "width = 500; expected a multiple of 8." in str(caught.value)


def test_comments_and_blank_lines_are_passed_over():
    assert [p.prompt for p in parse_lines(["# samples", "", "a", "  # b", "c # d"])] == ["a", "c # d"]


def test_all_lines_that_cannot_be_used_are_named_by_number():
    with pytest.raises(GenerationError) as caught:
        parse_lines(["a --s 0", "b", "c --w x"])
    assert str(caught.value).splitlines()[0].startswith("Line 1: --s '0'")
    assert str(caught.value).splitlines()[1].startswith("Line 3: --w 'x'")


@pytest.mark.parametrize(
    ("mention", "meant"),
    [
        ("<lora:town>", LoraMention("town", 1, 1)),
        ("<lora:town:0.8>", LoraMention("town", 0.8, 0.8)),
        ("<lora: medieval city-000002 : -0.5 >", LoraMention("medieval city-000002", -0.5, -0.5)),
    ],
)
def test_one_weight_is_for_both_parts(mention: str, meant: LoraMention):
    assert split_loras(f"a house {mention}") == ("a house", (meant,))


def test_of_two_weights_the_first_is_the_text_encoders_as_in_the_web_ui():
    assert split_loras("<lora:town:0.8:0.5>")[1] == (LoraMention("town", unet_weight=0.5, text_weight=0.8),)


@pytest.mark.parametrize(
    ("prompt", "clean"),
    [
        ("a  house ,, day,", "a  house ,, day,"),  # without a LoRA nothing is touched
        ("a house, <lora:x:1>, day", "a house, day"),
        ("<lora:x:1>, a house", "a house"),
        ("a <lora:x:1> house<lora:y>", "a house"),
        ("a,<lora:x:1>b", "a, b"),
        ("<lora:x>", ""),
    ],
)
def test_taking_loras_out_leaves_a_tidy_prompt(prompt: str, clean: str):
    assert split_loras(prompt)[0] == clean


@pytest.mark.parametrize(
    "broken",
    [
        "<lora:>",
        "<lora:x:>",
        "<lora:x:strong>",
        "<lora:x:1:1:1>",
        "<lora:x:nan>",
        "<lora x>",
        "<lora:x",
        "<lora>",
    ],
)
def test_a_broken_mention_is_refused_with_how_to_write_it(broken: str):
    with pytest.raises(GenerationError, match="Write <lora:name>, <lora:name:weight>"):
        split_loras(f"a house {broken} by day")


@pytest.mark.parametrize("module", ["prompt", "samplers", "grid"])
def test_prompts_samplers_and_grids_need_no_torch(module: str):
    code = f"import sys, loranb.generate.{module}; print([m for m in ('torch', 'diffusers') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
