"""What the training process and its machine use: CPU, memory against the true limit, disk, GPUs."""

import ctypes
import os
from typing import Any

from runlore import cgroup

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Sampler:
    """Readings of a process tree, by the names of their series without `system/`."""

    def __init__(self, pid: int, directory: str, disk: str, groups: list[str]) -> None:
        self._pid = pid
        self._directory = directory
        self._disk = disk
        self._places = groups
        self._gpus = Gpus()
        self._cpu_before: tuple[float, float] | None = None

    def oom_kills(self) -> int | None:
        """How often the kernel has killed for memory where this process is accounted."""
        return cgroup.oom_kills(self._places)

    def memory(self) -> tuple[float, float]:
        """Bytes used and the limit, of the tightest group or of the machine; quickly, for a look in between."""
        used, limit = cgroup.memory(self._places)
        if used is not None and limit is not None:
            return used, limit
        total, available = machine_memory()
        return total - available, total

    def sample(self, now: float) -> dict[str, float]:
        """All that can be read at this moment; `now` is a monotonic clock."""
        found: dict[str, float] = {}
        ticks, resident = 0, 0
        for pid in process_tree(self._pid):
            own_ticks, own_resident = _usage(pid)
            ticks += own_ticks
            resident += own_resident
        if resident:
            found["memory_bytes"] = resident
        seconds = ticks / _TICKS
        if self._cpu_before and now > self._cpu_before[1] and seconds >= self._cpu_before[0]:
            found["cpu_percent"] = round(
                100 * (seconds - self._cpu_before[0]) / (now - self._cpu_before[1]), 1
            )
        self._cpu_before = seconds, now
        used, limit = cgroup.memory(self._places)
        if used is not None and limit is not None:
            found["memory_bytes"], found["memory_limit_bytes"] = used, limit
        else:
            total, available = machine_memory()
            if total:
                found["memory_limit_bytes"] = total
                found["machine_memory_bytes"] = total - available
        for name, place in (("spool_disk", self._directory), ("disk", self._disk)):
            try:
                room = os.statvfs(place)
            except OSError:
                continue
            found[f"{name}_bytes"] = (room.f_blocks - room.f_bavail) * room.f_frsize
            found[f"{name}_limit_bytes"] = room.f_blocks * room.f_frsize
        found.update(self._gpus.sample())
        return found


def process_tree(pid: int) -> list[int]:
    """A process and its descendants; only itself where /proc does not tell."""
    found = [pid]
    for parent in found:
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{thread}/children", encoding="ascii") as file:
                    found += [int(child) for child in file.read().split()]
        except OSError:
            continue
        if len(found) > 500:
            break
    return found


def _usage(pid: int) -> tuple[int, int]:
    """CPU ticks and resident bytes."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0, 0
    return int(fields[11]) + int(fields[12]), int(fields[21]) * _PAGE


def machine_memory() -> tuple[int, int]:
    """Bytes in the machine and bytes available."""
    values = {}
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                name, _, value = line.partition(":")
                values[name] = int(value.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        return 0, 0
    return values.get("MemTotal", 0), values.get("MemAvailable", 0)


class _Memory(ctypes.Structure):
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


class _Memory2(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_uint),
        ("total", ctypes.c_ulonglong),
        ("reserved", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    ]


class _Utilization(ctypes.Structure):
    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class Gpus:
    """NVIDIA's management library through ctypes, where there is one."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._devices: list[ctypes.c_void_p] = []
        try:
            library = ctypes.CDLL("libnvidia-ml.so.1")
            if library.nvmlInit_v2() == 0:
                self._nvml = library
                self._devices = self._find()
        except (OSError, AttributeError):
            # No NVIDIA driver here, or one too old to ask.
            self._nvml = None

    def sample(self) -> dict[str, float]:
        """Utilisation, memory, temperature and power of each GPU."""
        found: dict[str, float] = {}
        for index, device in enumerate(self._devices):
            use, number = _Utilization(), ctypes.c_uint()
            if memory := self._memory(device):
                found[f"gpu{index}_memory_bytes"], found[f"gpu{index}_memory_limit_bytes"] = memory
            if self._nvml.nvmlDeviceGetUtilizationRates(device, ctypes.byref(use)) == 0:
                found[f"gpu{index}_percent"] = use.gpu
            if self._nvml.nvmlDeviceGetTemperature(device, 0, ctypes.byref(number)) == 0:
                found[f"gpu{index}_celsius"] = number.value
            if self._nvml.nvmlDeviceGetPowerUsage(device, ctypes.byref(number)) == 0:
                found[f"gpu{index}_watts"] = number.value / 1000
        return found

    def _memory(self, device: ctypes.c_void_p) -> tuple[int, int] | None:
        """Bytes used, and bytes that can be: as nvidia-smi and PyTorch count, without what the driver keeps for itself."""
        new = _Memory2(version=ctypes.sizeof(_Memory2) | 2 << 24)
        try:
            if self._nvml.nvmlDeviceGetMemoryInfo_v2(device, ctypes.byref(new)) == 0:
                return new.used, new.total - new.reserved
        except AttributeError:
            pass  # drivers before 510 only have the first form, which counts the driver's own part as used
        old = _Memory()
        if self._nvml.nvmlDeviceGetMemoryInfo(device, ctypes.byref(old)) == 0:
            return old.used, old.total
        return None

    def names(self) -> list[str]:
        """What the GPUs are called."""
        found = []
        for device in self._devices:
            name = ctypes.create_string_buffer(96)
            if self._nvml.nvmlDeviceGetName(device, name, 96) == 0:
                found.append(name.value.decode("utf-8", "replace"))
        return found

    def driver(self) -> dict[str, str]:
        """The driver's version and the CUDA version it brings."""
        found: dict[str, str] = {}
        if self._nvml is None:
            return found
        name, number = ctypes.create_string_buffer(96), ctypes.c_int()
        if self._nvml.nvmlSystemGetDriverVersion(name, 96) == 0:
            found["driver"] = name.value.decode("utf-8", "replace")
        if self._nvml.nvmlSystemGetCudaDriverVersion_v2(ctypes.byref(number)) == 0:
            found["cuda"] = f"{number.value // 1000}.{number.value % 1000 // 10}"
        return found

    def _find(self) -> list[ctypes.c_void_p]:
        """The devices this job may use: on a shared machine the others are somebody else's."""
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        count = ctypes.c_uint()
        if visible in ("", "-1") or self._nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
            return []
        wanted = (
            [word.strip() for word in visible.split(",")] if visible else [str(n) for n in range(count.value)]
        )
        found = []
        for word in wanted:
            device = ctypes.c_void_p()
            if word.isdigit():
                answer = self._nvml.nvmlDeviceGetHandleByIndex_v2(int(word), ctypes.byref(device))
            else:
                answer = self._nvml.nvmlDeviceGetHandleByUUID(word.encode(), ctypes.byref(device))
            if answer == 0:
                found.append(device)
        return found
