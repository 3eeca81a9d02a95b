#!/usr/bin/env python3
"""More of Exchange for the independent WSMan + PSRP server: psrp_exchange.py FOLDER_OF_THE_SERVER OPTION...

The server (psrp_peer.py) is imported from the folder and stays the judge of the protocol: its engine is psrpcore, its
security pyspnego. Here are only objects and what cmdlets and scripts answer, in the shapes of captures of Exchange.

One option is not the server's own: with --require-binding a sign-in must be bound to the TLS connection, as Extended
Protection wants it (RFC 5929 4).
"""
import hashlib
import os
import re
import sys
import urllib.parse

sys.path.insert(0, sys.argv.pop(1))
import psrp_peer as peer  # noqa: E402
import spnego  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import serialization  # noqa: E402
from spnego.channel_bindings import GssChannelBindings  # noqa: E402
from psrp_peer import Clixml, Ctx, Obj, Run, Shell, Store, T, Terminate, cmdlet, make_cert, x_adobjectid, x_config_object, x_enum, x_mvp  # noqa: E402,E501
from psrpcore import types as pt  # noqa: E402

# What the cloud half is known by; the on-premises half learns it from the metadata documents of the tenant.
TENANT = os.environ.get("PSRP_PEER_TENANT", "6d1fb1b5-6b5e-4c5a-9d3e-6a1f6f0e7c11")
BUILDS = {"EX01": "15.2.1748.39", "EX10": "14.3.123.4"}
VERSIONS = {"EX01": ("Version 15.2 (Build 1748.10)", 15, 2, 1748, 10), "EX10": ("Version 14.3 (Build 123.4)", 14, 3, 123, 4)}
CERTIFICATES = ("Microsoft Exchange Server Auth Certificate", "EX01", "WMSvc-EX01")
CONFIGURATION = "Microsoft.Exchange.Data.Directory.SystemConfiguration."
MANAGEMENT = "Microsoft.Exchange.Data.Directory.Management."


def uri(text):
    return None if text is None else T("URI", text)


def domain(name):
    return Obj(["Microsoft.Exchange.Data.SmtpDomainWithSubdomains", "System.Object"], tostring=name, props=[
        ("Address", name), ("IncludeSubDomains", False), ("Domain", name), ("SmtpDomain", name), ("IsStar", False)])


def version(server):
    text, major, minor, build, revision = VERSIONS[server]
    return Obj(["Microsoft.Exchange.Data.ServerVersion", "System.Object"], tostring=text, props=[
        ("Major", major), ("Minor", minor), ("Build", build), ("Revision", revision)])


def methods(*names):
    words = ["Basic", "Digest", "Ntlm", "Fba", "WindowsIntegrated", "LiveIdFba", "LiveIdBasic", "WSSecurity", "Certificate",
             "NegoEx", "OAuth", "Adfs", "Kerberos", "Negotiate"]
    kind = CONFIGURATION + "AuthenticationMethod"
    return x_mvp([x_enum(kind, name, words.index(name)) for name in names], elem=kind)


