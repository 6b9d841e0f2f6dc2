"""What kohya's tools take for keys that a file doesn't say or leaves blank, where loranb's default is another.

Of the form only what changes the LoRA: how often samples are drawn, for one, stays loranb's. From the form's fields
(kohya_ss 25) and from sd-scripts' arguments; bounds of buckets as they were when presets did not name them yet.
"""

from typing import Any

from loranb.interop._source import ARGUMENTS, FORM

_BOTH: dict[str, Any] = {"network_alpha": 1, "keep_tokens": 0}
ABSENT: dict[str, dict[str, Any]] = {
    FORM: {
        **_BOTH,
        "learning_rate": 1e-4,
        "lr_scheduler": "cosine",
        "lr_warmup": 10,
        "network_dim": 8,
        "optimizer": "AdamW8bit",
        "mixed_precision": "fp16",
        "save_precision": "fp16",
        "max_resolution": "512,512",
        "epoch": 1,
        "enable_bucket": True,
        "bucket_no_upscale": True,
    },
    ARGUMENTS: {
        **_BOTH,
        "learning_rate": 2e-6,
        "lr_scheduler": "constant",
        "lr_warmup_steps": 0,
        "network_dim": 4,
        "optimizer": "AdamW",
        "mixed_precision": "no",
        "save_precision": "float",
        "max_resolution": "512,512",
        "enable_bucket": False,
        "bucket_no_upscale": False,
        "sample_every_n_epochs": 0,
    },
}

# The form leaves out what equals nought before it starts the trainer, which then takes its own default.
NOUGHT: dict[str, float] = {
    "max_grad_norm": 1.0,
    "prior_loss_weight": 1.0,
    "multires_noise_discount": 0.3,
    "huber_c": 0.1,
    "huber_scale": 1.0,
    "max_timestep": 1000,
    "train_batch_size": 1,
    "network_alpha": 1,
    "network_dim": 4,
    "bucket_reso_steps": 64,
    "min_bucket_reso": 256,
    "max_bucket_reso": 1024,
    "lr_scheduler_num_cycles": 1,
    "lr_scheduler_power": 1,
}
