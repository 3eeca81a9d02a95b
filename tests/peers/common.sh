# What the scripts beside this one have in common. Each reads this file first; it gives them a temporary folder, which is
# removed at the end together with the servers that they started. One from another folder says before in `repository`
# where that is.
#
# shellcheck shell=sh
set -eu

repository=${repository:-$(cd "$(dirname "$0")/../.." && pwd)}
folder=$(mktemp -d)
servers=
finish() {
    # shellcheck disable=SC2086 # several words
    [ -z "$servers" ] || kill $servers 2> /dev/null || true
    rm -rf "$folder"
}
trap finish EXIT INT TERM
export NO_PROXY=localhost,127.0.0.1 no_proxy=localhost,127.0.0.1

# need PROGRAM...: ends the script, which then has nothing to say, where one of them is missing.
need() {
    for program in "$@"; do
        if ! command -v "$program" > /dev/null; then
            echo "skipped: no $program"
            exit 0
        fi
    done
}

# with_packages PACKAGE...: an environment of Python with them; says in `python` where it is.
with_packages() {
    python3 -m venv "$folder/venv"
    python=$folder/venv/bin/python
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$@"
}

# serve_lab NAME OPTION...: starts a lab whose organization file is NAME/lab.toml in the folder; says in `lab` which
# process it is.
serve_lab() {
    name=$1
    shift
    (cd "$repository" && cargo build --quiet)
    "${CARGO_TARGET_DIR:-$repository/target}/debug/exoauth" lab --write "$folder/$name" "$@" > "$folder/$name.out" 2>&1 &
    lab=$!
    servers="$servers $lab"
    while ! grep -q lab.toml "$folder/$name.out"; do
        kill -0 "$lab" || { cat "$folder/$name.out"; exit 1; }
        sleep 0.1
    done
}

# end PROCESS: ends one of the servers.
end() {
    kill "$1"
    wait "$1" 2> /dev/null || true
    left=
    for other in $servers; do
        [ "$other" = "$1" ] || left="$left $other"
    done
    servers=$left
}

# need_peer [FOLDER]: says in `peer` where the independent server of PowerShell remoting is (psrp_peer.py), beside the
# repository where nothing else is said; ends the script, which then has nothing to say, where it is not.
need_peer() {
    peer=${1:-$repository/../shared/peers/psrp}
    if [ ! -f "$peer/psrp_peer.py" ]; then
        echo "skipped: no psrp_peer.py in $peer"
        exit 0
    fi
}

# serve_peer OPTION...: starts that server, with more of Exchange (psrp_exchange.py) and with the variables that
# `peer_environment` sets; says in `peer_process` which process it is, and in `port` where it listens.
peer_environment=
serve_peer() {
    : > "$folder/peer.out"
    # shellcheck disable=SC2086 # several words
    env $peer_environment "$python" "$repository/tests/peers/psrp_exchange.py" "$peer" "$@" \
        > "$folder/peer.out" 2> "$folder/peer.err" &
    peer_process=$!
    servers="$servers $peer_process"
    while ! grep -q listening "$folder/peer.out"; do
        kill -0 "$peer_process" || { cat "$folder/peer.err"; exit 1; }
        sleep 0.1
    done
    port=$(sed 's/listening //' "$folder/peer.out")
}

# trust_lab NAME: has the clients of Python and Node trust the authority of a lab.
trust_lab() {
    REQUESTS_CA_BUNDLE=$folder/$1/lab-ca.pem
    export REQUESTS_CA_BUNDLE SSL_CERT_FILE="$REQUESTS_CA_BUNDLE" NODE_EXTRA_CA_CERTS="$REQUESTS_CA_BUNDLE"
}
