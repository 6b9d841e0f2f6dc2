import pytest

from loranb.errors import ProjectError
from loranb.project import Project, home
from loranb.settings import Settings


def test_making_a_project_twice_changes_nothing(tmp_path):
    project = Project.create(tmp_path / "p")
    Settings().assign("lora.rank", 7).save(project.settings_file)
    assert Project.create(tmp_path / "p").settings().lora.rank == 7


def test_a_folder_that_is_no_project_is_told(tmp_path):
    with pytest.raises(ProjectError, match="loranb new"):
        Project.open(tmp_path)


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "p").write_text("x")
    with pytest.raises(ProjectError, match="is a file"):
        Project.create(tmp_path / "p")


def test_versions_count_letters_for_settings_and_numbers_for_images(tmp_path):
    project = Project.create(tmp_path / "medieval city")
    assert project.next_version() == "medieval_city_v1a"
    for name, following in (("v1a", "v1b"), ("v1z", "v1aa"), ("v1az", "v1ba"), ("v2a", "v2b")):
        run = project.runs_folder / f"medieval_city_{name}"
        run.mkdir()
        Settings().save(run / "settings.toml")
        assert project.next_version() == f"medieval_city_{following}"
    assert project.next_version(new_images=True) == "medieval_city_v3a"


def test_the_folders_are_those_of_kohyas_tools(tmp_path):
    project = Project.create(tmp_path / "p")
    assert (project.img, project.reg, project.model) == tuple(tmp_path / "p" / name for name in ("img", "reg", "model"))
    assert not project.reg.exists()  # only once there is something in it


def test_home_can_be_chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("LORANB_HOME", str(tmp_path))
    assert home() == tmp_path
