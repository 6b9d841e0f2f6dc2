"""Vectors made by running kohya's sd-scripts (commit 48d368f): bucket, and size before the cut."""

import pytest

from loranb.dataset.buckets import bucket_list, fit
from loranb.settings import DatasetSettings

CASES = ((512, 1024, False), (512, 1024, True), (1024, 2048, False), (1024, 2048, True))  # resolution, max, no upscale
VECTORS = {
    "512x512": ("512x512 512x512", "512x512 512x512", "1024x1024 1024x1024", "512x512 512x512"),
    "1536x1024": ("640x384 640x427", "576x384 576x384", "1216x832 1248x832", "1216x832 1248x832"),
    "1024x1536": ("384x640 427x640", "384x576 384x576", "832x1216 832x1248", "832x1216 832x1248"),
    "4000x3000": ("576x448 597x448", "512x384 512x384", "1152x896 1195x896", "1088x832 1109x832"),
    "1920x1080": ("640x384 683x384", "640x384 683x384", "1344x768 1365x768", "1344x768 1365x768"),
    "500x500": ("512x512 512x512", "448x448 500x500", "1024x1024 1024x1024", "448x448 500x500"),
    "640x480": ("576x448 597x448", "512x384 512x384", "1152x896 1195x896", "640x448 640x480"),
    "1050x1080": ("512x512 512x527", "448x448 448x461", "1024x1024 1024x1053", "960x960 960x987"),
    "1000x1000": ("512x512 512x512", "512x512 512x512", "1024x1024 1024x1024", "960x960 1000x1000"),
    "1100x1000": ("512x512 563x512", "512x448 512x465", "1088x960 1088x989", "1024x960 1056x960"),
    "6000x1000": ("1024x256 1536x256", "1152x192 1152x192", "2048x320 2048x341", "2304x384 2304x384"),
}


def size(text):
    width, height = text.split("x")
    return int(width), int(height)


@pytest.mark.parametrize("picture", VECTORS)
@pytest.mark.parametrize("case", range(4))
def test_a_picture_lands_in_kohyas_bucket(picture, case):
    resolution, largest, no_upscale = CASES[case]
    dataset = DatasetSettings(resolution=resolution, bucket_max=largest, no_upscale=no_upscale)
    bucket, resized = VECTORS[picture][case].split()
    assert fit(size(picture), dataset) == (size(bucket), size(resized))


@pytest.mark.parametrize(
    ("arguments", "count"),
    [((512, 256, 1024, 64), 17), ((768, 256, 1024, 64), 19), ((1024, 256, 2048, 64), 41), ((1024, 512, 1536, 32), 43)],
)
def test_the_list_is_as_long_as_kohyas(arguments, count):
    assert len(bucket_list(*arguments)) == count


@pytest.mark.parametrize("no_upscale", [True, False])
@pytest.mark.parametrize("picture", [(50, 50), (1, 4000), (9000, 30), (63, 512), (65, 64), (33, 1000)])
def test_the_strangest_picture_covers_a_bucket_that_is_not_empty(picture, no_upscale):
    bucket, resized = fit(picture, DatasetSettings(no_upscale=no_upscale))
    assert min(bucket) >= 64
    assert bucket[0] % 64 == bucket[1] % 64 == 0
    assert resized[0] >= bucket[0]
    assert resized[1] >= bucket[1]


def test_a_step_larger_than_the_resolution_gives_one_square():
    dataset = DatasetSettings(resolution=128, bucket_step=256, no_upscale=False, bucket_min=64)
    assert fit((300, 300), dataset).bucket == (128, 128)


def test_without_buckets_everything_is_square():
    assert fit((1000, 500), DatasetSettings(buckets=False)) == ((512, 512), (1024, 512))
