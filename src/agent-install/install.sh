#!/bin/sh
# Installs, shows and removes the Drover agent on this host. POSIX sh; works with dash and busybox. Doing it again does no harm.
#
#   install.sh install [--executable FILE|-] [--url URL] [--sha256 HEX] [--size BYTES] [--file-sha256 HEX] [--file-size BYTES]
#                      [--package ARCH=SHA256=SIZE=FILE_SHA256=FILE_SIZE=URL]... [--name NAME] [--label K=V]... [--wait SECONDS]
#   install.sh status
#   install.sh uninstall [--force] [--purge]
#
# The executable comes from FILE, from standard input (-), or from URL; compressed by gzip or not. --sha256 and --size are of the executable itself,
# --file-sha256 and --file-size of the file that is fetched, where that is compressed. They have to come from whom you trust: they are what makes the way
# it came by not matter. Of a URL no more than the size is taken, and nothing is unpacked that is not the file that was meant. --package says all of it
# for a processor (x64, arm64); this host takes its own. The join token comes in DROVER_JOIN, where `ps` does not show it.
# All of it goes below PREFIX when that is set, and nothing outside of it is touched then. --service systemd|init|none overrules what is found.
#
# The last line of a refusal on standard error is `drover-install: CODE: what happened and what to do`; codes are those of docs/ERRORS.md.
set -u
umask 022

prefix=${PREFIX-}
root=$prefix/usr/local/lib/drover
data=$prefix/var/lib/drover-agent
unit=$prefix/etc/systemd/system/drover-agent.service
init=$prefix/etc/init.d/drover-agent
log=$prefix/var/log/drover-agent.log
# The executable, what it is unpacked from, and room to breathe. What says no size may have as much, and not more.
need_kib=307200

refuse() { # CODE DETAIL
  undo
  printf 'drover-install: %s: %s\n' "$1" "$2" >&2
  exit 1
}

# Until the host is enrolled nothing is to stay that was not there before: not a file, not a stopped service.
undo() {
  [ -z "$staged" ] || rm -f "$staged" "$staged.gz"
  rmdir "$root/.incoming" 2> /dev/null
  [ -z "$fresh_root" ] || rm -rf "$root"
  [ -z "$fresh_data" ] || [ -e "$data/identity.json" ] || rm -rf "$data"
  [ -z "$stopped" ] || start_again
}

usage() {
  cat >&2 << 'USAGE'
usage: install.sh install [--executable FILE|-] [--url URL] [--sha256 HEX] [--size BYTES] [--file-sha256 HEX] [--file-size BYTES]
                          [--package ARCH=SHA256=SIZE=FILE_SHA256=FILE_SIZE=URL]... [--name NAME] [--label K=V]... [--wait SECONDS] [--service systemd|init|none]
       install.sh status
       install.sh uninstall [--force] [--purge]
The join token comes in DROVER_JOIN (drover agents join-token create).
USAGE
  exit 2
}

say() {
  printf '%s\n' "$*"
}

# — what this host is —

arch_of_host() { # as Node names it
  case $(uname -m) in x86_64 | amd64) echo x64 ;; aarch64 | arm64) echo arm64 ;; *) echo none ;; esac
}

check_host() {
  [ -n "$prefix" ] || [ "$(id -u)" = 0 ] || refuse permission-denied 'The agent is installed by root; run this as root or by sudo.'
  case $(uname -s) in Linux) ;; *) refuse package-not-found "There is no agent for $(uname -s)." ;; esac
  [ "$(arch_of_host)" != none ] || refuse package-not-found "There is no agent for the processor $(uname -m)."
  [ -e "$root" ] || fresh_root=1
  [ -e "$data" ] || fresh_data=1
  mkdir -p "$root" "$data" 2> /dev/null || refuse data-folder-unwritable "$root or $data cannot be created."
  chmod 711 "$data"
  [ $((${size:-0} / 1024 + ${file_size:-0} / 1024 + 65536)) -le "$need_kib" ] || need_kib=$((size / 1024 + ${file_size:-0} / 1024 + 65536))
  free=$(df -Pk "$root" | awk 'END { print $4 }')
  [ "${free:-0}" -ge "$need_kib" ] || refuse install-space "$root has $((${free:-0} / 1024)) MiB of free space; installing needs $((need_kib / 1024))."
}

