import pytest

from loranb import clip
from loranb.clip.weights import weighted


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a plain text", [("a plain text", 1)]),
        ("", []),
        ("a (red) hat", [("a ", 1), ("red", 1.1), (" hat", 1)]),
        ("((red))", [("red", 1.1 * 1.1)]),
        ("[pale]", [("pale", 1 / 1.1)]),
        ("(red:1.3), (blue: .5 )", [("red", 1.3), (", ", 1), ("blue", 0.5)]),
        ("(a (b:2) c:1.5)", [("a ", 1.5), ("b", 3.0), (" c", 1.5)]),
        ("([a])", [("a", 1.0)]),
        (r"ganyu \(genshin\) \\ \[x\]", [(r"ganyu (genshin) \ [x]", 1)]),
        ("(never closed", [("never closed", 1.1)]),
        ("a) b] :1.2)", [("a) b] :1.2)", 1)]),
        ("(a [b) c]", [("a ", 1.1), ("b", 1.1 / 1.1), (" c", 1 / 1.1)]),
        ("(bad:-1)", [("bad", -1)]),
        ("time 10:30 (a)", [("time 10:30 ", 1), ("a", 1.1)]),
    ],
)
def test_brackets_and_numbers_are_weights_as_in_the_web_uis(text, pieces):
    found = weighted(text)
    assert [piece.text for piece in found] == [piece for piece, _ in pieces]
    assert [piece.weight for piece in found] == pytest.approx([weight for _, weight in pieces])


@pytest.mark.parametrize("text", ["a (red:1.2) hat", r"\(b\) [c] ((d)", "(e) :) (f", "a, (b, c:0.5), d"])
def test_what_is_left_is_what_is_counted(text):
    left = "".join(piece.text for piece in weighted(text))
    assert clip.count(text, weights=True) == clip.count(left)
