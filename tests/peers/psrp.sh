#!/bin/sh
# Checks the on-premises road against an independent WSMan + PSRP server (psrpcore, psrp_peer.py).
#
# Its folder is the first argument, or ../shared/peers/psrp beside the repository. Needs Python 3 with venv, and its
# package registry once. Everything is made in a temporary folder, which is removed again; the server listens on the
# loopback only.
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
finish() {
    [ -z "$server" ] || kill "$server" 2> /dev/null || true
    rm -rf "$folder"
}
trap finish EXIT INT TERM

python3 -m venv "$folder/venv"
# Kerberos is not spoken here, and would need system libraries.
sed 's/\[kerberos\]//' "$peer/requirements.txt" > "$folder/requirements.txt"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check -r "$folder/requirements.txt"

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

"$folder/venv/bin/python" "$peer/psrp_peer.py" --require-cookie --iis-boundary --gzip \
    --max-operation-timeout 1 --fragment 8000 --auth-exchange basic --auth-wsman basic \
    --tls-cert "$folder/cert.pem" --tls-key "$folder/key.pem" > "$folder/out" 2> "$folder/err" &
server=$!
while ! grep -q listening "$folder/out"; do
    kill -0 "$server" || { cat "$folder/err"; exit 1; }
    sleep 0.1
done
port=$(sed 's/listening //' "$folder/out")

cd "$repository"
result=0
PSRP_PEER_URL=https://localhost:$port PSRP_PEER_CA=$folder/ca.pem \
    cargo test --test tests -- --ignored peers::psrp || result=1

"$folder/venv/bin/python" - "$port" "$folder/ca.pem" << 'PYTHON' || result=1
import collections, json, ssl, sys, urllib.request

context = ssl.create_default_context(cafile=sys.argv[2])
ask = lambda what: urllib.request.urlopen(
    f"https://localhost:{sys.argv[1]}/__peer__/{what}", context=context).read().decode()
stats = json.loads(ask("stats"))
log = [json.loads(line) for line in ask("log").splitlines()]
print("requests:", dict(collections.Counter(entry.get("action") for entry in log)))
print("left without a terminate signal:", sum(entry.get("unsignalled_pipelines", 0) for entry in log))
print("violations:", stats["violations"], "open shells:", stats["open_shells"])
sys.exit(1 if stats["violations"] or stats["open_shells"] else 0)
PYTHON
exit $result
