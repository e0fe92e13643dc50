"""One grammar for `/runs …`, mentions and direct messages: words in, a command or a helpful refusal out."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches

from bot.grammar_filters import Filter as Filter
from bot.grammar_filters import GrammarError as GrammarError
from bot.grammar_filters import read_filter, spaced
from bot.grammar_names import RunName as RunName
from bot.grammar_names import read_run
from bot.grammar_sentences import PHRASES, is_question
from bot.grammar_text import Token, prepare, tokens

MAIN = ("list", "show", "compare", "who", "note", "digest")
MORE = (
    "now", "logs", "best", "tree", "tag", "fork", "link", "like", "value", "baseline", "connect", "mute",
    "archive", "prioritise", "settings", "report", "rename", "restate", "delete",
    "export", "iam", "login", "help", "search",
)  # fmt: skip
COMMANDS = (*MAIN, *MORE)
ALIASES = {
    "ls": "list",
    "runs": "list",
    "diff": "compare",
    "vs": "compare",
    "info": "show",
    "find": "search",
    "star": "like",
    "log": "logs",
    "more": "help",
    "?": "help",
    "hello": "help",
    "hi": "help",
    "prioritize": "prioritise",
    "unmute": "mute",
    "setting": "settings",
    "config": "settings",
    "story": "report",
}
LOG_MODES = ("tail", "grep", "file")
MOST_COMPARED = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """What somebody asked for. `text` is what is left as free words; `options` are a command's own words."""

    name: str
    runs: tuple[RunName, ...] = ()
    filters: tuple[Filter, ...] = ()
    text: str = ""
    options: tuple[str, ...] = ()

    def filter(self, key: str) -> Filter | None:
        """The last filter of that key."""
        return next((each for each in reversed(self.filters) if each.key == key), None)


def parse(text: str, *, here: str | None = None) -> Command:
    """The command in a text; `here` names the run whose thread it was written in, such as `vision/42`.

    Raises `GrammarError`, whose message says what is wrong and what to write instead.
    """
    said = prepare(text)
    if not said:
        return Command(name="help")
    place = thread_run(here) if here else None
    sentence = read_sentence(said, place)
    if sentence:
        return sentence
    first, _, rest = said.partition(" ")
    word = first.lower().rstrip(":,.!")
    if word.startswith("/runs"):
        return parse(rest, here=here)
    name = ALIASES.get(word, word)
    if name not in COMMANDS:
        if is_question(said) or (" " in said and said.endswith("?") and not near_command(word)):
            return read_who("who", said, place)
        raise unknown(said, word)
    rest = rest.strip()
    return READERS.get(name, read_filtered)(name, "more" if word == "more" else rest, place)


def thread_run(here: str) -> RunName:
    """The run whose thread it is; a project's name may hold spaces there."""
    project, _, number = here.rpartition("/")
    return RunName(kind="ref", text=here, project=project, number=int(number))


def unknown(said: str, word: str) -> GrammarError:
    """No command by that name: the nearest right one, else the one that takes any words."""
    near = near_command(word)
    if near:
        right = f"{near} {said.partition(' ')[2]}".strip()
        return GrammarError(f"I do not know “{word}”.", suggestion=right)
    if len(said.split()) > 2:
        return GrammarError(
            "I did not understand that. To search what people tried, ask:", suggestion=f"who {said}"
        )
    return GrammarError(f"I do not know “{word}”. All commands:", suggestion="help")


def near_command(word: str) -> str | None:
    """The command that a word may be a slip of."""
    near = get_close_matches(word, [*COMMANDS, *ALIASES], n=1, cutoff=0.6)
    return ALIASES.get(near[0], near[0]) if near else None


def read_sentence(said: str, here: RunName | None) -> Command | None:
    """A free sentence for one of the six main commands or mute; None where it is none."""
    plain = said.rstrip("?!. ")
    for pattern, name in PHRASES:
        found = pattern.fullmatch(plain)
        if found is None:
            continue
        rest = (found.groupdict().get("rest") or "").strip()
        if name == "show" and rest.lower() == "here" and here is None:
            continue  # no run's thread: the channel is meant
        return READERS.get(name, read_filtered)(name, rest, here)
    return None


def read_filtered(name: str, rest: str, here: RunName | None) -> Command:
    """Filters and free words: list, now, best, export, search and what takes only words."""
    filters, words = split(tokens(spaced(rest)))
    return Command(name=name, filters=filters, text=" ".join(words))


def split(found: list[Token]) -> tuple[tuple[Filter, ...], list[str]]:
    """Filters apart from the words that are none."""
    filters, words = [], []
    for token in found:
        condition = None if token.quoted else read_filter(token.text)
        if condition:
            filters.append(condition)
        else:
            words.append(token.text)
    return tuple(filters), words


