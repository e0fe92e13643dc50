"""Spoken names become what the run really calls them, and everyday words stay."""

import pytest

from nlp.normalise import normalise
from nlp.values import Context

RUN = Context(
    params={
        "lr": 3e-4,
        "batch_size": 128,
        "dropout": 0.1,
        "optimizer": "AdamW",
        "data.depth": 12,
        "precision": "bf16",
        "warmup_steps": 500,
    },
    metrics={"val_acc": 0.9, "val_loss": 0.3, "train/loss": 0.2, "f1": 0.8},
    runs=("brave-otter", "vision/41", "vision/42", "vision/108"),
    datasets=("cifar-10", "imagenet-1k"),
    words=("resnet50", "llama-2-7b"),
)
MANY = Context(
    params={"optimizer.lr": 1e-3, "unet_lr": 1e-4, "lr_scheduler": "cosine", "dropout_rate": 0.1},
    metrics={
        "spearman": 0.8,
        "val_auc": 0.8,
        "auroc": 0.9,
        "miou": 0.7,
        "eval_loss": 1.0,
        "train_loss": 1.0,
        "bleu": 27.0,
        "wer": 0.1,
    },
    runs=("quiet-lynx",),
    datasets=("celeba",),
    words=("convnext-tiny",),
)


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("L R of 3e-4", "lr of 3e-4"),
        ("the learning rate is high", "the lr is high"),
        ("val acc went up", "val_acc went up"),
        ("val.ac went up", "val_acc went up"),
        ("validation accuracy went up", "val_acc went up"),
        ("the training loss", "the train/loss"),
        ("train slash loss", "train/loss"),
        ("batch size", "batch_size"),
        ("a depth of 12", "a data.depth of 12"),
        ("F one is 0.8", "f1 is 0.8"),
        ("B F sixteen", "bf16"),
        ("adam w", "AdamW"),
        ("Adam double U", "AdamW"),
        ("Adam double you", "AdamW"),
        ("res net fifty", "resnet50"),
        ("ResNet-50", "resnet50"),
        ("cifar ten", "cifar-10"),
        ("image net one k", "imagenet-1k"),
        ("brave otter", "brave-otter"),
        ("warm up steps", "warmup_steps"),
    ],
)
def test_a_spoken_name_is_written_as_the_run_writes_it(heard: str, written: str) -> None:
    assert normalise(f"So {heard}, I think.", RUN).text == f"So {written}, I think."


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("the match size", "the batch_size"),
        ("Sifar 10", "cifar-10"),
        ("cifarten", "cifar-10"),
        ("the train lost", "the train/loss"),
        ("validation losses 0.3", "val_loss is 0.3"),
        ("malidation losses 0.3", "val_loss is 0.3"),
        ("batch sizes 256", "batch_size is 256"),
        ("the lama two seven b", "the llama-2-7b"),
    ],
)
def test_a_name_heard_wrong_is_found_again(heard: str, written: str) -> None:
    assert normalise(f"So {heard} again.", RUN).text == f"So {written} again."


@pytest.mark.parametrize(
    "prose",
    [
        "Loss went down and I am happy.",
        "The best loss of all, and the final loss.",
        "We lost an hour.",
        "Some samples drop out, so we drop out too.",
        "Adam said the model is fine.",
        "Many batch sizes would do.",
        "The losses were high.",
        "Batch sizes 32 and 64 are the same.",
        "The dropout was 0.1, the dropout is 0.2.",
        "I met Adam, double you the speed.",
        "The mixed precision run.",
        "The evaluation does not fit, at equal loss.",
        "A smaller patch size.",
        "The validation losses (see below).",
    ],
)
def test_words_that_only_look_like_names_stay(prose: str) -> None:
    assert normalise(prose, RUN).text == prose


def test_a_number_stuck_to_a_name_is_freed() -> None:
    assert normalise("dropout.2 helped. 2 runs died.", RUN).text == "dropout 0.2 helped. 2 runs died."


def test_the_verb_after_a_name_stays() -> None:
    assert normalise("the batch size was 32", RUN).text == "the batch_size was 32"


def test_without_a_run_only_common_names_are_respelled() -> None:
    assert normalise("val acc with adam w in B F sixteen").text == "val acc with AdamW in bf16"
    assert normalise("the learning rate").text == "the learning rate"


