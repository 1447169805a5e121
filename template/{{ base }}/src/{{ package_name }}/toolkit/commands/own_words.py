"""What an owner wrote into a document, told from what the template and the run wrote.

A skeleton says which sections ask for words: those with an owner comment. A section counts as written
if it holds sentences that stand nowhere else: not in a skeleton, not in a run's block, not in another
section. Whether they are true and convince is for a person to judge.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..markdown.blocks import OWNER

# Where words are not separated, a letter stands for one.
WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\d_]+")
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w.]*\w)")
PLACEHOLDER = re.compile(
    r"\b(todo|tbd|fixme|xxx+|lorem|ipsum|placeholder)\b|<[a-z ]+>", re.IGNORECASE
)
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$", re.MULTILINE)
BLOCK = re.compile(r"<!-- ([\w-]+):start -->(.*?)<!-- \1:end -->", re.DOTALL)
CODE = re.compile(r"^(```+|~~~+).*?^\1[`~]*[ ]*$", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# An image, a link with its words, and an address.
IMAGE, LINK = re.compile(r"!\[[^\]]*\]\([^)]*\)"), re.compile(r"\[([^\]]*)\]\([^)]*\)")
ADDRESS = re.compile(r"https?://\S+")
END = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？])|\n\s*\n|\n(?=\s*(?:[-*+|>]|\d+\.)\s)")
SHORTEST, LEAST = 5, 12  # words of a sentence, and of a section
# Words in common that make two sentences one; a sentence with a word changed has more.
SAME = 0.75


@dataclass(frozen=True)
class Section:
    """What a document says below a heading.

    Attributes
    ----------
    level : int
        Of the heading.
    heading : str
    text : str
        Up to the next heading, without code and without what a run wrote; comments are still in it.
    """

    level: int
    heading: str
    text: str

    @property
    def asked(self) -> list[str]:
        """The instructions of its owner comments."""
        return [" ".join(found.split()) for found in OWNER.findall(self.text)]


def sections(text: str) -> list[Section]:
    """Take a Markdown document apart at its headings."""
    text = CODE.sub("", BLOCK.sub("", text))
    found = list(HEADING.finditer(text))
    ends = [each.start() for each in found[1:]] + [len(text)]
    return [
        Section(len(each[1]), each[2], text[each.end() : end])
        for each, end in zip(found, ends, strict=False)
    ]


def visible(text: str) -> str:
    """A document without its comments and code."""
    return COMMENT.sub("", CODE.sub("", text))


def blocks(text: str) -> dict[str, str]:
    """What runs wrote into a document, by the name of the block."""
    return {name: content.strip() for name, content in BLOCK.findall(text)}


def sentences(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each sentence that a reader sees in Markdown, with its words."""
    text = ADDRESS.sub("", LINK.sub(r"\1", IMAGE.sub("", COMMENT.sub("\n\n", text))))
    for part in END.split(text):
        words = WORD.findall(part.lower())
        if words:
            yield part, words


def numbers(text: str) -> set[str]:
    """The numbers of a text as they are written, those of one digit and years left out."""
    found = {number.replace(",", "") for number in NUMBER.findall(COMMENT.sub("", text))}
    return {
        number
        for number in found
        if len(number.replace(".", "").lstrip("0")) > 1 and not _year(number)
    }


@dataclass
class Reading:
    """Reads documents one after the other, and counts each sentence where it is met first.

    Attributes
    ----------
    known : list of set of str
        The words of each sentence that is not, or no longer, the owner's own.
    run_numbers : set of str
        The numbers that the run wrote.
    """

    known: list[set[str]] = field(default_factory=list)
    run_numbers: set[str] = field(default_factory=set)

    def learn(self, text: str) -> None:
        """Take a text as the template's or the run's."""
        self.known += [set(words) for _, words in sentences(text)]
        self.known += [set(WORD.findall(asked.lower())) for asked in OWNER.findall(text)]

    def missing(self, text: str, skeleton: str) -> list[str]:
        """What a document still lacks: a sentence for each section that waits for its owner's words.

        Parameters
        ----------
        text : str
            The document.
        skeleton : str
            The document as the template begins it.
        """
        there, lacking = sections(text), []
        titles = {section.heading.casefold() for section in sections(skeleton)}
        for wanted in filter(lambda section: section.asked, sections(skeleton)):
            name, (asked, *_) = wanted.heading, wanted.asked
            place = next((i for i, each in enumerate(there) if _is(wanted, each)), None)
            if place is None:
                lacking.append(f"“{name}” is missing: add the heading, and below it: {asked}")
                continue
            parts = [there[place].text]
            for below in there[place + 1 :]:
                if below.level <= there[place].level or below.heading.casefold() in titles:
                    break
                parts.append(below.text)
            own = self._own("\n\n".join(parts))
            title = "the top" if wanted.level == 1 else f"“{there[place].heading}”"
            if sum(len(words) for _, words in own) < LEAST:
                lacking.append(f"{title} waits for sentences of its own: {asked}")
            elif "number of the run" in asked and not self._named(own):
                lacking.append(f"{title} names no number that the run wrote: {asked}")
        return lacking

    def _own(self, text: str) -> list[tuple[str, list[str]]]:
        own = []
        for sentence, words in sentences(text):
            if len(set(words)) < max(SHORTEST, 0.5 * len(words)) or PLACEHOLDER.search(sentence):
                continue
            if any(_alike(set(words), other) for other in self.known):
                continue
            own.append((sentence, words))
            self.known.append(set(words))
        return own

    def _named(self, own: list[tuple[str, list[str]]]) -> bool:
        """Whether a number of the run, or one rounded from it, is in these sentences."""
        written = set().union(*(numbers(sentence) for sentence, _ in own))
        return any(
            abs(float(known) - float(number)) <= 0.5001 * 10.0 ** -len(number.partition(".")[2])
            for number in written
            for known in self.run_numbers
        )


def _is(wanted: Section, there: Section) -> bool:
    """Whether a section is the one that the skeleton asks for: by its heading, or by the comment."""
    if wanted.level == there.level == 1 or wanted.heading.casefold() == there.heading.casefold():
        return True
    return bool(set(wanted.asked) & set(there.asked))


def _alike(words: set[str], other: set[str]) -> bool:
    return len(words & other) >= SAME * len(words | other)


def _year(number: str) -> bool:
    return number.isdigit() and 1900 <= int(number) <= 2100
