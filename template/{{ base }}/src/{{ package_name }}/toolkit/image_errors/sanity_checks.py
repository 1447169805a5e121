"""A check of our own numbers: whether a network is needed at all."""

from typing import Any

from ..evaluation.display import metric_label, number
from ..evaluation.display import score as shown


def simple_model_would_do(ladder: dict[str, Any], name: str, transfer: str) -> dict[str, Any]:
    """Whether the candidate called `name` is within one standard error of the best.

    Parameters
    ----------
    ladder : dict
        The content of `reports/ladder.json`.
    name : str
        The candidate that needs no network.
    transfer : str
        The candidate on features of a pretrained network, which is compared with it too.
    """
    rungs = {rung["name"]: rung for rung in ladder["rungs"]}
    simple, best = rungs.get(name), rungs[ladder["best"]]
    if simple is None:
        return {"answer": False, "sentence": f"`{name}` was left out, so it is not compared."}
    metric, error = ladder["metric"], ladder["standard_error"]
    answer = bool(best["mean"] - simple["mean"] <= error)
    verdict = "No network is needed" if answer else "Pixels alone are not enough"
    sentence = (
        f"{verdict}: {name} has a cross-validated {metric_label(metric)} of "
        f"{shown(metric, simple['mean'])}, {best['name']} {shown(metric, best['mean'])}; one "
        f"standard error is {number(error, 2)}."
    )
    if pretrained := rungs.get(transfer):
        more = "more" if pretrained["mean"] > simple["mean"] else "less"
        sentence += (
            f" Transfer from photographs ({transfer}) reaches {shown(metric, pretrained['mean'])}, "
            f"{more} than {name} on these images."
        )
    return {"answer": answer, "sentence": sentence}
