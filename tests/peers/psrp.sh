#!/bin/sh
# Checks the on-premises road against an independent WSMan + PSRP server (psrpcore, psrp_peer.py).
#
# Its folder is the first argument, or ../shared/peers/psrp beside the repository; the second limits the checks to one, such
# as http-kerberos. With CUT_STEP=1 in the environment, verify is also run with a cut at each piece of its conversation,
# with another number at every so many.
#
# Needs Python 3 with venv, and its package registry once; for Kerberos also Debian's krb5-kdc, krb5-admin-server,
# libkrb5-dev and gcc; for the ticket that is held already also krb5-user and libclang-dev. Everything is made in a
# temporary folder, which is removed again; the servers listen on the loopback only.
. "$(dirname "$0")/common.sh"

need_peer "$@"
need python3
only=${2:-}
kerberos=
stop() {
    [ -z "$kerberos" ] || "$peer/kdc.sh" stop "$folder/kdc" || true
    finish
}
trap stop EXIT INT TERM

free_port='import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'
if with_packages -r "$peer/requirements.txt" > "$folder/pip" 2>&1 && command -v krb5kdc > /dev/null; then
    # It prints the settings that the server needs, and that our client must do without.
    # A port of its own: two of these at a time would give out tickets that the other's server cannot read.
    kerberos_port=$("$python" -c "$free_port")
    if "$peer/kdc.sh" start "$folder/kdc" "$kerberos_port" > "$folder/kdc.start" 2>&1; then
        kerberos=127.0.0.1:$kerberos_port
    else
        echo "skipped: Kerberos, since the key distribution center does not start"
    fi
else
    echo "skipped: Kerberos, for want of krb5-kdc, krb5-admin-server, libkrb5-dev or gcc"
    sed 's/\[kerberos\]//' "$peer/requirements.txt" > "$folder/requirements.txt"
    with_packages -r "$folder/requirements.txt"
fi

"$python" "$repository/tests/peers/certificates.py" "$folder" ec

# check SCHEME OFFERS AUTH USER KDC: runs the tests with what is asked for against a server with what it offers.
check() {
    [ -z "$only" ] || [ "$only" = "$1-$3" ] || return 0
    printf '\n%s, the server offers %s, auth = "%s", %s\n' "$1" "$2" "$3" "$4"
    serve "$@" --require-cookie
    # shellcheck disable=SC2086 # the features are several words
    cargo test --quiet $features --test tests -- --ignored peers::psrp --skip a_server_that_asks --skip cut_anywhere || result=1
    judge
    serve "$@" --require-cookie
    whole
    [ "$auth" != ticket ] || without_ticket
    judge
    # A session whose first answer is lost, and its cookie with it, is closed only by a server that wants no cookie.
    serve "$@" --max-shells=18
    # shellcheck disable=SC2086
    cargo test --quiet $features --test tests -- --ignored peers::psrp::a_connection_that_is_cut_anywhere || result=1
    case $scheme-$auth in http-ntlm | http-kerberos)
        if [ -n "${CUT_STEP:-}" ]; then
            "$python" "$folder/organization.py" "$folder" "$kdc"
            cut_verify
        fi
        ;;
    esac
    judge
}

# serve SCHEME OFFERS AUTH USER KDC SERVER_OPTION: starts the server, and says in variables where it is.
serve() {
    scheme=$1 offers=$2 auth=$3 user=$4 kdc=$5 option=$6
    tls=
    [ "$scheme" = http ] || tls="--tls-cert $folder/cert.pem --tls-key $folder/key.pem"
    # Where we say that the sign-in is bound to the connection, the server wants it to be.
    case $scheme-$auth in https-ntlm | https-ticket) tls="$tls --require-binding" ;; esac
    port=$("$python" -c "$free_port")
    # shellcheck disable=SC2086 # the options are several words
    serve_peer "$option" --port "$port" --redirect-to "$scheme://localhost:$port/PowerShell/" --iis-boundary --gzip \
        --max-operation-timeout 1 --fragment 8000 --auth-exchange "$offers" --auth-wsman "$offers" $tls
    export PSRP_PEER_URL="$scheme://localhost:$port" PSRP_PEER_CA="$folder/ca.pem"
    export PSRP_PEER_AUTH="$auth" PSRP_PEER_USER="$user"
    unset PSRP_PEER_KDC
    [ -z "$kdc" ] || export PSRP_PEER_KDC="$kdc"
}

