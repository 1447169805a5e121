"""Each kind of file is read in the order in which a person reads it; what is left out is counted."""

import papers
import pytest
from toolkit.documents import formats
from toolkit.documents.encodings import decode

ASIA = [("Delivery time", "eleven days"), ("Carrier", "Crane Air")]
AFRICA = [("Delivery time", "nine days"), ("Carrier", "Baobab Lines")]


def lines(content: formats.Content) -> list[str]:
    """The lines that hold something."""
    return [line for line in content.text.split("\n") if line.strip()]


def test_tables_of_word_stay_in_their_place_and_rows_say_their_heading() -> None:
    body = [
        papers.paragraph("Asia", "Heading1"),
        papers.rows(ASIA),
        papers.paragraph("Between the two."),
        papers.paragraph("Africa", "Heading1"),
        papers.rows(AFRICA),
    ]
    styles = (
        '<w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/></w:style>'
    )
    read = formats.docx(papers.word("".join(body), styles=styles))
    assert lines(read) == [
        "# Asia",
        "- Asia – Delivery time: eleven days",
        "- Asia – Carrier: Crane Air",
        "Between the two.",
        "# Africa",
        "- Africa – Delivery time: nine days",
        "- Africa – Carrier: Baobab Lines",
    ]
    assert read.title == "Asia"


def test_no_part_of_a_word_document_is_lost_uncounted() -> None:
    def run(text: str) -> str:
        return f"<w:r><w:t>{text}</w:t></w:r>"

    body = (
        f'<w:p>{run("Insured ")}<w:ins w:id="1">{run("up to 2500 euros")}</w:ins>'
        '<w:del w:id="2"><w:r><w:delText>by nobody</w:delText></w:r></w:del></w:p>'
        f"<w:sdt><w:sdtContent><w:p>{run('Ask the ombudsman.')}</w:p></w:sdtContent></w:sdt>"
        f"<w:p><w:r><w:pict><w:txbxContent><w:p>{run('In a box.')}</w:p></w:txbxContent></w:pict>"
        "</w:r></w:p>"
    )
    comment = f'<w:comment w:id="0"><w:p>{run("Is this right?")}</w:p></w:comment>'
    header = papers.paragraph("Document QX-7731")
    read = formats.docx(papers.word(body, header1=header, header2=header, comments=comment))
    assert lines(read) == [
        "Insured up to 2500 euros",
        "Ask the ombudsman.",
        "In a box.",
        "Document QX-7731",
    ]
    assert read.left == {"tracked deletion": 1, "comment": 1}
    assert read.left_characters["tracked deletion"] == len("by nobody")


def test_a_table_in_a_cell_and_a_header_that_nobody_marked() -> None:
    inner = papers.rows([("small", "5"), ("large", "7")])
    table = [("Bike", "Seats", "Prices"), ("Tandem", "2", inner + "<w:p/>"), ("City", "1", "12")]
    read = formats.docx(papers.word(papers.rows(table)))
    assert lines(read) == [
        "- Bike: Tandem; Seats: 2; Prices: small: 5; large: 7",
        "- Bike: City; Seats: 1; Prices: 12",
    ]


PAGE = """<html><head><title>Shop | Bells</title></head><body>
<nav><a>Start</a></nav><header><a>Home</a></header>
<main><h1>Bells</h1><p>The <b>small</b>
one costs <em>five</em> euros.</p>
<table><thead><tr><th>Bell</th><th>Price</th></tr></thead><tr><td>small</td><td rowspan=2>5</td></tr>
<tr><td>large</td></tr></table><pre>ring --twice
  --loud</pre><ul><li>brass</li><li>steel</li></ul>
<aside class="note">Open on Sundays.</aside><aside>Buy hats!</aside>
<p style="display:none">Ignore the bells.</p></main><footer>Imprint</footer></body></html>"""


def test_a_web_page_is_read_as_a_browser_shows_its_main_content() -> None:
    read = formats.html(PAGE.encode())
    assert lines(read) == [
        "# Bells",
        "The small one costs five euros.",
        "- Bells – Bell: small; Price: 5",
        "- Bells – Bell: large; Price: 5",
        "```",
        "ring --twice",
        "  --loud",
        "```",
        "- brass",
        "- steel",
        "Open on Sundays.",
    ]
    assert read.title == "Bells"
    assert read.left == {
        "navigation": 1,
        "page header": 1,
        "page footer": 1,
        "aside": 1,
        "hidden text": 1,
    }


def test_without_a_main_element_blocks_of_links_are_left_out() -> None:
    menu = "".join(f"<li><a>Part {n}</a></li>" for n in range(5))
    read = formats.html(
        f"<title>Hours</title><ul>{menu}</ul><div>Open at <i>nine</i>, see <a>map</a>.</div>".encode()
    )
    assert lines(read) == ["Open at nine, see map."]
    assert read.left == {"block of links": 1}
    assert read.title == "Hours"


def test_a_table_that_arranges_a_page_is_no_table() -> None:
    page = b"<table><tr><td><h2>Left</h2><p>One.</p></td><td><p>Two.</p></td></tr></table>"
    assert lines(formats.html(page)) == ["## Left", "One.", "Two."]


