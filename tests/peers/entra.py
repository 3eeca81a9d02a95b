"""Other people's clients against the lab: msal, azure-identity and msgraph-sdk, as they come from the registry.

`entra.py LAB_TOML` runs them all; `entra.py visit ADDRESS [CODE]` is the person at the browser.
"""

import asyncio
import base64
import html.parser
import os
import pathlib
import sys
import tomllib
import urllib.parse

import requests

GRAPH_CLIENT = "1950a258-227b-4e31-a9cf-717495945fc2"
EXCHANGE_CLIENT = "fb78d390-0c51-40cd-8e17-fdbfab77341b"
EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"


class Form(html.parser.HTMLParser):
    """The first form of a page; its first named button is pressed."""

    def __init__(self):
        super().__init__()
        self.form, self.fields, self.open, self.pressed = None, {}, False, False

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and self.form is None:
            self.form, self.open = attributes, True
        elif self.open and tag == "input" and "name" in attributes:
            self.fields[attributes["name"]] = attributes.get("value", "")
        elif self.open and tag == "button" and "name" in attributes and not self.pressed:
            self.fields[attributes["name"]], self.pressed = attributes.get("value", ""), True

    def handle_endtag(self, tag):
        self.open = self.open and tag != "form"


def visit(address, code=None):
    session = requests.Session()
    session.trust_env = False
    session.verify = os.environ["REQUESTS_CA_BUNDLE"]
    answer = session.get(address)
    for _ in range(10):
        page = Form()
        page.feed(answer.text)
        if page.form is None:
            return answer.text
        if "user_code" in page.fields:
            page.fields["user_code"] = code
        address = urllib.parse.urljoin(answer.url, page.form.get("action", ""))
        answer = session.post(address, data=page.fields)
    raise SystemExit("the pages do not end")


def check(title, result):
    error = result.get("error_description", result.get("error")) if isinstance(result, dict) else None
    print(f"{'failed' if error else 'ok':8}{title}{': ' + error if error else ''}", flush=True)
    if error:
        sys.exit(1)
    return result


def with_msal(lab, pem, authority, scope):
    import msal
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    own = lab["sign_in"]["client_id"]
    key, certificate = pem[: pem.index("-----BEGIN CERTIFICATE")], pem[pem.index("-----BEGIN CERTIFICATE"):]
    thumbprint = x509.load_pem_x509_certificate(certificate.encode()).fingerprint(hashes.SHA1()).hex()
    credentials = {
        "secret": lab["sign_in"]["secret"],
        "certificate, PS256": {"private_key": key, "public_certificate": certificate},
        "certificate, RS256": {"private_key": key, "thumbprint": thumbprint},
    }
    for title, credential in credentials.items():
        application = msal.ConfidentialClientApplication(
            own, client_credential=credential, authority=authority, instance_discovery=False)
        check(f"msal: {title}", application.acquire_token_for_client([scope["graph"]]))
    for client, service in [(GRAPH_CLIENT, "graph"), (EXCHANGE_CLIENT, "exchange_online"), (own, "graph")]:
        application = msal.PublicClientApplication(client, authority=authority, instance_discovery=False)
        flow = check(f"msal: device code asked for, {service}", application.initiate_device_flow([scope[service]]))
        visit(flow["verification_uri"], flow["user_code"])
        found = check(f"msal: device code, {service}", application.acquire_token_by_device_flow(flow))
        assert found["id_token_claims"]["preferred_username"].startswith("admin@"), found["id_token_claims"]
        application = msal.PublicClientApplication(client, authority=authority, instance_discovery=False)
        check(f"msal: browser, {service}", application.acquire_token_interactive([scope[service]]))
        account = application.get_accounts()[0]
        check(f"msal: refresh, {service}",
              application.acquire_token_silent_with_error([scope[service]], account, force_refresh=True))
    refused = msal.PublicClientApplication(GRAPH_CLIENT, authority=authority, instance_discovery=False)
    assert "AADSTS65002" in str(refused.initiate_device_flow([scope["exchange_online"]])), "65002"
    print("ok      msal: an application is refused for a service that it is not authorized for", flush=True)


