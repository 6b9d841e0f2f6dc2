import io

import pytest
from PIL import Image, ImageDraw, ImageOps

from loranb.dataset import health
from loranb.dataset.health.likeness import alike, likeness


def saved(picture, quality):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def cropped(picture, left, top, right, bottom):
    """Cut shares of the sides off."""
    width, height = picture.size
    return picture.crop((int(left * width), int(top * height), int((1 - right) * width), int((1 - bottom) * height)))


COPIES = {
    "saved anew": lambda p: saved(p, 60),
    "saved badly": lambda p: saved(p, 12),
    "smaller": lambda p: p.resize((150, 112), Image.Resampling.LANCZOS),
    "larger": lambda p: p.resize((900, 675), Image.Resampling.BICUBIC),
    "cropped all round": lambda p: cropped(p, 0.03, 0.03, 0.03, 0.03),
    "cropped at a corner": lambda p: cropped(p, 0, 0, 0.04, 0.04),
    "cropped and saved badly": lambda p: saved(cropped(p, 0.02, 0.02, 0.03, 0.03), 40),
    "without colour": lambda p: p.convert("L").convert("RGB"),
    "mirrored": ImageOps.mirror,
    "mirrored and cropped": lambda p: cropped(ImageOps.mirror(p), 0.02, 0.02, 0.02, 0.02),
}


def portrait(seed, leaves):
    """A large figure before a busy ground: what a photograph has and a texture has not."""
    picture = leaves(seed, (400, 300), count=120)
    draw = ImageDraw.Draw(picture)
    x = 125 + 15 * (seed % 5)
    draw.ellipse((x, 30, x + 110, 165), fill=("#e0b090", "#705040")[seed % 2])
    draw.rectangle((x - 45, 165, x + 150 - 10 * (seed % 3), 300), fill=("#203080", "#c03020", "#208040")[seed % 3])
    return picture


@pytest.mark.parametrize("how", COPIES)
def test_a_changed_copy_is_grouped_with_its_original_and_no_other(leaves, project, town, how):
    for seed in range(3):
        portrait(seed, leaves).save(town / f"{seed}.png")
    COPIES[how](portrait(1, leaves)).save(town / "copy.png")
    assert [{p.name for p in group} for group in health.check(project).groups.duplicates] == [{"1.png", "copy.png"}]


def test_pictures_that_only_have_the_same_subject_are_not_grouped(leaves, project, town):
    for seed in range(15):
        portrait(seed, leaves).save(town / f"{seed}.jpg")
    assert health.check(project).groups.duplicates == ()


def figure(arm):
    """A drawing on white, its arm lifted so far."""
    picture = Image.new("RGB", (600, 600), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((200, 120, 400, 480), fill="#d01020", outline="black", width=6)
    draw.line((390, 300, 540, 300 - arm), fill="black", width=24)
    return picture


def test_drawings_of_one_figure_in_other_poses_are_not_grouped_and_their_copies_are(project, town):
    for number, arm in enumerate((-200, 0, 200)):
        figure(arm).save(town / f"{number}.png")
        figure(arm).save(town / f"copy{number}.jpg", quality=30)
    groups = health.check(project).groups.duplicates
    assert [{p.name for p in group} for group in groups] == [{f"{n}.png", f"copy{n}.jpg"} for n in range(3)]


def test_plain_pictures_are_copies_only_if_their_bytes_are(project, town):
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "blue")):
        Image.new("RGB", (300, 300), colour).save(town / f"{name}.png")
    assert [{p.name for p in group} for group in health.check(project).groups.duplicates] == [{"b.png", "c.png"}]


def test_the_best_of_the_copies_comes_first_and_only_the_others_are_told(leaves, project, town):
    other = project.img / "5_square"
    other.mkdir()
    picture = portrait(0, leaves)
    picture.resize((300, 225)).save(town / "small.jpg")
    picture.save(town / "large.jpg")
    (other / "same.jpg").write_bytes((town / "large.jpg").read_bytes())
    report = health.check(project)
    assert [path.name for path in report.groups.duplicates[0]] == ["large.jpg", "same.jpg", "small.jpg"]
    told = {p.path.name: {f.code: f.message for f in p.findings} for p in report.pictures}
    assert not {"duplicate", "near_duplicate"} & set(told["large.jpg"])
    assert "img/10_old town/large.jpg, of another subject" in told["same.jpg"]["duplicate"]
    assert "which is larger" in told["small.jpg"]["near_duplicate"]


def test_many_copies_make_one_group(leaves):
    pictures = [likeness(portrait(seed, leaves).convert("L")) for seed in range(4)]
    pairs = alike(pictures * 20)
    assert len(pairs) == 76  # as many as it takes to join 4 groups of 20
    assert all(pair.one % 4 == pair.other % 4 for pair in pairs)