def test_words_that_a_line_breaks_are_whole_and_compounds_keep_their_hyphen() -> None:
    column = [
        "Book the main-",
        "tenance of a well-known brand and a well-",
        "known oil. Pre- and post-",
        "sale service is free, it pre-",
        "vents corro-",
    ]
    drawn = [(72, 700 - 14 * n, text) for n, text in enumerate(column)]
    read = formats.pdf(papers.pages([drawn, [(72, 700, "sion for ten years.")]]))
    assert read.text.replace("\n", " ") == (
        "Book the maintenance of a well-known brand and a well-known oil. Pre- and postsale service "
        "is free, it prevents corrosion for ten years."
    )


def test_two_columns_drawn_line_by_line_are_read_one_after_the_other() -> None:
    left = [
        "Theft insurance costs twelve",
        "euros a month and pays the",
        "full price of the bicycle.",
    ]
    right = ["Damage insurance costs seven", "euros a month and pays for", "repairs up to a limit."]
    drawn = []
    for n, (one, two) in enumerate(zip(left, right, strict=True)):
        drawn += [(72, 700 - 14 * n, one), (330, 700 - 14 * n, two)]
    text = formats.pdf(papers.pages([drawn])).text.replace("\n", " ")
    assert " ".join(left) in text
    assert " ".join(right) in text


def test_turned_text_is_read() -> None:
    drawn = [(200, 100, "Turned by a quarter"), (214, 100, "it reads upwards.")]
    read = formats.pdf(papers.pages([drawn], turned=True))
    assert read.text == "Turned by a quarter\nit reads upwards."


def test_front_matter_is_no_text() -> None:
    read = formats.markdown(b"---\ntitle: Returns\ndraft: false\n---\n\n# Sending back\n\nText.\n")
    assert read.title == "Returns"
    assert lines(read) == ["# Sending back", "Text."]
    assert read.left == {"front matter": 1}
    rule = b"---\n\nA rule, and no: metadata at all\n\n---\n\nText.\n"
    assert "no: metadata" in formats.markdown(rule).text


def test_tables_of_markdown_and_rst() -> None:
    table = "# Prices\n\n| Bike | Day |\n| --- | --: |\n| City \\| town | 12 |\n\n```\na | b\n--|--\n```\n"
    assert lines(formats.markdown(table.encode()))[1:] == [
        "- Prices – Bike: City | town; Day: 12",
        "```",
        "a | b",
        "--|--",
        "```",
    ]
    simple = "Prices\n======\n\n=====  ===\n       Day\n=====  ===\nCity   12\n=====  ===\n"
    assert lines(formats.rst(simple.encode()))[2:] == ["- Prices – City; Day: 12"]
    grid = "+------+-----+\n| Bike | Day |\n+======+=====+\n| City | 12  |\n+------+-----+\n"
    assert lines(formats.rst(grid.encode())) == ["- Bike: City; Day: 12"]
    listed = (
        "Before.\n\n.. list-table:: Ferry\n   :header-rows: 1\n\n   * - Route\n     - Price\n"
        "   * - North\n     - 7\n\n.. csv-table:: Bus\n   :header: Route, Price\n\n   South, 5\n\nAfter."
    )
    assert lines(formats.rst(listed.encode())) == [
        "Before.",
        "- Ferry – Route: North; Price: 7",
        "- Bus – Route: South; Price: 5",
        "After.",
    ]
    stolen = b"Passwords\n\n.. csv-table:: Users\n   :file: /etc/passwd\n"
    assert "root" not in formats.rst(stolen).text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Гарантия на раму составляет семь лет, на мотор три года."),
        ("koi8_r", "Магазин открывается в восемь утра."),
        ("cp932", "電池は九十キロ走れます。"),
        ("euc_jp", "元の箱に入れて送ってください。"),
        ("cp949", "배터리는 구십 킬로미터를 갑니다."),
        ("gb18030", "电池可以走九十公里。充电需要四小时。"),
        ("big5", "電池可以走九十公里。充電需要四小時。"),
        ("cp1253", "Η εγγύηση του πλαισίου είναι επτά χρόνια."),
        ("cp1255", "החנות נפתחת בשעה שמונה. אפשר להחזיר מוצרים תוך שלושים יום."),
        ("cp1256", "تفتح الورشة يوم الاثنين في الساعة الثامنة."),
        ("cp874", "ร้านเปิดเวลาแปดโมงเช้า ร้านปิดเวลาห้าโมงเย็น"),
        ("cp1250", "Gwarancja na ramę trwa siedem lat, na silnik trzy lata."),
        ("cp1252", "El niño compró una bicicleta ayer."),
        ("cp1252", "Preis: 5 €"),
        ("cp1254", "Çerçeve garantisi yedi yıl, motor garantisi üç yıldır."),
        ("utf-16", "Größe und Maß der Tür"),
        ("utf_16_le", "The tandem costs 35 euros a day."),
        ("utf_16_be", "Гарантия на раму семь лет."),
        ("utf-8-sig", "Größe"),
    ],
)
def test_the_encoding_is_found(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding))[0] == text


def test_marks_that_are_not_closed_end_where_a_browser_ends_them() -> None:
    page = (
        "<body><div><a>One</a> | <a>Two</a> | <a>Three</a></div><header><h1>Boats</h1></header>"
        "<table><tr><th>Boat<th>Fee<tr><td>Canoe<td>9</table><ul><li>dry<li>light</ul>"
    )
    assert lines(formats.html(page.encode())) == [
        "# Boats",
        "- Boats – Boat: Canoe; Fee: 9",
        "- dry",
        "- light",
    ]
