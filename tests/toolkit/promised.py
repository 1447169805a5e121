"""Ask a service what its OpenAPI promises to take, and what it promises to refuse."""

from collections.abc import Callable

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS


def check_promises(
    app: FastAPI,
    examples: int,
    mended: Callable[[Case], None] = lambda case: None,
    excluded: tuple[str, ...] = (),
) -> dict[str, set[int]]:
    """Send `examples` valid and as many invalid requests to each operation; all checks but `excluded`.

    Parameters
    ----------
    app : FastAPI
    examples : int
    mended : callable
        Changes a valid request where JSON Schema cannot say what is valid.
    excluded : tuple of str
        Checks that do not hold, by name.

    Returns
    -------
    dict of str to set of int
        The statuses of each operation.
    """
    seen: dict[str, set[int]] = {}
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    rejection = "negative_data_rejection"  # would take a request that was mended for an invalid one
    skipped = {
        mode: [check for check in CHECKS.get_all() if check.__name__ in names]
        for mode, names in (
            (GenerationMode.POSITIVE, (*excluded, rejection)),
            (GenerationMode.NEGATIVE, excluded),
        )
    }
    once = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for found in schema.get_all_operations():
        operation = found.ok()
        modes = [(GenerationMode.POSITIVE, mended)]
        if operation.body:  # else nothing of it could be wrong
            modes.append((GenerationMode.NEGATIVE, lambda case: None))
        for mode, change in modes:

            def ask(case: Case, mode: GenerationMode, change: Callable[[Case], None]) -> None:
                change(case)
                response = case.call_and_validate(excluded_checks=skipped[mode])
                seen.setdefault(case.operation.label, set()).add(response.status_code)

            requests = operation.as_strategy(generation_mode=mode)
            once(given(requests, st.just(mode), st.just(change))(ask))()
    return seen
