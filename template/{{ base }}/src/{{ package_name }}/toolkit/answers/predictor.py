"""The bundle as it is served: search, and answers from what is found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from ..documents.settings import DocumentEnvironment
from ..project.errors import UserError
from ..project.files import restore_folder
from ..project.telemetry import traced
from ..retrieval.bundle import load_index
from ..retrieval.chunks import Hit
from ..retrieval.index import Arrange, Index
from ..training.bundle import verified_metadata
from .answer import Answer
from .answerer import Answerer, OnEvent
from .policy import Policy

Respond = Callable[[Answer, float], dict[str, Any]]


class Predictor:
    """An index, ready to be searched and to answer.

    Parameters
    ----------
    metadata : dict
        The bundle's `metadata.json`.
    index : Index
        What is searched.
    answerer : Answerer
        Who words answers.
    respond : callable, optional
        From an answer and the confidence under which a person should look to what a caller is told;
        only `respond` needs it.
    """

    def __init__(
        self,
        metadata: dict[str, Any],
        index: Index,
        answerer: Answerer,
        respond: Respond | None = None,
    ) -> None:
        self.metadata = metadata
        self.version = str(metadata["model_version"])
        self.index = index
        self._search = traced("search", index.search)
        self.answerer = answerer
        self._respond = respond

    @classmethod
    def load(
        cls,
        folder: Path,
        environment: DocumentEnvironment,
        arrange: Arrange,
        policy: Policy,
        respond: Respond | None = None,
        bounded: bool = False,
    ) -> Self:
        """Read the bundle at `folder`.

        Parameters
        ----------
        folder : Path
        environment : DocumentEnvironment
            Keys and addresses.
        arrange : callable
            How the project brings two rankings together.
        policy : Policy
            What the project decides about answers.
        respond : callable, optional
            What a caller is told.
        bounded : bool
            Whether the budget of the language model holds, as it does for a run.

        Raises
        ------
        UserError
            If there is no bundle, or one that cannot be used.
        """
        restore_folder(folder)
        metadata = verified_metadata(folder)
        try:
            index = load_index(folder, metadata, environment, arrange)
            answerer = Answerer.from_metadata(
                policy, metadata, environment, bounded, vocabulary=index.vocabulary
            )
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise UserError(
                f"The index in {folder} cannot be used ({type(error).__name__}: {error}). "
                "Run `train` again."
            ) from error
        return cls(metadata, index, answerer, respond)

    def search(self, question: str, k: int) -> list[Hit]:
        """The `k` best chunks, best first."""
        return self._search(question, k)

    def respond(self, question: str, on_event: OnEvent = lambda kind, text: None) -> dict[str, Any]:
        """What the service answers and `predict` writes, but for the version and the time."""
        respond, review = self._respond, self.metadata["review"]
        floor = 1 - review["cutoff"] if review["on"] else 0.0
        assert respond is not None
        return self.answerer.respond(
            question, self.search, lambda answer: respond(answer, floor), on_event
        )
