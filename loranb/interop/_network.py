"""Kohya's kinds of networks: those that loranb trains, and those that it refuses by name."""

import re

from loranb.interop._reading import Reading
from loranb.settings import fields

_OTHER_MODELS = {  # by the word that stands in the form's switches and in the names of network modules
    "flux": "Flux",
    "sd3": "Stable Diffusion 3",
    "lumina": "Lumina",
    "hunyuan": "HunyuanImage",
    "anima": "Anima",
    "chroma": "Chroma",
}
_KINDS = {  # the form's words, sd-scripts' modules and lycoris' algorithms, in small letters
    "standard": "lora",
    "networks.lora": "lora",
    "lora": "lora",
    "kohya locon": "locon",
    "locon": "locon",
    "lycoris/locon": "locon",
    "kohya loha": "loha",
    "lycoris/loha": "loha",
    "networks.loha": "loha",
    "loha": "loha",
    "kohya lokr": "lokr",
    "lycoris/lokr": "lokr",
    "networks.lokr": "lokr",
    "lokr": "lokr",
}
TYPE, CONV = "lora.type", ("conv_dim", "conv_alpha")
_OF_LYCORIS = ("factor", "decompose_both", "rs_lora", "dora_wd")
_OF_OTHERS = (*CONV, *_OF_LYCORIS, "conv_block_dims", "conv_block_alphas")
BLOCKS = (
    *("block_dims", "block_alphas", "conv_block_dims", "conv_block_alphas", "down_lr_weight", "mid_lr_weight"),
    *("up_lr_weight", "block_lr_zero_threshold"),
)
ARGUMENTS_OF_LYCORIS = (
    *("LyCORIS_preset", "bypass_mode", "use_cp", "use_tucker", "use_scalar", "rank_dropout_scale", "constrain"),
    *("constraint", "rescaled", "train_norm", "unit", "train_on_input", "full_matrix"),
)
_PLAIN = "kohya's form does not send it with LoRA_type = Standard."


def refusals(reading: Reading) -> list[str]:
    """Say what a file is for that loranb doesn't train: other models, other networks."""
    return [*_models(reading), *_networks(reading)]


def network(reading: Reading) -> None:
    """Read which kind of network is trained, and leave out what is not sent with it."""
    key = "LoRA_type" if reading.says("LoRA_type") else "network_module"
    kind = kind_of(reading)
    if kind in ("lora", "locon") and reading.of_form and not _of_lycoris(reading):
        left_out = _OF_OTHERS if kind == "lora" else _OF_LYCORIS
        for name in left_out:
            reading.ignore(name, _PLAIN if kind == "lora" else "kohya's own LoCon has no such argument.")
    reading.assign(key, TYPE, "lora" if kind == "locon" else kind)
    for name in ("LoRA_type", "network_module", "algo", "dora_wd"):
        if reading.says(name) and not (name == "dora_wd" and kind != "dora"):
            reading.done(name, TYPE)
        reading.ignore(name, "the kind of network is said by another key.")
    if _of_lycoris(reading):
        for key in BLOCKS:
            reading.ignore(key, "LyCORIS' networks have no ranks and rates of their own for blocks.")
        _layers(reading)
    elif not reading.number("conv_dim"):
        reading.ignore("conv_alpha", "it is used with conv_dim, which is off.")
    if kind in ("lora", "locon"):
        for name in ARGUMENTS_OF_LYCORIS:
            reading.ignore(name, "it is an argument of LyCORIS' networks, and this is none.")


def _layers(reading: Reading) -> None:
    """Read which layers are trained; LyCORIS takes the ranks of the others for convolutions that have none."""
    preset = str(reading.value("LyCORIS_preset") or "full").strip()
    if preset in ("full", "unet-only"):
        for key, instead, path in (
            ("conv_dim", "network_dim", "lora.conv_rank"),
            ("conv_alpha", "network_alpha", "lora.conv_alpha"),
        ):
            number = reading.number(key) or reading.number(instead)
            reading.assign(key, path, int(number) if key == "conv_dim" and number else number)
        reading.advise(
            f"LyCORIS_preset = {preset!r} trains the U-Net's first and last convolution and its time embedding too; "
            "loranb leaves these as they are."
        )
    else:
        for key in CONV:
            reading.ignore(key, f"LyCORIS_preset = {preset!r} leaves the convolutions as they are.")
    if preset not in ("full", "attn-mlp", "unet-only", "unet-transformer-only"):
        reading.advise(
            f"LyCORIS_preset = {preset!r} is not had here: the layers of LyCORIS' 'attn-mlp' are trained, attention "
            "and feed-forward."
        )
    reading.done("LyCORIS_preset", "lora.conv_rank")


def unet_alone(reading: Reading) -> bool:
    """Whether LyCORIS' preset leaves the text encoder as it is."""
    return _of_lycoris(reading) and str(reading.value("LyCORIS_preset") or "").strip().startswith("unet-")


def kind_of(reading: Reading) -> str:
    """Name the kind of network: lora, locon, dora, loha or lokr; "" for one that loranb doesn't train."""
    given = str(reading.value("LoRA_type") or reading.value("network_module") or "standard").strip().lower()
    if given == "lycoris.kohya":
        given = str(reading.value("algo") or "lora").strip().lower()
        given = "locon" if given == "lora" else given
    kind = _KINDS.get(given, "")
    if kind == "locon" and _of_lycoris(reading) and reading.flag("dora_wd"):
        return "dora"
    if kind == "lora" and not reading.of_form and reading.number("conv_dim"):
        return "locon"  # networks.lora becomes one by that argument
    return kind


def _of_lycoris(reading: Reading) -> bool:
    return "lycoris" in str(reading.value("LoRA_type") or reading.value("network_module") or "").lower()


def _models(reading: Reading) -> list[str]:
    instead = "loranb trains LoRAs for SD 1.x, SD 2.x and SDXL; choose one of these as base model."
    found = []
    for word, name in _OTHER_MODELS.items():
        switches = [key for key in reading.left if re.fullmatch(rf"{word}\w*_checkbox", key) and reading.flag(key)]
        named = [
            key
            for key in ("LoRA_type", "network_module")
            if re.match(rf"(networks\.\w*_)?{word}", str(reading.value(key) or "").lower())
        ]
        if key := next(iter([*named, *switches]), None):
            found.append(
                f"{key} = {reading.value(key)!r}: the file is for {name}, which loranb does not train. {instead}"
            )
    return found


def _networks(reading: Reading) -> list[str]:
    if _models(reading) or kind_of(reading) in ("locon", *_trained()):
        return []
    key = "LoRA_type" if reading.says("LoRA_type") else "algo" if reading.says("algo") else "network_module"
    return [
        f"{key} = {reading.value(key)!r} is not a network that loranb trains. Choose one of: LoRA (LoRA_type = "
        "'Standard'), LoCon, DoRA, LoHa or LoKr. A plain LoRA with a higher rank holds as much."
    ]


def _trained() -> tuple[str, ...]:
    return next(field for field in fields() if field.path == TYPE).choices
