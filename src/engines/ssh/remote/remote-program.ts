/**
 * The program that runs on the host: POSIX sh without `'` and line breaks (and no `!` that csh would expand), so that any login
 * shell hands it on unharmed. Half of it travels as a command; the other half, and what is secret or large, follows on standard input.
 *
 * Who is who: X, the shell itself, becomes the parent of the leader and is stopped by it, so that the ended leader stays a
 * zombie whose raw wait status /proc tells (docs/adr/0008). The leader (`lead`, pid p) becomes the script. `tell`, the other end
 * of its pipeline, reads until nobody holds the pipe any more, which is the end of a short script; it records and reports.
 * `listen` evaluates lines from the channel; told `next`, it has X go on to another order. Only scripts that live longer get a
 * `watch` (deadline, kills, spool limit) and a live `follow`. Nothing else is forked unless there is output to hand over. Where
 * there is no /proc, `lead` stays as the parent and tells a signal from an exit code by the message that its shell writes.
 *
 * Files, all 0600 and named by the attempt, lie in a folder of this shell's own: 0700, made by it under a name that
 * nobody could guess, in the first place that takes it, and looked at before each use, since whoever clears that place
 * may let somebody else make one of the same name. `.i` is guard, identity and all that becomes of it (made atomically:
 * the at-most-once. Whether an order is still valid is looked at after that, so that one that is neither known nor
 * valid can be repeated), `.x` script, `.n` input, `.o` `.e` output, `.v` output values, `.t` one of these being put back. What is told of
 * a run is appended to `.i` alone: its block is there since the beginning, so a full disk, and one that can take no
 * more files, still takes the cause of a kill and the end. So it stays below one block of 4 KiB.
 *
 * A line is one write; its order among the others decides. After the two of the identity: `Y` the teller, `W` a watch
 * that holds the output, `K` why it is to be killed (the first counts), `C` the live `follow` will report, `D` the
 * files were deleted and `.i` was made anew, `T` the end as the teller saw it, who then reports, and `S` as the watch
 * did. A `T` after a `K` or an end only tells the status: the kill goes on until the whole tree is gone.
 *
 * Variables, unset first because a session may hand some on: A attempt, N nonce before every line of ours, R the root
 * of /proc, T deadline and K grace in 1/100 s, C spool cap in bytes, V until when the order is valid, u the start and t
 * the time in 1/100 s since boot, F the name of the folder, r the place it is in, d its path and b the common path of
 * the files, D those of orders that are over, L the listener, i the pid of the caller of `self`; s q f g state, wait
 * status, parent and session as `stat` found them, I the start; P the start of the leader; h l the tree and its living,
 * H these with their starts: nobody is signalled whose start is another; O Q the search path and locale of the session,
 * as they were. From `.i`: Y teller, J last watch, G cause, M who reports, B whether files were deleted, E end, S
 * status; Z is set where a watch holds the output open; others are those of another account that only their environment
 * names; w is the cause as the watch knows it, also where nothing can be written.
 */
import { valueLimits } from '../../../base/value-limits.ts';
import type { RemoteProgram } from './remote-become.ts';
import { TREE } from './remote-tree.ts';

/** One byte more than is read, so that whoever reads it knows of more. */
const VALUES = valueLimits.outputValuesFileBytesMax + 1;

/**
 * The files, the clock, the end. /tmp comes first: logind empties /dev/shm and the runtime folder of a user who leaves, and
 * large output does not belong in memory.
 */
