"""The demo's base model, as it is shipped."""

from loranb.demo import BASE


def test_the_base_model_is_small_and_in_half_precision():
    from safetensors import safe_open

    files = [file for file in BASE.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 16_000_000
    for file in files:
        if file.suffix == ".safetensors":
            with safe_open(file, "pt") as tensors:
                assert all("float16" in str(tensors.get_tensor(name).dtype) for name in tensors.keys())  # noqa: SIM118
    assert (BASE / "model_index.json").exists()