choose_service() {
  [ -n "$service" ] && return
  if [ -d /run/systemd/system ] && [ -z "$prefix" ] && command -v systemctl > /dev/null; then service=systemd; else service=init; fi
}

# — the executable —

bounded() { # BYTES COMMAND...: which writes no file that is longer, but for the rest of a block
  (
    trap '' XFSZ
    ulimit -f $(($1 / 512 + 1)) 2> /dev/null
    shift
    "$@"
  )
}

fetch() { # URL FILE SIZE: from where an earlier try ended, if there was one
  if command -v curl > /dev/null; then
    # Any certificate will do: size and checksum decide.
    bounded "$3" curl -fsSk --max-filesize "$3" --retry 5 --retry-delay 2 -C - -o "$2" "$1"
  elif command -v wget > /dev/null; then
    bounded "$3" wget -q --no-check-certificate -O "$2" "$1"
  else
    refuse package-fetch-failed 'This host has neither curl nor wget. Give the executable with --executable instead.'
  fi
  case $? in
    0) ;;
    63) refuse package-invalid "$1 is longer than the $3 bytes that the package has." ;;
    *) [ "$(bytes_of "$2")" -gt "$3" ] || refuse package-fetch-failed "$1 could not be fetched."
  esac
}

bytes_of() { # FILE
  if [ -f "$1" ]; then echo $(($(wc -c < "$1"))); else echo 0; fi
}

expect() { # FILE WHAT SIZE SHA256: each of the two may be unknown
  found=$(bytes_of "$1")
  [ -z "$3" ] || [ "$found" = "$3" ] || refuse package-invalid "$2 does not have $3 bytes: $([ "$found" -gt "$3" ] && echo 'it is longer' || echo "it has $found")."
  [ -z "$4" ] && return
  found=$(sha256sum "$1" | cut -d' ' -f1)
  [ "$found" = "$4" ] || refuse package-invalid "$2 has the checksum $found, not $4."
}

stage() {
  mkdir -p "$root/.incoming" && chmod 700 "$root/.incoming"
  staged=$root/.incoming/install.$$
  most=$((need_kib * 1024))
  case $executable in
    '') [ -n "$url" ] || [ -z "$offered" ] || refuse package-not-found "There is no package for the processor $(uname -m)."
      [ -n "$url" ] || return 0
      [ -n "$sha256" ] && [ -n "$size" ] || refuse package-invalid '--url wants --sha256 and --size, and where it is compressed --file-sha256 and --file-size: what came by a way you trust.'
      fetch "$url" "$staged" "${file_size:-$size}"
      expect "$staged" "What was fetched from $url" "${file_size:-$size}" "${file_sha256:-$sha256}" ;;
    -) bounded "${file_size:-$most}" cat > "$staged" || refuse package-invalid "What came as the executable is longer than ${file_size:-$most} bytes, or the disk is full."
      expect "$staged" 'What came as the executable' "$file_size" "$file_sha256" ;;
    *) cp "$executable" "$staged" || refuse package-not-found "$executable cannot be read."
      expect "$staged" "$executable" "$file_size" "$file_sha256" ;;
  esac
  [ -s "$staged" ] || refuse package-fetch-failed 'Nothing came as the executable.'
  if [ "$(head -c 2 "$staged" | od -An -tx1 | tr -d ' \n')" = 1f8b ]; then
    mv "$staged" "$staged.gz" && bounded "${size:-$most}" gzip -dc < "$staged.gz" > "$staged" || refuse package-invalid "The package cannot be unpacked: it is damaged, it has more than ${size:-$most} bytes, or the disk is full."
    rm -f "$staged.gz"
  fi
  expect "$staged" 'The executable' "$size" "$sha256"
  chmod 755 "$staged"
  # Proves processor, C library, and that programs may run from here.
  version=$("$staged" --version 2>&1) || refuse package-unusable "The executable does not run from $root on this host (noexec? C library too old? wrong processor?): $(printf %s "$version" | head -n 2 | tr '\n' ' ')"
  case $version in '' | [!0-9]* | *[!0-9A-Za-z.+-]*) refuse package-invalid 'This is not an agent: it does not say its version.' ;; esac
}

