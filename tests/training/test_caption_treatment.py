from random import Random

from loranb.settings import CaptionSettings
from loranb.training.caption_treatment import treated


def test_kept_tags_stay_in_front_and_none_is_lost():
    options = CaptionSettings(shuffle=True, keep=1)
    shown = [treated("trigger, b, c, d", options, Random(i)) for i in range(20)]
    assert all(caption.startswith("trigger, ") for caption in shown)
    assert all(sorted(caption.split(", ")) == ["b", "c", "d", "trigger"] for caption in shown)
    assert len(set(shown)) > 3


def test_dropout_of_one_shows_no_caption():
    assert treated("a", CaptionSettings(dropout=1.0), Random(1)) == ""
