"""What every captioner has in common."""

import subprocess
import sys

import pytest

from loranb import captioners
from loranb.errors import CaptionerError
from loranb.settings.declaration import Group, SettingField


def test_captioners_are_found_by_file_name() -> None:
    assert captioners.names() == ["blip", "blip2", "florence2", "vlm", "wd14"]
    with pytest.raises(CaptionerError, match=r"no captioner 'wd15'; there are .*wd14"):
        captioners.module("wd15")


@pytest.mark.parametrize("name", captioners.names())
def test_a_captioner_says_what_it_is_and_which_model_is_usual(name: str) -> None:
    module = captioners.module(name)
    assert module.TITLE
    assert module.KIND in ("tags", "sentence")
    assert module.Options().model == next(iter(module.MODELS))
    assert all(model.count("/") == 1 and note for model, note in module.MODELS.items())


@pytest.mark.parametrize("name", captioners.names())
def test_options_are_declared_as_settings_are(name: str) -> None:
    options = captioners.module(name).Options
    assert issubclass(options, Group)
    assert next(iter(options.model_fields)) == "model"
    for field in (SettingField(name, key, info) for key, info in options.model_fields.items()):
        assert field.help
        assert field.help.endswith(".")
        assert field.kind in (bool, int, float, str)
        assert isinstance(field.advanced, bool)


@pytest.mark.parametrize("name", captioners.names())
def test_importing_a_captioner_imports_no_model_library(name: str) -> None:
    heavy = ["torch", "onnxruntime", "huggingface_hub", "diffusers", "transformers", "ipywidgets"]
    code = f"import sys, loranb.captioners.{name}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
