# Runs its argument on the host that the environment names. docs/decisions/one-connection-per-host.md
#
# HOST_NAME, HOST_ADDRESS, HOST_PORT, HOST_USER, HOST_KEY (its type and key); the same with JUMP_, if there is a jump host.
# CONNECTION: commands with the same one share a connection.
# PRIVATE_KEY, JUMP_PRIVATE_KEY: default is the SSH agent. IDENTITY_FILE: a file with the key, also for the jump host.
# READS_KEPT: standard input is a line that ends with the checksum of the text that the command reads. kept-text.ts
# DELETE: the command that reads no such text, and runs where its file is gone.
#
# Ends as the command does, or with 255 if the host could not be reached.
command=$1
# Not in the environment of ssh, whose SendEnv may send it to a host.
private_key=${PRIVATE_KEY-} jump_private_key=${JUMP_PRIVATE_KEY-}
unset PRIVATE_KEY JUMP_PRIVATE_KEY
folder=$HOME/.ssh
# -p: another one may make it at the same time.
[ -d "$folder" ] || mkdir -p -m 700 "$folder" || exit 255
[ -w "$folder" ] || { echo "$folder must be writable: ssh shares connections in it" >&2; exit 255; }

if [ -n "${READS_KEPT-}" ] && [ "$command" != "${DELETE-}" ]; then
  read -r sum
  sum=${sum##* }
  kept=${XDG_CACHE_HOME:-$HOME/.cache}/protected-sites/sent/$sum
  found=$({ sha256sum || shasum -a 256; } 2>/dev/null <"$kept")
  [ "${found%% *}" = "$sum" ] ||
    { echo "$kept: expected the text that this command sends, which \`pulumi up\` writes there" >&2; exit 255; }
  exec <"$kept"
fi

set -- -o BatchMode=yes -o LogLevel=ERROR -o ConnectTimeout=15 -o StrictHostKeyChecking=yes \
  -o UserKnownHostsFile=/dev/null -o GlobalKnownHostsFile=/dev/null
jump="$*"
if [ -n "${IDENTITY_FILE-}" ]; then
  set -- "$@" -o IdentitiesOnly=yes -i "$IDENTITY_FILE"
  jump="$jump -o IdentitiesOnly=yes -i '$IDENTITY_FILE'"
fi
set -- "$@" -T -o ServerAliveInterval=10 -p "$HOST_PORT" \
  -o HostKeyAlias="$HOST_NAME" -o KnownHostsCommand="/bin/echo $HOST_NAME $HOST_KEY"
if [ -n "${JUMP_ADDRESS-}" ]; then
  alias=$HOST_NAME-jump-host
  jump="ssh $jump -p $JUMP_PORT -o HostKeyAlias=$alias -o 'KnownHostsCommand=/bin/echo $alias $JUMP_KEY' -W [%h]:%p $JUMP_USER@$JUMP_ADDRESS"
  # Without a key of its own, its user is let in by the agent of the user who runs this.
  [ -n "$jump_private_key" ] || jump="env SSH_AUTH_SOCK='${SSH_AUTH_SOCK-}' $jump"
  set -- "$@" -o ProxyCommand="$jump"
fi
set -- "$@" "$HOST_USER@$HOST_ADDRESS"

alive() { ssh -O check -o ControlPath="'$socket'" "$HOST_ADDRESS" 2>/dev/null; }

# No file ever holds the key: the agent ends with what runs in it.
in_agent='for key in "$PRIVATE_KEY" "$JUMP_PRIVATE_KEY"; do
  [ -z "$key" ] || printf "%s\n" "$key" | ssh-add -q - || exit 255
done
unset PRIVATE_KEY JUMP_PRIVATE_KEY key
exec "$@"'
connect() {
  set -- ssh "$@" true
  if [ -z "$private_key" ]; then
    "$@"
  else
    PRIVATE_KEY=$private_key JUMP_PRIVATE_KEY=$jump_private_key ssh-agent /bin/sh -c "$in_agent" sh "$@"
  fi </dev/null >/dev/null
}

# One opens the connection, and the others wait.
open() {
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    mkdir "$socket.lock" 2>/dev/null && break
    sleep 1
    alive && return
  done
  # ssh does not pass on what the way through a jump host says if the connection is to stay: hence a second attempt.
  alive || connect -o ControlMaster=auto -o ControlPersist=30 -o ControlPath="'$socket'" "$@" ||
    { [ -n "${JUMP_ADDRESS-}" ] && connect "$@"; }
  set -- $?
  rmdir "$socket.lock"
  return "$1"
}

# Exists if a connection did not take the command: ssh then tries to make one of its own.
refused=$folder/protected-sites-$$.refused
trap 'kill "$child" 2>/dev/null; rm -f "$refused"; exit 143' TERM
# The shell gives a command in the background no standard input.
exec 3<&0
number=1
while :; do
  socket=$folder/protected-sites-$CONNECTION-$number
  [ -S "$socket" ] || open "$@" || exit 255
  ssh -q -o ControlPath="'$socket'" -o ProxyCommand="touch '$refused'" "$@" "$command" <&3 &
  child=$!
  wait "$child"
  status=$?
  if [ "$status" -ne 255 ]; then exit "$status"; fi
  rm "$refused" 2>/dev/null || { echo "$HOST_NAME: the connection ended before the command did" >&2; exit 255; }
  # A host takes ten commands at once over a connection (MaxSessions). What is one too many goes to the next connection.
  if alive; then number=$((number + 1)); else open "$@" || exit 255; fi
  if [ "$number" -gt 9 ]; then number=1 && sleep 1; fi
done
