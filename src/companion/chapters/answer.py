"""The box at the head of a chapter: the question, the answer in numbers, and how sure it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from companion.chapters.chapter import Chapter
from companion.verdicts.sentences import claim_results, trend_results
from companion.verdicts.stats import shade
from companion.verdicts.trends import TRENDS

__all__ = ["Answer", "box", "standing"]


@dataclass(frozen=True)
class Answer:
    """What a chapter asks and what its records answer, profile by profile.

    Args:
        question: for a reader who knows none of the papers.
        parts: a profile's chapter and the sentences that its records allow.
    """

    question: str
    parts: tuple[tuple[Chapter, tuple[str, ...]], ...]

    @classmethod
    def of(cls, chapter: Chapter, sentences: Iterable[str]) -> Answer:
        """The answer that one profile gives."""
        return cls(chapter.exhibit.question, ((chapter, tuple(sentences) or ("Nothing can be said yet.",)),))

    @property
    def lines(self) -> tuple[str, ...]:
        """The sentences of all profiles."""
        return tuple(sentence for _, sentences in self.parts for sentence in sentences)

    def __add__(self, other: Answer) -> Answer:
        """The same question, answered by other profiles too."""
        return Answer(self.question, self.parts + other.parts)

    def _repr_html_(self) -> str:
        return box(self.question, ((sentences, standing(chapter)) for chapter, sentences in self.parts))

    def __repr__(self) -> str:
        parts = (line for chapter, sentences in self.parts for line in (*sentences, standing(chapter)))
        return "\n".join((self.question, *parts))


def box(question: str, parts: Iterable[tuple[Iterable[str], str]]) -> str:
    """The HTML of such a box.

    Args:
        question: at its head.
        parts: sentences, and below them what they stand on.
    """
    said = "".join(
        "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences) + f'<p class="standing">{escape(below)}</p>'
        for sentences, below in parts
    )
    return f'<div class="companion-answer"><p class="question">{escape(question)}</p>{said}</div>'


def standing(chapter: Chapter) -> str:
    """How much evidence there is: profile, runs, seeds, devices, and the verdicts on sentences and on numbers."""
    runs = chapter.runs.drop_duplicates("key")
    done = runs[runs["status"] != "pending"]
    seeds = chapter.runs["seed"].nunique()
    facts = [
        f"profile {chapter.profile}",
        f"{len(done)} of {len(runs)} runs recorded",
        f"n = {seeds} seed{'s' if seeds > 1 else ''} in each complete setting",
        ", ".join(sorted(set(done["device"].dropna()))) or "no device yet",
    ]
    facts += [f"{what}: {_told(found)}" for what, found in _verdicts(chapter).items() if found]
    return " · ".join(facts)


def _verdicts(chapter: Chapter) -> dict[str, Counter[str]]:
    """Words of verdicts and how often: of the sentences about the exhibit, row by row, and of the paper's numbers."""
    sentences: Counter[str] = Counter()
    if chapter.decides:
        exhibit, profile = chapter.exhibit.id, chapter.profile
        for _, ours, paper in claim_results(exhibit, chapter.runs, profile):
            sentences[str(shade(ours.verdict, paper.verdict if paper else None))] += 1
        for trend in TRENDS:
            if trend.exhibit == exhibit:
                sentences.update(str(one.verdict) for one in trend_results(trend, chapter.store, profile))
    return {
        "sentences": sentences,
        "the paper's numbers": Counter(str(entry.word) for entry in chapter.entries if entry.counts),
    }


def _told(found: Counter[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in found.most_common())
