"""Official polls: at set times the system is asked whether it is time to speak, and on yes what it has to say.

The wording is that of StreamingBench's proactive output task (its evaluation code, `proactive_output`): the question,
then whether it is the right time to output the right answer. So gold text leaves the bench here, by a named door.
"""

from __future__ import annotations

from bench.data import AskedQuestion
from bench.data.ask import steps
from shared.messages import Answer, Form, Question, Status, question_key

__all__ = ["as_tick", "poll", "reply", "said_yes"]


def poll(item: AskedQuestion, number: int) -> Question:
    """Is it time? A yes/no question of its own, with a key of its own."""
    hint = f'output "{item.hint}"' if item.hint else "answer"
    text = f"{item.question.text} Is it the right time to {hint}? You can only answer yes or no."
    return _part(item, number, 2 * number, text, Form.YES_NO)


def reply(item: AskedQuestion, number: int) -> Question:
    """What there is to say, once it was time: the question alone."""
    return _part(item, number, 2 * number + 1, item.question.text, Form.TEXT)


def said_yes(answer: Answer) -> bool:
    """Whether it is time."""
    return answer.status is Status.OK and answer.draft is not None and answer.draft.choice == "yes"


def as_tick(item: AskedQuestion, number: int, asked: Answer, said: Answer | None) -> Answer:
    """Both answers as one tick of the polled question; `said` is missing where it was not time."""
    last = said or asked
    draft = None
    if asked.draft is not None and last.draft is not None:
        draft = last.draft.model_copy(
            update={
                "speak": said is not None,
                "choice": asked.draft.choice,
                "probs": asked.draft.probs,
                "confidence": asked.draft.confidence,
            }
        )
    return last.model_copy(update={"key": item.key, "n": str(number), "draft": draft, "t_ask": item.ask_s})


def _part(item: AskedQuestion, number: int, probe: int, text: str, form: Form) -> Question:
    # Probes of a sample count from 0: these lie below.
    below = -1 - probe
    return item.question.model_copy(
        update={
            "key": question_key(item.sample, item.turn, below),
            "probe": below,
            "t_ask": steps(item)[number],
            "text": text,
            "form": form,
            "options": (),
        }
    )
