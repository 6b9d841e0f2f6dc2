"""Kohya's kinds of networks: those that loranb trains, and those that it refuses by name."""

import re

from loranb.interop._reading import Reading, by_key
from loranb.settings.declaration import SettingField

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
NAMES = {"lora": "LoRA", "locon": "LoCon", "loha": "LoHa", "lokr": "LoKr", "dora": "DoRA"}
ARGUMENTS_OF_KINDS = (
    *("conv_dim", "conv_alpha", "conv_block_dims", "conv_block_alphas", "factor", "bypass_mode", "dora_wd", "use_cp"),
    *("use_tucker", "use_scalar", "rank_dropout_scale", "constrain", "constraint", "rescaled", "train_norm", "unit"),
    *("decompose_both", "train_on_input", "LyCORIS_preset", "preset", "full_matrix"),
)
_PLAIN = "kohya's form does not send it with LoRA_type = Standard."


def refusals(reading: Reading) -> list[str]:
    """Say what a file is for that loranb doesn't train: other models, other networks."""
    return [*_models(reading), *_networks(reading)]


def network(reading: Reading) -> None:
    """Read which kind of network is trained."""
    key = "LoRA_type" if reading.says("LoRA_type") else "network_module"
    of_kind, kind = _field(), kind_of(reading)
    if of_kind is not None:
        reading.assign(key, of_kind.path, kind)
    for name in ("LoRA_type", "network_module", "algo"):
        reading.ignore(name, "blank, or said by another key: it is a plain LoRA.") if not reading.says(name) else None
        if reading.says(name):
            reading.mapped[reading.source.names[name]] = of_kind.path if of_kind is not None else "lora.rank"
            reading.left.pop(name, None)
    if kind == "lora" and reading.of_form:
        for name in ARGUMENTS_OF_KINDS:
            reading.ignore(name, _PLAIN)


def kind_of(reading: Reading) -> str:
    """Name the kind of network by loranb's word; "" for one that it doesn't know."""
    given = str(reading.value("LoRA_type") or reading.value("network_module") or "standard").strip().lower()
    if given == "lycoris.kohya":
        given = str(reading.value("algo") or "lora").strip().lower()
        given = "locon" if given == "lora" else given
    kind = _KINDS.get(given, "")
    if kind in ("lora", "locon") and reading.flag("dora_wd"):
        return "dora"
    if kind == "lora" and not reading.of_form and reading.number("conv_dim"):
        return "locon"  # networks.lora becomes one by that argument
    return kind


def _field() -> SettingField | None:
    return next((by_key()[key] for key in ("LoRA_type", "network_module") if key in by_key()), None)


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
    if _models(reading):
        return []
    key = "LoRA_type" if reading.says("LoRA_type") else "algo" if reading.says("algo") else "network_module"
    of_kind = _field()
    known = of_kind.choices if of_kind is not None else ("lora",)
    if kind_of(reading) in known:
        return []
    names = ", ".join(NAMES.get(kind, kind) for kind in known)
    return [
        f"{key} = {reading.value(key)!r} is not a network that loranb trains. Choose one of: {names}. A plain LoRA "
        "(LoRA_type = 'Standard') with a higher rank holds as much."
    ]
