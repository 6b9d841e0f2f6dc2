"""The notebooks as a person sees them, in a real browser."""

import time

import pytest

from loranb.dataset import captions

pytestmark = pytest.mark.browser
# In one go, since the plot is another element each time it is redrawn.
TO_CURVE = """() => {
    const curve = document.querySelector('svg.lb-curve');
    curve?.scrollIntoView({block: 'center'});
    return curve !== null;
}"""


@pytest.fixture(scope="module")
def quickstart(lab):
    """The quick start, run from top to bottom."""
    lab.open("quickstart.ipynb")
    lab.command("notebook:run-all-cells")
    lab.wait(240, 'img[title="green windmill, snow"]')
    lab.page.wait_for_function(TO_CURVE)
    lab.picture("4_training_live")
    lab.wait(300)
    return lab


def _until(true, seconds=15):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.1)
    return true()


def test_it_runs_from_top_to_bottom_and_keeps_the_loss_plot(quickstart, project):
    plots = quickstart.page.locator('.jp-OutputArea img[src^="data:image/png"]')
    plots.first.scroll_into_view_if_needed()
    quickstart.picture("4_trained")
    assert plots.count() == 2  # losses, sample pictures
    assert plots.first.evaluate("image => image.naturalWidth") > 1000
    assert "Finished" in quickstart.page.locator(".lb-good", has_text="The LoRA is").inner_text()
    assert len(project.runs()) == 1


def test_the_live_plot_drew_loss_mean_and_both_learning_rates(quickstart):
    assert quickstart.page.locator("svg.lb-curve polyline").count() == 4


def test_the_pictures_are_shown(quickstart):
    grid = quickstart.page.locator(".jp-Cell", has_text="loranb.images(project)").last
    grid.scroll_into_view_if_needed()
    quickstart.picture("1_images")
    shown = grid.locator("img").evaluate_all("all => all.filter(image => image.naturalWidth > 50).length")
    assert shown >= 20


def test_a_caption_that_is_edited_in_the_grid_is_on_disk(quickstart, project):
    grid = quickstart.page.locator(".jp-Cell", has_text="loranb.captions(project)").last
    card = grid.locator(".lb-cg-card").first
    card.scroll_into_view_if_needed()
    picture = next(project.img.rglob(card.locator(".lb-cg-name").inner_text()))
    before = captions.read(picture)
    box = card.get_by_placeholder("add a tag")
    box.fill("clouds")
    box.press("Enter")
    assert _until(lambda: captions.read(picture) == before + ", clouds")
    quickstart.picture("2_captions")


def test_the_plan_follows_the_form_as_one_types(quickstart, project):
    cell = quickstart.page.locator(".jp-Cell", has_text="loranb.configure(project)").last
    cell.scroll_into_view_if_needed()
    cell.get_by_role("button", name="Length").or_(cell.locator("button", has_text="Length")).first.click()
    field = cell.locator(".lb-field", has_text="How many times every picture is shown").locator("input")
    plan = cell.locator(".lb-aside")
    before = plan.inner_text()
    field.fill("7")
    assert _until(lambda: "7 epochs" in plan.inner_text())
    assert plan.inner_text() != before
    assert _until(lambda: project.settings().length.epochs == 7)
    quickstart.picture("3_settings")


def test_the_grid_is_shown_and_kept(quickstart, project):
    sheet = quickstart.page.locator('.jp-OutputArea img[src^="data:image/jpeg"]').last
    sheet.scroll_into_view_if_needed()
    quickstart.picture("5_grid")
    assert sheet.evaluate("image => image.naturalWidth") > 400
    assert len(list((project.root / "grids").glob("*.png"))) == 1


def test_draw_draws_a_picture(quickstart, project):
    cell = quickstart.page.locator(".jp-Cell", has_text="loranb.test(project)").last
    cell.locator("button", has_text="Draw").first.click()
    picture = cell.locator("img.widget-image, .widget-image img, img").last
    picture.wait_for(timeout=60_000)
    assert _until(lambda: picture.evaluate("image => image.naturalWidth") == 64)
    picture.scroll_into_view_if_needed()
    quickstart.picture("5_testing")
    assert len(list((project.root / "pictures").glob("*.png"))) == 1


def test_nothing_left_the_machine_and_no_script_failed(quickstart):
    assert quickstart.left == []
    assert quickstart.errors == []


def test_the_stop_button_ends_training_and_says_how_to_go_on(lab, project):
    settings = project.settings()
    settings.assign_all({"length.epochs": 500, "samples.every_epochs": 0}).save(project.settings_file)
    lab.open("4_train_lora.ipynb")
    lab.command("notebook:run-all-cells")
    lab.wait(120, "svg.lb-curve polyline")
    lab.command("notebook:interrupt-kernel")
    told = lab.page.locator(".lb-warning", has_text="To go on: loranb.train(project, resume=")
    told.wait_for(timeout=60_000)
    told.scroll_into_view_if_needed()
    lab.picture("4_stopped")
    lab.wait(60)
