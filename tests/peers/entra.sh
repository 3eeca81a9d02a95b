#!/bin/sh
# Checks signing in from both sides: other people's clients (msal, azure-identity, msgraph-sdk, msal-node; entra.py,
# entra.mjs) against the lab, and the program's own flows (entra.rs) against a certified server (oidc-provider; oidc.mjs).
#
# Needs Python 3.11 with venv, Node 20 with npm, and their package registries once. Everything is made in a temporary
# folder, which is removed again; all servers listen on the loopback only.
. "$(dirname "$0")/common.sh"

need python3 node npm
with_packages msal==1.39.0 azure-identity==1.27.0 msgraph-sdk==1.65.0 requests
cp "$repository/tests/peers/entra.mjs" "$repository/tests/peers/oidc.mjs" "$folder"
(cd "$folder" && npm install --silent --no-audit --no-fund --no-save @azure/msal-node@5 oidc-provider@9 > /dev/null)

serve_lab lab
trust_lab lab
visitor=$repository/tests/peers/entra.py
export BROWSER="$python $visitor visit %s &"
result=0
"$python" "$visitor" "$folder/lab/lab.toml" || result=1
field() {
    "$python" -c "import sys, tomllib; lab = tomllib.load(open(sys.argv[1], 'rb')); print(eval(sys.argv[2], {'lab': lab}))" \
        "$folder/lab/lab.toml" "$1"
}
node "$folder/entra.mjs" "$(field 'lab["sign_in"]["client_id"]')" "$(field 'lab["sign_in"]["secret"]')" \
    "$folder/lab/lab-client.pem" "$(field 'lab["endpoints"]["login"] + "/" + lab["tenant"]')" \
    "$(field 'lab["endpoints"]["graph"]')" "$(field 'lab["endpoints"]["exchange_online"]')" \
    "$python" "$visitor" visit || result=1
unset REQUESTS_CA_BUNDLE SSL_CERT_FILE NODE_EXTRA_CA_CERTS

"$python" "$repository/tests/peers/certificates.py" "$folder" rsa
node "$folder/oidc.mjs" "$folder/key.pem" "$folder/cert.pem" "$folder/key.pem" > "$folder/oidc" 2> "$folder/oidc-errors" &
oidc=$!
servers="$servers $oidc"
while ! grep -q listening "$folder/oidc"; do
    kill -0 "$oidc" || { cat "$folder/oidc-errors"; exit 1; }
    sleep 0.1
done
url=https://localhost:$(sed -n 's/listening //p' "$folder/oidc")
# What a platform would put there for a workload: an assertion that another library signed.
"$python" - "$folder/key.pem" "$url" > "$folder/workload.token" << 'PYTHON'
import pathlib, sys, time, uuid
import jwt

key, url = pathlib.Path(sys.argv[1]).read_text(), sys.argv[2]
claims = {"iss": "with-rs256", "sub": "with-rs256", "aud": url, "jti": str(uuid.uuid4()), "exp": int(time.time()) + 300}
print(jwt.encode(claims, key, "RS256"), end="")
PYTHON
cd "$repository"
ENTRA_PEER_URL=$url ENTRA_PEER_FOLDER=$folder \
    cargo test --test tests -- --ignored peers::entra || { cat "$folder/oidc-errors"; result=1; }
exit $result
