"""Makes the toolkit and the roles' packages importable where they lie."""

import layers
from hypothesis import settings

layers.install()
# `--hypothesis-profile long` looks at twenty times as many examples.
settings.register_profile("long", max_examples=2000, deadline=None)
