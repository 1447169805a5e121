"""Files and databases: what can be read is read, what cannot is named with its remedy."""

import gzip
import os
import sqlite3

import duckdb
import pandas as pd
import pytest
from toolkit.project.errors import UserError
from toolkit.reading import database, tables
from toolkit.reading.settings import Data

CITIES = [("Zürich", 1.5, "a,b"), ("São Paulo", 2.25, 'say "hi"'), ("Gdańsk", -3.0, "two\nlines")]
FRAME = pd.DataFrame(CITIES, columns=["city", "größe (m)", "class"])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_any_delimiter_and_encoding(tmp_path, delimiter, encoding):
    path = tmp_path / "t.csv"
    path.write_bytes(FRAME.to_csv(sep=delimiter, index=False).encode(encoding))
    frame = tables.read_file(path).frame
    assert frame.to_numpy().tolist() == FRAME.astype({"größe (m)": str}).to_numpy().tolist()


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp1251", "Москва Санкт-Петербург Новосибирск"),
        ("shift_jis", "東京都 大阪府 北海道 沖縄県 名古屋市 横浜市"),
        ("gb18030", "北京市 上海市 广州市 深圳市 成都市 重庆市 杭州市"),
    ],
)
def test_other_scripts_without_utf8(tmp_path, encoding, words):
    path = tmp_path / "t.csv"
    text = "name,x\n" + "".join(f"{word},1\n" for word in words.split() * 5)
    path.write_bytes(text.encode(encoding))
    assert tables.read_file(path).frame["name"][0] == words.split()[0]


def test_western_letters_without_utf8_are_windows_1252(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(("name,price\nCafé,5 €\n" + 30 * "Größe,6 €\n").encode("cp1252"))
    table = tables.read_file(path)
    assert table.frame["name"].tolist()[:2] == ["Café", "Größe"]
    assert "cp1252" in table.warnings[0]


def test_decimal_commas(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b;c\n1,5;x,y;1.234,5\n;z;2\n-2,25;w;3,0\n")
    frame = tables.read_file(path).frame
    assert frame["a"].tolist() == ["1.5", "", "-2.25"]
    assert frame["b"].tolist() == ["x,y", "z", "w"]
    assert frame["c"].tolist() == ["1234.5", "2", "3.0"]


def test_gzip_limit_and_row_names(tmp_path):
    text = "a,b\n" + "".join(f"{i},{i}\n" for i in range(1000))
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert len(tables.read_file(tmp_path / "t.csv.gz", limit=7).frame) == 7
    (tmp_path / "r.csv").write_text('"x","y"\n"1",2,3\n"2",4,5\n')
    assert list(tables.read_file(tmp_path / "r.csv").frame) == ["Unnamed: 0", "x", "y"]


def test_parquet(tmp_path):
    path = tmp_path / "t.parquet"
    FRAME.to_parquet(path)
    pd.testing.assert_frame_equal(tables.read_file(path).frame, FRAME, check_dtype=False)
    assert len(tables.read_file(path, limit=2).frame) == 2
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="damaged Parquet"):
        tables.read_file(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"a,b,c\n", "no rows"),
        (b"a,b,a\n1,2,3\n", "more than one column called 'a'"),
        (b"a b c\n1 2 3\n", "only one column.*comma, semicolon, tab, pipe"),
        (b"a,b\n1,2\n1,2,3\n", "line 3: 3 fields where the header has 2"),
        (b"1,2\n3,4\n", "numbers.*not column names"),
        (b"\x89PNG\r\n\x1a\n0000000000", "PNG image"),
        (b"PK\x03\x04xxxxxxxxxxxxxxxxxxxx", "xlsx.*save the sheet as CSV"),
        (b"\x1f\x8b\x08broken", "damaged gzip"),
        (bytes(range(256)) * 20, "a binary file"),
        (b"".join(i.to_bytes(8, "little") for i in range(500)), "a binary file"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, content, words):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UserError, match=f"(?s)t.csv.*{words}|{words}"):
        tables.read_file(tmp_path / "t.csv")