STATE_WORDS = {"running", "finished", "failed", "killed", "preempted", "lost"}
LIST_FILLERS = {"runs", "run", "all", "the", "of", "from", "in", "with", "and", "that", "where", "by"}


def read_list(name: str, rest: str, here: RunName | None) -> Command:
    """`list failed by:@ana lr<1e-3 since:2w`: states, `mine`, people and times need no key."""
    filters, words = split(tokens(spaced(rest)))
    kept: list[str] = []
    added: list[Filter] = []
    for word in words:
        lower = word.lower()
        if lower in STATE_WORDS:
            added.append(Filter(key="state", op="=", value=lower))
        elif lower in ("mine", "my", "me"):
            added.append(Filter(key="by", op="=", value="me"))
        elif lower in ("today", "yesterday"):
            added.append(required(f"since:{lower}"))
        elif word.startswith("@") and len(word) > 1:
            added.append(required(f"by:{word}"))
        elif lower not in LIST_FILLERS:
            kept.append(word)
    return Command(name="list", filters=(*filters, *added), text=" ".join(kept))


def required(text: str) -> Filter:
    """A filter that is known to be one."""
    found = read_filter(text)
    if found is None:
        raise GrammarError(f"I do not understand “{text}”.", suggestion="list since:2w")
    return found


def read_mine(name: str, rest: str, here: RunName | None) -> Command:
    """My runs."""
    return read_list("list", f"mine {rest}", here)


def read_compare(name: str, rest: str, here: RunName | None) -> Command:
    """`compare 41 42`, `compare with 41` in a thread, up to ten runs; filters may choose them instead."""
    rest = re.sub(r"(?i)\bcompare\b|\bcompared\b", " ", rest)
    found = tokens(rest)
    filters, words = split(found)
    joins = {"with", "and", "to", "against", "vs", "versus", "vs.", "the", "runs", "run", ",", "&"}
    relative = any(word.lower() in ("with", "against", "to") for word in words[:1])
    names: list[RunName] = []
    for word in ",".join(words).split(","):
        if not word or word.lower() in joins:
            continue
        if word.lower() in ("this", "it", "here", "that"):
            names.append(needed_place(here, "compare 41 42"))
        else:
            names.append(run_or_error(word, "compare"))
    if here and here not in names and (relative or len(names) < 2) and not filters:
        names.insert(0, here)
    unique = tuple(dict.fromkeys(names))
    if len(unique) > MOST_COMPARED:
        first = " ".join(each.text for each in unique[:MOST_COMPARED])
        raise GrammarError(
            f"I compare up to {MOST_COMPARED} runs at once, you named {len(unique)}.",
            suggestion=f"compare {first}",
        )
    if len(unique) < 2 and not filters:
        other = unique[0].text if unique else "41"
        raise GrammarError(
            "Comparing takes two runs or more.", suggestion=f"compare {other} {'best' if unique else '42'}"
        )
    return Command(name="compare", runs=unique, filters=filters)


def read_show(name: str, rest: str, here: RunName | None) -> Command:
    """`show 42`; in a thread its run; `show best val_acc`."""
    words = [token.text for token in tokens(rest) if token.text.lower() not in ("the", "run", "me", "about")]
    if not words or words[0].lower() in ("this", "it", "here"):
        return Command(name="show", runs=(needed_place(here, "show 42"),))
    run = run_or_error(words[0], "show")
    return Command(name="show", runs=(run,), text=" ".join(words[1:]))


def read_on_run(name: str, rest: str, here: RunName | None) -> Command:
    """A command about one run and some words: the run is the first word, or the thread's."""
    first, _, others = rest.partition(" ")
    named = first.rstrip(":,")
    if named.lower() in ("this", "it", "here") and here:
        return Command(name=name, runs=(here,), text=others.strip())
    run = read_run(named)
    # In a thread a bare word is what the command is about; only what clearly names a run is one.
    if run and not (
        here and run.kind in ("name", "number") and not first.startswith("#") and name != "baseline"
    ):
        return Command(name=name, runs=(run,), text=others.strip())
    example = ON_RUN.get(name, f"{name} 42")
    return Command(name=name, runs=(needed_place(here, example),), text=rest)


ON_RUN = {
    "note": "note 42 the warmup was too short",
    "tag": "tag 42 promising",
    "link": "link 42 https://…",
    "value": "value 42 30 k€ a year",
}


