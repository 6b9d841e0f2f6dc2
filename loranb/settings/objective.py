"""The declarations of what a LoRA is trained to predict, and of the noise it is shown."""

from typing import Literal

from loranb.settings.declaration import Group, setting


class ObjectiveSettings(Group):
    """Loss."""

    min_snr_gamma: float | None = setting(
        None,
        "Weigh easy, low-noise steps less (Min-SNR), so that shapes are learnt sooner. 5 in the paper, a usual value; "
        "lower evens out more, 20 hardly anything. Blank is off.",
        gt=0,
        le=100,
        kohya="min_snr_gamma",
        ss="ss_min_snr_gamma",
    )
    predicts: Literal["auto", "epsilon", "v_prediction"] = setting(
        "auto",
        "What the base model predicts: its noise (epsilon: SD 1.x, SDXL) or a mix of picture and noise "
        "(v_prediction: SD 2.x at 768 and some models made from SDXL). auto: what the model's files say. Choose one "
        "only for a single file that says nothing and whose samples come out as noise or grey.",
        advanced=True,
        kohya="v_parameterization",
    )
    zero_terminal_snr: bool = setting(
        False,
        "Let the last timestep be pure noise, so that very dark and very bright pictures can be learnt. For base "
        "models that were trained so, nearly always with v-prediction; it spoils others.",
        advanced=True,
        kohya="zero_terminal_snr",
        ss="ss_zero_terminal_snr",
    )
    loss: Literal["l2", "huber", "smooth_l1"] = setting(
        "l2",
        "How the error counts. l2: by its square, the usual way; huber and smooth_l1: large errors count less, so "
        "that a few odd pictures or captions spoil less. They learn fine detail a little more slowly.",
        advanced=True,
        kohya="loss_type",
        ss="ss_loss_type",
    )
    huber_c: float = setting(
        0.1,
        "The error at which huber and smooth_l1 begin to count it less. Lower ignores odd pictures more; higher comes "
        "close to l2. 0.1 as in kohya's trainer.",
        gt=0,
        le=10,
        advanced=True,
        kohya="huber_c",
        ss="ss_huber_c",
    )
    huber_schedule: Literal["snr", "constant", "exponential"] = setting(
        "snr",
        "How the bound of huber and smooth_l1 changes with the noise. snr: from 1 with hardly any noise down to the "
        "bound, kohya's choice; exponential: falling evenly on a scale of powers; constant: the same everywhere.",
        advanced=True,
        kohya="huber_schedule",
        ss="ss_huber_schedule",
    )
    huber_scale: float = setting(
        1.0,
        "Multiplies the bound of huber and smooth_l1 where their schedule is constant or exponential. Higher comes "
        "closer to l2. 1 changes nothing.",
        gt=0,
        le=100,
        advanced=True,
        kohya="huber_scale",
        ss="ss_huber_scale",
    )
    debiased: bool = setting(
        False,
        "Weigh each step by the noise it has, so that very noisy ones, where composition is learnt, count more "
        "(debiased estimation). Instead of Min-SNR rather than with it.",
        advanced=True,
        kohya="debiased_estimation_loss",
        ss="ss_debiased_estimation",
    )
    scale_v_pred: bool = setting(
        False,
        "With v-prediction: weigh steps as noise prediction would, so that fine detail counts more. Does nothing "
        "for other models, and is refused with them.",
        advanced=True,
        kohya="scale_v_pred_loss_like_noise_pred",
    )
    v_pred_like: float | None = setting(
        None,
        "With noise prediction: add this much of the weight that v-prediction gives, so that composition counts more. "
        "Blank is off; 0.1 to 1 is usual. Refused with models that predict v.",
        gt=0,
        le=10,
        advanced=True,
        kohya="v_pred_like_loss",
    )
    timestep_min: int = setting(
        0,
        "The least noise that is trained, 0 (none) to 999. Higher leaves fine detail to the base model and learns "
        "composition only.",
        ge=0,
        le=999,
        advanced=True,
        kohya="min_timestep",
    )
    timestep_max: int = setting(
        1000,
        "The most noise that is trained, 1 to 1000 (all). Lower leaves composition to the base model and learns "
        "texture only.",
        ge=1,
        le=1000,
        advanced=True,
        kohya="max_timestep",
    )
    timestep_sampling: Literal["uniform", "logit_normal"] = setting(
        "uniform",
        "Which amounts of noise are trained how often. uniform: all alike, as the models themselves were; "
        "logit_normal: those in the middle more often (Esser et al., arXiv:2403.03206).",
        advanced=True,
    )
    logit_mean: float = setting(
        0.0,
        "Where the middle of logit_normal lies: above 0 more noise, below 0 less. 1 puts it at 73 % of the range.",
        ge=-5,
        le=5,
        advanced=True,
    )
    logit_std: float = setting(
        1.0,
        "How wide logit_normal is: lower keeps closer to its middle, above 1.4 the ends are trained more than it. "
        "1 in the paper.",
        gt=0,
        le=5,
        advanced=True,
    )
    stratified: bool = setting(
        False,
        "Spread the timesteps of a batch evenly over the range instead of drawing each by itself. The loss is "
        "steadier; it needs a batch of 2 or more to do anything.",
        advanced=True,
    )


