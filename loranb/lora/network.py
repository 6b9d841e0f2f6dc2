"""What a LoRA file says of its network: kohya's ``ss_network_module`` and ``ss_network_args``.

Programs that read LyCORIS files go by the tensors; these two are for people and for tools that list files.
"""

from loranb.settings import LoraSettings

_ALGORITHMS = {"dora": "locon", "loha": "loha", "lokr": "lokr"}  # as LyCORIS calls them


def network(lora: LoraSettings) -> dict[str, object]:
    """Name the module of kohya's trainer that makes such a file, and the arguments that it would be given."""
    found: dict[str, object] = {"ss_network_module": "networks.lora" if lora.type == "lora" else "lycoris.kohya"}
    arguments = _arguments(lora)
    if arguments:
        found["ss_network_args"] = {name: str(value) for name, value in arguments.items()}
    return found


def _arguments(lora: LoraSettings) -> dict[str, object]:
    given = {"conv_dim": lora.conv_rank, "conv_alpha": lora.conv_rank and lora.conv_alpha}
    if lora.type != "lora":
        given["algo"] = _ALGORITHMS[lora.type]
    if lora.type == "dora":
        given["dora_wd"] = True
    if lora.type == "lokr":
        given |= {"factor": lora.factor, "decompose_both": lora.decompose_both or None}
    if lora.rank_stabilised:
        given["rs_lora"] = True
    for name in (
        "block_dims",
        "block_alphas",
        "conv_block_dims",
        "conv_block_alphas",
        "rank_dropout",
        "module_dropout",
    ):
        given[name] = getattr(lora, name.replace("dims", "ranks")) or None
    return {name: value for name, value in given.items() if value is not None}
