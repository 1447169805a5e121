"""What `params.yaml` may say about operating the model."""

from ..section import Section, Variables


class Operating(Section):
    """The sections that only operated projects have."""


class OperatingEnvironment(Variables):
    """The variables that only operated projects read."""
