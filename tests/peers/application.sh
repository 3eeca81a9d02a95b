#!/bin/sh
# Has other people's clients (msgraph-sdk, msal; application.py) make the dedicated application in the lab.
#
# Needs Python 3.11 with venv, and its package registry once. Everything is made in a temporary folder, which is removed
# again; the lab listens on the loopback only.
. "$(dirname "$0")/common.sh"

need python3
with_packages msal==1.39.0 azure-identity==1.27.0 msgraph-sdk==1.65.0
serve_lab lab
trust_lab lab
"$python" "$repository/tests/peers/application.py" "$folder/lab/lab.toml"