const BASE = `
umask 077
unset A B C D E F G H I J K L M N O P Q R S T U V W X Y a b c d e f g h i j k l m n o p q r s t u v w x y z
O=$PATH
Q=$LC_ALL
n=\${IFS#??}
D=
LC_ALL=C
PATH=$PATH:/usr/bin:/bin:/usr/sbin:/sbin
W=
say() { printf "%s %s\\n" "$N" "$*"; }
each() {
  v=$1
  set -- /tmp /var/tmp /dev/shm "$HOME" "$XDG_RUNTIME_DIR"
  for r do d=$r/.drover-$F; b=$d/$A; [ -n "$r" ] && $v && return 0; done
  return 1
}
ours() {
  cd -P "$d" 2>/dev/null || return 1
  x=1
  case $PWD in */.drover-"$F") [ -O . ] && x=0 d=$PWD b=$PWD/$A;; esac
  cd /
  return $x
}
remove() { if [ -n "$D" ]; then rm -f "$b.x" "$b.n" "$b.o" "$b.e" "$b.v" "$b.t" "$b.i"; else $1 rm -rf "$d"; fi; }
tidy() {
  [ -n "$D" ] || return 0
  set --
  y=$IFS
  IFS=$n; set -f
  for x in $D; do set -- "$@" "$x.x" "$x.n" "$x.o" "$x.e" "$x.v" "$x.i"; done
  IFS=$y; set +f
  D=
  rm -f "$@"
}
leave() { tidy; [ -n "$d" ] && [ -d "$d" ] && rmdir "$d" 2>/dev/null; }
now() {
  if read -r t x 2>/dev/null <"$R/uptime"; then t=\${t%.*}\${t#*.}; t=\${t#0}; t=\${t#0}; else t=$(date +%s)00; fi
}
self() {
  if [ -e "$R/self/stat" ]; then cd -P "$R/self"; i=\${PWD##*/}; cd /; else i=$(exec sh -c "echo \\$PPID"); fi
}
stat() {
  s=; set -- "$1"
  while IFS= read -r x; do set -- "$1" "$x"; done 2>/dev/null <"$R/$1/stat"
  [ -n "$2" ] || return 1
  x=$2
  q=\${x##* }; x=\${x##*) }; s=\${x%% *}
  x=\${x#* }; f=\${x%% *}
  x=\${x#* }; x=\${x#* }; g=\${x%% *}
  set -- $x
  I=\${17}
}
held() { stat "$p" && [ "$s" = Z ] && [ "$f" = "$X" ]; }
note() { [ -e "$b.i" ] && printf "%s\\n" "$*" 2>/dev/null >>"$b.i"; }
record() {
  now
  note "$1" "$2" "$u" "$t" "$3" $4 || return 1
  E=$2
  for x in "$b.x" "$b.n"; do [ -e "$x" ] && true >"$x"; done
  return 0
}
load() {
  [ -e "$b.i" ] || return 1
  X=; p=; Y=; E=; G=; J=; M=; S=; B=
  {
    read -r X T K C
    read -r p u
    while read -r x y; do
      case $x in
        Y) Y=$y;;
        W) J=$y;;
        K) G=\${G:-$y};;
        C) M=\${M:-C};;
        D) B=1;;
        S) E=\${E:-$y};;
        T) if [ -n "$G$E" ]; then S=\${y%% *}; else M=\${M:-T}; E=$y; fi;;
      esac
    done
  } 2>/dev/null <"$b.i"
  [ -n "$p" ]
}
tell_values() {
  if [ -s "$b.v" ]; then say O 3 0; head -c ${VALUES} "$b.v"; say
  elif [ ! -e "$b.v" ]; then say G
  fi
}
report() { now; tell_values; [ -n "$B" ] && say D; say E "$t" "$E"; }
free() {
  [ -n "$W" ] && kill -s KILL "$W" 2>/dev/null && wait "$W" 2>/dev/null
  load && held && kill -s KILL $Y "$X"
}
bye() { free; remove exec; }
farewell() { free; remove; say F; exit 0; }
`;

/** What a sweep looks at below `$1`: runs that were over a week ago, files of a month ago, and folders, which go when they are empty. */
const OVER =
  '$(find "$1"/.drover-*/*.i -prune -type f -mtime +7 -exec grep -l "^[ST] " {} + 2>/dev/null | head -n 100)';
const OLD = '$(find "$1"/.drover-*/*.? -prune -type f -mtime +31 2>/dev/null | head -n 100)';
const EMPTY = '$(find "$1"/.drover-* -prune -type d -mtime +7 2>/dev/null | head -n 100)';

/**
 * The watch looks every tenth of a second, or less often. It knows all that it needs by itself: when somebody deletes the files of a
 * run that goes on, it makes the guard anew, and holds the output open, so that both are found again; where neither can be, it
 * still ends the tree at its deadline. Kills are decided here alone, and written down before they begin, so
 * that whoever sees the end knows its cause; where that cannot be written they come all the same. What the tree is: remote-tree.ts.
 *
 * A piece of live output ends with the nonce, not after a number of bytes: a script may cut its own output short meanwhile.
 */
