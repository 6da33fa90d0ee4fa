#!/usr/bin/env bash
# One TPU as a Compute Engine instance.
set -euo pipefail

readonly IMAGE_PROJECT=${CODEIT_TPU_IMAGE_PROJECT:-ubuntu-os-accelerator-images}
# Without it, ssh waits for hours for a host that has vanished.
readonly KEEP_ALIVE=-oServerAliveInterval=30

usage() {
    cat <<'EOF'
Usage: gce_tpu.sh VERB NAME [ARGUMENT ...]

One TPU as a Compute Engine instance: v5e, v5p, v6e, and the only way to TPU7x and later.

  create NAME TYPE IMAGE DISK spot|on-demand
                     create the instance; TYPE is a machine type (ct6e-standard-8t, tpu7x-standard-4t), IMAGE an image
                     family (ubuntu-accel-2204-amd64-tpu-v5e-v5p-v6e), DISK a disk in the same zone
  state NAME         print waiting, ready or lost (preempted); an error if no instance has that name
  ssh NAME COMMAND   run a shell command on the host; exits with the command's code
  copy NAME FILE     copy a file to the home directory of the host
  delete NAME        delete the instance; the disk stays

Project and zone are gcloud's own: `gcloud config set compute/zone ZONE`, or CLOUDSDK_COMPUTE_ZONE.
`gcloud compute images list --project=ubuntu-os-accelerator-images` lists the image families;
CODEIT_TPU_IMAGE_PROJECT names another project.
Slices of several hosts (managed instance groups) are not created here: see queued_resource.sh and docs/hosts.md.
EOF
}

fail() {
    echo "gce_tpu.sh: $*" >&2
    exit 2
}

create() {
    [[ $# -eq 5 ]] || fail "found $# arguments, expected create NAME TYPE IMAGE DISK spot|on-demand"
    local name=$1 type=$2 image=$3 disk=${4##*/} provisioning=()
    # STOP, not DELETE: a preempted instance stays visible, so `state` can say lost instead of failing.
    case $5 in
        spot) provisioning=(--provisioning-model=SPOT --instance-termination-action=STOP) ;;
        on-demand) ;;
        *) fail "found $5, expected spot or on-demand" ;;
    esac
    # TPU instances can't migrate to another host while they run, hence TERMINATE. The data disk outlives the instance.
    gcloud compute instances create "$name" --machine-type="$type" --maintenance-policy=TERMINATE \
        --image-project="$IMAGE_PROJECT" --image-family="$image" --boot-disk-size=100GB \
        --disk="name=$disk,mode=rw,auto-delete=no" "${provisioning[@]}" --quiet
}

state() {
    local state
    state=$(gcloud compute instances describe "$1" --format='value(status)' --quiet)
    # RUNNING is the machine, not its ssh server: the first connection may fail, which babysit.sh counts and retries.
    case $state in
        RUNNING) echo ready ;;
        STOPPING | STOPPED | TERMINATED | SUSPENDING | SUSPENDED) echo lost ;;
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
        ssh) gcloud compute ssh "$name" --ssh-flag="$KEEP_ALIVE" --command="$3" --quiet ;;
        copy) gcloud compute scp "$3" "$name:" --quiet ;;
        delete) gcloud compute instances delete "$name" --quiet ;;
        *) fail "found verb $verb, expected create, state, ssh, copy or delete" ;;
    esac
}

main "$@"
