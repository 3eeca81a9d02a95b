"""The dedicated application made by other people's clients: msgraph-sdk and msal against the lab, as they come.

`application.py LAB_TOML` registers an application, asks for and grants its permission, uploads a certificate, signs in
with it, and removes it again.
"""

import asyncio
import base64
import datetime
import json
import pathlib
import sys
import tomllib
import urllib.parse
import uuid

EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
PERMISSION = "full_access_as_app"


def ok(title):
    print(f"ok      {title}", flush=True)


def made_certificate():
    """A private key as PEM, and its certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Microsoft Exchange Server Auth Certificate")])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - day).not_valid_after(now + 300 * day).sign(key, hashes.SHA256()))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
    return private.decode(), certificate


def signed_in(lab, app_id, private, certificate):
    """The claims of the token that Entra ID gives the application for Exchange Online."""
    import msal
    from cryptography.hazmat.primitives import hashes, serialization

    thumbprint = certificate.fingerprint(hashes.SHA1()).hex()
    public = certificate.public_bytes(serialization.Encoding.PEM).decode()
    authority = f"{lab['endpoints']['login']}/{lab['tenant']}"
    claims = []
    for credential in [
        {"private_key": private, "public_certificate": public},
        {"private_key": private, "thumbprint": thumbprint},
    ]:
        application = msal.ConfidentialClientApplication(
            app_id, client_credential=credential, authority=authority, instance_discovery=False)
        answer = application.acquire_token_for_client([f"{lab['endpoints']['exchange_online']}/.default"])
        if "access_token" not in answer:
            return answer
        body = answer["access_token"].split(".")[1]
        claims.append(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
    assert claims[0].get("roles") == claims[1].get("roles"), claims
    return claims[0]


async def dedicated(lab):
    import httpx
    from azure.identity.aio import ClientSecretCredential
    from cryptography.hazmat.primitives import serialization
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from kiota_authentication_azure.azure_identity_authentication_provider import (
        AzureIdentityAuthenticationProvider)
    from msgraph import GraphRequestAdapter, GraphServiceClient
    from msgraph.generated.applications.applications_request_builder import ApplicationsRequestBuilder
    from msgraph.generated.applications.item.application_item_request_builder import (
        ApplicationItemRequestBuilder)
    from msgraph.generated.models.app_role_assignment import AppRoleAssignment
    from msgraph.generated.models.application import Application
    from msgraph.generated.models.key_credential import KeyCredential
    from msgraph.generated.models.o_data_errors.o_data_error import ODataError
    from msgraph.generated.models.required_resource_access import RequiredResourceAccess
    from msgraph.generated.models.resource_access import ResourceAccess
    from msgraph.generated.models.service_principal import ServicePrincipal

    graph = lab["endpoints"]["graph"]
    authority = urllib.parse.urlsplit(lab["endpoints"]["login"]).netloc
    async with ClientSecretCredential(
            lab["tenant"], lab["sign_in"]["client_id"], lab["sign_in"]["secret"],
            authority=f"https://{authority}", disable_instance_discovery=True) as credential:
        provider = AzureIdentityAuthenticationProvider(
            credential, scopes=[f"{graph}/.default"], allowed_hosts=[urllib.parse.urlsplit(graph).hostname])
        adapter = GraphRequestAdapter(provider, client=httpx.AsyncClient(trust_env=True))
        adapter.base_url = f"{graph}/v1.0"
        client = GraphServiceClient(request_adapter=adapter)

        resource = await client.service_principals_with_app_id(EXCHANGE).get()
        role = next(role for role in resource.app_roles if role.value == PERMISSION)
        ok("msgraph-sdk: the roles of Exchange Online")

        title = "ExchangeServerApp-peer"
        made = await client.applications.post(Application(display_name=title, sign_in_audience="AzureADMyOrg"))
        assert made.id and made.app_id, made
        query = ApplicationsRequestBuilder.ApplicationsRequestBuilderGetQueryParameters(
            filter=f"displayName eq '{title}'")
        found = await client.applications.get(RequestConfiguration(query_parameters=query))
        assert [one.app_id for one in found.value] == [made.app_id], found.value
        item = client.applications.by_application_id(made.id)
        access = RequiredResourceAccess(
            resource_app_id=EXCHANGE, resource_access=[ResourceAccess(id=role.id, type="Role")])
        await item.patch(Application(required_resource_access=[access]))
        read = await item.get()
        assert read.required_resource_access[0].resource_access[0].id == role.id, read.required_resource_access
        ok("msgraph-sdk: an application that asks for its permission")

        try:
            await client.service_principals.post(ServicePrincipal(app_id=str(uuid.uuid4())))
            raise SystemExit("a service principal without an application was made")
        except ODataError as error:
            assert error.error.details[0].code == "NoBackingApplicationObject", error
        principal = await client.service_principals.post(ServicePrincipal(app_id=made.app_id))
        of_principal = client.service_principals.by_service_principal_id(principal.id)
        tags = ["WindowsAzureActiveDirectoryIntegratedApp", "HideApp"]
        await of_principal.patch(ServicePrincipal(tags=tags))
        assert (await of_principal.get()).tags == tags
        ok("msgraph-sdk: its service principal and tags")

        private, certificate = made_certificate()
        refused = signed_in(lab, made.app_id, private, certificate)
        assert 700027 in refused["error_codes"], refused
        der = certificate.public_bytes(serialization.Encoding.DER)
        # This library takes base64 text where others take bytes.
        key = KeyCredential(
            key=base64.b64encode(der), type="AsymmetricX509Cert", usage="Verify", display_name="current",
            key_id=uuid.uuid4())
        await item.patch(Application(key_credentials=[key]))
        query = ApplicationItemRequestBuilder.ApplicationItemRequestBuilderGetQueryParameters(
            select=["keyCredentials"])
        keys = (await item.get(RequestConfiguration(query_parameters=query))).key_credentials
        assert [(one.key_id, one.display_name) for one in keys] == [(key.key_id, "current")], keys
        ok("msgraph-sdk: its certificate")

        claims = signed_in(lab, made.app_id, private, certificate)
        assert claims["appid"] == made.app_id and "roles" not in claims, claims
        ok("msal: without consent the token has no role")
        grant = AppRoleAssignment(
            principal_id=uuid.UUID(principal.id), resource_id=uuid.UUID(resource.id), app_role_id=role.id)
        granted = await of_principal.app_role_assignments.post(grant)
        assert granted.resource_display_name == "Office 365 Exchange Online", granted
        listed = (await of_principal.app_role_assignments.get()).value
        assert [one.id for one in listed] == [granted.id], listed
        claims = signed_in(lab, made.app_id, private, certificate)
        assert claims["roles"] == [PERMISSION], claims
        ok("msal: with consent it has the permission")

        policy = await client.policies.default_app_management_policy.get()
        assert policy.is_enabled is False, policy
        ok("msgraph-sdk: the policy about applications")

        await of_principal.app_role_assignments.by_app_role_assignment_id(granted.id).delete()
        assert not (await of_principal.app_role_assignments.get()).value
        await item.delete()
        try:
            await item.get()
            raise SystemExit("a removed application is still there")
        except ODataError as error:
            assert error.response_status_code == 404, error
        ok("msgraph-sdk: all of it removed")


asyncio.run(dedicated(tomllib.loads(pathlib.Path(sys.argv[1]).read_text())))
