"""The declarations: every setting of a training run, in the groups and the order of the form."""

from typing import Literal

from pydantic import field_validator

from loranb.settings.declaration import Group, setting


class ModelSettings(Group):
    """Base model."""

    base: str = setting(
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "The model that the LoRA is made for: a diffusers folder, a .safetensors file, the id of a model on the "
        'Hugging Face hub, or "demo" for the small one that comes with loranb. Choose the model your LoRA will be '
        "used with, or the one it descends from.",
        kohya="pretrained_model_name_or_path",
    )
    clip_skip: int = setting(
        1,
        "Which layer of the text encoder is read, counted from the last. 1 for most models; 2 for models of drawn "
        "characters that were trained so. Use the same number when you generate.",
        ge=1,
        le=12,
        advanced=True,
        kohya="clip_skip",
        ss="ss_clip_skip",
    )


class DatasetSettings(Group):
    """Pictures and captions."""

    resolution: int = setting(
        512,
        "The size to train at: a picture is scaled to an area of this many pixels squared, whatever its shape. Higher "
        "shows finer detail and costs time and memory with its square. 512 for SD 1.5, up to 768 with good pictures; "
        "the demo model draws at 128.",
        unit="pixels",
        ge=64,
        le=2048,
        multiple_of=8,
        kohya="max_resolution",
        ss="ss_resolution",
    )
    buckets: bool = setting(
        True,
        "Keep each picture's shape by sorting pictures of like shape into buckets. Off: all are cut to a square.",
        kohya="enable_bucket",
        ss="ss_enable_bucket",
    )
    bucket_step: int = setting(
        64,
        "Sides of buckets are multiples of this. Smaller cuts less off the pictures and makes more, emptier buckets.",
        unit="pixels",
        ge=8,
        le=256,
        multiple_of=8,
        advanced=True,
        kohya="bucket_reso_steps",
    )
    bucket_min: int = setting(
        256,
        "The shortest side a bucket may have. Lower lets long, narrow pictures keep more of their shape. Not used with "
        "no upscale, where buckets follow the pictures.",
        unit="pixels",
        ge=32,
        le=2048,
        multiple_of=8,
        advanced=True,
        kohya="min_bucket_reso",
        ss="ss_min_bucket_reso",
    )
    bucket_max: int = setting(
        1024,
        "The longest side a bucket may have. Higher lets panoramas keep more of their shape. Not used with no upscale, "
        "where buckets follow the pictures.",
        unit="pixels",
        ge=64,
        le=4096,
        multiple_of=8,
        advanced=True,
        kohya="max_bucket_reso",
        ss="ss_max_bucket_reso",
    )
    no_upscale: bool = setting(
        True,
        "Leave pictures smaller than the resolution as they are instead of blowing them up; buckets are then found "
        "for each picture's own size. On, as in kohya's form.",
        kohya="bucket_no_upscale",
        ss="ss_bucket_no_upscale",
    )
    flip: bool = setting(
        False,
        "Show each picture mirrored half of the time. Helps when there are few; leave it off where left and right "
        "differ: writing, a parting in the hair, a face you know.",
        kohya="flip_aug",
        ss="ss_flip_aug",
    )
    shuffle_tags: bool = setting(
        False,
        "Shuffle the comma-separated tags of a caption at each step, so that none is learnt by its place. For tags, "
        "not for sentences; the first ones can be kept.",
        kohya="shuffle_caption",
        ss="ss_shuffle_caption",
    )
    keep_tags: int = setting(
        1,
        "How many tags stay in front when tags are shuffled: 1 keeps a trigger word first.",
        unit="tags",
        ge=0,
        le=100,
        advanced=True,
        kohya="keep_tokens",
        ss="ss_keep_tokens",
    )
    caption_dropout: float = setting(
        0.0,
        "Share of the steps in which a picture is shown without its caption. A little (0.05) makes a style show even "
        "when it isn't named; more weakens the trigger word.",
        ge=0,
        le=1,
        advanced=True,
        kohya="caption_dropout_rate",
        ss="ss_caption_dropout_rate",
    )
    background: str = setting(
        "white",
        "What transparent parts of a picture are laid on. White, as the taggers do; choose another colour where a "
        "white ground would be learned as part of a pale subject.",
        unit="a colour's name or #rrggbb",
        advanced=True,
    )

    @field_validator("background")
    @classmethod
    def _is_a_colour(cls, value: str) -> str:
        if value != cls.model_fields["background"].default:
            from PIL import ImageColor  # here, since settings are read by much that needs no Pillow

            if len(ImageColor.getrgb(value)) != 3:
                raise ValueError("a see-through background")
        return value


