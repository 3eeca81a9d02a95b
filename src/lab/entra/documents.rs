//! What the sign-in service publishes to everybody: discovery, keys, and the metadata documents of the Access Control
//! Service and of the security token service.

use super::{Refusal, tenant_id};
use crate::cloud::CloudName;
use crate::lab::front::{Reply, Request};
use crate::lab::seed;
use crate::lab::world::{World, guid_of};
use serde_json::json;

/// The hosts of this cloud that mean the same, for clients that ask whether a sign-in host is one.
pub(super) fn instances(request: &Request) -> Reply {
    let endpoint = request
        .parameter("authorization_endpoint")
        .unwrap_or_default();
    let tenant = endpoint
        .strip_prefix("https://")
        .and_then(|rest| rest.split('/').nth(1))
        .unwrap_or("common")
        .to_owned();
    let host = &request.authority;
    Reply::json(
        200,
        &json!({
            "tenant_discovery_endpoint": format!("{}/{tenant}/v2.0/.well-known/openid-configuration", request.base()),
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }),
    )
}

/// The configuration of a tenant (OpenID Connect Discovery 1.0).
pub(super) fn configuration(
    world: &World,
    request: &Request,
    tenant: &str,
    version: &str,
) -> Result<Reply, Refusal> {
    let id = match tenant {
        "common" | "organizations" => "{tenantid}",
        _ => tenant_id(world, tenant)?,
    };
    let place = if id == "{tenantid}" { tenant } else { id };
    let base = request.base();
    let names = world.names();
    let mut body = json!({
        "token_endpoint": format!("{base}/{place}/oauth2{version}/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": format!("{base}/{place}/discovery{version}/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": format!("{base}/{id}{version}"),
        "authorization_endpoint": format!("{base}/{place}/oauth2{version}/authorize"),
        "device_authorization_endpoint": format!("{base}/{place}/oauth2{version}/devicecode"),
        "tenant_region_scope": region(names.cloud).0,
        "cloud_instance_name": names.login_host.trim_start_matches("login."),
        "msgraph_host": names.graph_host,
    });
    if let Some(part) = region(names.cloud).1 {
        body["tenant_region_sub_scope"] = part.into();
    }
    Ok(Reply::json(200, &body))
}

/// The region of a tenant of this cloud, and the part of it where there is one.
fn region(cloud: CloudName) -> (&'static str, Option<&'static str>) {
    match cloud {
        CloudName::Worldwide | CloudName::Bleu | CloudName::Delos => ("EU", None),
        CloudName::GccHigh => ("USGov", Some("DODCON")),
        CloudName::Dod => ("USGov", Some("DOD")),
        CloudName::China => ("AS", None),
    }
}

/// The keys that tokens are signed with (RFC 7517).
pub(super) fn keys(world: &World) -> Reply {
    let certificate = &world.signers().token_service.certificate;
    let (modulus, exponent) = certificate.rsa_components().unwrap_or_default();
    Reply::json(
        200,
        &json!({"keys": [{
            "kty": "RSA",
            "use": "sig",
            "kid": certificate.x5t(),
            "x5t": certificate.x5t(),
            "n": modulus,
            "e": exponent,
            "x5c": [certificate.base64()],
        }]}),
    )
}

/// The realm metadata of the Access Control Service.
pub(super) fn acs_metadata(world: &World, request: &Request, tenant: &str) -> Reply {
    let names = world.names();
    let (base, service) = (request.base(), &names.token_service);
    let certificate = &world.signers().token_service.certificate;
    let audience = |realm: &str| format!("{service}/{}@{realm}", names.acs_host);
    let endpoint = |path: &str, protocol: &str, usage: &str| json!({"location": format!("{base}/{tenant}/{path}"), "protocol": protocol, "usage": usage});
    let audiences: Vec<String> = if tenant == seed::TENANT {
        [&names.initial_domain, &names.routing_domain]
            .into_iter()
            .chain(&names.domains)
            .map(|domain| audience(domain))
            .chain([audience(tenant)])
            .collect()
    } else {
        vec![audience("fabrikam.com"), audience(tenant)]
    };
    Reply::json(
        200,
        &json!({
            "version": "1.0",
            "name": "sts",
            "realm": tenant,
            "issuer": format!("{service}@{tenant}"),
            "allowedAudiences": audiences,
            "endpoints": [
                endpoint("tokens/OAuth/2", "OAuth2", "issuance"),
                endpoint("tokens/delegation/1", "DelegationIssuance1.0", "issuance"),
                endpoint("mgmt/delegation/1", "DelegationManagement1.0", "management"),
            ],
            "keys": [{
                "usage": "signing",
                "keyValue": {
                    "type": "x509Certificate",
                    "value": certificate.base64(),
                    "keyInfo": {"x5t": certificate.x5t()},
                },
            }],
        }),
    )
}

/// The federation metadata document of the security token service.
pub(super) fn federation_metadata(world: &World, tenant: &str) -> Reply {
    let names = world.names();
    let certificate = world.signers().token_service.certificate.base64();
    let (issuer, host) = (names.sts_issuer(tenant), &names.login_host);
    let key = format!(
        "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
    );
    let endpoint = |name: &str| {
        format!(
            "<fed:{name}><wsa:EndpointReference xmlns:wsa=\"http://www.w3.org/2005/08/addressing\"><wsa:Address>https://{host}/{tenant}/wsfed</wsa:Address></wsa:EndpointReference></fed:{name}>"
        )
    };
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><EntityDescriptor ID=\"_{id}\" entityID=\"{issuer}\" xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\">\
         <RoleDescriptor xsi:type=\"fed:SecurityTokenServiceType\" protocolSupportEnumeration=\"http://docs.oasis-open.org/wsfed/federation/200706\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:fed=\"http://docs.oasis-open.org/wsfed/federation/200706\">{key}{service}{passive}</RoleDescriptor>\
         <IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">{key}\
         <SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"https://{host}/{tenant}/saml2\" />\
         <SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"https://{host}/{tenant}/saml2\" />\
         </IDPSSODescriptor></EntityDescriptor>",
        id = guid_of(&format!("federation metadata {tenant}")),
        service = endpoint("SecurityTokenServiceEndpoint"),
        passive = endpoint("PassiveRequestorEndpoint"),
    );
    Reply::with(200, "application/samlmetadata+xml; charset=utf-8", xml)
}
