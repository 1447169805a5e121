"""What `params.yaml` and the environment may say about documents, the index and answers."""

from typing import Literal

from pydantic import Field

from .toolkit.answers.settings import Answering, AnsweringEnvironment
from .toolkit.project.section import Section


class Data(Section):
    """Where the documents and the labelled questions come from."""

    source: Literal["sample", "folder"] = "sample"
    path: str = "data/raw"
    questions: str = "data/questions.jsonl"
    limit: int | None = Field(default=None, ge=2)
    max_megabytes: float = Field(default=20, gt=0)


class Index(Section):
    """How documents are cut into passages, and what gives a passage its vector."""

    characters: int = Field(default=800, ge=100, le=4000)
    joined: list[int] = Field(default=[1, 2, 4], min_length=1)
    embedder: str = "all-MiniLM-L6-v2"
    threads: int | None = Field(default=None, ge=1)


class RoleParams(Answering):
    """The sections that only question-answering projects have."""

    data: Data = Data()
    index: Index = Index()


class RoleEnvironment(AnsweringEnvironment):
    """The variables that only question-answering projects read."""

    embeddings_base_url: str | None = None
