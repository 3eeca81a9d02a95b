#!/bin/sh
# Checks the lab's PowerShell endpoint with an independent client, pypsrp with pyspnego (lab.py beside this file): Basic
# over TLS, NTLM and Negotiate over plain HTTP with sealed messages.
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
lab=
finish() {
    [ -z "$lab" ] || kill "$lab" 2> /dev/null || true
    rm -rf "$folder"
}
trap finish EXIT INT TERM

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pypsrp==0.9.1

cd "$repository"
cargo build --quiet
result=0
for auth in basic ntlm negotiate; do
    printf '\nexoauth lab --auth %s\n' "$auth"
    : > "$folder/out"
    "${CARGO_TARGET_DIR:-target}/debug/exoauth" lab --auth "$auth" --write "$folder/$auth" > "$folder/out" 2>&1 &
    lab=$!
    while ! grep -q lab.toml "$folder/out"; do
        kill -0 "$lab" || { cat "$folder/out"; exit 1; }
        sleep 0.1
    done
    "$folder/venv/bin/python" tests/peers/lab.py "$folder/$auth/lab.toml" || result=1
    kill "$lab"
    wait "$lab" 2> /dev/null || true
    lab=
done
exit $result
