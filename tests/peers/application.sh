#!/bin/sh
# Has other people's clients (msgraph-sdk, msal; application.py) make the dedicated application in the lab.
#
# Needs Python 3.11 with venv, and its package registry once. Everything is made in a temporary folder, which is removed
# again; the lab listens on the loopback only.
set -eu

repository=$(cd "$(dirname "$0")/../.." && pwd)
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
python="$folder/venv/bin/python"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    msal==1.39.0 azure-identity==1.27.0 msgraph-sdk==1.65.0

cd "$repository"
cargo build --quiet
"${CARGO_TARGET_DIR:-target}/debug/exoauth" lab --write "$folder/lab" > "$folder/out" 2>&1 &
server=$!
while [ ! -s "$folder/out" ]; do
    kill -0 "$server" || { cat "$folder/out"; exit 1; }
    sleep 0.1
done

export NO_PROXY=localhost,127.0.0.1 no_proxy=localhost,127.0.0.1
export REQUESTS_CA_BUNDLE="$folder/lab/lab-ca.pem" SSL_CERT_FILE="$folder/lab/lab-ca.pem"
"$python" tests/peers/application.py "$folder/lab/lab.toml"
