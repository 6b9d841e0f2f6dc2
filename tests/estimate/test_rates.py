import pytest

from loranb.estimate.rates import learning_rates
from loranb.settings import Settings


def optimizer(**changes):
    return Settings().assign_all({f"optimizer.{name}": value for name, value in changes.items()}).optimizer


def test_the_rate_rises_in_the_warm_up_and_ends_at_nought_with_cosine():
    points = dict(learning_rates(optimizer(learning_rate=1e-4, warmup=10), 200)["unet"])
    assert points[0] == 0
    assert points[10] == pytest.approx(1e-4)
    assert points[199] < 1e-6
    assert max(points.values()) == points[10]


def test_a_blank_rate_of_the_text_encoder_is_half_and_all_of_it_where_the_optimizer_finds_it():
    def height(**changes):
        return max(rate for _, rate in learning_rates(optimizer(schedule="constant", **changes), 50)["text_encoder"])

    assert height(learning_rate=1e-4) == pytest.approx(5e-5)
    assert height(learning_rate=1, name="Prodigy") == 1
    assert "text_encoder" not in learning_rates(optimizer(text_encoder_learning_rate=0), 50)


def test_a_text_encoder_that_is_stopped_has_no_rate_afterwards():
    points = learning_rates(optimizer(schedule="constant", text_encoder_stop=40), 100)["text_encoder"]
    assert {rate > 0 for t, rate in points if t < 40} == {True}
    assert {rate for t, rate in points if t >= 40} == {0.0}
