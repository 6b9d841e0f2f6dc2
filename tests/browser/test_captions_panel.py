"""Notebook 2 in a real JupyterLab: a captioner's drafts, tags, changes to many, advice; every step taken back."""

import time

import pytest

from loranb.dataset import captions
from loranb.dataset.caption_store import CaptionStore
from loranb.demo.project import make

pytestmark = pytest.mark.browser
HOSTILE = '<script>document.title = "run"</script>, <img src=x onerror="document.title=\'run\'">'
THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
# What reaches out of the panel at its right.
BEYOND = """() => {
    const panel = document.querySelector('.loranb').getBoundingClientRect();
    const parts = Array.from(document.querySelectorAll('.loranb button, .loranb select, .loranb input, .lb-change'));
    return parts.filter(part => part.getBoundingClientRect().right > panel.right + 2).map(part => part.outerHTML);
}"""


@pytest.fixture(scope="module")
def uncaptioned(home):
    """The demo's castles and windmills without a caption, and a name and a caption that would be run as HTML."""
    project = make(home / "captions")
    for file in [*project.img.glob("*_castle/*.txt"), *project.img.glob("*_windmill/*.txt")]:
        file.unlink()
    first = min(project.img.glob("*_scene/*.png"))
    first.with_suffix(".txt").rename(first.with_name("<b>.txt"))
    captions.write(first.rename(first.with_name("<b>.png")), HOSTILE)
    return project


class Page:
    """A notebook with the panel."""

    def __init__(self, lab, project):
        self.lab, self.page, self.project = lab, lab.page, project
        notebook = lab.folder / "2_caption_images.ipynb"
        text = notebook.read_text(encoding="utf-8").replace('loranb.open(\\"demo\\")', 'loranb.open(\\"captions\\")')
        (lab.folder / "captions_panel.ipynb").write_text(text, encoding="utf-8")
        lab.open("captions_panel.ipynb")
        lab.command("notebook:run-all-cells")
        lab.wait(90, ".loranb")
        self.says("of 54 captioned", 60)

    def press(self, text):
        self.page.locator(".loranb button:visible", has_text=text).first.click()

    def fill(self, label, text):
        field = self.page.locator(".lb-field", has=self.page.locator("b", has_text=label)).first
        field.locator("input, textarea").first.fill(text)
        self.page.keyboard.press("Tab")

    def choose(self, option):
        """Choose from the list that offers it."""
        self.until(lambda: self._offered(option))

    def _offered(self, option):
        for one in self.page.locator(".loranb select:visible").all():
            for number, text in enumerate(one.locator("option").all_inner_texts()):
                if text.replace("\N{NO-BREAK SPACE}", " ").strip().startswith(option):
                    one.select_option(index=number)
                    return True
        return False

    def text(self):
        return self.page.locator(".loranb").first.inner_text()

    def says(self, text, seconds=30):
        self.until(lambda: text in self.text(), seconds)

    def until(self, true, seconds=30):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, self.text()[:4000]
            self.page.wait_for_timeout(50)

    def written(self):
        return {path.stem: captions.read(path) for path in sorted(self.project.img.rglob("*.png"))}

    def picture(self, name):
        self.lab.picture(f"captions_{name}")


@pytest.fixture(scope="module")
def page(lab, uncaptioned):
    return Page(lab, uncaptioned)


def test_a_captioner_shows_its_drafts_and_then_writes_them_as_one_edit(page):
    before = page.written()
    page.says("32 of 54 captioned")
    page.press("Captioner")
    page.choose("of castle")
    page.fill("Trigger", "mokuba")
    page.fill("Class word", "castle")
    page.fill("Undesired", "house, church")
    page.says("Caption 16 pictures")
    page.press("Show what it would write")
    page.says("16 of 16 captions change", 60)
    page.picture("drafts")
    assert page.written() == before
    page.press("Caption 16 pictures")
    page.says("16 captions written", 60)
    castles = [text for name, text in page.written().items() if name.startswith("castle")]
    assert len(castles) == 16
    assert all(text.startswith("mokuba, castle, ") for text in castles)
    page.says("16 are drafts")
    page.press("Undo: captions by wd14")
    page.until(lambda: page.written() == before)
    page.press("Redo: captions by wd14")
    page.until(lambda: page.written()["castle_01"].startswith("mokuba"))
    page.press("Captioner")


def test_a_change_to_many_is_seen_before_it_is_made(page):
    before = page.written()
    page.press("Change many")
    page.page.locator(".loranb input[placeholder='tag, tag']").fill("<b>photo</b>")
    page.until(lambda: page.page.locator(".lb-change ins").count() == 10)
    assert "<b>photo</b>" in page.page.locator(".lb-change ins").first.inner_text()
    page.picture("bulk")
    assert page.written() == before
    page.page.locator(".loranb button:visible", has_text="Change 54 captions").click()
    page.until(lambda: all(text.startswith("<b>photo</b>") for text in page.written().values()))
    page.press("Undo: <b>photo</b> in front")
    page.until(lambda: page.written() == before)
    page.press("Change many")


def test_a_tag_of_the_list_is_shown_renamed_and_given_back(page):
    before = page.written()
    snowy = [name for name, text in before.items() if "snow" in text.split(", ")]
    page.choose(f"{len(snowy)}  snow")
    page.says(f"{len(snowy)} of 54 shown")
    page.picture("tag")
    page.page.locator(".lb-tags input[type=text]:visible").last.fill("ice")
    page.press("Rename")
    page.until(lambda: page.written()[snowy[0]] == before[snowy[0]].replace("snow", "ice"))
    page.press("Undo: snow renamed to ice")
    page.until(lambda: page.written() == before)
    page.press("Show all")
    page.until(lambda: "54 shown" not in page.text())


def test_advice_shows_what_it_is_about(page):
    page.press("Advice")
    page.says("without a caption")
    page.picture("advice")
    line = page.page.locator(".lb-finding:visible", has_text="without a caption")
    line.locator("button").first.click()
    page.says("6 of 54 shown")
    page.press("Show all")
    page.press("Trigger word")
    page.press("Look at this word")
    page.says("mokuba is")
    page.picture("trigger")
    page.press("Trigger word")


def test_nothing_that_somebody_wrote_is_run_and_nothing_sticks_out_in_light_and_dark(page):
    page.page.wait_for_timeout(300)
    assert page.page.title() != "run"
    try:
        for theme, name in (("JupyterLab Dark", "dark"), ("JupyterLab Light", "light")):
            page.page.evaluate(THEME, theme)
            for width in (1360, 700):
                page.page.set_viewport_size({"width": width, "height": 1000})
                page.page.wait_for_timeout(500)
                page.picture(f"{name}_{width}")
                assert page.page.evaluate(BEYOND) == []
                assert page.page.locator(".lb-cg-card").first.bounding_box()["width"] > 300
    finally:
        page.page.set_viewport_size({"width": 1360, "height": 1000})
    assert page.lab.errors == []


def test_all_is_there_when_the_cell_is_run_again(page):
    store = CaptionStore.load(page.project)
    store.add(store.pictures[:3], "another")
    page.lab.command("notebook:run-all-cells")
    page.says("Undo: another in front", 60)
