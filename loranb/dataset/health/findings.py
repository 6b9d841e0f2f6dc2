"""What can be found about pictures: each with its code, what it means for training, and what to do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")  # the worst first


class Code(NamedTuple):
    """A kind of finding."""

    title: str  # over a list of pictures
    meaning: str  # for training
    advice: str


CODES = {
    "no_access": Code("cannot be opened", "It is left out of training.", "Check that it is there and may be read."),
    "undecodable": Code(
        "cannot be decoded",
        "It is left out of training.",
        "Copy or download it again, save it as JPEG or PNG, or discard it.",
    ),
    "damaged": Code(
        "damaged",
        "What is broken comes out grey, smeared or shifted, and is learned so; what cannot be read is left out.",
        "Copy it again from where it came from; if there is no better copy, look at it, and discard it if it shows.",
    ),
    "too_large": Code(
        "too large to be decoded",
        "It is left out of training, since it would fill the memory.",
        "Save it smaller: 4000 pixels on the longer side are more than enough.",
    ),
    "caption_unreadable": Code(
        "with a caption that cannot be read",
        "The picture is left out of training.",
        "Open the caption in an editor and save it as UTF-8 text, or delete it.",
    ),
    "bad_edit": Code(
        "with a crop that does not fit",
        "The picture is left out of training.",
        "Crop it anew, or take the crop back.",
    ),
    "bad_mask": Code(
        "with a mask that cannot be used",
        "Where only masked parts are trained on, it does not know which.",
        "Paint the mask on the whole picture as it stands upright, or delete it.",
    ),
    "duplicate": Code(
        "the same file twice",
        "It counts twice: training draws it more often than the others and learns it by heart.",
        "Keep one, and discard the others; to show one more often, use repeats.",
    ),
    "near_duplicate": Code(
        "nearly the same as another",
        "It counts twice: training draws it more often than the others and learns it by heart.",
        "Keep the best of them, and discard the others.",
    ),
    "blurred": Code(
        "blurred",
        "The LoRA learns to draw soft, smeared pictures.",
        "Discard it if you have sharper ones; a smaller picture enlarged is blurred too.",
    ),
    "small": Code(
        "smaller than the training resolution",
        "There is less detail in it than the LoRA could learn.",
        "Use the original if it is larger, or a lower resolution; a few small ones do little harm.",
    ),
    "small_for_sdxl": Code(
        "too small for SDXL",
        "Models of this resolution are spoiled by many pictures below 512 pixels.",
        "Use larger originals, discard it, or train at a lower resolution.",
    ),
    "extreme_aspect": Code(
        "very long and narrow",
        "Base models have seen few such pictures, and draw what is in them doubled or cut.",
        "Crop out the part that matters, or two pictures.",
    ),
    "cropped": Code(
        "cut to their middle",
        "Much is cut off there; it is not learned, though its caption may name it.",
        "Crop it yourself so that what matters stays, or use buckets, with smaller steps.",
    ),
    "borders": Code(
        "with plain bars or a frame",
        "The LoRA learns to draw bars as well, and text or marks that stand in them.",
        "Trim the borders.",
    ),
    "under_exposed": Code(
        "too dark", "The LoRA learns darkness, and little of what is in it.", "Brighten it, or discard it."
    ),
    "over_exposed": Code(
        "too bright",
        "What is blown out to white holds nothing to learn.",
        "Use another exposure, or discard it; darkening does not bring back what is white.",
    ),
    "greyscale": Code(
        "without colour",
        "A few among coloured ones make the LoRA draw greyish; if all are grey, it draws grey.",
        "Keep it if that is wanted, and say so in its caption (monochrome); else discard it.",
    ),
    "transparent": Code(
        "transparent in parts",
        "Those parts are laid on one colour, and that ground is learned too.",
        "Choose the colour in the settings (background), or put different grounds behind the pictures.",
    ),
    "animated": Code("with several frames", "Only the first is used.", "Save the frame that you want as a picture."),
    "cmyk": Code(
        "in printing colours (CMYK)",
        "It is converted to RGB here; other tools may show it in wrong colours.",
        "Compare its colours with the original's; nothing else need be done.",
    ),
    "sixteen_bit": Code(
        "with 16 bits a channel", "It is converted to 8 bits, as models see no more.", "Nothing need be done."
    ),
    "palette": Code(
        "with a palette of at most 256 colours",
        "Shades come in steps or dots, which can be learned.",
        "Use the original, if it had more colours.",
    ),
    "exif_orientation": Code(
        "stored lying, with a note how to turn it",
        "It is turned upright here; other tools would train on it as it lies.",
        "Nothing need be done; turn it if it does not stand upright now.",
    ),
    "wrong_extension": Code(
        "named as another format than it has",
        "It is read by its content here; other tools may refuse it.",
        "Rename it, if you use it elsewhere.",
    ),
    "no_caption": Code(
        "without a caption",
        "The words of its folder stand in, so that all it shows is tied to those words.",
        "Caption it, with the second notebook or `loranb caption`.",
    ),
    "shared_caption": Code(
        "with the caption of another",
        "Two pictures whose names differ only in their ending share one caption file.",
        "Rename one of them.",
    ),
    "not_square": Code(
        "not square",
        "For a face, squares leave least to chance: nothing is cut, and all are seen at one size.",
        "Crop it to a square around the face.",
    ),
    "not_close": Code(
        "far from the face",
        "A face LoRA learns from faces that fill the picture; in a small one there is little to see.",
        "Crop it to head and shoulders, or discard it.",
    ),
    "several_people": Code(
        "with several people",
        "The LoRA takes in the others too, even hands or hair at the side.",
        "Crop to the one person, or discard it.",
    ),
    # of a subject or of the whole set
    "no_pictures": Code(
        "no pictures", "There is nothing to train on.", "Add some, with the first notebook or `loranb add`."
    ),
    "too_few": Code(
        "too few pictures",
        "The LoRA will know the subject from few sides, and repeat what the pictures share.",
        "Add others that differ in angle, light and surroundings, rather than more of the same.",
    ),
    "too_many": Code(
        "many pictures",
        "More teach little beyond a point, and take time; weak ones do harm.",
        "Keep the best and most different.",
    ),
    "weak_pictures": Code(
        "weak pictures among good ones",
        "Fewer good pictures teach more than many of which some are poor.",
        "Discard the weak ones; filter by finding to see them.",
    ),
    "unbalanced": Code(
        "subjects shown unequally often",
        "The subject that is shown most outweighs the others.",
        "Set the repeats that are suggested: `loranb repeats PROJECT --balance`, or the first notebook.",
    ),
    "batch_remainder": Code(
        "batches that do not come out even",
        "Short batches take a whole step each, and their pictures weigh more.",
        "Choose a batch size that divides the pictures of each bucket, or add or discard a few.",
    ),
    "bucket_single": Code(
        "pictures alone in their bucket",
        "They are never trained together with others, and cost a batch of their own.",
        "Crop them to the shape of the others, or use larger bucket steps.",
    ),
    "masks_unused": Code(
        "masks that do not count",
        "All of each picture is learned, what is masked out too.",
        "Set masked_loss in the settings of pictures, or leave it so.",
    ),
    "settings": Code(
        "settings that cannot be used", "Pictures were judged by the default settings.", "Correct settings.toml."
    ),
    "ignored": Code("left out", "What lies there is not trained on.", "Rename the folder, or move the pictures."),
    "edits_damaged": Code(
        "a damaged record of turns and crops",
        "Some turns and crops are lost.",
        "Do them again, and delete the damaged file.",
    ),
}


@dataclass(frozen=True)
class Finding:
    """Something found about a picture, a subject or the whole set.

    Args:
        code: one of `CODES`.
        severity: ``error``: it is left out of training; ``warning``: it will show in the LoRA; ``info``:
            good to know.
        detail: what exactly was found, as a phrase without a full stop.
        pictures: the pictures it is about, where it is not about one.
    """

    code: str
    severity: Severity
    detail: str
    pictures: tuple[Path, ...] = ()

    @property
    def title(self) -> str:
        """What stands over a list of pictures with this finding."""
        return CODES[self.code].title

    @property
    def meaning(self) -> str:
        """What it means for training."""
        return CODES[self.code].meaning

    @property
    def advice(self) -> str:
        """What to do."""
        return CODES[self.code].advice

    @property
    def message(self) -> str:
        """All of it in sentences: what was found, what it means, what to do."""
        return f"{self.detail[:1].upper()}{self.detail[1:]}. {self.meaning} {self.advice}"


def severity_rank(severity: Severity) -> int:
    """Return 0 for the worst."""
    return SEVERITIES.index(severity)
