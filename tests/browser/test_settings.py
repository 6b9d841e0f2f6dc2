"""Notebook 3 in a real JupyterLab: settings by keyboard and by pointer, on a project that is new."""

import json
import time

import pytest

from loranb.demo.project import make
from loranb.settings import Settings, preset_about

pytestmark = pytest.mark.browser
THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
# What reaches out of the panel at its right.
BEYOND = """() => {
    const panel = document.querySelector('.loranb').getBoundingClientRect();
    const parts = Array.from(document.querySelectorAll('.loranb button, .loranb select, .loranb input, .loranb svg'));
    return parts.filter(part => part.getBoundingClientRect().right > panel.right + 2).map(part => part.outerHTML);
}"""


class Page:
    """A notebook with the form."""

    def __init__(self, lab, project):
        self.lab, self.page, self.project = lab, lab.page, project
        notebook = lab.folder / "3_configure_training.ipynb"
        text = notebook.read_text(encoding="utf-8").replace('loranb.open(\\"demo\\")', 'loranb.open(\\"fresh\\")')
        (lab.folder / "settings_panel.ipynb").write_text(text, encoding="utf-8")
        lab.open("settings_panel.ipynb")
        lab.command("notebook:run-all-cells")
        lab.wait(90, ".loranb svg")

    def press(self, text):
        self.page.locator(".loranb button:visible", has_text=text).first.click()

    def field(self, label):
        return self.page.locator(".lb-field:visible", has=self.page.locator("b", has_text=label)).first

    def keys(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def focused(self):
        return self.page.evaluate("() => document.activeElement.title || document.activeElement.textContent")

    def tab_to(self, said, most=60):
        """Go on by the tabulator key until something is reached."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if said in self.focused():
                return
        raise AssertionError(f"{said!r} is not reached by the tabulator key; the last was {self.focused()!r}")

    def settings(self):
        return self.project.settings()

    def text(self):
        return self.page.locator(".loranb").first.inner_text()

    def until(self, true, seconds=60):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, self.text()[:4000]
            self.page.wait_for_timeout(50)

    def picture(self, name):
        self.page.locator(".loranb").first.scroll_into_view_if_needed()
        self.lab.picture(f"settings_{name}")


@pytest.fixture(scope="module")
def page(lab, home):
    return Page(lab, make(home / "fresh"))


def test_settings_are_found_changed_and_brought_back_by_keyboard_alone(page):
    page.picture("first")
    page.page.locator(".loranb input[placeholder^='Search']").focus()
    page.page.keyboard.type("network_dim")
    page.until(lambda: page.field("Rank").is_visible() and "settings" in page.text())
    page.tab_to("lora.rank")
    page.keys("Control+a")
    page.page.keyboard.type("48")
    page.until(lambda: page.settings().lora.rank == 48)
    page.picture("search")
    page.tab_to("The default of rank")
    page.keys("Enter")
    page.until(lambda: page.settings().lora.rank == Settings().lora.rank)
    page.press("Show all")


def test_the_plan_and_both_numbers_of_the_length_follow_each_key(page):
    page.press("Length")
    page.field("Epochs").locator("input").fill("7")
    page.until(lambda: page.text().count("7 epochs") >= 2)
    page.press("Steps")
    page.until(lambda: page.settings().length.steps is not None)
    page.field("Steps").locator("input").fill("333")
    page.until(lambda: "333 steps = " in page.text())
    page.picture("length")
    page.press("Epochs")
    page.until(lambda: page.settings().length.steps is None)


def test_what_is_unwise_is_mended_and_what_is_wrong_is_led_to(page):
    page.press("LoRA")
    page.field("Alpha").locator("input").fill("99")
    page.until(lambda: "above the rank" in page.text())
    page.picture("advice")
    page.press("Set alpha to blank")
    page.until(lambda: page.settings().lora.alpha is None and "above the rank" not in page.text())
    page.field("Rank").locator("input").fill("many")
    page.until(lambda: "Not saved: lora.rank" in page.text())
    page.press("Loss")
    page.until(lambda: page.field("Min SNR gamma").is_visible())
    page.picture("wrong")
    page.page.locator(".lb-aside .lb-link:visible", has_text="rank").first.click()
    page.until(lambda: page.focused() == "lora.rank")
    page.field("Rank").locator("input").fill("16")
    page.until(lambda: "Not saved" not in page.text())


def test_experts_settings_unfold_by_key(page):
    page.press("Learning")
    page.until(lambda: page.field("Schedule").is_visible())
    page.page.locator(".lb-unfold:visible", has_text="For experts").focus()
    page.keys("Enter")
    page.until(lambda: page.field("Schedule cycles").is_visible())
    page.picture("experts")
    page.keys("Enter")
    page.until(lambda: not page.page.locator(".lb-field:visible b", has_text="Schedule cycles").count())


def test_a_preset_is_chosen_used_and_taken_back(page):
    before = page.settings()
    title = preset_about("sdxl_face").title
    page.page.locator(".loranb select:visible").first.select_option(label=title)
    page.until(lambda: "settings change" in page.text())
    page.picture("preset")
    page.press("Use it")
    page.until(lambda: page.settings() == Settings.preset("sdxl_face"))
    page.press("Changed (")
    page.until(lambda: page.field("Batch size").is_visible())
    page.picture("changed")
    page.press("Show all")
    page.press("Take back")
    page.until(lambda: page.settings() == before)


def test_a_preset_of_kohyas_form_is_imported_by_its_path(page, tmp_path):
    before = page.settings()
    preset = {"LoRA_type": "Standard", "network_dim": 24, "network_alpha": 48, "epoch": "6", "gpu_ids": "0"}
    (tmp_path / "theirs.json").write_text(json.dumps(preset))
    page.press("Files: save, open")
    page.page.locator(".loranb input[placeholder^='path of']").fill(str(tmp_path / "theirs.json"))
    page.keys("Tab")
    page.page.locator(".loranb .fa-folder-open").first.click()
    page.until(lambda: page.settings().lora.rank == 24 and "keys taken over: " in page.text())
    page.page.locator(".loranb summary", has_text="What was taken over").click()
    page.page.locator(".loranb .fa-share").first.click()
    page.until(lambda: len(list((page.project.root / "kohya").glob("*.json"))) == 1)
    page.picture("import")
    page.press("Take back")
    page.until(lambda: page.settings() == before)
    page.press("Files: save, open")


def test_nothing_sticks_out_in_light_and_dark_wide_and_narrow(page):
    try:
        for theme, name in (("JupyterLab Dark", "dark"), ("JupyterLab Light", "light")):
            page.page.evaluate(THEME, theme)
            for width in (1360, 700):
                page.page.set_viewport_size({"width": width, "height": 1000})
                page.page.wait_for_timeout(500)
                page.press("Learning")
                page.picture(f"{name}_{width}")
                assert page.page.evaluate(BEYOND) == []
    finally:
        page.page.set_viewport_size({"width": 1360, "height": 1000})
    assert page.lab.errors == []