# hold_ticket: from here on the sign-in is by a ticket, which kinit gets, and the system's library is built in.
hold_ticket() {
    export KRB5_CONFIG="$folder/kdc/krb5.conf" KRB5CCNAME="FILE:$folder/held"
    echo 'Passw0rd!' | kinit admin > /dev/null
    features="--features single-sign-on"
    # shellcheck disable=SC2086
    cargo build --quiet $features
}

# The whole program, with the server as the on-premises half and a lab as the cloud half.
whole() {
    "$python" "$folder/organization.py" "$folder" "$kdc"
    for run in "run configure --apply" "run verify" "run tests/peers/nouns.rhai --apply"; do
        # shellcheck disable=SC2086 # a run is several words
        if "$program" $run --org "$folder/peer.toml" > "$folder/run" 2>&1; then
            printf 'exoauth %s: %s\n' "$run" "$(grep -E '^done|requests' "$folder/run" | tail -2 | tr '\n' ' ')"
        else
            printf 'exoauth %s: exit code %s\n' "$run" "$?"
            cat "$folder/run"
            result=1
        fi
    done
}

# Where no ticket is held, it says so and how to get one.
without_ticket() {
    code=0
    KRB5CCNAME=FILE:$folder/nothing "$program" eval 'onprem.get_auth_config()' --org "$folder/peer.toml" \
        > "$folder/run" 2>&1 || code=$?
    grep 'ticket that is held' "$folder/run" || { cat "$folder/run"; result=1; }
    [ "$code" = 1 ] && grep -q kinit "$folder/run" || { echo "exit code $code"; result=1; }
}

# Verifies again and again, with the connection to the server cut after one piece, two, and so on, in either direction.
cut_verify() {
    printf '\nexoauth verify, cut anywhere, auth = "%s"\n' "$auth"
    after=0 cut=0 well=0 named=0
    while :; do
        : > "$folder/near"
        "$python" "$folder/cutter.py" "$port" "$after" > "$folder/near" &
        cutter=$!
        while [ ! -s "$folder/near" ]; do sleep 0.05; done
        sed "s/localhost:$port/localhost:$(head -1 "$folder/near")/" "$folder/peer.toml" > "$folder/cut.toml"
        code=0
        timeout 120 "$program" verify --org "$folder/cut.toml" > "$folder/run" 2>&1 || code=$?
        kill "$cutter"
        wait "$cutter" 2> /dev/null || true
        grep -q cut "$folder/near" || break
        cut=$((cut + 1))
        case $code in
            0) well=$((well + 1)) ;;
            1 | 4) named=$((named + 1)) ;;
            *) printf 'cut after %s: exit code %s\n' "$after" "$code"; cat "$folder/run"; result=1 ;;
        esac
        after=$((after + ${CUT_STEP:-1}))
    done
    printf '%s cuts: %s runs passed, %s ended in a named failure or verdict\n' "$cut" "$well" "$named"
    [ "$cut" -gt 5 ] || result=1
}

cat > "$folder/cutter.py" << 'PYTHON'
import selectors, socket, sys

port, after = map(int, sys.argv[1:])
listener = socket.create_server(("127.0.0.1", 0))
selector = selectors.DefaultSelector()
selector.register(listener, selectors.EVENT_READ, None)
print(listener.getsockname()[1], flush=True)
pieces = 0
while True:
    for key, _ in selector.select():
        if key.data is None:
            near, far = listener.accept()[0], socket.create_connection(("127.0.0.1", port))
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            continue
        try:
            data = key.fileobj.recv(65536)
            if data and pieces == after:
                print("cut", flush=True)
            if not data or pieces == after:
                raise ConnectionError
            key.data.sendall(data)
            pieces += 1
        except (OSError, ConnectionError):
            pieces += bool(pieces == after and data)
            for end in (key.fileobj, key.data):
                if end in selector.get_map():
                    selector.unregister(end)
                end.close()
PYTHON

# judge: looks at what the server saw, and stops it.
judge() {
    "$python" "$folder/judge.py" "$PSRP_PEER_URL" "$folder/ca.pem" || result=1
    end "$peer_process"
}

cat > "$folder/organization.py" << 'PYTHON'
import json, os, pathlib, sys

