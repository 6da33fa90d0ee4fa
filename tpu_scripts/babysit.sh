#!/usr/bin/env bash
# Keep one run alive on TPUs that may be preempted at any time.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly POLL_SECONDS=${CODEIT_TPU_POLL_SECONDS:-30}
readonly STEADY_SECONDS=${CODEIT_TPU_STEADY_SECONDS:-600}
# gcloud has one exit code for all errors, so they are told apart by their texts.
readonly NO_SUCH_TPU='NOT_FOUND|not found'
readonly NO_CAPACITY='RESOURCE_POOL_EXHAUSTED|STOCKOUT|no more capacity|not have enough resources'
readonly NO_SERVICE='UNAVAILABLE|INTERNAL|DEADLINE_EXCEEDED'

usage() {
    cat <<'EOF'
Usage: babysit.sh BACKEND NAME --type TYPE --image IMAGE --disk DISK [--on-demand] [--keep] [--max-failures N]
                  -- TRAIN ARGUMENTS

Creates a TPU, installs this checkout on it, starts `codeit-jax train TRAIN ARGUMENTS`, and creates the TPU again
whenever it is preempted; the run resumes from its last checkpoint. Runs wherever gcloud is set up; started again with
the same arguments, it takes over the TPU it finds.

  BACKEND            queued_resource or gce_tpu; the --help of either script explains TYPE, IMAGE, DISK and the zone
  NAME               names the TPU and the run directory, /mnt/runs/NAME
  --disk DISK        a separate disk, created once and never deleted here: a preempted TPU's boot disk is lost
                     (gcloud compute disks create DISK --size=100GB --type=pd-balanced; hyperdisk-balanced from v6e on);
                     for a slice of several hosts an NFS share that all of them mount, SERVER:/SHARE (Filestore)
  --on-demand        no spot TPU
  --keep             keep the TPU at the end instead of deleting it; it costs money until you do
  --max-failures N   give up after N failures in a row that are not preemptions (default: 10)

  babysit.sh queued_resource codeit --type v6e-8 --image v2-alpha-tpuv6e --disk projects/P/zones/Z/disks/codeit \
      -- --config configs/codet5_small.yaml

Files named in TRAIN ARGUMENTS are looked for in /mnt/runs, on the disk, and configurations also in this checkout's
configs/. So pretrained weights are copied to the disk once: weights/codet5-small is /mnt/runs/weights/codet5-small.

Ends with the run's exit code: 0 done, 2 wrong arguments or a refused TPU (quota, permission), 3 diverged, 4 storage,
5 run directory in use; none of these is retried. After 75 (saved and stopped) the run is started again, and so it is
after any other code, at growing intervals. Ctrl-C ends the babysitting, not the run.

On a slice of several hosts every host runs a process of the same run, and all share the run directory: give a share as
--disk. If one host is lost, the processes on the others end too (code 6), and all are started again.

CODEIT_TPU_POLL_SECONDS (30) is the time between two polls; a run that lasted CODEIT_TPU_STEADY_SECONDS (600) resets the
count of failures.
EOF
}

say() { printf '%(%H:%M:%S)T babysit: %s\n' -1 "$*" >&2; }

fail() {
    echo "babysit.sh: $*" >&2
    exit 2
}

