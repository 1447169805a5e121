"""Makes the toolkit and the roles' packages importable where they lie."""

import layers
from borrowed import borrowed
from hypothesis import settings

layers.install()
borrowed("jinja_once").install()  # a report compiles fifty sections
# The same examples in every gate, whatever each takes; the long tests look for new ones.
settings.register_profile("gate", derandomize=True, deadline=None)
settings.load_profile("gate")
# `--hypothesis-profile long` looks at twenty times as many examples.
settings.register_profile("long", max_examples=2000, deadline=None)
