"""Contract tests of tpu_scripts: the exact calls of gcloud, in order, and exit codes, against a fake that plays a
transcript; shellcheck where it is installed.
"""

import os
import re
import shlex
import subprocess
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "tpu_scripts"
SHELL_SCRIPTS = sorted(SCRIPTS.glob("*.sh"))
TRAIN = ["--config", "configs/codet5_small.yaml", "text.name=two words"]
RUN = f"codeit_jax/tpu_scripts/run_all_workers.sh /mnt/runs/codeit {TRAIN[0]} {TRAIN[1]} text.name=two\\ words "

# Answers the n-th call with the transcript's n-th entry and notes the arguments.
FAKE_GCLOUD = r"""#!/usr/bin/env bash
mapfile -t calls <"$TRANSCRIPT/calls"
answer=$TRANSCRIPT/${#calls[@]}
printf '%s\x1f' "${@//$'\n'/ }" >>"$TRANSCRIPT/calls"
echo >>"$TRANSCRIPT/calls"
for word; do [[ $word == *codeit_jax.tar.gz ]] && cp "$word" "$TRANSCRIPT/archive"; done
[[ -e $answer.code ]] || exit 99
printf '%s' "$(<"$answer.out")"
printf '%s' "$(<"$answer.err")" >&2
exit "$(<"$answer.code")"
"""


@dataclass(frozen=True)
class Call:
    """One call of gcloud that is expected, and how the fake answers it."""

    arguments: tuple[str, ...]
    out: str = ""
    code: int = 0
    err: str = ""


def call(*arguments, **answer):
    return Call((*arguments, "--quiet"), **answer)


class QueuedResource:
    """What `queued_resource.sh` is to say to gcloud."""

    name = "queued_resource"
    queue = ("compute", "tpus", "queued-resources")
    node = ("compute", "tpus", "tpu-vm")
    type, image, disk = "v6e-8", "v2-alpha-tpuv6e", "projects/p/zones/z/disks/d"
    options = ("--type", type, "--image", image, "--disk", disk)

    def request(self, state):
        return [call(*self.queue, "describe", "codeit", "--format=value(state.state)", out=state)]

    def node_is(self, state):
        return [*self.request("ACTIVE"), call(*self.node, "describe", "codeit", "--format=value(state)", out=state)]

    def absent(self):
        error = "ERROR: (gcloud.compute.tpus.queued-resources.describe) NOT_FOUND: Resource was not found\n"
        return [replace(self.request("")[0], code=1, err=error)]

    def waiting(self):
        return self.request("WAITING_FOR_RESOURCES")

    def ready(self):
        return self.node_is("READY")

    def lost(self):
        return self.request("SUSPENDED")

    def create(self, *, spot=True, **answer):
        words = [*self.queue, "create", "codeit", "--node-id=codeit", f"--accelerator-type={self.type}"]
        words += [f"--runtime-version={self.image}", f"--data-disk=source={self.disk},mode=read-write"]
        return [call(*words, *(["--spot"] if spot else []), **answer)]

    def ssh(self, command, **answer):
        words = ("codeit", "--worker=all", "--ssh-flag=-oServerAliveInterval=30", f"--command={command}")
        return [call(*self.node, "ssh", *words, **answer)]

    def copy(self, **answer):
        return [call(*self.node, "scp", "codeit_jax.tar.gz", "codeit:", "--worker=all", **answer)]

    def delete(self, **answer):
        return [call(*self.queue, "delete", "codeit", "--force", **answer)]


class ComputeEngine:
    """What `gce_tpu.sh` is to say to gcloud."""

    name = "gce_tpu"
    type, image, disk = "tpu7x-standard-4t", "ubuntu-accel", "d"
    options = ("--type", type, "--image", image, "--disk", disk)

    def status(self, status):
        return [call("compute", "instances", "describe", "codeit", "--format=value(status)", out=status)]

    def absent(self):
        error = "ERROR: (gcloud.compute.instances.describe) Could not fetch resource:\n - 'codeit' was not found\n"
        return [replace(self.status("")[0], code=1, err=error)]

    def waiting(self):
        return self.status("STAGING")

    def ready(self):
        return self.status("RUNNING")

    def lost(self):
        return self.status("TERMINATED")

    def create(self, *, spot=True, **answer):
        words = ["compute", "instances", "create", "codeit", f"--machine-type={self.type}"]
        words += ["--maintenance-policy=TERMINATE", "--image-project=ubuntu-os-accelerator-images"]
        words += [f"--image-family={self.image}", "--boot-disk-size=100GB", "--disk=name=d,mode=rw,auto-delete=no"]
        words += ["--provisioning-model=SPOT", "--instance-termination-action=STOP"] if spot else []
        return [call(*words, **answer)]

    def ssh(self, command, **answer):
        words = ("codeit", "--ssh-flag=-oServerAliveInterval=30", f"--command={command}")
        return [call("compute", "ssh", *words, **answer)]

    def copy(self, **answer):
        return [call("compute", "scp", "codeit_jax.tar.gz", "codeit:", **answer)]

    def delete(self, **answer):
        return [call("compute", "instances", "delete", "codeit", **answer)]


