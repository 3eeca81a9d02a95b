//! Authorization servers: the token issuers that an Exchange organization trusts.

use super::options::{self, Entry};
use super::{Exchange, Target, Thrown, convert, throw};
use crate::exchange::Cmdlet;
use crate::failure::Failure;
use crate::subject::{Effect, Plane};
use crate::value::Value;
use rhai::plugin::*;
use rhai::{Array, Map};
use serde::{Deserialize, Serialize};

const LOCAL: &[Plane] = &[Plane::OnPremises];
const BOTH: &[Plane] = &[Plane::OnPremises, Plane::ExchangeOnline];

/// What kind of issuer an authorization server is, in the words of `-Type`.
#[derive(Serialize, Deserialize)]
enum AuthServerType {
    #[serde(rename = "ADFS")]
    Adfs,
    #[serde(rename = "AzureAD")]
    AzureAd,
    Facebook,
    LinkedIn,
    #[serde(rename = "MicrosoftACS")]
    MicrosoftAcs,
}

/// Parameters of `Get-AuthServer`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetAuthServer {}

impl Cmdlet for GetAuthServer {
    const NAME: &'static str = "Get-AuthServer";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = BOTH;
}

/// Parameters of `New-AuthServer`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct NewAuthServer {
    auth_metadata_url: Option<String>,
    r#type: Option<AuthServerType>,
    application_identifier: Option<String>,
    domain_name: Option<Vec<String>>,
    enabled: Option<bool>,
    graph_base_url: Option<String>,
    #[serde(rename(serialize = "TrustAnySSLCertificate"))]
    trust_any_ssl_certificate: Option<bool>,
}

impl Cmdlet for NewAuthServer {
    const NAME: &'static str = "New-AuthServer";
    const EFFECT: Effect = Effect::Create;
    const PLANES: &'static [Plane] = LOCAL;
    const CONTROLS: &'static [&'static str] = &["TrustAnySSLCertificate"];
    const LEARNED: &'static [&'static str] = &[
        "Guid",
        "Realm",
        "IssuerIdentifier",
        "TokenIssuingEndpoint",
        "AuthorizationEndpoint",
    ];
}

/// Parameters of `Set-AuthServer`.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct SetAuthServer {
    auth_metadata_url: Option<String>,
    enabled: Option<bool>,
    is_default_authorization_endpoint: Option<bool>,
    refresh_auth_metadata: Option<bool>,
    application_identifier: Option<String>,
    domain_name: Option<Vec<String>>,
    graph_base_url: Option<String>,
    #[serde(rename(serialize = "TrustAnySSLCertificate"))]
    trust_any_ssl_certificate: Option<bool>,
}

/// The parameter sets of `Set-AuthServer`, as its reference page has them; the other parameters are in all of them.
const SET_AUTH_SERVER: &[&[&str]] = &[
    &["AuthMetadataUrl", "GraphBaseUrl", "TrustAnySSLCertificate"],
    &[
        "AuthMetadataUrl",
        "IsDefaultAuthorizationEndpoint",
        "TrustAnySSLCertificate",
    ],
    &["RefreshAuthMetadata"],
    &["ApplicationIdentifier"],
];

impl Cmdlet for SetAuthServer {
    const NAME: &'static str = "Set-AuthServer";
    const EFFECT: Effect = Effect::Update;
    const PLANES: &'static [Plane] = LOCAL;
    const CONTROLS: &'static [&'static str] = &["TrustAnySSLCertificate", "RefreshAuthMetadata"];
}

/// Parameters of `Remove-AuthServer`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoveAuthServer {}

impl Cmdlet for RemoveAuthServer {
    const NAME: &'static str = "Remove-AuthServer";
    const EFFECT: Effect = Effect::Delete;
    const PLANES: &'static [Plane] = LOCAL;
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::bare::<GetAuthServer>("get_auth_server"),
    Entry::of::<NewAuthServer>("new_auth_server"),
    Entry::of::<SetAuthServer>("set_auth_server"),
    Entry::bare::<SetAuthServer>("add_auth_server_domains"),
    Entry::bare::<RemoveAuthServer>("remove_auth_server"),
];

