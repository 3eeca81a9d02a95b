#!/bin/sh
# Checks the cargo feature native-tls against Apache in front of the independent server of psrp.sh: like the PowerShell
# virtual directory of Exchange, it asks for a client certificate when it has seen the request. Without the feature the
# failure is named; with it, and TLS 1.2, cmdlets run.
#
# The server's folder is the first argument, or ../shared/peers/psrp beside the repository. Needs Python 3 with venv, and
# its package registry once; Debian's apache2-bin and libssl-dev, and openssl. Everything is made in a temporary folder,
# which is removed again; the servers listen on the loopback only, Apache on the ports 18443 and 18444.
set -eu

repository=$(cd "$(dirname "$0")/../.." && pwd)
peer=${1:-$repository/../shared/peers/psrp}
for needed in "$peer/psrp_peer.py" "$peer/tls_front.sh" /usr/sbin/apache2; do
    if [ ! -f "$needed" ]; then
        echo "skipped: no $needed"
        exit 0
    fi
done

folder=$(mktemp -d)
server=
front=
finish() {
    [ -z "$front" ] || bash "$peer/tls_front.sh" stop "$folder/front" || true
    [ -z "$server" ] || kill "$server" 2> /dev/null || true
    rm -rf "$folder"
}
trap finish EXIT INT TERM

python3 -m venv "$folder/venv"
sed 's/\[kerberos\]//' "$peer/requirements.txt" > "$folder/requirements.txt"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check -r "$folder/requirements.txt"
: > "$folder/out"
"$folder/venv/bin/python" "$repository/tests/peers/psrp_exchange.py" "$peer" --port=0 --iis-boundary --require-cookie \
    --max-operation-timeout 1 --auth-exchange basic --auth-wsman basic > "$folder/out" 2> "$folder/err" &
server=$!
while ! grep -q listening "$folder/out"; do
    kill -0 "$server" || { cat "$folder/err"; exit 1; }
    sleep 0.1
done
port=$(sed 's/listening //' "$folder/out")
front=yes
bash "$peer/tls_front.sh" start "$folder/front" "$port"

cd "$repository"
export PSRP_PEER_CA="$folder/front/ca.pem" PSRP_PEER_AUTH=basic PSRP_PEER_USER='CONTOSO\admin'
result=0
for version in 1.2:18443 1.3:18444; do
    printf '\nwithout the feature, TLS %s\n' "${version%:*}"
    PSRP_PEER_URL="https://localhost:${version#*:}" \
        cargo test --quiet --test tests -- --ignored peers::psrp::a_server_that_asks || result=1
done
printf '\nwith the feature; the server of TLS 1.2\n'
export PSRP_PEER_URL=https://localhost:18443
cargo test --quiet --features native-tls --test tests -- --ignored peers::psrp \
    --skip a_server_that_asks --skip cut_anywhere --skip refusals || result=1
"$folder/venv/bin/python" - "http://127.0.0.1:$port/__peer__/stats" << 'PYTHON' || result=1
import json, sys, urllib.request

stats = json.load(urllib.request.urlopen(sys.argv[1]))
print("counters:", stats["counters"], "violations:", stats["violations"], "open shells:", stats["open_shells"])
sys.exit(1 if stats["violations"] or stats["open_shells"] else 0)
PYTHON
exit $result
