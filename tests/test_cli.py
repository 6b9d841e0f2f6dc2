"""The command line: one JSON document on stdout, messages instead of tracebacks, honest exit codes."""

import json

import pytest
from PIL import Image

from loranb.cli import main


def told(capsys, *arguments):
    """Run a command with --json and read what it prints."""
    code = main([*map(str, arguments), "--json"])
    printed = capsys.readouterr()
    assert printed.out, printed.err
    return code, json.loads(printed.out)


def test_a_project_from_pictures_to_plan(tmp_path, capsys):
    Image.new("RGB", (600, 400), "red").save(tmp_path / "a.png")
    project = tmp_path / "city"
    assert told(capsys, "new", project)[0] == 0
    code, added = told(
        capsys, "add", project, "--subject", "medieval", "--class", "city", "--repeats", 20, tmp_path / "a.png"
    )
    assert (code, added["pictures"]) == (0, ["img/20_medieval city/a.png"])
    assert (project / "img/20_medieval city/a.png").exists()
    _, report = told(capsys, "check", project)
    assert [picture["path"] for picture in report["pictures"]] == ["img/20_medieval city/a.png"]
    assert "no_caption" in {finding["code"] for finding in report["pictures"][0]["findings"]}
    _, horizon = told(capsys, "plan", project, "--set", "length.epochs=3", "--set", "length.batch_size=5")
    assert (horizon["steps_per_epoch"], horizon["steps"]) == (4, 12)


def test_the_plan_has_stable_names(small_project, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    _, told_of = told(capsys, "plan", small_project.root, "--gpu", "T4")
    assert {
        "images",
        "items",
        "batch_size",
        "batches_per_epoch",
        "steps_per_epoch",
        "epochs",
        "steps",
    } <= told_of.keys()
    assert set(told_of["subjects"][0]) == {"folder", "images", "repeats", "items", "share"}
    assert set(told_of["buckets"][0]) == {"size", "images", "items", "batches", "cropped"}
    assert told_of["lora"]["file_bytes"] > 0
    assert told_of["disk"]["total_bytes"] > told_of["disk"]["state_bytes"]
    parts = {"weights", "lora", "gradients", "optimizer", "activations", "caches", "context"}
    assert set(told_of["gpu_memory"]["parts_bytes"]) == parts
    assert told_of["gpu_memory"]["gpu"] == "T4"
    assert told_of["gpu_memory"]["verdict"] == "fits"
    assert "not measured" in told_of["gpu_memory"]["how"]
    assert told_of["seconds"] is None
    assert main(["plan", str(small_project.root), "--gpu", "T45"]) == 1
    assert "RTX 4090" in capsys.readouterr().err


def test_the_plan_says_all_that_would_stop_the_run(small_project, capsys):
    wrong = ["--set", "objective.timestep_min=900", "--set", "objective.timestep_max=100", "--set", "saving.name=a/b"]
    code, planned = told(capsys, "plan", small_project.root, *wrong)
    assert code == 1
    assert planned["steps"] > 0
    assert all(any(name in said for said in planned["problems"]) for name in ("objective.timestep_min", "saving.name"))
    assert main(["plan", str(small_project.root), *wrong]) == 1
    assert "cannot be trained like this: saving.name" in capsys.readouterr().out
    assert told(capsys, "plan", small_project.root)[1]["problems"] == []


def test_a_blank_base_model_is_told_as_such(small_project, capsys):
    _, planned = told(capsys, "plan", small_project.root, "--set", "model.base=")
    assert "model.base = '': there is no such file or folder" in planned["problems"][0]


def test_the_plan_counts_the_pictures_of_the_validation_folder(small_project, capsys):
    folder = small_project.root / "validation" / "1_castle"
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 64), "red").save(folder / "kept.png")
    _, planned = told(capsys, "plan", small_project.root, "--set", "validation.folder=validation")
    assert planned["held_out_images"] == 1


def test_adding_lists_what_came_of_every_file(tmp_path, capsys):
    source = tmp_path / "mine"
    for name in ("img/3_castle/a.png", "img/3_castle/b.png", "reg/1_building/c.png"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30 + ord(name[-5])), "red").save(source / name)
    (source / "img/3_castle/a.txt").write_text("a castle")
    (source / "img/3_castle/notes.txt").write_text("words")
    told(capsys, "new", tmp_path / "city")
    expected = {
        "subjects": [
            {"folder": "img/3_castle", "words": "castle", "repeats": 3, "pictures": 2},
            {"folder": "reg/1_building", "words": "building", "repeats": 1, "pictures": 1},
        ],
        "pictures": ["img/3_castle/a.png", "img/3_castle/b.png", "reg/1_building/c.png"],
        "captions": ["img/3_castle/a.txt"],
        "already_there": [],
        "taken_out": [],
        "left_out": ["3_castle/notes.txt"],
    }
    assert told(capsys, "add", tmp_path / "city", source) == (0, expected)
    expected |= {"pictures": [], "captions": [], "already_there": ["a.png", "b.png", "c.png"]}
    assert told(capsys, "add", tmp_path / "city", source) == (0, expected)


