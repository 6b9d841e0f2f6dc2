import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from loranb import families
from loranb.dataset.buckets import Fit
from loranb.dataset.edits import Box, Edit
from loranb.dataset.training_set import TrainingImage
from loranb.errors import TrainingError
from loranb.plan import PlannedImage
from loranb.training.latents import LatentCache, cut, draw_latents, tensors_hash, to_pixels


@pytest.fixture
def vae(tiny_base):
    return families.load(str(tiny_base), torch.float32).vae


def sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def planned(path, bucket=(64, 64), resized=(64, 64)):
    return PlannedImage(TrainingImage(path, *resized, 1, "", "1_x"), Fit(bucket, resized))


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    Image.effect_noise((64, 64), 80).convert("RGB").save(path)
    return path


def test_what_is_cached_is_what_the_vae_says(tmp_path, vae, picture):
    cache = LatentCache(tmp_path / "cache", vae, flip=False, background="white")
    wanted = vae.encode(to_pixels(Image.open(picture))[None]).latent_dist
    for _ in range(2):  # encoded, then read back
        moments = next(cache.encode([planned(picture)], [sha(picture)]))
        assert torch.allclose(moments["mean"], wanted.mean[0], atol=1e-5)
        assert torch.allclose(moments["logvar"], wanted.logvar[0], atol=1e-5)


def test_mirrored_latents_are_those_of_the_mirrored_picture(tmp_path, vae, picture):
    moments = next(
        LatentCache(tmp_path / "cache", vae, flip=True, background="white").encode([planned(picture)], [sha(picture)])
    )
    mirrored = to_pixels(Image.open(picture).transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert torch.allclose(moments["mirrored_mean"], vae.encode(mirrored[None]).latent_dist.mean[0], atol=1e-5)


@pytest.mark.parametrize("change", ["content", "bucket", "vae", "edit", "background"])
def test_whatever_changes_what_the_vae_sees_is_encoded_anew(tmp_path, vae, picture, change):
    folder = tmp_path / "cache"
    list(LatentCache(folder, vae, False, "white").encode([planned(picture)], [sha(picture)]))
    image, background = planned(picture), "black" if change == "background" else "white"
    if change == "edit":
        image = PlannedImage(replace(image.image, edit=Edit(90)), image.fit)
    if change == "content":
        Image.new("RGB", (64, 64), "red").save(picture)
    if change == "bucket":
        image = planned(picture, bucket=(32, 64))
    if change == "vae":
        vae.encoder.conv_in.weight.data += 1e-3
    list(LatentCache(folder, vae, False, background).encode([image], [sha(picture)]))
    assert len(list(folder.iterdir())) == 2


def test_a_picture_is_encoded_turned_and_cropped_on_the_chosen_background(tmp_path, vae):
    picture = Image.effect_noise((120, 100), 80).convert("RGB")
    picture.putalpha(Image.linear_gradient("L").resize((120, 100)))
    picture.save(tmp_path / "a.png")
    image = planned(tmp_path / "a.png")
    image = PlannedImage(replace(image.image, edit=Edit(90, Box(10, 20, 74, 84))), image.fit)
    moments = next(LatentCache(tmp_path / "cache", vae, False, "blue").encode([image], [sha(tmp_path / "a.png")]))
    colours, alpha = np.asarray(picture)[..., :3] / 255, np.asarray(picture)[..., 3:] / 255
    seen = np.rot90(colours * alpha + np.array((0, 0, 1)) * (1 - alpha), -1)[20:84, 10:74]
    wanted = vae.encode(torch.tensor(seen * 2 - 1, dtype=torch.float32).permute(2, 0, 1)[None]).latent_dist
    assert torch.allclose(moments["mean"], wanted.mean[0], atol=0.02)


def test_a_damaged_cache_file_is_made_again(tmp_path, vae, picture):
    folder = tmp_path / "cache"
    first = next(LatentCache(folder, vae, False, "white").encode([planned(picture)], [sha(picture)]))
    next(folder.iterdir()).write_bytes(b"half a file")
    again = next(LatentCache(folder, vae, False, "white").encode([planned(picture)], [sha(picture)]))
    assert torch.equal(first["mean"], again["mean"])


def test_values_that_are_not_finite_name_the_picture(tmp_path, vae, picture):
    vae.encoder.conv_in.weight.data.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"a\.png"):
        list(LatentCache(tmp_path / "cache", vae, False, "white").encode([planned(picture)], [sha(picture)]))
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
    with pytest.raises(TrainingError, match="changed since"):
        list(LatentCache(tmp_path / "cache", vae, False, "white").encode([planned(picture)], ["0" * 64]))
    assert not (tmp_path / "cache").exists()


def test_a_picture_that_is_gone_is_told_and_one_that_was_encoded_is_not_needed(tmp_path, vae, picture):
    content, cache = sha(picture), LatentCache(tmp_path / "cache", vae, False, "white")
    picture.rename(tmp_path / "b.png")
    with pytest.raises(TrainingError, match=r"a\.png cannot be read any more: No such file.*Put the file back"):
        list(cache.encode([planned(picture)], [content]))
    (tmp_path / "b.png").rename(picture)
    list(cache.encode([planned(picture)], [content]))
    picture.unlink()
    assert len(list(cache.encode([planned(picture)], [content]))) == 1
