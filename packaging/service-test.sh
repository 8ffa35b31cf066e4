#!/bin/bash
# What packaging/test-service does inside the container.
set -euo pipefail

fail() { printf 'FAILED: %s\n' "$*"; journalctl -u slotbridge --no-pager -n 40; exit 1; }
step() { printf '== %s\n' "$*"; }
shows() { systemctl show -p "$1" --value slotbridge; }
in_step() { runuser -u slotbridge -- slotbridge --reconcile --dry-run --wait 30s >/dev/null 2>&1; }
# Waits, so many seconds at most, until a command succeeds.
within() {
    local seconds=$1
    shift
    for _ in $(seq "$seconds"); do
        if "$@"; then return 0; fi
        sleep 1
    done
    fail "not within $seconds s: $*"
}
restarted() { [ "$(shows NRestarts)" -ge "$1" ] && systemctl is-active --quiet slotbridge; }
logged() { journalctl -u slotbridge --no-pager | grep -q "$1"; }

systemd-sysusers
systemd-tmpfiles --create
systemctl start simulated
made() { grep -qs '^\[\[bridge' /run/simulated.toml; }
within 20 made
config=/etc/slotbridge/config.toml
sed 's|^path = .*|path = "/var/lib/slotbridge/slotbridge.db"|' /run/simulated.toml >"$config"
chown root:slotbridge "$config"
chmod 640 "$config"

step "it starts, says when it is ready, and tells how it stands"
systemctl start slotbridge
[ "$(shows ActiveState)" = active ] || fail "it is $(shows ActiveState)"
[ -n "$(shows StatusText)" ] || fail "it has no status line"
[ "$(stat -c '%a %U' /var/lib/slotbridge)" = "700 slotbridge" ] || fail "the state folder is open"

step "it brings the platforms into step"
within 90 in_step

step "it takes a new config, and keeps the old one when the new one is wrong"
systemctl reload slotbridge
within 20 logged "The config was read again"
cp "$config" /run/good.toml
printf 'nonsense = 1\n' >>"$config"
systemctl reload slotbridge || true
within 20 logged "The config was not taken, the old one stays"
systemctl is-active --quiet slotbridge || fail "a wrong config ended it"
cat /run/good.toml >"$config"

step "it comes back after a kill"
kill -KILL "$(shows MainPID)"
within 60 restarted 1

step "it comes back after hanging"
kill -STOP "$(shows MainPID)"
within 240 restarted 2
journalctl -u slotbridge --no-pager | grep -qi "watchdog timeout" || fail "it was not the watchdog"
within 90 in_step

step "it stops at once"
began=$(date +%s)
systemctl stop slotbridge
[ $(($(date +%s) - began)) -le 6 ] || fail "it took longer than 6 s"
[ "$(shows Result) $(shows ExecMainStatus)" = "success 0" ] || fail "$(shows Result), exit code $(shows ExecMainStatus)"

step "with a wrong config it is not tried again and again"
printf 'nonsense = 1\n' >>"$config"
if systemctl start slotbridge; then fail "it starts with a wrong config"; fi
[ "$(shows ExecMainStatus)" = 2 ] || fail "exit code $(shows ExecMainStatus)"
sleep 20
[ "$(shows NRestarts)" = 0 ] || fail "it was tried again"

echo "the service is fine"