# Objects that are there from the beginning: noun, class, name, properties. All are fresh for each answer, since what is
# written twice in one document becomes a reference.
def seeds():
    yield from (
        ("AcceptedDomain", CONFIGURATION + "AcceptedDomain", name, {
            "DomainName": domain(name), "CatchAllRecipientID": None,
            "DomainType": x_enum(CONFIGURATION + "AcceptedDomainType", kind, number), "MatchSubDomains": False,
            "Default": default, "IsCoexistenceDomain": coexistence, "InitialDomain": False})
        for name, kind, number, default, coexistence in (
            ("contoso.com", "Authoritative", 0, True, False), ("tailspintoys.com", "Authoritative", 0, False, False),
            ("contoso.mail.onmicrosoft.com", "InternalRelay", 2, False, True)))
    for server in BUILDS:
        modern = server == "EX01"
        fqdn = server.lower() + ".contoso.com"
        yield "ExchangeServer", MANAGEMENT + "ExchangeServer", server, {
            "Domain": "contoso.com", "Edition": x_enum(MANAGEMENT + "ServerEditionType", "Standard", 1), "Fqdn": fqdn,
            "InternetWebProxy": None, "IsHubTransportServer": modern, "IsClientAccessServer": True, "IsEdgeServer": False,
            "IsMailboxServer": True, "IsE14OrLater": True, "IsE15OrLater": modern, "AdminDisplayVersion": version(server),
            "Site": x_adobjectid("Default-First-Site-Name", "CN=Default-First-Site-Name,CN=Sites", False),
            "ServerRole": x_enum(CONFIGURATION + "ServerRole", "Mailbox" if modern else "ClientAccess, Mailbox", 2)}
        for noun in ("ClientAccessService", "ClientAccessServer"):
            yield noun, MANAGEMENT + noun, server, {
                "Fqdn": fqdn, "AutoDiscoverServiceInternalUri": uri(
                    f"https://{'autodiscover.contoso.com' if modern else fqdn}/Autodiscover/Autodiscover.xml"),
                "AutoDiscoverSiteScope": x_mvp(["Default-First-Site-Name"])}
        for noun, name, path in (
                ("WebServices", "EWS", "/EWS/Exchange.asmx"), ("Autodiscover", "Autodiscover", None), ("Mapi", "mapi", "/mapi"),
                ("Oab", "OAB", "/OAB"), ("Owa", "owa", "/owa"), ("Ecp", "ecp", "/ecp"),
                ("ActiveSync", "Microsoft-Server-ActiveSync", "/Microsoft-Server-ActiveSync")):
            if noun == "Mapi" and not modern:
                continue
            yield noun + "VirtualDirectory", f"{CONFIGURATION}AD{noun}VirtualDirectory", f"{name} (Default Web Site)", {
                "Server": server, "InternalUrl": uri(path and f"https://{fqdn}{path}"),
                "ExternalUrl": uri(path and modern and f"https://mail.contoso.com{path}" or None),
                "InternalAuthenticationMethods": methods("Ntlm", "WindowsIntegrated", "WSSecurity", "OAuth"),
                "ExternalAuthenticationMethods": methods("Ntlm", "WindowsIntegrated", "WSSecurity", "OAuth"),
                "OAuthAuthentication": modern, "AdminDisplayVersion": version(server)}
        yield "OutlookAnywhere", CONFIGURATION + "ADRpcHttpVirtualDirectory", "Rpc (Default Web Site)", {
            "Server": server, "InternalHostname": domain(fqdn), "InternalClientsRequireSsl": True,
            "ExternalHostname": domain("mail.contoso.com") if modern else None, "ExternalClientsRequireSsl": modern,
            "AdminDisplayVersion": version(server)}
    yield "Mailbox", MANAGEMENT + "Mailbox", "Megan Bowen", {
        "Alias": "megan", "DisplayName": "Megan Bowen", "PrimarySmtpAddress": domain("megan@contoso.com"),
        "UserPrincipalName": "megan@contoso.com",
        "RecipientTypeDetails": x_enum("Microsoft.Exchange.Data.Directory.Recipient.RecipientTypeDetails", "UserMailbox", 1)}
    yield "IntraOrganizationConfiguration", "Microsoft.Exchange.Data.Directory.Management.IntraOrganizationConfiguration", "", {
        "OnlineDiscoveryEndpoint": None, "OnlineTargetAddress": None, "OnPremiseTargetAddresses": x_mvp([]),
        "OnPremiseDiscoveryEndpoint": uri("https://autodiscover.contoso.com/autodiscover/autodiscover.svc"),
        "OnPremiseWebServiceEndpoint": uri("https://mail.contoso.com/ews/exchange.asmx"),
        "DeploymentIsCompleteIOCReady": False, "HasNonIOCReadyExchangeCASServerVersions": True,
        "HasNonIOCReadyExchangeMailboxServerVersions": True}
    yield "OrganizationConfig", CONFIGURATION + "ADOrganizationConfig", "Contoso", {
        "OAuth2ClientProfileEnabled": False, "EwsEnabled": None, "HybridConfigurationStatus": x_enum(
            CONFIGURATION + "HybridConfigurationStatusFlags", "Unknown", 0)}


NOUNS = {noun: kind for noun, kind, *_ in seeds()}
peer.CONFIG_TYPES.update(NOUNS)


