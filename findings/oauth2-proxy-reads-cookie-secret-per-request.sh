#!/bin/sh
# With cookie_secret_file, oauth2-proxy opens and reads the file again for each request that has a session cookie.
#
# oauth2-proxy 7.15.3, Go 1.26, Linux 6.
# Expected: the file is read at startup, as the secret is from an option or the environment; or again when it has changed.
#
# Observed: each check of a session reads the file, by ten system calls of fourteen: Go also asks for the descriptor's
# flags, and tries to have epoll watch it. Once the file is gone, the running instance fails to read it.
# Cause: Cookie.GetSecret (pkg/apis/options/cookie.go) calls os.ReadFile each time.
# Consequence: behind auth_request, where every request is checked, a quarter of oauth2-proxy's CPU time is for 43 bytes.
#
# Needs Go, curl, Linux. Fails if any of this is no longer true.
set -eu
tmp=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; wait; chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

echo "Compiling oauth2-proxy 7.15.3 …"
GOBIN=$tmp GOFLAGS=-modcacherw go install github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.3
[ -x "$tmp/oauth2-proxy" ] || mv "$tmp/v7" "$tmp/oauth2-proxy" # The name depends on the version of Go.

secret=0123456789abcdef0123456789abcdef
requests=1000
# With a cookie whose signature is wrong: the secret is needed to see that.
ask() { curl --silent --output /dev/null --write-out '%{http_code}\n' --cookie _oauth2_proxy=YQ==\|1\|YQ== "$@"; }
proxy() {
  OAUTH2_PROXY_COOKIE_SECRET=${2:-} exec "$tmp/oauth2-proxy" --http-address=127.0.0.1:14180 --provider=github \
    --client-id=id --client-secret=secret --email-domain='*' --upstream=static://200 \
    --request-logging=false ${1:+"--cookie-secret-file=$1"}
}
reads() { sed -n 's/^syscr: //p' "/proc/$pid/io"; }
# How many reads the requests take.
measure() {
  for attempt in $(seq 100); do [ "$(ask http://127.0.0.1:14180/ping || true)" != 200 ] || break; sleep 0.1; done
  before=$(reads)
  [ "$(ask "http://127.0.0.1:14180/oauth2/auth?[1-$requests]" | sort -u)" = 401 ]
  echo $(($(reads) - before))
}

printf %s $secret >"$tmp/secret"
proxy "$tmp/secret" >"$tmp/file.log" 2>&1 &
pid=$!
from_file=$(measure)
rm "$tmp/secret"
[ "$(ask http://127.0.0.1:14180/oauth2/auth)" = 401 ]
missing=$(grep -c 'error reading cookie secret file' "$tmp/file.log" || true)
kill $pid && wait $pid || true

proxy "" $secret >/dev/null 2>&1 &
pid=$!
from_environment=$(measure)

echo "$requests requests: $from_file reads with a file, $from_environment with the environment"
echo "once the file is missing: $missing errors in the log of the running instance"
[ $((from_file - from_environment)) -ge $((2 * requests - requests / 10)) ]
[ "$missing" -gt 0 ]
