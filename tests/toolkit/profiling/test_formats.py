"""The format of a file is decided once, kept in the schema, and files to predict are read in it."""

import json
import re
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toolkit.profiling import columns as profiling
from toolkit.profiling import contract, formats, schema
from toolkit.project.errors import UserError
from toolkit.reading import tables
from toolkit.reading.settings import Data

N = 60
RNG = np.random.default_rng(3)
AMOUNTS = np.round(np.exp(RNG.normal(7, 1.5, N)), 2) * RNG.choice([1, -1], N, p=[0.8, 0.2])
DAYS = [date(2019, 1, 1) + timedelta(int(n)) for n in RNG.integers(0, 1500, N)]
LABELS = ["u", "v"] * (N // 2)


def number(value, group=",", decimal=".", digits=2):
    text = f"{value:,.{digits}f}"
    return text.replace(",", "_").replace(".", decimal).replace("_", group)


def lakh(value):
    whole, cents = f"{abs(value):.2f}".split(".")
    head, tail = whole[:-3], whole[-3:]
    while head:
        tail, head = f"{head[-2:]},{tail}", head[:-2]
    return ("-" if value < 0 else "") + f"{tail}.{cents}"


def write(folder, table, delimiter=",", encoding="utf-8", name="t.csv"):
    """Write columns of texts; a cell that holds the delimiter is quoted."""
    frame = pd.DataFrame(table)
    (folder / name).write_bytes(frame.to_csv(sep=delimiter, index=False).encode(encoding))
    return folder / name


def profile(path, target="y", **data):
    given_ = Data(source="file", path=path.name, target=target, **data)
    found = profiling.run(tables.load(given_, path.parent, None), given_)
    return found, contract.infer(found.frame, found, given_)


def column(folder, texts, name="c", delimiter=",", beside=None, **data):
    """Profile one column of texts beside one of whole numbers."""
    beside = beside or [str(i % 9) for i in range(len(texts))]
    labels = [LABELS[i % 2] for i in range(len(texts))]
    table = {name: texts, "k": beside, "y": labels}
    found, described = profile(write(folder, table, delimiter), **data)
    return found.frame[name], found, described


def told(found, kind):
    return [w for w in found.warnings if w.kind == kind]


# How ten nations (or habits) write the same table: numbers, dates, truth values, delimiter.
SPELLINGS = {
    "en-US": (number, "%m/%d/%Y", ("true", "false"), ","),
    "de-DE": (lambda v: number(v, ".", ","), "%d.%m.%Y", ("ja", "nein"), ";"),
    "de-CH": (lambda v: number(v, "’"), "%d.%m.%Y", ("WAHR", "FALSCH"), ";"),
    "fr-FR": (lambda v: number(v, "\u202f", ",") + " €", "%d/%m/%Y", ("VRAI", "FAUX"), ";"),
    "sv-SE": (lambda v: number(v, "\u00a0", ",").replace("-", "\u2212"), "%y-%m-%d", ("ja", "nej"), "\t"),
    "en-IN": (lambda v: "₹" + lakh(v), "%d-%b-%y", ("Yes", "No"), ","),
    "pt-BR": (lambda v: ("-" if v < 0 else "") + f"R$ {number(abs(v), '.', ',')}", "%d/%m/%y",
              ("sim", "não"), ";"),
    "accounting": (lambda v: f"({number(-v)})" if v < 0 else number(v), "%b %d, %Y", ("Y", "N"), ","),
    "trailing": (lambda v: number(abs(v), ".", ",") + ("-" if v < 0 else ""), "%d. %m. %Y",
                 ("1", "0"), "|"),
    "ISO": (lambda v: f"{v:.2f}", "%Y-%m-%d", ("True", "False"), ","),
}  # fmt: skip


def spelled(how, amounts, days, flags, labels=None):
    written, day, (yes, no), delimiter = SPELLINGS[how]
    table = {
        "amount": [written(float(v)) for v in amounts],
        "share": [written(v / 7).strip("₹") for v in np.arange(len(amounts)) + 0.0],
        "day": [d.strftime(day) for d in days],
        "flag": [yes if flag else no for flag in flags],
    }
    return table | ({"y": labels} if labels else {}), delimiter


@pytest.mark.parametrize("how", SPELLINGS)
def test_ten_spellings_of_one_table_are_one_frame_and_one_contract(tmp_path_factory, how):
    flags = RNG.integers(0, 2, N)
    path = write(tmp_path_factory.mktemp("t"), *spelled(how, AMOUNTS, DAYS, flags, LABELS))
    found, described = profile(path)
    np.testing.assert_allclose(found.frame["amount"], AMOUNTS)
    assert found.frame["day"].dt.date.tolist() == DAYS
    assert found.frame["flag"].tolist() == flags.astype(bool).tolist()
    assert not [w for w in found.warnings if not w.mended]
    described = schema.Schema.from_json(json.loads(json.dumps(described.to_json())))

    @given(
        st.lists(
            st.tuples(st.integers(-(10**7), 10**7), st.sampled_from(DAYS), st.booleans()),
            min_size=1,
            max_size=8,
        )
    )
    @settings(max_examples=15)
    def a_file_and_its_records_give_the_same_arrays(rows):
        amounts, days, given_flags = zip(*rows, strict=True)
        new = [cents / 100 for cents in amounts]
        table, delimiter = spelled(how, new, days, given_flags)
        frame = tables.read_file(write(path.parent, table, delimiter, name="new.csv")).frame
        contract.require_format(described, frame, "new.csv")
        columns, problems = contract.check_frame(described, frame)
        assert not [p for p in problems if "range" not in p.message]
        records = [
            {"amount": a, "share": float(f"{i / 7:.2f}"), "day": d.isoformat(), "flag": f}
            for i, (a, d, f) in enumerate(zip(new, days, given_flags, strict=True))
        ]
        from_records = schema.columns_from_records(described, records)
        for name, array in columns.items():
            np.testing.assert_array_equal(array, from_records[name])

    a_file_and_its_records_give_the_same_arrays()


THOUSANDS = [number(v, ".", digits=0) for v in np.arange(N) * 77 + 310.0]  # 310 to 4.853


@pytest.mark.parametrize(
    ("texts", "beside", "delimiter", "first", "last"),
    [
        ([t.replace(".", ",") for t in THOUSANDS], None, "\t", 310, 4853),
        (THOUSANDS, None, ";", 310, 4853),  # 980 beside 1.007, and never 1007
        (["1.234", "9.876", "310", "12,5"] * 15, ["3,57", "2,1"] * 30, ";", 1234, 12.5),
        (["1.234", "9.876"] * 30, ["3.57", "2.1"] * 30, ";", 1.234, 9.876),
        (["1.234", "9.870", "1001"] * 20, None, ";", 1.234, 1001),
        (["0,12", "3,5"] * 30, None, ",", 0.12, 3.5),
        (["1 234,56", "7,00"] * 30, None, ";", 1234.56, 7),
        (["1\u00a0234,56 zł", "7,00 zł"] * 30, None, ";", 1234.56, 7),
        (["CHF 1'234.50", "CHF 7.00"] * 30, None, ",", 1234.5, 7),
        (["12,50 €", "9,75 €"] * 30, None, ";", 12.5, 9.75),
        (["kr 1.234,50", "kr 7,25"] * 30, None, ";", 1234.5, 7.25),
        (["(1,234.50)", "7.00"] * 30, None, ",", -1234.5, 7),
        (["1,234.50-", "7.00"] * 30, None, ",", -1234.5, 7),
        (["$1,234.50 DR", "$7.00 CR"] * 30, None, ",", -1234.5, 7),
        (["\u22121.5", "+2.5"] * 30, None, ",", -1.5, 2.5),
        (["1,5E+03", "2,25"] * 30, None, ";", 1500, 2.25),
        (["12,34,567.5", "7.5"] * 30, None, "|", 1_234_567.5, 7.5),
        (["12,5 %", "7,5 %"] * 30, None, ";", 12.5, 7.5),
        (["1.234.567", "2.345.678"] * 30, None, ",", 1_234_567, 2_345_678),
    ],
)
def test_numbers_are_read_as_the_file_writes_them(tmp_path, texts, beside, delimiter, first, last):
    read, found, described = column(tmp_path, texts, "c", delimiter, beside)
    assert (read.iloc[0], read.iloc[-1]) == (first, last)
    assert not [w for w in found.warnings if w.kind in ("ambiguous numbers", "two number formats")]
    frame = pd.DataFrame({"c": texts[:1], "k": ["1"], "y": ["u"]})
    assert contract.columns_from_frame(described, frame)["c"].tolist() == [first]


def test_what_stays_ambiguous_is_told_with_both_readings(tmp_path):
    texts = [f"{1 + i % 9}.{i:03}" for i in range(N)]
    read, found, _ = column(tmp_path, texts, delimiter=";")
    (warning,) = told(found, "ambiguous numbers")
    assert read.iloc[1] == 2.001
    assert warning.examples[:2] == ["1.000: 1 or 1000", "2.001: 2.001 or 2001"]
    assert "data.formats" in warning.remedy
    read, found, _ = column(tmp_path, texts, delimiter=";", formats={"c": "1.234,56"})
    assert read.iloc[1] == 2001
    assert not found.warnings
    read, found, _ = column(tmp_path, texts, delimiter=";", formats={"default": "1.234,56"})
    assert read.iloc[1] == 2001


def test_a_column_may_differ_from_the_file(tmp_path):
    beside = [f"{i},5" for i in range(N)]
    read, found, described = column(tmp_path, [f"52.{i:05}" for i in range(N)], "lat", ";", beside)
    assert read.iloc[7] == 52.00007
    written = {c.name: c.format for c in described.columns}
    assert found.frame["k"].iloc[7] == 7.5
    assert written["lat"] is None or written["k"] is None
    texts = ["52.123", "13.456"] * 30  # read as thousands, as in the rest of the file, and told
    read, found, _ = column(tmp_path, texts, "lat", ";", beside)
    assert read.iloc[0] == 52_123
    assert told(found, "ambiguous numbers")[0].examples[0] == "52.123: 52123 or 52.123"


@pytest.mark.parametrize("text", ["1.234", "twelve", "1,23,4", "%"])
def test_a_format_that_tells_nothing_is_refused(tmp_path, text):
    with pytest.raises(UserError, match=r"`data\.formats` says .* for 'c'.*1\.234,56"):
        column(tmp_path, ["1"] * N, formats={"c": text})


@pytest.mark.parametrize(
    ("texts", "kind", "example"),
    [
        ([f"${i}.5" if i % 3 else f"€{i}.5" for i in range(N)], "two units", "€0.5"),
        ([f"{i}.5%" if i % 3 else f"{i}.5" for i in range(N)], "two units", "1.5%"),
        ([f"{i}.5 kg" for i in range(N)], "numbers with text", "0.5 kg"),
        ([f"{i}.5" if i % 6 else "<50" for i in range(N)], "mostly numbers", "<50"),
        ([f"{i}.5" if i % 3 else f"note {i}" for i in range(N)], "mostly numbers", "note 0"),
        ([f"{d}" if i % 3 else f"day {i}" for i, d in enumerate(DAYS)], "mostly dates", "day 0"),
        ([f"{i}.5" if i % 2 else f"{i},25" for i in range(N)], "two number formats", "0,25"),
        ([f"{d:%Y%m%d}" for d in DAYS], "numbers like dates", f"{DAYS[0]:%Y%m%d}"),
        ([f'="{i}"' for i in range(N)], "numbers with text", '="0"'),
        ([f"'{i}.5" for i in range(N)], "numbers with text", "'0.5"),
        ([f"{i + 90}/{i + 60}" for i in range(N)], "numbers with text", "90/60"),
        ([f"{i}h {i % 60:02d}m" for i in range(N)], "numbers with text", "0h 00m"),
        ([f"{d} 10:00:00 CET" for d in DAYS], "numbers with text", f"{DAYS[0]} 10:00:00 CET"),
        ([str(10**17 + i) for i in range(N)], "digits lost", str(10**17)),
        (
            [f"{d}T10:00" + "Z" * (i % 2) for i, d in enumerate(DAYS)],
            "zone in some",
            f"{DAYS[0]}T10:00",
        ),
        ([f"{i}.5 DR" if i % 2 else f"{i}.5 CR" for i in range(N)], "credit and debit", "0.5 CR"),
        ([f"{d.year}Q{1 + d.month // 4}" for d in DAYS], "quarters", f"{DAYS[0].year}Q1"),
        ([f"Q{1 + i % 4}-19" for i in range(N)], "quarters", "Q1-19"),
        (
            [f"{d:%d-%b-%y} 10.30.00 AM" for d in DAYS],
            "dates unread",
            f"{DAYS[0]:%d-%b-%y} 10.30.00 AM",
        ),
        (
            [f"{d:%a %b %d 10:00:00 CET %Y}" for d in DAYS],
            "dates unread",
            f"{DAYS[0]:%a %b %d 10:00:00 CET %Y}",
        ),
        (
            [f"{d.day} ocak {d.year}" for d in DAYS],
            "dates unread",
            f"{DAYS[0].day} ocak {DAYS[0].year}",
        ),
        (
            [f"{d.day:02d}/{d.month:02d}/{d.year + 543}" for d in DAYS],
            "years away",
            f"{min(DAYS).year + 543}-{min(DAYS):%m-%d}",
        ),
    ],
)
def test_numbers_that_are_not_all_of_one_kind_are_told(tmp_path, texts, kind, example):
    _, found, _ = column(tmp_path, texts)
    (warning,) = told(found, kind)
    assert example in warning.examples
    assert warning.remedy


@pytest.mark.parametrize(
    ("kind", "name", "pattern"),
    [
        ("periods", "c", "%b-%y"),
        ("periods", "c", "%m/%Y"),
        ("numbers like dates", "c", "%Y%m%d"),
        ("numbers like dates", "month", "%Y%m"),
        ("numbers like dates", "date", "%d%m%Y"),
        ("numbers like dates", "date", "%y%m%d"),
    ],
)
def test_the_pattern_that_a_warning_gives_reads_the_dates(tmp_path, kind, name, pattern):
    texts = [f"{d:{pattern}}" for d in DAYS]
    _, found, _ = column(tmp_path, texts, name)
    (warning,) = told(found, kind)
    assert warning.remedy == f'Set `data.formats: {{{name}: "{pattern}"}}`.'
    read, found, _ = column(tmp_path, texts, name, formats={name: pattern})
    assert read.tolist() == [datetime.strptime(text, pattern) for text in texts]
    assert not told(found, kind)


def test_compact_digits_are_dates_only_where_the_name_says_so(tmp_path):
    _, found, _ = column(tmp_path, [f"{d:%Y%m}" for d in DAYS], "invoice")
    assert not found.warnings


def test_few_strays_are_listed_in_the_remedy_and_many_are_not(tmp_path):
    few = [f"{i}.5" if i % 6 else "<50" for i in range(N)]
    assert '`data.missing: ["<50"]`' in told(column(tmp_path, few)[1], "mostly numbers")[0].remedy
    many = [f"{i}.5" if i % 3 else f"{i}.5*" for i in range(N)]
    (warning,) = told(column(tmp_path, many)[1], "mostly numbers")
    assert warning.remedy == "Correct them."


def test_seconds_since_1970_are_told_by_value_and_name(tmp_path):
    texts = [str(1_600_000_000 + i * 77_777) for i in range(N)]
    assert told(column(tmp_path, texts, "created_at")[1], "numbers like moments")
    assert not column(tmp_path, texts, "counter")[1].warnings


def test_days_as_a_spreadsheet_counts_them_are_told_by_value_and_name(tmp_path):
    texts = [str(42_000 + 7 * i) for i in range(N)]
    (warning,) = told(column(tmp_path, texts, "order_date")[1], "numbers like moments")
    assert "spreadsheet" in warning.detail
    assert not column(tmp_path, texts, "mileage")[1].warnings


@pytest.mark.parametrize("texts", [["AB-1"], ["+49 30 1"], ["192.168.0.1"], ["1.2.1"]])
def test_codes_are_no_numbers_with_text(tmp_path, texts):
    codes = [f"{texts[0]}{i}" for i in range(N)]
    assert not told(column(tmp_path, codes)[1], "numbers with text")


@pytest.mark.parametrize(
    ("ending", "decimal", "group"),
    [
        (".-", ".", "'"),
        (",-", ",", "."),
        (",--", ",", "."),
        (",\u2013 \u20ac", ",", "."),
        ("/-", ".", ","),
    ],
)
def test_a_dash_in_place_of_cents_is_no_minus(tmp_path, ending, decimal, group):
    whole = [1250, 99, 31_450, 7] * (N // 4)
    texts = [number(value, group, decimal, 0) + ending for value in whole]
    read, _, _ = column(tmp_path, texts, delimiter=";")
    assert read.tolist() == whole


@pytest.mark.parametrize(
    "spelling", ["#DIV/0!", "..", "\\N", "n.a.", "Unknown", "keine Angabe", "*", "-Inf"]
)
def test_spellings_of_missing_among_numbers_are_named_and_counted(tmp_path, spelling):
    texts = [spelling if i % 6 == 0 else f"{i}.5" for i in range(N)]
    read, found, described = column(tmp_path, texts)
    assert read.isna().sum() == 10
    assert told(found, "missing spellings")[0].examples == [spelling]
    frame = pd.DataFrame({"c": [spelling], "k": ["1"]})
    assert np.isnan(contract.columns_from_frame(described, frame)["c"]).all()


def test_the_owner_names_further_spellings_and_numbers_that_mean_missing(tmp_path):
    texts = ["<50" if i % 6 == 0 else "-999" if i % 6 == 1 else f"{i}.5" for i in range(N)]
    read, _, described = column(tmp_path, texts, missing=["<50", -999])
    assert read.isna().sum() == 20
    for record in ({"c": -999, "k": 1}, {"c": "<50", "k": 1}, {"c": None, "k": 1}):
        assert np.isnan(schema.columns_from_records(described, [record])["c"]).all()


def test_na_is_a_level_where_it_is_frequent_and_looks_like_the_others(tmp_path):
    _, found, described = column(tmp_path, ["NA", "EU", "AP"] * 20)
    assert dict(found.column("c").top) == {"NA": 20, "EU": 20, "AP": 20}
    assert schema.columns_from_records(described, [{"c": "NA", "k": 1}])["c"].tolist() == ["NA"]
    assert told(found, "level or missing")
    _, found, _ = column(tmp_path, ["NA", "small house", "town house 2"] * 20)
    assert found.column("c").missing == 20
    assert told(found, "missing spellings")[0].examples == ["NA"]


def births(pattern):
    return [date(1935 + i % 68, 1 + i % 12, 1 + i % 28).strftime(pattern) for i in range(N + 8)]


def test_a_date_of_birth_is_never_in_the_future(tmp_path):
    read, found, described = column(tmp_path, births("%d/%m/%y"), "dob")
    assert (read.dt.year.min(), read.dt.year.max()) == (1935, 2002)
    (warning,) = told(found, "two-digit years")
    assert warning.mended
    written = described.written(next(c for c in described.columns if c.name == "dob"))
    assert written.century == datetime.now().year
    frame = pd.DataFrame({"dob": ["14/05/45"], "k": ["1"]})
    assert contract.columns_from_frame(described, frame)["dob"][0] == np.datetime64("1945-05-14")
    read, _, _ = column(tmp_path, births("%d%m%y"), "dob", formats={"dob": "%d%m%y"})
    assert read.dt.year.min() == 1935
    read, _, _ = column(tmp_path, births("%d.%m.%y"), "dob", formats={"dob": "%d.%m.%y"})
    assert read.dt.year.min() == 1935


@pytest.mark.parametrize(
    ("name", "years", "century", "sure"),
    [
        ("born", {35, 99, 3}, datetime.now().year, True),
        ("due", {20, 25, 30}, 2075, True),
        ("sold", {60, 75, 90}, 2025, True),
        ("due", {24, 45}, 2084, False),
        ("built", {50, 55}, 2002, False),
    ],
)
def test_the_hundred_years_of_two_digits(name, years, century, sure):
    assert formats.century_of(name, years) == (century, sure)


@pytest.mark.parametrize("pattern", ["%d/%m/%Y", "%d/%m/%Y %H:%M", "%d-%m-%y"])
def test_both_orders_in_one_column_are_refused_with_a_line_of_each(tmp_path, pattern):
    swapped = pattern.replace("%d", "%M").replace("%m", "%d").replace("%M", "%m", 1)
    texts = [d.strftime(pattern if i % 2 else swapped) for i, d in enumerate(DAYS)]
    with pytest.raises(
        UserError, match=r"two orders: .*\(line \d+\) is .*first, .*\(line \d+\) is"
    ):
        column(tmp_path, texts)
    _, found, _ = column(tmp_path, texts, drop=["c"])
    assert not found.column("c").used


def test_ambiguous_dates_follow_the_other_columns_or_are_told(tmp_path):
    texts = [f"{1 + i % 12:02}/{1 + i // 5:02}/2020" for i in range(N)]
    read, found, _ = column(tmp_path, texts)
    assert read.iloc[13] == pd.Timestamp("2020-02-03")
    assert told(found, "ambiguous dates")[0].examples[0].startswith("01/01/2020: 2020-01-01 or")
    beside = [f"{1 + i % 28}.03.2020" for i in range(N)]
    read, found, _ = column(tmp_path, texts, beside=beside)
    assert read.iloc[13] == pd.Timestamp("2020-03-02")
    assert not found.warnings


def test_a_file_to_predict_is_read_in_the_format_of_the_schema(tmp_path):
    texts = [number(v, ".", ",") for v in AMOUNTS]
    _, _, described = column(tmp_path, texts, delimiter=";")
    frame = pd.DataFrame({"c": ["1.234", "9.800", "12.5", "7"], "k": ["1"] * 4})
    columns, problems = contract.check_frame(described, frame)
    assert columns["c"].tolist()[:2] == [1234, 9800]
    assert [(p.row, p.column, p.value) for p in problems if "number" in p.message] == [
        (2, "c", "12.5")
    ]
    for other in (["12.5", "1.25"], ["1,234.50", "7.5"]):
        with pytest.raises(UserError, match=r"another format .* 'c' holds .*1\.234,56"):
            contract.require_format(described, pd.DataFrame({"c": other, "k": ["1", "2"]}), "new")
    contract.require_format(described, pd.DataFrame({"c": ["1.234", "7"], "k": ["1", "2"]}), "new")


def test_dates_of_another_order_are_refused(tmp_path):
    _, _, described = column(tmp_path, [d.strftime("%d/%m/%Y") for d in DAYS])
    frame = pd.DataFrame({"c": ["12/31/2020", "31/12/2020", "2020-12-31"], "k": ["1"] * 3})
    columns, problems = contract.check_frame(described, frame)
    assert [p.row for p in problems if "date" in p.message] == [0]
    assert columns["c"][1] == columns["c"][2] == np.datetime64("2020-12-31")
    with pytest.raises(UserError, match=r"another format.*'12/31/2020'.*day first"):
        contract.require_format(described, frame.iloc[:1], "new.csv")
    _, _, described = column(tmp_path, [f"{d}" for d in DAYS])
    _, problems = contract.check_frame(described, frame)
    assert [p.row for p in problems if "order" in p.message] == [0, 1]


def test_the_target_is_read_in_the_format_too(tmp_path):
    table = {"c": [str(i % 7) for i in range(N)], "y": [number(v, ".", ",") for v in AMOUNTS]}
    found, described = profile(write(tmp_path, table, ";"))
    assert described.target.task == "regression"
    np.testing.assert_allclose(found.target.values, AMOUNTS)


def test_typed_sources_have_the_default_format(tmp_path):
    frame = pd.DataFrame({"c": AMOUNTS, "d": pd.to_datetime(DAYS), "y": LABELS})
    frame.to_parquet(tmp_path / "t.parquet")
    _, described = profile(tmp_path / "t.parquet")
    assert described.format == replace(described.format, decimal=".", order=None, century=None)
    assert all(c.format is None for c in described.columns)


@pytest.mark.parametrize(
    ("train", "text", "refused"),
    [
        ("{:.2f} \u20ac", "12 $", "is in \\$, and the column is in \u20ac"),
        ("{:.2f} \u20ac", "12 \u20ac", ""),
        ("{:.2f} \u20ac", "12", ""),
        ("{:.2f}", "12%", "is in %, and the column is without a sign"),
        ("{:.2f}", "\u20ac7", "is in \u20ac, and the column is without a sign"),
        ("{:.2f}", "1.2e3", ""),
        ("kr. {:.2f}", "kr 12", ""),
        ("{:.2f} CR", "12 DR", ""),
    ],
)
def test_a_number_in_another_unit_is_refused(tmp_path, train, text, refused):
    _, _, described = column(tmp_path, [train.format(abs(v)) for v in AMOUNTS])
    new = tables.read_file(write(tmp_path, {"c": ["5", text], "k": ["1", "2"]}, ";", name="n.csv"))
    columns, problems = contract.check_frame(described, new.frame)
    if refused:
        (problem,) = problems
        assert (problem.row, problem.column, problem.value) == (1, "c", text)
        assert re.fullmatch(refused, problem.message)
        assert np.isnan(columns["c"][1])
    else:
        assert not problems
        assert not np.isnan(columns["c"]).any()


def test_a_date_that_proves_another_order_is_named(tmp_path):
    _, _, described = column(tmp_path, [f"{d:%m/%d/%Y}" for d in DAYS])
    new = tables.read_file(write(tmp_path, {"c": ["03/04/2021", "25/12/2021"], "k": ["1", "2"]}))
    with pytest.raises(UserError, match=r"'25/12/2021'.*month first"):
        contract.require_format(described, new.frame, "n.csv")