def test_the_runs_own_spelling_wins_over_the_common_one() -> None:
    own = Context(params={"model": "ResNet-50"})
    assert normalise("res net fifty", own).text == "ResNet-50"


def test_an_ambiguous_last_part_of_nested_names_is_left_alone() -> None:
    both = Context(params={"encoder.depth": 6, "decoder.depth": 2})
    assert normalise("a depth of six", both).text == "a depth of 6"
    assert normalise("an encoder depth of six", both).text == "an encoder.depth of 6"


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("compared to run forty two", "compared to vision/42"),
        ("Run 42 was better", "vision/42 was better"),
        ("it looks like run-41", "it looks like vision/41"),
        ("run number forty one", "vision/41"),
        ("run one oh eight", "vision/108"),
        ("run 1 or 8", "vision/108"),
        ("run 1.08", "vision/108"),
        ("run 1 or 2", "run 1 or 2"),
        ("as in run seven", "as in run 7"),
    ],
)
def test_a_spoken_run_number_is_that_run(heard: str, written: str) -> None:
    assert normalise(heard, RUN).text == written


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("run forty two epochs", "run 42 epochs"),
        ("We run forty two.", "We run 42."),
        ("I wanted to run 42 jobs", "I wanted to run 42 jobs"),
        ("run 42 more seeds", "run 42 more seeds"),
    ],
)
def test_running_a_number_of_things_is_no_reference(heard: str, written: str) -> None:
    assert normalise(heard, RUN).text == written


def test_what_was_heard_stays_beside_what_is_written() -> None:
    (name, number) = normalise("val acc was ninety percent", RUN).replacements
    assert (name.heard, name.written, name.heard_start, name.start) == ("val acc", "val_acc", 0, 0)
    assert (number.heard, number.written, number.heard_end, number.end) == ("ninety percent", "90%", 26, 15)


def test_a_number_alone_names_no_run() -> None:
    own = Context(params={"lr": 1e-3}, runs=["keen-tern", "digits/2", "digits/1"])
    said = "I lowered the learning rate from three e minus three to one e minus three. One problem is left."
    written = normalise(said, own).text
    assert written == "I lowered the lr from 3e-3 to 1e-3. One problem is left."


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("It is 0.1, weight. Decay of 0.01 was too much.", "It is 0.1, weight_decay of 0.01 was too much."),
        ("We tuned the weight. Decay comes later.", "We tuned the weight. Decay comes later."),
        ("the male loss ended at 2.05", "the val_loss ended at 2.05"),
        ("a male voice", "a male voice"),
    ],
)
def test_a_name_cut_by_a_pause_is_whole_again(heard: str, written: str) -> None:
    own = Context(params={"weight_decay": 0.01}, metrics={"val_loss": 2.0})
    assert normalise(heard, own).text == written


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("eight H one hundreds", "8 H100s"),
        ("on two A 100s", "on 2 A100s"),
        ("a 100s timeout", "a 100s timeout"),
        ("A 100s timeout", "A 100s timeout"),
    ],
)
def test_several_of_one_card_are_called_so(heard: str, written: str) -> None:
    assert normalise(heard).text == written


def test_a_metric_may_be_said_in_full() -> None:
    own = Context(params={"grad_clip": 1.0}, metrics={"cer": 0.04, "rmse": 2.0, "mAP": 0.4})
    said = "Gradient clipping of 1, character error rate 4%, root mean squared error 2, mean average precision 0.4."
    assert normalise(said, own).text == "grad_clip of 1, cer 4%, rmse 2, mAP 0.4."


def test_the_last_part_of_a_nested_name_that_is_said_of_anything_stays() -> None:
    own = Context(params={"model.name": "tiny", "model.depth": 2})
    assert normalise("Its name says a depth of two.", own).text == "Its name says a model.depth of 2."


def test_a_param_that_repeats_a_longer_one_is_not_swallowed() -> None:
    own = Context(params={"precision": "bf16-mixed", "num_heads": 8})
    assert normalise("precision bf 16, and num kv heads 4", own).text == "precision bf16, and num kv heads 4"


