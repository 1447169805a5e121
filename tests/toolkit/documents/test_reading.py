"""A folder of one's own documents: what is good is read, what is bad is named with the reason."""

from pathlib import Path

import papers
import pytest
from toolkit.documents.reading import Read, read_folder


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    return read_folder(papers.write(tmp_path_factory.mktemp("papers")), 20)


@pytest.mark.parametrize(("number", "name"), list(enumerate(papers.GOOD)))
def test_every_kind_is_read(read: Read, number: int, name: str) -> None:
    document = next(each for each in read.documents if each.file == name)
    assert papers.sentence(number) in " ".join(document.text.split())
    assert document.id == name.rsplit(".", 1)[0]


def test_what_a_page_hides_is_not_read(read: Read) -> None:
    page = next(each for each in read.documents if each.file == "page.html")
    assert not {"SCRIPTED", "COMMENTED", "color"} & set(page.text.replace(":", " ").split())
    assert "Café & bar" in page.text


def test_tables_of_a_letter_are_read(read: Read) -> None:
    letter = next(each for each in read.documents if each.file == "letter.docx")
    assert "Floor" in letter.text
    assert "Third" in letter.text


def test_bad_files_are_named_with_the_reason(read: Read) -> None:
    reasons = {each["file"]: each["reason"] for each in read.unreadable}
    assert reasons.keys() == papers.BAD.keys()
    for name, word in papers.BAD.items():
        assert word in reasons[name], name


def test_other_kinds_are_listed(read: Read) -> None:
    assert sorted(read.others) == sorted(papers.OTHER)
    assert len(read.documents) == len(papers.GOOD)


def test_an_encrypted_pdf_is_named(tmp_path: Path) -> None:
    locked = b"<< /Filter /Standard /V 1 /R 2 /O (%b) /U (%b) /P -4 >>" % (b"o" * 32, b"u" * 32)
    content = papers.pdf("Salaries of all employees.")
    content = content.replace(b"/Root 1 0 R", b"/Root 1 0 R /ID [(a) (a)] /Encrypt " + locked)
    (tmp_path / "secret.pdf").write_bytes(content)
    assert "encrypted" in read_folder(tmp_path, 20).unreadable[0]["reason"]


def test_a_large_file_is_set_aside_unread(tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_text("word " * 60_000)
    (reason,) = read_folder(tmp_path, 0.2).unreadable
    assert "larger than `data.max_megabytes`" in reason["reason"]


def test_letters_of_an_older_encoding_are_read(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_bytes("Größe und Maß der Tür".encode("cp1252"))
    (tmp_path / "wide.txt").write_text("Größe und Maß der Tür", "utf-16")
    for document in read_folder(tmp_path, 20).documents:
        assert document.text == "Größe und Maß der Tür"


def test_what_was_read_is_told_of_each_file(tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(
        papers.pages([[(72, 700, "The office in Utrecht wrote it.")], [], [], []])
    )
    (tmp_path / "page.html").write_text(
        "<nav>Home and shop</nav><main><p>Bells cost five euros.</p></main>", "utf-8"
    )
    (tmp_path / "umlaut.txt").write_bytes("Die Tür schließt um fünf Uhr.".encode("cp1252"))
    page, report, umlaut = read_folder(tmp_path, 20).files
    assert (report["pages"], report["share_read"], report["characters"]) == (4, 0.25, 31)
    assert report["left"] == [{"what": "page without text (2 to 4)", "count": 3, "characters": 0}]
    assert page["left"] == [{"what": "navigation", "count": 1, "characters": 13}]
    assert 0.6 < page["share_read"] < 0.7
    assert (umlaut["encoding"], umlaut["language"]) == ("cp1252", "de")


def test_the_language_of_a_folder_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The door closes at five in the evening.", "utf-8")
    (document,) = read_folder(tmp_path, 20, "nl").documents
    assert document.language == "nl"
