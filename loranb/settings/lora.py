"""The declarations of what is trained: the LoRA's kind and size."""

from typing import Literal

from loranb.settings.declaration import Group, setting


class LoraSettings(Group):
    """LoRA."""

    type: Literal["lora", "dora", "loha", "lokr"] = setting(
        "lora",
        "How a layer's change is written down. lora: two thin matrices, drawn everywhere, and the one to begin with "
        "(with a rank for the convolutions it is what others call LoCon); dora: besides, the length of each row of the "
        "weights is learnt, often a little better at low ranks, slower; loha: a product of two LoRAs, holds more at "
        "the same size, at ranks of 4 to 8; lokr: a Kronecker product, very small files. The last three are LyCORIS' "
        "formats: web UIs and ComfyUI draw with them, diffusers does not.",
    )
    rank: int = setting(
        16,
        "Size of the LoRA's inner layer. Higher holds more detail and makes a larger file; 8 to 32 suit one subject, "
        "64 to 128 a style or several subjects.",
        ge=1,
        le=1024,
        kohya="network_dim",
        ss="ss_network_dim",
    )
    alpha: float | None = setting(
        None,
        "Scales what was learned by alpha / rank. Blank means the same as the rank: no scaling. Lower makes the LoRA "
        "learn more slowly, as a lower learning rate would.",
        gt=0,
        le=4096,
        kohya="network_alpha",
        ss="ss_network_alpha",
    )
    text_encoder: bool = setting(
        True,
        "Train the text encoder too, so that a new word gets a meaning of its own. Off saves memory; prompts are then "
        "followed as the base model does.",
    )
    unet: bool = setting(
        True,
        "Train the U-Net, which is what draws. Off trains the text encoder alone: little can be learnt so, but nothing "
        "that the base model draws is changed.",
        advanced=True,
    )
    conv_rank: int | None = setting(
        None,
        "Train the 3 x 3 convolutions too, with a LoRA of this rank. They hold texture and line: worth it for styles, "
        "for a larger file and longer steps. 1 to 16 is usual. Blank leaves them as they are.",
        ge=1,
        le=1024,
        advanced=True,
        kohya="conv_dim",
    )
    conv_alpha: float | None = setting(
        None,
        "Scales what the convolutions learned by this number / their rank. Blank means the same as their rank: no "
        "scaling. kohya's trainer takes 1 there, and so do its presets.",
        gt=0,
        le=4096,
        advanced=True,
        kohya="conv_alpha",
    )
    dropout: float = setting(
        0.0,
        "Share of the inner layer's values that are left out at each step, drawn anew for every point of a picture. "
        "Higher keeps a LoRA from learning its few pictures by heart, and makes it learn more slowly; 0.1 to 0.3 is "
        "usual, 0 is off.",
        ge=0,
        lt=1,
        advanced=True,
        kohya="network_dropout",
        ss="ss_network_dropout",
    )
    rank_dropout: float = setting(
        0.0,
        "Share of the ranks that are left out at each step, drawn for every picture, so that none of them carries "
        "everything. Higher is a stronger guard and learns more slowly; 0.1 to 0.3 is usual, 0 is off.",
        ge=0,
        lt=1,
        advanced=True,
        kohya="rank_dropout",
    )
    module_dropout: float = setting(
        0.0,
        "Share of the layers whose LoRA is left out at each step. Higher spreads what is learnt over more layers; 0.1 "
        "to 0.2 is usual, 0 is off.",
        ge=0,
        lt=1,
        advanced=True,
        kohya="module_dropout",
    )
    max_norm: float | None = setting(
        None,
        "The largest norm that a layer's change may have; what is above is scaled down after each step. Lower keeps a "
        "LoRA milder, so that it goes better with others and is harder to burn in; 1 is usual. Blank is no limit.",
        gt=0,
        le=1000,
        advanced=True,
        kohya="scale_weight_norms",
        ss="ss_scale_weight_norms",
    )
    block_ranks: str | None = setting(
        None,
        "A rank of its own for each block of the U-Net: numbers with commas between them in kohya's order, 25 for SD "
        "1.x and 2.x (12 down, 1 in the middle, 12 up), 23 for SDXL (1, 9, 3, 9, 1). 0 leaves a block as the base "
        "model has it. Blocks near the middle hold what is in a picture, the outer ones how it looks. Blank: the rank "
        "above everywhere.",
        advanced=True,
        kohya="block_dims",
    )
    block_alphas: str | None = setting(
        None,
        "An alpha of its own for each block, in the same order. Blank: the alpha above everywhere, or each block's "
        "rank if that is blank too.",
        advanced=True,
        kohya="block_alphas",
    )
    conv_block_ranks: str | None = setting(
        None,
        "A rank for the 3 x 3 convolutions of each block, in the same order; 0 leaves them as they are. Blank: the "
        "rank for convolutions above.",
        advanced=True,
        kohya="conv_block_dims",
    )
    conv_block_alphas: str | None = setting(
        None,
        "An alpha for the 3 x 3 convolutions of each block, in the same order. Blank: the alpha for convolutions "
        "above, or each block's rank if that is blank too.",
        advanced=True,
        kohya="conv_block_alphas",
    )
    start_from: str | None = setting(
        None,
        "A LoRA file to go on from: one of kohya's trainer, of LyCORIS, of diffusers or of loranb, made for this base "
        "model or a relative. It is not changed. Blank begins with nothing, which is what nearly everybody wants.",
        advanced=True,
        kohya="network_weights",
    )
    rank_from_start: bool = setting(
        False,
        "Take the rank and alpha of every layer from the LoRA to go on from, and train just its layers. Off keeps the "
        "numbers above, and the file must have the same rank.",
        advanced=True,
        kohya="dim_from_weights",
    )
    rank_stabilised: bool = setting(
        False,
        "Scale by alpha / the square root of the rank instead of alpha / rank, so that a high rank learns as fast as a "
        "low one (Kalajdzievski, arXiv:2312.03732). Use a lower alpha or learning rate with it: at rank 16 everything "
        "is 4 times as strong. In the file it stands as a higher alpha, so that every program reads it.",
        advanced=True,
        kohya="rs_lora",
    )
    factor: int = setting(
        -1,
        "For lokr: how large the smaller of the two matrices is made, if the layer's size can be divided so. Smaller "
        "numbers make larger files that hold more; -1 divides as evenly as can be, for the smallest file. LyCORIS' "
        "default; 4 to 16 is usual.",
        ge=-1,
        le=1024,
        advanced=True,
        kohya="factor",
    )
    decompose_both: bool = setting(
        False,
        "For lokr: write the smaller matrix as a product too, where that makes it smaller. Smaller files still.",
        advanced=True,
        kohya="decompose_both",
    )
