"""``loranb caption``: flags from declarations, a dry run, honest exit codes, several processes."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from loranb.captioning.options import NAME, Wording
from loranb.captioning.terminal import add_arguments, choice_of, wording_of
from loranb.cli import main
from loranb.dataset import captions
from loranb.dataset.caption_store import CaptionStore
from loranb.settings.declaration import fields_of


def parsed(*arguments):
    import argparse

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(["project", *arguments])


def run(capsys, project, *arguments):
    code = main(["caption", str(project.root), *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_every_setting_of_the_wording_has_a_flag():
    given = {
        "trigger": "lisaxl",
        "class_word": "girl",
        "prefix": "p",
        "suffix": "s",
        "undesired": ("nose", "lips", "1girl"),
        "replacements": ("a => b", "c =>"),
        "order": "frequency",
        "maximum": 30,
        "mode": "append",
    }
    assert set(given) == {field.name for field in fields_of(Wording, NAME)}
    flags = ["--trigger", "lisaxl", "--class", "girl", "--prefix", "p", "--suffix", "s", "--undesired", "nose, lips"]
    flags += ["--undesired", "1girl", "--replace", "a => b", "--replace", "c =>", "--order", "frequency", "--max", "30"]
    assert wording_of(parsed(*flags, "--mode", "append")) == Wording(**given)
    assert wording_of(parsed()) == Wording()
    assert wording_of(parsed("--overwrite")) == Wording(mode="overwrite")


def test_a_captioners_own_options_are_given_by_name():
    choice = choice_of(parsed("--with", "blip", "--model", "a/b", "--option", "beams=4", "--option", "prompt="))
    assert (choice.name, choice.options.model, choice.options.beams, choice.options.prompt) == ("blip", "a/b", 4, "")
    assert choice_of(parsed("--with", "demo")).options.model == "demo"


def test_what_cannot_be_used_is_said_at_once_and_nothing_is_written(drawn_project, capsys):
    given = ["--with", "demo", "--overwrite", "--option", "bacth=2", "--max", "0", "--replace", "x"]
    assert main(["caption", str(drawn_project.root), *given]) == 1
    said = capsys.readouterr().err
    assert "did you mean wd14.batch?" in said
    assert "wording.maximum = '0'" in said
    assert "wording.replacements = 'x'; expected lines of text, old => new." in said


def test_a_subject_that_is_not_there_is_told_with_those_that_are(drawn_project, capsys):
    assert main(["caption", str(drawn_project.root), "--subject", "mill"]) == 1
    assert "There is no subject 'mill'; there are: red castle, windmill." in capsys.readouterr().err


def test_a_subject_is_captioned_alone_and_a_dry_run_changes_nothing(drawn_project, capsys):
    given = ("--with", "demo", "--subject", "windmill", "--overwrite", "--class", "mill")
    code, report = run(capsys, drawn_project, *given, "--dry-run")
    assert code == 0
    assert [draft["before"] for draft in report["drafts"]] == [
        "mokuba, windmill, number 0",
        "mokuba, windmill, number 1",
    ]
    assert CaptionStore.load(drawn_project).can_undo == ""
    code, written = run(capsys, drawn_project, *given)
    assert written["captions"] == {draft["picture"]: draft["after"] for draft in report["drafts"]}
    assert "red windmill" in captions.read(drawn_project.root / next(iter(written["captions"])))


def test_captions_that_are_there_stay_and_it_is_said_how_they_would_not(drawn_project, capsys):
    assert main(["caption", str(drawn_project.root), "--with", "demo"]) == 0
    assert "Every picture has a caption" in capsys.readouterr().out


def test_captioners_are_listed_with_their_models_and_options(capsys):
    with pytest.raises(SystemExit) as left:
        main(["caption", "--captioners"])
    said = capsys.readouterr().out
    assert left.value.code == 0
    assert "SmilingWolf/wd-vit-tagger-v3" in said
    assert "general_threshold=0.35" in said


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [["loranb.cli", "caption"], ["torch.distributed.run"]])
def test_two_processes_share_the_pictures_and_one_writes(drawn_project, launcher):
    own = ["--processes", "2"]
    if launcher[0] != "loranb.cli":  # as accelerate's launcher does it
        launcher, own = [*launcher, "--standalone", "--nproc-per-node", "2", "-m", "loranb.captioning"], []
    arguments = [str(drawn_project.root), "--with", "demo", "--overwrite", "--trigger", "mokuba", "--json", *own]
    done = subprocess.run([sys.executable, "-m", *launcher, *arguments], capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert len(report["captions"]) == 5
    assert report["pictures_per_second"] == 0  # all were in memory when they were written
    written = [file.read_bytes().splitlines() for file in (drawn_project.cache / "said").rglob("*.jsonl")]
    assert sorted(map(len, written)) == [2, 3]
    store = CaptionStore.load(drawn_project)
    store.undo()
    assert store.can_undo == ""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupt_writes_what_was_said_and_exits_with_130(drawn_project, processes):
    first = (drawn_project.img / "1_windmill" / "windmill_0.png").read_bytes()
    for number in range(600):
        name = drawn_project.img / "1_windmill" / f"copy_{number}.png"
        name.write_bytes(first + number.to_bytes(2, "big"))
    arguments = ["caption", str(drawn_project.root), "--with", "demo", "--option", "batch=1", "--json"]
    running = subprocess.Popen(
        [sys.executable, "-m", "loranb.cli", *arguments, "--processes", str(processes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(list((drawn_project.cache / "said").rglob("*.jsonl"))) < processes:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate()
    assert (running.returncode, json.loads(out)["stopped"]) == (130, True)
    assert 0 < len(json.loads(out)["captions"]) < 600
    assert CaptionStore.load(drawn_project).can_undo == "captions by wd14"
    assert "Traceback" not in err
