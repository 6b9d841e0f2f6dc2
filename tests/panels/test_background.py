import asyncio
import threading

import pytest

from loranb.panels._background import Follower, Soon


def _counted(gate):
    def work(report, stop):
        for number in range(1000):
            report(number)
            if stop():
                return f"stopped at {number}"
            gate.wait(10)
        return "ran to its end"

    return work


def test_without_a_notebook_work_is_waited_for():
    ended = []
    Follower(lambda *_: None, ended.append).start(lambda report, stop: 5)
    assert [work.result for work in ended] == [5]


def test_what_goes_wrong_in_work_is_handed_on():
    ended = []
    Follower(lambda *_: None, ended.append).start(lambda report, stop: 1 / 0)
    assert isinstance(ended[0].error, ZeroDivisionError)


def test_in_a_notebook_work_goes_on_beside_and_can_be_stopped():
    async def notebook():
        gate, ended, told, over = threading.Event(), [], [], asyncio.Event()

        def end(work):
            ended.append(work)
            over.set()

        follower = Follower(lambda number: told.append(number), end)
        follower.start(_counted(gate))
        follower.start(lambda report, stop: "a second piece while the first goes on")
        while not told:
            await asyncio.sleep(0.01)
        assert not ended
        follower.stop()
        gate.set()
        await asyncio.wait_for(over.wait(), 10)
        return [work.result for work in ended]

    assert asyncio.run(notebook())[0].startswith("stopped at")


def test_on_colab_the_notebook_waits_since_its_page_shows_nothing_from_the_background(monkeypatch):
    monkeypatch.setattr("loranb.panels._platform.where", lambda: "colab")

    async def notebook():
        ended = []
        Follower(lambda *_: None, ended.append).start(lambda report, stop: 5)
        return ended[0].result

    assert asyncio.run(notebook()) == 5


def test_an_interrupt_stops_the_work_that_is_waited_for(monkeypatch):
    gate, ended = threading.Event(), []

    def interrupt(*_):
        gate.set()
        raise KeyboardInterrupt

    Follower(interrupt, ended.append).start(_counted(gate))
    assert ended[0].result.startswith("stopped at")


def test_what_is_asked_for_often_is_done_once_a_while_later():
    async def notebook():
        done = []
        soon = Soon(lambda: done.append(1), 0.05)
        for _ in range(10):
            soon()
        before = len(done)
        await asyncio.sleep(0.2)
        return before, len(done)

    assert asyncio.run(notebook()) == (0, 1)


@pytest.mark.parametrize("times", [1, 3])
def test_without_a_notebook_it_is_done_at_once(times):
    done = []
    for _ in range(times):
        Soon(lambda: done.append(1), 60)()
    assert len(done) == times
