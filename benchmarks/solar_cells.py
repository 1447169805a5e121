"""The published protocol on the solar cells: random 75/25 splits, as Deitsch et al. (2019) report them.

They report an accuracy of 82.44% for an SVM and 88.42% for a fine-tuned VGG19 (Solar Energy 185, 455-468).
Here 10 seeded splits, stratified by probability and type, are each opened once; what is fitted is chosen by
folds inside the 75%. Random splits flatter (cells of one module are on both sides): the default project
reports blocks. Cells are defective from a probability of one half on; labels that the experts were not sure of
weigh as much as they are likely. Run it in the cv role's environment:

    python benchmarks/solar_cells.py [FOLDER of cached features]
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "template/{{ base }}/src/{{ package_name }}"))

from toolkit.image_models import backbone  # noqa: E402
from toolkit.images import sample  # noqa: E402

SPLITS, FOLDS, SIDE = 10, 3, 300
LAST = 1280  # channels of the last layer; the middle ones come before
PUBLISHED = {"SVM": 0.8244, "VGG19": 0.8842}
FLIPS = {
    "o": lambda x: x,
    "h": lambda x: x[:, :, ::-1],
    "v": lambda x: x[:, ::-1],
    "b": lambda x: x[:, ::-1, ::-1],
}


def extracted(folder: Path, files: list[Path]) -> dict[str, np.ndarray]:
    """Features of each image, and of its mirror images, by flip: float32 of shape (n, d)."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, flip in FLIPS.items():
        kept = folder / f"{name}.npy"
        if not kept.exists():
            network = backbone.pretrained(folder, backbone.PACKAGED, SIDE)
            rows = []
            for file in files:
                image = Image.open(file).convert("RGB")
                pixels = np.asarray(image, dtype=np.float32).transpose(2, 0, 1)
                flipped = np.ascontiguousarray(flip(pixels))[None]
                rows.append(network._session.run(["features"], {"pixels": flipped})[0][0])
            np.save(kept, np.array(rows, dtype=np.float32))
        found[name] = np.load(kept)
    return found


def kernel(rows: np.ndarray, train: np.ndarray, directions: int | None = None) -> np.ndarray:
    """RBF kernel of all rows, standardised on the training rows alone."""
    rows = StandardScaler().fit(rows[train]).transform(rows)
    if directions:
        rows = PCA(directions, random_state=0).fit(rows[train]).transform(rows)
    squares = (rows**2).sum(axis=1)
    gamma = 1 / (rows.shape[1] * rows[train].var())
    return np.exp(-gamma * np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0))


def main(folder: Path) -> None:
    """Choose inside each split, open its test part once, and say how far the published figures are."""
    import tempfile

    place = Path(tempfile.mkdtemp())
    sample.write(place)
    lines = [row.split(",") for row in (place / sample.LABELS).read_text().splitlines()[1:]]
    y = np.array([label == "defective" for _, label, _, _ in lines]).astype(int)
    weights = np.array([float(certainty) for _, _, certainty, _ in lines])
    strata = np.array([f"{label} {certainty} {kind}" for _, label, certainty, kind in lines])
    views = extracted(folder, [place / row[0] for row in lines])
    mean = np.mean([views[name] for name in FLIPS], axis=0)
    two = (views["o"] + views["h"]) / 2
    looks = {
        "last layer": views["o"][:, -LAST:],
        "middle layers": views["o"][:, :-LAST],
        "middle layers, mean of 2 flips": two[:, :-LAST],
        "middle layers, mean of 4 flips": mean[:, :-LAST],
        "all layers, mean of 4 flips": mean,
    }
    results = []
    for seed in range(SPLITS):
        started = time.process_time()
        train, test = train_test_split(
            np.arange(len(y)), test_size=0.25, random_state=seed, stratify=strata
        )
        folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(train, y[train]))
        tried = {}
        kernels = {name: kernel(rows, train) for name, rows in looks.items()}
        for name, k in kernels.items():
            for c in (3, 10):
                right = []
                for a, b in folds:
                    model = SVC(C=c, kernel="precomputed")
                    model.fit(
                        k[np.ix_(train[a], train[a])], y[train[a]], sample_weight=weights[train[a]]
                    )
                    said = model.predict(k[np.ix_(train[b], train[a])])
                    right.append(np.mean(said == y[train[b]]))
                tried[name, c] = float(np.mean(right))
        (name, c), k = (best := max(tried, key=tried.__getitem__)), kernels[best[0]]
        model = SVC(C=c, kernel="precomputed")
        model.fit(k[np.ix_(train, train)], y[train], sample_weight=weights[train])
        score = model.decision_function(k[np.ix_(test, train)])
        sure = weights[test] == 1
        results.append(
            {
                "seed": seed,
                "chosen": f"SVM, {name}, C={c}",
                "folds": tried[best],
                "accuracy": float(np.mean((score > 0) == y[test])),
                "accuracy_certain": float(np.mean(((score > 0) == y[test])[sure])),
                "accuracy_weighted": float(
                    np.average((score > 0) == y[test], weights=weights[test])
                ),
                "roc_auc": float(roc_auc_score(y[test], score)),
                "tried": {f"{name}, C={c}": value for (name, c), value in tried.items()},
            }
        )
        print(
            json.dumps(results[-1] | {"cpu": round(time.process_time() - started, 1)}), flush=True
        )
    for key in ("accuracy", "accuracy_certain", "accuracy_weighted", "roc_auc"):
        found = np.array([row[key] for row in results])
        # Training sets of the splits overlap (Nadeau and Bengio 2003).
        spread = np.sqrt((1 / SPLITS + 1 / 3) * found.var(ddof=1))
        half = stats.t.ppf(0.975, SPLITS - 1) * spread
        print(
            f"{key}: {found.mean():.4f} (95% CI {found.mean() - half:.4f} to {found.mean() + half:.4f})"
        )
        if key == "accuracy":
            for name, value in PUBLISHED.items():
                print(f"  {found.mean() - value:+.4f} beside the published {name}, {value:.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".cache/solar-cells")
