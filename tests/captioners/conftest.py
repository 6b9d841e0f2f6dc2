"""Tiny random models of the real classes, in folders laid out as the published ones are on the hub."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

WORDS = (
    ("a", "an", "the", "of", "in", "on", "with", "and", "picture", "photo", "cat", "dog", "house", "castle", "tree")
    + ("sky", "red", "blue", "green", "black", "white", "woman", "man", "hat", "sits", "stands", "runs", "night", "day")
    + ("What", "does", "image", "describe?", "Describe", "detail", "what", "is", "shown", "image.", "paragraph")
    + ("User:", "Assistant:")
)
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # as of everything trained on it
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]  # published with CLIP


def picture(seed: int, size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Draw blocks of colour; another seed, another picture."""
    draw = random.Random(seed)
    small = Image.new("RGB", (4, 4))
    small.putdata([tuple(draw.randrange(256) for _ in range(3)) for _ in range(16)])
    return small.resize(size, Image.Resampling.NEAREST)


def prepared(shown: Image.Image, side: int, mean: list[float], deviation: list[float]) -> np.ndarray:
    """Squeeze a picture into a square, bicubic, and normalise it; shape (side, side, 3)."""
    resized = np.asarray(shown.resize((side, side), Image.Resampling.BICUBIC), np.float64) / 255
    return (resized - mean) / deviation


def loosen(model: Any, seed: int = 0) -> Any:
    """Give a model random weights that are large enough for its words to depend on the picture."""
    import torch

    torch.manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                torch.nn.init.normal_(weight, std=0.3 if "embed" in name else 0.6 / weight[0].numel() ** 0.25)
    return model.eval()


def word_tokenizer(special: dict[str, str], extra: tuple[str, ...] = ()) -> Any:
    """Make a tokenizer that knows `WORDS`, one token each; `special` come first, in their order."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = [*special.values(), *extra]
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys([*names, *WORDS]))}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token=special["unk_token"]))
    inner.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit()])
    made = PreTrainedTokenizerFast(tokenizer_object=inner, **special)
    made.add_special_tokens({"additional_special_tokens": list(extra)}) if extra else None
    return made


def publish(folder: Path, model: Any, tokenizer: Any, **files: dict) -> Path:
    """Save a model as it lies on the hub: config, safetensors, tokenizer, and the processor's JSON files."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="session")
