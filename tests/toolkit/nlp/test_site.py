"""The site of the nlp role: answers given beforehand, and words found and ranked as offline."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe import violations
from bakery import QUESTION, save_bundle
from chromium import browser
from languages import PAGES
from nlp.api import API
from nlp.settings import PROJECT
from static import finish, served
from toolkit.documents import language
from toolkit.documents.json_lines import write_lines
from toolkit.documents.tokenize import terms
from toolkit.project.errors import UserError
from toolkit.project.files import write_json
from toolkit.retrieval.chunks import Chunk
from toolkit.retrieval.index import DEPTH
from toolkit.retrieval.lexical import Bm25
from toolkit.site import answers, build
from toolkit.site.page import ask_in_node
from toolkit.site.runtime import HERE, run

ASKED = [
    QUESTION,
    "How is bread dough made?",
    "What does a poppy seed roll cost?",
    "Who won the cup in 1974?",
]
TRAINED = "Which flour is in the rye bread?"
RECIPES = [
    Chunk(f"recipe{n}#0", f"recipe{n}", f"Knead the dough. {'Then bake it. ' * (n % 7)}Rest.", f"Bread {n % 3}")
    for n in range(40)
]  # fmt: skip
ODD = [
    "Error E1234-5 of v1.2/b3, US-WHO and _private_ `coef_` in 3,000 m² don't won't R C++",
    "ＦＵＬＬ width ﬁligree, the cat's naïve Straße İstanbul ΣΊΣΥΦΟΣ x y Z",
    "機械学習のモデルはどこですか カタカナー 한국어 문장 ภาษาไทย ຂໍ້ຄວາມ русские слова ελληνικά",
    "", " ", "?", "I", "AB-12/43:7_x", "THE US SHOUTED AT WHO", "a_b c__d __init__ 'quoted'",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANSWER_CACHE", str(tmp_path_factory.mktemp("cache") / "answers.sqlite"))
        yield


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    language.use("en")
    yield
    language.use("en")


def finished(root: Path, **changed: Any) -> Any:
    """A project after its run."""
    finish(root)
    save_bundle(root / "models" / "current", RECIPES, **changed)
    for subset, questions in (("test", ASKED), ("train", [TRAINED])):
        rows = [{"question": text, "relevant": [], "answerable": True} for text in questions]
        write_lines(root / "data" / f"{subset}.jsonl", rows)
    return replace(PROJECT, root=root)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Any:
    project = finished(tmp_path_factory.mktemp("site"))
    build.build(project, API, lambda line: None)
    return project


def terms_in_node(texts: list[str], chunks: list[Chunk], project: Any, folder: Path) -> Any:
    """The terms of texts, with the words of `chunks` known."""
    write_json(folder / "texts.json", {"told": answers.words_of(chunks), "texts": texts})
    runtime = project.root / "site" / "try" / "runtime" / "stemmer.js"
    (folder / "ask.mjs").write_text(
        f'import {{ Words }} from "{HERE.as_uri()}/answers.js";\n'
        f'import {{ newStemmer }} from "{runtime.as_uri()}";\n'
        'import { readFileSync } from "node:fs";\n'
        f'const {{ told, texts }} = JSON.parse(readFileSync("{folder}/texts.json"));\n'
        "const words = new Words(told, newStemmer);\n"
        "process.stdout.write(JSON.stringify(texts.map((text) => words.terms(text))));\n"
    )
    return json.loads(run("node", str(folder / "ask.mjs")))


@pytest.mark.parametrize("code", ["en", "de", "ru", "ja", "ko", "th", "ar"])
def test_terms_are_those_of_python(code: str, project: Any, tmp_path: Path) -> None:
    language.use(code)
    texts = [*ODD, *(text for pages in PAGES.values() for text in pages.values())]
    chunks = [Chunk(f"x#{i}", "x", text, "") for i, text in enumerate(texts)]
    assert terms_in_node(texts, chunks, project, tmp_path) == [terms(text) for text in texts]


def test_words_that_no_passage_has_are_stemmed_alike(project: Any, tmp_path: Path) -> None:
    texts = ["standardising inflected relational hopefulness skies dying cats' classifications"]
    assert terms_in_node(texts, [], project, tmp_path) == [terms(text) for text in texts]


def test_a_ranking_is_bm25s(project: Any) -> None:
    predictor: Any = API.load(project.root / "models" / "current")
    words, asked = Bm25.fit(predictor.index.chunks), [*ASKED, "bake bread, then bake dough", *ODD]
    told = ask_in_node(project.root / "site" / "try", [{"question": q} for q in asked], len(asked))
    found = [[tuple(pair) for pair in each["ranking"]] for each in told["explanations"]]
    assert found == [words.ranking(question, DEPTH) for question in asked]
    assert max(map(len, found)) >= 40


def test_test_questions_are_answered_beforehand_and_no_other(project: Any) -> None:
    page = project.root / "site" / "try"
    asked = [*ASKED, f"  {ASKED[1].replace(' ', '   ')} ", TRAINED]
    told = ask_in_node(page, [{"question": text} for text in asked], 0)["answers"]
    predictor: Any = API.load(project.root / "models" / "current")
    for question, answer in zip(ASKED, told, strict=False):
        expected = {**predictor.respond(question), "cached": False}
        assert {name: answer[name] for name in expected} == expected
    assert told[4]["answer"] == told[1]["answer"]
    assert told[5]["prediction"] == "found by words"
    assert told[5]["confidence"] is None
    assert {len(each["quotes"]) for each in told[5]["citations"]} == {0}
    assert TRAINED not in (page / "given.json").read_text() + (page / "form.json").read_text()
    assert not list(page.glob("runtime/ort*"))


def test_a_page_that_finds_otherwise_does_not_ship(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = finished(tmp_path)
    files = answers.try_it(project, API)
    assert not isinstance(files, str)
    bent = files["model.js"][0].replace(b"scores[b] - scores[a]", b"scores[a] - scores[b]")
    assert bent != files["model.js"][0]
    monkeypatch.setattr(answers, "try_it", lambda *_: {**files, "model.js": (bent, "")})
    with pytest.raises(UserError, match="does not find what is found offline"):
        build.build(project, API, lambda line: None)
    assert not (tmp_path / "site").exists()


def test_a_language_model_is_not_asked_for_a_page(tmp_path: Path) -> None:
    project, lines = finished(tmp_path, answers={"longest_question": 200, "by": "llm"}), list[str]()
    build.build(project, API, lines.append)
    assert "each costs" in lines[0]


def test_in_a_browser_a_sentence_is_marked_and_other_questions_are_labelled(
    project: Any, tmp_path: Path
) -> None:
    with (
        served(project.root / "site") as address,
        browser().Page(tmp_path, f"{address}/try/index.html?predict") as page,
    ):
        page.wait("document.querySelectorAll('.passages mark').length > 0")
        shown = "document.querySelector('#shown').innerText"
        page.ask("document.querySelector('#field-0').value = 'rye flour?'")
        page.ask("byId('form').requestSubmit()")
        page.wait(f"{shown}.includes('by words alone (BM25)')")
        assert page.ask("document.querySelectorAll('.passages li').length") > 0
        assert page.ask("document.title") != "owned"
        assert violations(page) == []
