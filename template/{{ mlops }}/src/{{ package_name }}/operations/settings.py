"""What `params.yaml` may say about operating the model."""

from ..section import Section


class Operating(Section):
    """The sections that only operated projects have."""
