//! Key credentials, which a PATCH replaces as a whole, on applications and on service principals.

use super::{Directory, Refusal, detailed, refusal, wrong_type};
use crate::lab::token::Certificate;
use crate::lab::world::{guid_of, whole_seconds};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use jiff::SignedDuration;
use serde_json::{Map, Value as Json, json};

/// A key credential, as the service keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCredential {
    /// The id.
    pub id: String,
    /// The name for people; a service principal's key has that of the certificate's subject.
    pub display_name: Option<String>,
    /// The certificate.
    pub certificate: Certificate,
}

impl KeyCredential {
    /// A credential of a certificate, without a name of its own.
    pub fn of(certificate: &Certificate) -> Self {
        Self {
            id: guid_of(&format!("key credential {}", certificate.thumbprint)),
            display_name: None,
            certificate: certificate.clone(),
        }
    }

    fn json(&self, with_key: bool) -> Json {
        let name = self.display_name.as_ref();
        json!({
            "customKeyIdentifier": self.certificate.thumbprint,
            "displayName": name.unwrap_or(&self.certificate.subject),
            "endDateTime": whole_seconds(self.certificate.not_after),
            "key": with_key.then(|| self.certificate.base64()),
            "keyId": self.id,
            "startDateTime": whole_seconds(self.certificate.not_before),
            "type": "AsymmetricX509Cert",
            "usage": "Verify",
        })
    }
}

/// Keys as Graph lists them, with their certificates or without.
pub(super) fn listed(keys: &[KeyCredential], with_key: bool) -> Json {
    keys.iter().map(|key| key.json(with_key)).collect()
}

/// Whose keys they are: an application's entries may be sent back whole, a service principal's may not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Application,
    ServicePrincipal,
}

/// The whole new collection of keys, from what a request gives.
pub(super) fn replaced(
    directory: &Directory,
    holder: Holder,
    present: &[KeyCredential],
    given: &Json,
) -> Result<Vec<KeyCredential>, Refusal> {
    let given = given
        .as_array()
        .ok_or_else(|| wrong_type("keyCredentials"))?;
    let keys: Result<Vec<KeyCredential>, Refusal> = given
        .iter()
        .map(|entry| key(holder, present, entry))
        .collect();
    let keys = keys?;
    for key in &keys {
        let known = |other: &KeyCredential| other.certificate == key.certificate;
        if !present.iter().any(known) {
            check_lifetime(directory, &key.certificate)?;
        }
    }
    Ok(keys)
}

fn key(holder: Holder, present: &[KeyCredential], entry: &Json) -> Result<KeyCredential, Refusal> {
    let entry = entry
        .as_object()
        .ok_or_else(|| wrong_type("keyCredentials"))?;
    let text = |name: &str| entry.get(name).and_then(Json::as_str).unwrap_or_default();
    let id = text("keyId");
    let same = present.iter().find(|key| key.id.eq_ignore_ascii_case(id));
    let not_updatable = || {
        refusal(
            400,
            "KeyNotUpdatable",
            format!("Update to existing credential with KeyId '{id}' is not allowed."),
        )
    };
    if same.is_some() && holder == Holder::ServicePrincipal {
        return Err(not_updatable());
    }
    let Some(given) = entry
        .get("key")
        .and_then(Json::as_str)
        .filter(|key| !key.is_empty())
    else {
        return Err(refusal(
            400,
            "KeyCredentialsInvalidValue",
            "KeyValue cannot be null or empty. Key credential value is invalid.",
        ));
    };
    let (kind, usage) = (text("type"), text("usage"));
    if kind != "AsymmetricX509Cert" {
        return Err(refusal(
            400,
            "KeyCredentialsInvalidType",
            format!("Key credential type '{kind}' is invalid."),
        ));
    }
    if usage != "Verify" {
        return Err(refusal(
            400,
            "KeyCredentialsInvalidUsage",
            format!("Key credential usage '{usage}' is invalid for the type 'AsymmetricX509Cert'."),
        ));
    }
    let bytes = decoded(given).ok_or_else(|| {
        let start: String = given.chars().take(60).collect();
        refusal(
            400,
            "Request_BadRequest",
            format!("Cannot convert the literal '{start}' to the expected type 'Edm.Binary'."),
        )
    })?;
    let certificate = certificate(&bytes).ok_or_else(|| {
        refusal(
            400,
            "KeyCredentialsInvalidValue",
            "Key credential value is not a valid X509 certificate.",
        )
    })?;
    if let Some(same) = same {
        return (same.certificate == certificate)
            .then(|| same.clone())
            .ok_or_else(not_updatable);
    }
    check_dates(entry, &certificate)?;
    let mut made = KeyCredential::of(&certificate);
    if holder == Holder::Application {
        let name = text("displayName");
        made.display_name = (!name.is_empty()).then(|| name.to_owned());
        if uuid::Uuid::try_parse(id).is_ok() {
            made.id = id.to_lowercase();
        }
    }
    Ok(made)
}

