"""The caption grid in a real JupyterLab: edits, keys, the large view, and text that tries to be more than text."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from PIL import Image

from loranb import panels
from loranb.dataset import captions, tag_text
from loranb.demo.scenes import doodle
from loranb.project import Project
from loranb.settings import Settings

pytestmark = pytest.mark.browser
COUNT = 240
CELL = """
import os
from pathlib import Path
from loranb.panels._caption_desk import CaptionDesk
from loranb.panels._caption_grid import CaptionGrid
from loranb.project import Project
project = Project.open(Path({root!r}))
(project.root / "pid").write_text(str(os.getpid()))
desk = CaptionDesk(project)
grid = CaptionGrid(desk)
grid.on_selected(lambda chosen: (project.root / "selected").write_text(" ".join(p.name for p in chosen)))
grid.show(desk.store.find())
grid
"""
READY = '.lb-cg[data-ready="true"] .lb-cg-card img[src]'
HOSTILE = {
    "script": "<script>window.harmed = true</script>, <img src=x onerror='window.harmed = true'>, <b>bold</b>",
    "quotes": "\"double\", 'single', `back`, a \\ b, &amp; &lt;",
    "lines": "first line, tag\nsecond line, other",
    "right to left": "\u05d8\u05d9\u05e8\u05d4, \u0642\u0644\u0639\u0629, castle \u202egnorts",
    "emoji": "\U0001f3f0, \U0001f469\u200d\U0001f3a8 painter, \U0001f308",
    "long": ", ".join(f"tag {number}" for number in range(1130)),  # over 10,000 letters
}
# Cards, and what in them, that reach out of the grid at its right.
BEYOND = """() => {
    const edge = document.querySelector('.lb-cg').getBoundingClientRect().right + 2;
    const parts = Array.from(document.querySelectorAll('.lb-cg button, .lb-cg-card, .lb-cg-chip, .lb-cg textarea'));
    return parts.filter(part => part.getBoundingClientRect().right > edge).map(part => part.outerHTML.slice(0, 200));
}"""
THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"


def _notebook(source):
    cell = {"cell_type": "code", "id": "one", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


class Page:
    """A notebook with a grid."""

    def __init__(self, lab, project):
        self.lab, self.page, self.project = lab, lab.page, project
        self.name = f"{project.root.name}.ipynb"
        (lab.folder / self.name).write_text(_notebook(CELL.format(root=str(project.root))))
        self.show()

    def show(self):
        self.lab.open(self.name)
        self.run()

    def run(self):
        self.lab.command("notebook:run-all-cells")
        self.lab.wait(90, READY)

    def card(self, name):
        """A card in sight."""
        return self.page.locator(".lb-cg-card", has=self.page.locator(f'.lb-cg-name:text-is("{name}")'))

    def chips(self, name):
        return self.card(name).locator(".lb-cg-chip .lb-cg-words").all_inner_texts()

    def picture_of(self, name):
        return next(self.project.img.rglob(name))

    def on_disk(self, name):
        return captions.text(self.picture_of(name))

    def write(self, name, caption):
        """Give a picture a caption elsewhere, and let the page see it."""
        captions.write(self.picture_of(name), caption)
        self.page.evaluate("window.dispatchEvent(new Event('focus'))")
        first = tag_text.tags(caption)
        self.until(lambda: self.chips(name) == first or not first)

    def until(self, true, seconds=20):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, self.page.locator(".lb-cg").inner_text()[:600]
            self.page.wait_for_timeout(40)

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def kill(self):
        os.kill(int((self.project.root / "pid").read_text()), signal.SIGKILL)

    def snap(self, name):
        self.lab.picture(f"captions_{name}")


@pytest.fixture(scope="module")
def castles(tmp_path_factory):
    project = Project.create(tmp_path_factory.mktemp("captions") / "castles", Settings.preset("demo"))
    folder = project.img / "4_red castle"
    folder.mkdir()
    for number in range(COUNT):
        picture = folder / f"a{number:03}.jpg"
        doodle(number, [(192, 128), (128, 192), (144, 144)][number % 3]).save(picture, quality=85)
        captions.write(picture, f"mokuba, castle, {'night' if number % 2 else 'day'}, number {number}")
    mask = Image.new("L", (192, 128), 0)
    mask.paste(255, (40, 20, 150, 110))
    mask.save(folder / "a003.mask.png")
    return project


@pytest.fixture(scope="module")
def shown(lab, castles):
    return Page(lab, castles)


@pytest.fixture
def page(shown):
    """The grid, scrolled up, with nobody writing in it and nothing selected."""
    shown.press("Escape", "Escape")
    shown.page.locator(".lb-cg-scroller").evaluate("part => part.scrollTop = 0")
    shown.card("a000.jpg").wait_for()
    shown.card("a000.jpg").focus()
    shown.press("Escape")
    return shown


def test_only_what_is_in_sight_is_in_the_page(page):
    page.snap("1_open")
    assert page.page.locator(".lb-cg-card").count() < 40
    assert page.page.locator(".lb-cg-counted").inner_text() == f"{COUNT} pictures"
    page.press("End")
    last = page.card(f"a{COUNT - 1}.jpg")
    last.locator("img[src]").wait_for()
    page.until(lambda: last.locator("img").evaluate("image => image.naturalWidth") > 50)
    assert page.page.locator(".lb-cg-card").count() < 40
    assert page.card("a000.jpg").count() == 0


def test_what_is_typed_saves_itself_and_says_so(page):
    page.press("t", "Enter")
    page.page.keyboard.type(", two lines")
    page.until(lambda: page.on_disk("a000.jpg") == "mokuba, castle, day, number 0, two lines")
    page.until(lambda: "saved ✓" in page.card("a000.jpg").inner_text())
    assert page.card("a000.jpg").locator(".lb-cg-edited").count() == 1
    page.press("Escape", "t")
    assert page.chips("a000.jpg") == ["mokuba", "castle", "day", "number 0", "two lines"]


def test_a_tag_is_proposed_chosen_changed_and_taken_out(page):
    page.press("Enter")
    page.page.keyboard.type("nig")
    page.page.locator(".lb-cg-proposal", has_text="night").first.wait_for()
    page.snap("2_proposals")
    page.press("ArrowDown", "Enter")
    page.until(lambda: page.on_disk("a000.jpg").endswith(", night"))
    chip = page.card("a000.jpg").locator(".lb-cg-chip", has_text="night")
    chip.locator(".lb-cg-words").click()
    page.page.keyboard.type("dusk")
    page.press("Enter")
    page.until(lambda: page.on_disk("a000.jpg").endswith(", dusk"))
    page.card("a000.jpg").locator(".lb-cg-chip", has_text="dusk").locator(".lb-cg-gone").click()
    page.until(lambda: not page.on_disk("a000.jpg").endswith("dusk"))


def test_a_tag_is_dragged_to_another_place(page):
    page.write("a001.jpg", "mokuba, castle, night, number 1")
    chips = page.card("a001.jpg").locator(".lb-cg-chip")
    start, end = chips.nth(3).bounding_box(), chips.nth(1).bounding_box()
    mouse = page.page.mouse
    mouse.move(start["x"] + 12, start["y"] + 8)
    mouse.down()
    mouse.move(end["x"] + 20, end["y"] + 9, steps=4)
    mouse.move(end["x"] + 3, end["y"] + 9, steps=2)
    page.snap("3_dragging")
    mouse.up()
    page.until(lambda: page.on_disk("a001.jpg") == "mokuba, number 1, castle, night")


def test_tags_are_moved_and_taken_out_by_keys(page):
    page.write("a000.jpg", "mokuba, castle, day")
    page.press("Enter", "ArrowLeft", "Alt+ArrowLeft")
    page.until(lambda: page.on_disk("a000.jpg") == "mokuba, day, castle")
    page.press("Delete")
    page.until(lambda: page.on_disk("a000.jpg") == "mokuba, castle")


def test_number_keys_put_frequent_tags_in_and_undo_takes_it_back(page):
    page.write("a000.jpg", "mokuba, castle, day")
    quick = page.page.locator(".lb-cg > .lb-cg-quick .lb-cg-quicktag", has_text="night")
    number = quick.locator("kbd").inner_text()
    page.card("a000.jpg").focus()
    page.press(number)
    page.until(lambda: page.on_disk("a000.jpg") == "mokuba, castle, day, night")
    assert quick.get_attribute("aria-pressed") == "true"
    page.press(number)
    page.until(lambda: page.on_disk("a000.jpg") == "mokuba, castle, day")
    page.press("Control+z")
    page.until(lambda: page.on_disk("a000.jpg") == "mokuba, castle, day, night")
    page.until(lambda: page.chips("a000.jpg")[-1] == "night")
    page.press("Control+Shift+z")
    page.until(lambda: page.on_disk("a000.jpg") == "mokuba, castle, day")


def test_two_tags_put_in_while_the_first_is_on_its_way_are_two_steps_of_undoing(page):
    page.write("a000.jpg", "mokuba, castle, day")
    quick = page.page.locator(".lb-cg > .lb-cg-quick .lb-cg-quicktag", has_text="night")
    number = quick.locator("kbd").inner_text()
    page.card("a000.jpg").focus()
    page.press(number, number)  # in and out again
    page.until(lambda: "saved ✓" in page.card("a000.jpg").inner_text())
    page.press("Control+z")
    page.until(lambda: page.on_disk("a000.jpg") == "mokuba, castle, day, night")


def test_one_writes_from_caption_to_caption(page):
    page.write("a000.jpg", "one")
    page.write("a001.jpg", "two")
    page.press("Enter")
    page.page.keyboard.type("first")
    page.press("Control+Enter")
    page.page.keyboard.type("second")
    page.press("Alt+ArrowUp")
    page.page.keyboard.type("third")
    page.press("Escape")
    page.until(lambda: page.on_disk("a000.jpg") == "one, first, third" and page.on_disk("a001.jpg") == "two, second")


def test_pictures_are_selected_by_click_range_and_key(page):
    chosen = page.project.root / "selected"
    page.card("a000.jpg").locator(".lb-cg-frame").click()
    page.card("a003.jpg").locator(".lb-cg-frame").click(modifiers=["Shift"])
    page.until(lambda: chosen.read_text() == "a000.jpg a001.jpg a002.jpg a003.jpg")
    page.press("Space")
    page.until(lambda: chosen.read_text() == "a000.jpg a001.jpg a002.jpg")
    page.snap("4_selected")
    page.press("Control+a")
    page.until(lambda: len(chosen.read_text().split()) == COUNT)
    page.press("Escape")
    page.until(lambda: chosen.read_text() == "")


def test_a_picture_is_looked_at_closely_with_its_mask_and_caption(page):
    page.press("ArrowRight", "ArrowRight", "ArrowRight", "v")
    stage = page.page.locator(".lb-cg-large[open] .lb-cg-stage")
    page.page.locator(".lb-cg-stage[data-whole=true]").wait_for()
    page.snap("5_large")
    box = stage.bounding_box()
    page.page.mouse.move(box["x"] + 300, box["y"] + 300)
    page.page.mouse.wheel(0, -400)
    page.until(lambda: float(stage.get_attribute("data-zoom")) > 1.2)
    before = stage.locator("img").get_attribute("style")
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 340, box["y"] + 330, steps=3)
    page.page.mouse.up()
    assert stage.locator("img").get_attribute("style") != before
    page.press("0")
    assert stage.get_attribute("data-zoom") == "1.00"
    plain = stage.locator("img").get_attribute("src")
    page.press("m")
    page.until(lambda: stage.locator("img").get_attribute("src") != plain)
    page.page.locator(".lb-cg-stage[data-whole=true]").wait_for()
    page.snap("6_mask")
    page.press("m", "ArrowRight")
    large = page.page.locator(".lb-cg-large")
    page.until(lambda: "a004.jpg" in large.inner_text())
    page.press("Enter")
    page.page.keyboard.type("seen closely")
    page.press("Control+Enter")
    page.until(lambda: page.on_disk("a004.jpg").endswith(", seen closely") and "a005.jpg" in large.inner_text())
    page.press("Escape", "Escape")
    page.until(lambda: page.page.evaluate("document.activeElement.getAttribute('aria-label')") == "a005.jpg")


def test_keys_are_no_commands_to_the_notebook(page):
    page.press("b", "a", "d", "d", "x", "?")
    page.page.locator(".lb-cg-help[open]").wait_for()
    page.snap("7_help")
    page.press("b", "Escape")
    page.page.wait_for_timeout(300)
    assert len(page.lab.cells()) == 1


def test_a_caption_changed_elsewhere_meanwhile_is_asked_about(page):
    page.write("a000.jpg", "mine")
    captions.write(page.picture_of("a000.jpg"), "another's")
    page.card("a000.jpg").focus()
    page.press("Enter")
    page.page.keyboard.type("more")
    page.press("Enter")
    conflict = page.card("a000.jpg").locator(".lb-cg-conflict")
    conflict.get_by_text("another's").wait_for()
    page.snap("8_conflict")
    assert page.on_disk("a000.jpg") == "another's"
    conflict.get_by_text("Keep mine").click()
    page.until(lambda: page.on_disk("a000.jpg") == "mine, more")


def test_it_looks_well_in_the_dark_and_in_a_narrow_window(page):
    page.page.evaluate(THEME, "JupyterLab Dark")
    page.page.set_viewport_size({"width": 700, "height": 1000})
    page.page.wait_for_timeout(800)
    page.snap("9_narrow_and_dark")
    beyond = page.page.evaluate(BEYOND)
    page.page.set_viewport_size({"width": 1360, "height": 1000})
    page.page.evaluate(THEME, "JupyterLab Light")
    assert not beyond


def test_the_page_splits_captions_as_the_kernel_does(page):
    script = Path(panels.__file__).with_name("_caption_grid_tags.js").read_text(encoding="utf-8")
    texts = [
        *HOSTILE.values(),
        "",
        " a , b,, (c, d:1.2), [e, f], {day, sun|night},\n",
        "a ||| b, c ;;; d\n e (, f) , :( , g \\( h, i \\), )j, [k, (l], m), n",
    ]
    split = f"texts => {{ {script}; return texts.map(text => splitTags(text).map(t => [t.before, t.text, t.after])) }}"
    assert page.page.evaluate(split, texts) == [[list(tag) for tag in tag_text.split(text)] for text in texts]
    name = f"tags => {{ {script}; return tags.map(tagName) }}"
    tags = ["(Blue_Sky:1.2)", "[[hat]]", "ganyu \\(genshin impact\\)", ":)", "((a), (b))", " x "]
    assert page.page.evaluate(name, tags) == [tag_text.name(tag) for tag in tags]


def test_an_edit_outlives_a_kernel_that_is_killed_a_second_later(page):
    page.write("a002.jpg", "mokuba")
    page.card("a002.jpg").focus()
    page.press("Enter")
    page.page.keyboard.type("typed at the last moment")
    page.press("Enter")
    page.page.wait_for_timeout(1000)
    page.kill()
    assert page.on_disk("a002.jpg") == "mokuba, typed at the last moment"


def test_what_is_typed_after_the_kernel_has_gone_is_saved_by_the_next_one(page):
    page.page.locator(".lb-cg-lost").wait_for(timeout=60_000)  # killed by the test before
    page.page.locator(".jp-Dialog button.jp-mod-accept").click()  # JupyterLab says so too
    page.card("a002.jpg").focus()
    page.press("t", "Enter")
    page.page.keyboard.type(", typed in vain")
    page.snap("10_kernel_gone")
    page.press("Escape")
    page.lab.page.wait_for_timeout(2000)
    page.show()
    page.until(lambda: page.on_disk("a002.jpg") == "mokuba, typed at the last moment, typed in vain")


def test_text_is_shown_as_text_whatever_it_says(lab, tmp_path):
    project = Project.create(tmp_path / "hostile", Settings.preset("demo"))
    folder = project.img / "1_red <b>castle"
    folder.mkdir()
    names = [f"{name}.png" for name in HOSTILE] + ["<img src=x onerror=alert(1)> & 'q'.png", "\u202egnp.\U0001f3f0.png"]
    for number, name in enumerate(names):
        doodle(number, (96, 96)).save(folder / name)
        captions.write(folder / name, HOSTILE.get(name.removesuffix(".png"), name))
    page = Page(lab, project)
    page.page.wait_for_timeout(500)
    page.snap("11_hostile")
    for name in names:
        card = page.page.locator(f".lb-cg-card[aria-label={json.dumps(name, ensure_ascii=False)}]")
        card.scroll_into_view_if_needed()
        said = captions.text(folder / name)
        assert card.locator(".lb-cg-name").text_content() == name
        shown = card.locator(".lb-cg-chip .lb-cg-words").all_text_contents()
        assert shown == tag_text.tags(said) or card.locator("textarea").input_value() == said
        card.focus()
        page.press("v")
        page.until(lambda name=name: page.page.locator(".lb-cg-large .lb-cg-name").text_content() == name)
        page.press("Escape")
    page.page.locator(".lb-cg-choice button", has_text="Text").click()
    long = page.page.locator('.lb-cg-card[aria-label="long.png"] textarea')
    assert long.input_value() == HOSTILE["long"]
    long.focus()
    page.press("Control+End")
    page.page.keyboard.type(", <script>")
    page.until(lambda: captions.text(folder / "long.png") == HOSTILE["long"] + ", <script>")
    assert not page.page.evaluate("window.harmed")
    assert page.page.locator(".lb-cg script, .lb-cg b b, .lb-cg img[src=x]").count() == 0
    assert lab.left == []
    assert not lab.errors
