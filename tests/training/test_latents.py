import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from loranb import families
from loranb.dataset.augmentation import Colour, Look
from loranb.dataset.buckets import Fit
from loranb.dataset.edits import Box, Edit
from loranb.dataset.training_set import TrainingImage
from loranb.errors import TrainingError
from loranb.plan import PlannedImage
from loranb.settings import DatasetSettings
from loranb.training.batches import Batch
from loranb.training.latents import EncodedEachTime, LatentCache, draw_latents, tensors_hash
from loranb.training.pixels import cut, pixels_of, to_pixels


@pytest.fixture
def vae(tiny_base):
    return families.load(str(tiny_base), torch.float32).vae


def sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def planned(path, bucket=(64, 64), resized=(64, 64)):
    return PlannedImage(TrainingImage(path, *resized, 1, "", "1_x", sha(path)), Fit(bucket, resized))


def cached(folder, vae, images, **options):
    """What the cache gives of pictures, in their order."""
    found = dict(LatentCache(folder, vae, DatasetSettings(**options)).encode(images))
    return [found[place] for place in range(len(images))]


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    Image.effect_noise((64, 64), 80).convert("RGB").save(path)
    return path


def test_what_is_cached_is_what_the_vae_says(tmp_path, vae, picture):
    wanted = vae.encode(to_pixels(Image.open(picture))[None]).latent_dist
    for _ in range(2):  # encoded, then read back
        [moments] = cached(tmp_path / "cache", vae, [planned(picture)])
        assert torch.allclose(moments["mean"], wanted.mean[0], atol=1e-5)
        assert torch.allclose(moments["logvar"], wanted.logvar[0], atol=1e-5)


def test_mirrored_latents_are_those_of_the_mirrored_picture(tmp_path, vae, picture):
    [moments] = cached(tmp_path / "cache", vae, [planned(picture)], flip=True)
    mirrored = to_pixels(Image.open(picture).transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert torch.allclose(moments["mirrored_mean"], vae.encode(mirrored[None]).latent_dist.mean[0], atol=1e-5)


@pytest.mark.parametrize("change", ["content", "bucket", "vae", "edit", "background", "interpolation"])
def test_whatever_changes_what_the_vae_sees_is_encoded_anew(tmp_path, vae, picture, change):
    folder = tmp_path / "cache"
    cached(folder, vae, [planned(picture)])
    options = {"background": "black", "interpolation": "nearest"}
    image = planned(picture)
    if change == "edit":
        image = PlannedImage(replace(image.image, edit=Edit(90)), image.fit)
    if change == "content":
        Image.new("RGB", (64, 64), "red").save(picture)
        image = planned(picture)
    if change == "bucket":
        image = planned(picture, bucket=(32, 64))
    if change == "vae":
        vae.encoder.conv_in.weight.data += 1e-3
    cached(folder, vae, [image], **{name: value for name, value in options.items() if name == change})
    assert len(list(folder.iterdir())) == 2


def test_a_picture_is_encoded_turned_and_cropped_on_the_chosen_background(tmp_path, vae):
    picture = Image.effect_noise((120, 100), 80).convert("RGB")
    picture.putalpha(Image.linear_gradient("L").resize((120, 100)))
    picture.save(tmp_path / "a.png")
    image = planned(tmp_path / "a.png")
    image = PlannedImage(replace(image.image, edit=Edit(90, Box(10, 20, 74, 84))), image.fit)
    [moments] = cached(tmp_path / "cache", vae, [image], background="blue")
    colours, alpha = np.asarray(picture)[..., :3] / 255, np.asarray(picture)[..., 3:] / 255
    seen = np.rot90(colours * alpha + np.array((0, 0, 1)) * (1 - alpha), -1)[20:84, 10:74]
    wanted = vae.encode(torch.tensor(seen * 2 - 1, dtype=torch.float32).permute(2, 0, 1)[None]).latent_dist
    assert torch.allclose(moments["mean"], wanted.mean[0], atol=0.02)


def test_a_damaged_cache_file_is_made_again(tmp_path, vae, picture):
    folder = tmp_path / "cache"
    [first] = cached(folder, vae, [planned(picture)])
    next(folder.iterdir()).write_bytes(b"half a file")
    [again] = cached(folder, vae, [planned(picture)])
    assert torch.equal(first["mean"], again["mean"])


def test_values_that_are_not_finite_name_the_picture(tmp_path, vae, picture):
    vae.encoder.conv_in.weight.data.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"a\.png"):
        cached(tmp_path / "cache", vae, [planned(picture)])
    assert not (tmp_path / "cache").exists()


def test_drawn_latents_have_the_posteriors_mean_and_spread():
    moments = {"mean": torch.full((4, 64, 64), 2.0), "logvar": torch.full((4, 64, 64), -2.0)}
    drawn = draw_latents([moments], [False], torch.Generator().manual_seed(1))
    assert drawn.mean().item() == pytest.approx(2.0, abs=0.02)
    assert drawn.std().item() == pytest.approx(torch.tensor(-1.0).exp().item(), rel=0.03)


