"""GPUs are read through NVIDIA's own interface: a library of that name, compiled here, answers for the driver."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sdk_children as children
from fake_server import FakeServer

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="no C compiler here")

# Two devices: the second is nearly full. NVML's own names, types and order of fields.
NVML = r"""
#include <stdio.h>
#include <string.h>
struct device { const char *uuid, *name; unsigned long long used; unsigned load; };
static struct device devices[] = {{"GPU-aaaa", "Test A100", 4ull << 30, 37}, {"GPU-bbbb", "Test H100", 78ull << 30, 99}};
static const unsigned long long total = 80ull << 30;
typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory2_t;
typedef struct { unsigned gpu, memory; } use_t;
int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct device **found) {
    if (index > 1) return 2;
    *found = &devices[index]; return 0;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, struct device **found) {
    for (int n = 0; n < 2; n++) if (!strcmp(devices[n].uuid, uuid)) { *found = &devices[n]; return 0; }
    return 6;
}
int nvmlDeviceGetMemoryInfo(struct device *one, memory_t *memory) {
    memory->total = total; memory->used = one->used; memory->free = total - one->used; return 0;
}
#ifdef SINCE_510
int nvmlDeviceGetMemoryInfo_v2(struct device *one, memory2_t *memory) {
    if (memory->version != (sizeof(memory2_t) | 2u << 24)) return 25;
    memory->total = total; memory->reserved = 1ull << 29; memory->used = one->used - memory->reserved;
    memory->free = total - one->used; return 0;
}
#endif
int nvmlDeviceGetUtilizationRates(struct device *one, use_t *use) { use->gpu = one->load; use->memory = 1; return 0; }
int nvmlDeviceGetTemperature(struct device *one, int sensor, unsigned *value) { *value = 61; return sensor; }
int nvmlDeviceGetPowerUsage(struct device *one, unsigned *milliwatts) { *milliwatts = 250500; return 0; }
int nvmlDeviceGetName(struct device *one, char *name, unsigned length) { snprintf(name, length, "%s", one->name); return 0; }
int nvmlSystemGetDriverVersion(char *name, unsigned length) { snprintf(name, length, "560.35"); return 0; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 12060; return 0; }
"""


def compiled(folder: Path, *options: str) -> Path:
    """A folder with the library in it."""
    (folder / "nvml.c").write_text(NVML)
    subprocess.run(
        ["gcc", "-shared", "-fPIC", *options, "-o", folder / "libnvidia-ml.so.1", folder / "nvml.c"],
        check=True,
    )
    return folder


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A driver of before 510."""
    return compiled(tmp_path_factory.mktemp("driver"))


def test_a_run_tells_its_gpus_and_warns_before_one_is_full(tmp_path: Path, driver: Path) -> None:
    with FakeServer() as server:
        env = children.environment(
            tmp_path / "spool", server.url, LD_LIBRARY_PATH=str(driver), RUNLORE_CAPTURE="1"
        )
        status, _, err = children.run("run = runlore.init()\ntime.sleep(1)\nrun.finish()", env, tmp_path)
        assert status == 0, err
        hardware = server.wait_for("env")["hardware"]
        assert hardware["gpus"] == ["Test A100", "Test H100"]
        assert (hardware["driver"], hardware["cuda"]) == ("560.35", "12.6")
        server.wait_for("exit")
        readings = {
            name: server.points(f"system/gpu{name}")[0][2]
            for name in (
                "0_memory_bytes",
                "1_memory_bytes",
                "1_memory_limit_bytes",
                "0_percent",
                "0_celsius",
                "1_watts",
            )
        }
        assert readings == {
            "0_memory_bytes": 4 << 30, "1_memory_bytes": 78 << 30, "1_memory_limit_bytes": 80 << 30,
            "0_percent": 37, "0_celsius": 61, "1_watts": 250.5,
        }  # fmt: skip
        (warning,) = server.events("warning")
        assert (warning["resource"], warning["used"]) == ("gpu_memory", 78 << 30)


@pytest.mark.parametrize(
    ("visible", "names"),
    [("1", ["Test H100"]), ("GPU-aaaa", ["Test A100"]), ("", []), ("-1", [])],
)
def test_only_the_gpus_of_this_job_are_read(driver: Path, visible: str, names: list[str]) -> None:
    code = "import json; from runlore.readings import Gpus; g = Gpus(); print(json.dumps([g.names(), sorted(g.sample())]))"
    env = children.environment(driver, LD_LIBRARY_PATH=str(driver), CUDA_VISIBLE_DEVICES=visible)
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    found, sampled = json.loads(done.stdout)
    assert found == names
    assert len(sampled) == 5 * len(names)


def test_memory_is_counted_as_nvidia_smi_counts_it(tmp_path: Path) -> None:
    folder = compiled(tmp_path, "-DSINCE_510")
    code = "import json; from runlore.readings import Gpus; print(json.dumps(Gpus().sample()))"
    env = children.environment(folder, LD_LIBRARY_PATH=str(folder))
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    half = 1 << 29  # what the driver keeps for itself
    assert found["gpu0_memory_bytes"] == (4 << 30) - half
    assert found["gpu0_memory_limit_bytes"] == (80 << 30) - half