choose_agent() {
  agent=$staged
  [ -z "$version" ] || return 0
  # Nothing was given: what is there goes on, or is enrolled.
  agent=$root/current/drover-agent staged=''
  [ -x "$agent" ] || refuse package-not-found 'No agent is installed yet: give --executable or --url.'
  version=$(readlink "$root/current")
}

place() {
  [ -n "$staged" ] || return 0
  if ! cmp -s "$staged" "$root/$version/drover-agent"; then
    mkdir -p "$root/$version" && mv -f "$staged" "$root/$version/drover-agent" || refuse install-space "$root/$version cannot be written."
    changed=1
  fi
  rm -f "$staged"
  staged=''
  [ "$(readlink "$root/current" 2> /dev/null)" = "$version" ] && return
  # Who installs by hand decides: an upgrade that was on trial is over.
  rm -f "$root/trial" "$root/trial.boots" "$root/current.new"
  ln -s "$version" "$root/current.new"
  mv -fT "$root/current.new" "$root/current" 2> /dev/null || { rm -f "$root/current" && mv -f "$root/current.new" "$root/current"; }
  changed=1
}

put() { # FILE MODE: standard input, whole or not at all; notes whether that changed anything
  mkdir -p "$(dirname "$1")"
  cat > "$1.new" && chmod "$2" "$1.new" || refuse install-space "$1 cannot be written."
  if cmp -s "$1.new" "$1"; then rm -f "$1.new"; else mv -f "$1.new" "$1"; changed=1; fi
}

put_launch() {
  put "$root/launch" 755 << 'LAUNCH'
@LAUNCH@
LAUNCH
}

# — the service —

put_unit() {
  put "$unit" 644 << UNIT
# Written by the Drover installer.
[Unit]
Description=Drover agent
Documentation=https://drover.dev/docs/guides/agents
Wants=network-online.target
After=network-online.target
# It comes back however often it ends.
StartLimitIntervalSec=0

[Service]
Type=simple
Environment=DROVER_AGENT_ROOT=$root
Environment=DROVER_AGENT_DATA=$data
ExecStart=$root/launch
Restart=always
RestartSec=1
# Scripts outlive the agent: it finds them again.
KillMode=process
TimeoutStopSec=20
# It keeps each execution in a control group of its own, below its own.
Delegate=yes
TasksMax=infinity
LimitNOFILE=65536
LimitCORE=0
# What follows binds the scripts as well, so it is little: they are here to administer the host.
ProtectClock=no
RestrictRealtime=no

[Install]
WantedBy=multi-user.target
UNIT
}

