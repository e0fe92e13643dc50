"""`runlore.init`, `log`, `finish` and their kin: the functions of wandb's names over one current run."""

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from runlore import cgroup, hooks, launch, names, places, ranks, redirect, settings, values
from runlore.recorder import Run
from runlore.settings import Settings
from runlore.spool import Spool, open_reserve
from runlore.version import VERSION

Function = TypeVar("Function", bound=Callable[..., Any])

NEXT_SIGN_SECONDS = 30
ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")

_current: Run | None = None
# What is said after finish() goes to the run that it ended, which says so once instead of raising.
_ended: Run | None = None
_started = 0
_attached: dict[str, Run] = {}


def current() -> Run | None:
    """The run that module-level functions speak to."""
    return _current


def init(
    project: str | None = None,
    config: Any = None,
    *,
    name: str | None = None,
    tags: Iterable[str] | None = None,
    notes: str | None = None,
    group: str | None = None,
    id: str | None = None,
    resume: bool | str | None = None,
    mode: str | None = None,
    dir: Any = None,
    reinit: bool | str | None = None,
    fork_of: str | None = None,
    visibility: str = "project",
    url: str | None = None,
    token: str | None = None,
    **others: Any,
) -> Run:
    """Start a run. Raises on arguments that make no sense; after it has returned nothing raises any more."""
    global _current, _started
    found = settings.load(
        project=project, name=name, tags=tags, notes=notes, group=group, id=id, resume=resume, mode=mode,
        dir=os.fspath(dir) if dir else None, url=url, token=token,
    )  # fmt: skip
    _check(found, visibility, config)
    if _current is not None and not _current._finished:
        if reinit in (None, False, "default", "return_previous") and not _in_notebook():
            if project or config or name or group or id:
                _current._warn(
                    f"run {_current.name} in project {_current.project} is still open: init() gave it back and left its "
                    "arguments out; finish() it first, or pass reinit='create_new'"
                )
            return _current
        if reinit != "create_new":
            _current.finish()
    _started += 1
    fields = values.as_mapping(config) or {}
    run = start(found, fields, fork_of=fork_of, visibility=visibility)
    _current = run
    for argument in sorted(set(others) - KNOWN_TO_WANDB):
        run._warn(f"init() has no argument {argument!r}: left out; {_advice(argument)}")
    return run


def _advice(argument: str) -> str:
    from difflib import get_close_matches

    own = init.__kwdefaults__ or {}
    near = get_close_matches(argument, ["project", "config", *own], n=1, cutoff=0.75)
    return (
        f"did you mean {near[0]}=?"
        if near
        else f"what a run is made with goes into config={{{argument!r}: …}}"
    )


KNOWN_TO_WANDB = frozenset(
    "entity job_type save_code settings sync_tensorboard monitor_gym allow_val_change anonymous force "
    "config_exclude_keys config_include_keys fork_from resume_from tensorboard magic".split()
)


def _check(found: Settings, visibility: str, config: Any) -> None:
    if found.mode not in settings.MODES:
        raise ValueError(f"mode={found.mode!r}: it is one of {', '.join(settings.MODES)}")
    if visibility not in ("project", "me"):
        raise ValueError(f"visibility={visibility!r}: it is 'project' or 'me'")
    if found.run_id is not None and not (8 <= len(found.run_id) <= 64 and set(found.run_id) <= ID_CHARACTERS):
        raise ValueError(f"id={found.run_id!r}: 8 to 64 letters, digits, '-' or '_'")
    if found.resume not in (None, "allow", "must", "auto"):
        raise ValueError(f"resume={found.resume!r}: it is 'allow', 'must', 'auto' or 'never'")
    if found.resume == "must" and found.run_id is None:
        raise ValueError("resume='must' needs the id of the run to go on with: init(id=…)")
    check_project(found.project)
    if config is not None and values.as_mapping(config) is None:
        raise TypeError(f"config is a {type(config).__name__}: pass a dict, namespace, dataclass or model")


def check_project(project: str | None) -> None:
    """Raise ValueError for a name that no project can have."""
    if project is not None and names.project_name(project) != project.strip():
        raise ValueError(
            f"project={project[:120]!r}: 1 to 100 characters without / # @ < >, such as {names.project_name(project)!r}"
        )


