"""The run's words reach Whisper within what its prompt can hold."""

from nlp.values import Context
from nlp.vocabulary import PROMPT_TOKENS, prompt_for


def count_words(text: str) -> int:
    return len(text.split())


def test_without_words_there_is_no_prompt() -> None:
    assert prompt_for(None, count_words) is None
    assert prompt_for(Context(), count_words) is None


def test_each_word_is_named_once() -> None:
    context = Context(
        params={"lr": 1, "dropout": 2}, metrics={"val_acc": None}, people=("Priya",), words=("lr",)
    )
    prompt = prompt_for(context, count_words)
    assert prompt is not None
    assert all(prompt.count(word) == 1 for word in ("lr", "dropout", "val acc", "Priya"))


def test_a_prompt_never_outgrows_whispers_limit() -> None:
    context = Context(
        params={f"layer_{index}.width": index for index in range(2_000)}, metrics={"val_acc": 0.9}
    )
    prompt = prompt_for(context, count_words)
    assert prompt is not None
    assert count_words(prompt) <= PROMPT_TOKENS


def test_many_params_leave_room_for_metrics_and_people() -> None:
    context = Context(
        params={f"p{index}": index for index in range(2_000)}, metrics={"val_acc": 0.9}, people=("Priya",)
    )
    prompt = prompt_for(context, count_words)
    assert prompt is not None
    assert "val acc" in prompt
    assert "Priya" in prompt


def test_values_that_are_names_are_words_too() -> None:
    prompt = prompt_for(Context(params={"model": "conformer", "lr": 0.1}), count_words)
    assert prompt is not None
    assert "conformer" in prompt
    assert "0.1" not in prompt