class LoraSettings(Group):
    """LoRA."""

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


class LengthSettings(Group):
    """Length."""

    epochs: int = setting(
        10,
        "How many times every picture is shown, times its repeats. Too many and the LoRA draws your pictures and "
        "nothing else; each epoch is saved, so that you can choose an earlier one.",
        ge=1,
        le=10000,
        kohya="epoch",
    )
    steps: int | None = setting(
        None,
        "Stop after this many steps, whatever the epochs. Blank: the epochs decide.",
        unit="steps",
        ge=1,
        le=1_000_000,
        kohya="max_train_steps",
    )
    batch_size: int = setting(
        1,
        "How many pictures are looked at in one step. Higher is steadier and quicker on a big GPU, and needs memory.",
        unit="pictures",
        ge=1,
        le=256,
        kohya="train_batch_size",
    )
    gradient_accumulation: int = setting(
        1,
        "Batches that are added up before a step is taken: the effect of a larger batch without its memory.",
        unit="batches",
        ge=1,
        le=256,
        advanced=True,
        kohya="gradient_accumulation_steps",
        ss="ss_gradient_accumulation_steps",
    )
    seed: int = setting(
        42,
        "The same seed, pictures and settings give the same LoRA on the same machine.",
        ge=0,
        le=2**31 - 1,
        kohya="seed",
        ss="ss_seed",
    )


class MemorySettings(Group):
    """Memory and speed."""

    precision: Literal["auto", "fp32", "fp16", "bf16"] = setting(
        "auto",
        "Number format of the base model's arithmetic. auto: bf16 on GPUs that have it (compute capability 8 and up), "
        "fp16 on older ones such as a T4, fp32 without a GPU. The LoRA itself is always trained in fp32.",
        kohya="mixed_precision",
        ss="ss_mixed_precision",
    )
    gradient_checkpointing: bool = setting(
        False,
        "Compute parts of the forward pass twice instead of keeping them. Needs much less GPU memory, and about "
        "a third more time.",
        kohya="gradient_checkpointing",
        ss="ss_gradient_checkpointing",
    )


class SavingSettings(Group):
    """Saving."""

    name: str = setting(
        "",
        "Name of the LoRA, as it is written in a prompt. Blank: the project's name and the next version, such as "
        "medieval_city_v1a.",
        kohya="output_name",
        ss="ss_output_name",
    )
    every_epochs: int = setting(
        1,
        "Save the LoRA after every so many epochs; the last is always saved.",
        unit="epochs",
        ge=1,
        le=10000,
        kohya="save_every_n_epochs",
    )
    precision: Literal["fp16", "bf16", "fp32"] = setting(
        "fp16",
        "Number format in the file. fp16 is half the size of fp32 and loads everywhere.",
        kohya="save_precision",
    )
    comment: str = setting(
        "",
        "A note to keep inside the file, for yourself or for those you give it to.",
        kohya="training_comment",
        ss="ss_training_comment",
    )


class SampleSettings(Group):
    """Sample pictures."""

    prompts: tuple[str, ...] = setting(
        (),
        "Prompts to draw during training, one a line, with options after it: --n negative prompt, --w --h size, "
        "--s steps, --d seed, --l CFG scale. Blank: a caption of your own pictures is used.",
        kohya="sample_prompts",
    )
    every_epochs: int = setting(
        1,
        "Draw the samples after every so many epochs; 0 draws none.",
        unit="epochs",
        ge=0,
        le=10000,
        kohya="sample_every_n_epochs",
    )