def start(
    found: Settings,
    config: dict[str, Any],
    *,
    fork_of: str | None = None,
    visibility: str = "project",
    command: list[str] | None = None,
) -> Run:
    """Begin a run with settings that were checked; `command` is what runs when that is not this process itself."""
    inside = os.environ.get("RUNLORE_INSIDE", "")
    if inside and found.mode != "disabled" and command is None:
        return _inside(inside, config)
    place = ranks.place()
    project = names.project_name(found.project or _project_from_code())
    run_id = found.run_id or (
        ranks.run_id_for(place.job, project, _started) if place.job else names.new_id()
    )  # fmt: skip
    name = found.name or names.new_name()
    if found.mode == "disabled":
        return Run(
            run_id=run_id, project=project, name=name, mode="disabled", config=config, silent=found.silent
        )
    stream_name = f"{run_id}-{os.urandom(4).hex()}"
    directory, warning = places.make_run_directory(found.directory, stream_name)
    offline = found.mode == "offline" or not found.url
    run = Run(
        run_id=run_id, project=project, name=name, mode="offline" if offline else "online", config=config,
        directory=directory or "", tags=found.tags, notes=found.notes, group=found.group,
        resumed=bool(found.resume and found.run_id), rank=place.rank, silent=found.silent or place.rank > 0,
        exit_wait=found.exit_wait,
    )  # fmt: skip
    if warning:
        run._warn(warning)
    if directory is None:
        return run
    run._safely(lambda: _open(run, found, directory, fork_of, visibility, command))
    return run


def _open(
    run: Run,
    found: Settings,
    directory: str,
    fork_of: str | None,
    visibility: str,
    command: list[str] | None,
) -> None:
    """Everything of `init` that touches the machine; a failure here leaves a run that records nothing, and says so."""
    reserve_fd, reserve_stream = open_reserve(run.id, run.project)
    if reserve_fd >= 0:
        reserve_fd = launch.move_high(reserve_fd)
    spool = Spool(
        directory, run=run.id, project=run.project, warn=run._warn,
        reserve_fd=reserve_fd, reserve_stream=reserve_stream,
    )  # fmt: skip
    pid = os.getpid()
    # Read here: a process killed for memory in its first moments is gone before the sidecar could look.
    groups = cgroup.directories()
    console = redirect.choose(directory, found.console) if run.rank == 0 else "off"
    description = {
        "run": run.id, "project": run.project, "stream": spool.stream, "reserve": reserve_stream,
        "url": found.url, "mode": run.mode, "name": run.name, "pid": pid, "started": ranks.process_start(pid),
        "rank": run.rank, "cwd": os.getcwd(), "argv": redact_arguments(command), "entry": command[0] if command else _entry(), "sys_path": sys.path,
        "python": sys.version.split()[0], "executable": sys.executable, "capture": found.capture,
        "silent": run._silent, "sdk": VERSION,
        "groups": groups, "oom_kills": cgroup.oom_kills(groups),
        "console": console, "exit_wait": found.exit_wait, "linger": found.linger,
    }  # fmt: skip
    with open(os.path.join(directory, "run.json"), "w", encoding="utf-8") as file:
        json.dump(description, file)
    if run.rank == 0:
        told = {
            "name": run.name, "config": values.plain(run.config.as_dict()), "tags": list(run.tags),
            "notes": run.notes, "group": run.group, "fork_of": fork_of, "resumed": run.resumed,
            "visibility": visibility, "entry": description["entry"], "argv": description["argv"],
            "host": os.uname().nodename, "login": login_name(), "pid": pid, "sdk": VERSION,
            "next_in": NEXT_SIGN_SECONDS,
        }  # fmt: skip
        if not spool.event("start", told):
            run._warn("the config is too large to be kept: the run goes on without it")
            spool.event("start", {**told, "config": {}})
        run._spool = spool

    def start_sidecar() -> launch.Sidecar | None:
        originals = run._output.originals if run._output is not None else ()
        return launch.start(directory, token=found.token, reserve_fd=reserve_fd, originals=originals)

    run._sidecar = start_sidecar()
    run._restart_sidecar = start_sidecar
    hooks.watch(run)
    if not hasattr(os, "pidfd_open"):
        hooks.mark_termination(run)
    if run.rank == 0:
        _announce(run, found)
        run._output = redirect.start(directory, console)


def _announce(run: Run, found: Settings) -> None:
    if run.mode == "online" and found.token:
        run._say(f"project {run.project} · run {run.name} · {found.url}")
        return
    why = "offline" if found.mode == "offline" else "no server set" if not found.url else "not logged in"
    login = "`runlore login`, then " if found.url else "`runlore login https://your-server`, then "
    cure = "" if found.mode == "offline" else login
    run._say(
        f"project {run.project} · run {run.name} · {why}: kept in {run.dir}; {cure}`runlore sync` sends it"
    )


