"""Keys of kohya's tools that mean nothing here, and why. A key that a setting claims is not looked up here."""

import re

LACKING = "loranb does not have this; without it the LoRA may come out a little different."
OFF = "it is off."
_WHY: dict[str, str] = {
    "the project folder says where things are: pictures in img (`loranb add PROJECT FOLDER`), regularisation pictures "
    "in reg (`loranb add PROJECT --reg FOLDER`), files in runs.": "train_data_dir reg_data_dir output_dir logging_dir "
    "dataset_config config_file output_config in_json dataset_repeats dataset_class "
    "tokenizer_cache_dir folder_color_scheme image_dir metadata_file",
    "it belongs to the form's own buttons.": "save_as_bool training_preset model_list save_as folder_name "
    "verbosity config_file_name headless print_only",
    "PyTorch's own attention (SDPA) is always used; it needs no more memory than xformers.": "xformers sdpa "
    "mem_eff_attn",
    "a mask lies beside its picture, such as church.mask.png beside church.jpg.": "conditioning_data_dir",
    "saving.keep_last says how many of the last files are kept, whatever the steps between them.": "save_last_n_steps",
    "all pictures that are held out are looked at.": "max_validation_steps",
    "only .safetensors is written, which every program reads.": "save_model_as",
    "the state to go on from is always kept in the run's folder; go on with `loranb train PROJECT --resume RUN`.": (
        "save_state save_state_on_train_end resume save_last_n_steps_state save_last_n_epochs_state initial_epoch "
        "initial_step skip_until_initial_step"
    ),
    "loranb caches by content, in the project's .loranb folder; there is nothing to check or to choose.": (
        "cache_latents_to_disk skip_cache_check cache_info cache_text_encoder_outputs_to_disk "
        "sdxl_cache_text_encoder_outputs"
    ),
    "encoders leave the GPU by themselves as soon as nothing needs them.": "lowvram lowram highvram "
    "disable_mmap_load_safetensors",
    "the VAE always works in fp32 here.": "sdxl_no_half_vae",
    "captions are always padded, as the models were trained.": "no_token_padding",
    "what is trained is said by the learning rates.": "network_train",
    "captions are found beside the pictures as .txt or .caption.": "caption_extension",
    "reading is quick enough with cached latents; it needs no processes of its own.": "max_data_loader_n_workers "
    "persistent_data_loader_workers",
    "loranb starts its training process by itself.": "num_cpu_threads_per_process num_processes num_machines "
    "multi_gpu gpu_ids main_process_port extra_accelerate_launch_args ddp_timeout ddp_gradient_as_bucket_view "
    "ddp_static_graph deepspeed zero_stage offload_optimizer_device offload_optimizer_nvme_path offload_param_device "
    "offload_param_nvme_path zero3_init_flag zero3_save_16bit_model fp16_master_weights_and_gradients",
    "memory.compile says whether and how the U-Net is compiled.": "dynamo_mode dynamo_use_fullgraph dynamo_use_dynamic "
    "torch_compile",
    "a run's events are kept in its folder and drawn by the training panel; nothing is sent away.": (
        "log_with log_prefix log_tracker_name log_tracker_config log_config use_wandb wandb_api_key wandb_run_name "
        "console_log_level console_log_file console_log_simple"
    ),
    "nothing is uploaded; the file in the run's folder can be.": "huggingface_repo_id huggingface_token "
    "huggingface_repo_type huggingface_repo_visibility huggingface_path_in_repo resume_from_huggingface "
    "save_state_to_huggingface async_upload",
    "samples are drawn with the sampler that a prompt names by --ss, else with DPM++ 2M Karras.": "sample_sampler",
    "loranb has no such option.": "save_n_epoch_ratio train_inpainting debug_dataset "
    "face_crop_aug_range base_weights base_weights_multiplier fused_backward_pass "
    "fused_optimizer_groups train_lora_ggpo ggpo_sigma ggpo_beta metadata_merged_from metadata_preprocessor "
    "metadata_is_negative_embedding replacements "
    "cpu_offload_checkpointing learning_rate_te learning_rate_te1 learning_rate_te2",
    "loranb makes the file's preview of its own sample (metadata.thumbnail).": "metadata_thumbnail",
    "it belongs to a kind of network that this is not.": "LyCORIS_preset dora_wd train_on_input unit algo",
    LACKING: "bypass_mode use_cp use_tucker use_scalar rank_dropout_scale constrain constraint rescaled train_norm "
    "full_matrix fp8_base fp8_base_unet full_bf16 full_fp16",
}
_REASONS = {key: why for why, keys in _WHY.items() for key in keys.split()}

_OTHER_FAMILIES = "it is for another family of models."
_OTHER_KEYS = (
    "ae clip_l clip_g t5xxl t5xxl_device t5xxl_dtype t5xxl_max_token_length discrete_flow_shift model_prediction_type "
    "timestep_sampling split_mode train_blocks enable_all_linear guidance_scale mem_eff_save apply_t5_attn_mask "
    "split_qkv train_t5xxl t5xxl_lr blocks_to_swap single_blocks_to_swap double_blocks_to_swap img_attn_dim "
    "img_mlp_dim img_mod_dim single_dim single_mod_dim txt_attn_dim txt_mlp_dim txt_mod_dim in_dims "
    "train_double_block_indices train_single_block_indices clip_l_dropout_rate clip_g_dropout_rate logit_mean "
    "logit_std mode_scale pos_emb_random_crop_rate enable_scaled_pos_embed save_clip save_t5xxl weighting_scheme "
    "training_shift sigmoid_scale t5_dropout_rate text_encoder_batch_size blockwise_fused_optimizers gemma2 "
    "flux_fused_backward_pass gemma2_max_token_length use_flash_attn use_sage_attn system_prompt byt5 "
    "text_encoder fp8_vl fp8_scaled split_attn vae_chunk_size"
)
_OF_OTHER_FAMILIES = set(_OTHER_KEYS.split())
_PREFIXES = re.compile(r"(flux1?|sd3|lumina|hunyuan(_image)?|anima|chroma|leco)_\w+")


def why_ignored(key: str, off: bool = False) -> str | None:
    """Say why a key means nothing here; None where nothing is known of it.

    Args:
        key: as the form calls it.
        off: whether its value switches it off, so that nothing is lost with it.
    """
    if key in _REASONS:
        return OFF if off and _REASONS[key] == LACKING else _REASONS[key]
    return _OTHER_FAMILIES if key in _OF_OTHER_FAMILIES or _PREFIXES.fullmatch(key) else None
