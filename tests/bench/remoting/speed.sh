#!/bin/sh
# Measures the on-premises road beside psrp-rs and pypsrp, against the independent server of tests/peers/psrp.sh, and
# prints one table.
#
# The server's folder is the first argument, or ../shared/peers/psrp beside the repository. Needs Python 3 with venv, and
# the registries of Python and Rust once. Compare within one run only: the server takes most of the time of a small cmdlet.
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../../.." && pwd)
. "$repository/tests/peers/common.sh"

need_peer "$@"
need python3
with_packages psrpcore==0.3.1 pyspnego==0.12.4 cryptography pypsrp==0.9.1
# psrp-rs asks for Rust 1.98 and compiles with 1.95.
target=${CARGO_TARGET_DIR:-$repository/target/remoting}
cargo build --quiet --release --ignore-rust-version --manifest-path "$here/Cargo.toml" --target-dir "$target"
serve_peer --port 0 --auth-wsman negotiate,ntlm
"$target/release/exoauth-remoting-bench" "$port" > "$folder/figures"
"$python" "$here/speed.py" "$port" "$folder/figures"
