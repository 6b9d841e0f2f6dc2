"""`loranb import-kohya`: one JSON document under names that stay, and files that are not overwritten."""

import json
from pathlib import Path

from loranb.cli import main
from loranb.project import Project
from loranb.settings import Settings

PRESET = Path(__file__).parent / "data" / "form_2025.json"


def test_the_report_names_what_became_of_every_key(capsys):
    assert main(["import-kohya", str(PRESET), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {"settings", "mapped", "ignored", "unknown", "advice"} <= report.keys()
    assert report["settings"]["length"]["steps"] == 1600
    assert "network_dim" in report["mapped"]
    assert {"key": "t5xxl", "why": "it is for another family of models."} in report["ignored"]
    assert report["unknown"] == []
    assert any("1600" in said for said in report["advice"])
    assert Settings.from_values(report["settings"]).lora.rank == 8


def test_settings_are_written_to_a_file_that_is_not_there_yet(tmp_path, capsys):
    out = tmp_path / "settings.toml"
    assert main(["import-kohya", str(PRESET), "--out", str(out)]) == 0
    assert Settings.load(out).lora.rank == 8
    assert main(["import-kohya", str(PRESET), "--out", str(out)]) == 1
    assert "not overwritten" in capsys.readouterr().err


def test_settings_are_put_into_a_project(tmp_path, capsys):
    project = Project.create(tmp_path / "city")
    assert main(["import-kohya", str(PRESET), "--project", str(project.root)]) == 0
    assert project.settings().metadata.comment == "made by hand"
    assert "! max_train_steps = 1600" in capsys.readouterr().out


def test_an_import_takes_nothing_away_from_a_project(tmp_path):
    project = Project.create(tmp_path / "city")
    mine = Settings().assign_all({"metadata.author": "me", "metadata.title": "City", "lora.rank": 3})
    mine.save(project.settings_file)
    assert main(["import-kohya", str(PRESET), "--project", str(project.root)]) == 0
    assert (project.settings().metadata.author, project.settings().metadata.title) == ("me", "City")
    assert project.settings().lora.rank == 8
    assert Settings.load(project.root / "settings_before_import.toml") == mine
    project.settings_file.unlink()
    assert main(["import-kohya", str(PRESET), "--project", str(project.root)]) == 0


def test_what_excludes_each_other_is_said_at_the_import(tmp_path, capsys):
    (tmp_path / "a.json").write_text('{"full_fp16": true, "mixed_precision": "bf16", "epoch": 2}')
    assert main(["import-kohya", str(tmp_path / "a.json")]) == 0
    assert "! It cannot be trained like this: memory.lora_precision = 'fp16'" in capsys.readouterr().out


def test_what_is_refused_is_a_message(tmp_path, capsys):
    (tmp_path / "flux.json").write_text('{"flux1_checkbox": true}')
    assert main(["import-kohya", str(tmp_path / "flux.json")]) == 1
    assert "Flux" in capsys.readouterr().err
