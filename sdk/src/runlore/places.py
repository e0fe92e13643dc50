"""Where spools lie: a private local directory that ignores itself in git and is never on a network file system."""

import contextlib
import os

NETWORK = frozenset(
    "nfs nfs4 cifs smb3 smbfs lustre gpfs beegfs ceph glusterfs afs 9p panfs pvfs2 orangefs fuse.sshfs "
    "fuse.glusterfs fuse.s3fs fuse.gcsfuse fuse.juicefs fuse.beegfs_mount fuse.cvmfs2".split()
)
MOUNTS = "/proc/self/mountinfo"
# Ours in there is made 0700 and checked to be ours; what outlives a job and a restart comes first.
SHARED = ("/var/tmp", os.environ.get("TMPDIR", "/tmp"), "/dev/shm")  # noqa: S108


def file_system(path: str, mounts: str = MOUNTS) -> str:
    """The type of the file system that `path` is or would be on; "" where the system does not say."""
    path = os.path.realpath(path)
    best, kind = "", ""
    try:
        with open(mounts, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return ""
    for line in lines:
        left, _, right = line.partition(" - ")
        point = left.split(" ")[4].replace("\\040", " ")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        # The later of two mounts on one point is the one in sight.
        if inside and len(point) >= len(best):
            best, kind = point, right.split(" ", 1)[0]
    return kind


def default_directory() -> str:
    """The user's state directory."""
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "runlore")


def candidates(chosen: str | None) -> list[str]:
    """Where to keep the spool, best first: what the user chose, else the first local and writable place."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    fallback = [os.path.join(place, f"runlore-{user}") for place in SHARED]
    if chosen:
        return [os.path.abspath(os.path.expanduser(chosen)), *fallback]
    default = default_directory()
    # Relative: a user id without a name and a home, as containers have it; "~" would become a folder of the code's.
    usable = os.path.isabs(default) and file_system(default) not in NETWORK
    return [default, *fallback] if usable else fallback


def prepare(directory: str) -> bool:
    """Make the directory private to us; False when that cannot be."""
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        status = os.stat(directory)
        if hasattr(os, "getuid") and status.st_uid != os.getuid():
            # Somebody else's directory of our name in a shared place.
            return False
        ignore = os.path.join(directory, ".gitignore")
        if not os.path.exists(ignore):
            with open(ignore, "w", encoding="ascii") as file:
                file.write("*\n")
    except OSError:
        return False
    return os.access(directory, os.W_OK | os.X_OK)


def make_run_directory(chosen: str | None, name: str) -> tuple[str | None, str | None]:
    """A new directory for one run, and the warning to show when it is not where the user wanted it."""
    places = candidates(chosen)
    for place in places:
        if prepare(place):
            path = os.path.join(place, name)
            with contextlib.suppress(OSError):
                os.mkdir(path, 0o700)
                warning = (
                    f"cannot write to {places[0]}: this run is kept in {place}"
                    if place != places[0]
                    else None
                )
                return path, warning
    return None, f"cannot write to {places[0]} nor to any other local directory"


def run_directories(base: str) -> list[str]:
    """Every run directory below a spool directory, oldest first; `base` itself when it is one."""
    if os.path.exists(os.path.join(base, "run.json")):
        return [base]
    try:
        names = os.listdir(base)
    except OSError:
        return []
    found = [os.path.join(base, name) for name in names]
    found = [path for path in found if os.path.exists(os.path.join(path, "run.json"))]
    return sorted(found, key=lambda path: os.stat(path).st_mtime)
