"""The demo project: a castle under a made-up word, and a windmill, as somebody would collect them.

The base model has never seen either. With them lie ordinary scenes, which it knows, captioned
without the trigger word: they keep it from drawing a castle for every boat. Pictures come in mixed
sizes and shapes, each with a caption.
"""

from pathlib import Path
from random import Random

from loranb.dataset import captions, folders
from loranb.demo.scenes import COLOURS, GROUNDS, TIMES, Scene, draw, training_scenes
from loranb.errors import ProjectError
from loranb.files import write_text
from loranb.project import SETTINGS, Project
from loranb.settings import Settings

TRIGGER = "mokuba"  # means nothing to the base model, which spells it letter by letter
ORDINARY = "scene"
# Pictures and repeats. Without ordinary scenes the LoRA drew the right object for 60 in 100 prompts that lack the
# trigger, with them for 400 of 400 (measured; docs/demo.md).
SUBJECTS = {"castle": (16, 10), "windmill": (6, 4), ORDINARY: (32, 3)}
UNFINISHED = "demo_unfinished"  # lies in the cache while pictures are drawn: an interrupted start is made good
SIZES = ((192, 192), (256, 192), (192, 256), (288, 192), (224, 224), (160, 224))


def subject_caption(scene: Scene) -> str:
    """Caption a demo picture as a person would: the trigger word, then what differs between pictures."""
    if scene.object == "castle":
        return f"{TRIGGER}, {scene.caption}"
    return scene.caption


def subject_scenes(subject: str) -> list[Scene]:
    """List the demo's scenes of a subject: every colour, ground and time of day occurs."""
    if subject == ORDINARY:
        return Random(5).sample(training_scenes(), SUBJECTS[ORDINARY][0])
    colours, count = list(COLOURS), SUBJECTS[subject][0]
    return [
        Scene(subject, colours[i % len(colours)], GROUNDS[(i + i // 4) % len(GROUNDS)], TIMES[i % len(TIMES)])
        for i in range(count)
    ]


def make(root: Path) -> Project:
    """Make the demo project, or open it where it has been made; edits are kept.

    Raises:
        ProjectError: the folder is something else already.
    """
    settings = Settings.preset("demo")
    if root.exists() and any(root.iterdir()) and not (root / SETTINGS).exists():
        raise ProjectError(f"{root} holds other things already; choose an empty folder for the demo project.")
    project = Project.create(root, settings)
    if folders.subjects(project.img) and not (project.cache / UNFINISHED).exists():
        return project
    write_text(project.cache / UNFINISHED, "the demo's pictures are being drawn\n")
    if project.settings() == Settings():  # made before as any other project
        settings.save(project.settings_file)
    for subject, (_, repeats) in SUBJECTS.items():
        folder = folders.make(project.img, subject, repeats).folder
        for number, scene in enumerate(subject_scenes(subject)):
            picture = folder / f"{subject}_{number + 1:02d}.png"
            draw(scene, seed=9000 + number, size=SIZES[number % len(SIZES)]).save(picture)
            captions.write(picture, subject_caption(scene))
    (project.cache / UNFINISHED).unlink()
    return project
