"""A model in skops' form, made of types that are listed here and of no others.

A file of skops names the types it wants made. Which of them may be made must not be read from beside
it: whoever can write the one can write the other.
"""

from pathlib import Path
from typing import Any

from ..project.errors import UserError

# Beyond what skops itself trusts (scikit-learn's estimators, NumPy's and SciPy's functions and arrays).
# A class of your own joins in features.py, which all commands import:
# `TRUSTED.add("<package>.models.<Class>")`.
TRUSTED = {
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "skl2onnx.sklapi.cast_transformer.CastTransformer",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
}


def load(path: Path) -> Any:
    """The estimator in a file of skops.

    Raises
    ------
    UserError
        If it wants a type made that is not in `TRUSTED`; none has been made then.
    """
    from skops.io import get_untrusted_types  # with scikit-learn behind it
    from skops.io import load as load_skops

    if unknown := set(get_untrusted_types(file=path)) - TRUSTED:
        raise UserError(
            f"{path} wants {', '.join(sorted(unknown))} made, which is not trusted, so nothing was "
            "loaded. If it is a class of your own, add its name to `TRUSTED` of "
            "toolkit/tables/skops_types.py in features.py; if not, find out who wrote the file."
        )
    return load_skops(path, trusted=sorted(TRUSTED))