@pytest.fixture(params=[QueuedResource, ComputeEngine], ids=lambda backend: backend.name)
def cloud(request):
    return request.param()


# For scenarios in which the backends differ in nothing but what the other scenarios show.
one_backend = pytest.mark.parametrize("cloud", [ComputeEngine], indirect=True, ids=["gce_tpu"])


@pytest.fixture
def run_script(tmp_path):
    """Return a function that runs a script against a transcript and checks that just the calls in it were made."""
    folder, binaries = tmp_path / "transcript", tmp_path / "bin"
    folder.mkdir()
    binaries.mkdir()
    (binaries / "gcloud").write_text(FAKE_GCLOUD)
    (binaries / "gcloud").chmod(0o755)
    variables = {"CODEIT_TPU_POLL_SECONDS": "0", "TRANSCRIPT": str(folder), "TMPDIR": str(tmp_path)}
    path = f"{binaries}:{os.environ['PATH']}"

    def run(script, *arguments, calls=(), **more_variables):
        (folder / "calls").write_text("")
        for number, expected in enumerate(calls):
            (folder / f"{number}.out").write_text(expected.out)
            (folder / f"{number}.err").write_text(expected.err)
            (folder / f"{number}.code").write_text(str(expected.code))
        result = subprocess.run(
            [SCRIPTS / script, *arguments],
            env={**os.environ, **variables, **more_variables, "PATH": path},
            capture_output=True,
            text=True,
            timeout=60,
        )
        made = [tuple(line.split("\x1f")[:-1]) for line in (folder / "calls").read_text().splitlines()]
        made = [tuple(Path(word).name if word.endswith(".tar.gz") else word for word in words) for words in made]
        assert [list(words) for words in made] == [list(expected.arguments) for expected in calls], result.stderr
        return result

    return run


@pytest.fixture
def babysit(run_script, cloud):
    """Return a function that babysits a run on the backend under test."""

    def babysit(*options, calls, **variables):
        arguments = [cloud.name, "codeit", *cloud.options, *options, "--", *TRAIN]
        return run_script("babysit.sh", *arguments, calls=calls, **variables)

    return babysit


def install(cloud, **answer):
    """Return the calls that put the checkout on a new TPU."""
    setup = (
        "test -e codeit_jax/.ready || { mkdir -p codeit_jax && tar -xzf codeit_jax.tar.gz -C codeit_jax &&"
        "             codeit_jax/tpu_scripts/setup_tpu_vm.sh && touch codeit_jax/.ready; }"
    )
    return [*cloud.ssh("test -e codeit_jax/.ready", code=1), *cloud.copy(), *cloud.ssh(setup, **answer)]


def first_run(cloud, code):
    """Return the calls from a ready TPU to the end of the first run on it."""
    return [*cloud.ready(), *install(cloud), *cloud.ssh(RUN, code=code)]


def next_run(cloud, code):
    """Return the calls of a run on a TPU that had one before."""
    return [*cloud.ready(), *cloud.ssh("test -e codeit_jax/.ready"), *cloud.ssh(RUN, code=code)]


def new_tpu(cloud):
    """Return the calls until there is a TPU in the queue."""
    return [*cloud.absent(), *cloud.create(), *cloud.waiting()]


def test_a_run_that_succeeds_at_once(babysit, cloud, tmp_path):
    result = babysit(calls=[*new_tpu(cloud), *first_run(cloud, 0), *cloud.delete()])
    assert result.returncode == 0
    with tarfile.open(tmp_path / "transcript" / "archive") as archive:
        names = archive.getnames()
    assert {"setup.cfg", "interpreter/pool/pool.py", "codeit_jax/cli.py", "tpu_scripts/run_all_workers.sh"} <= set(
        names
    )
    assert not [name for name in names if re.search(r"__pycache__|^tests|^\.git|^runs", name)]


def test_on_demand_and_keep(babysit, cloud):
    calls = [*cloud.absent(), *cloud.create(spot=False), *first_run(cloud, 0)]
    result = babysit("--on-demand", "--keep", calls=calls)
    assert result.returncode == 0
    assert f"{cloud.name}.sh delete codeit" in result.stderr


