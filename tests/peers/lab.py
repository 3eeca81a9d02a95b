"""An independent client (pypsrp) against the lab's /PowerShell/; lab.sh beside this file starts both.

Arguments: the organization file of a running lab.
"""
import os
import sys
import tomllib
import urllib.parse
import warnings

from pypsrp.exceptions import AuthenticationError, WinRMTransportError, WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

warnings.simplefilter("ignore")
path = sys.argv[1]
with open(path, "rb") as file:
    exchange = tomllib.load(file)["exchange"]
url = urllib.parse.urlparse(exchange["url"])
authority = os.path.join(os.path.dirname(path), exchange["ca_file"])
failed = []


def expect(what, found, wanted):
    if found != wanted:
        failed.append(what)
        print(f"FAILED {what}: {found!r}, wanted {wanted!r}")
    else:
        print(f"ok {what}")


sealed = url.scheme == "http"


def pool(password=exchange["password"], configuration="Microsoft.Exchange", username=exchange["username"],
         **options):
    settings = {"ssl": not sealed, "encryption": "always" if sealed else "never", "cert_validation": authority,
                "auth": exchange["auth"], "username": username, "password": password, "port": url.port,
                "operation_timeout": 2, "reconnection_retries": 0}
    connection = WSMan(server=url.hostname, path="PowerShell", **{**settings, **options})
    return RunspacePool(connection, configuration_name=configuration)


def run(runspaces, cmdlet, script=False, **parameters):
    shell = PowerShell(runspaces)
    shell.add_script(cmdlet) if script else shell.add_cmdlet(cmdlet)
    for name, value in parameters.items():
        shell.add_parameter(name, value)
    output = shell.invoke()
    return output, [str(error) for error in shell.streams.error], [str(line) for line in shell.streams.warning]


NOUNS = """AuthServer PartnerApplication AuthConfig ExchangeCertificate AcceptedDomain ExchangeServer
    IntraOrganizationConnector IntraOrganizationConfiguration AvailabilityAddressSpace OrganizationRelationship
    OrganizationConfig SettingOverride HybridConfiguration Mailbox WebServicesVirtualDirectory
    AutodiscoverVirtualDirectory MapiVirtualDirectory OabVirtualDirectory ActiveSyncVirtualDirectory OwaVirtualDirectory
    EcpVirtualDirectory OutlookAnywhere ClientAccessServer ClientAccessService""".split()

# What is made and removed again: the verb, the noun, the parameter with the name, other parameters, and a change.
MADE = [
    ("New", "AuthServer", "Name", {"AuthMetadataUrl": "https://nowhere.example/metadata", "Enabled": False}, None),
    ("New", "PartnerApplication", "Name", {"ApplicationIdentifier": "11111111-2222-3333-4444-555555555555",
                                           "Enabled": True}, {"Enabled": False}),
    ("New", "IntraOrganizationConnector", "Name", {"DiscoveryEndpoint": "https://peer.example/autodiscover.svc",
                                                   "TargetAddressDomains": ["a.example"]}, {"Enabled": False}),
    ("Add", "AvailabilityAddressSpace", "ForestName", {"AccessMethod": "InternalProxy"}, None),
    ("New", "SettingOverride", "Name", {"Component": "Global", "Section": "ExchangeOnpremAsThirdPartyAppId",
                                        "Parameters": ["Enabled=true"], "Reason": "peer"}, {"Reason": "other"}),
]

