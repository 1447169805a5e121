"""What a text is made of."""

from toolkit.documents.tokenize import clean, names, numbers, sentences, stems


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
