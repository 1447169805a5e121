"""The test that a citation must stand."""

import pytest
from bakery import PASSAGES, hits
from toolkit.answers import citations
from toolkit.answers.citations import Claim, check, claims, supports
from toolkit.documents.settings import Answers

SHARE = Answers().support


def is_supported(name: str, sentence: str) -> bool:
    title, text = PASSAGES[name]
    return supports(sentence, text, SHARE, title) is not None


def test_an_answer_is_split_at_its_marks() -> None:
    text = "One fact [1]. Another, from two [2, 3][1]! Two here. With one mark [2]\nNo mark here."
    assert claims(text) == [
        Claim("One fact.", (1,)),
        Claim("Another, from two!", (2, 3, 1)),
        Claim("Two here.", (2,)),
        Claim("With one mark", (2,)),
        Claim("No mark here.", ()),
    ]
    assert citations.finished("One fact [1]. Anoth") == len("One fact [1].")
    assert citations.finished("One fact [1") == 0
    assert citations.finished("One fact [1]") == 0


@pytest.mark.parametrize(
    ("mark", "cited"),
    [
        ("[2]", (2,)),
        ("[1, 3]", (1, 3)),
        ("[1;3]", (1, 3)),
        ("[1 and 3]", (1, 3)),
        ("[1-3]", (1, 2, 3)),
        ("[1–3, 5]", (1, 2, 3, 5)),
        ("[1][3]", (1, 3)),
        ("[1], [3]", (1, 3)),
        ("[[2]]", (2,)),
        ("[[2]](#ref-7)", (2,)),
        ("[2](https://example.org/14)", (2,)),
        ("\\[2\\]", (2,)),
        ("[^2]", (2,)),
        ("[#2]", (2,)),
        ("[doc#2]", (2,)),
        ("[doc 2]", (2,)),
        ("[Passage 2]", (2,)),
        ("[passages 1, 3]", (1, 3)),
        ("[Source: 2]", (2,)),
        ("[citation:2]", (2,)),
        ("【2】", (2,)),
        ("【2†source】", (2,)),
        ("【2†L13-L15】", (2,)),
        ("【1】【3】", (1, 3)),
        ("[2†source]", (2,)),
        ("(2)", (2,)),
        ("(1, 3)", (1, 3)),
        ("(passage 2)", (2,)),
        ("(see passage 2)", (2,)),
        ("²", (2,)),
        ("<sup>2</sup>", (2,)),
        ("", ()),
    ],
)
@pytest.mark.parametrize(
    "shape", ["One fact {}.", "One fact. {}", "One fact{}.", "- **One** fact {}\n"]
)
def test_the_usual_marks_are_understood(mark: str, cited: tuple[int, ...], shape: str) -> None:
    if shape == "One fact{}." and mark.startswith("("):
        return  # as in f(2)
    found = claims(shape.format(mark) + " Another fact follows [4].")
    assert found[0].cited == (cited or (4,))
    if cited:
        assert found[0].text.rstrip(".") == "One fact"
        assert found[1] == Claim("Another fact follows.", (4,))


@pytest.mark.parametrize(
    "text",
    [
        "It takes two steps: (1) fold and (2) chill.",
        "Call f(2) for it.",
        "It has 10² tiles.",
        "In (1998).",
    ],
)
def test_what_only_looks_like_a_mark_is_left_in_place(text: str) -> None:
    assert claims(text) == [Claim(text, ())]


def test_what_surrounds_an_answer_is_not_told() -> None:
    text = "**Answer:**\n\n- It rests for **36 hours** [1], and it is sliced [2].\n- Done [3]"
    assert [each.text for each in claims(text)] == [
        "It rests for 36 hours",
        "and it is sliced.",
        "Done",
    ]


SUPPORTED = [
    ("rye#0", "Rye bread rests for 36 hours before slicing."),
    ("rye#0", "The dough has 1200 grams of flour."),
    ("rye#0", "Rye bread contains no wheat."),
    ("rye#0", "It is baked at 240 degrees."),
    ("croissant#0", "The dough is chilled for 30 minutes between folds."),
    ("croissant#0", "Croissants are folded 3 times with butter that is cold."),
    ("croissant#0", "Almond croissants are made of old croissants the next morning."),
    ("oven#0", "The oven needs 90 minutes to reach the temperature."),
    ("oven#0", "heat_up starts the oven in the control program."),
    ("oven#0", "Do not open the door in the first 10 minutes."),
    ("shop#0", "On weekdays the shop opens at 6:30."),
    ("shop#0", "The shop is closed on 24 December."),
]
UNSUPPORTED = [
    ("rye#0", "Rye bread rests for 48 hours before it is sliced."),  # another number
    ("rye#0", "Rye bread contains wheat."),  # denied
    ("rye#0", "Rye bread was invented by Roman soldiers in Gaul."),  # made up
    ("rye#0", "The dough is chilled for 36 hours with butter."),  # another passage's words
    ("rye#0", "Write to fraud@evil.example for the recipe."),  # another address
    ("croissant#0", "Croissants are folded seven times with cold butter."),
    ("croissant#0", "Croissants are never folded with cold butter."),
    ("croissant#0", "Rye bread rests for 36 hours."),
    ("oven#0", "Call cool_down(oven) in the control program to start it."),  # another name
    ("oven#0", "Open the door during the first ten minutes."),
    ("shop#0", "The shop opens at 9 on Sundays."),
    ("shop#0", "The shop is not closed on 24 December."),
    ("shop#0", "Visitors should bring cash and park behind the station."),
    # What a test of words cannot see: the passage's own words, put together wrongly.
    ("shop#0", "The shop opens at 8 on weekdays."),
    ("oven#0", "The temperature reaches the stone oven."),
]


def test_the_test_of_support_measured_on_true_and_false_sentences() -> None:
    """Both errors: an honest paraphrase that is refused, a false sentence that is told."""
    refused = [each for each in SUPPORTED if not is_supported(*each)]
    told = [each for each in UNSUPPORTED if is_supported(*each)]
    assert len(refused) <= 1, refused
    assert [sentence for _, sentence in told] == [sentence for _, sentence in UNSUPPORTED[-2:]]


def test_a_citation_without_support_is_removed_and_one_with_it_stays() -> None:
    found = hits("rye#0", "croissant#0")
    kept = check(
        Claim("Rye bread rests for 36 hours before it is sliced.", (2, 1, 9)), found, SHARE
    )
    assert kept is not None
    assert [hit.chunk.id for hit, _ in kept.by] == ["rye#0"]
    assert kept.by[0][1] in PASSAGES["rye#0"][1]
    assert str(kept) == "Rye bread rests for 36 hours before it is sliced. [rye#0]"
    # A forgotten mark is no lack of support: the passage that supports the sentence is cited.
    unmarked = check(Claim("Rye bread rests for 36 hours.", ()), found, SHARE)
    assert unmarked is not None
    assert [hit.chunk.id for hit, _ in unmarked.by] == ["rye#0"]
    assert check(Claim("Rye bread rests for 48 hours.", ()), found, SHARE) is None
    assert check(Claim("Rye bread rests for 36 hours.", (2,)), found, SHARE) is None
