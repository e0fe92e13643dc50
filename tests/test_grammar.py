"""What people write to the bot, and which command it is."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.grammar import COMMANDS, Command, GrammarError, RunName, parse
from bot.help_messages import EXAMPLES

HERE = "vision/42"


def names(command: Command) -> list[str]:
    return [run.text for run in command.runs]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_that_works(name: str) -> None:
    assert parse(EXAMPLES[name][0]).name == name


def test_nothing_said_is_help() -> None:
    assert parse("  ") == Command(name="help")
    assert parse("more") == Command(name="help", text="more")


@pytest.mark.parametrize(
    ("text", "here", "runs"),
    [
        ("compare 41 42", None, ["#41", "#42"]),
        ("compare #41 #42", None, ["#41", "#42"]),
        ("compare vision/41 nlp/3", None, ["vision/41", "nlp/3"]),
        ("compare 41, 42 and 43", None, ["#41", "#42", "#43"]),
        ("compare latest with best", None, ["latest", "best"]),
        ("compare brave-otter baseline", None, ["brave-otter", "baseline"]),
        ("compare with 41", HERE, ["vision/42", "#41"]),
        ("compare 41", HERE, ["vision/42", "#41"]),
        ("compare this with #41", HERE, ["vision/42", "#41"]),
        ("compare 40 41", HERE, ["#40", "#41"]),
        ("compare with 40 41", HERE, ["vision/42", "#40", "#41"]),
        ("How does this compare to 41?", HERE, ["vision/42", "#41"]),
        ("can you compare 41 and 42?", None, ["#41", "#42"]),
        ("<@U0RUNLORE> compare with 41", HERE, ["vision/42", "#41"]),
    ],
)
def test_runs_are_compared(text: str, here: str | None, runs: list[str]) -> None:
    command = parse(text, here=here)
    assert (command.name, names(command)) == ("compare", runs)


@pytest.mark.parametrize(
    ("text", "here", "name", "runs", "rest"),
    [
        ("show", HERE, "show", ["vision/42"], ""),
        ("show me vision/41", None, "show", ["vision/41"], ""),
        ("show the best run", None, "show", ["best"], ""),
        ("what happened to vision/41?", None, "show", ["vision/41"], ""),
        ("note the warmup was too short", HERE, "note", ["vision/42"], "the warmup was too short"),
        ("note 500 steps are enough", HERE, "note", ["vision/42"], "500 steps are enough"),
        ("note #41 too short", HERE, "note", ["#41"], "too short"),
        ("note 41 lr<1e-3 is best: keep it", None, "note", ["#41"], "lr<1e-3 is best: keep it"),
        ("baseline", HERE, "baseline", ["vision/42"], ""),
        ("link 41 <https://arxiv.org/abs/1|paper>", None, "link", ["#41"], "https://arxiv.org/abs/1 paper"),
        ("tree", None, "tree", [], ""),
        ("tree", HERE, "tree", ["vision/42"], ""),
    ],
)
def test_a_command_is_about_the_named_run_or_the_threads(
    text: str, here: str | None, name: str, runs: list[str], rest: str
) -> None:
    command = parse(text, here=here)
    assert (command.name, names(command), command.text) == (name, runs, rest)


@pytest.mark.parametrize(
    "text",
    [
        "who has tried label smoothing?",
        "Who tried label smoothing",
        "has anyone ever tried label smoothing?",
        "did anybody try label smoothing?",
        "have we already tried label smoothing",
        "who label smoothing",
        "who tried label smoothing",
    ],
)
def test_a_question_after_others_is_who(text: str) -> None:
    assert parse(text) == Command(name="who", text="label smoothing")


@pytest.mark.parametrize(
    "text",
    [
        "why did we drop warmup",
        "what did Ana decide about the tokenizer?",
        "has @U0ANA tried mixup?",
        "did mixup help?",
        "why is training slow?",
        "which runs were kept",
        "anything in vision since Monday?",
        "float16 or bfloat16?",
    ],
)
def test_a_question_in_ones_own_words_is_asked_whole(text: str) -> None:
    assert parse(text) == Command(name="who", text=text.rstrip("?"))


def test_a_question_may_be_conditions_alone() -> None:
    command = parse("who tried lr!=3e-4")
    assert (command.name, command.text, [f.words for f in command.filters]) == ("who", "", ["lr!=0.0003"])


def test_a_slip_in_a_command_is_no_question() -> None:
    with pytest.raises(GrammarError, match="comprae"):
        parse("comprae 41 42?")


def test_filters_in_a_question_are_taken_out_of_its_words() -> None:
    command = parse("who label smoothing since:4w by:<@U0ANA|ana> optimizer:lion")
    assert command.text == "label smoothing optimizer:lion"
    assert [(f.key, f.value) for f in command.filters] == [("since", timedelta(days=28)), ("by", "U0ANA")]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("my runs", "list"),
        ("show my runs", "list"),
        ("list all runs", "list"),
        ("who is running?", "now"),
        ("what's running now", "now"),
        ("what happened yesterday?", "digest"),
        ("please stop posting", "mute"),
        ("who runs what now?", "now"),
        ("how did this go?", "show"),
        ("How is vision/41 doing?", "show"),
        ("why did this fail?", "show"),
        ("why was it killed", "show"),
        ("why did #41 crash?", "show"),
        ("what changed here?", "show"),
        ("what went wrong with this run?", "show"),
        ("why did we drop warmup", "who"),
        ("what changed in the loss?", "who"),
        ("remember that 41 leaked the test set", "note"),
        ("what was the best val_loss so far?", "best"),
        ("which run has the best val/acc", "best"),
        ("what is the best optimizer?", "who"),
        ("show me what ana did yesterday", "who"),
    ],
)
def test_free_sentences_are_understood(text: str, name: str) -> None:
    assert parse(text, here=HERE).name == name


def test_what_happened_here_means_the_channel_where_it_is_no_runs_thread() -> None:
    assert parse("what happened here?").name == "digest"
    assert parse("what happened here this week?").name == "digest"


def test_list_takes_filters_with_and_without_keys() -> None:
    text = 'list failed mine lr&lt;1e-3 val_acc >= 90% model=resnet50 tag:"label smoothing" since:2w project:vision page:2'
    command = parse(text)
    assert {(f.key, f.name, f.op, f.value) for f in command.filters} == {
        ("state", None, "=", "failed"),
        ("by", None, "=", "me"),
        ("number", "lr", "<", 1e-3),
        ("number", "val_acc", ">=", 0.9),
        ("number", "model", "=", "resnet50"),
        ("tag", None, "=", "label smoothing"),
        ("since", None, "=", timedelta(days=14)),
        ("project", None, "=", "vision"),
        ("page", None, "=", 2.0),
    }
    assert command.text == ""
    assert command.filter("project") is not None


@pytest.mark.parametrize(
    "text",
    [
        'tag:"label smoothing"',
        "since:14d",
        "since:90min",
        "until:2026-11-03",
        "lr<0.001",
        "model!=resnet50",
        "page:2",
        "by:U0ANA",
    ],
)
def test_a_filter_can_be_written_again(text: str) -> None:
    assert parse(f"list {text}").filters[0].words == text


def test_a_threads_project_may_have_spaces() -> None:
    run = parse("show", here="my project/42").runs[0]
    assert (run.project, run.number) == ("my project", 42)


def test_times_are_ages_or_dates() -> None:
    values = [f.value for f in parse("list since:12h until:2026-11-03 since:yesterday").filters]
    assert values == [timedelta(hours=12), date(2026, 11, 3), timedelta(days=2)]


@pytest.mark.parametrize("quotes", ['"two words"', "“two words”", "„two words”"])
def test_curly_quotes_are_quotes(quotes: str) -> None:
    assert parse(f"list tag:{quotes}").filters[0].value == "two words"


def test_a_permalink_names_a_run_by_its_thread() -> None:
    address = "https://acme.slack.com/archives/C0VISION/p1764000000123456?thread_ts=1763999999.000100&amp;cid=C0VISION"
    run = parse(f"compare <{address}> 42").runs[0]
    assert (run.kind, run.channel, run.ts) == ("permalink", "C0VISION", "1763999999.000100")


def test_a_person_names_their_run() -> None:
    assert parse("show <@U0ANA|ana>").runs == (RunName(kind="person", text="@U0ANA", person="U0ANA"),)
    assert parse("show @ana").runs[0].person == "ana"


def test_tags_are_added_and_taken_away() -> None:
    assert parse("tag promising -old", here=HERE).options == ("promising", "-old")
    assert names(parse("tag 41 promising", here=None)) == ["#41"]


def test_logs_have_three_ways() -> None:
    command = parse("logs 42 grep KeyError in loader")
    assert (command.options, command.text) == (("grep",), "KeyError in loader")
    assert parse("logs", here=HERE).options == ("tail",)


@pytest.mark.parametrize(
    ("text", "here", "problem", "suggestion"),
    [
        ("lsit", None, "lsit", "list"),
        ("comprae 41 42", None, "comprae", "compare 41 42"),
        ("compare 41", None, "two runs", "compare #41 best"),
        ("compare", None, "two runs", "compare 41 42"),
        ("show", None, "Which run", "show 42"),
        ("note", HERE, "note say", "note 42 the warmup was too short"),
        ("note the warmup was too short", None, "Which run", "note 42 the warmup was too short"),
        ("tag", HERE, "Which tag", "tag 42 promising"),
        ("who", None, "tried what", "who label smoothing"),
        ("list porject:vision", None, "porject", "list project:vision"),
        ("list since:soon", None, "soon", "list since:2w"),
        ("list state:runing", None, "runing", "list state:running"),
        ("list page:x", None, "no page", "list page:2"),
        ("logs 42 hed", None, "tail, grep or file", "logs #42 grep hed"),
        ("logs 42 grep", None, "grep for what", "logs #42 grep KeyError"),
        ("show !!", None, "names no run", "show 42"),
        (
            "compare " + " ".join(str(n) for n in range(1, 14)),
            None,
            "up to 10",
            "compare " + " ".join(f"#{n}" for n in range(1, 11)),
        ),
        ("the loss explodes after warmup", None, "did not understand", "who the loss explodes after warmup"),
        ("frobnicate", None, "frobnicate", "help"),
    ],
)
def test_a_wrong_command_is_answered_with_the_nearest_right_one(
    text: str, here: str | None, problem: str, suggestion: str
) -> None:
    with pytest.raises(GrammarError, match=problem) as error:
        parse(text, here=here)
    assert error.value.suggestion == suggestion
    assert suggestion in str(error.value)


@settings(max_examples=300, deadline=None)
@given(
    text=st.one_of(
        st.text(max_size=80),
        st.lists(
            st.sampled_from(
                [
                    *COMMANDS,
                    "with",
                    "41",
                    "#42",
                    "vision/",
                    "/",
                    '"',
                    "lr<",
                    "<1e-3",
                    "by:",
                    "since:9999w",
                    "@",
                    "page:0",
                    "<@U1|",
                    "x:y",
                    ",",
                ]
            ),
            max_size=6,
        ).map(" ".join),
    ),
    here=st.sampled_from([None, HERE]),
)
def test_any_text_leads_to_a_command(text: str, here: str | None) -> None:
    assert outcome(text, here).split()[0] in COMMANDS


def outcome(text: str, here: str | None) -> str:
    """The command that a text is, or the one that its refusal suggests."""
    try:
        return parse(text, here=here).name
    except GrammarError as error:
        return error.suggestion


def test_a_file_name_that_slack_made_a_link_is_its_name_again() -> None:
    assert parse("who used <http://train.py|train.py>").text == "train.py"
