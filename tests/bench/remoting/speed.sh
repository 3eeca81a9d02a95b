#!/bin/sh
# Measures the on-premises road beside psrp-rs and pypsrp, against the independent server of tests/peers/psrp.sh, and
# prints one table.
#
# The server's folder is the first argument, or ../shared/peers/psrp beside the repository. Needs Python 3 with venv, and
# the registries of Python and Rust once. Compare within one run only: the server takes most of the time of a small cmdlet.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../../.." && pwd)
peer=${1:-$repository/../shared/peers/psrp}
if [ ! -f "$peer/psrp_peer.py" ] || ! command -v python3 > /dev/null; then
    echo "skipped: no psrp_peer.py in $peer, or no python3"
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
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check psrpcore==0.3.1 pyspnego==0.12.4 cryptography pypsrp==0.9.1
# psrp-rs asks for Rust 1.98 and compiles with 1.95.
target=${CARGO_TARGET_DIR:-$repository/target/remoting}
cargo build --quiet --release --ignore-rust-version --manifest-path "$here/Cargo.toml" --target-dir "$target"
: > "$folder/out"
"$folder/venv/bin/python" "$repository/tests/peers/psrp_exchange.py" "$peer" --port 0 --auth-wsman negotiate,ntlm \
    > "$folder/out" 2> "$folder/err" &
server=$!
while ! grep -q listening "$folder/out"; do
    kill -0 "$server" || { cat "$folder/err"; exit 1; }
    sleep 0.1
done
port=$(sed 's/listening //' "$folder/out")
"$target/release/exoauth-remoting-bench" "$port" > "$folder/figures"
"$folder/venv/bin/python" "$here/speed.py" "$port" "$folder/figures"
