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


@pytest.mark.parametrize("cipher", ["RC4-128", "AES-256"])
def test_an_encrypted_pdf_is_named(tmp_path: Path, cipher: str) -> None:
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    if cipher == "AES-256":
        pytest.importorskip("cryptography")
    writer.encrypt("secret", algorithm=cipher)
    writer.write(tmp_path / "secret.pdf")
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
