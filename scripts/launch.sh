#!/bin/sh
# Starts one role: launch.sh mesh|gate|link|ctl ARGUMENTS
#
# Used by `deno task mesh|gate|link|ctl` in a clone and by the launchers that `deno task install` makes. It replaces itself
# by Deno (exec), so signals, exit code and standard streams are the program's own.
#
# Permissions: the role's named set in deno.json ("permissions") holds what never changes. A set in a file cannot know the
# folders of this machine, so they are added here, and nothing else (Deno takes a flag instead of the set's list of the same
# kind, so the lists for reading and writing are repeated as flags):
#   read and write  the state folder (--state-dir, or its default), the socket's folder (--socket, GHOSTLINK_SOCKET, or its
#                   default), ghostctl's own folder (--config-dir, GHOSTCTL_CONFIG_DIR, or its default)
#   read            the config file and its folder (--config), files that the config names by an absolute path (such as a
#                   certificate), the token file (--auth @FILE), and for ghostctl the files named on its command line, and
#                   what a policy.ts among them imports
# Nothing is ever asked at run time (--no-prompt), and there is no --allow-all anywhere.
#
# Environment: GHOSTMESH_DENO names the Deno to use; otherwise the one that lies beside an installed copy, the one that runs
# `deno task`, or the one on PATH. GHOSTMESH_CWD is the folder to start in (deno task itself changes into the clone).
set -eu

role=${1:?'usage: launch.sh mesh|gate|link|ctl ARGUMENTS'}
shift
# Deno asks its maker for newer versions now and then; nothing here talks to anybody but who is configured.
export DENO_NO_UPDATE_CHECK=1
# Deno reads sockets and pipes into 64 KiB at a time. By default glibc cuts such pieces from its heap, clears them and keeps them after they
# are freed: a daemon that has seen some trouble kept 90 MiB so. From a mapping of its own each is the system's again at once.
export MALLOC_MMAP_THRESHOLD_=65536
# V8 lets what is young have 32 MiB before it looks for garbage, and a daemon that does little stays at what it once took. 4 MiB of it
# cost packets nothing (measured: 10.4 us each instead of 12.0, as the caches of the processor hold it).
[ "$role" != link ] || export DENO_V8_FLAGS="${DENO_V8_FLAGS:---max-semi-space-size=2}"
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

case $role in
  mesh) program=ghostmesh ;;
  gate) program=ghostgate ;;
  link) program=ghostlink ;;
  ctl) program=ghostctl ;;
  *) echo "launch.sh: No role \"$role\"; it is one of mesh, gate, link, ctl" >&2; exit 2 ;;
esac

# An installed copy has Deno and the bundles beside this file; in a clone this file is scripts/launch.sh.
if [ -x "$here/deno" ]; then
  deno=$here/deno
  settings=$here/deno.json
  main=$here/$role/main.js
  offline='--no-remote --no-npm --no-lock'
  # Deno wants a cache folder, but nothing here depends on it: one that cannot be written is as good.
  export DENO_DIR="$here/cache"
else
  root=$(dirname -- "$here")
  settings=$root/deno.json
  main=$root/$role/main.ts
  offline=
  deno=${GHOSTMESH_DENO:-}
  if [ -z "$deno" ]; then
    deno=$(readlink "/proc/$PPID/exe" 2>/dev/null || true)
    case $deno in */deno) ;; *) deno=$(command -v deno || true) ;; esac
  fi
  if [ -z "$deno" ]; then
    echo "$program: Deno is not on PATH; start it with: npx -y deno@2.9.6 task $role ..." >&2
    exit 1
  fi
fi
if [ -n "${GHOSTMESH_CWD:-}" ]; then
  cd -- "$GHOSTMESH_CWD"
  unset GHOSTMESH_CWD
fi

