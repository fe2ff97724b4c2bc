#!/bin/bash
# make demo: the main job with a throw-away configuration and a small smarthost on the loopback.
#
#   demo.sh BIN     BIN: the folder of the built programs
#
# Everything lies in one temporary folder, which is removed in the end, as is the smarthost.
set -eu
bin=$(realpath "$1")
support=$(dirname "$(realpath "$0")")
folder=

cleanup() {
  trap '' HUP INT TERM
  [ -n "$folder" ] || return 0
  # The smarthost, where it still runs. Not by $!: that would miss one begun only just now.
  kill $(jobs -p) 2>/dev/null || true
  # A flush that sendmail started holds this lock as long as it works in here.
  [ ! -e "$folder/spool/run/flush.lock" ] || flock -w 30 "$folder/spool/run/flush.lock" true || true
  wait
  rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 130' HUP INT TERM
# In /tmp, whatever TMPDIR says: a configuration in a folder that others can write is not used for root.
folder=$(mktemp -d /tmp/postbag-demo.XXXXXX)

say() { printf '\n# %s\n' "$@"; }
# Shows a command as a person would type it, then runs it.
run() {
  printf '$ %s\n' "$1"
  eval "$1"
}
until_true() {
  for ((i = 0; i < 200; ++i)); do
    ! "$@" || return 0
    sleep 0.05
  done
  echo "demo: gave up waiting for: $*" >&2
  exit 1
}
refused() { mailq | grep -q '('; }

cd "$folder"
export PATH="$bin:/usr/bin:/bin" POSTBAG_CONFIG="$folder/postbag.ini" PYTHONDONTWRITEBYTECODE=1
port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
cat >postbag.ini <<END
[site]
domain = lan.example

[spool]
directory = $folder/spool

[smarthost]
host = localhost:$port
security = none
END

say 'A configuration for this demonstration. A real one names your provider and a password (see README.md).'
run 'cat postbag.ini'
# What mailq has against this configuration would make the others use the machine's own: nothing is sent then.
complaints=$(mailq 2>&1 >/dev/null) || true
if [ -n "$complaints" ]; then
  echo "demo: $complaints" >&2
  exit 1
fi

say 'The smarthost is down, as if the network were. A message is taken all the same, and is safe on disk:'
run "printf 'Subject: hello from postbag\n\nNothing resident, nothing lost.\n' | sendmail bob@example.org"
until_true refused

say 'mailq shows what waits, and why:'
run 'mailq'

say 'Now the smarthost is there. (It is a small one: it prints what it gets.)'
python3 "$support/smtpd.py" --port "$port" --port-file port --count 1 --timeout 60 >received 2>&1 &
until_true test -e port

say 'sendmail -q tries at once. Otherwise a timer or a crontab line does, after a while:'
run 'sendmail -q'
until_true grep -q '^--- message' received

say 'What the smarthost has got:'
sed -n '/^--- message/,$p' received

say 'And the queue:'
run 'mailq'
