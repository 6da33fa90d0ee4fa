#!/usr/bin/env bash
# One TPU through the queued resources of the Cloud TPU API.
set -euo pipefail

# Without it, ssh waits for hours for a host that has vanished.
readonly KEEP_ALIVE=-oServerAliveInterval=30

usage() {
    cat <<'EOF'
Usage: queued_resource.sh VERB NAME [ARGUMENT ...]

One TPU through the queued resources of the Cloud TPU API: TPU v2 to v6e. Later ones need gce_tpu.sh.

  create NAME TYPE IMAGE DISK spot|on-demand
                     request a TPU; TYPE is an accelerator type (v6e-8), IMAGE a runtime version (v2-alpha-tpuv6e),
                     DISK the full path of a disk in the same zone (projects/P/zones/Z/disks/D), or an NFS share
                     (SERVER:/SHARE), which a slice of several hosts needs, since only one host can write to a disk
  state NAME         print waiting, ready, lost (preempted) or failed; an error if no request has that name
  ssh NAME COMMAND   run a shell command on every host; exits with the code of one that fails
  copy NAME FILE     copy a file to the home directory of every host
  delete NAME        delete the TPU and the request; the disk stays

Project and zone are gcloud's own: `gcloud config set compute/zone ZONE`, or CLOUDSDK_COMPUTE_ZONE.
EOF
}

fail() {
    echo "queued_resource.sh: $*" >&2
    exit 2
}

create() {
    [[ $# -eq 5 ]] || fail "found $# arguments, expected create NAME TYPE IMAGE DISK spot|on-demand"
    local name=$1 type=$2 image=$3 disk=$4 provisioning=() storage=()
    # A share is mounted by the hosts themselves (setup_tpu_vm.sh --share). A disk is attached here, and to the types
    # with one host only: a disk that is mounted twice for writing is destroyed.
    case $disk:$type in
        *:/*) ;;
        *:v2-8 | *:v3-8 | *:v4-8 | *:v5litepod-[148] | *:v5p-8 | *:v6e-[148])
            storage=(--data-disk="source=$disk,mode=read-write")
            ;;
        *) fail "found type $type with a disk, expected a single host (v6e-8, say) or an NFS share as DISK, SERVER:/SHARE" ;;
    esac
    case $5 in
        spot) provisioning=(--spot) ;;
        on-demand) ;;
        *) fail "found $5, expected spot or on-demand" ;;
    esac
    gcloud compute tpus queued-resources create "$name" --node-id="$name" --accelerator-type="$type" \
        --runtime-version="$image" "${storage[@]}" "${provisioning[@]}" --quiet
}

state() {
    local state
    state=$(gcloud compute tpus queued-resources describe "$1" --format='value(state.state)' --quiet)
    # The request stays ACTIVE for a while after its TPU has been preempted, so the TPU itself is asked.
    if [[ $state == ACTIVE ]]; then
        state=$(gcloud compute tpus tpu-vm describe "$1" --format='value(state)' --quiet)
    fi
    case $state in
        READY) echo ready ;;
        SUSPENDING | SUSPENDED | PREEMPTED | STOPPING | STOPPED | TERMINATED) echo lost ;;
        FAILED) echo failed ;;
        *) echo waiting ;;
    esac
}

main() {
    local verb=${1-} name=${2-}
    case $verb in -h | --help) usage && return ;; esac
    [[ $name ]] || fail "expected VERB NAME; see --help"
    case $verb in
        create) create "${@:2}" ;;
        state) state "$name" ;;
        ssh) gcloud compute tpus tpu-vm ssh "$name" --worker=all --ssh-flag="$KEEP_ALIVE" --command="$3" --quiet ;;
        copy) gcloud compute tpus tpu-vm scp "$3" "$name:" --worker=all --quiet ;;
        # --force: without it, a request whose TPU still exists is not deleted.
        delete) gcloud compute tpus queued-resources delete "$name" --force --quiet ;;
        *) fail "found verb $verb, expected create, state, ssh, copy or delete" ;;
    esac
}

main "$@"
