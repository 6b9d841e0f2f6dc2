import io
import shutil

import numpy as np
import pytest
from PIL import Image

from loranb.dataset import captions, curation, folders, masks
from loranb.dataset.curation import Curation
from loranb.dataset.edits import Box, Edit
from loranb.dataset.images import picture_files
from loranb.dataset.intake import Wanted, add
from loranb.dataset.mask_files import masks_in, without_masks
from loranb.dataset.masks import mask_of, masks_of, overlay
from loranb.dataset.reader import Pictures
from loranb.errors import DatasetError
from loranb.project import Project

SAME_STEM = ["church.mask.png", "church_mask.png", "church-masklabel.png", "masks/church.png"]
NAMES = [*SAME_STEM, "CHURCH_MASK.PNG"]


@pytest.fixture
def project(tmp_path):
    project = Project.create(tmp_path / "p")
    (project.img / "1_x").mkdir()
    return project


def put(project, name, picture=None, **how):
    path = project.img / "1_x" / name
    path.parent.mkdir(exist_ok=True)
    (picture or Image.new("RGB", (60, 40), "white")).save(path, **how)
    return path


def half(width=60, height=40, mode="L"):
    """A mask of which the left half counts."""
    painted = np.zeros((height, width), np.uint8)
    painted[:, : width // 2] = 255
    return Image.fromarray(painted).convert(mode)


def pixels(jpeg):
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


@pytest.mark.parametrize("name", NAMES)
def test_a_mask_lies_beside_its_picture_under_one_of_its_names(project, name):
    church, mask = put(project, "church.jpg"), put(project, name, half())
    found = mask_of(church)
    assert (found.source, found.path) == ("file", mask)
    assert masks_of([church]) == {church: found}
    assert np.array_equal(found.open(Pictures(project)), half())


@pytest.mark.parametrize("name", NAMES)
def test_a_mask_is_never_taken_for_a_training_picture(project, name):
    church, mask = put(project, "church.jpg"), put(project, name, half())
    assert picture_files(church.parent) == [church]
    assert folders.subjects(project.img)[0].pictures() == [church]
    assert without_masks([mask, church]) == [church]


def test_a_picture_with_the_name_of_a_mask_and_no_picture_beside_it_is_a_picture(project):
    names = ["venetian_mask.png", "zorro.mask.jpg", "church.jpg"]
    found = [put(project, name) for name in names]
    assert picture_files(found[0].parent) == sorted(found)
    assert masks_in(found) == {}


def test_of_several_masks_the_first_kind_counts_and_none_is_a_picture(project):
    church = put(project, "church.jpg")
    for name in reversed(NAMES[:3]):
        put(project, name, half())
    assert mask_of(church).path.name == NAMES[0]
    assert picture_files(church.parent) == [church]


def test_a_picture_without_a_mask_has_none(project):
    church = put(project, "church.jpg")
    put(project, "church_2.jpg")
    assert mask_of(church) is None
    assert masks_of([church]) == {}


def test_an_alpha_channel_is_a_mask_where_it_hides_anything(project):
    cut_out = Image.new("RGBA", (60, 40), "red")
    cut_out.putalpha(half())
    path = put(project, "a.png", cut_out)
    found = mask_of(path)
    assert (found.source, found.path) == ("alpha", path)
    assert np.array_equal(found.open(Pictures(project)), half())
    assert mask_of(put(project, "b.png", Image.new("RGBA", (60, 40), "red"))) is None


def test_a_mask_beside_a_picture_counts_more_than_its_alpha_channel(project):
    cut_out = Image.new("RGBA", (60, 40), "red")
    cut_out.putalpha(half())
    path, mask = put(project, "a.png", cut_out), put(project, "a.mask.png", half())
    assert mask_of(path).path == mask


def test_of_a_coloured_mask_the_red_channel_counts(project):
    church = put(project, "church.jpg")
    painted = Image.merge("RGB", [half(), Image.new("L", (60, 40), 255), Image.new("L", (60, 40))])
    put(project, "church.mask.png", painted)
    assert np.array_equal(mask_of(church).open(Pictures(project)), half())


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_a_mask_may_be_saved_in_any_kind_of_picture(project, mode):
    church = put(project, "church.jpg")
    sixteen = Image.fromarray(np.asarray(half()).astype(np.uint16) * 257)
    put(project, "church.mask.png", sixteen if mode == "I;16" else half(mode=mode))
    assert np.array_equal(mask_of(church).open(Pictures(project)), half())


def test_a_mask_is_turned_and_cropped_with_its_picture(project):
    church = put(project, "church.jpg")
    put(project, "church.mask.png", half())
    pictures = Pictures(project)
    pictures.edits.set(pictures.content(church), Edit(90, Box(0, 20, 40, 50)), church.name)
    wanted = np.rot90(np.asarray(half()), -1)[20:50, 0:40]
    opened = mask_of(church).open(pictures)
    assert opened.size == pictures.size(church)
    assert np.array_equal(opened, wanted)


def test_a_mask_lies_on_the_picture_as_it_stands_upright(project):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying, 60 x 40; shown 40 x 60
    church = put(project, "church.jpg", exif=exif)
    put(project, "church.mask.png", half(40, 60))
    assert np.array_equal(mask_of(church).open(Pictures(project)), half(40, 60))


def test_a_mask_may_be_smaller_than_its_picture(project):
    church = put(project, "church.jpg", Image.new("RGB", (599, 400)))
    put(project, "church.mask.png", half(60, 40))
    opened = np.asarray(mask_of(church).open(Pictures(project)))
    assert opened.shape == (400, 599)
    assert opened[:, :280].min() == 255
    assert opened[:, 320:].max() == 0


def test_a_mask_of_another_shape_is_said(project):
    church = put(project, "church.jpg")
    put(project, "church.mask.png", half(40, 60))
    said = mask_of(church).problem(Pictures(project))
    assert "church.mask.png is 40 x 60 pixels" in said
    assert "60 x 40" in said
    with pytest.raises(DatasetError, match="the shapes differ"):
        overlay(Pictures(project), church)


def test_a_mask_that_is_no_picture_is_said(project):
    church = put(project, "church.jpg")
    church.with_name("church.mask.png").write_bytes(b"x")
    assert "church.mask.png cannot be read" in mask_of(church).problem(Pictures(project))


def test_an_overlay_darkens_what_does_not_count_and_nothing_else(project):
    church = put(project, "church.jpg", Image.new("RGB", (600, 400), (200, 200, 200)))
    plain = Pictures(project).thumbnail(church)
    assert overlay(Pictures(project), church) == plain
    put(project, "church.mask.png", half())
    seen = pixels(overlay(Pictures(project), church))
    middle = seen.shape[1] // 2
    assert np.abs(seen[:, : middle - 12] - 200).max() < 12
    assert seen[:, middle + 12 :, 1].max() < 100
    assert overlay(Pictures(project), church) == overlay(Pictures(project), church)


def test_a_mask_painted_anew_is_shown_anew(project):
    church = put(project, "church.jpg", Image.new("RGB", (600, 400), "white"))
    put(project, "church.mask.png", half())
    first = overlay(Pictures(project), church)
    put(project, "church.mask.png", Image.new("L", (60, 40), 255))
    assert pixels(overlay(Pictures(project), church)).min() > pixels(first).min()


@pytest.mark.parametrize("name", SAME_STEM)
def test_a_discarded_picture_takes_its_mask_along_and_brings_it_back(project, name):
    church = put(project, "church.jpg")
    mask = put(project, name, half())
    captions.write(church, "a church")
    before = {path: path.read_bytes() for path in church.parent.rglob("*.*")}
    curated = Curation(project)
    gone = curated.discard([church]).done[church]
    assert not mask.exists()
    assert mask_of(gone).path.read_bytes() == before[mask]
    assert curation.discarded_pictures(project.discarded) == [gone]
    curated.undo()
    assert {path: path.read_bytes() for path in church.parent.rglob("*.*")} == before


def test_a_picture_that_is_given_another_name_keeps_its_mask(project):
    church = put(project, "church.jpg")
    put(project, "church_mask.png", half())
    other = project.discarded / "1_x" / "church.png"
    other.parent.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(other)
    gone = Curation(project).discard([church]).done[church]
    assert gone.name == "church_2.jpg"
    assert mask_of(gone).path.name == "church_2_mask.png"


def test_a_picture_never_comes_by_the_mask_of_one_that_is_gone(project, tmp_path):
    put(project, "church.mask.png", half())
    Image.new("RGB", (60, 40)).save(tmp_path / "church.jpg")
    added = add(project, [tmp_path / "church.jpg"], Wanted("x", 1))
    assert added.pictures[0].name == "church_2.jpg"
    assert mask_of(added.pictures[0]) is None


def test_a_mask_that_two_pictures_share_stays_for_the_other(project):
    first, second = put(project, "a.jpg"), put(project, "a.png")
    put(project, "a.mask.png", half())
    gone = Curation(project).discard([first]).done[first]
    assert mask_of(gone)
    assert mask_of(second)


def test_pictures_are_copied_with_their_masks(project, tmp_path):
    mine = tmp_path / "mine"
    (mine / "masks").mkdir(parents=True)
    Image.new("RGB", (60, 40), "red").save(mine / "a.jpg")
    Image.new("RGB", (60, 40), "blue").save(mine / "b.jpg")
    Image.new("RGB", (60, 40), "green").save(mine / "c.jpg")
    half().save(mine / "a_mask.png")
    half().save(mine / "masks" / "b.png")
    added = add(project, [mine], Wanted("city", 1))
    assert [path.name for path in added.pictures] == ["a.jpg", "b.jpg", "c.jpg"]
    assert sorted(path.name for path in added.masks) == ["a.mask.png", "b.mask.png"]
    assert added.left_out == []
    assert [bool(mask_of(path)) for path in added.pictures] == [True, True, False]
    assert "3 pictures, 2 masks and 0 captions copied" in str(added)


def test_a_mask_that_comes_later_is_brought_along_and_one_that_is_there_is_kept(project, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    Image.new("RGB", (60, 40), "red").save(mine / "a.jpg")
    add(project, [mine], Wanted("city", 1))
    half().save(mine / "a_mask.png")
    [mask] = add(project, [mine], Wanted("city", 1)).masks
    before = mask.read_bytes()
    Image.new("L", (60, 40)).save(mine / "a_mask.png")
    assert add(project, [mine], Wanted("city", 1)).masks == []
    assert mask.read_bytes() == before


def test_a_picture_given_alone_brings_its_mask(project, tmp_path):
    Image.new("RGB", (60, 40), "red").save(tmp_path / "a.jpg")
    half().save(tmp_path / "a.mask.png")
    added = add(project, [tmp_path / "a.jpg"], Wanted("city", 1))
    assert [path.name for path in (*added.pictures, *added.masks)] == ["a.jpg", "a.mask.png"]


def test_looking_at_masks_leaves_the_files_as_they_are(project):
    church, mask = put(project, "church.jpg"), put(project, "church.mask.png", half())
    before = shutil.copy(mask, project.root / "copy.png")
    overlay(Pictures(project), church)
    assert mask.read_bytes() == before.read_bytes()
    assert masks.mask_of(church).problem(Pictures(project)) == ""