with pool() as runspaces:
    for noun in NOUNS:
        output, errors, _ = run(runspaces, f"Get-{noun}")
        expect(f"Get-{noun}", ([type(one).__name__ for one in output][:1] in ([], ["GenericComplexObject"]), errors),
               (True, []))
    for verb, noun, key, parameters, change in MADE:
        name = f"peer's <{noun}> & more"
        output, errors, _ = run(runspaces, f"{verb}-{noun}", **{key: name}, **parameters)
        if noun == "AuthServer":
            # Its metadata cannot be read, so it is refused with a record.
            expect(f"{verb}-{noun} is refused", (len(output), len(errors)), (0, 1))
            continue
        expect(f"{verb}-{noun}", (len(output), errors), (1, []))
        if change:
            _, errors, _ = run(runspaces, f"Set-{noun}", Identity=name, **change)
            found, _, _ = run(runspaces, f"Get-{noun}", Identity=name)
            properties = found[0].adapted_properties
            expect(f"Set-{noun}", (errors, {one: properties[one] for one in change}), ([], change))
        _, errors, _ = run(runspaces, f"Remove-{noun}", Identity=name, Confirm=False)
        expect(f"Remove-{noun}", errors, [])
    test, errors, _ = run(runspaces, "Test-OAuthConnectivity", Service="EWS",
                          TargetUri="https://outlook.office365.com/ews/exchange.asmx", Mailbox="nobody@contoso.com")
    expect("Test-OAuthConnectivity", (len(test) + len(errors) > 0), True)

with pool() as runspaces:
    expect("protocol", str(runspaces.protocol_version), "2.3")
    config, errors, _ = run(runspaces, "Get-AuthConfig")
    expect("Get-AuthConfig", (len(config), errors), (1, []))
    thumbprint = config[0].adapted_properties["CurrentCertificateThumbprint"]
    certificate, _, _ = run(runspaces, "Get-ExchangeCertificate", Thumbprint=thumbprint)
    expect("a certificate is its bytes", [(name, type(value)) for name, value
                                          in certificate[0].adapted_properties.items()], [("RawData", bytes)])
    servers, _, _ = run(runspaces, "Get-ExchangeServer")
    expect("versions are objects", str(servers[0].adapted_properties["AdminDisplayVersion"])[:8], "Version ")
    made, errors, _ = run(runspaces, "New-IntraOrganizationConnector", Name="peer", Enabled=True,
                          DiscoveryEndpoint="https://peer.example/autodiscover.svc",
                          TargetAddressDomains=["a.example", "b.example"])
    expect("New", (len(made), errors), (1, []))
    expect("ToString", str(made[0]), "peer")
    _, errors, warned = run(runspaces, "Set-IntraOrganizationConnector", Identity="peer", Enabled=True)
    expect("Set that changes nothing warns", (errors, len(warned)), ([], 1))
    _, errors, _ = run(runspaces, "Remove-IntraOrganizationConnector", Identity="peer")
    expect("Remove asks", [error.split(" failed")[0] for error in errors], ["A command that prompts the user"])
    _, errors, _ = run(runspaces, "Remove-IntraOrganizationConnector", Identity="peer", Confirm=False)
    expect("Remove", errors, [])
    _, errors, _ = run(runspaces, "Get-Nothing")
    expect("unknown cmdlet", [error.split(" is not")[0] for error in errors], ["The term 'Get-Nothing'"])
    _, errors, _ = run(runspaces, "1 + 1", script=True)
    expect("no-language mode", [error[-21:] for error in errors], [" in no-language mode."])

for what, open_it, exception in [
    ("wrong password", lambda: pool(password="wrong").open(), AuthenticationError),
    ("unknown user", lambda: pool(username="CONTOSO\\nobody").open(), AuthenticationError),
    ("other resource", lambda: pool(configuration="Microsoft.PowerShell").open(), WSManFaultError),
]:
    try:
        open_it()
        expect(what, None, exception.__name__)
    except (AuthenticationError, WSManFaultError) as error:
        expect(what, type(error).__name__, exception.__name__)

if sealed:
    try:
        pool(encryption="never").open()
        expect("a message that is not sealed", None, 500)
    except WinRMTransportError as error:
        expect("a message that is not sealed", error.code, 500)

pools = [pool() for _ in range(18)]
for one in pools:
    one.open()
try:
    pool().open()
    expect("the nineteenth session", None, 2150859173)
except WSManFaultError as error:
    expect("the nineteenth session", error.code, 2150859173)
for one in pools:
    one.close()
sys.exit(1 if failed else 0)
