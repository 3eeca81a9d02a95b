#!/bin/sh
# Checks signing in from both sides: other people's clients (msal, azure-identity, msgraph-sdk, msal-node; entra.py,
# entra.mjs) against the lab, and the program's own flows (entra.rs) against a certified server (oidc-provider; oidc.mjs).
#
# Needs Python 3.11 with venv, Node 20 with npm, and their package registries once. Everything is made in a temporary
# folder, which is removed again; all servers listen on the loopback only.
set -eu

repository=$(cd "$(dirname "$0")/../.." && pwd)
for program in python3 node npm; do
    if ! command -v $program > /dev/null; then
        echo "skipped: no $program"
        exit 0
    fi
done

folder=$(mktemp -d)
servers=
finish() {
    [ -z "$servers" ] || kill $servers 2> /dev/null || true
    rm -rf "$folder"
}
trap finish EXIT INT TERM

python3 -m venv "$folder/venv"
python="$folder/venv/bin/python"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    msal==1.39.0 azure-identity==1.27.0 msgraph-sdk==1.65.0 requests
cp "$repository/tests/peers/entra.mjs" "$repository/tests/peers/oidc.mjs" "$folder"
(cd "$folder" && npm install --silent --no-audit --no-fund --no-save @azure/msal-node@5 oidc-provider@9 > /dev/null)

cd "$repository"
cargo build --quiet
"${CARGO_TARGET_DIR:-target}/debug/exoauth" lab --write "$folder/lab" > "$folder/out" 2>&1 &
servers=$!
while [ ! -s "$folder/out" ]; do
    kill -0 "$servers" || { cat "$folder/out"; exit 1; }
    sleep 0.1
done

export NO_PROXY=localhost,127.0.0.1 no_proxy=localhost,127.0.0.1
export REQUESTS_CA_BUNDLE="$folder/lab/lab-ca.pem" SSL_CERT_FILE="$folder/lab/lab-ca.pem"
export NODE_EXTRA_CA_CERTS="$folder/lab/lab-ca.pem"
export BROWSER="$python $repository/tests/peers/entra.py visit %s &"
result=0
"$python" tests/peers/entra.py "$folder/lab/lab.toml" || result=1
field() {
    "$python" -c "import sys, tomllib; lab = tomllib.load(open(sys.argv[1], 'rb')); print(eval(sys.argv[2], {'lab': lab}))" \
        "$folder/lab/lab.toml" "$1"
}
node "$folder/entra.mjs" "$(field 'lab["sign_in"]["client_id"]')" "$(field 'lab["sign_in"]["secret"]')" \
    "$folder/lab/lab-client.pem" "$(field 'lab["endpoints"]["login"] + "/" + lab["tenant"]')" \
    "$(field 'lab["endpoints"]["graph"]')" "$(field 'lab["endpoints"]["exchange_online"]')" \
    "$python" "$repository/tests/peers/entra.py" visit || result=1
unset REQUESTS_CA_BUNDLE SSL_CERT_FILE

"$python" - "$folder" << 'PYTHON'
import datetime, ipaddress, pathlib, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
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
authority_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
authority = certificate("Peer authority", authority_key, "Peer authority", authority_key, True)
leaf = certificate("localhost", key, "Peer authority", authority_key, False)
private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
(folder / "ca.pem").write_bytes(authority.public_bytes(pem))
(folder / "cert.pem").write_bytes(leaf.public_bytes(pem))
(folder / "key.pem").write_bytes(private)
(folder / "client.pem").write_bytes(private + leaf.public_bytes(pem))
PYTHON
node "$folder/oidc.mjs" "$folder/key.pem" "$folder/cert.pem" "$folder/key.pem" > "$folder/oidc" 2> "$folder/oidc-errors" &
oidc=$!
servers="$servers $oidc"
while ! grep -q listening "$folder/oidc"; do
    kill -0 "$oidc" || { cat "$folder/oidc-errors"; exit 1; }
    sleep 0.1
done
port=$(sed -n 's/listening //p' "$folder/oidc")
ENTRA_PEER_URL=https://localhost:$port ENTRA_PEER_CA=$folder/ca.pem ENTRA_PEER_PEM=$folder/client.pem \
    cargo test --test tests -- --ignored peers::entra || { cat "$folder/oidc-errors"; result=1; }
exit $result
