"""The toolkit and the owner's modules, imported where they lie: nothing is rendered or installed.

`toolkit` is the one tree that all roles share. `tabular`, `cv`, `nlp` and `mlops` are the packages of
their projects: the role's layer over the base, in which `tabular.toolkit` is `toolkit` itself, so that
a class has one identity. The two modules of a layer that hold Jinja are rendered as they are imported.

The folders here are the toolkit's subjects. `tests/support/toolkit.py` runs each in the environment
that a project of its role resolves.
"""

import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from jinja2 import Environment, FileSystemLoader

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "src/{{ package_name }}"
# The layers of a role, the upper first.
LAYERS = {
    "tabular": ("tabular", "base"),
    "cv": ("cv", "base"),
    "nlp": ("nlp", "base"),
    "mlops": ("mlops", "tabular", "base"),
}


def layer(name: str) -> Path:
    """Where a layer keeps its package."""
    return ROOT / "template" / f"{{{{ {name} }}}}" / PACKAGE


def rendered(path: Path, role: str) -> str:
    """The text that a file of the template has in a project with the default answers."""
    environment = Environment(
        loader=FileSystemLoader(ROOT), autoescape=False, keep_trailing_newline=True
    )
    environment.filters["to_json"] = lambda value, **options: json.dumps(value, **options)
    answers = {
        **{name: "." if name in LAYERS[role] else "" for name in ("base", *LAYERS)},
        "role": role,
        "project_name": "My project",
        "description": "Goes from raw data to a served model.",
        "slug": "my-project",
        "package_name": "my_project",
        "author_name": "Ada",
        "author_email": "ada@example.com",
        "github_owner": "ada",
        "license": "MIT",
        "deploy": "none",
    }
    return environment.get_template(path.relative_to(ROOT).as_posix()).render(answers)


def params_yaml(role: str) -> str:
    """The `params.yaml` that a role ships."""
    (path,) = (
        path
        for each in LAYERS[role][:-1]
        for path in (ROOT / "template" / f"{{{{ {each} }}}}").glob("params.yaml*")
    )
    return rendered(path, role)


class _Same(Loader):
    """Gives an imported module a second name."""

    def __init__(self, name: str) -> None:
        self.module = importlib.import_module(name)
        self.spec = self.module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec


class _Rendered(Loader):
    """Runs a module that holds Jinja, with the default answers."""

    def __init__(self, path: Path, role: str) -> None:
        self.path, self.role = path, role

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self.path)
        exec(compile(rendered(self.path, self.role), str(self.path), "exec"), module.__dict__)


class _Roles(MetaPathFinder):
    """Finds `tabular`, `tabular.models`, `tabular.toolkit.tables` and so on."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        role, _, rest = name.partition(".")
        if role not in LAYERS:
            return None
        if not rest:
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [str(layer(each)) for each in LAYERS[role]]
            return spec
        if rest.partition(".")[0] == "toolkit":
            spec = importlib.util.find_spec(rest)
            assert spec is not None, rest
            package = spec.submodule_search_locations is not None
            return ModuleSpec(name, _Same(rest), is_package=package)
        for each in LAYERS[role]:
            jinja = layer(each) / f"{rest}.py.jinja"
            if jinja.exists():
                return ModuleSpec(name, _Rendered(jinja, role), origin=str(jinja))
        return None


def install() -> None:
    """Make `toolkit` and the packages of the roles importable."""
    sys.dont_write_bytecode = True  # no __pycache__ in the template
    sys.path.insert(0, str(layer("base")))
    # Processes that a test starts find the same; `import layers; layers.install()` adds the roles.
    here = [str(Path(__file__).parent), str(layer("base"))]
    os.environ |= {"PYTHONPATH": os.pathsep.join(here), "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # as the command line sets it
    sys.meta_path.insert(0, _Roles())
    # Now, since pytest would take the folder of tests `tabular` for the package of that name.
    for role in LAYERS:
        importlib.import_module(role)