const WATCH = `
rest() { sleep "$1" 2>/dev/null || sleep 1; }
running() {
  if [ ! -e "$R/self/stat" ]; then kill -0 "$p" 2>/dev/null; return; fi
  stat "$p" || return 1
  case $s in [ZX]) return 1;; esac
  [ "\${P:-$I}" = "$I" ] || return 1
  [ "$f" = "$X" ] || marked "$p"
}
alive() { running || held; }
chase() {
  j=; k=
  while tree; [ -n "$l" ]; do
    now
    if [ -z "$j" ]; then j=$((t + K)); send TERM; send CONT; rest 0.01; continue; fi
    [ "$t" -ge $((j + 500)) ] && break
    if [ "$t" -ge "$j" ]; then send KILL; rest 0.03; continue; fi
    send TERM; send CONT
    y=$((j - t))
    if [ $y -ge 10 ]; then rest 0.1; else rest 0.0$y; fi
  done
  z=
  for x in $l; do [ \${#z} -lt 900 ] && z="$z $x"; done
  settle "$w" "$z"
}
settle() {
  c=0
  while [ $c -lt 50 ] && running; do c=$((c + 1)); rest 0.02; done
  if held; then record S "$q" "$1" "$2"; return; fi
  while load && [ -z "$S$E" ] && [ $c -lt 50 ] && [ ! -e "$R/self/stat" ]; do c=$((c + 1)); rest 0.02; done
  [ -n "$E" ] || record S "\${S:-?}" "$1" "$2"
}
doom() { w=$1; note K "$1"; }
over() { z=$(wc -c <"$1") && [ "$z" -gt "$C" ]; }
mend() {
  ours || { mkdir -m 700 "$d" 2>/dev/null; ours; } || return 1
  set -C
  printf "%s\\n" "$X $T $K $C" "$p $u" D C \${J:+"W $J"} \${G:+"K $G"} \${w:+"K $w"} 2>/dev/null >"$b.i"
  set +C
}
restore() {
  [ -e "$b.o" ] || ln -s "$R/$i/fd/5" "$b.o"
  [ -e "$b.e" ] || ln -s "$R/$i/fd/6" "$b.e"
}
keep() {
  [ -L "$b.o" ] && cat <&5 >"$b.t" && mv -f "$b.t" "$b.o"
  [ -L "$b.e" ] && cat <&6 >"$b.t" && mv -f "$b.t" "$b.e"
  return 0
}
watch() {
  exec </dev/null >/dev/null 2>&1 8<&-
  if [ -r "$b.o" ] && [ -r "$b.e" ] && [ -e "$R/self/stat" ]; then Z=1; look 5<"$b.o" 6<"$b.e"; else Z=; look; fi
}
look() {
  self; J=$i; note W "$i"
  P=; running && P=$I
  now; a=$((t + 100)); r=
  while :; do
    load || { alive || return 0; mend; }
    if [ -n "$Z" ]; then restore; fi
    if [ -n "$E" ]; then [ -z "$Z" ] || keep; return 0; fi
    U=0.1
    w=\${G:-$w}
    if [ -n "$w" ]; then chase
    elif running; then
      now
      if [ "$t" -ge $((u + T)) ]; then doom timed_out; continue; fi
      if [ "$t" -ge "$a" ]; then
        a=$((t + 100))
        if over "$b.o" || over "$b.e" || { [ -s "$b.v" ] && over "$b.v"; }; then doom output-limit; continue; fi
        if [ -z "$r" ]; then r=1; sweep & fi
      fi
      [ "$t" -gt $((u + 1000)) ] && U=0.25
      [ "$t" -ge $((u + T - 30)) ] && U=0.02
    else settle - ""
    fi
    [ -n "$E" ] || rest $U
  done
}
sweep() {
  set -- "\${d%/*}"
  D=$n
  for y in ${OVER} ${OLD} ${EMPTY}; do
    case $y in */.drover-*/*) A=\${y##*/}; A=\${A%.?}; d=\${y%/*};; *) A=; d=$y;; esac
    F=\${d##*/.drover-}
    ours || continue
    [ -z "$A" ] || remove
    rmdir "$d" 2>/dev/null
  done
}
guard() {
  load || { [ -n "$p" ] && alive && mend; }
  [ -n "$p" ] && [ -z "$E" ] || return
  for y in $J $W; do kill -0 "$y" 2>/dev/null && return; done
  watch &
  W=$! && true
}
end() {
  p=\${p:-$2}; u=\${u:-$3}
  [ -e "$b.i" ] || guard
  note K "$1" || { w=$1; watch & }
  guard
}
piece() {
  y=$(wc -c <"$2") && [ "$y" -gt "$3" ] || { y=$3; return 0; }
  y=$((y))
  say O "$1" "$3" && tail -c +$(($3 + 1)) "$2" | head -c $((y - $3)) && say
}
follow() {
  exec </dev/null 2>/dev/null 8<&-
  c=0
  while load || alive; do
    z=$E
    piece 1 "$b.o" "$1" || exit 0
    set -- "$y" "$2"
    piece 2 "$b.e" "$2" || exit 0
    set -- "$1" "$y"
    if [ -n "$z" ]; then report; exit 0; fi
    c=$((c + 1))
    if [ $c -gt 100 ]; then rest 0.25; else rest 0.05; fi
  done
}
listen() {
  while IFS= read -r y; do eval "$y"; done
  tidy
  while load; { [ -e "$b.i" ] || { [ -n "$p" ] && alive; }; } && [ -z "$E" ]; do guard; wait; W=; rest 0.05; done
  free
}
`;

