#!/bin/sh
# Checks the on-premises road against an independent WSMan + PSRP server (psrpcore, psrp_peer.py).
#
# Its folder is the first argument, or ../shared/peers/psrp beside the repository. Needs Python 3 with venv, and its
# package registry once; for Kerberos also Debian's krb5-kdc, krb5-admin-server, libkrb5-dev and gcc. Everything is made
# in a temporary folder, which is removed again; the servers listen on the loopback only.
set -eu

repository=$(cd "$(dirname "$0")/../.." && pwd)
peer=${1:-$repository/../shared/peers/psrp}
if [ ! -f "$peer/psrp_peer.py" ]; then
    echo "skipped: no psrp_peer.py in $peer"
    exit 0
fi
if ! command -v python3 > /dev/null; then
    echo "skipped: no python3"
    exit 0
fi

folder=$(mktemp -d)
server=
kerberos=
finish() {
    [ -z "$server" ] || kill "$server" 2> /dev/null || true
    [ -z "$kerberos" ] || "$peer/kdc.sh" stop "$folder/kdc"
    rm -rf "$folder"
}
trap finish EXIT INT TERM

python3 -m venv "$folder/venv"
if "$folder/venv/bin/pip" install --quiet --disable-pip-version-check -r "$peer/requirements.txt" \
    > "$folder/pip" 2>&1 && command -v krb5kdc > /dev/null; then
    # It prints the settings that the server needs, and that our client must do without.
    # A port of its own: two of these at a time would give out tickets that the other's server cannot read.
    free='import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
    free=$("$folder/venv/bin/python" -c "$free")
    if "$peer/kdc.sh" start "$folder/kdc" "$free" > "$folder/kdc.start" 2>&1; then
        kerberos=127.0.0.1:$free
    else
        echo "skipped: Kerberos, since the key distribution center does not start"
    fi
else
    echo "skipped: Kerberos, for want of krb5-kdc, krb5-admin-server, libkrb5-dev or gcc"
    sed 's/\[kerberos\]//' "$peer/requirements.txt" > "$folder/requirements.txt"
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check -r "$folder/requirements.txt"
fi

"$folder/venv/bin/python" - "$folder" << 'PYTHON'
import datetime, ipaddress, pathlib, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

folder = pathlib.Path(sys.argv[1])
now = datetime.datetime.now(datetime.timezone.utc)
day = datetime.timedelta(days=1)
name = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, key, issuer, issuer_key, authority):
    made = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - day).not_valid_after(now + day)
            .add_extension(x509.BasicConstraints(authority, None), critical=True))
    if not authority:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return made.sign(issuer_key, hashes.SHA256())


pem = serialization.Encoding.PEM
authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
authority = certificate("Peer authority", authority_key, "Peer authority", authority_key, True)
leaf = certificate("localhost", key, "Peer authority", authority_key, False)
(folder / "ca.pem").write_bytes(authority.public_bytes(pem))
(folder / "cert.pem").write_bytes(leaf.public_bytes(pem))
(folder / "key.pem").write_bytes(key.private_bytes(
    pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
PYTHON

# check SCHEME OFFERS AUTH USER KDC: runs the tests with what is asked for against a server with what it offers.
check() {
    printf '\n%s, the server offers %s, auth = "%s", %s\n' "$1" "$2" "$3" "$4"
    run "$@" --require-cookie --skip cut_anywhere
    # A session whose first answer is lost, and its cookie with it, is closed only by a server that wants no cookie.
    run "$@" --port=0 cut_anywhere
}

# run SCHEME OFFERS AUTH USER KDC SERVER_OPTION TEST...
run() {
    scheme=$1 offers=$2 auth=$3 user=$4 kdc=$5 option=$6
    shift 6
    tls=
    [ "$scheme" = http ] || tls="--tls-cert $folder/cert.pem --tls-key $folder/key.pem"
    : > "$folder/out"
    # shellcheck disable=SC2086 # the options are several words
    KRB5_CONFIG=$folder/kdc/krb5.conf KRB5_KTNAME=FILE:$folder/kdc/keytab \
        "$folder/venv/bin/python" "$repository/tests/peers/psrp_exchange.py" "$peer" "$option" --iis-boundary --gzip \
        --max-operation-timeout 1 --fragment 8000 --auth-exchange "$offers" --auth-wsman "$offers" \
        $tls > "$folder/out" 2> "$folder/err" &
    server=$!
    while ! grep -q listening "$folder/out"; do
        kill -0 "$server" || { cat "$folder/err"; exit 1; }
        sleep 0.1
    done
    port=$(sed 's/listening //' "$folder/out")
    export PSRP_PEER_URL="$scheme://localhost:$port" PSRP_PEER_CA="$folder/ca.pem"
    export PSRP_PEER_AUTH="$auth" PSRP_PEER_USER="$user"
    unset PSRP_PEER_KDC
    [ -z "$kdc" ] || export PSRP_PEER_KDC="$kdc"
    cargo test --quiet --test tests -- --ignored peers::psrp --skip a_server_that_asks "$@" || result=1
    "$folder/venv/bin/python" "$folder/judge.py" "$PSRP_PEER_URL" "$folder/ca.pem" || result=1
    kill "$server"
    wait "$server" 2> /dev/null || true
    server=
}

cat > "$folder/judge.py" << 'PYTHON'
import collections, json, ssl, sys, urllib.request

url = sys.argv[1]
context = ssl.create_default_context(cafile=sys.argv[2]) if url.startswith("https") else None
ask = lambda what: urllib.request.urlopen(f"{url}/__peer__/{what}", context=context).read().decode()
stats = json.loads(ask("stats"))
log = [json.loads(line) for line in ask("log").splitlines()]
said = [entry for entry in log if entry.get("action")]
print("requests:", dict(collections.Counter(entry.get("action") for entry in log)))
print("signed in by:", dict(collections.Counter(
    (entry.get("auth"), entry.get("negotiated")) for entry in log if entry.get("auth"))))
print("sealed:", sum(bool(entry.get("encrypted")) for entry in said), "of", len(said))
print("left without a terminate signal:", sum(entry.get("unsignalled_pipelines", 0) for entry in log))
print("violations:", stats["violations"], "open shells:", stats["open_shells"])
clear = url.startswith("http:") and not all(entry.get("encrypted") for entry in said)
sys.exit(1 if stats["violations"] or stats["open_shells"] or clear else 0)
PYTHON

cd "$repository"
result=0
check https basic basic 'CONTOSO\admin' ''
check http negotiate,basic ntlm 'CONTOSO\admin' ''
check http ntlm ntlm 'CONTOSO\admin' ''
check https negotiate ntlm 'CONTOSO\admin' ''
check http negotiate negotiate 'CONTOSO\admin' ''
if [ -n "$kerberos" ]; then
    check http kerberos,basic kerberos 'CONTOSO.TEST\admin' "$kerberos"
    check http kerberos kerberos admin@contoso.test "$kerberos"
    check http negotiate kerberos 'CONTOSO.TEST\admin' "$kerberos"
    check http negotiate negotiate 'CONTOSO.TEST\admin' "$kerberos"
    check http kerberos,basic negotiate 'CONTOSO.TEST\admin' "$kerberos"
    check https kerberos kerberos 'CONTOSO.TEST\admin' "$kerberos"
fi
exit $result