def test_missing_files_and_folders(tmp_path):
    (tmp_path / "mine.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"Did you mean mine\.csv"):
        tables.read_file(tmp_path / "mien.csv")
    with pytest.raises(UserError, match=r"is a folder.*mine\.csv"):
        tables.read_file(tmp_path)
    with pytest.raises(UserError, match=r"`data\.path` is not set"):
        tables.load(Data(source="file", target="a"), tmp_path, None)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    path.chmod(0)
    with pytest.raises(UserError, match="cannot be read: Permission denied"):
        tables.read_file(path)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_short_memory_says_what_was_tried_and_what_helps(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"t.{suffix}"
    frame = pd.DataFrame({"small": range(1000), "large": [f"{i:0200}x" for i in range(1000)]})
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    monkeypatch.setattr(tables, "available_memory", lambda: 100_000)
    with pytest.raises(UserError, match=r"(?s)Tried: reading it whole.*data\.limit.*data\.drop"):
        tables.read_file(path)
    assert len(tables.read_file(path, limit=10).frame) == 10
    if suffix == "csv":
        table = tables.read_file(path, unneeded=["large"])
        assert list(table.frame) == ["small"]
        assert "large" in table.warnings[0]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "q.sql").write_text("-- all rows\nSELECT * FROM t ORDER BY a;\n")
    return tmp_path


def from_sql(project, address, query="q.sql", limit=None):
    data = Data(source="sql", query=query, target="a", limit=limit)
    return tables.load(data, project, address)


def test_sqlite_and_duckdb(project):
    with sqlite3.connect(project / "t.db") as connection:
        connection.execute("CREATE TABLE t (a INT, b TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(1, "50 % : x"), (2, None)])
    with duckdb.connect(str(project / "t.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT * FROM (VALUES (1, '50 %'), (2, NULL)) v(a, b)"
        )
    for address in (f"sqlite:///{project}/t.db", f"duckdb:///{project}/t.duckdb"):
        table = from_sql(project, address)
        assert table.frame["a"].tolist() == [1, 2]
        assert len(from_sql(project, address, limit=1).frame) == 1
        (project / "none.sql").write_text("SELECT * FROM t WHERE a > 5")
        with pytest.raises(UserError, match="returns no rows"):
            from_sql(project, address, "none.sql")
        (project / "bad.sql").write_text("SELECT * FROM nowhere")
        with pytest.raises(UserError, match=r"refuses bad\.sql.*nowhere"):
            from_sql(project, address, "bad.sql")
        (project / "make.sql").write_text("CREATE TEMP TABLE u (a INT)")
        with pytest.raises(UserError, match=r"returns no (table|rows)"):
            from_sql(project, address, "make.sql")
        (project / "twice.sql").write_text("SELECT a, b AS a FROM t")
        with pytest.raises(UserError, match="more than one column called 'a'"):
            from_sql(project, address, "twice.sql")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (None, "DATABASE_URL is not set"),
        ("nonsense", "not an address"),
        ("mysql://u:hidden-word@host/db", "known are sqlite, duckdb, postgresql"),
        ("sqlite:///nowhere.db", r"nowhere\.db.*is not there"),
        ("postgresql://u:hidden-word@127.0.0.1:1/db", "cannot be reached"),
        ("postgres://u:hidden-word@127.0.0.1:1/db", "cannot be reached"),
    ],
)
def test_databases_out_of_reach_are_named_without_the_password(project, address, words):
    with pytest.raises(UserError, match=words) as refused:
        from_sql(project, address)
    assert "hidden-word" not in str(refused.value)
    if address and "@" in address and "postgres" in address:
        assert "hidden-word" not in database.describe(address)


def test_query_files(project):
    with pytest.raises(UserError, match=r"nowhere\.sql cannot be read"):
        from_sql(project, "sqlite:///t.db", "nowhere.sql")
    (project / "empty.sql").write_text("-- nothing\n;\n")
    with pytest.raises(UserError, match=r"empty\.sql is empty"):
        from_sql(project, "sqlite:///t.db", "empty.sql")