/// The dates are the certificate's own; a request may repeat them, but not say something else.
fn check_dates(entry: &Map<String, Json>, certificate: &Certificate) -> Result<(), Refusal> {
    let moment = |name: &str| {
        entry
            .get(name)
            .and_then(Json::as_str)
            .map(str::parse::<jiff::Timestamp>)
    };
    match moment("endDateTime") {
        Some(Err(_)) => return Err(wrong_type("keyCredentials")),
        Some(Ok(end)) if end > certificate.not_after => {
            return Err(refusal(
                400,
                "KeyCredentialsInvalidEndDate",
                "Key credential end date is invalid.",
            ));
        }
        _ => {}
    }
    match moment("startDateTime") {
        Some(Err(_)) => Err(wrong_type("keyCredentials")),
        Some(Ok(start)) if start < certificate.not_before => Err(refusal(
            400,
            "KeyCredentialsInvalidStartDate",
            "Key credential start date is invalid.",
        )),
        _ => Ok(()),
    }
}

/// The id of the tenant's default policy about applications.
const POLICY: &str = "00000000-0000-0000-0000-000000000000";

/// A new certificate may not be valid for longer than the tenant's policy says.
fn check_lifetime(directory: &Directory, certificate: &Certificate) -> Result<(), Refusal> {
    let Some(days) = directory.certificate_days else {
        return Ok(());
    };
    let life = certificate.not_after.duration_since(certificate.not_before);
    if life <= SignedDuration::from_hours(24 * days) {
        return Ok(());
    }
    let message = format!(
        "Credential lifetime exceeds the max value allowed as per assigned policy '{POLICY}'."
    );
    Err(detailed(
        refusal(400, "CredentialInvalidLifetimeAsPerAppPolicy", message),
        "InvalidKeyEndDate",
        "EndDate",
    ))
}

/// The tenant's default policy about applications.
pub(super) fn policy(directory: &Directory) -> Json {
    let restriction = |days: i64| {
        json!({
            "restrictionType": "asymmetricKeyLifetime",
            "maxLifetime": format!("P{days}D"),
            "restrictForAppsCreatedAfterDateTime": "2019-10-19T10:37:00Z",
            "state": "enabled",
            "certificateBasedApplicationConfigurationIds": [],
        })
    };
    let keys: Vec<Json> = directory
        .certificate_days
        .iter()
        .map(|days| restriction(*days))
        .collect();
    let restrictions = json!({"passwordCredentials": [], "keyCredentials": keys});
    json!({
        "id": POLICY,
        "displayName": "Default app management tenant policy",
        "description": "Default tenant policy that enforces app management restrictions on applications and service principals. To apply policy to targeted resources, create a new policy under appManagementPolicies collection.",
        "isEnabled": directory.certificate_days.is_some(),
        "applicationRestrictions": restrictions,
        "servicePrincipalRestrictions": restrictions,
    })
}

/// Base64 in either alphabet, padded or not.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_whitespace().collect();
    let text = text.as_bytes();
    BASE64_STANDARD
        .decode(text)
        .or_else(|_| BASE64_STANDARD_NO_PAD.decode(text))
        .or_else(|_| BASE64_URL_SAFE_NO_PAD.decode(text))
        .or_else(|_| BASE64_URL_SAFE.decode(text))
        .ok()
}

/// A certificate from DER, from PEM, or from base64 text of DER.
fn certificate(bytes: &[u8]) -> Option<Certificate> {
    if bytes.first() == Some(&0x30) {
        return Certificate::read(bytes);
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let body: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    Certificate::read(&decoded(&body)?)
}
