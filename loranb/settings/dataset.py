"""The declarations of how pictures are shown."""

from typing import Any, Literal

from pydantic import field_validator

from loranb.settings.declaration import Group, setting

Interpolation = Literal["auto", "lanczos", "bicubic", "bilinear", "area", "nearest"]
_ALSO = {"cubic": "bicubic", "linear": "bilinear"}  # kohya's other names


class DatasetSettings(Group):
    """Pictures."""

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
    masked_loss: bool = setting(
        False,
        "Learn only what a picture's mask shows: white counts, black does not, grey in part. A mask is a file beside "
        "its picture, such as church.mask.png beside church.jpg, or else what is transparent of the picture itself; "
        "pictures without one count wholly. For a subject whose surroundings should not be learnt.",
        advanced=True,
        kohya="masked_loss",
    )
    random_crop: bool = setting(
        False,
        "Cut what doesn't fit the bucket off at a place drawn anew at each showing, instead of evenly at both ends. "
        "Shows more of pictures that lose much; what matters may be cut off now and then. Pictures are then encoded "
        "at each step.",
        advanced=True,
        kohya="random_crop",
        ss="ss_random_crop",
    )
    colour: bool = setting(
        False,
        "Change the colours a little in a third of the showings: the hue, or how bright the middle tones are. Keeps "
        "the LoRA from learning one cast of light; not for what is known by its colours. Pictures are then encoded "
        "at each step.",
        advanced=True,
        kohya="color_aug",
        ss="ss_color_aug",
    )
    interpolation: Interpolation = setting(
        "auto",
        "How pictures are scaled. auto: by area when they shrink, by Lanczos when they grow, as kohya's trainer does; "
        "lanczos is the sharpest, bicubic and bilinear softer; area averages; nearest keeps the hard edges of pixel "
        "art.",
        advanced=True,
        kohya="resize_interpolation",
        ss="ss_resize_interpolation",
    )
    cache_latents: bool = setting(
        True,
        "Encode each picture once, before training, and keep the result in the project's cache; other runs find it "
        "there. Off encodes it at each step: slower, and the VAE stays in the GPU's memory. Pictures that are cut or "
        "coloured by chance are encoded at each step whatever this says.",
        advanced=True,
        kohya="cache_latents",
        ss="ss_cache_latents",
    )
    vae_batch_size: int = setting(
        1,
        "How many pictures of one size are encoded at once. More is quicker on a large GPU and needs memory; 1, as "
        "kohya's trainer has it, fits everywhere.",
        unit="pictures",
        ge=1,
        le=256,
        advanced=True,
        kohya="vae_batch_size",
    )
    regularisation: bool = setting(
        True,
        "Show the pictures of the project's reg folder too, where there is one: ordinary pictures of the class, in an "
        "epoch as many as of your own, so that the model doesn't forget what others of the class look like. The "
        "steps double. Off leaves the folder aside.",
        advanced=True,
    )
    prior_loss_weight: float = setting(
        1.0,
        "How much regularisation pictures count beside your own. Lower learns your subject more freely, higher holds "
        "the class in place; 1, as much as your own, as in kohya's trainer.",
        ge=0,
        le=10,
        advanced=True,
        kohya="prior_loss_weight",
        ss="ss_prior_loss_weight",
    )
    background: str = setting(
        "white",
        "What transparent parts of a picture are laid on. White, as the taggers do; choose another colour where a "
        "white ground would be learned as part of a pale subject.",
        unit="a colour's name or #rrggbb",
        advanced=True,
    )

    @field_validator("interpolation", mode="before")
    @classmethod
    def _by_another_name(cls, value: Any) -> Any:
        return _ALSO.get(value, value) if isinstance(value, str) else value

    @field_validator("background")
    @classmethod
    def _is_a_colour(cls, value: str) -> str:
        if value != cls.model_fields["background"].default:
            from PIL import ImageColor  # here, since settings are read by much that needs no Pillow

            if len(ImageColor.getrgb(value)) != 3:
                raise ValueError("a see-through background")
        return value