# Lists as Deno takes them: joined by commas, a comma in a name doubled.
reads=
writes=
runs=
allow() { # allow read|write|both PATH
  [ -n "$2" ] || return 0
  path=$2
  case $path in *,*) path=$(printf '%s' "$path" | sed 's/,/,,/g') ;; esac
  case $1 in read | both) reads=${reads:+$reads,}$path ;; esac
  case $1 in write | both) writes=${writes:+$writes,}$path ;; esac
}

# Files that a policy names lie beside it.
beside() { # beside POLICY
  [ -f "$1" ] && [ -r "$1" ] || return 0
  for name in $(grep -o '"[A-Za-z0-9][A-Za-z0-9._-]*"' -- "$1" | tr -d '"' | sort -u); do
    [ ! -f "$(dirname -- "$1")/$name" ] || allow read "$(dirname -- "$1")/$name"
  done
}

# What a policy.ts imports is signed with it; ghostctl refuses what is not for all members to read.
imported() { # imported POLICY
  [ -f "$1" ] && [ -r "$1" ] || return 0
  files=$("$deno" info --quiet --json --no-config --no-remote --no-npm --no-lock "$1" 2>/dev/null |
    sed -n 's/^ *"local": "\([^"\\]*\)",*$/\1/p') || return 0
  IFS='
'
  for file in $files; do allow read "$file"; done
  unset IFS
}

# The paths that the role's set allows for reading or writing; no set holds braces or brackets of its own.
in_set() { # in_set read|write
  tr -d ' \n' <"$settings" | sed -n 's/.*"permissions":{\(.*\)/\1/p' | sed -n "s/.*\"$role\":{\([^}]*\)}.*/\1/p" |
    sed -n "s/.*\"$1\":\[\([^]]*\)\].*/\1/p" | tr -d '"' | tr ',' '\n'
}
for path in $(in_set read); do allow read "$path"; done
for path in $(in_set write); do allow write "$path"; done

uid=$(id -u)
# default ROOTS_FOLDER XDG_VALUE FALLBACK: the folder that the role takes when none is named
default() {
  if [ "$uid" = 0 ] && [ -n "$1" ]; then echo "$1"; elif [ -n "$2" ]; then echo "$2/$program"; elif [ -n "$3" ]; then echo "$3/$program"; fi
}
home=${HOME:-}
state=$(default "/var/lib/$program" "${XDG_STATE_HOME:-}" "${home:+$home/.local/state}")
runtime=$(default /run/ghostlink "${XDG_RUNTIME_DIR:-}" '')
[ "$uid" = 0 ] || [ -z "${XDG_RUNTIME_DIR:-}" ] || runtime=$XDG_RUNTIME_DIR/ghostlink
config_dir=${GHOSTCTL_CONFIG_DIR:-$(default '' "${XDG_CONFIG_HOME:-}" "${home:+$home/.config}")}
socket=${GHOSTLINK_SOCKET:-}
config=

