#!/bin/sh
# Starts the installed agent, and takes an upgrade back that does not prove itself. Stays the same over upgrades and is therefore as
# small as it can be: POSIX sh, works with dash and busybox.
#
#   ROOT/VERSION/drover-agent   an installed version            ROOT/current    link to the version that starts
#   ROOT/trial                  an upgrade on trial: order, to, from, seconds, and its end, which is the agent's affair; taken away by the agent once it has proved itself
#   ROOT/trial.boots            how often the version on trial was started
#   ROOT/outcome                how the last order ended: order, from, to, state, code, detail; told to the server by the agent
#
# `launch` becomes the agent (for systemd, which starts it again). `launch --respawn` stays and starts it again itself.
set -u
root=${DROVER_AGENT_ROOT:?}
data=${DROVER_AGENT_DATA:?}
export DROVER_AGENT_ROOT
# Started so often without proving itself, a version is taken back; more than that is how the agent and the guard say: now.
boots_max=3

if [ "${1-}" = --respawn ]; then
  shift
  stopping='' child=''
  trap 'stopping=1; [ -n "$child" ] && kill -TERM "$child" 2>/dev/null' TERM INT HUP
  while [ -z "$stopping" ]; do
    "$0" "$@" &
    child=$!
    # A signal ends the wait, not the agent.
    while kill -0 "$child" 2>/dev/null; do wait "$child"; done
    child=''
    [ -n "$stopping" ] || sleep 1
  done
  exit 0
fi

put() { # FILE LINE... whole or not at all
  file=$1
  shift
  printf '%s\n' "$@" > "$file.new" && mv -f "$file.new" "$file"
}

switch_to() { # VERSION
  rm -f "$root/current.new"
  ln -s "$1" "$root/current.new" || return 1
  mv -fT "$root/current.new" "$root/current" 2>/dev/null && return 0
  # No -T here: for an instant there is no link, which the next start would notice and repair.
  rm -f "$root/current" && mv -f "$root/current.new" "$root/current"
}

roll_back() { # DETAIL
  put "$root/outcome" "$id" "$from" "$to" rolled_back upgrade-rolled-back "$1"
  switch_to "$from" && rm -f "$root/trial" "$root/trial.boots"
}

# Kills a version on trial that neither proves itself nor dies. The pid may be another's by then, so it looks who that is.
guard() { # PID
  sleep "$seconds"
  read -r now < "$root/trial" || exit 0
  [ "$now" = "$id" ] || exit 0
  case $(tr '\0' ' ' < "/proc/$1/cmdline") in *"$root/current/drover-agent "*) ;; *) exit 0 ;; esac
  put "$root/trial.boots" 99
  kill -KILL "$1"
}

try() {
  { read -r id && read -r to && read -r from && read -r seconds; } < "$root/trial" || { rm -f "$root/trial"; return; }
  [ -e "$root/current" ] || { roll_back 'The new version is not there.'; return; }
  [ "$(readlink "$root/current")" = "$to" ] || return 0
  boots=0
  [ -f "$root/trial.boots" ] && read -r boots < "$root/trial.boots"
  case $boots in '' | *[!0-9]*) boots=0 ;; esac
  if [ "$boots" -gt "$boots_max" ]; then
    roll_back "The new version was not linked and steady within $seconds s."
  elif [ "$boots" -eq "$boots_max" ]; then
    roll_back "The new version ended $boots times without having linked."
  elif put "$root/trial.boots" $((boots + 1)); then
    ( guard $$ & ) < /dev/null > /dev/null 2>&1
  else
    roll_back 'The starts of the new version could not be counted: no space or not writable.'
  fi
}

[ -f "$root/trial" ] && try
exec "$root/current/drover-agent" --data "$data" "$@"