/**
 * `store`, `check` and `begin` come with the order. `start` returns when it is told `next`: the shell then takes another order, which
 * saves a session, a shell and the reading of this program; the files of what is over go together, a little later, and at the
 * latest when an order lives long or the channel ends: X, which keeps their names, may then be stopped for days, or killed.
 */
const START = `
no() { printf "R %s\\n" "$*" >&9; exit 0; }
known() { [ -e "$b.i" ] && ours; }
safe() { [ -k "$r" ] || { [ -O "$r" ] && [ -z "$(find "$r" -prune "(" -perm -002 -o -perm -020 ")" 2>/dev/null)" ]; }; }
take() {
  [ -d "$r" ] && [ -w "$r" ] || return 1
  ours || { safe && { mkdir -m 700 "$d" 2>/dev/null; ours; }; } || return 1
  set -C; true 2>/dev/null >"$b.i"; x=$?; set +C
  if [ $x -gt 0 ]; then
    if [ -e "$b.i" ]; then say H; exit 0; fi
    leave
    return 1
  fi
  printf "%s\\n" "$$ $T $K $C" 2>/dev/null >>"$b.i" && return 0
  rm -f "$b.i"
  leave
  return 1
}
start() {
  trap "" PIPE HUP
  if each known; then say H; exit 0; fi
  each take || { say R spool-unwritable "no writable folder with space among /tmp, /var/tmp, /dev/shm and the home folder"; exit 0; }
  now
  [ "$t" -lt "$V" ] || { rm -f "$b.i"; leave; say V; exit 0; }
  set -C
  { true >"$b.o" && true >"$b.e" && true >"$b.v" && store; } 2>/dev/null || { remove; say R spool-full "$d"; exit 0; }
  set +C
  X=$$
  exec 8<&0
  listen <&8 &
  L=$! && true
  lead | tell
  wait "$L"
  [ $? = 7 ] || { leave; exit 0; }
  case $b in *"$n"*) remove;; *) D=$D$b$n;; esac
  say F
  [ \${#D} -gt 1000 ] && tidy
}
onpath() {
  z=$PATH:
  while [ -n "$z" ]; do
    y=\${z%%:*}; z=\${z#*:}; y=\${y:-.}/$1
    [ -f "$y" ] && [ -x "$y" ] && return 0
  done
  return 1
}
next() { kill -s CONT "$X"; exit 7; }
lead() {
  trap - PIPE HUP
  exec 8<&- 9>&1 </dev/null >>"$b.o" 2>>"$b.e"
  [ -e "$b.n" ] && exec <"$b.n"
  [ -e "$R/self/stat" ] && self
  check
  kill -0 "$X" 2>/dev/null || exit 0
  if [ -e "$R/self/stat" ]; then
    born
    kill -s STOP "$i"
    begin
  fi
  exec 7>&2 2>&9
  ( exec 2>&7 7>&-; self; born; exec 9>&-; begin )
  printf "%s\\n" "X$N $?" >&9
  exit 0
}
born() {
  now
  printf "%s\\n" "$i $t" >>"$b.i" || no spool-full "$d"
  printf "%s\\n" "P $i $t" >&9
}
halted() {
  s=
  while read -r x s y; do case $x in State:) break;; esac; done 2>/dev/null <"$R/$1/status"
  case $s in [Tt]) return 0;; "") exit 0;; esac
  return 1
}
tell() {
  exec 8<&-
  v=
  read -r v p u
  case $v in
    P) ;;
    R) remove; say R "$p" "$u"; exit 0;;
    *) remove; say R spool-full "$d"; exit 0;;
  esac
  if [ -e "$R/self/stat" ]; then
    self; note Y "$i"
    until halted "$X"; do kill -s STOP "$X"; done
    until halted "$p"; do ( : ); done
    kill -s CONT "$p"
  fi
  now; say S "$p" "$u" "$t"
  q=; v=
  while read -r x y; do case $x in "X$N") q=$y; break;; *) v=1;; esac; done
  if [ -z "$q" ]; then
    c=0
    while [ $c -lt 100 ] && stat "$p" && [ "$s" != Z ]; do c=$((c + 1)); ( : ); done
    held || exit 0
    c=0
    while [ ! -e "$b.i" ] && [ $c -lt 10 ]; do c=$((c + 1)); B=1; rest 0.1; done
  elif [ ! -e "$b.i" ]; then exit 0
  elif [ -n "$v" ]; then q=s$((q - 128)); else q=e$q; fi
  v=
  record T "$q" - "" || v="$q $u $t -"
  load
  if [ -n "$v" ] && [ -z "$G$E$M" ]; then E=$v; M=T; fi
  [ "$M" = T ] || exit 0
  if [ -s "$b.o" ]; then say O 1 0; cat "$b.o"; say; fi
  if [ -s "$b.e" ]; then say O 2 0; cat "$b.e"; say; fi
  report
}
live_on() { p=\${p:-$1}; u=\${u:-$2}; guard; if note C && load && [ "$M" = C ]; then follow 0 0 & fi; tidy; }
`;