def test_the_cut_is_about_the_centre():
    picture = Image.new("RGB", (100, 64), "red")
    picture.paste("blue", (18, 0, 82, 64))
    assert set(cut(picture, Fit((64, 64), (100, 64))).getdata()) == {(0, 0, 255)}


def test_the_hash_of_a_module_follows_its_tensors():
    module = torch.nn.Linear(2, 2)
    before = tensors_hash(module)
    assert tensors_hash(module) == before
    module.weight.data[0, 0] += 1
    assert tensors_hash(module) != before


def test_a_picture_that_changed_since_the_run_was_made_is_told_and_not_cached(tmp_path, vae, picture):
    before = planned(picture)
    Image.new("RGB", (64, 64), "red").save(picture)
    with pytest.raises(TrainingError, match="changed since"):
        cached(tmp_path / "cache", vae, [before])
    assert not (tmp_path / "cache").exists()


def test_a_picture_that_is_gone_is_told_and_one_that_was_encoded_is_not_needed(tmp_path, vae, picture):
    image = planned(picture)
    picture.rename(tmp_path / "b.png")
    with pytest.raises(TrainingError, match=r"a\.png cannot be read any more: No such file.*Put the file back"):
        cached(tmp_path / "cache", vae, [image])
    (tmp_path / "b.png").rename(picture)
    cached(tmp_path / "cache", vae, [image])
    picture.unlink()
    assert len(cached(tmp_path / "cache", vae, [image])) == 1


@pytest.fixture
def pictures(tmp_path):
    """Seven of two sizes, in turn."""
    made = []
    for i in range(7):
        size = (64, 64) if i % 2 else (96, 64)
        Image.effect_noise(size, 20 + 10 * i).convert("RGB").save(tmp_path / f"{i}.png")
        made.append(planned(tmp_path / f"{i}.png", size, size))
    return made


@pytest.mark.parametrize("count", [2, 3, 10])
def test_several_are_encoded_at_once_and_are_each_what_they_are_alone(tmp_path, vae, pictures, count):
    alone = cached(tmp_path / "alone", vae, pictures)
    together = cached(tmp_path / "together", vae, pictures, vae_batch_size=count)
    for one, other in zip(alone, together, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.allclose(one[name], other[name], atol=1e-4) for name in one)


def test_what_is_there_is_read_and_the_rest_encoded(tmp_path, vae, pictures):
    folder = tmp_path / "cache"
    cached(folder, vae, pictures[2:5])
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    whole = cached(folder, vae, pictures)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert all(one["mean"].shape[-2:] == (8, 8 if i % 2 else 12) for i, one in enumerate(whole))


@pytest.mark.parametrize("flip", [False, True])
def test_encoded_at_each_step_they_are_what_is_cached_of_them(tmp_path, vae, pictures, flip):
    kept = cached(tmp_path / "cache", vae, pictures, flip=flip)
    batch = Batch((0, 2, 6), ("", "", ""), (flip, False, flip), seed=5)
    each = EncodedEachTime(pictures, vae, DatasetSettings(flip=flip))(batch)
    draws = [
        draw_latents(m, batch.mirrored, torch.Generator().manual_seed(5)) for m in ([kept[0], kept[2], kept[6]], each)
    ]
    assert torch.equal(*draws)


def test_a_picture_is_cut_and_coloured_as_its_batch_says(tmp_path, vae):
    picture = Image.linear_gradient("L").convert("RGB")  # 256 x 256
    picture.save(tmp_path / "a.png")
    image = planned(tmp_path / "a.png", (64, 64), (256, 256))
    batch = Batch((0,), ("",), (True,), 5, (Look((100, 20), Colour(gamma=2.0)),))
    [moments] = EncodedEachTime([image], vae, DatasetSettings())(batch)
    grey = np.asarray(picture).astype(np.float32)[20:84, 100:164] / 255
    seen = torch.tensor(np.round(grey**2 * 255) / 127.5 - 1).permute(2, 0, 1).flip(-1)
    wanted = vae.encode(seen[None]).latent_dist.mean[0]
    assert torch.allclose(moments["mirrored_mean"], wanted, atol=1e-4)


@pytest.mark.parametrize(("name", "filter_"), [("nearest", "NEAREST"), ("bicubic", "BICUBIC"), ("cubic", "BICUBIC")])
def test_a_picture_is_scaled_as_asked(tmp_path, name, filter_):
    Image.effect_noise((100, 100), 80).convert("RGB").save(tmp_path / "a.png")
    pixels = pixels_of(planned(tmp_path / "a.png"), DatasetSettings(interpolation=name))
    wanted = Image.open(tmp_path / "a.png").resize((64, 64), Image.Resampling[filter_])
    assert torch.equal(pixels, to_pixels(wanted))