def reader(noun):
    def get(c):
        named = c.get("Identity") or (c.positional[0] if c.positional else None)
        server = c.get("Server")
        found = 0
        for other, _, name, properties in seeds():
            fitting = named is None or str(named).lower() in (name.lower(), "megan@contoso.com" if noun == "Mailbox" else "")
            if other != noun or not fitting or (server and properties.get("Server") != str(server).split(".")[0].upper()):
                continue
            found += 1
            if found <= int(c.get("ResultSize", 1000) if str(c.get("ResultSize", 1000)).isdigit() else 1000):
                c.out(x_config_object(noun, {"Name": name, **properties}, c.full))
        if named is not None and not found:
            peer.not_found(c, noun, named)
    return get


for noun in NOUNS:
    cmdlet(f"Get-{noun}", "Identity", "Server", "ADPropertiesOnly", "ResultSize", "RecipientTypeDetails", "Status",
           "OrganizationGuid", config="exchange")(reader(noun))

peer.CONFIG_TYPES.update({"SettingOverride": CONFIGURATION + "SettingOverride",
                          "OrganizationRelationship": CONFIGURATION + "OrganizationRelationship"})
peer.crud("SettingOverride", ["Component", "Section", "Parameters", "Reason", "Server", "MinVersion", "MaxVersion"])
peer.crud("OrganizationRelationship", ["DomainNames", "Enabled", "FreeBusyAccessEnabled", "FreeBusyAccessLevel",
                                       "TargetApplicationUri", "TargetSharingEpr", "TargetAutodiscoverEpr", "TargetOwaURL"])


def fill(store):
    peer_fill(store)
    store.objects.update({"SettingOverride": {}, "OrganizationRelationship": {}})


peer_fill = Store.__init__
Store.__init__ = fill


# New-AuthServer reads the metadata document of its address; what it learns there is known here.
def new_auth_server(c):
    quiet = Ctx(c.run, c.name, c.params, c.positional)
    quiet.out = lambda value: None
    peer_new(quiet)
    name, url = str(c.get("Name")), str(c.get("AuthMetadataUrl", ""))
    acs = "/metadata/json/" in url
    record = c.run.server.store.objects["AuthServer"][name]
    record.update({
        "Type": x_enum(CONFIGURATION + "AuthServerType", *(("MicrosoftACS", 0) if acs else ("AzureAD", 3))),
        "Realm": TENANT, "DomainName": [], "IsDefaultAuthorizationEndpoint": False,
        "IssuerIdentifier": "00000001-0000-0000-c000-000000000000" if acs else f"https://sts.windows.net/{TENANT}/",
        "TokenIssuingEndpoint": f"https://accounts.accesscontrol.windows.net/{TENANT}/tokens/OAuth/2" if acs
                                else "https://login.windows.net/common/oauth2/token"})
    c.out(x_config_object("AuthServer", record, c.full))


peer_new = peer.NET_CMDLETS["new-authserver"][3]
cmdlet("New-AuthServer", "Name", "Enabled", "AuthMetadataUrl", "Type", "TrustAnySSLCertificate", "DomainName", "Realm",
       "IssuerIdentifier", "TokenIssuingEndpoint", config="exchange")(new_auth_server)


# The parameters that the dedicated application needs are kept as well.
def set_auth_server(c):
    peer_set(c)
    record = c.run.server.store.objects["AuthServer"].get(str(c.get("Identity")))
    for parameter in ("ApplicationIdentifier", "GraphBaseUrl"):
        if record is not None and c.get(parameter) is not None:
            record[parameter] = str(c.get(parameter))


peer_set = peer.NET_CMDLETS["set-authserver"][3]
cmdlet("Set-AuthServer", "Identity", "Name", "Enabled", "AuthMetadataUrl", "TrustAnySSLCertificate",
       "IsDefaultAuthorizationEndpoint", "DomainName", "ApplicationIdentifier", "GraphBaseUrl", config="exchange")(set_auth_server)


def new_setting_override(c):
    quiet = Ctx(c.run, c.name, c.params, c.positional)
    quiet.out = lambda value: None
    peer_new_override(quiet)
    record = c.run.server.store.objects["SettingOverride"][str(c.get("Name"))]
    record.update({"ComponentName": record.pop("Component"), "SectionName": record.pop("Section")})
    c.out(x_config_object("SettingOverride", record, c.full))


peer_new_override = peer.NET_CMDLETS["new-settingoverride"][3]
cmdlet("New-SettingOverride", "Name", "Component", "Section", "Parameters", "Reason", "Server", "MinVersion", "MaxVersion",
       config="exchange")(new_setting_override)


