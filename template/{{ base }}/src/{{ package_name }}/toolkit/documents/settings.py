"""What `params.yaml` and the environment may say about documents, their index and answers."""

from typing import Annotated, Literal

from pydantic import Field

from ..project.settings import BaseEnvironment, BaseParams, CrossValidation, Section

PACKAGED = "all-MiniLM-L6-v2"  # the embedder whose weights come in packages


class Data(Section):
    """Where the documents and the labelled questions come from."""

    source: Literal["sample", "folder"] = "sample"
    path: str = "data/raw"
    questions: str = "data/questions.jsonl"
    language: str = Field(default="auto", pattern=r"auto|[a-z]{2,3}")
    limit: int | None = Field(default=None, ge=2)
    max_megabytes: float = Field(default=20, gt=0)


class Index(Section):
    """How long a chunk is, and what gives it its vector."""

    characters: int = Field(default=800, ge=100, le=4000)
    joined: list[int] = Field(default=[1, 2, 4], min_length=1)
    embedder: str = PACKAGED
    threads: int | None = Field(default=None, ge=1)


class RepeatedFolds(CrossValidation):
    """Questions are few and folds cost little, so that they are drawn several times."""

    repeats: int = Field(default=4, ge=1, le=20)


class Answers(Section):
    """Who words the answer, and when there is none."""

    by: Literal["extractive", "llm"] = "extractive"
    passages: int = Field(default=5, ge=1, le=50)
    sentences: int = Field(default=3, ge=1, le=10)
    abstain_below: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = "auto"
    support: float = Field(default=0.7, gt=0, le=1)
    longest_question: int = Field(default=1000, ge=10, le=20_000)
    cached: int = Field(default=10_000, ge=0)


class Prices(Section):
    """What 1,000 tokens cost, in the budget's currency."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class Budget(Section):
    """The most that one run may spend."""

    most: float = Field(default=1.0, ge=0)
    currency: str = "USD"


class Llm(Section):
    """The language model, asked only where `answers.by` is `llm`."""

    provider: Literal["openai", "anthropic"] = "openai"
    model: str = "gpt-4o-mini"
    temperature: float | None = Field(default=0, ge=0, le=2)
    max_tokens: int = Field(default=400, ge=16)
    timeout_seconds: float = Field(default=20, gt=0)
    attempts: int = Field(default=3, ge=1, le=10)
    longest_wait_seconds: float = Field(default=10, ge=0)
    prices: Prices | None = None
    budget: Budget = Budget()


class DocumentParams(BaseParams):
    """The sections of a project that answers questions from documents."""

    data: Data = Data()
    cv: RepeatedFolds = RepeatedFolds()
    index: Index = Index()
    answers: Answers = Answers()
    llm: Llm = Llm()
    store: Literal["chroma", "numpy"] = "chroma"


class DocumentEnvironment(BaseEnvironment):
    """Keys and addresses; the names are those that the vendors' own libraries read."""

    database_url: str | None = None
    embeddings_base_url: str | None = None
    openai_api_key: str | None = Field(default=None, repr=False)
    openai_base_url: str | None = None
    anthropic_api_key: str | None = Field(default=None, repr=False)
    anthropic_base_url: str | None = None
    answer_cache: str | None = None