# Only looks at the arguments; the program itself judges them.
previous=
words=
for argument in "$@"; do
  option=$previous
  value=$argument
  previous=
  case $argument in
    --*=*) option=${argument%%=*}; value=${argument#*=} ;;
    --*) previous=$argument; continue ;; # also after a switch, which takes no value
  esac
  case $option in
    --state-dir) state=$value ;;
    --socket) socket=$value ;;
    --config-dir) config_dir=$value ;;
    --config) config=$value ;;
    --other) [ "$role" != ctl ] || allow read "$value" ;;
    --cert | --key) [ "$role" != link ] || allow read "$value" ;;
    --auth) case $value in @?*) allow read "${value#@}" ;; esac ;;
    --acls)
      allow read "$value"
      beside "$value"
      ;;
    *)
      if [ "$role" = ctl ]; then
        case $words in 'ledger export ' | 'policy pull ') allow both "$value" ;; esac
        # A policy.ts runs in a Deno of its own, which may read what is signed with it and nothing else.
        case "$words$value" in 'policy '*.ts)
          runs=$deno
          imported "$value"
          ;;
        esac
        words="$words$value "
        case $value in *.toml) beside "$value" ;; esac
        case $value in -*) ;; */* | *.toml | *.ts) allow read "$value" ;; *) [ ! -f "$value" ] || allow read "$value" ;; esac
      fi
      ;;
  esac
done

[ "$role" = ctl ] || allow both "$state"
# A machine that came in by a certificate reads it, and its key, where they lie.
if [ "$role" = link ] && [ -r "$state/certificate.json" ]; then
  files=$(sed -n 's/^{"cert":"\([^"\\]*\)","key":"\([^"\\]*\)"}$/\1\
\2/p' "$state/certificate.json")
  IFS='
'
  for file in $files; do allow read "$file"; done
  unset IFS
fi
case $role in
  link | ctl)
    allow both "$runtime"
    [ -z "$socket" ] || allow both "$(dirname -- "$socket")"
    ;;
esac
[ "$role" != ctl ] || allow both "$config_dir"
if [ -n "$config" ]; then
  allow read "$config"
  allow read "$(dirname -- "$config")"
  if [ -f "$config" ] && [ -r "$config" ]; then
    named=$(sed -n 's/^[^#]*=[[:space:]]*"\(\/[^"]*\)".*$/\1/p' "$config")
    IFS='
'
    for file in $named; do
      allow read "$file"
      case $file in *.toml) beside "$file" ;; esac
    done
    unset IFS
  fi
fi

# ghostctl runs one program, and only for the verb that needs it: the system's ssh, a plugin ghostctl-NAME of PATH, or Deno for a
# policy.ts (above) and for a typed plugin, each under a permission set of its own.
allow_module() { # allow_module RECORD: a typed plugin is read where it lies
  [ -f "$1" ] && [ -r "$1" ] || return 0
  module=$(sed -n 's/^  "file": "\(\/[^"\\]*\)",$/\1/p' "$1")
  allow read "$module"
}
found=
if [ "$role" = ctl ]; then
  case $words in
    'policy '*) ;;
    'plugin add '*) runs=$deno ;; # to ask the module what it is, without any permission
    'plugin list '*)
      IFS=:
      for dir in $PATH; do
        for plugin in "$dir"/ghostctl-*; do
          case $plugin in /*) [ ! -x "$plugin" ] || found="${found:+$found
}$plugin" ;; esac
        done
      done
      unset IFS
      export GHOSTCTL_PLUGINS="${found:-}"
      # Their hashes are looked at.
      [ -z "$config_dir" ] || for record in "$config_dir"/plugins/*.json; do allow_module "$record"; done ;;
    'ssh '*) for ssh in /usr/bin/ssh /usr/local/bin/ssh /bin/ssh; do
      [ ! -x "$ssh" ] || { allow read "$ssh"; runs=${runs:-$ssh}; }
    done ;;
    *)
      verb=${1:-}
      [ "$verb ${2:-}" != 'complete --' ] || verb=${3:-}
      case $verb in
        '' | -* | */* | *[!a-z0-9-]*) ;;
        *)
          if [ -n "$config_dir" ] && [ -f "$config_dir/plugins/$verb.json" ]; then
            allow_module "$config_dir/plugins/$verb.json"
            runs=$deno
          else
            plugin=$(command -v "ghostctl-$verb" || true)
            case $plugin in /*) [ ! -x "$plugin" ] || { allow read "$plugin"; runs=$plugin; export GHOSTCTL_PLUGIN="$plugin"; } ;; esac
          fi ;;
      esac ;;
  esac
fi
[ -z "$runs" ] || set -- "--allow-run=$runs" "$main" "$@"
[ -n "$runs" ] || set -- "$main" "$@"
[ -z "$writes" ] || set -- "--allow-write=$writes" "$@"
[ -z "$reads" ] || set -- "--allow-read=$reads" "$@"
# shellcheck disable=SC2086 # two flags or none
exec "$deno" run --quiet --no-prompt $offline --config "$settings" -P="$role" "$@"
