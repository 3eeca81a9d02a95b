#!/bin/sh
# Checks the cargo feature native-tls against Apache in front of the independent server of psrp.sh: like the PowerShell
# virtual directory of Exchange, it asks for a client certificate when it has seen the request. Without the feature the
# failure is named; with it, and TLS 1.2, cmdlets run.
#
# The server's folder is the first argument, or ../shared/peers/psrp beside the repository. Needs Python 3 with venv, and
# its package registry once; Debian's apache2-bin and libssl-dev, and openssl. Everything is made in a temporary folder,
# which is removed again; the servers listen on the loopback only, Apache on the ports 18443 and 18444.
. "$(dirname "$0")/common.sh"

need_peer "$@"
need python3 openssl
for needed in "$peer/tls_front.sh" /usr/sbin/apache2; do
    if [ ! -f "$needed" ]; then
        echo "skipped: no $needed"
        exit 0
    fi
done
front=
stop() {
    [ -z "$front" ] || bash "$peer/tls_front.sh" stop "$folder/front" || true
    finish
}
trap stop EXIT INT TERM

sed 's/\[kerberos\]//' "$peer/requirements.txt" > "$folder/requirements.txt"
with_packages -r "$folder/requirements.txt"
serve_peer --port 0 --redirect-to https://localhost:18443/PowerShell/ --iis-boundary --require-cookie \
    --max-operation-timeout 1 --auth-exchange basic --auth-wsman basic
front=yes
bash "$peer/tls_front.sh" start "$folder/front" "$port"
# Unlike Exchange's, the paths of Apache have a case, and it passes on two of them only.
for path in powershell PowerShell-LiveID; do
    printf '<Location /%s>\nSSLVerifyClient optional\nProxyPass http://127.0.0.1:%s/%s\n</Location>\n' \
        "$path" "$port" "$path" >> "$folder/front/t12.conf"
done
/usr/sbin/apache2 -f "$folder/front/t12.conf" -k graceful

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
"$python" - "http://127.0.0.1:$port/__peer__/stats" << 'PYTHON' || result=1
import json, sys, urllib.request

stats = json.load(urllib.request.urlopen(sys.argv[1]))
print("counters:", stats["counters"], "violations:", stats["violations"], "open shells:", stats["open_shells"])
sys.exit(1 if stats["violations"] or stats["open_shells"] else 0)
PYTHON
exit $result
