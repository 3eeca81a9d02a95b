# What the scripts beside this one have in common. Each reads this file first; it gives them a temporary folder, which is
# removed at the end together with the servers that they started.
#
# shellcheck shell=sh
set -eu

repository=$(cd "$(dirname "$0")/../.." && pwd)
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

# end_lab: ends that lab.
end_lab() {
    kill "$lab"
    wait "$lab" 2> /dev/null || true
}

# trust_lab NAME: has the clients of Python and Node trust the authority of a lab.
trust_lab() {
    REQUESTS_CA_BUNDLE=$folder/$1/lab-ca.pem
    export REQUESTS_CA_BUNDLE SSL_CERT_FILE="$REQUESTS_CA_BUNDLE" NODE_EXTRA_CA_CERTS="$REQUESTS_CA_BUNDLE"
}
