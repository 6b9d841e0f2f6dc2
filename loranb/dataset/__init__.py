"""Pictures and captions: reading, checking, sorting; no torch, no widgets."""
