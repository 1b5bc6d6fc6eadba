"""The box at the head of a chapter of theory: what is asked, what comes out, and how many comparisons say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from companion import project
from companion.chapters.answer import box
from companion.chapters.checks import CHAPTERS
from companion.chapters.parameters import check_parameters
from companion.statements import CHECKS
from companion.statements.outcomes import FOLDER, CheckStore, Outcome

__all__ = ["ASKED", "Asked", "TheoryAnswer", "theory_answer"]


@dataclass(frozen=True)
class Asked:
    """What a chapter of theory asks.

    Args:
        question: for a reader who knows none of the papers.
        answer: what is so if the statements of ``key`` come out.
        key: the statements on which the answer hangs.
    """

    question: str
    answer: str
    key: tuple[str, ...]


ASKED: Mapping[str, Asked] = MappingProxyType(
    {
        "paths_and_gates": Asked(
            "Can what a ReLU network computes be split into which of its units are on, and what its weights are?",
            "Yes, exactly: the output is a sum over all paths from an input to the output. A path counts only "
            "while all units on it are on, and then with its input times the product of its weights.",
            ("A-P2.1", "A-Eq5", "C-P2.1", "B-P3.4"),
        ),
        "dgn_and_gradients": Asked(
            "When a network learns, can the part of its gates be told from the part of its weights?",
            "Yes: the gradient is the sum of one part that changes the weights under fixed gates and one that "
            "changes the gates. With gates and weights in two networks, each part belongs to one of them.",
            ("A-Eq7", "B-P5.1", "C-P2.2", "B-D5.1"),
        ),
        "ntk_npk": Asked(
            "Does a kernel that knows the inputs and the gates, and no weights, decide how the weights learn?",
            "Yes, where the gates are independent of the weights: the wider the network, the nearer is its "
            "tangent kernel to a constant times the path kernel. Where a network makes its own gates, it is not.",
            ("A-Th4.1", "B-Th5.1i", "B-Th5.1iii", "B-Decoup"),
        ),
        "composite_kernels": Asked(
            "Can the kernel of all paths, of which there are far too many, be computed layer by layer?",
            "Yes: for fully connected networks it is a product over layers, for residual ones a sum of products, "
            "and for convolutions with a global pool a sum over rotations.",
            ("A-L4.1", "B-L4.1", "B-L4.2", "B-L4.3"),
        ),
        "base_kernel_and_depth": Asked(
            "What do two inputs have in common in the gates of a network that is not trained, and what does depth do?",
            "The share of units that are on for both depends on the angle between them alone, and falls with it. "
            "From layer to layer the angles shrink, so that gates of deep layers tell inputs apart less and less.",
            ("B-Base", "B-CONJ"),
        ),
    }
)
"""Name of a chapter's notebook to its question."""


@dataclass(frozen=True)
class TheoryAnswer:
    """The box of one chapter.

    Args:
        question: what is asked.
        sentences: what the outcomes of checks allow to say.
        standing: how many comparisons there are.
    """

    question: str
    sentences: tuple[str, ...]
    standing: str

    def _repr_html_(self) -> str:
        return box(self.question, [(self.sentences, self.standing)])

    def __repr__(self) -> str:
        return "\n".join((self.question, *self.sentences, self.standing))


def theory_answer(chapter: str, outcomes: Mapping[str, Outcome] | None = None, **parameters: Any) -> TheoryAnswer:
    """The answer to a chapter's question, from the recorded checks of its statements.

    Args:
        chapter: one of :data:`ASKED`.
        outcomes: of checks, by statement; by default those of the project.
        parameters: the chapter's, checked where they are given: before anything runs.

    Raises:
        ValueError: another chapter, or a bad parameter.
    """
    if chapter not in ASKED:
        raise ValueError(f"{chapter!r} has no question: choose from {', '.join(ASKED)}")
    if parameters:
        check_parameters(chapter, **parameters)
    if outcomes is None:
        outcomes = CheckStore(project.find().results / FOLDER).outcomes()
    asked = ASKED[chapter]
    states = {id: outcomes[id].state if id in outcomes else "stale" for id in CHAPTERS[chapter] if id in CHECKS}
    waiting = [id for id in states if states[id] == "stale"]
    failing = [id for id in states if states[id] == "fails"]
    found = {id: outcomes[id].checks for id in states if states[id] != "stale"}
    wrong = [id for id in found if id not in failing and outcomes[id].corrected]
    key = {state: [id for id in asked.key if states[id] == state] for state in ("fails", "stale")}
    sentences = []
    if key["fails"]:
        sentences.append(f"Not as the papers say: {_ids(key['fails'])} does not come out.")
    elif key["stale"]:
        sentences.append(f"Nothing can be said before {_ids(key['stale'])} is checked.")
    else:
        sentences.append(asked.answer)
    told = f"Of {len(states)} statements of the papers here {_hold(len(found) - len(wrong) - len(failing))} as printed"
    if wrong:
        told += f"; {_hold(len(wrong))} once what is printed is corrected ({_ids(wrong)})"
    if failing:
        told += f"; {len(failing)} do not come out ({_ids(failing)})"
    if waiting:
        told += f"; {len(waiting)} wait for their check ({_ids(waiting)})"
    sentences.append(f"{told}.")
    comparisons = sum(len(checks) for checks in found.values())
    right = sum(check.passed for checks in found.values() for check in checks)
    standing = f"{right} of {comparisons} comparisons, in double precision, come out as they should"
    return TheoryAnswer(asked.question, tuple(sentences), standing if comparisons else "no comparison yet")


def _hold(count: int) -> str:
    return f"{count} hold{'s' if count == 1 else ''}"


def _ids(ids: Sequence[str]) -> str:
    return ", ".join(ids)
