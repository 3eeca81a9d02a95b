#!/usr/bin/env python3
"""More of Exchange for the independent WSMan + PSRP server: psrp_exchange.py FOLDER_OF_THE_SERVER OPTION...

The server (psrp_peer.py) is imported from the folder and stays the judge of the protocol: its engine is psrpcore, its
security pyspnego. Here are only objects and what cmdlets and scripts answer, in the shapes of captures of Exchange.
"""
import re
import sys

sys.path.insert(0, sys.argv.pop(1))
import psrp_peer as peer  # noqa: E402
from psrp_peer import Clixml, Obj, Run, Terminate, make_cert  # noqa: E402

BUILD = "15.2.1748.39"
CERTIFICATES = ("Microsoft Exchange Server Auth Certificate", "EX01", "WMSvc-EX01")


# The scripts that Windows' own endpoint is asked to run. No PowerShell is here to run them: what they must say is read
# off their texts, and what they must not is refused.
def script(run, command):
    text = command.command_text
    if run.shell.flavour != "winrm" or "ErrorActionPreference" not in text:
        return peer_script(run, command)
    written = re.search(r"\b(Set|Remove|Out|Invoke|Start|Enable|Disable|Export|Import|Restart|Stop|Clear|Add)-\w+", text)
    if written:
        raise Terminate(f"the peer runs scripts that read, and this one has {written.group(0)}")
    parameters = {name: value for name, value in command.parameters}
    if "X509ContentType]::Cert\n" in text and r"Cert:\LocalMachine\My" in text:
        if set(parameters) != {"Thumbprint"} or not isinstance(parameters["Thumbprint"], str):
            raise Terminate(f"the script takes one text, Thumbprint, and not {parameters}")
        if "param([string]$Thumbprint)" not in text:
            raise Terminate("the script does not declare its parameter")
        for name in CERTIFICATES:
            der, thumbprint, _ = make_cert(name)
            if thumbprint == parameters["Thumbprint"].upper():
                answer(run, RawData=der)
        return None
    if "ExSetup.exe" in text and "FileVersionInfo" in text and not parameters:
        return answer(run, Build=BUILD)
    raise Terminate(f"the peer does not know this script: {text}")


def answer(run, **properties):
    types = ["System.Management.Automation.PSCustomObject", "System.Object"]
    run.raw_output(Clixml().dump(Obj(types, ms=[("Server", "EX01"), *properties.items()])))


peer_script = Run._script
Run._script = script

if __name__ == "__main__":
    peer.main()
