#!/usr/bin/env bash
# What every host of a TPU runs: the training, independent of the connection that started it.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: run_all_workers.sh RUN_DIR [TRAIN ARGUMENTS]

Runs `codeit-jax train TRAIN ARGUMENTS --run-dir RUN_DIR` on this TPU host, in the folder that holds RUN_DIR, shows its
output and exits with its code.
The training doesn't need the connection: called again while it is running, the script attaches to it instead of
starting another. Ctrl-C only detaches; to stop the training, `kill -TERM` the process named in RUN_DIR/LOCK: it saves
first.

RUN_DIR must outlive the TPU (on a separate disk). The output goes to RUN_DIR/worker-HOST.log; compiled programs are kept
beside RUN_DIR for the next TPU.
On a slice of several hosts, call it on each with the setting hardware.coordinator=auto and with RUN_DIR on a share
that all hosts mount.
EOF
}

case ${1-} in
    -h | --help) usage && exit ;;
    '') echo "run_all_workers.sh: expected RUN_DIR; see --help" >&2 && exit 2 ;;
esac
mkdir -p "$1"
run_dir=$(cd "$1" && pwd)
shift
runs=$(dirname "$run_dir")
worker=$run_dir/worker-$(hostname)
codeit_jax=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.venv/bin/codeit-jax
cd "$runs"

# The training inherits descriptor 9 and with it the lock, so the lock ends when the training does, however that ends.
exec 9>"$worker.lock"
if flock --nonblock 9; then
    rm -f "$worker.code"
    touch "$worker.log"
    # Worker processes and checkpoints need many descriptors; a core dump of a TPU process has tens of gigabytes.
    ulimit -n "$(ulimit -Hn)"
    ulimit -c 0
    # A session of its own, so that the end of the connection (SIGHUP) and Ctrl-C here don't reach the training.
    # shellcheck disable=SC2016  # expanded by the inner shell
    setsid bash -c '"${@:2}"; echo $? >"$1"' run "$worker.code" "$codeit_jax" train \
        hardware.platform=tpu hardware.compilation_cache="$runs/xla_cache" "$@" --run-dir "$run_dir" \
        >>"$worker.log" 2>&1 </dev/null &
    echo $! >"$worker.pid"
fi
# This script's own descriptor would keep the lock after the training's end.
exec 9>&-

tail --lines=20 --follow --sleep-interval=0.5 --pid="$(cat "$worker.pid")" "$worker.log"
flock "$worker.lock" true
# There is no code if the host was being shut down or the shell above was killed.
exit "$(cat "$worker.code" 2>/dev/null || echo 1)"
