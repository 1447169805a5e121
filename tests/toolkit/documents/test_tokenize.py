"""What a text is made of."""

import pytest
from toolkit.documents import language
from toolkit.documents.tokenize import clean, names, numbers, sentences, split, stems, terms


def test_sentences_are_quotable_and_code_is_not() -> None:
    text = (
        "Heading\n=======\nIt has e.g. 3.5 kg, i.e. a lot. Second one? Yes, it is!\n\n"
        ">>> code(x)\n1.0\n\n- a bullet point with words\n- another bullet, too"
    )
    assert [each.text for each in sentences(text)] == [
        "It has e.g. 3.5 kg, i.e. a lot.",
        "a bullet point with words",
    ]


def test_what_cannot_be_seen_is_taken_out_and_what_can_stays() -> None:
    assert clean("a\u200bb\u202ec\u2066d\U000e0041e\ufeff\x00f") == "abcde f"
    assert clean("ig\u200cno\u200dre") == "ignore"
    persian, family = "می\u200cخواهم", "👩\u200d👩\u200d👧"
    assert clean(persian) == persian
    assert clean(family) == family
    assert clean("naïve café, 中文\n\ttab") == "naïve café, 中文\n\ttab"


def test_words_numbers_and_names() -> None:
    assert stems("The clustering of clusters") == stems("cluster clustered")
    assert stems("MiniBatchKMeans n_clusters") >= stems("mini batch clusters")
    assert numbers("1,200 g at -4.5e1 in twelve x2 v1.2.3") >= {1200.0, -45.0, 12.0}
    assert 2.0 not in numbers("x2")
    found = names("Call heat_up with sklearn.svm.SVC at https://a.example/b or ask me@b.example.")
    assert {"heat_up", "sklearn.svm.svc", "https://a.example/b", "me@b.example"} <= found


def test_codes_capitals_and_names_of_one_letter_count() -> None:
    assert "e1234" in stems("What does E1234 mean?")
    assert "ab-12/43" in stems("part AB-12/43.") - stems("part AB-12/34, 43")
    assert stems("US taxes") - stems("us taxes") == {"US"}
    assert stems("WHO IS IT") == stems("who is it")
    assert {"r", "c"} <= stems("Is R older than C?")
    assert stems("A cat and I") == stems("cat")


def test_identifiers_are_searched_as_they_stand_and_variables_not_at_all() -> None:
    text = "Fit X, then read coef_ or sklearn.metrics.f1_score by l1_ratio."
    assert terms(text) == ["fit", "read", "coef_", "sklearn", "metric", "f1_score", "l1_ratio"]
    assert terms("_baked_ bread") == terms("baked bread")
    language.use("zh")
    assert "c" in terms("C语言")
    language.use(language.DEFAULT)


def test_signs_that_stand_for_others_are_found() -> None:
    assert stems("ﬁnd the ﬂower, ＡＢＣ") == stems("find the flower, abc")
    assert numbers("30日以内に１２個") == {30.0, 12.0}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("今日は！本当？ はい。「そう。」", 4),
        ("ما هذا؟ هذا كتاب. نعم!", 3),
        ("यह है। वह है।", 2),
        ("Πότε ανοίγει; Στις οκτώ.", 2),
        ("See sklearn.svm.SVC for it. Dr. Who, e.g. at 3.5 p.m. here. Done.", 3),
    ],
)
def test_sentences_end_as_their_language_ends_them(text: str, parts: int) -> None:
    language.use({"今": "ja", "Π": "el"}.get(text[0], "en"))
    try:
        assert len(list(split(text))) == parts
    finally:
        language.use(language.DEFAULT)


def test_stems_are_of_the_language_in_use() -> None:
    try:
        language.use("de")
        assert stems("Häuser") & stems("Haus")
        assert stems("Rahmengarantie") & stems("Garantie")
        assert "die" not in stems("die Tür")
        language.use("ru")
        assert terms("гарантии")[0] == terms("гарантия")[0]
        assert terms("warranties")[0] == terms("warranty")[0]
    finally:
        language.use(language.DEFAULT)