def _inside(directory: str, config: dict[str, Any]) -> Run:
    """`runlore run -- CMD` has begun the run already: what CMD logs goes there."""
    try:
        with open(os.path.join(directory, "run.json"), encoding="utf-8") as file:
            description = json.load(file)
    except (OSError, ValueError):
        return Run(run_id=names.new_id(), project="", name="", mode="disabled", config=config)
    run = _join(directory, description["run"], description["project"], description["name"])
    if config:
        run.config.update(config)
    return run


def attach(directory: str, run_id: str, project: str, name: str) -> Run:
    """The same run in another process (an unpickled Run): it may log, into a stream of its own.

    Handed over with each of a pool's jobs it is still one: every stream is a file that stays open.
    """
    run = _attached.get(directory)
    if run is None or run._finished:
        run = _attached[directory] = _join(directory, run_id, project, name)
    return run


def _join(directory: str, run_id: str, project: str, name: str) -> Run:
    run = Run(run_id=run_id, project=project, name=name, mode="attached", directory=directory)
    if directory:
        run._safely(lambda: setattr(
            run, "_spool", Spool(directory, run=run_id, project=project, warn=run._warn)
        ))  # fmt: skip
        hooks.watch(run)
    return run


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """End the current run."""
    global _current, _ended
    if _current is not None:
        _current.finish(exit_code)
        _current, _ended = None, _current


def speaking() -> Run:
    """The run that is spoken to; raises RuntimeError when none was ever begun."""
    run = _current or _ended
    if run is None:
        raise RuntimeError("there is no run yet: call runlore.init() first")
    return run


def log(data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
    """`run.log` of the current run."""
    speaking().log(data, step, commit)


def alert(title: str, text: str = "", level: Any = "INFO", wait_duration: Any = None) -> None:
    """`run.alert` of the current run."""
    speaking().alert(title, text, level, wait_duration)


def note(text: str) -> None:
    """`run.note` of the current run."""
    speaking().note(text)


def progress(done: float, total: float | None = None, *, expect_next_in: float | None = None) -> None:
    """`run.progress` of the current run."""
    speaking().progress(done, total, expect_next_in=expect_next_in)


def define_metric(name: str, *arguments: Any, **options: Any) -> None:
    """`run.define_metric` of the current run."""
    speaking().define_metric(name, *arguments, **options)


def dataset(data: Any, name: str | None = None, filters: Any = None) -> None:
    """`run.dataset` of the current run."""
    speaking().dataset(data, name, filters)


def artifact(path: Any, kind: str = "file", name: str | None = None) -> None:
    """`run.artifact` of the current run."""
    speaking().artifact(path, kind, name)


def link(url: str, title: str | None = None) -> None:
    """`run.link` of the current run."""
    speaking().link(url, title)


def watch(function: Any = None, **arguments: Any) -> Any:
    """`@watch(project=…)` makes every call of a function one run; wandb's `watch(model)` is taken and does nothing."""
    if function is not None and (not callable(function) or hasattr(function, "parameters")):
        return None

    def decorate(inner: Function) -> Function:
        @functools.wraps(inner)
        def watched(*args: Any, **kwargs: Any) -> Any:
            with init(**{"reinit": "create_new", **arguments}):
                return inner(*args, **kwargs)

        return watched  # type: ignore[return-value] # functools.wraps keeps the signature

    return decorate(function) if function is not None else decorate


def login_name() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # A container's user id without a name.
        return str(os.getuid())


def redact_arguments(command: list[str] | None) -> list[str]:
    """The command line without secrets: of this process, unless another one is given."""
    from runlore import redact

    return redact.arguments(command or getattr(sys, "orig_argv", None) or sys.argv)


def _entry() -> str:
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name not in ("__main__", None):
        return f"-m {spec.name.removesuffix('.__main__')}"
    path = getattr(main, "__file__", None)
    return os.path.relpath(path) if path else "notebook" if _in_notebook() else "interactive"


def _project_from_code() -> str:
    """Without a project's name, that of the folder the code is in is the best guess; the start says which it was."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    folder = os.path.dirname(os.path.abspath(path)) if path else os.getcwd()
    while folder != os.path.dirname(folder):
        if os.path.exists(os.path.join(folder, ".git")):
            return os.path.basename(folder)
        folder = os.path.dirname(folder)
    return "uncategorized"


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return shell is not None and "ZMQ" in type(shell).__name__