put_init() {
  put "$init" 755 << INIT
#!/bin/sh
### BEGIN INIT INFO
# Provides:          drover-agent
# Required-Start:    \$network \$local_fs
# Required-Stop:     \$network \$local_fs
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Drover agent
### END INIT INFO
# Written by the Drover installer. Starts a loop that starts the agent again whenever it ends; scripts outlive both.
export DROVER_AGENT_ROOT=$root
export DROVER_AGENT_DATA=$data
log=$log
pidfile=$data/launch.pid
pid=\$(cat "\$pidfile" 2> /dev/null)
runs() {
  [ -n "\$pid" ] && { tr '\\0' ' ' < "/proc/\$pid/cmdline"; } 2> /dev/null | grep -qF "\$DROVER_AGENT_ROOT/launch --respawn"
}
case \$1 in
  start)
    runs && exit 0
    mkdir -p "\${log%/*}"
    # Begun anew when it has grown: the agent says little.
    [ -e "\$log" ] && [ "\$(wc -c < "\$log")" -ge 10485760 ] && mv -f "\$log" "\$log.1"
    ( trap '' HUP; exec "\$DROVER_AGENT_ROOT/launch" --respawn ) < /dev/null >> "\$log" 2>&1 &
    echo \$! > "\$pidfile"
    ;;
  stop)
    runs || exit 0
    kill -TERM "\$pid"
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      runs || { rm -f "\$pidfile"; exit 0; }
      sleep 1
    done
    echo 'The agent does not end.' >&2
    exit 1
    ;;
  restart) "\$0" stop && exec "\$0" start ;;
  status) if runs; then echo "running (\$pid)"; else echo stopped; exit 3; fi ;;
  *) echo "usage: \$0 start|stop|restart|status" >&2; exit 2 ;;
esac
INIT
}

stop_service() {
  case $service in
    systemd) systemctl stop drover-agent 2> /dev/null ;;
    init) [ -x "$init" ] && "$init" stop ;;
  esac
  return 0
}

start_service() {
  case $service in
    systemd)
      systemctl daemon-reload && systemctl enable -q drover-agent || refuse spawn-failed 'systemd did not take the unit: systemctl status drover-agent.'
      if [ -n "$changed" ]; then systemctl restart drover-agent; else systemctl start drover-agent; fi || refuse spawn-failed 'systemd did not start the agent: journalctl -u drover-agent.'
      ;;
    init)
      if [ -z "$prefix" ]; then
        if command -v update-rc.d > /dev/null; then update-rc.d drover-agent defaults > /dev/null
        elif command -v chkconfig > /dev/null; then chkconfig --add drover-agent
        elif command -v rc-update > /dev/null; then rc-update -q add drover-agent default
        fi
      fi
      [ -z "$changed" ] || "$init" stop
      "$init" start || refuse spawn-failed "$init did not start the agent; see $log."
      ;;
  esac
}

start_again() { # after a refusal: what ran before
  case $service in
    systemd) systemctl start drover-agent 2> /dev/null ;;
    init) [ -x "$init" ] && "$init" start ;;
  esac
}

# — joining —

enrol() {
  set -- --data "$data" --enrol-only
  [ -z "$name" ] || set -- "$@" --name "$name"
  for label in $labels; do set -- "$@" --label "$label"; done
  "$agent" "$@" 2>&1
}

enrol_host() {
  said=$(enrol) && return
  case $said in
    *'(data-folder-in-use)'*) stopped=1; stop_service; said=$(enrol) && return ;;
  esac
  code=$(printf '%s\n' "$said" | sed -n 's/.*(\([a-z-]*\))$/\1/p' | tail -n 1)
  refuse "${code:-internal}" "$(printf '%s\n' "$said" | sed -n 's/^drover: \(.*\) ([a-z-]*)$/\1/p' | tail -n 1)"
}

linked() { # the agent says so in its data folder, and is alive
  [ -f "$data/link" ] && read -r state pid running < "$data/link" && [ "$state" = linked ] && [ "$running" = "$version" ] && [ -d "/proc/$pid" ]
}

wait_for_link() {
  left=$wait_s
  until linked; do
    [ "$left" -gt 0 ] || refuse host-not-linked "The agent was started and was not linked within $wait_s s. See $([ "$service" = systemd ] && echo 'journalctl -u drover-agent' || echo "$log"): does it reach a worker?"
    left=$((left - 1))
    sleep 1
  done
}

# — the three commands —

install() {
  check_host
  choose_service
  stage
  choose_agent
  # Before anything is put where it will stay: whoever is refused here has what it had.
  enrol_host
  fresh_root='' stopped=''
  place
  rm -rf "$root/.incoming"
  put_launch
  case $service in systemd) put_unit ;; init) put_init ;; none) say "installed $version in $root; start $root/launch with DROVER_AGENT_ROOT and DROVER_AGENT_DATA"; return ;; esac
  start_service
  [ "$wait_s" = 0 ] || wait_for_link
  say "drover-agent $version installed$([ "$wait_s" = 0 ] || echo ' and linked')"
}

