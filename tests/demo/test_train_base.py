"""How the demo base model is trained: what must hold of its parts, at a few steps."""

from pathlib import Path
from random import Random

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from loranb.demo.scenes import training_scenes  # noqa: E402
from loranb.demo.train_base import autoencoder, stage, unet  # noqa: E402
from loranb.demo.train_base.models import make_autoencoder, make_noise_schedule  # noqa: E402


def trained(work: Path, steps: int, until: int) -> torch.nn.Linear:
    """Fit a line for `until` of `steps` steps, saving every second."""
    torch.manual_seed(3)
    line = torch.nn.Linear(2, 1)

    def loss_of(step: int) -> torch.Tensor:
        if step == until:
            raise KeyboardInterrupt
        x = torch.randn(4, 2, generator=torch.Generator().manual_seed(step))
        return (line(x) - x.sum(1, keepdim=True)).square().mean()

    stage.Stage("line", work, steps, 0.1, {"line": line}).run(loss_of)
    return line


def test_an_interrupted_stage_ends_with_the_weights_of_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "SAVE_EVERY", 2)
    (tmp_path / "whole").mkdir()
    whole = trained(tmp_path / "whole", steps=10, until=10)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, steps=10, until=5)
    resumed = trained(tmp_path, steps=10, until=10)
    assert torch.equal(whole.weight, resumed.weight)


def test_levelled_latents_have_mean_0_and_spread_1_and_decode_to_the_same_pictures() -> None:
    torch.manual_seed(0)
    vae = make_autoencoder()
    pictures = autoencoder.pictures_of(0, 6)

    def latents() -> torch.Tensor:
        return vae.encode(pictures).latent_dist.mean

    with torch.no_grad():
        before = vae.decode(latents()).sample
        autoencoder.level(vae, latents())
        after = vae.decode(latents()).sample
        torch.testing.assert_close(latents().mean((0, 2, 3)), torch.zeros(4), atol=1e-4, rtol=0)
        torch.testing.assert_close(latents().std((0, 2, 3)), torch.ones(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(after, before, atol=1e-3, rtol=0)


def test_the_learning_rate_rises_stays_and_ends_near_nought() -> None:
    rates = [stage.learning_rate(step, 1000, 2.0) for step in range(1000)]
    assert rates[0] == 0.02
    assert set(rates[100:600]) == {2.0}
    assert rates[999] == pytest.approx(0.005)


def test_the_noise_schedule_is_that_of_stable_diffusion_1() -> None:
    beta = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2  # scaled_linear
    torch.testing.assert_close(make_noise_schedule().alphas_cumprod, torch.cumprod(1 - beta, 0))


def test_one_caption_in_ten_is_empty_and_the_others_hold_the_scenes_words() -> None:
    random, scene = Random(0), training_scenes()[0]
    captions = [unet.caption(scene, random) for _ in range(2000)]
    assert captions.count("") / 2000 == pytest.approx(0.1, abs=0.02)
    assert all(set(scene.caption.split(", ")) <= set(text.split(", ")) for text in captions if text)


def test_half_of_the_timesteps_come_from_the_noisier_half_once_more() -> None:
    t = unet.timesteps(20_000, torch.Generator().manual_seed(0))
    assert t.min() >= 0
    assert t.max() < 1000
    assert (t >= 500).float().mean() == pytest.approx(0.75, abs=0.01)