def with_platform(lab, folder, authority):
    """The identity of the machine, and of a workload on it, by the variables that platforms set."""
    import msal
    from azure.identity import WorkloadIdentityCredential

    login, own = lab["endpoints"]["login"], lab["sign_in"]["client_id"]
    resources = [lab["endpoints"]["graph"], lab["endpoints"]["exchange_online"]]
    platforms = {
        "virtual machine": {"AZURE_POD_IDENTITY_AUTHORITY_HOST": login},
        "App Service": {"IDENTITY_ENDPOINT": f"{login}/msi/token", "IDENTITY_HEADER": lab["sign_in"]["secret"]},
    }
    for title, variables in platforms.items():
        os.environ.update(variables)
        for identity in [msal.SystemAssignedManagedIdentity(), msal.UserAssignedManagedIdentity(client_id=own)]:
            machine = msal.ManagedIdentityClient(identity, http_client=requests.Session())
            for resource in [*resources, "api://AzureADTokenExchange"]:
                found = machine.acquire_token_for_client(resource=resource)
                assert found.get("access_token"), found
        check(f"msal: managed identity, {title}", found)
        for name in variables:
            del os.environ[name]
    token = folder / "workload.token"
    token.write_text(found["access_token"])
    workload = WorkloadIdentityCredential(
        tenant_id=lab["tenant"], client_id=own, token_file_path=str(token),
        authority=f"https://{urllib.parse.urlsplit(authority).netloc}", disable_instance_discovery=True)
    for resource in resources:
        assert workload.get_token(f"{resource}/.default").token
    check("azure-identity: workload identity", {})


async def with_graph_sdk(lab, authority, scope, pem):
    import httpx
    from azure.identity.aio import CertificateCredential, ClientSecretCredential
    from kiota_authentication_azure.azure_identity_authentication_provider import (
        AzureIdentityAuthenticationProvider)
    from msgraph import GraphRequestAdapter, GraphServiceClient
    from msgraph.generated.models.key_credential import KeyCredential
    from msgraph.generated.models.service_principal import ServicePrincipal
    from msgraph.generated.service_principals.service_principals_request_builder import (
        ServicePrincipalsRequestBuilder as Builder)
    from kiota_abstractions.base_request_configuration import RequestConfiguration

    host, own, tenant = urllib.parse.urlsplit(authority).netloc, lab["sign_in"]["client_id"], lab["tenant"]
    common = dict(authority=f"https://{host}", disable_instance_discovery=True)
    async with CertificateCredential(tenant, own, certificate_data=pem.encode(), **common) as credential:
        assert (await credential.get_token(scope["graph"])).token
        check("azure-identity: certificate", {})
    async with ClientSecretCredential(tenant, own, lab["sign_in"]["secret"], **common) as credential:
        assert (await credential.get_token(scope["exchange_online"])).token
        check("azure-identity: secret", {})
        graph = lab["endpoints"]["graph"]
        provider = AzureIdentityAuthenticationProvider(
            credential, scopes=[scope["graph"]], allowed_hosts=[urllib.parse.urlsplit(graph).hostname])
        adapter = GraphRequestAdapter(provider, client=httpx.AsyncClient(trust_env=True))
        adapter.base_url = f"{graph}/v1.0"
        client = GraphServiceClient(request_adapter=adapter)
        query = Builder.ServicePrincipalsRequestBuilderGetQueryParameters(filter=f"appId eq '{EXCHANGE}'")
        found = await client.service_principals.get(RequestConfiguration(query_parameters=query))
        principal = found.value[0]
        assert len(found.value) == 1 and principal.app_id == EXCHANGE, found.value
        check("msgraph-sdk: filter", {})
        item = client.service_principals.by_service_principal_id(principal.id)
        added = "https://peer.contoso.com/"
        names = principal.service_principal_names + [added]
        await item.patch(ServicePrincipal(service_principal_names=names))
        assert added in (await item.get()).service_principal_names
        check("msgraph-sdk: service principal names", {})
        # This library takes base64 text where others take bytes.
        body = "".join(pem[pem.index("-----BEGIN CERTIFICATE"):].splitlines()[1:-1])
        base64.b64decode(body)
        credential_to_add = KeyCredential(key=body.encode(), type="AsymmetricX509Cert", usage="Verify")
        await item.patch(ServicePrincipal(key_credentials=[credential_to_add]))
        query = Builder.ServicePrincipalsRequestBuilderGetQueryParameters(select=["keyCredentials"])
        keys = (await item.get(RequestConfiguration(query_parameters=query))).key_credentials
        assert len(keys) == 1 and keys[0].key, keys
        check("msgraph-sdk: key credentials", {})


def main():
    if sys.argv[1] == "visit":
        visit(*sys.argv[2:])
        return
    path = pathlib.Path(sys.argv[1])
    lab = tomllib.loads(path.read_text())
    pem = path.with_name("lab-client.pem").read_text()
    authority = f"{lab['endpoints']['login']}/{lab['tenant']}"
    scope = {service: f"{lab['endpoints'][service]}/.default" for service in ["graph", "exchange_online"]}
    with_msal(lab, pem, authority, scope)
    with_platform(lab, path.parent, authority)
    asyncio.run(with_graph_sdk(lab, authority, scope, pem))


main()