@pytest.mark.parametrize(
    "error",
    ["RESOURCE_EXHAUSTED: Quota limit 'TPUV6EPerProjectPerZone' has been exceeded. Limit: 8", "PERMISSION_DENIED"],
)
def test_a_refused_tpu_is_not_asked_for_again(babysit, cloud, error):
    result = babysit(calls=[*cloud.absent(), *cloud.create(code=1, err=error)])
    assert result.returncode == 2
    assert error in result.stderr


def test_a_zone_without_capacity_is_asked_again(babysit, cloud):
    refused = [*cloud.absent(), *cloud.create(code=1, err="code: ZONE_RESOURCE_POOL_EXHAUSTED, try again later")]
    result = babysit(calls=[*refused, *refused, *new_tpu(cloud), *first_run(cloud, 0), *cloud.delete()])
    assert result.returncode == 0


@one_backend
def test_giving_up_without_capacity_leaves_nothing_to_delete(babysit, cloud):
    refused = [*cloud.absent(), *cloud.create(code=1, err="STOCKOUT")]
    result = babysit("--max-failures", "2", calls=[*refused, *refused, *cloud.absent()])
    assert result.returncode == 1


def test_preempted_while_waiting(babysit, cloud):
    lost = [*new_tpu(cloud), *cloud.waiting(), *cloud.lost(), *cloud.delete()]
    assert babysit(calls=[*lost, *new_tpu(cloud), *first_run(cloud, 0), *cloud.delete()]).returncode == 0


def test_preempted_in_training_three_times(babysit, cloud):
    """Preemptions are no failures, however many, and each new TPU gets the checkout again."""
    calls = []
    for code in (75, 255, 255):
        calls += [*new_tpu(cloud), *first_run(cloud, code), *cloud.lost(), *cloud.delete()]
    calls += [*new_tpu(cloud), *first_run(cloud, 0), *cloud.delete()]
    assert babysit("--max-failures", "2", calls=calls).returncode == 0


@one_backend
@pytest.mark.parametrize("code", [2, 3, 4, 5])
def test_a_run_that_another_try_would_not_help(babysit, cloud, code):
    result = babysit(calls=[*new_tpu(cloud), *first_run(cloud, code), *cloud.delete()])
    assert result.returncode == code


def test_a_slice_of_several_hosts_shares_its_runs_and_is_started_again_as_a_whole(run_script):
    cloud = QueuedResource()
    creation = cloud.create()[0]
    words = tuple(word.replace("v6e-8", "v6e-16") for word in creation.arguments if "data-disk" not in word)
    setup = install(cloud)
    command = setup[-1].arguments[-2].replace("setup_tpu_vm.sh", "setup_tpu_vm.sh --share 10.0.0.2:/runs")
    setup[-1] = replace(setup[-1], arguments=(*setup[-1].arguments[:-2], command, "--quiet"))
    run = RUN.replace("/mnt/runs/codeit ", "/mnt/runs/codeit hardware.coordinator=auto ")
    calls = [*cloud.absent(), replace(creation, arguments=words), *cloud.ready(), *setup, *cloud.ssh(run, code=6)]
    calls += [*cloud.ready(), *cloud.ssh("test -e codeit_jax/.ready"), *cloud.ssh(run, code=0), *cloud.delete()]
    options = ["--type", "v6e-16", "--image", cloud.image, "--disk", "10.0.0.2:/runs"]
    assert run_script("babysit.sh", cloud.name, "codeit", *options, "--", *TRAIN, calls=calls).returncode == 0


@one_backend
def test_saved_and_stopped_on_a_tpu_that_is_still_there(babysit, cloud):
    result = babysit(calls=[*new_tpu(cloud), *first_run(cloud, 75), *next_run(cloud, 0), *cloud.delete()])
    assert result.returncode == 0


@one_backend
def test_a_lost_connection_joins_the_run_again(babysit, cloud):
    calls = [*new_tpu(cloud), *first_run(cloud, 255), *next_run(cloud, 255), *next_run(cloud, 0), *cloud.delete()]
    assert babysit(calls=calls).returncode == 0


@one_backend
def test_a_run_that_keeps_crashing_is_given_up(babysit, cloud):
    calls = [*first_run(cloud, 1), *next_run(cloud, 134), *next_run(cloud, 137), *cloud.ready(), *cloud.delete()]
    assert babysit("--max-failures", "3", calls=calls).returncode == 137


@one_backend
def test_failures_after_a_steady_run_are_not_added_up(babysit, cloud):
    calls = [*first_run(cloud, 1), *next_run(cloud, 1), *next_run(cloud, 1), *next_run(cloud, 0), *cloud.delete()]
    assert babysit("--max-failures", "2", calls=calls, CODEIT_TPU_STEADY_SECONDS="0").returncode == 0