class NoiseSettings(Group):
    """Noise."""

    offset: float | None = setting(
        None,
        "Add to the noise a little that is the same all over the picture, so that very dark and very bright pictures "
        "can be learnt. 0.03 to 0.1 is usual; more makes contrast harsh. Blank is off.",
        gt=0,
        le=1,
        advanced=True,
        kohya="noise_offset",
        ss="ss_noise_offset",
    )
    offset_random: bool = setting(
        False,
        "Draw the strength of the offset for each batch, from none up to the given one. Milder than a fixed strength.",
        advanced=True,
        kohya="noise_offset_random_strength",
        ss="ss_noise_offset_random_strength",
    )
    offset_adaptive: float | None = setting(
        None,
        "Adds to the offset's strength for pictures whose latents are far from grey on the whole, in proportion; "
        "below 0 takes away. Needs an offset. Blank is off.",
        ge=-10,
        le=10,
        advanced=True,
        kohya="adaptive_noise_scale",
        ss="ss_adaptive_noise_scale",
    )
    multires_iterations: int | None = setting(
        None,
        "Add coarser and coarser noise, so many layers, so that large shapes and light are learnt more (pyramid "
        "noise). 6 to 10 is usual. Blank is off.",
        unit="layers",
        ge=1,
        le=64,
        advanced=True,
        kohya="multires_noise_iterations",
        ss="ss_multires_noise_iterations",
    )
    multires_discount: float = setting(
        0.3,
        "How much weaker each coarser layer of noise is than the one before. Higher changes large shapes more: 0.1 to "
        "0.3 for LoRAs, 0.8 is strong. 0.3 as in kohya's trainer.",
        gt=0,
        le=1,
        advanced=True,
        kohya="multires_noise_discount",
        ss="ss_multires_noise_discount",
    )
    perturbation: float | None = setting(
        None,
        "Show the model a little more noise than it is told of, which makes up for its own errors when it draws "
        "(input perturbation). 0.05 to 0.1 is usual (0.1 in Ning et al., arXiv:2301.11706). Blank is off.",
        gt=0,
        le=1,
        advanced=True,
        kohya="ip_noise_gamma",
        ss="ss_ip_noise_gamma",
    )
    perturbation_random: bool = setting(
        False,
        "Draw the strength of the perturbation for each batch, from none up to the given one. Milder than a fixed one.",
        advanced=True,
        kohya="ip_noise_gamma_random_strength",
        ss="ss_ip_noise_gamma_random_strength",
    )
