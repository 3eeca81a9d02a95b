//! The authorization configuration as it is changed: which certificate is next, when it takes over, and new ones.
//!
//! The phases follow `Set-AuthConfig` and `New-ExchangeCertificate` of the reference of Exchange PowerShell: a
//! certificate is made on a server, staged as the next one, published, and the one before it is cleared. Exchange
//! carries a staged certificate to the other servers by itself; its private key never leaves them.

use super::options::{self, Entry};
use super::{Exchange, Target, Thrown, auth_certificate, convert, throw};
use crate::certificate::Certificate;
use crate::exchange::{Cmdlet, Invocation};
use crate::failure::{Failure, FailureKind};
use crate::session::{Request, unknown_of};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use rhai::Map;
use rhai::plugin::*;
use serde::{Deserialize, Serialize};

const LOCAL: &[Plane] = &[Plane::OnPremises];
const CURRENT: &str = "CurrentCertificateThumbprint";
const PREVIOUS: &str = "PreviousCertificateThumbprint";
const NEXT: &str = "NextCertificateThumbprint";
const NEXT_DATE: &str = "NextCertificateEffectiveDate";

/// Parameters of `Get-AuthConfig`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetAuthConfig {}

impl Cmdlet for GetAuthConfig {
    const NAME: &'static str = "Get-AuthConfig";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = LOCAL;
}

/// Parameters of `Set-AuthConfig` that set something.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct SetAuthConfig {
    certificate_thumbprint: Option<String>,
    new_certificate_thumbprint: Option<String>,
    new_certificate_effective_date: Option<String>,
    skip_immediate_certificate_deployment: Option<bool>,
    force: Option<bool>,
}

/// The parameter sets of `Set-AuthConfig`; `Force` is in all of them.
const SET_AUTH_CONFIG: &[&[&str]] = &[
    &[
        "CertificateThumbprint",
        "SkipImmediateCertificateDeployment",
    ],
    &[
        "NewCertificateThumbprint",
        "NewCertificateEffectiveDate",
        "SkipImmediateCertificateDeployment",
    ],
];

impl Cmdlet for SetAuthConfig {
    const NAME: &'static str = "Set-AuthConfig";
    const EFFECT: Effect = Effect::Update;
    const PLANES: &'static [Plane] = LOCAL;
    const RENAMED: &'static [(&'static str, &'static str)] = &[
        ("CertificateThumbprint", CURRENT),
        ("NewCertificateThumbprint", NEXT),
        ("NewCertificateEffectiveDate", NEXT_DATE),
    ];
    const CONTROLS: &'static [&'static str] = &["SkipImmediateCertificateDeployment", "Force"];
}

/// Parameters of `Set-AuthConfig` that go on to the next phase.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct GoOn {
    publish_certificate: Option<bool>,
    clear_previous_certificate: Option<bool>,
}

impl Cmdlet for GoOn {
    const NAME: &'static str = "Set-AuthConfig";
    const EFFECT: Effect = Effect::Update;
    const PLANES: &'static [Plane] = LOCAL;
    const CONTROLS: &'static [&'static str] = &["PublishCertificate", "ClearPreviousCertificate"];
}

/// Parameters of `New-ExchangeCertificate`, as far as they make a certificate and no request for one.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct NewCertificate {
    subject_name: String,
    friendly_name: Option<String>,
    services: Option<String>,
    key_size: Option<i64>,
    private_key_exportable: Option<bool>,
    domain_name: Option<Vec<String>>,
    server: Option<String>,
    force: Option<bool>,
}

impl Cmdlet for NewCertificate {
    const NAME: &'static str = "New-ExchangeCertificate";
    const EFFECT: Effect = Effect::Create;
    const PLANES: &'static [Plane] = LOCAL;
    // None of them comes back as a property of that name where a server signs what it serializes.
    const CONTROLS: &'static [&'static str] = &[
        "SubjectName",
        "FriendlyName",
        "Services",
        "KeySize",
        "PrivateKeyExportable",
        "DomainName",
        "Server",
        "Force",
    ];
    const LEARNED: &'static [&'static str] = &["Thumbprint", "RawData"];
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::of::<SetAuthConfig>("set_auth_config"),
    Entry::bare::<GoOn>("publish_auth_certificate"),
    Entry::bare::<GoOn>("clear_previous_auth_certificate"),
    Entry::of::<NewCertificate>("new_exchange_certificate"),
];