status() {
  [ -L "$root/current" ] || { say 'not installed'; exit 3; }
  version=$(readlink "$root/current")
  if linked; then say "drover-agent $version linked (pid $pid)"; else say "drover-agent $version not linked"; exit 3; fi
}

# A script has a supervisor: a stopped shell that keeps its end for an agent to read. Both write into the spool, also when that is deleted.
writers() { # pids
  # `ls` only says at which it is worth to look: two processes for all of them, where one for each would take minutes where many run. What a
  # link leads to may have any name, with arrows and line breaks. printf is of the shell, which knows no limit.
  printf '%s\n' /proc/[0-9]*/fd/1 /proc/[0-9]*/fd/2 | xargs ls -ld 2> /dev/null | to=" -> $data/spool/" awk '
    { at = index($0, " -> "); if (!index($0, ENVIRON["to"])) next; n = split(substr($0, 1, at - 1), part, "/"); pid = part[n - 2]
      if (pid ~ /^[0-9]+$/ && !seen[pid]++) print pid }' |
    while read -r pid; do
      if in_spool "/proc/$pid/fd/1" || in_spool "/proc/$pid/fd/2"; then echo "$pid"; fi
    done
}

in_spool() { # FD: whether it is one of our files there. In a mount namespace of his own, anybody can have others by the same name.
  to=$(readlink "$1") || return 1
  case $to in "$data/spool/"*) ;; *) return 1 ;; esac
  [ -f "$1" ] && [ -O "$1" ] || return 1
  [ "$1" -ef "$to" ] && return
  # Deleted: then it has no name at all.
  set -- $(ls -ldL "$1" 2> /dev/null)
  [ "${2-}" = 0 ]
}

words_of() { # PID: its arguments, one a line; nothing when it is gone
  { tr '\0' '\n' < "/proc/$1/cmdline"; } 2> /dev/null
}

supervisors() { # pids, of those that write
  for pid in $(writers); do
    if words_of "$pid" | grep -qx drover-run; then echo "$pid"; fi
  done
}

executing() { # pids that run: what writes, and what a supervisor waits for wherever that writes; not those that only keep an end
  keepers=$(supervisors)
  {
    for pid in $(writers); do
      case " $(echo $keepers) " in *" $pid "*) ;; *) echo "$pid" ;; esac
    done
    # `status` writes a line break in a name as two characters; in `stat` it would be one.
    printf '%s\n' /proc/[0-9]*/status | xargs cat 2> /dev/null | of=" $(echo $keepers) " awk '
      $1 == "State:" { state = $2 } $1 == "Pid:" { pid = $2 } $1 == "PPid:" && state != "Z" && index(ENVIRON["of"], " " $2 " ") { print pid }'
  } | awk '!seen[$0]++'
}

told() { # PID...: what they are, as far as it fits in a line
  n=0
  for pid in "$@"; do
    words=$(words_of "$pid" | tr '\n' ' ' | tr -cd ' -~' | cut -c1-160)
    [ -n "$words" ] || continue
    n=$((n + 1))
    [ "$n" -le 5 ] || { printf ' and more,'; break; }
    printf ' pid %s (%s),' "$pid" "${words% }"
  done
}

refuse_in_use() {
  for needed in awk ls readlink xargs; do
    command -v "$needed" > /dev/null || refuse host-in-use "Whether scripts run on this host cannot be told: it has no $needed. Install it, or use --force: what runs then goes on with nobody watching."
  done
  pids=$(executing)
  [ -n "$pids" ] || return 0
  list=$(told $pids)
  # Ended while we looked.
  [ -n "$list" ] || return 0
  refuse host-in-use "Scripts run on this host:${list%,}. Their results would be lost. Wait for them, or use --force: they then go on with nobody watching."
}

