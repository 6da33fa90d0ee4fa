#!/usr/bin/env bash
# Install this checkout on a TPU host and mount the disk of the run directories.
set -euo pipefail

readonly MOUNT_POINT=/mnt/runs
readonly LABEL=codeit-runs

usage() {
    cat <<'EOF'
Usage: setup_tpu_vm.sh [--no-disk | --share SERVER:/SHARE]

Run on the TPU host, from the checkout to be used there: mounts the data disk at /mnt/runs (a disk without partitions
and file system is formatted first), creates the virtual environment .venv with Python 3.12 and the extra `tpu`, and
ends with `codeit-jax doctor`, whose exit code 2 means that this host is not fit for a run.

  --no-disk               mount nothing: /mnt/runs exists already
  --share SERVER:/SHARE   mount an NFS share instead, as all hosts of a slice do
EOF
}

fail() {
    echo "setup_tpu_vm.sh: $*" >&2
    exit 1
}

mount_data_disk() {
    # By label, not by device name: names change with the machine type and the order in which disks are attached.
    mountpoint --quiet "$MOUNT_POINT" && return
    if [[ -z $(sudo blkid --label "$LABEL") ]]; then
        format_data_disk
    fi
    sudo mkdir -p "$MOUNT_POINT"
    sudo mount "LABEL=$LABEL" "$MOUNT_POINT"
    sudo chown "$(id -u):$(id -g)" "$MOUNT_POINT"
}

mount_share() {
    mountpoint --quiet "$MOUNT_POINT" && return
    sudo apt-get install --quiet --yes nfs-common
    sudo mkdir -p "$MOUNT_POINT"
    sudo mount -t nfs "$1" "$MOUNT_POINT"
    sudo chown "$(id -u):$(id -g)" "$MOUNT_POINT"
}

format_data_disk() {
    local blank
    # Nothing but an empty disk is ever formatted. Of an empty one, lsblk fills two columns: no file system, no
    # partition table.
    mapfile -t blank < <(sudo lsblk --noheadings --nodeps --paths --output NAME,TYPE,FSTYPE,PTTYPE |
        awk '$2 == "disk" && NF == 2 { print $1 }')
    [[ ${#blank[@]} -eq 1 ]] || fail "found ${#blank[@]} empty disks and none labeled $LABEL, expected one of either"
    sudo mkfs.ext4 -q -L "$LABEL" "${blank[0]}"
}

install() {
    # uv brings Python 3.12, which TPU images don't have and current JAX needs.
    python3 -m pip install --quiet --user uv &&
        python3 -m uv venv --quiet --allow-existing --python 3.12 .venv &&
        python3 -m uv pip install --quiet --python .venv/bin/python --editable '.[tpu]'
}

main() {
    local mount=(mount_data_disk)
    case "$#:${1-}" in
        *:-h | *:--help) usage && return ;;
        1:--no-disk) mount=(true) ;;
        2:--share) mount=(mount_share "$2") ;;
        0:) ;;
        *) echo "setup_tpu_vm.sh: found $*, expected --no-disk, --share SERVER:/SHARE or nothing" >&2 && exit 2 ;;
    esac
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    "${mount[@]}"
    # `install ||` turns off `set -e` inside the function, which is why it chains its steps with &&.
    install || fail "the package could not be installed"
    JAX_PLATFORMS=tpu .venv/bin/codeit-jax doctor --run-dir "$MOUNT_POINT"
}

main "$@"
