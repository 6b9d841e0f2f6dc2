import pytest

from loranb.events import KINDS, Ended, Saved, Step, from_line, read_events, to_line

EXAMPLES = [Step(1, 1, 0.5, {"unet": 1e-4}, 2.0), Saved(1, 10, "lora/ä.safetensors"), Ended("failed", 3, "why\nso")]


@pytest.mark.parametrize("event", EXAMPLES)
def test_an_event_comes_back_from_its_line(event):
    assert from_line(to_line(event)) == event


def test_an_event_is_one_line_whatever_it_says():
    assert all("\n" not in to_line(event) for event in EXAMPLES)


def test_a_kind_from_the_future_is_left_out():
    assert from_line('{"event": "Danced", "step": 1}') is None


def test_events_of_older_versions_are_read():
    assert from_line('{"event": "EpochEnded", "at": 1.0, "epoch": 1, "step": 5, "loss": 0.1}').by_timestep == {}
    old = '{"event": "Step", "at": 1.0, "step": 1, "epoch": 1, "loss": 0.1, "learning_rates": {}, "seconds": 1.0}'
    assert from_line(old).grad_norm is None


def test_a_half_written_line_is_left_for_the_next_time(tmp_path):
    file = tmp_path / "events.jsonl"
    lines = [to_line(event) for event in EXAMPLES]
    file.write_text(lines[0] + "\n" + lines[1][:20], encoding="utf-8")
    first, position = read_events(file)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    rest, _ = read_events(file, position)
    assert first + rest == EXAMPLES


def test_no_file_is_no_events(tmp_path):
    assert read_events(tmp_path / "none") == ([], 0)


def test_kinds_are_known_by_their_names():
    assert all(name == kind.__name__ for name, kind in KINDS.items())


def test_a_torn_line_costs_itself_only(tmp_path):
    file = tmp_path / "events.jsonl"
    lines = [to_line(event) for event in EXAMPLES]
    file.write_text("\n".join([lines[0], lines[1][:20], lines[2]]) + "\n", encoding="utf-8")
    assert read_events(file)[0] == [EXAMPLES[0], EXAMPLES[2]]


def test_a_line_separator_in_a_prompt_ends_no_line(tmp_path):
    event = Ended("failed", 1, "a\u2028b\u0085c")
    (tmp_path / "events.jsonl").write_text(to_line(event) + "\n", encoding="utf-8")
    assert read_events(tmp_path / "events.jsonl")[0] == [event]
