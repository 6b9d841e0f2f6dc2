"""Getting a base model: well-known ones, those that lie on this machine, and fetching one from the hub."""

from loranb.base_models.checkpoints import Found, find_checkpoints
from loranb.base_models.fetching import at_hand, download, fetch, is_on_hub
from loranb.base_models.picks import MOVED, QUICK_PICKS, QuickPick, pick
from loranb.base_models.places import cache_home, here, kept, places

__all__ = [
    "MOVED",
    "QUICK_PICKS",
    "Found",
    "QuickPick",
    "at_hand",
    "cache_home",
    "download",
    "fetch",
    "find_checkpoints",
    "here",
    "is_on_hub",
    "kept",
    "pick",
    "places",
]
