"""The keys of kohya's form (kohya_ss 25). What it has no field for is passed on as arguments of its trainer."""

from typing import Any

_FORM = """
LoRA_type LyCORIS_preset adaptive_noise_scale additional_parameters async_upload block_alphas block_dims
block_lr_zero_threshold bucket_no_upscale bucket_reso_steps bypass_mode cache_latents cache_latents_to_disk
caption_dropout_every_n_epochs caption_dropout_rate caption_extension clip_skip color_aug constrain conv_alpha
conv_block_alphas conv_block_dims conv_dim dataset_config debiased_estimation_loss decompose_both
dim_from_weights dora_wd down_lr_weight dynamo_backend dynamo_mode dynamo_use_dynamic dynamo_use_fullgraph
enable_bucket epoch extra_accelerate_launch_args factor flip_aug fp8_base full_bf16 full_fp16 gpu_ids
gradient_accumulation_steps gradient_checkpointing highvram huber_c huber_scale huber_schedule
huggingface_path_in_repo huggingface_repo_id huggingface_repo_type huggingface_repo_visibility huggingface_token
ip_noise_gamma ip_noise_gamma_random_strength keep_tokens learning_rate log_config log_tracker_config
log_tracker_name log_with logging_dir loraplus_lr_ratio loraplus_text_encoder_lr_ratio loraplus_unet_lr_ratio
loss_type lowvram lr_scheduler lr_scheduler_args lr_scheduler_num_cycles lr_scheduler_power lr_scheduler_type
lr_warmup lr_warmup_steps main_process_port masked_loss max_bucket_reso max_data_loader_n_workers max_grad_norm
max_resolution max_timestep max_token_length max_train_epochs max_train_steps mem_eff_attn metadata_author
metadata_description metadata_license metadata_tags metadata_title mid_lr_weight min_bucket_reso min_snr_gamma
min_timestep mixed_precision model_list module_dropout multi_gpu multires_noise_discount
multires_noise_iterations network_alpha network_dim network_dropout network_weights noise_offset
noise_offset_random_strength noise_offset_type num_cpu_threads_per_process num_machines num_processes optimizer
optimizer_args output_dir output_name persistent_data_loader_workers pretrained_model_name_or_path
prior_loss_weight random_crop rank_dropout rank_dropout_scale reg_data_dir rescaled resume
resume_from_huggingface sample_every_n_epochs sample_every_n_steps sample_prompts sample_sampler
save_every_n_epochs save_every_n_steps save_last_n_epochs save_last_n_epochs_state save_last_n_steps
save_last_n_steps_state save_model_as save_precision save_state save_state_on_train_end
save_state_to_huggingface scale_v_pred_loss_like_noise_pred scale_weight_norms sdxl
sdxl_cache_text_encoder_outputs sdxl_no_half_vae seed shuffle_caption skip_cache_check
stop_text_encoder_training text_encoder_lr train_batch_size train_data_dir train_inpainting train_norm
train_on_input training_comment unet_lr unit up_lr_weight use_cp use_scalar use_tucker v2 v_parameterization
v_pred_like_loss vae vae_batch_size wandb_api_key wandb_run_name weighted_captions xformers
"""
FORM_KEYS = frozenset(_FORM.split())

NETWORK_ARGUMENTS = (  # in sd-scripts these stand in network_args
    *("algo", "conv_dim", "conv_alpha", "factor", "decompose_both", "dora_wd", "rank_dropout", "module_dropout"),
    *("block_dims", "block_alphas", "conv_block_dims", "conv_block_alphas", "down_lr_weight", "mid_lr_weight"),
    *("up_lr_weight", "block_lr_zero_threshold", "loraplus_lr_ratio", "loraplus_unet_lr_ratio"),
    "loraplus_text_encoder_lr_ratio",
)

# What the form would otherwise keep as it stands on the screen: off, or as it begins.
_TEXTS = """
additional_parameters block_alphas block_dims conv_block_alphas conv_block_dims dataset_config down_lr_weight
extra_accelerate_launch_args gpu_ids huggingface_path_in_repo huggingface_repo_id huggingface_repo_type
huggingface_repo_visibility huggingface_token log_tracker_config log_tracker_name log_with lr_scheduler_args
lr_scheduler_type mid_lr_weight network_weights optimizer_args reg_data_dir resume resume_from_huggingface
sample_prompts up_lr_weight vae wandb_api_key wandb_run_name
"""
_SWITCHES = """
async_upload bypass_mode dim_from_weights dora_wd dynamo_use_dynamic dynamo_use_fullgraph fp8_base highvram log_config
lowvram masked_loss mem_eff_attn multi_gpu persistent_data_loader_workers random_crop rank_dropout_scale rescaled
save_state save_state_on_train_end save_state_to_huggingface sdxl_cache_text_encoder_outputs skip_cache_check
train_inpainting train_norm use_cp use_scalar use_tucker weighted_captions
"""
_NUMBERS = """
block_lr_zero_threshold constrain loraplus_lr_ratio loraplus_text_encoder_lr_ratio loraplus_unet_lr_ratio
main_process_port max_data_loader_n_workers module_dropout network_dropout rank_dropout save_every_n_steps
save_last_n_epochs save_last_n_epochs_state save_last_n_steps save_last_n_steps_state scale_weight_norms
stop_text_encoder_training
"""
AS_IT_BEGINS: dict[str, Any] = {
    **dict.fromkeys(_TEXTS.split(), ""),
    **dict.fromkeys(_SWITCHES.split(), False),
    **dict.fromkeys(_NUMBERS.split(), 0),
    "flux1_checkbox": False,
    "sd3_checkbox": False,
    "dynamo_mode": "default",
    "model_list": "custom",
    "num_cpu_threads_per_process": 2,
    "num_machines": 1,
    "num_processes": 1,
    "sample_sampler": "ddim",
    "train_on_input": True,
    "unit": 1,
    "xformers": "sdpa",
}
