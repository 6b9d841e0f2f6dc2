"""Words for the same thing: kohya's, and those of loranb's settings.

By kohya's key: its word (a switch is "true" or "false") and ours. Where several of theirs mean one of ours, the first
is written on the way out.
"""

OURS: dict[str, dict[str, str]] = {
    "mixed_precision": {"no": "fp32"},
    "save_precision": {"float": "fp32"},
    "v_parameterization": {"true": "v_prediction", "false": "auto"},
    "no_metadata": {"true": "least", "false": "full"},
    "gradient_checkpointing": {"true": "full", "false": "none"},
}
THEIRS = {key: {ours: theirs for theirs, ours in reversed(words.items())} for key, words in OURS.items()}
