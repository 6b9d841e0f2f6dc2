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
    if kind != "lora" and not reading.number("conv_dim"):
        reading.ignore("conv_alpha", "it is used with conv_dim, which is off.")


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