parse_arguments() {
    case ${1-} in -h | --help) usage && exit ;; esac
    [[ $# -ge 2 ]] || fail "expected BACKEND NAME; see --help"
    backend=$1 name=$2 type='' image='' disk='' provisioning=spot keep=no max_failures=10
    shift 2
    while [[ $# -gt 0 && $1 != -- ]]; do
        case $1 in
            --on-demand) provisioning=on-demand ;;
            --keep) keep=yes ;;
            --type | --image | --disk | --max-failures)
                [[ $# -ge 2 ]] || fail "$1 needs a value"
                # --max-failures 3 sets max_failures=3.
                printf -v "$(tr - _ <<<"${1#--}")" %s "$2"
                shift
                ;;
            *) fail "found $1, expected an option or -- before the train arguments; see --help" ;;
        esac
        shift
    done
    [[ $backend =~ ^(queued_resource|gce_tpu)$ ]] || fail "found $backend, expected queued_resource or gce_tpu"
    [[ $name =~ ^[a-z][-a-z0-9]*$ ]] || fail "found name $name, expected lower case letters, digits and dashes"
    [[ $type && $image && $disk ]] || fail "expected --type, --image and --disk"
    [[ $max_failures =~ ^[1-9][0-9]*$ ]] || fail "found --max-failures $max_failures, expected a positive integer"
    [[ $# -ge 2 ]] || fail "expected -- and the train arguments, e.g. -- --config configs/codet5_small.yaml"
    shift
    setup=codeit_jax/tpu_scripts/setup_tpu_vm.sh
    # SERVER:/SHARE is a slice of several hosts. The setting goes first, so that one among the arguments wins.
    if [[ $disk == *:/* ]]; then
        printf -v setup '%s --share %q' "$setup" "$disk"
        set -- hardware.coordinator=auto "$@"
    fi
    # Quoted once more: ssh hands a single string to the shell on the other side.
    printf -v run_command '%q ' codeit_jax/tpu_scripts/run_all_workers.sh "/mnt/runs/$name" "$@"
}

# Without standard input, which ssh would read to the end, and with it what is typed at this script.
tpu() { "$here/$backend.sh" "$1" "$name" "${@:2}" </dev/null; }

# Print the state of the TPU: what the backend says, or absent, or unknown if gcloud can't tell.
observe() {
    if tpu state 2>"$scratch/errors"; then
        return
    elif grep -Eq "$NO_SUCH_TPU" "$scratch/errors"; then
        echo absent
    else
        cat "$scratch/errors" >&2
        echo unknown
    fi
}

create() {
    say "creating $name ($type, $provisioning)"
    tpu create "$type" "$image" "$disk" "$provisioning" 2>"$scratch/errors" && return
    cat "$scratch/errors" >&2
    # Quota and permissions don't change by waiting; capacity and outages do.
    grep -Eq "$NO_CAPACITY|$NO_SERVICE" "$scratch/errors" || fail "the TPU was refused"
    count_failure 1 "no TPU available"
}

install() {
    # .ready comes last: a host whose setup broke off halfway is set up again.
    # tar's 1 says that a folder changed meanwhile, as when a Python nearby writes the caches that are left out here.
    { tar -czf "$scratch/codeit_jax.tar.gz" -C "$here/.." --exclude=__pycache__ \
        LICENSE README.md codeit_jax configs interpreter pyproject.toml setup.cfg tpu_scripts || [ $? -eq 1 ]; } &&
        tpu copy "$scratch/codeit_jax.tar.gz" &&
        tpu ssh "test -e codeit_jax/.ready || { mkdir -p codeit_jax && tar -xzf codeit_jax.tar.gz -C codeit_jax &&
            $setup && touch codeit_jax/.ready; }"
}

train() {
    local code=0 start=$SECONDS
    # Installed once per TPU, even if the first `test` fails because of the connection (install tests again): new files
    # must not appear under a run that is still going.
    { tpu ssh 'test -e codeit_jax/.ready' || install; } && tpu ssh "$run_command" || code=$?
    ((SECONDS - start < STEADY_SECONDS)) || failures=0
    case $code in
        0 | 2 | 3 | 4 | 5) finish "$code" ;;
        # A preemption also looks like this: the host is told to stop, and the run saves. The next poll tells.
        75) say "the run saved and stopped; checking the state of $name" ;;
        *) count_failure "$code" "the run or its connection ended with code $code" ;;
    esac
}

count_failure() {
    failures=$((failures + 1)) last_code=$1
    say "$2 (failure $failures of $max_failures)"
}

delete() { tpu delete || count_failure 1 "$name could not be deleted"; }

finish() {
    say "ending with code $1"
    if [[ $keep == yes ]]; then
        say "$name is kept and costs money; to delete it: $here/$backend.sh delete $name"
    else
        tpu delete || say "$name could not be deleted and may still cost money"
    fi
    exit "$1"
}

# Twice as long after each failure in a row, up to 32 times.
pause() { sleep $((POLL_SECONDS << (failures < 5 ? failures : 5))); }

main() {
    parse_arguments "$@"
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    trap 'say "$name keeps running; to delete it: $here/$backend.sh delete $name"; exit 130' INT
    failures=0 last_code=1
    while true; do
        observed=$(observe)
        say "$name is $observed"
        # A preempted TPU still has its name: it is deleted before it can be created again. That is no failure.
        if [[ $observed == lost ]]; then
            failures=0
            delete
        elif ((failures >= max_failures)); then
            say "giving up after $failures failures in a row"
            [[ $observed != absent ]] || exit "$last_code"
            # What gcloud can't see it can't delete either; `finish` then says that it may cost money.
            [[ $observed != unknown ]] || keep=yes
            finish "$last_code"
        else
            case $observed in
                absent) create ;;
                ready) train ;;
                failed) count_failure 1 "the request failed" && delete ;;
                unknown) count_failure 1 "gcloud can't tell the state of $name" ;;
            esac
        fi
        pause
    done
}

main "$@"
