"""Which folders of `tests/toolkit` run in which role's environment; `python subjects.py ROLE` lists them."""

import sys
from pathlib import Path

import yaml
from jinja2 import Environment
from roles import ROLES

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests" / "toolkit"


def lacks(role: str) -> set[str]:
    """The subjects that a role's projects do not get, by the exclusions of `copier.yml`."""
    asked = yaml.safe_load((ROOT / "copier.yml").read_text("utf-8"))
    layers = {name: asked[name]["default"] for name in ROLES}
    environment = Environment(autoescape=False)
    on = {n: environment.from_string(text).render(role=role) for n, text in layers.items()}
    patterns = [environment.from_string(line).render(on) for line in asked["_exclude"]]
    return {pattern.rpartition("/toolkit/")[2] for pattern in patterns if "/toolkit/" in pattern}


def folders() -> dict[str, list[str]]:
    """The folders of `tests/toolkit` by the role whose environment runs them."""
    found = sorted(path.name for path in TESTS.iterdir() if list(path.glob("test_*.py")))
    left, by_role = set(found), {}
    for role in ROLES:
        here = [name for name in found if name in left and name not in {*lacks(role), *ROLES}]
        by_role[role] = [name for name in found if name in here or name == role]
        left -= set(here)
    for name in left - set(ROLES):
        raise SystemExit(f"No role has the subject of tests/toolkit/{name}.")
    return by_role


if __name__ == "__main__":
    print(*folders()[sys.argv[1]])
