# shellcheck shell=bash
# shellcheck disable=SC2034
# Sourced by every command of the virtual mini PC: where things are, and how to speak to a machine.

set -euo pipefail
minipc=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
top=$(cd "$minipc/../.." && pwd)
cache=${LODGE_MINIPC_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/lodge-minipc}
# Short, because the path of a socket is at most 107 bytes.
running=${LODGE_MINIPC_RUN:-/tmp/lodge-minipc-$(id -u)}

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 125; }
die_usage() { say "$1"; exit 125; }

# The program that was built last.
newest_lodge() {
    local newest
    newest=$(ls -t "$top"/build/*/tui/lodge 2>/dev/null | head -n 1)
    [[ -n $newest ]] || die "no lodge is built: tui/start --help builds one, or name it by --lodge"
    echo "$newest"
}
