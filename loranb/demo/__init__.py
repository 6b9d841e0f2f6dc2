"""The embedded demo: a small real base model, a tagger, and pictures to learn from.

Everything here is drawn, trained and measured by scripts in this folder:
``scenes`` draws, ``train_base`` and ``train_tagger`` train, ``evaluate`` measures.
"""

from pathlib import Path

BASE = Path(__file__).parent / "base"
TAGGER = Path(__file__).parent / "tagger"