uninstall() {
  [ -n "$prefix" ] || [ "$(id -u)" = 0 ] || refuse permission-denied 'The agent is removed by root; run this as root or by sudo.'
  [ -n "$force" ] || refuse_in_use
  if [ -f "$unit" ]; then service=systemd; else service=init; fi
  stop_service
  # Nobody will read from them how their scripts end.
  idle=$(supervisors)
  if [ "$service" = systemd ] && [ -z "$prefix" ]; then systemctl disable -q drover-agent 2> /dev/null; fi
  if [ "$service" = init ] && [ -z "$prefix" ]; then
    if command -v update-rc.d > /dev/null; then rm -f "$init"; update-rc.d drover-agent remove > /dev/null
    elif command -v chkconfig > /dev/null; then chkconfig --del drover-agent 2> /dev/null
    elif command -v rc-update > /dev/null; then rc-update -q del drover-agent default 2> /dev/null
    fi
  fi
  rm -f "$unit" "$init"
  rm -rf "$root"
  if [ "$service" = systemd ] && [ -z "$prefix" ]; then systemctl daemon-reload; fi
  [ -z "$purge" ] || rm -rf "$data" "$log" "$log.1"
  # Going on, they wait for their scripts, write the end down if the folder is still there, and end too.
  [ -z "$idle" ] || kill -CONT $idle 2> /dev/null
  if [ -n "$purge" ]; then say 'removed, with its data'; else say "removed; $data is kept (identity, journal, whole output): --purge removes it too"; fi
}

command=${1-}
[ $# -gt 0 ] && shift
executable='' url='' sha256='' size='' file_sha256='' file_size='' offered='' name=${DROVER_HOST-} labels='' wait_s=60 service='' force='' purge='' changed='' staged='' version='' fresh_root='' fresh_data='' stopped=''
while [ $# -gt 0 ]; do
  case $1 in
    --force) force=1; shift; continue ;;
    --purge) purge=1; shift; continue ;;
  esac
  [ $# -ge 2 ] || usage
  case $1 in
    --executable) executable=$2 ;;
    --url) url=$2 ;;
    --sha256) sha256=$2 ;;
    --size) size=$2 ;;
    --file-sha256) file_sha256=$2 ;;
    --file-size) file_size=$2 ;;
    --package)
      case $2 in
        "$(arch_of_host)"=*=*=*=*=*)
          rest=${2#*=} sha256=${rest%%=*} rest=${rest#*=} size=${rest%%=*} rest=${rest#*=}
          file_sha256=${rest%%=*} rest=${rest#*=} file_size=${rest%%=*} url=${rest#*=} ;;
        *=*=*=*=*=*) offered=1 ;;
        *) usage ;;
      esac ;;
    --name) name=$2 ;;
    --label) case $2 in *[[:space:]]*) refuse bad-input "A label has no blanks: $2" ;; esac; labels="$labels $2" ;;
    --wait) case $2 in '' | *[!0-9]*) usage ;; esac; wait_s=$2 ;;
    --service) case $2 in systemd | init | none) service=$2 ;; *) usage ;; esac ;;
    *) usage ;;
  esac
  shift 2
done
for given in "$sha256" "$file_sha256"; do
  case $given in *[!0-9a-f]*) refuse bad-input "This is no SHA-256 (64 hexadecimal digits): $given" ;; esac
  [ "${#given}" = 0 ] || [ "${#given}" = 64 ] || refuse bad-input "This is no SHA-256 (64 hexadecimal digits): $given"
done
for given in "$size" "$file_size"; do
  case $given in *[!0-9]* | 0* | ?????????????*) refuse bad-input "This is no number of bytes: $given" ;; esac
done
case $url in '' | http://* | https://*) ;; *) refuse bad-input "This is no address of a package (http://, https://): $url" ;; esac
case $command in
  install) install ;;
  status) status ;;
  uninstall) uninstall ;;
  *) usage ;;
esac
