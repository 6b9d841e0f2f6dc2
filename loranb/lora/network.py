"""What a LoRA file says of its network: kohya's ``ss_network_module`` and ``ss_network_args``.

Programs that read LyCORIS files go by the tensors; these two are for people and for tools that list files.
"""

from loranb.settings import LoraSettings, OptimizerSettings, Settings
from loranb.settings.declaration import fields_of

# What kohya's trainer takes as --network_args, and not as arguments of their own.
ARGUMENTS = frozenset(
    [
        "conv_dim",
        "conv_alpha",
        "block_dims",
        "block_alphas",
        "conv_block_dims",
        "conv_block_alphas",
        "rank_dropout",
        "module_dropout",
        "rs_lora",
        "factor",
        "decompose_both",
        "loraplus_lr_ratio",
        "loraplus_unet_lr_ratio",
        "loraplus_text_encoder_lr_ratio",
        "down_lr_weight",
        "mid_lr_weight",
        "up_lr_weight",
        "block_lr_zero_threshold",
    ]
)
_ALGORITHMS = {"dora": "locon", "loha": "loha", "lokr": "lokr"}  # as LyCORIS calls them


def network(settings: Settings) -> dict[str, object]:
    """Name the module of kohya's trainer that makes such a file, and the arguments that it would be given."""
    kind = settings.lora.type
    given = {} if kind == "lora" else {"algo": _ALGORITHMS[kind]} | ({"dora_wd": True} if kind == "dora" else {})
    for group, class_ in (("lora", LoraSettings), ("optimizer", OptimizerSettings)):
        for field in fields_of(class_, group):
            if field.kohya in ARGUMENTS and (value := field.of(settings)) != field.info.default:
                given[field.kohya] = value
    module = {"ss_network_module": "networks.lora" if kind == "lora" else "lycoris.kohya"}
    return module | ({"ss_network_args": {name: str(value) for name, value in given.items()}} if given else {})
