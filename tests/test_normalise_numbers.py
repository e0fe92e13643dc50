"""Spoken numbers become the digits an engineer would type, and prose stays prose."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nlp.normalise import normalise
from nlp.values import Context


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("three e minus four", "3e-4"),
        ("3 E-4", "3e-4"),
        ("3E minus 4", "3e-4"),
        ("three e minus for", "3e-4"),
        ("two point five e minus five", "2.5e-5"),
        ("5v-5", "5e-5"),
        ("1e to the minus 5", "1e-5"),
        ("one times ten to the minus four", "1e-4"),
        ("ten to the minus three", "1e-3"),
        ("two e four", "2e4"),
        ("5 times e minus 5", "5e-5"),
        ("three times e to the minus four", "3e-4"),
        ("3d-5", "3e-5"),
    ],
)
def test_powers_of_ten_are_written_with_an_e(heard: str, written: str) -> None:
    assert normalise(f"The rate is {heard} now.").text == f"The rate is {written} now."


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("point oh one", "0.01"),
        ("oh point one", "0.1"),
        ("zero point zero zero five", "0.005"),
        ("point double oh one", "0.001"),
        ("point 01", "0.01"),
        ("ninety seven point two", "97.2"),
        ("zero point ninety five", "0.95"),
        ("two and a half", "2.5"),
        ("94, and a half", "94.5"),
        ("one and a quarter", "1.25"),
    ],
)
def test_decimals_are_written_with_a_point(heard: str, written: str) -> None:
    assert normalise(f"It is {heard} now.").text == f"It is {written} now."


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("eighty two and a half percent", "82.5%"),
        ("82.5 percent", "82.5%"),
        ("94%, and a half percent", "94.5%"),
        ("97 per cent", "97%"),
        ("half a percent", "0.5%"),
        ("three quarters of a percent", "0.75%"),
        ("3 times 10^-4", "3e-4"),
        ("3 times 10 to minus 4", "3e-4"),
        ("10^-5", "1e-5"),
        ("a quarter of a percent", "0.25%"),
        ("minus three percent", "-3%"),
    ],
)
def test_percentages_carry_the_sign(heard: str, written: str) -> None:
    assert normalise(f"It changed by {heard}.").text == f"It changed by {written}."


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("one twenty eight", "128"),
        ("two fifty-six", "256"),
        ("5,12", "512"),
        ("five twelve", "512"),
        ("ten twenty four", "1024"),
        ("forty ninety six", "4096"),
        ("twelve eighty", "1280"),
        ("one oh eight", "108"),
        ("one hundred and twenty eight", "128"),
        ("two hundred thousand", "200000"),
        ("twelve hundred", "1200"),
        ("thirty two k", "32k"),
        ("one point three billion", "1.3 billion"),
        ("2 to the 15", "2^15"),
        ("two to the fifteenth", "2^15"),
        ("three by three", "3x3"),
        ("twenty-one", "21"),
        ("five one two", "512"),
        ("one oh two four", "1024"),
        ("12 thousand 500", "12500"),
        ("twelve and a half thousand", "12500"),
    ],
)
def test_sizes_are_written_as_one_number(heard: str, written: str) -> None:
    assert normalise(f"We used {heard} there.").text == f"We used {written} there."


@pytest.mark.parametrize(
    "prose",
    [
        "This one is better, and one of the runs is not.",
        "No one knows, one more try.",
        "The point one should make is this.",
        "At this point we stopped.",
        "A zero-shot and a zero shot model in two-stage training.",
        "Compare 3B-7B models.",
        "It uses 3 k-means clusters.",
        "The gain fell from 10 to -4 dB.",
        "Of the 12 runs 3 quarters of an hour each was lost.",
        "The loss is 0.1. Then it fell to 2,500.",
        "We used 3x3 and 3e-4 and 82.5%.",
        "Two thirds of the data, and three quarters of an hour.",
        "He counts one times e for each of them.",
        "In 1 28 of them, see 10 24.",
    ],
)
def test_prose_and_written_numbers_stay_as_they_are(prose: str) -> None:
    assert normalise(prose).replacements == ()


def test_neighbouring_numbers_stay_apart() -> None:
    assert normalise("Ten minus two is eight.").text == "10 minus 2 is 8."
    assert normalise("It took 12 thousand. 500 were left.").text == "It took 12000. 500 were left."
    assert normalise("An eighty twenty split.").text == "An 80 20 split."
    assert normalise("At one point two runs died.").text == "At one point 2 runs died."


def test_a_range_heard_as_a_hyphen_is_a_range() -> None:
    assert normalise("The size went from 128-32.").text == "The size went from 128 to 32."
    assert normalise("It went from 5,12-256.").text == "It went from 512 to 256."
    assert normalise("See pages 128-32.").text == "See pages 128-32."


def test_a_lost_e_is_restored_only_for_small_quantities() -> None:
    assert normalise("The learning rate was 80 minus 6.").text == "The learning rate was 8e-6."
    assert normalise("The learning rate went to 1-3.").text == "The learning rate went to 1e-3."
    assert normalise("The weight decay was 2.5 v-4.").text == "The weight decay was 2.5e-4."
    assert normalise("The budget was 80 minus 6.").text == "The budget was 80 minus 6."
    assert normalise("See pages 1-3 of version 2.5 v-4.").text == "See pages 1-3 of version 2.5 v-4."
    assert normalise("The learning rate for E-3 diverges.").text == "The learning rate 4e-3 diverges."
    assert normalise("The code for E-3 diverges.").text == "The code for E-3 diverges."
    assert normalise("The root is 2.5i-4.").text == "The root is 2.5i-4."


def test_one_is_a_number_after_a_quantity_of_the_run() -> None:
    context = Context(params={"dropout": 0.1})
    assert normalise("I set dropout to one.", context).text == "I set dropout to 1."
    assert normalise("The dropout one, I mean.", context).text == "The dropout 1, I mean."
    assert normalise("I trained one epoch.").text == "I trained 1 epoch."


def test_a_clipped_and_before_a_number_is_spelled_out() -> None:
    assert normalise("I tried 1e-3, n1e-5.").text == "I tried 1e-3, and 1e-5."
    assert normalise("The n2 model.").text == "The n2 model."


def test_a_time_of_day_is_no_large_number() -> None:
    assert normalise("It died at nine thirty am.").text == "It died at 9:30 am."


@example("3s3")
@given(st.text(alphabet="one two hundred point e minus and a half oh % 3 4 . - x k to the ten", max_size=80))
def test_every_replacement_stands_where_it_says(heard: str) -> None:
    normal = normalise(heard)
    rest, done = "", 0
    for change in normal.replacements:
        assert heard[change.heard_start : change.heard_end] == change.heard
        assert normal.text[change.start : change.end] == change.written
        rest += heard[done : change.heard_start] + change.written
        done = change.heard_end
    assert rest + heard[done:] == normal.text


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("I went back to 0.0.3 then.", "I went back to 0.03 then."),
        ("The rate fell to 0.0.05.", "The rate fell to 0.005."),
        ("I lowered the learning rate from 1 minus 5", "I lowered the lr from 1e-5"),
        ("There were 9 minus 5 of them.", "There were 9 minus 5 of them."),
        ("It needs version 0.0.3 of it.", "It needs version 0.0.3 of it."),
        ("batch size is 10.24 now", "batch_size is 1024 now"),
        ("batch size of 2.56", "batch_size of 256"),
        ("dropout is 10.24 now", "dropout is 10.24 now"),  # logged with decimals
        ("The loss is 10.24 now.", "The loss is 10.24 now."),
        ("label smoothing.1.5 helped", "label_smoothing 0.15 helped"),
        ("label smoothing.0.1 helped", "label_smoothing 0.1 helped"),
    ],
)
def test_a_number_that_whisper_cut_in_two_is_one_again(heard: str, written: str) -> None:
    params = {"lr": 0.1, "batch_size": 128, "dropout": 0.1, "label_smoothing": 0.1}
    assert normalise(heard, Context(params=params)).text == written


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("batch size 1 28", "batch_size 128"),
        ("batch size from 1 28 to 2 56", "batch_size from 128 to 256"),
        ("batch size of 5 1 2", "batch_size of 512"),
        ("batch size 10 24", "batch_size 1024"),
        ("a context of 20 48 tokens", "a context of 2048 tokens"),
        ("we have 3 84 channels", "we have 384 channels"),
        ("batch size, 250-6, was too much", "batch_size, 256, was too much"),
        ("it took 250-6 of them", "it took 250-6 of them"),
        ("batch size 1 29", "batch_size 1 29"),  # nobody chooses it
        ("batch size 8, 64 steps", "batch_size 8, 64 steps"),
        ("it took 1 28 and then 2 56", "it took 1 28 and then 2 56"),
        ("dropout of 1 28", "dropout of 1 28"),  # logged with decimals
    ],
)
def test_a_size_said_in_two_parts_is_one_number(heard: str, written: str) -> None:
    assert normalise(heard, Context(params={"batch_size": 128, "dropout": 0.1})).text == written


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("I set lr-1e-3 there", "I set lr 1e-3 there"),
        ("a val-loss-0.3", "a val_loss 0.3"),
        ("it is called resnet-3", "it is called resnet-3"),
        ("Gamma.995, please", "Gamma 0.995, please"),
        ("an lr of 3d-5now", "an lr of 3e-5 now"),
        ("from 3B-7B", "from 3B-7B"),
        ("lr from 3e-4-1e-4", "lr from 3e-4 to 1e-4"),
        ("the val_loss1.63, please", "the val_loss 1.63, please"),
        ("an lr1e-3", "an lr 1e-3"),
        ("a mask15, or mask15.log", "a mask 15, or mask15.log"),
        ("a gamma2, an mAP50", "a gamma2, an mAP50"),
        ("train.1, test 2.4", "train 0.1, test 2.4"),
        ("section.1, please", "section.1, please"),
        ("from 91.4%-92.1%", "from 91.4% to 92.1%"),
        ("between 0.94-0.95", "between 0.94 to 0.95"),
        ("pages 0.94-0.95", "pages 0.94-0.95"),
    ],
)
def test_what_whisper_glued_together_is_parted(heard: str, written: str) -> None:
    own = Context(params={"lr": 0.1, "gamma": 0.9, "mask": 8}, metrics={"val_loss": 0.3, "mAP": 0.4})
    assert normalise(heard, own).text == written


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("beta 2.95 it is", "beta2 0.95 it is"),
        ("beta two of point nine five", "beta2 of 0.95"),
        ("layer 2.95 it is", "layer 2.95 it is"),  # no share is logged under that name
        ("beta 1.5 it is", "beta 1.5 it is"),
    ],
)
def test_a_name_that_ends_in_a_digit_gives_it_back(heard: str, written: str) -> None:
    assert normalise(heard, Context(params={"beta2": 0.999, "layer2": 64})).text == written


def test_adams_betas_are_known_unless_the_run_has_a_beta() -> None:
    assert normalise("beta 1.9, beta 2.999").text == "beta1 0.9, beta2 0.999"
    assert normalise("beta 1.9", Context(params={"beta": 4.0})).text == "beta 1.9"


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("llama two seven b", "llama 2 7B"),
        ("a seven b model", "a 7B model"),
        ("mistral seven b is better", "mistral 7B is better"),
        ("plan seven b is better", "plan 7 b is better"),
    ],
)
def test_billions_of_a_model_carry_their_letter(heard: str, written: str) -> None:
    assert normalise(heard).text == written


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("11GB in 9ms", "11 GB in 9 ms"),
        ("the 90s, 3x and 40k", "the 90s, 3x and 40k"),
        ("4bit or eight bit", "4-bit or 8-bit"),
        ("eight bits, a bit", "8 bits, a bit"),
        ("a point and a half", "1.5 points"),
        ("an hour and a half", "1.5 hours"),
        ("a percent and a half", "1.5%"),
        ("a model and a half", "a model and a half"),
    ],
)
def test_units_stand_beside_their_number(heard: str, written: str) -> None:
    assert normalise(f"It takes {heard} now.").text == f"It takes {written} now."


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("2 times 10-5", "2e-5"),
        ("to 1e-, 4", "to 1e-4"),
        ("three e minus, 4 epochs", "3 e minus, 4 epochs"),
        ("a decay of point 0.5", "a decay of 0.05"),
        ("At this point 0.5 is fine", "At this point 0.5 is fine"),
        ("batch size 60-4", "batch_size 64"),
        ("batch size 60-5", "batch_size 60-5"),
        ("see 60-4", "see 60-4"),
    ],
)
def test_a_number_that_came_out_broken_is_mended(heard: str, written: str) -> None:
    assert normalise(heard, Context(params={"batch_size": 128})).text == written
