"""From a question to the answer that is told: cache, retrieval, confidence, wording."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from ..documents.settings import Answers, DocumentEnvironment, Llm
from ..retrieval.chunks import Hit
from .answer import Answer, Usage
from .cache import Cache
from .confidence import Calibration
from .policy import Policy, extractive_answer
from .prompt_injection import show

logger = logging.getLogger(__name__)
CACHE = Path("data", "cache", "answers.sqlite")
Search = Callable[[str, int], Sequence[Hit]]
OnEvent = Callable[[str, str], None]


class Answerer:
    """Words answers as the bundle's settings say.

    Parameters
    ----------
    policy : Policy
        What the project decides about answers.
    answers : Answers
        The section `answers` of `params.yaml`.
    calibration : Calibration
        How sure an answer is.
    model : LanguageModel, optional
        Who words the answer; None quotes.
    unavailable : str, optional
        Why there is no model although the settings want one.
    cache : Cache, optional
        Responses given before.
    vocabulary : frozenset of str
        The stems of the whole corpus.
    """

    def __init__(
        self,
        policy: Policy,
        answers: Answers,
        calibration: Calibration,
        model: Any = None,
        unavailable: str | None = None,
        cache: Cache | None = None,
        vocabulary: frozenset[str] = frozenset(),
    ) -> None:
        self.policy = policy
        self.settings = answers
        self._calibration = calibration
        self._model = model
        self._unavailable = unavailable
        self.vocabulary = vocabulary
        self.cache = cache or Cache(None, [], 0)
        self.spent = Usage()

    @property
    def by(self) -> str:
        """Who words the answers: `extractive` or `llm`."""
        return "llm" if self._model is not None else "extractive"

    @classmethod
    def from_metadata(
        cls,
        policy: Policy,
        metadata: Mapping[str, Any],
        environment: DocumentEnvironment,
        bounded: bool = False,
        in_memory: bool = False,
        vocabulary: frozenset[str] = frozenset(),
    ) -> Self:
        """Make it as a bundle's `metadata.json` says.

        Parameters
        ----------
        policy : Policy
        metadata : mapping
            With `model_version`, `answers`, `llm` and `confidence`.
        environment : DocumentEnvironment
            Keys and addresses.
        bounded : bool
            Whether `llm.budget` holds, as it does for a run.
        in_memory : bool
            Whether the cache starts empty and is forgotten, as for a measurement.
        vocabulary : frozenset of str
            The stems of the whole corpus.

        Raises
        ------
        UserError
            If a language model is wanted and its packages are not installed, or if a bounded run
            knows no prices.
        """
        answers, llm = Answers(**metadata["answers"]), Llm(**metadata["llm"])
        model = unavailable = None
        identity = [str(metadata["model_version"]), answers.by]
        if answers.by == "llm":
            # Imported only here: the vendors' libraries take a second.
            from .budget import Budget
            from .chat import ModelUnavailable, make_chat
            from .llm import LanguageModel

            address = environment.openai_base_url or environment.anthropic_base_url or ""
            identity += [llm.provider, llm.model, address, policy.instructions]
            try:
                chat, budget = make_chat(llm, environment), Budget(llm, bounded)
                model = LanguageModel(chat, policy, llm, answers.support, budget)
            except ModelUnavailable as error:
                unavailable = str(error)
                logger.warning("answers are quoted, not worded: %s", unavailable)
        path = Path(environment.answer_cache) if environment.answer_cache else CACHE
        return cls(
            policy,
            answers,
            Calibration(**metadata["confidence"]),
            model,
            unavailable,
            Cache(None if in_memory else path, identity, answers.cached),
            vocabulary,
        )

    def respond(
        self,
        question: str,
        search: Search,
        respond: Callable[[Answer], dict[str, Any]],
        on_event: OnEvent = lambda kind, text: None,
    ) -> dict[str, Any]:
        """What a caller is told, from the cache where the question was asked before.

        Parameters
        ----------
        question : str
            As a person asks it.
        search : callable
            Gives the hits for a question and a number of them.
        respond : callable
            From an answer to what a caller is told.
        on_event : callable
            As for `LanguageModel.answer`.

        Returns
        -------
        dict
            What `respond` gave, and `cached`: whether it was given before.
        """
        if (known := self.cache.get(question)) is not None:
            return {**known, "cached": True}
        answer = self.answer(question, search(question, self.settings.passages), on_event)
        response = respond(answer)
        if not answer.passing:
            self.cache.put(question, response)
        return {**response, "cached": False}

    def answer(
        self, question: str, hits: Sequence[Hit], on_event: OnEvent = lambda kind, text: None
    ) -> Answer:
        """Answer from given chunks, without the cache.

        Where the confidence is too low to answer, no language model is asked. Where one fails, the
        extractive answer says so in its `reason`.

        Raises
        ------
        BudgetSpentError
            If the language model might cost more than is left.
        """
        shown = show(hits)
        answer = self._answer(question, shown.hits, on_event)
        return answer.withholding(shown.withheld, not shown.hits)

    def _answer(self, question: str, hits: Sequence[Hit], on_event: OnEvent) -> Answer:
        if self._unavailable is not None:
            return self._instead(question, hits, self._unavailable, Usage())
        confidence = self.confidence(question, hits)
        if self._model is None or not self.policy.is_answered(confidence, self.settings):
            return self.quote(question, hits)
        from .chat import ModelUnavailable

        try:
            answer: Answer = self._model.answer(question, hits, confidence, on_event)
        except ModelUnavailable as error:
            logger.warning("%s", error)
            self.spent += error.usage
            return self._instead(question, hits, str(error), error.usage)
        self.spent += answer.usage
        return answer

    def _instead(self, question: str, hits: Sequence[Hit], reason: str, usage: Usage) -> Answer:
        return replace(self.quote(question, hits), reason=reason, usage=usage, passing=True)

    def confidence(self, question: str, hits: Sequence[Hit]) -> float:
        """How sure it is, from 0 to 1, that the documents answer a question."""
        return self._calibration.confidence(self.policy.features(question, hits, self.vocabulary))

    def quote(self, question: str, hits: Sequence[Hit]) -> Answer:
        """The extractive answer, whoever words the others; of hits that were shown."""
        confidence = self.confidence(question, hits)
        return extractive_answer(self.policy, self.settings, question, hits, confidence)