def tiny_blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BLIP with a vocabulary of `WORDS`, pictures of 384 pixels as published."""
    from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(WORDS), "[DEC]"]
    tokenizer = BertTokenizer(vocab={name: i for i, name in enumerate(names)})
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    dec = names.index("[DEC]")
    text = {"vocab_size": len(names), "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2}
    text |= {"num_attention_heads": 2, "encoder_hidden_size": 32, "projection_dim": 16, "is_decoder": True}
    text |= {"bos_token_id": dec, "sep_token_id": 3, "pad_token_id": 0, "eos_token_id": 3, "hidden_dropout_prob": 0.0}
    vision = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision |= {"image_size": 384, "patch_size": 96}
    config = BlipConfig(text_config=text, vision_config=vision, projection_dim=16, image_text_hidden_size=16)
    processor = {
        "do_normalize": True,
        "do_resize": True,
        "image_mean": CLIP_MEAN,
        "image_std": CLIP_STD,
        "image_processor_type": "BlipImageProcessor",
        "processor_class": "BlipProcessor",
        "resample": 3,
        "size": {"height": 384, "width": 384},
    }
    folder = tmp_path_factory.mktemp("blip")
    return publish(folder, loosen(BlipForConditionalGeneration(config)), tokenizer, preprocessor_config=processor)


@pytest.fixture(scope="session")
def tiny_blip2(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """BLIP-2 over a language model of the asked kind ("opt" or "t5"), pictures of 224 pixels as published."""
    made: dict[str, Path] = {}

    def make(language: str) -> Path:
        if language not in made:
            made[language] = _blip2(tmp_path_factory.mktemp("blip2"), language)
        return made[language]

    return make


def _blip2(folder: Path, language: str) -> Path:
    from transformers import Blip2Config, Blip2ForConditionalGeneration

    special = {"bos_token": "</s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    tokenizer = word_tokenizer(special, ("<image>",))
    if language == "opt":
        from tokenizers.processors import TemplateProcessing

        # OPT's own tokenizer begins every text with </s>
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single="</s> $A", special_tokens=[("</s>", tokenizer.bos_token_id)]
        )
        text = {
            "model_type": "opt",
            "hidden_size": 32,
            "ffn_dim": 32,
            "num_hidden_layers": 2,
            "word_embed_proj_dim": 32,
        }
        text |= {"num_attention_heads": 2, "max_position_embeddings": 256, "dropout": 0.0}
    else:
        text = {"model_type": "t5", "d_model": 32, "d_ff": 32, "d_kv": 16, "num_layers": 2, "num_heads": 2}
        text |= {"decoder_start_token_id": 1, "dropout_rate": 0.0}
    text |= {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    text |= {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    vision = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision |= {"image_size": 224, "patch_size": 56, "initializer_range": 0.02}
    query = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    query |= {"encoder_hidden_size": 32, "vocab_size": 50}
    image = tokenizer.convert_tokens_to_ids("<image>")
    config = Blip2Config(
        vision_config=vision, qformer_config=query, text_config=text, num_query_tokens=4, image_token_index=image
    )
    processor = {"do_normalize": True, "do_resize": True, "do_rescale": True, "do_convert_rgb": True}
    processor |= {"rescale_factor": 1 / 255, "image_mean": CLIP_MEAN, "image_std": CLIP_STD, "resample": 3}
    processor |= {"image_processor_type": "BlipImageProcessor", "processor_class": "Blip2Processor"}
    processor |= {"size": {"height": 224, "width": 224}}
    return publish(
        folder,
        loosen(Blip2ForConditionalGeneration(config)),
        tokenizer,
        preprocessor_config=processor,
        processor_config={"processor_class": "Blip2Processor", "num_query_tokens": 4},
    )


@pytest.fixture(scope="session")
def tiny_florence2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Florence-2 with a vocabulary of `WORDS`, pictures of 768 pixels as published."""
    from tokenizers.processors import TemplateProcessing
    from transformers import Florence2Config, Florence2ForConditionalGeneration

    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = word_tokenizer(special, ("<image>",))
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", tokenizer.bos_token_id), ("</s>", tokenizer.eos_token_id)]
    )
    tokenizer._set_model_specific_special_tokens({"image_token": "<image>"})
    text = {"model_type": "bart", "vocab_size": len(tokenizer), "d_model": 32, "max_position_embeddings": 1024}
    text |= {"encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "dropout": 0.0}
    text |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "decoder_start_token_id": 2}
    text |= {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "forced_eos_token_id": 2}
    vision = {"embed_dim": (8, 8, 16, 16), "depths": (1, 1, 1, 1), "num_heads": (1, 1, 2, 2), "projection_dim": 32}
    vision |= {"num_groups": (1, 1, 2, 2)}
    image = tokenizer.convert_tokens_to_ids("<image>")
    config = Florence2Config(text_config=text, vision_config=vision, image_token_id=image)
    processor = {"image_processor_type": "CLIPImageProcessor", "processor_class": "Florence2Processor"}
    processor |= {"do_resize": True, "do_center_crop": False, "do_normalize": True, "do_rescale": True}
    processor |= {"image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD, "resample": 3, "image_seq_length": 577}
    processor |= {"size": {"height": 768, "width": 768}, "crop_size": {"height": 768, "width": 768}}
    folder = tmp_path_factory.mktemp("florence2")
    return publish(
        folder,
        loosen(Florence2ForConditionalGeneration(config)),
        tokenizer,
        preprocessor_config=processor,
        processor_config={"processor_class": "Florence2Processor"},
    )


@pytest.fixture(scope="session")
def tiny_vlm(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A vision-language model of the asked kind ("idefics3" or "llava"), with a chat template."""
    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in made:
            made[kind] = {"idefics3": _idefics3, "llava": _llava}[kind](tmp_path_factory.mktemp(kind))
        return made[kind]

    return make


TEMPLATE = (
    "{% for message in messages %}User: {% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "<image>{% else %} {{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %} Assistant:{% endif %}"
)


def _llama(tokenizer: Any) -> dict[str, Any]:
    text = {"model_type": "llama", "vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 32}
    text |= {"num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2}
    text |= {"pad_token_id": tokenizer.pad_token_id, "max_position_embeddings": 2048}
    return text | {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}


def _idefics3(folder: Path) -> Path:
    from transformers import Idefics3Config, Idefics3ForConditionalGeneration

    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "<end_of_utterance>", "unk_token": "<unk>"}
    rows = tuple(f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4))
    extra = ("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_text>", *rows)
    tokenizer = word_tokenizer(special, extra)
    vision = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision |= {"image_size": 32, "patch_size": 8}
    image = tokenizer.convert_tokens_to_ids("<image>")
    config = Idefics3Config(
        text_config=_llama(tokenizer), vision_config=vision, image_token_id=image, scale_factor=2,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    processor = {"image_processor_type": "Idefics3ImageProcessor", "processor_class": "Idefics3Processor"}
    processor |= {"do_convert_rgb": True, "do_image_splitting": True, "do_normalize": True, "do_pad": True}
    processor |= {"do_rescale": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    processor |= {"max_image_size": {"longest_edge": 32}, "size": {"longest_edge": 64}, "resample": 1}
    return publish(
        folder,
        loosen(Idefics3ForConditionalGeneration(config)),
        tokenizer,
        preprocessor_config=processor,
        processor_config={"processor_class": "Idefics3Processor", "image_seq_len": 4},
        chat_template={"chat_template": TEMPLATE},
    )


def _llava(folder: Path) -> Path:
    from transformers import LlavaConfig, LlavaForConditionalGeneration

    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = word_tokenizer(special, ("<image>",))
    vision = {"model_type": "clip_vision_model", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 3}
    vision |= {"num_attention_heads": 2, "image_size": 32, "patch_size": 8, "projection_dim": 16}
    image = tokenizer.convert_tokens_to_ids("<image>")
    config = LlavaConfig(text_config=_llama(tokenizer), vision_config=vision, image_token_index=image)
    processor = {"image_processor_type": "CLIPImageProcessor", "processor_class": "LlavaProcessor"}
    processor |= {"do_center_crop": True, "do_convert_rgb": True, "do_normalize": True, "do_rescale": True}
    processor |= {"do_resize": True, "image_mean": CLIP_MEAN, "image_std": CLIP_STD, "resample": 3}
    processor |= {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    layout = {"processor_class": "LlavaProcessor", "patch_size": 8, "vision_feature_select_strategy": "default"}
    return publish(
        folder,
        loosen(LlavaForConditionalGeneration(config)),
        tokenizer,
        preprocessor_config=processor,
        processor_config=layout | {"num_additional_image_tokens": 1},
        chat_template={"chat_template": TEMPLATE},
    )