#[export_module]
pub(super) mod functions {
    /// Gives all authorization servers, or the one that is named; `not_found` where there is none of that name.
    ///
    /// ```rhai
    /// for server in onprem.get_auth_server() {
    ///     say(`${server.name} issues tokens for ${server.realm}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_auth_server(call: NativeCallContext, organization: &mut Exchange) -> Thrown<Array> {
        organization.list(&call, Target::All, &GetAuthServer {})
    }

    #[rhai_fn(global, name = "get_auth_server", pure, return_raw, volatile)]
    pub fn get_one(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<Map> {
        organization.one(&call, Target::Identity(identity), &GetAuthServer {})
    }

    /// Creates an authorization server.
    ///
    /// Exchange reads realm, issuer and keys from the metadata address. An Access Control Service is made without
    /// `type`. Fails if one of that name exists; `stdlib/auth_servers` looks first.
    ///
    /// * `auth_metadata_url`: the address of the metadata from which Exchange reads realm, issuer and keys.
    /// * `type`: what kind of issuer it is: `"AzureAD"` for Entra ID; left out for an Access Control Service.
    /// * `application_identifier`: the application that Exchange asks for tokens as, such as the dedicated hybrid
    ///   application.
    /// * `domain_name`: the domains for which this server is asked; needed where there is more than one tenant.
    /// * `enabled`: whether its tokens are accepted and asked for.
    /// * `graph_base_url`: the address of Microsoft Graph, where Exchange asks there instead of by EWS.
    /// * `trust_any_ssl_certificate`: reads the metadata without checking the certificate of its server: not for
    ///   production.
    ///
    /// ```rhai
    /// onprem.new_auth_server("Example", #{
    ///     auth_metadata_url: cloud.sts_metadata(cloud.tenant),
    ///     type: "AzureAD",
    /// });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn new_auth_server(
        call: NativeCallContext,
        organization: &mut Exchange,
        name: &str,
        options: Map,
    ) -> Thrown<Map> {
        let server = options::read::<NewAuthServer>(&call, options)?;
        organization.one(&call, Target::Name(name), &server)
    }

    /// Changes properties of an authorization server; those that are left out stay.
    ///
    /// Exchange takes `application_identifier`, `graph_base_url`, `is_default_authorization_endpoint` and
    /// `refresh_auth_metadata` in a call each, since they are in different parameter sets of `Set-AuthServer`; together
    /// they are refused here. `domain_name` is the whole new list: `add_auth_server_domains` keeps what is there.
    ///
    /// * `auth_metadata_url`: another address to read realm, issuer and keys from.
    /// * `enabled`: whether its tokens are accepted and asked for.
    /// * `is_default_authorization_endpoint`: whether clients are sent there to sign in, as hybrid modern
    ///   authentication wants.
    /// * `refresh_auth_metadata`: reads issuer and keys again from the address that is set.
    /// * `application_identifier`: the application that Exchange asks for tokens as, such as the dedicated hybrid
    ///   application.
    /// * `domain_name`: the whole new list of the domains for which it is asked.
    /// * `graph_base_url`: the address of Microsoft Graph, where Exchange asks there instead of by EWS.
    /// * `trust_any_ssl_certificate`: reads the metadata without checking the certificate of its server: not for
    ///   production.
    ///
    /// ```rhai
    /// onprem.new_auth_server("Example", #{ auth_metadata_url: cloud.sts_metadata(cloud.tenant), type: "AzureAD" });
    /// onprem.set_auth_server("Example", #{ enabled: false });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn set_auth_server(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
        options: Map,
    ) -> Thrown<()> {
        let changes = options::read::<SetAuthServer>(&call, options)?;
        options::in_one_set(&call, &changes, SET_AUTH_SERVER)?;
        organization.run(&call, Target::Identity(identity), &changes)
    }

    /// Adds domains to those for which an authorization server is asked; those that are there stay.
    ///
    /// A domain that is there, in whatever case, is not added again.
    ///
    /// ```rhai
    /// onprem.new_auth_server("Example", #{ auth_metadata_url: cloud.sts_metadata(cloud.tenant), type: "AzureAD" });
    /// onprem.add_auth_server_domains("Example", ["contoso.com"]);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn add_auth_server_domains(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
        domains: Array,
    ) -> Thrown<()> {
        let wanted = domains_of(&domains).map_err(throw)?;
        let target = Target::Identity(identity);
        let server = organization.object(&call, target, &GetAuthServer {})?;
        let held = server.get("DomainName").map(members).unwrap_or_default();
        let mut all = held.clone();
        all.extend(wanted.into_iter().filter(|wanted| {
            let is_it = |held: &String| held.eq_ignore_ascii_case(wanted);
            !held.iter().any(is_it)
        }));
        let changes = SetAuthServer {
            domain_name: Some(all),
            ..SetAuthServer::default()
        };
        organization.run(&call, target, &changes)
    }

    /// Removes an authorization server: tokens of its issuer are no longer accepted.
    ///
    /// ```rhai
    /// onprem.new_auth_server("Example", #{ auth_metadata_url: cloud.sts_metadata(cloud.tenant), type: "AzureAD" });
    /// onprem.remove_auth_server("Example");
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn remove_auth_server(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<()> {
        organization.run(&call, Target::Identity(identity), &RemoveAuthServer {})
    }
}

/// The texts of a list that may hold one alone.
fn members(value: &Value) -> Vec<String> {
    match value {
        Value::List(list) => list.iter().flat_map(members).collect(),
        Value::Text(text) if !text.is_empty() => vec![text.clone()],
        _ => Vec::new(),
    }
}

/// Domains, each once, without regard to case.
fn domains_of(domains: &[Dynamic]) -> Result<Vec<String>, Failure> {
    let mut all: Vec<String> = Vec::new();
    for domain in domains {
        let name = domain.as_immutable_string_ref().map_err(|_| {
            let found = convert::type_word(domain);
            Failure::input(format!("a domain is a text, not {found}"))
        })?;
        let name = name.as_str();
        if name.is_empty() || !name.contains('.') || name.contains(['/', '@', ' ', ':']) {
            return Err(Failure::input(format!("\"{name}\" is not a domain"))
                .with_hint("write it like contoso.com"));
        }
        if !all.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            all.push(name.to_string());
        }
    }
    Ok(all)
}
