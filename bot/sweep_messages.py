"""A sweep as one message: its leaderboard, and which params seem to matter."""

from collections.abc import Sequence

from bot.better import Judgement, goal_of, is_seed, key_of, value_of
from bot.blocks import actions, bold, button, code, context, escape, fit, flat, line, link, name_of, section
from bot.draft import HOUSEKEEPING
from bot.importance import Importance
from bot.numbers import count, number, setting
from bot.values import Blocks, Message, RunView
from bot.verdicts import sign, standing

LEADERS = 5
TOLD = 4
MEDALS = ("🥇", "🥈", "🥉")


def sweep(
    project: str, group: str, runs: Sequence[RunView], importances: Sequence[Importance] = ()
) -> Message:
    """The live leaderboard of a sweep; edited as its runs end."""
    states = {
        state: sum(run.state == state for run in runs) for state in dict.fromkeys(run.state for run in runs)
    }
    done = ", ".join(f"{amount} {state}" for state, amount in states.items())
    metric = sweep_metric(runs)
    leaders = ranked(runs, metric) if metric else []
    name = f"{flat(project, 36)} sweep {flat(group, 40)}"
    head = f"{name}: {count(len(runs), 'run')} ({flat(done, 80)})"
    if leaders and metric:
        best = leaders[0]
        head = f"{name}: best {flat(metric, 40)} {number(value_of(best, metric))} (#{best.number}) of {len(runs)}"
    owners = ", ".join(dict.fromkeys(name_of(run.owner) for run in runs)) or "somebody"
    blocks: Blocks = [section(f"🧪 {bold(escape(head))}\n{line(done, 120)} · {owners[:200]}")]
    varied = varied_params(runs)
    if leaders and metric:
        rows = [leader_row(place, run, metric, varied) for place, run in enumerate(leaders[:LEADERS])]
        blocks.append(section("\n".join(rows)))
    if importances:
        told = " · ".join(importance_words(each) for each in importances[:TOLD])
        blocks.append(context(f"Rank correlation with {code(metric or '', 60)}: {told}"))
    ids = ",".join(str(run.id) for run in leaders[:10])
    if len(leaders) > 1:
        blocks.append(actions(button("Compare the best", "sweep_compare", ids)))
    return fit(Message(text=escape(head), blocks=blocks))


def sweep_ended(project: str, group: str, runs: Sequence[RunView], judgement: Judgement | None) -> Message:
    """What came out of a sweep, once nothing of it runs."""
    name = f"{flat(project, 36)} sweep {flat(group, 40)}"
    bad = [run for run in runs if run.state != "finished"]
    metric = sweep_metric(runs)
    leaders = ranked(runs, metric) if metric else []
    head = f"{name} is over: {count(len(runs), 'run')}"
    if leaders and judgement:
        head = f"{name} is over: {standing(judgement)} (#{leaders[0].number} of {len(runs)})"
    best = bool(judgement and judgement.is_new_best)
    words = [f"{'🏆' if best else '🧪'} {bold(escape(head))}"]
    if leaders and metric:
        words.append(leader_row(0, leaders[0], metric, varied_params(runs)))
    if bad:
        states = {state: sum(run.state == state for run in bad) for state in [run.state for run in bad]}
        words.append(line(", ".join(f"{amount} {state}" for state, amount in states.items()), 200))
    blocks: Blocks = [section("\n".join(words))]
    if len(leaders) > 1:
        ids = ",".join(str(run.id) for run in leaders[:10])
        blocks.append(actions(button("Compare the best", "sweep_compare", ids)))
    return fit(Message(text=escape(head), blocks=blocks))


def sweep_metric(runs: Sequence[RunView]) -> str | None:
    """The key metric most runs have, where somebody can win it."""
    names = [name for run in runs if (name := key_of(run)) and goal_of(run.metrics[name])]
    return max(dict.fromkeys(names), key=names.count, default=None)


def ranked(runs: Sequence[RunView], metric: str) -> list[RunView]:
    """Runs with the metric, the best first, the earlier first where equal."""
    scored = [(value, run) for run in runs if (value := value_of(run, metric)) is not None]
    if not scored:
        return []
    direction = -1 if goal_of(scored[0][1].metrics[metric]) == "max" else 1
    return [run for _, run in sorted(scored, key=lambda pair: (direction * pair[0], pair[1].number))]


def varied_params(runs: Sequence[RunView]) -> list[str]:
    """The params that the sweep varies, housekeeping aside."""
    names = dict.fromkeys(
        name for run in runs for name in run.params if not HOUSEKEEPING.search(name) and not is_seed(name)
    )
    return [name for name in names if len({repr(run.params.get(name)) for run in runs}) > 1]


def leader_row(place: int, run: RunView, metric: str, varied: Sequence[str]) -> str:
    """🥇 #42 0.942 lr 3e-4, warmup 500."""
    medal = MEDALS[place] if place < len(MEDALS) else f"{place + 1}."
    told = ", ".join(
        f"{line(name, 40)} {line(setting(run.params[name]), 40)}" for name in varied[:4] if name in run.params
    )
    running = f" {sign(run)}" if run.state != "finished" else ""
    return f"{medal} {link(run.permalink, f'#{run.number}')} {bold(number(value_of(run, metric)))}{running}  {told}".rstrip()


def importance_words(each: Importance) -> str:
    """`lr` −0.82."""
    return f"{code(each.param, 60)} {'+' if each.correlation >= 0 else '−'}{abs(each.correlation):.2f}"
