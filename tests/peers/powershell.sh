#!/bin/sh
# Parses the PowerShell that is written for every shipped playbook with a grammar that is not ours (tree-sitter-pwsh).
#
# Needs Python 3 with venv, and its package registry once. Everything is made in a temporary folder, which is removed
# again; the plans are those of the built-in lab, in each of its clouds and with hostile names.
set -eu

repository=$(cd "$(dirname "$0")/../.." && pwd)
if ! command -v python3 > /dev/null; then
    echo "skipped: no python3"
    exit 0
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM

if ! python3 -m venv "$folder/venv"; then
    echo "skipped: no venv"
    exit 0
fi
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "tree-sitter>=0.25,<0.27" "tree-sitter-pwsh>=0.38,<0.39"

cd "$repository"
cargo build --quiet
exoauth=$repository/target/debug/exoauth
cd "$folder"
XDG_DATA_HOME=$folder/none
export XDG_DATA_HOME
for playbook in "$repository"/scripts/*.rhai; do
    name=$(basename "$playbook" .rhai)
    # Some have nothing to do, or refuse, before others have run.
    case $name in
        dedicated-app) scenario="--scenario shared-principal" ;;
        ews-allow-list) scenario="--scenario allow-list-missing" ;;
        clean-up-shared-principal) scenario="--scenario shared-principal-leftovers" ;;
        *) scenario= ;;
    esac
    for cloud in worldwide gcc-high dod; do
        # shellcheck disable=SC2086 # an option and its value, or nothing
        "$exoauth" run "$name" --cloud "$cloud" $scenario --emit powershell "$name-$cloud" > /dev/null
    done
done
"$exoauth" run "$repository/tests/peers/hostile.rhai" --emit powershell hostile > /dev/null

"$folder/venv/bin/python" "$repository/tests/peers/powershell.py" "$folder"/*.ps1