/**
 * Finds a run again. A guard without a leader is a start under way, or one whose shell died before anything ran;
 * without a shell, too, it is one that is just being made. `A` tells the time before it was looked for: an order that
 * was not there when it was over begins no more.
 */
const ATTACH = `
known() {
  for d in "$r"/.drover-*; do
    F=\${d##*/.drover-}; b=$d/$A
    [ -e "$b.i" ] && ours && return 0
  done
  return 1
}
gone() { say A "$a"; exit 0; }
attach() {
  trap "" PIPE HUP
  now; a=$t
  each known || gone
  c=0
  while load; [ -z "$p" ]; do
    [ -e "$b.i" ] || gone
    if [ $c -ge 50 ]; then
      [ -z "$X" ] || kill -0 "$X" 2>/dev/null || { remove; gone; }
      say L; exit 0
    fi
    c=$((c + 1)); rest 0.1
  done
  guard
  now; say S "$p" "$u" "$t"
  follow "$1" "$2" &
  listen
}
whole() {
  each known || { say A; exit 0; }
  case $1 in 1) x=$b.o;; *) x=$b.e;; esac
  y=$(wc -c <"$x") || { say A; exit 0; }
  say W $((y)); tail -c +$(($2 + 1)) "$x" | head -c "$3"; say
}
erase() { if each known; then free; remove; fi; say F; }
`;

/** Evaluates what it is told: the watch first, then the order. */
const LOOP = 'while IFS= read -r y; do eval "$y"; done; leave';

export const startProgram: RemoteProgram = { head: oneLine(BASE + START + LOOP), rest: oneLine(TREE + WATCH) };
export const attachProgram: RemoteProgram = { head: oneLine(BASE + ATTACH + LOOP), rest: oneLine(TREE + WATCH) };

function oneLine(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines
    .map((line) => (/(^|[\s;])(\{|\(|do|then|else|in)$|(&&|\|\||;|&)$/.test(line) ? `${line} ` : `${line}; `))
    .join('')
    .replace(/; $/, '');
}
