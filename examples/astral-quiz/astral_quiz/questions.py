"""What is asked, as source texts."""

from dataclasses import dataclass

from astral_core import N_


@dataclass(frozen=True)
class Question:
    """A question with its answers; `right` is the place of the right one, from 0."""

    text: str
    answers: tuple[str, str, str]
    right: int


QUESTIONS = (
    Question(N_("Which planet has the shortest year?"), (N_("Venus"), N_("Mercury"), N_("Mars")), 1),
    Question(N_("How long does the Moon take around the Earth?"), (N_("27 days"), N_("7 days"), N_("365 days")), 0),
    Question(N_("What is the Sun?"), (N_("A planet"), N_("A comet"), N_("A star")), 2),
)
