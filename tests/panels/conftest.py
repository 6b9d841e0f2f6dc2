import pytest

from loranb.demo.scenes import Scene, draw
from loranb.project import Project
from loranb.settings import Settings


@pytest.fixture
def drawn_project(tmp_path) -> Project:
    """Three castles and two windmills, of two shapes, captions beside them; no base model is needed."""
    settings = Settings.preset("demo").assign_all({"dataset.resolution": 64, "dataset.bucket_step": 16})
    project = Project.create(tmp_path / "drawn", settings)
    for folder, count, word in (("2_red castle", 3, "castle"), ("1_windmill", 2, "windmill")):
        place = project.img / folder
        place.mkdir()
        for i in range(count):
            size = (96, 64) if i % 2 else (80, 80)
            draw(Scene(word, "red", "grass", "day"), i, size).save(place / f"{word}_{i}.png")
            (place / f"{word}_{i}.txt").write_text(f"mokuba, {word}, number {i}\n")
    return project