#[export_module]
pub(super) mod functions {
    /// Changes which certificate Exchange signs its tokens with, now or next.
    ///
    /// A certificate that takes over within 48 hours may not have reached every server: Exchange asks then, and is
    /// answered by `force` only. `certificate_thumbprint` and the options of the next one are refused together.
    ///
    /// * `new_certificate_thumbprint`: the certificate that comes next.
    /// * `new_certificate_effective_date`: when it takes over, such as `hours_from_now(72)`.
    /// * `certificate_thumbprint`: the certificate that signs from now on, without any phase before.
    /// * `skip_immediate_certificate_deployment`: does not carry it to the other servers at once; not for production.
    /// * `force`: does it without the question.
    ///
    /// ```rhai
    /// let next = onprem.get_auth_config().next_certificate_thumbprint;
    /// onprem.set_auth_config(#{
    ///     new_certificate_thumbprint: next,
    ///     new_certificate_effective_date: hours_from_now(72),
    /// });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn set_auth_config(
        call: NativeCallContext,
        organization: &mut Exchange,
        options: Map,
    ) -> Thrown<()> {
        let changes = options::read::<SetAuthConfig>(&call, options)?;
        options::in_one_set(&call, &changes, SET_AUTH_CONFIG)?;
        organization.run(&call, Target::All, &changes)
    }

    /// Lets the next certificate take over now; the current one becomes the previous one.
    ///
    /// `not_found` where none is staged. Exchange carries it to all servers. Every place that checks tokens needs it
    /// before: the application or service principal in the directory, first of all.
    ///
    /// ```rhai
    /// onprem.publish_auth_certificate();
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn publish_auth_certificate(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<()> {
        let config = organization.object(&call, Target::All, &GetAuthConfig {})?;
        let next = named(&config, NEXT).ok_or_else(|| {
            throw(
                Failure::new(
                    FailureKind::NotFound,
                    "Exchange has no next authorization certificate to publish",
                )
                .about(Subject::all(Plane::OnPremises, "AuthConfig"))
                .with_hint("set_auth_config names one, with new_certificate_thumbprint"),
            )
        })?;
        let current = named(&config, CURRENT).unwrap_or_else(|| "".into());
        let phase = GoOn {
            publish_certificate: Some(true),
            ..GoOn::default()
        };
        let becomes = [
            (CURRENT, next),
            (PREVIOUS, current),
            (NEXT, "".into()),
            (NEXT_DATE, Value::Null),
        ];
        go_on(&call, organization, &phase, becomes)
    }

    /// Forgets the certificate that signed before the current one; tokens that it signed are no longer accepted.
    ///
    /// This cannot be taken back: no parameter names a previous certificate.
    ///
    /// ```rhai
    /// onprem.publish_auth_certificate();
    /// onprem.clear_previous_auth_certificate();
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn clear_previous_auth_certificate(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<()> {
        let phase = GoOn {
            clear_previous_certificate: Some(true),
            ..GoOn::default()
        };
        go_on(&call, organization, &phase, [(PREVIOUS, "".into())])
    }

    /// Makes a self-signed certificate on a server, and gives its `thumbprint`, which is unknown while planning.
    ///
    /// Its private key is made there and stays there. A certificate for signing tokens has the subject
    /// `CN=Microsoft Exchange Server Auth Certificate`.
    ///
    /// * `subject_name`: the subject, such as `"CN=Microsoft Exchange Server Auth Certificate"`.
    /// * `friendly_name`: what administrators see it called.
    /// * `services`: what it is for, such as `"SMTP"`, with commas between several; the one for SMTP that is there stays.
    /// * `key_size`: the size of its key: 2048 or 4096.
    /// * `private_key_exportable`: whether its key may be taken to other servers, which Exchange has to.
    /// * `domain_name`: names that it is for besides the subject; `[]` for none.
    /// * `server`: the server that makes it; the one that answers when it is left out.
    /// * `force`: does it without the question whether to take the place of another one for SMTP.
    ///
    /// ```rhai
    /// let made = onprem.new_exchange_certificate(#{
    ///     subject_name: "CN=Microsoft Exchange Server Auth Certificate",
    ///     private_key_exportable: true,
    ///     services: "SMTP",
    ///     force: true,
    /// });
    /// say(made.thumbprint);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn new_exchange_certificate(
        call: NativeCallContext,
        organization: &mut Exchange,
        options: Map,
    ) -> Thrown<Map> {
        let new = options::read::<NewCertificate>(&call, options)?;
        make(&call, organization, &new)
    }
}

/// A thumbprint of the configuration, where one is set.
fn named(config: &Object, property: &str) -> Option<Value> {
    let value = config.get(property)?;
    let empty = match value {
        Value::Null => true,
        Value::Text(text) => text.trim().is_empty(),
        _ => false,
    };
    (!empty).then(|| value.clone())
}

/// Goes on to a phase, of which it is known what becomes of the configuration.
fn go_on<const N: usize>(
    call: &NativeCallContext,
    organization: &Exchange,
    phase: &GoOn,
    becomes: [(&str, Value); N],
) -> Thrown<()> {
    let operation = organization.operation(call, Target::All, phase);
    let mut operation = operation.map_err(throw)?;
    let becomes = becomes.map(|(name, value)| (name.to_owned(), value));
    operation.asked = Object::from_iter(becomes);
    organization.send(&operation).map(drop)
}

fn make(call: &NativeCallContext, organization: &Exchange, new: &NewCertificate) -> Thrown<Map> {
    let target = Target::All;
    let mut operation = organization.operation(call, target, new).map_err(throw)?;
    // Several may have one subject, so it is read by the thumbprint that the answer gives.
    operation.subject = Subject::one(
        Plane::OnPremises,
        "ExchangeCertificate",
        new.subject_name.as_str(),
    );
    let thumbprint = Value::Unknown(unknown_of("Thumbprint", &operation.subject));
    let mut observe = Invocation::new("Get-ExchangeCertificate").with("Thumbprint", thumbprint);
    if let Some(server) = &new.server {
        observe = observe.with("Server", server.as_str());
    }
    operation.observe = Some(Request::Cmdlet(observe));
    let subject = operation.subject.clone();
    let answer = organization.send(&operation)?;
    let mut made = super::only(answer, "New-ExchangeCertificate", subject).map_err(throw)?;
    if made.get("thumbprint").is_none_or(Dynamic::is_unit)
        && let Some(data) = made.get("raw_data")
    {
        let certificate: Certificate = auth_certificate::given(data).map_err(throw)?;
        let thumbprint = convert::to_dynamic(&certificate.thumbprint().into());
        made.insert("thumbprint".into(), thumbprint);
    }
    Ok(made)
}
