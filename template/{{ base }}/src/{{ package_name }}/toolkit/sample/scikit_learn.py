"""The sample: scikit-learn's own documentation, as its package carries it, and questions on it.

A document is the docstring of one public class or function, or the description of one data set.
They are scikit-learn's words under its licence (BSD 3-Clause); the questions are this project's.
Whatever version is installed is what is read: a document that a question names and that version
lacks is left out of the question, and the question with it where no other document answers it.

The questions were written before anything was searched, and name the documents that answer them:
hard ones, in words other than those of the documents; direct ones, in their terms; ones in a
practitioner's own words; and ones that no document answers, most of which ask for what scikit-learn
lacks though it sounds alike (k-modes, SMAPE). What a question counts as is measured (`documents/kinds.py`).

A document is relevant if it is the page of what is asked for, or if its own text answers in full; where
a sentence of the documentation answers (as what `class_weight` does), so does every document that
repeats it. An entry under "See also" is no answer. Labels were found by knowing the library, by words
(BM25) and by meaning (embeddings for the hard questions, latent semantic analysis for the others); the
first documents of either were looked through, and read where it was in doubt.

`half` was drawn at random by question, with a seed: `dev` is for choosing, `held` judges.
"""

import contextlib
import importlib
import inspect
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import sklearn

from ..project.errors import UserError
from ..project.files import write_text

logger = logging.getLogger(__name__)

APPROACH = (
    "A question is matched with passages by their words, by their meaning, and by both; labelled "
    "questions say which way finds the documents that answer. What is found is quoted with its "
    "source, and where nothing answers, that is what is said."
)
ABOUT = {
    "problem": (
        "Somebody asks how to do a thing with scikit-learn, in their own words. Which page of its "
        "documentation answers, what does it say, and does it answer at all?"
    ),
    "approach": APPROACH,
}
SOURCE = f"scikit-learn {sklearn.__version__}'s own documentation"
DATASHEET = (
    "The sample is the documentation that scikit-learn carries in its package: the docstrings of "
    "its public classes and functions and the descriptions of its data sets, by the scikit-learn "
    "developers, under the BSD 3-Clause licence (https://scikit-learn.org). The labelled questions "
    "were written for this project: in the documents' terms, in a practitioner's words, in quite "
    "other ones, and for what is not there."
)
QUESTIONS = Path(__file__).with_name("questions.jsonl")
# Modules of the public interface; what lies below `utils` is for authors of estimators.
MODULES = """
    sklearn sklearn.calibration sklearn.callback sklearn.cluster sklearn.compose
    sklearn.covariance sklearn.cross_decomposition sklearn.datasets sklearn.decomposition
    sklearn.discriminant_analysis sklearn.dummy sklearn.ensemble sklearn.exceptions
    sklearn.feature_extraction sklearn.feature_extraction.image sklearn.feature_extraction.text
    sklearn.feature_selection sklearn.frozen sklearn.gaussian_process
    sklearn.gaussian_process.kernels sklearn.impute sklearn.inspection sklearn.isotonic
    sklearn.kernel_approximation sklearn.kernel_ridge sklearn.linear_model sklearn.manifold
    sklearn.metrics sklearn.metrics.pairwise sklearn.mixture sklearn.model_selection
    sklearn.multiclass sklearn.multioutput sklearn.naive_bayes sklearn.neighbors
    sklearn.neural_network sklearn.pipeline sklearn.preprocessing sklearn.random_projection
    sklearn.semi_supervised sklearn.svm sklearn.tree sklearn.utils sklearn.utils.multiclass
    sklearn.utils.validation
""".split()
# What is still experimental shows itself only after these are imported.
SWITCHES = ("enable_halving_search_cv", "enable_iterative_imputer")
# Reading a page without Sphinx: what its marks say, in words.
_WORDS = (
    (r"^[ \t]*\.\. _[^\n]*:[^\n]*\n", ""),
    (r"(?<![^\n])[ \t]*Read more in the\s+:ref:`[^`]*`\.?[ \t]*\n", ""),
    (r"\.\. versionadded::\s*(\S+)", r"New in version \1."),
    (r"\.\. versionchanged::\s*(\S+)", r"Changed in version \1."),
    (r"\.\. deprecated::\s*(\S+)", r"Deprecated since version \1."),
    (r"\.\. (note|warning|tip)::", lambda m: f"{m.group(1).title()}:"),
    (r"\.\. seealso::", "See also:"),
    (r"\.\. (?:rubric|dropdown|topic)::[ \t]*", ""),
    (r"\.\. (?:code-block|plot|figure|image|include|currentmodule)::[^\n]*\n", ""),
    (r":ref:`sphx_glr_auto_examples_([^`<>]+)`", r"the example \1"),
    (r":[a-z:]+:`([^`<>]+?)\s*<[^`<>]*>`", r"\1"),
    (r":(?!math)[a-z:]+:`~?([^`]+)`", r"\1"),
    (r"``([^`\n]+)``", r"`\1`"),
    (r"\[(\d+)\]_", r"[\1]"),
    (r"`([^`<>]+?)\s*<(https?://[^`<>]*)>`_+", r"\1 (\2)"),
    (r"[ \t]+$", ""),
    (r"\n{3,}", "\n\n"),
)


