import ipywidgets as w
import pytest

from loranb.errors import DatasetError
from loranb.panels._show import message, shown, table


def _raising(error):
    def handler(*_):
        raise error

    return handler


def test_a_message_for_the_user_is_shown_without_a_traceback():
    where = w.HTML()
    shown(_raising(DatasetError("church.jpg is empty.")), where)("a click")
    assert "church.jpg is empty." in where.value
    assert "Traceback" not in where.value


def test_an_unexpected_failure_is_one_sentence_with_its_traceback_folded():
    where = w.HTML()
    shown(_raising(ZeroDivisionError("by <zero>")), where)()
    sentence, folded = where.value.split("<details>")
    assert "ZeroDivisionError: by &lt;zero&gt;" in sentence
    assert "Traceback" in folded


def test_a_failure_goes_when_the_next_try_succeeds():
    where, tries = w.HTML(), iter([1 / 3, None])
    guarded = shown(lambda: next(tries).hex() and where.value, where)
    guarded(), guarded()
    assert "AttributeError" in where.value
    shown(lambda: None, where)()
    assert where.value == ""


def test_what_a_handler_wrote_itself_stays():
    where = w.HTML("saved")
    shown(lambda: None, where)()
    assert where.value == "saved"


def test_an_interrupt_passes():
    with pytest.raises(KeyboardInterrupt):
        shown(_raising(KeyboardInterrupt()), w.HTML())()


def test_names_from_outside_cannot_become_html():
    assert "<script>" not in message("error", "<script>") + table(["<script>"], [["<script>"]])


def test_numbers_stand_to_the_right():
    html = table(["size", "pictures"], [["512 x 512", 3]])
    assert '<td class="lb-number">3</td>' in html
    assert "<td>512 x 512</td>" in html