def read_note(name: str, rest: str, here: RunName | None) -> Command:
    """`note 42 what you found`: the words stay as they were typed."""
    rest = rest.lstrip(": ")
    command = read_on_run(name, rest, here)
    run = command.runs[0]
    if here is None and run.kind == "name" and re.fullmatch(r"[A-Za-z]+", run.text):
        # More likely the first word of the note than the whole name of a run.
        raise GrammarError("Which run is the note about?", suggestion=f"note 42 {rest}")
    if not command.text:
        raise GrammarError("What should the note say?", suggestion=ON_RUN["note"])
    return command


def read_tag(name: str, rest: str, here: RunName | None) -> Command:
    """`tag 42 promising -old`: words to add, with a minus to take away."""
    command = read_on_run(name, rest, here)
    words = tuple(token.text.lstrip("#") for token in tokens(command.text))
    if not words:
        raise GrammarError("Which tag?", suggestion=ON_RUN["tag"])
    return replace(command, text="", options=words)


def read_logs(name: str, rest: str, here: RunName | None) -> Command:
    """`logs 42`, `logs 42 tail`, `logs 42 grep KeyError`, `logs 42 file`."""
    words = tokens(rest)
    runs: tuple[RunName, ...] = ()
    if words and words[0].text.lower() not in LOG_MODES:
        runs, words = (run_or_error(words[0].text, "logs"),), words[1:]
    runs = runs or (needed_place(here, "logs 42"),)
    mode = words[0].text.lower() if words else "tail"
    if mode not in LOG_MODES:
        near = get_close_matches(mode, LOG_MODES, n=1) or ["grep"]
        right = f"logs {runs[0].text} {near[0]}" + (
            f" {mode}" if near == ["grep"] and mode not in near else ""
        )
        raise GrammarError(f"Logs come as tail, grep or file, not “{mode}”.", suggestion=right)
    pattern = " ".join(token.text for token in words[1:])
    if mode == "grep" and not pattern:
        raise GrammarError("grep for what?", suggestion=f"logs {runs[0].text} grep KeyError")
    return Command(name=name, runs=runs, options=(mode,), text=pattern)


def read_who(name: str, rest: str, here: RunName | None) -> Command:
    """`who label smoothing since:4w`: words to look for, filters aside; other colons are part of the words."""
    rest = re.sub(
        r"(?i)^(?:has |have |had |did )?(?:anyone |anybody |else |ever |already )*(?:tried|used|tested)\s+",
        "",
        rest,
    )
    filters, words = [], []
    for token in tokens(rest.rstrip("?")):
        condition = None if token.quoted else read_filter(token.text, strict=False)
        if condition:
            filters.append(condition)
        else:
            words.append(f'"{token.text}"' if token.quoted and " " in token.text else token.text)
    if not words and not filters:
        raise GrammarError("Who has tried what?", suggestion="who label smoothing")
    return Command(name=name, filters=tuple(filters), text=" ".join(words))


def read_optional_run(name: str, rest: str, here: RunName | None) -> Command:
    """A command that may name runs and needs none."""
    filters, words = split(tokens(rest))
    runs = tuple(run for word in words if (run := read_run(word)) and run.kind != "name")
    others = " ".join(word for word in words if not ((run := read_run(word)) and run.kind != "name"))
    return Command(
        name=name, runs=runs or ((here,) if here and not others else ()), filters=filters, text=others
    )


def read_words(name: str, rest: str, here: RunName | None) -> Command:
    """A command whose words are its own."""
    return Command(name=name, text=rest)


def needed_place(here: RunName | None, example: str) -> RunName:
    """The thread's run; where there is none, which run has to be said."""
    if here is None:
        raise GrammarError("Which run?", suggestion=example)
    return here


def run_or_error(word: str, command: str) -> RunName:
    """A run's name, or what a run's name looks like."""
    run = read_run(word)
    if run is None:
        raise GrammarError(
            f"“{word}” names no run. A run is #42, vision/42, a name, latest, best or baseline.",
            suggestion=f"{command} 42",
        )
    return run


READERS: dict[str, Callable[[str, str, RunName | None], Command]] = {
    "list": read_list,
    "mine": read_mine,
    "compare": read_compare,
    "show": read_show,
    "note": read_note,
    "who": read_who,
    "tag": read_tag,
    "logs": read_logs,
    "tree": read_optional_run,
    "fork": read_on_run,
    "link": read_on_run,
    "like": read_on_run,
    "value": read_on_run,
    "baseline": read_on_run,
    "rename": read_on_run,
    "restate": read_on_run,
    "delete": read_on_run,
    "help": read_words,
    "iam": read_words,
    "login": read_words,
    "connect": read_words,
    "mute": read_words,
    "archive": read_words,
    "prioritise": read_words,
    "settings": read_words,
}
