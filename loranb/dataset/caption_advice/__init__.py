"""What is to be said of captions as a set: how well they tell what is to be learned from what only differs.

The rules come from guides that many have followed (trigger word, class, then what is not in all pictures;
nothing that needs no saying) and are rules of thumb: each remark says why, and what to do or to leave.
They read captions and nothing else, so that they can be asked after each edit.
"""

from loranb.dataset.caption_advice.advising import advise, advise_captions, tokens_read
from loranb.dataset.caption_advice.remarks import CODES, Advice, Mend, Remark

__all__ = ["CODES", "Advice", "Mend", "Remark", "advise", "advise_captions", "tokens_read"]
