# shellcheck shell=bash
# Sourced behind frame.sh by tests that sit before the full screen: a terminal of tmux's, what it
# shows, and what is typed there.

command -v tmux >/dev/null || skip "tmux is not installed"
socket=lodge-$(basename "$0")-$$
terminal() { tmux -L "$socket" -f /dev/null "$@"; }
screen() { terminal capture-pane -p -t one; }
shows() { screen | grep -qF -- "$1"; }
hides() { ! shows "$1"; }
bad() {
    echo "FAILED: $*"
    failures=$((failures + 1))
    screen 2>/dev/null | sed -e '/^$/d' -e 's/^/    /'
}
keys() { terminal send-keys -t one "$@"; }
types() { terminal send-keys -t one -l "$1"; }
# A shell at 80x24, with Lodge typed in it.
open_screen() {
    terminal new-session -d -s one -x 80 -y 24 \
        "env LODGE_ROOT=$root LANG=C.UTF-8 PS1='\$ ' TERM=screen bash --norc --noprofile"
    within 30 shows '$'
    types "$LODGE_PROGRAM $*"
    keys Enter
}
close() {
    terminal kill-server 2>/dev/null
    end
}
trap close EXIT