@cmdlet("Get-ExchangeDiagnosticInfo", "Server", "Process", "Component", "Argument", config="exchange")
def diagnostics(c):
    overrides = "".join(f"<Override><Name>{name}</Name></Override>" for name in c.run.server.store.objects["SettingOverride"])
    c.out(Obj(["Microsoft.Exchange.Management.SystemConfigurationTasks.ExchangeDiagnosticInfoResult", "System.Object"], props=[
        ("Result", f"<Diagnostics><Components><VariantConfiguration><Overrides>{overrides}</Overrides></VariantConfiguration>"
                   "</Components></Diagnostics>"), ("Identity", ""), ("IsValid", True)]))


for name in ("Set-AuthServer", "Set-PartnerApplication", "Test-OAuthConnectivity", "Get-PartnerApplication"):
    peer.NET_CMDLETS[name.lower()][1].update({"refreshauthmetadata", "reloadconfig", "usecachedtoken", "apponly"})
cmdlet("Remove-AvailabilityAddressSpace", "Identity", config="exchange")(peer.NET_CMDLETS["remove-availabilityaddressspace"][3])


@cmdlet("Test-Warning")
def test_warning(c):
    c.warn("careful")


@cmdlet("Test-Question", "Kind")
def test_question(c):
    """Asks although the client has no host, which no server should do."""
    kind = str(c.get("Kind"))
    method = {"Choice": pt.HostMethodIdentifier.PromptForChoice, "Line": pt.HostMethodIdentifier.ReadLine,
              "Parameters": pt.HostMethodIdentifier.Prompt}[kind]
    fields = [pt.FieldDescription(Name=name) for name in ("Identity", "TargetUri")]
    choices = [pt.ChoiceDescription(Label=label) for label in ("&Yes", "&No")]
    c.run.host_call(method, {"Choice": ["Confirm", "Sure?", choices, 0], "Line": [],
                             "Parameters": ["Supply values", "for these", fields]}[kind])


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
        return answer(run, Build=BUILDS[server_of(run)])
    raise Terminate(f"the peer does not know this script: {text}")


def answer(run, **properties):
    types = ["System.Management.Automation.PSCustomObject", "System.Object"]
    run.raw_output(Clixml().dump(Obj(types, ms=[("Server", server_of(run)), *properties.items()])))


def server_of(run):
    """All servers share one address here; its query says which one is meant."""
    named = urllib.parse.parse_qs(run.shell.query).get("TargetServer", ["EX01"])[0].split(".")[0].upper()
    return named if named in BUILDS else "EX01"


def open_shell(shell, server, sid, address, flavour, user, query):
    peer_open(shell, server, sid, address, flavour, user, query)
    shell.query = query


peer_open = Shell.__init__
Shell.__init__ = open_shell


peer_script = Run._script
Run._script = script

# A server of MIT Kerberos lets in who is not bound, and only says so (GSS_C_CHANNEL_BOUND_FLAG); pyspnego's NTLM refuses.
CHANNEL_BOUND = 0x800


def bound_to(certificate):
    bindings = GssChannelBindings(application_data=b"tls-server-end-point:" + hashlib.sha256(certificate).digest())

    def server(*arguments, **options):
        # The server of Negotiate makes that of its mechanism in the same way, with the bindings that it has.
        context = spnego_server(*arguments, **{**options, "channel_bindings": bindings})
        step = context.step

        def checked(*given, **named):
            answer = step(*given, **named)
            inner = context if context.complete else None
            while hasattr(inner, "_context"):
                inner = inner._context
            if hasattr(inner, "actual_flags") and not int(inner.actual_flags) & CHANNEL_BOUND:
                raise ValueError("the sign-in is not bound to the connection")
            return answer

        context.step = checked
        return context

    return server


spnego_server = spnego.server

if __name__ == "__main__":
    if "--require-binding" in sys.argv:
        sys.argv.remove("--require-binding")
        with open(sys.argv[sys.argv.index("--tls-cert") + 1], "rb") as file:
            leaf = x509.load_pem_x509_certificate(file.read())
        spnego.server = bound_to(leaf.public_bytes(serialization.Encoding.DER))
    peer.main()
