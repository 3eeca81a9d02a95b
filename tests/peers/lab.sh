#!/bin/sh
# Checks the lab's PowerShell endpoint with an independent client, pypsrp with pyspnego (lab.py beside this file): Basic
# over TLS, NTLM and Negotiate over plain HTTP with sealed messages.
#
# Needs Python 3.11 with venv, and its package registry once. Everything is made in a temporary folder, which is removed
# again; the lab listens on the loopback only.
. "$(dirname "$0")/common.sh"

need python3
with_packages pypsrp==0.9.1
result=0
for auth in basic ntlm negotiate; do
    printf '\nexoauth lab --auth %s\n' "$auth"
    serve_lab "$auth" --auth "$auth"
    "$python" "$repository/tests/peers/lab.py" "$folder/$auth/lab.toml" || result=1
    end "$lab"
done
exit $result
