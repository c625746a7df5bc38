"""Where and with what the times were taken."""

import datetime
import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from benchmarks.frameworks import FRAMEWORKS


def machine(frameworks: Iterable[str]) -> list[str]:
    """Lines on the date, the processor and the versions of all that took part."""
    packages = dict.fromkeys(
        package for name in frameworks for package in FRAMEWORKS[name].packages
    )
    versions = [f"{package} {metadata.version(package)}" for package in packages]
    return [
        f"- {datetime.date.today().isoformat()}, {num_cores()} cores ({_processor()}), "
        f"{platform.system()}, Python {platform.python_version()}",
        f"- {', '.join(versions)}",
        "- float32 on both sides; ReLU networks; Adam",
    ]


def num_cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    description = Path("/proc/cpuinfo")
    if description.exists():
        for line in description.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