def test_adding_says_how_far_it_is_and_what_came_of_it(tmp_path, capsys):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 30 + ord(name[0])), "red").save(tmp_path / name)
    told(capsys, "new", tmp_path / "city")
    arguments = ["add", tmp_path / "city", "--reg", "--class", "city", tmp_path / "a.png", tmp_path / "b.png"]
    assert main([str(argument) for argument in arguments]) == 0
    printed = capsys.readouterr()
    assert printed.err == "100% Copying b.png\n"
    assert printed.out == "2 pictures and 0 captions copied to reg/1_city.\n"


def test_repeats_are_shown_and_balanced(tmp_path, capsys):
    for folder, count in (("10_city", 6), ("10_statue", 2)):
        (tmp_path / "img" / folder).mkdir(parents=True)
        for number in range(count):
            (tmp_path / "img" / folder / f"{number}.jpg").touch()
    _, report = told(capsys, "repeats", tmp_path)
    assert [(s["words"], s["pictures"], s["repeats"], s["suggested"]) for s in report["subjects"]] == [
        ("city", 6, 10, 10),
        ("statue", 2, 10, 30),
    ]
    _, report = told(capsys, "repeats", tmp_path, "--balance")
    assert [s["folder"] for s in report["subjects"]] == ["img/10_city", "img/30_statue"]


def test_checking_names_the_bad_picture_and_is_no_failure(small_project, capsys):
    (small_project.img / "1_windmill/bad.jpg").write_bytes(b"no")
    code, report = told(capsys, "check", small_project.root)
    assert code == 0
    bad = next(picture for picture in report["pictures"] if picture["path"] == "img/1_windmill/bad.jpg")
    assert [finding["code"] for finding in bad["findings"]][:1] == ["undecodable"]


def test_checking_in_words_groups_the_worst_first_and_judges_by_the_kind_of_lora(small_project, capsys):
    (small_project.img / "1_windmill/bad.jpg").write_bytes(b"no")
    assert main(["check", str(small_project.root), "--kind", "face"]) == 0
    printed = capsys.readouterr()
    assert "100% Looking at pictures" in printed.err
    assert printed.out.index("bad.jpg") < printed.out.index("face LoRAs are better with 50 or more")
    assert main(["check", str(small_project.root), "--kind", "cat"]) == 1
    assert "face, object, style, place" in capsys.readouterr().err


def test_captions_are_written_where_there_are_none(small_project, capsys):
    (small_project.img / "1_windmill/windmill_0.txt").unlink()
    _, report = told(capsys, "caption", small_project.root, "--with", "demo", "--trigger", "mokuba")
    assert list(report["captions"]) == ["img/1_windmill/windmill_0.png"]
    words = report["captions"]["img/1_windmill/windmill_0.png"].split(", ")
    assert words[0] == "mokuba"
    assert {"red windmill", "grass", "day"} <= set(words)


def test_training_stops_resumes_and_draws(small_project, capsys):
    code, report = told(capsys, "train", small_project.root, "--set", "length.epochs=1")
    assert (code, report["why"]) == (0, "finished")
    code, again = told(capsys, "train", small_project.root, "--resume", report["run"])
    assert (code, again["steps"]) == (0, report["steps"])
    prompt = "castle <lora:small_v1a:0.8> --w 64 --h 64 --s 2"
    code, drawn = told(capsys, "generate", small_project.root, "--prompt", prompt)
    assert code == 0
    assert Image.open(drawn["pictures"][0]).size == (64, 64)
    code, grid = told(capsys, "grid", small_project.root, "--prompt", "castle --s 2", "--weights", "1")
    assert code == 0
    assert Image.open(grid["grid"]).width > 64
    code, info = told(capsys, "lora", "info", report["lora"])
    assert info["metadata"]["ss_output_name"] == "small_v1a"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "nowhere"], "loranb new"),
        (["new", "x", "--preset", "none"], "there are demo"),
        (["watch", "nowhere"], "is not a training run"),
        (["lora", "info", "nowhere.safetensors"], "cannot be read"),
        (["add", ".", "--subject", "cat", "nowhere.zip"], "There is no such file or folder: nowhere.zip"),
        (["add", ".", "img"], "No subject is given"),
        (["add", ".", "--subject", "cat", "https://drive.google.com/file/d/1/view"], "drive.mount"),
    ],
)
def test_what_the_user_can_mend_is_a_message_and_exit_code_1(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "img").mkdir()
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err


def test_settings_that_cannot_be_used_are_told_before_anything_starts(small_project, capsys):
    assert main(["train", str(small_project.root), "--set", "lora.rank=0", "--set", "lora.rnak=1"]) == 1
    assert "did you mean lora.rank" in capsys.readouterr().err
    assert small_project.runs() == []


def test_wrong_usage_is_exit_code_2():
    with pytest.raises(SystemExit) as caught:
        main(["dance"])
    assert caught.value.code == 2
