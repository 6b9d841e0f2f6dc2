"""What is done to a caption each time its picture is shown."""

from random import Random

from loranb.dataset.captions import tags
from loranb.settings import CaptionSettings


def treated(caption: str, options: CaptionSettings, random: Random) -> str:
    """Return a caption as it is shown this time; the same random state gives the same words."""
    if random.random() < options.dropout:
        return ""
    if not options.shuffle:
        return caption
    found = tags(caption)
    flexible = found[options.keep :]
    random.shuffle(flexible)
    return ", ".join([*found[: options.keep], *flexible])
