"""Contract tests of what launches runs: shellcheck finds nothing, and SkyPilot restarts only what was saved."""

import subprocess
import sys
from pathlib import Path

import yaml

SCRIPTS = Path(__file__).parents[2] / "tpu_scripts"


def test_shellcheck_finds_nothing():
    # The extra `test` installs it beside this interpreter, which needn't be on the PATH.
    shellcheck = Path(sys.executable).with_name("shellcheck")
    assert subprocess.run([shellcheck, *sorted(SCRIPTS.glob("*.sh"))]).returncode == 0


def test_skypilot_restarts_only_what_was_saved_and_stopped():
    job = yaml.safe_load((SCRIPTS / "skypilot.yaml").read_text())
    assert job["resources"]["job_recovery"]["recover_on_exit_codes"] == [75]
    assert job["setup"].split()[0] == "tpu_scripts/setup_tpu_vm.sh"
    assert (SCRIPTS.parent / job["envs"]["CONFIG"]).is_file()
