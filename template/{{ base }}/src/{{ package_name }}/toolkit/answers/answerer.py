"""From a question to the answer that is told: cache, retrieval, confidence, wording."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from ..documents.passages import Hit
from . import extractive
from .answer import Answer, Usage
from .cache import Cache
from .confidence import Calibration, signals
from .settings import AnsweringEnvironment, Answers, Llm

logger = logging.getLogger(__name__)
CACHE = Path("data", "cache", "answers.sqlite")
Search = Callable[[str, int], Sequence[Hit]]
OnEvent = Callable[[str, str], None]


class Answerer:
    """Words answers as the bundle's settings say.

    Parameters
    ----------
    answers : Answers
        The section `answers` of `params.yaml`.
    calibration : Calibration
        How sure an answer is.
    review_floor : float
        The confidence under which a person should look.
    model : LanguageModel, optional
        Who words the answer; None quotes.
    why_not : str, optional
        Why there is no model although the settings want one.
    cache : Cache, optional
        Answers given before.
    vocabulary : frozenset of str
        The stems of the whole corpus.
    """

    def __init__(
        self,
        answers: Answers,
        calibration: Calibration,
        review_floor: float,
        model: Any = None,
        why_not: str | None = None,
        cache: Cache | None = None,
        vocabulary: frozenset[str] = frozenset(),
    ) -> None:
        self.settings = answers
        self._calibration = calibration
        self._review_floor = review_floor
        self._model = model
        self._why_not = why_not
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
        metadata: Mapping[str, Any],
        environment: AnsweringEnvironment,
        bounded: bool = False,
        in_memory: bool = False,
        vocabulary: frozenset[str] = frozenset(),
    ) -> Self:
        """Make it as a bundle's `metadata.json` says.

        Parameters
        ----------
        metadata : mapping
            With `model_version`, `answers`, `llm`, `confidence` and `confidence_floor`.
        environment : AnsweringEnvironment
            Keys and addresses.
        bounded : bool
            Whether `llm.budget` holds, as it does for a run.
        in_memory : bool
            Whether the cache starts empty and is forgotten, as for a measurement.
        vocabulary : frozenset of str
            The stems of the whole corpus (`words.vocabulary`).

        Raises
        ------
        UserError
            If a language model is wanted and its packages are not installed, or if a bounded run
            knows no prices.
        """
        answers, llm = Answers(**metadata["answers"]), Llm(**metadata["llm"])
        model = why_not = None
        identity = [str(metadata["model_version"]), answers.by]
        if answers.by == "llm":
            # Imported only here: LangChain takes a second and a hundred megabytes.
            from .budget import Budget
            from .llm import PROMPT, LanguageModel, ModelUnavailable, make_chat

            address = environment.openai_base_url or environment.anthropic_base_url or ""
            identity += [llm.provider, llm.model, address, PROMPT]
            try:
                chat = make_chat(llm, environment)
                model = LanguageModel(chat, llm, answers.support, Budget(llm, bounded))
            except ModelUnavailable as error:
                why_not = str(error)
                logger.warning("answers are quoted, not worded: %s", why_not)
        path = Path(environment.answer_cache) if environment.answer_cache else CACHE
        return cls(
            answers,
            Calibration.from_json(metadata.get("confidence")),
            float(metadata["confidence_floor"]),
            model,
            why_not,
            Cache(None if in_memory else path, identity, answers.cached),
            vocabulary,
        )

    def reply(
        self, question: str, search: Search, on_event: OnEvent = lambda kind, text: None
    ) -> dict[str, Any]:
        """What the service answers and `predict` writes, but for the version and the time.

        Parameters
        ----------
        question : str
            As a person asks it.
        search : callable
            Gives the hits for a question and a number of them.
        on_event : callable
            As for `LanguageModel.answer`.

        Returns
        -------
        dict
            `Answer.to_json`, and `cached`: whether it was given before.
        """
        if (known := self.cache.get(question)) is not None:
            return {**known, "cached": True}
        answer = self.answer(question, search(question, self.settings.passages), on_event)
        body = answer.to_json(self._review_floor)
        if not answer.passing:
            self.cache.put(question, body)
        return {**body, "cached": False}

    def answer(
        self, question: str, hits: Sequence[Hit], on_event: OnEvent = lambda kind, text: None
    ) -> Answer:
        """Answer from given passages, without the cache.

        Where the confidence is too low to answer, no language model is asked. Where one fails, the
        extractive answer says so in its `reason`.

        Raises
        ------
        BudgetSpentError
            If the language model might cost more than is left.
        """
        if self._why_not is not None:
            return self.quote(question, hits).because(self._why_not, Usage(), passing=True)
        confidence = self.confidence(question, hits)
        if self._model is None or confidence < self.settings.abstain_below:
            return self.quote(question, hits)
        from .llm import ModelUnavailable

        try:
            answer: Answer = self._model.answer(question, hits, confidence, on_event)
        except ModelUnavailable as error:
            logger.warning("%s", error)
            self.spent += error.usage
            return self.quote(question, hits).because(str(error), error.usage, passing=True)
        self.spent += answer.usage
        return answer

    def confidence(self, question: str, hits: Sequence[Hit]) -> float:
        """How sure it is, from 0 to 1, that the documents answer a question."""
        return self._calibration.confidence(signals(question, hits, self.vocabulary))

    def quote(self, question: str, hits: Sequence[Hit]) -> Answer:
        """The extractive answer, whoever words the others."""
        return extractive.answer(
            question,
            hits,
            calibration=self._calibration,
            vocabulary=self.vocabulary,
            abstain_below=self.settings.abstain_below,
            most=self.settings.sentences,
        )
