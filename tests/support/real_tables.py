"""Write real tables of packages as people keep them; `python real_tables.py FOLDER`.

Beside each table, NAME.json has twenty of its rows as records and where they stand. Run in an
environment of its own (`PACKAGES`): the template's tests do not need pandas otherwise.
"""

import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGES = ("scikit-learn", "pyarrow", "palmerpenguins", "vega_datasets", "statsmodels")
ROWS_ASKED = 20


@dataclass(frozen=True)
class Real:
    """A table: the file, what is predicted, and what the data stage must make of it."""

    file: str
    target: str
    task: str
    settings: tuple[str, ...] = ()
    split: str = "stratified"
    unused: tuple[str, ...] = ()


REAL = {
    "penguins": Real("penguins.csv", "species", "multiclass"),
    "flowers": Real("flowers.csv", "class", "multiclass"),
    "tumours": Real("tumours.parquet", "error", "binary"),
    "wine": Real("wine.csv", "Weingut €", "multiclass"),
    "diabetes": Real("diabetes.parquet", "prediction", "regression", split="random"),
    "cars": Real("cars.csv", "Miles_per_Gallon", "regression", split="random"),
    "weather": Real("weather.csv", "weather", "multiclass", ("data.time=date",), "time"),
    "votes": Real("votes.csv", "vote", "binary", unused=("respondent id", "empty", "year of poll")),
    "modes": Real("modes.csv", "choice", "binary", ("data.group=individual",), "group",
                  ("individual",)),
    "affairs": Real("affairs.parquet", "had any?", "binary"),
}  # fmt: skip


def main(folder: Path) -> None:
    import pandas as pd
    import statsmodels.api as sm
    from palmerpenguins import load_penguins
    from sklearn import datasets

    def write(name: str, frame: pd.DataFrame, **options: Any) -> None:
        path = folder / REAL[name].file
        if path.suffix == ".parquet":
            frame.to_parquet(path, index=False)
        else:
            frame.to_csv(path, index=False, **options)
        step = max(len(frame) // ROWS_ASKED, 1)
        asked = frame.iloc[::step].head(ROWS_ASKED)
        records = asked.to_json(orient="records", date_format="iso", double_precision=15)
        content = {"rows": [int(i) for i in asked.index], "records": json.loads(records)}
        (folder / f"{name}.json").write_text(json.dumps(content))

    def bunch(loaded: Any, target: str) -> pd.DataFrame:
        frame = loaded.frame.rename(columns={"target": target})
        if "target_names" in loaded:
            frame[target] = loaded.target_names[frame[target]]
        return frame

    write("penguins", load_penguins())
    flowers = bunch(datasets.load_iris(as_frame=True), "class")
    odd = ["sepal length, cm", 'petal "width"', "花 🌸", " model_config"]
    flowers.columns = pd.Index([*odd, "class"])
    write("flowers", flowers, sep="\t", encoding="utf-16")
    tumours = bunch(datasets.load_breast_cancer(as_frame=True), "error")
    write("tumours", tumours.astype({"error": "category", "mean area": "float32"}))
    wine = bunch(datasets.load_wine(as_frame=True), "Weingut €")
    write("wine", wine, sep=";", decimal=",", encoding="cp1252")
    write("diabetes", bunch(datasets.load_diabetes(as_frame=True), "prediction"))
    vega = importlib.util.find_spec("vega_datasets")  # to import it needs pkg_resources
    assert vega is not None
    assert vega.submodule_search_locations is not None
    local = Path(vega.submodule_search_locations[0], "_data")
    write("cars", pd.read_json(local / "cars.json"), date_format="%d.%m.%Y")
    weather = pd.read_csv(local / "seattle-weather.csv", parse_dates=["date"])
    write("weather", weather, sep="|", date_format="%Y/%m/%d")  # records have ISO 8601
    votes = sm.datasets.anes96.load_pandas().data
    votes["respondent id"], votes["empty"], votes["year of poll"] = range(1000, 1944), None, 1996
    votes["vote"] = votes["vote"].astype(bool)
    write("votes", votes)
    write("modes", sm.datasets.modechoice.load_pandas().data)
    affairs = sm.datasets.fair.load_pandas().data.sample(1200, random_state=0)
    affairs["had any?"] = (affairs.pop("affairs") > 0).map({True: "ja", False: "nein"})
    affairs["interviewed"] = pd.date_range("1974-01-01", periods=1200, freq="7h", tz="Europe/Paris")
    write("affairs", affairs.sample(frac=1, random_state=1).reset_index(drop=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
