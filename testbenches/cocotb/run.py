"""Builds the decoder of one preset with Icarus Verilog, and runs test_decoder.py on it.

    python run.py PRESET VERILOG_FOLDER BUILD_FOLDER

Needs the Python environment that testbenches/tools.sh makes. Everything it writes goes to the build folder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

# The source tree stays as it is: neither this program nor the simulator's Python may leave compiled files there.
sys.dont_write_bytecode = True

from cocotb_tools.runner import get_results, get_runner  # noqa: E402

# Where the second decoder lives, written from docs/format.md alone. The runner hands sys.path on to the simulator.
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "vectors"))


def main() -> int:
    preset, verilog, build_folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    sources = [verilog / name for name in (verilog / "seedlm.f").read_text().split()]
    # What a run that died has left behind must not be taken for the result of this one.
    results = build_folder.resolve() / "results.xml"
    results.unlink(missing_ok=True)
    runner = get_runner("icarus")
    runner.build(
        sources=sources,
        hdl_toplevel="seedlm_decoder",
        build_dir=build_folder,
        timescale=("1ns", "1ps"),
        always=True,
    )
    runner.test(
        hdl_toplevel="seedlm_decoder",
        test_module="test_decoder",
        build_dir=build_folder,
        test_dir=build_folder,
        results_xml=str(results),
        timescale=("1ns", "1ps"),
        # Random pauses come from this seed, so that every run is the same.
        seed=20,
        extra_env={
            "SEEDLM_PRESET": preset,
            "PYTHONDONTWRITEBYTECODE": "1",
            # The models of AXI print whole streams otherwise, and use functions of cocotb that have newer names by now.
            "PYTHONWARNINGS": "ignore::DeprecationWarning",
            "COCOTB_LOG_LEVEL": os.environ.get("COCOTB_LOG_LEVEL", "WARNING"),
            "COCOTB_ANSI_OUTPUT": "0",
        },
    )
    tests, failed = get_results(results)
    print(f"{preset}: {tests} tests, {failed} failed")
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
