/**
 * Which processes belong to a run, as the watch of the program on the host looks for them, and how they are signalled. The tree: what
 * descends from the leader, has the attempt in its environment, has the spool as output, or is in a session of one of these that is
 * neither X's nor ours. Anybody on the host can write the attempt into his own environment: a process of another account that is in the
 * tree for this alone has its descendants taken with it, and nobody else of its session.
 *
 * A process names itself, with line breaks too: of what /proc says of it the last line alone has what follows the name, and the number is
 * that of its folder.
 *
 * Left in `l`, and with their starts in `H`. The variables, and the rules of this shell text, are told in remote-program.ts.
 */
export const TREE = `
marked() {
  while y=; IFS= read -r y || [ -n "$y" ]; do
    case $y in *DROVER_ATTEMPT_ID=$A[0-9]*) ;; *DROVER_ATTEMPT_ID=$A*) return 0;; esac
  done 2>/dev/null <"$R/$1/environ"
  return 1
}
lines() { z=$("$@" 2>/dev/null); }
tree() { l=; H=; if [ -e "$R/self/stat" ]; then walk; else list; fi; }
list() {
  lines ps -A -o pid= -o ppid= -o stat= || lines ps -o pid,ppid,stat
  IFS=$n; set -f; set -- $z; set +f; IFS=" $n"
  h=" $p $k"
  while :; do
    m=$h
    for x do kin $x; done
    [ "$m" = "$h" ] && break
  done
  for x do live $x; done
  k="$l "
}
kin() { case $h in *" $1 "*) ;; *" $2 "*) h="$h$1 ";; esac; }
live() {
  case $3 in [ZX]*) return;; esac
  case $h in *" $1 "*) l="$l $1"; H="$H $1:\${22}";; esac
}
send() {
  o=$l
  if [ -e "$R/self/stat" ]; then
    o=
    for y in $H; do stat "\${y%:*}" && [ "$I" = "\${y#*:}" ] && o="$o \${y%:*}"; done
  fi
  [ -z "$o" ] || kill -s "$1" $o
}
walk() {
  lines eval "grep \\"\\" /dev/null $R/[0-9]*/stat"
  IFS=$n; set -f; set -- $z; set +f; IFS=" $n"
  h=" "; e=" "; o=" 0 "; others=" "
  if alive; then h=" $p "; fi
  stat self && o="$o$g "
  stat "$X" && o="$o$g "
  k=
  for x in $(grep -l "DROVER_ATTEMPT_ID=$A" "$R"/[0-9]*/environ 2>/dev/null); do
    x=\${x%/environ}; x=\${x##*/}
    marked "$x" || continue
    if [ -O "$R/$x" ]; then h="$h$x "; else k="$k $x"; fi
  done
  for x in "$R"/[0-9]*; do
    if [ "$x/fd/1" -ef "$b.o" ] || [ "$x/fd/2" -ef "$b.e" ]; then h="$h\${x##*/} "; fi
  done
  reach "$@"
  for x in $k; do
    case $h in *" $x "*) ;; *) h="$h$x "; others="$others$x ";; esac
  done
  [ "$others" = " " ] || reach "$@"
  scan live "$@"
}
reach() {
  while :; do
    m=$h
    scan near "$@"
    [ "$m" = "$h" ] && break
  done
}
scan() {
  v=$1; c=
  shift
  for x do
    case $x in "$R"/*/stat:*) ;; *) continue;; esac
    y=\${x#"$R"/}; y=\${y%%/*}
    [ "$y" = "$c" ] || [ -z "$c" ] || $v "$c" 0 $z
    c=$y; z=\${x##*) }
  done
  [ -z "$c" ] || $v "$c" 0 $z
}
near() {
  case $h in
    *" $1 "*) case $others in *" $1 "*) ;; *) mates "$6";; esac;;
    *" $4 "*) h="$h$1 "; case $others in *" $4 "*) others="$others$1 ";; esac;;
    *) case $e in *" $6 "*) h="$h$1 ";; esac;;
  esac
}
mates() { case $o$e in *" $1 "*) ;; *) e="$e$1 ";; esac; }
`;
