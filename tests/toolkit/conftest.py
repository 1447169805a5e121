"""Makes the toolkit and the roles' packages importable where they lie."""

import layers

layers.install()
