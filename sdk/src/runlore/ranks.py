"""Which process of a distributed job this is, and the run id that all of them agree on without talking."""

import os
from typing import NamedTuple

RANK_NAMES = ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "JAX_PROCESS_ID")


class Place(NamedTuple):
    """This process's rank, and what names the job that it is a part of; job is "" outside of one."""

    rank: int
    job: str


def _number(name: str) -> int | None:
    value = os.environ.get(name, "")
    return int(value) if value.isdigit() else None


def process_start(pid: int) -> int:
    """The start time of a process in clock ticks since boot: with the pid it names a process for good."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


def place() -> Place:
    """Read the launcher's environment: torchrun, Slurm, MPI, JAX, DeepSpeed and accelerate set one of these."""
    for name in RANK_NAMES:
        rank = _number(name)
        if rank is not None:
            return Place(rank, _job())
    tasks = _number("SLURM_NTASKS") or 1
    rank = _number("SLURM_PROCID")
    if rank is not None and tasks > 1 and "SLURM_STEP_ID" in os.environ:
        return Place(rank, _job())
    rank = _number("LOCAL_RANK")
    return Place(rank, _job()) if rank is not None else Place(0, "")


def _job() -> str:
    restart = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    slurm = os.environ.get("SLURM_JOB_ID")
    if slurm:
        step = os.environ.get("SLURM_STEP_ID", "")
        return f"slurm/{slurm}/{step}/{os.environ.get('SLURM_RESTART_COUNT', '0')}/{restart}"
    torchrun = os.environ.get("TORCHELASTIC_RUN_ID", "none")
    if torchrun != "none":
        return f"torchrun/{torchrun}/{restart}"
    # The default id is the same for every launch; on one machine the launcher's own process tells them apart.
    parent = os.getppid()
    return f"{os.uname().nodename}/{parent}/{process_start(parent)}/{restart}"


def run_id_for(job: str, project: str, count: int) -> str:
    """The same id in every rank for the n-th run that the job starts."""
    import hashlib

    return hashlib.sha256(f"{job}\n{project}\n{count}".encode()).hexdigest()[:16]
