"""All faults in one run, written to RESULTS.md: `make faults`."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

import corruption  # noqa: E402 (the paths above)
import faults  # noqa: E402 (as above)
import republish  # noqa: E402 (as above)


def main() -> int:
    """Run, write the report, and fail where anything was bad."""
    index = Path(os.environ.get("QA_INDEX_DIR", "index"))
    damaged, damages_good = corruption.run(index)
    swapped, swaps_good = republish.run()
    struck, strikes_good = faults.run()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [
        "# Faults",
        "",
        f"`make faults` on {datetime.now(UTC):%Y-%m-%d} ({machine}).",
        "",
        "## Damaged files",
        "",
        *damaged,
        "",
        "## Publishing under load",
        "",
        *swapped,
        "",
        "## A publish struck at each system call",
        "",
        "Between the moment its files are staged and its end. After each strike `CURRENT` named a version that verifies, the",
        "old version verified too, and an undisturbed publish succeeded. `bad` counts the strikes after which that was not so.",
        "",
        *struck,
    ]
    (HERE / "RESULTS.md").write_text("\n".join(lines) + "\n", "utf-8")
    return 0 if damages_good and swaps_good and strikes_good else 1


if __name__ == "__main__":
    sys.exit(main())