def write(folder: Path, questions: Path) -> None:
    """Write the documents and the labelled questions.

    Parameters
    ----------
    folder : Path
        Gets one `<id>.rst` a document; the id is the name under which it is imported, as in
        `sklearn.linear_model.Ridge`. A file that holds the same already is left, one of another
        version of scikit-learn is removed.
    questions : Path
        Gets `{"question", "relevant": [id], "answerable"}`, one a line.

    Raises
    ------
    UserError
        If the installed scikit-learn brings no documentation.
    """
    texts = documents()
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("sklearn.*.rst"):
        if path.stem not in texts:
            path.unlink()
    for name, text in texts.items():
        path = folder / f"{name}.rst"
        if not path.is_file() or path.read_text("utf-8") != text:
            # Not the careful way, which waits for the disk: half a file is seen and written again.
            path.write_text(text, "utf-8", newline="\n")
    write_text(questions, "".join(f"{line}\n" for line in _questions(set(texts))))


def documents() -> dict[str, str]:
    """The text of every document by its id, sorted by id.

    Raises
    ------
    UserError
        If the installed scikit-learn brings no documentation (Python's option -OO removes it).
    """
    for switch in SWITCHES:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(f"sklearn.experimental.{switch}")
    found: dict[str, str] = {}
    seen: dict[int, str] = {}
    for module in MODULES:
        for name, thing in _public(module):
            text = inspect.getdoc(thing) if thing.__doc__ else None
            # The same function under two names is one document, under the shorter one.
            if text and seen.setdefault(id(thing), name) == name:
                found[_apart(name, found)] = _page(name, text)
    if not found:
        raise UserError(
            "The installed scikit-learn has no docstrings, and they are the sample. Run Python "
            "without -OO (PYTHONOPTIMIZE)."
        )
    for path in sorted(Path(sklearn.__file__).parent.glob("datasets/descr/*.rst")):
        found[f"sklearn.datasets.descr.{path.stem}"] = f"{_readable(path.read_text('utf-8'))}\n"
    return dict(sorted(found.items()))


def _public(module: str) -> Iterator[tuple[str, object]]:
    """Names and things that a module offers to its users."""
    try:
        offered = importlib.import_module(module)
    except ModuleNotFoundError:  # an older version has fewer modules
        return
    listed = getattr(offered, "__all__", None)
    for name in sorted({name for name in listed or vars(offered) if not name.startswith("_")}):
        thing = getattr(offered, name, None)
        place = getattr(thing, "__module__", None) or ""
        if not (inspect.isclass(thing) or inspect.isroutine(thing)):
            continue
        # Without a list of what is public: what is defined here.
        if place.startswith("sklearn") if listed else place == module:
            yield f"{module}.{name}", thing


def _apart(name: str, taken: dict[str, str]) -> str:
    # DBSCAN and dbscan would be one file where upper and lower case are the same.
    return f"{name}-function" if name.lower() in map(str.lower, taken) else name


def _page(name: str, docstring: str) -> str:
    return f"{name}\n{'=' * len(name)}\n\n{_readable(docstring)}\n"


def _readable(text: str) -> str:
    text = f"{text.strip()}\n"
    for pattern, words in _WORDS:
        text = re.sub(pattern, words, text, flags=re.MULTILINE)
    return text.strip()


def _questions(known: set[str]) -> Iterator[str]:
    lost, left_out = set(), 0
    for line in QUESTIONS.read_text("utf-8").splitlines():
        question = json.loads(line)
        lost |= {name for name in question["relevant"] if name not in known}
        question["relevant"] = [name for name in question["relevant"] if name in known]
        if question["answerable"] and not question["relevant"]:
            left_out += 1
            continue
        yield json.dumps(question, ensure_ascii=False)
    if lost:
        logger.warning(
            "scikit-learn %s lacks %d documents that questions name (%s, ...): %d questions are "
            "left out.",
            sklearn.__version__,
            len(lost),
            min(lost),
            left_out,
        )