folder = pathlib.Path(sys.argv[1])
lab = (folder / "lab" / "lab.toml").read_text().split("[exchange]")
_, cloud = lab[1].split("[sign_in]")
quoted = lambda text: json.dumps(str(text))
url = os.environ["PSRP_PEER_URL"]
exchange = {"url": url + "/PowerShell/", "auth": os.environ["PSRP_PEER_AUTH"], "username": os.environ["PSRP_PEER_USER"],
            "password": "Passw0rd!", "winrm": url + "/wsman?TargetServer={server}", "ca_file": folder / "ca.pem"}
if exchange["auth"] == "ticket":
    del exchange["username"], exchange["password"]
    exchange["auth"] = "kerberos"
if sys.argv[2]:
    exchange["kdc"] = sys.argv[2]
lines = [f"{key} = {quoted(value)}" for key, value in exchange.items()]
cloud = cloud.replace('"lab-ca.pem"', quoted(folder / "lab" / "lab-ca.pem"))
(folder / "peer.toml").write_text(lab[0] + "[exchange]\n" + "\n".join(lines) + "\n\n[sign_in]" + cloud)
PYTHON

cat > "$folder/judge.py" << 'PYTHON'
import collections, json, ssl, sys, urllib.request

url = sys.argv[1]
context = ssl.create_default_context(cafile=sys.argv[2]) if url.startswith("https") else None
ask = lambda what: urllib.request.urlopen(f"{url}/__peer__/{what}", context=context).read().decode()
stats = json.loads(ask("stats"))
log = [json.loads(line) for line in ask("log").splitlines()]
said = [entry for entry in log if entry.get("action")]
print("requests:", dict(collections.Counter(entry.get("action") for entry in log)))
print("signed in by:", dict(collections.Counter(
    (entry.get("auth"), entry.get("negotiated")) for entry in log if entry.get("auth"))))
print("sealed:", sum(bool(entry.get("encrypted")) for entry in said), "of", len(said))
print("left without a terminate signal:", sum(entry.get("unsignalled_pipelines", 0) for entry in log))
print("violations:", stats["violations"], "open shells:", stats["open_shells"])
clear = url.startswith("http:") and not all(entry.get("encrypted") for entry in said)
sys.exit(1 if stats["violations"] or stats["open_shells"] or clear else 0)
PYTHON

cd "$repository"
features=
program=${CARGO_TARGET_DIR:-target}/debug/exoauth
XDG_CONFIG_HOME=$folder/home XDG_STATE_HOME=$folder/home XDG_CACHE_HOME=$folder/home
export XDG_CONFIG_HOME XDG_STATE_HOME XDG_CACHE_HOME
serve_lab lab
# The other direction ends at the servers of the lab, which trust its cloud as well.
"$program" run configure --apply --org "$folder/lab/lab.toml" > /dev/null 2> "$folder/err" || { cat "$folder/err"; exit 1; }
tenant=$("$program" eval 'entra.get_organization().id' --org "$folder/lab/lab.toml" 2> /dev/null)
peer_environment="KRB5_CONFIG=$folder/kdc/krb5.conf KRB5_KTNAME=FILE:$folder/kdc/keytab PSRP_PEER_TENANT=$tenant"
result=0
check https basic basic 'CONTOSO\admin' ''
check http negotiate,basic ntlm 'CONTOSO\admin' ''
check http ntlm ntlm 'CONTOSO\admin' ''
check https negotiate ntlm 'CONTOSO\admin' ''
check http negotiate negotiate 'CONTOSO\admin' ''
if [ -n "$kerberos" ]; then
    check http kerberos,basic kerberos 'CONTOSO.TEST\admin' "$kerberos"
    check http kerberos kerberos admin@contoso.test "$kerberos"
    check http negotiate kerberos 'CONTOSO.TEST\admin' "$kerberos"
    check http negotiate negotiate 'CONTOSO.TEST\admin' "$kerberos"
    check http kerberos,basic negotiate 'CONTOSO.TEST\admin' "$kerberos"
    check https kerberos kerberos 'CONTOSO.TEST\admin' "$kerberos"
    if command -v kinit > /dev/null && [ -f /usr/include/gssapi/gssapi.h ]; then
        case $only in '' | *-ticket) hold_ticket ;; esac
        check http kerberos,basic ticket '' ''
        check http negotiate ticket '' ''
        check https kerberos ticket '' ''
    else
        echo "skipped: the ticket that is held already, for want of krb5-user or libkrb5-dev"
    fi
fi
exit $result
