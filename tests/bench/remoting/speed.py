"""pypsrp against the server at the port that is the argument: the same figures as the program beside this file."""
import json
import sys
import time
import urllib.request
import warnings

from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

warnings.simplefilter("ignore")
port = int(sys.argv[1])


def seen():
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/__peer__/stats") as answer:
        return json.load(answer)["counters"]["http"]


def run(pool, cmdlet, **parameters):
    shell = PowerShell(pool)
    shell.add_cmdlet(cmdlet)
    for name, value in parameters.items():
        shell.add_parameter(name, value)
    return shell.invoke()


def show(what, seconds, requests):
    print(f"pypsrp   {what:30} {seconds * 1e3:10.2f} ms {requests:8.2f} requests")


before, start = seen(), time.perf_counter()
connection = WSMan(server="localhost", port=port, ssl=False, auth="ntlm", username="CONTOSO\\admin", password="Passw0rd!")
with RunspacePool(connection) as pool:
    run(pool, "Test-Warning")
    show("opening and the first cmdlet", time.perf_counter() - start, seen() - before)
    before, start = seen(), time.perf_counter()
    for _ in range(100):
        run(pool, "Test-Warning")
    show("a small cmdlet", (time.perf_counter() - start) / 100, (seen() - before) / 100)
    before, start = seen(), time.perf_counter()
    assert len(run(pool, "Test-Bulk", Count=10_000)) == 10_000
    show("10,000 objects", time.perf_counter() - start, seen() - before)