@one_backend
def test_a_babysitter_started_again_takes_over_the_tpu_it_finds(babysit, cloud):
    assert babysit(calls=[*next_run(cloud, 0), *cloud.delete()]).returncode == 0


@one_backend
def test_a_failed_installation_is_tried_again(babysit, cloud):
    calls = [*cloud.ready(), *install(cloud, code=1), *first_run(cloud, 0), *cloud.delete()]
    assert babysit(calls=calls).returncode == 0


@one_backend
def test_a_host_that_the_doctor_refuses_ends_it(babysit, cloud):
    assert babysit(calls=[*cloud.ready(), *install(cloud, code=2), *cloud.delete()]).returncode == 2


def test_no_answer_about_the_state_deletes_nothing(babysit, cloud):
    offline = replace(cloud.absent()[0], err="ERROR: Network is unreachable")
    result = babysit(calls=[offline, offline, *next_run(cloud, 0), *cloud.delete()])
    assert result.returncode == 0
    assert "Network is unreachable" in result.stderr
    result = babysit("--max-failures", "2", calls=[offline, offline, offline])
    assert result.returncode == 1
    assert f"{cloud.name}.sh delete codeit" in result.stderr


@one_backend
def test_a_deletion_that_fails_is_tried_again(babysit, cloud):
    calls = [*cloud.lost(), *cloud.delete(code=1), *cloud.lost(), *cloud.delete()]
    calls += [*new_tpu(cloud), *first_run(cloud, 0), *cloud.delete()]
    assert babysit(calls=calls).returncode == 0


def test_a_failed_request_is_made_again(run_script):
    cloud = QueuedResource()
    calls = [*new_tpu(cloud), *cloud.request("FAILED"), *cloud.delete(), *cloud.request("DELETING")]
    calls += [*new_tpu(cloud), *first_run(cloud, 0), *cloud.delete()]
    result = run_script("babysit.sh", cloud.name, "codeit", *cloud.options, "--", *TRAIN, calls=calls)
    assert result.returncode == 0


@pytest.mark.parametrize(
    ("node", "state"), [("READY", "ready"), ("PREEMPTED", "lost"), ("CREATING", "waiting"), ("REPAIRING", "waiting")]
)
def test_an_active_request_is_as_its_tpu_is(run_script, node, state):
    result = run_script("queued_resource.sh", "state", "codeit", calls=QueuedResource().node_is(node))
    assert (result.returncode, result.stdout.strip()) == (0, state)


@pytest.mark.parametrize(
    ("words", "needle"),
    [
        ("babysit.sh queued_resource", "BACKEND NAME"),
        ("babysit.sh tpu codeit --type T --image I --disk D -- --config c", "found tpu"),
        ("babysit.sh gce_tpu Codeit_1 --type T --image I --disk D -- --config c", "found name Codeit_1"),
        ("babysit.sh gce_tpu codeit --type T --image I -- --config c", "--disk"),
        ("babysit.sh gce_tpu codeit --type T --image I --disk D", "train arguments"),
        ("babysit.sh gce_tpu codeit --type", "--type needs a value"),
        ("babysit.sh gce_tpu codeit --typ T", "found --typ"),
        ("babysit.sh gce_tpu codeit --type T --image I --disk D --max-failures 0 -- -c", "found --max-failures 0"),
        ("queued_resource.sh create codeit v6e-16 I D spot", "a single host"),
        ("queued_resource.sh create codeit v6e-8 I D cheap", "found cheap"),
        ("queued_resource.sh start codeit", "found verb start"),
        ("gce_tpu.sh create codeit T I D", "found 4 arguments"),
        ("gce_tpu.sh state", "VERB NAME"),
        ("run_all_workers.sh", "RUN_DIR"),
        ("setup_tpu_vm.sh --disk", "found --disk"),
        ("setup_tpu_vm.sh --share", "found --share"),
    ],
)
def test_wrong_arguments_end_with_one_line_before_any_call(run_script, words, needle):
    script, *arguments = shlex.split(words)
    result = run_script(script, *arguments)
    assert result.returncode == 2
    assert result.stderr.startswith(f"{script}: ")
    assert result.stderr.count("\n") == 1
    assert needle in result.stderr


@pytest.mark.parametrize("script", SHELL_SCRIPTS, ids=lambda path: path.name)
def test_every_script_has_a_help_text_and_stops_at_errors(run_script, script):
    result = run_script(script.name, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(f"Usage: {script.name}")
    assert "set -euo pipefail" in script.read_text()