def test_thousands_of_names_are_read_in_no_time() -> None:
    """Each name is looked at once: with the square of them this took minutes."""
    params = {f"model.layers.{index}.width": index for index in range(4_000)} | {"optimizer.lr": 1e-3}
    said = "I lowered the learning rate from three e minus four to one e minus four. " * 4
    assert normalise(said, Context(params=params)).text.count("optimizer.lr from 3e-4 to 1e-4") == 4


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("the glass loss is 0.38", "the cls_loss is 0.38"),
        ("the classification loss", "the cls_loss"),
        ("a glass of water and no loss", "a glass of water and no loss"),
        ("Debert of v3 base is larger", "deberta-v3-base is larger"),
        ("trained on lio and aesthetics", "trained on laion-aesthetics"),
        ("the base of version 3", "the base of version 3"),
        ("loggloss 0.41", "logloss 0.41"),
        ("we have ffid4.4 now", "we have fid 4.4 now"),
        ("we log losses", "we log losses"),
        ("an AURLC of 0.94", "an auroc of 0.94"),
        ("an AUC of 0.94", "an AUC of 0.94"),
        ("the RMSE is fine", "the RMSE is fine"),  # a name of its own, not a misheard `rmsd`
        ("entropy co-efficient 0.001", "entropy_coef 0.001"),
        ("our co-workers", "our co-workers"),
        ("4 images per gpu2 36 epochs", "4 imgs_per_gpu 2 36 epochs"),
    ],
)
def test_a_name_that_sounds_right_is_the_runs(heard: str, written: str) -> None:
    own = Context(
        params={"imgs_per_gpu": 4, "entropy_coef": 0.01},
        metrics={"cls_loss": 0.4, "logloss": 0.4, "fid": 12.0, "auroc": 0.9, "rmsd": 2.0},
        datasets=("laion-aesthetics",),
        words=("deberta-v3-base",),
    )
    assert normalise(heard, own).text == written


@pytest.mark.parametrize(
    ("params", "written"),
    [
        (("base_lr",), "the base_lr is 1e-4"),
        (("optimizer.peak_lr", "max_steps"), "the optimizer.peak_lr is 1e-4"),
        (("base_lr", "min_lr"), "the lr is 1e-4"),  # either of them
        (("unet_lr",), "the lr is 1e-4"),  # of a part alone
        (("lr", "max_lr"), "the lr is 1e-4"),
    ],
)
def test_the_only_learning_rate_of_a_run_is_meant_by_the_words(params: tuple[str, ...], written: str) -> None:
    own = Context(params=dict.fromkeys(params, 1e-4))
    assert normalise("the L R is one e minus four", own).text == written


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("Run 2-14 was best", "lm/214 was best"),
        ("Run 1-9 was best", "lm/1-9 was best"),  # from 1 to 9, not 19
        ("rn19 was best", "lm/19 was best"),
        ("the rn7 of it", "the rn7 of it"),
    ],
)
def test_a_run_number_that_was_cut_or_clipped_is_that_run(heard: str, written: str) -> None:
    own = Context(runs=("lm/214", "lm/19", "lm/1"))
    assert normalise(heard, own).text == written


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("sparman went to 0.85", "spearman went to 0.85"),
        ("uroc.94 here", "auroc 0.94 here"),
        ("a valUC of 0.79", "a val_auc of 0.79"),
        ("Quiet links is ahead", "quiet-lynx is ahead"),
        ("The convnext, tiny wants more", "The convnext-tiny wants more"),
        ("mean iou of 0.7", "miou of 0.7"),
        ("blue 29.4, the blue score", "bleu 29.4, the bleu score"),
        ("the board error rate", "the wer"),
    ],
)
def test_a_word_of_no_dictionary_is_the_name_it_is_like(heard: str, written: str) -> None:
    assert normalise(heard, MANY).text == written


@pytest.mark.parametrize(
    "prose",
    [
        "We optimise it, the optimizers and schedulers of it.",
        "The links are quiet, the spear is green.",
        "The tally is 3, the quiet limits hold.",
        "See train.log, the evaluation uses it, and the evaluation helps.",
        "We use dropout after each layer.",
        "We cut the learning rates, let the learning curves be.",
        "The blue line, and 2 blue ones.",
        "A tiny, small one is in the valley.",
        "Reruns with the dataloaders and logits of the convnets.",
    ],
)
def test_words_of_a_dictionary_stay(prose: str) -> None:
    assert normalise(prose, MANY).text == prose
