"""Measures pypsrp against the server at the port that is the first argument, and prints it beside the figures of the
program next to this file, which are in the file that is the second."""
import json
import resource
import sys
import time
import urllib.request
import warnings

from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

OPENING, SMALL, LARGE = "opening and the first cmdlet", "a small cmdlet", "10,000 objects of 20 properties"
warnings.simplefilter("ignore")
port, figures = int(sys.argv[1]), {}
for line in open(sys.argv[2], encoding="utf-8"):
    who, what, unit, figure = line.rstrip("\n").split("\t")
    figures[what, unit, who] = float(figure)


def log():
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/__peer__/log") as answer:
        return [json.loads(line) for line in answer.read().splitlines()]


def run(pool, cmdlet, **parameters):
    shell = PowerShell(pool)
    shell.add_cmdlet(cmdlet)
    for name, value in parameters.items():
        shell.add_parameter(name, value)
    return shell.invoke()


def measure(what, work, runs=1):
    before, start = len(log()), time.perf_counter()
    work()
    figures[what, "ms", "pypsrp"] = (time.perf_counter() - start) * 1e3 / runs
    new = log()[before:]
    for unit in ("requests waited for", "requests in all"):  # it waits for each
        figures[what, unit, "pypsrp"] = len(new) / runs
    return sum(entry.get("bytes", 0) for entry in new)


def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def large():
    assert len(run(pool, "Test-Bulk", Count=10_000)) == 10_000


def opening():
    pool.open()
    run(pool, "Test-Warning")


connection = WSMan(server="localhost", port=port, ssl=False, auth="ntlm", username="CONTOSO\\admin", password="Passw0rd!")
pool = RunspacePool(connection)
measure(OPENING, opening)
measure(SMALL, lambda: [run(pool, "Test-Warning") for _ in range(100)], 100)
before = most()
size = measure(LARGE, large)
figures[LARGE, "times its bytes in memory", "pypsrp"] = (most() - before) / size
pool.close()

everybody = ["exoauth", "psrp-rs", "pypsrp", "quick-xml"]
row = "{:<60}" + "{:>11}" * len(everybody) + "   {}"
print(row.format("NTLM, sealed, http, loopback", *everybody, "exoauth is"))
for what, unit in dict.fromkeys((what, unit) for what, unit, _ in figures):
    found = [figures.get((what, unit, who)) for who in everybody]
    ours, said = found[0], []
    for who, other in list(zip(everybody, found))[1:]:
        if other and ours and unit == "ms":
            said.append(f"{other / ours:.1f} x {who}" if other >= ours else f"{ours / other:.2f} times as long as {who}")
    print(row.format(f"{what}, {unit}", *("" if one is None else f"{one:.2f}" for one in found),
                     "; ".join(said)))
print("Milliseconds and requests are the best of five rounds (pypsrp: of one); a request that nobody waits for is a signal on a")
print("connection of its own. Signing in by NTLM takes two requests. Memory: the most that is allocated at a time while the")
print("answer is read (pypsrp: by which the process grew), and for decoding what is read included.")
