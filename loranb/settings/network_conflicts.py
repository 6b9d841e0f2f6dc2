"""Settings of the LoRA and of its learning rates that cannot be used together."""

from loranb.settings import Settings, blocks
from loranb.settings.optimizers import averages, finds_rate

_RATES = ("block_rates_down", "block_rates_mid", "block_rates_up")


def of_the_network(settings: Settings) -> list[str]:
    """Say which settings of the LoRA exclude each other."""
    return _of_parts(settings) + _of_blocks(settings) + _of_shares(settings)


def _of_parts(settings: Settings) -> list[str]:
    lora, found = settings.lora, []
    if not lora.unet and not lora.text_encoder:
        found.append("lora.unet = False and lora.text_encoder = False leave nothing to train. Switch one of them on.")
    if lora.conv_rank is None and not lora.conv_block_ranks:
        for name in ("conv_alpha", "conv_block_alphas"):
            if value := getattr(lora, name):
                found.append(
                    f"lora.{name} = {value} is for the convolutions, which are trained only if lora.conv_rank or "
                    "lora.conv_block_ranks is given. Give a rank, or leave it blank."
                )
    if lora.dropout and lora.type in ("loha", "lokr"):
        found.append(
            f"lora.dropout = {lora.dropout:g} leaves out values of the inner layer, and lora.type = {lora.type!r} has "
            "none. Use lora.rank_dropout or lora.module_dropout."
        )
    if lora.rank_from_start and not lora.start_from:
        found.append(
            "lora.rank_from_start = True needs a LoRA to take the rank from. Give lora.start_from, or switch it off."
        )
    if lora.max_norm is not None and averages(settings.optimizer.name):
        found.append(
            f"lora.max_norm = {lora.max_norm:g} limits the weights that are trained, and {settings.optimizer.name} "
            "saves an average of them that it keeps apart. Leave lora.max_norm blank, or choose an optimizer such as "
            "AdamW."
        )
    return found


def _of_blocks(settings: Settings) -> list[str]:
    """Say what cannot be read of the lists of numbers for the U-Net's blocks."""
    lora, optimizer, found = settings.lora, settings.optimizer, []
    for name, listed in blocks.written(lora).items():
        if problem := blocks.complaint(listed, whole=name.endswith("ranks")):
            found.append(f"lora.{name}: {problem}")
    for name in _RATES:
        if problem := blocks.complaint_of_rates(getattr(optimizer, name) or "", middle=name.endswith("mid")):
            found.append(f"optimizer.{name}: {problem}")
    return found


def _of_shares(settings: Settings) -> list[str]:
    """Say what does not go with different learning rates."""
    optimizer, kind, found = settings.optimizer, settings.lora.type, []
    ratios = (optimizer.loraplus_ratio, optimizer.loraplus_unet_ratio, optimizer.loraplus_text_encoder_ratio)
    if any(ratios) and kind in ("loha", "lokr"):
        found.append(
            f"optimizer.loraplus_ratio is for the two matrices of a LoRA; lora.type = {kind!r} has others. Leave it "
            "blank, or choose lora or dora."
        )
    if (any(ratios) or any(getattr(optimizer, name) for name in _RATES)) and finds_rate(optimizer.name):
        found.append(
            f"{optimizer.name} finds one learning rate for everything: optimizer.loraplus_ratio and "
            "optimizer.block_rates_down, _mid and _up cannot be used with it. Leave them blank, or choose an optimizer "
            "such as AdamW."
        )
    return found
