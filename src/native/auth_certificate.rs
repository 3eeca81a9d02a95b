//! The certificate with which an Exchange organization signs its tokens: what `Get-AuthConfig` names and
//! `Get-ExchangeCertificate` holds. Only the public part is ever read.
//!
//! Where that gives no bytes, Windows' own PowerShell endpoint is asked, by a fixed script that exports the certificate
//! without its key.

use super::convert::to_value;
use super::options::{self, Entry};
use super::{Exchange, Target, Thrown, throw};
use crate::certificate::{Certificate, KeyKind};
use crate::exchange::{Cmdlet, FixedScript, ScriptCall};
use crate::failure::{Failure, FailureKind};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use jiff::Timestamp;
use rhai::plugin::*;
use rhai::{Array, Blob, Map};
use serde::{Deserialize, Serialize};

const LOCAL: &[Plane] = &[Plane::OnPremises];

/// The least size of an RSA key that Exchange signs with.
const LEAST_KEY_BITS: usize = 2048;

/// Parameters of `Get-AuthConfig`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetAuthConfig {}

impl Cmdlet for GetAuthConfig {
    const NAME: &'static str = "Get-AuthConfig";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = LOCAL;
}

/// Parameters of `Get-ExchangeCertificate`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetExchangeCertificate {}

impl Cmdlet for GetExchangeCertificate {
    const NAME: &'static str = "Get-ExchangeCertificate";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = LOCAL;
}

/// Parameters of `Get-ExchangeCertificate` about another server than the one that answers.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetOnServer {
    server: Option<String>,
}

impl Cmdlet for GetOnServer {
    const NAME: &'static str = "Get-ExchangeCertificate";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = LOCAL;
}

/// Which certificates are looked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificateOptions {
    server: Option<String>,
    thumbprint: Option<String>,
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::bare::<GetAuthConfig>("get_auth_config"),
    Entry::bare::<GetExchangeCertificate>("get_exchange_certificate")
        .with_options::<CertificateOptions>(),
    Entry::bare::<GetExchangeCertificate>("export_auth_certificate"),
    Entry::plain("check_auth_certificate"),
    Entry::plain("parse_certificate"),
];

#[export_module]
pub(super) mod functions {
    /// Gives the authorization configuration: which certificate signs now, and which one is next.
    ///
    /// The property for the next one is `next_certificate_thumbprint`; texts are empty where none is set.
    ///
    /// ```rhai
    /// say(onprem.get_auth_config().current_certificate_thumbprint);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_auth_config(call: NativeCallContext, organization: &mut Exchange) -> Thrown<Map> {
        organization.one(&call, Target::All, &GetAuthConfig {})
    }

    /// Gives the certificates of the server that answers, or the one of a thumbprint; `not_found` where there is none.
    ///
    /// What comes over remoting is `raw_data` and nothing else, also while the certificate that signs has expired.
    ///
    /// * `server`: the server that is looked at, in the place of the one that answers.
    /// * `thumbprint`: the one that is looked for; all of them when it is left out.
    ///
    /// ```rhai
    /// let thumbprint = onprem.get_auth_config().current_certificate_thumbprint;
    /// let certificate = onprem.get_exchange_certificate(thumbprint);
    /// say(parse_certificate(certificate.raw_data).subject);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_exchange_certificate(
        call: NativeCallContext,
        organization: &mut Exchange,
        thumbprint: &str,
    ) -> Thrown<Map> {
        let target = Target::Key("Thumbprint", thumbprint);
        organization.one(&call, target, &GetExchangeCertificate {})
    }

    #[rhai_fn(global, name = "get_exchange_certificate", pure, return_raw, volatile)]
    pub fn certificates_on_server(
        call: NativeCallContext,
        organization: &mut Exchange,
        options: Map,
    ) -> Thrown<Dynamic> {
        let which = options::read::<CertificateOptions>(&call, options)?;
        let cmdlet = GetOnServer {
            server: which.server,
        };
        match which.thumbprint {
            Some(thumbprint) => {
                let target = Target::Key("Thumbprint", &thumbprint);
                let found = organization.one(&call, target, &cmdlet)?;
                Ok(Dynamic::from_map(found))
            }
            None => {
                let all = organization.list(&call, Target::All, &cmdlet)?;
                Ok(Dynamic::from_array(all))
            }
        }
    }

    #[rhai_fn(global, name = "get_exchange_certificate", pure, return_raw, volatile)]
    pub fn all_certificates(call: NativeCallContext, organization: &mut Exchange) -> Thrown<Array> {
        organization.list(&call, Target::All, &GetExchangeCertificate {})
    }

    /// Reads the certificate that Exchange signs with: `"current"`, or `"next"` for the one that comes after it.
    ///
    /// Gives `thumbprint`, `subject`, `issuer`, `not_before`, `not_after`, `days_left`, `key_bits` and `der`, the bytes
    /// of the certificate without its key. Fails when no such certificate is set, when the server does not hold it,
    /// when the bytes are not those of the thumbprint, when it has expired, and when its key is too small.
    ///
    /// Where `Get-ExchangeCertificate` gives no bytes, the server's own certificate store is asked, through PowerShell
    /// remoting of Windows (WinRM).
    ///
    /// ```rhai
    /// let certificate = onprem.export_auth_certificate("current");
    /// say(`${certificate.thumbprint} is valid until ${certificate.not_after}`);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn export_auth_certificate(
        call: NativeCallContext,
        organization: &mut Exchange,
        which: &str,
    ) -> Thrown<Map> {
        let property = property_of(which).map_err(throw)?;
        let config = read_one(&call, organization, Target::All, &GetAuthConfig {})?;
        let thumbprint = named(&config, property, which).map_err(throw)?;
        let target = Target::Key("Thumbprint", &thumbprint);
        let mut output = organization
            .perform(&call, target, &GetExchangeCertificate {})?
            .output;
        let held = match (output.pop(), output.is_empty()) {
            (Some(Value::Object(held)), true) if has_bytes(&held) => held,
            (None, _) | (Some(Value::Object(_)), true) => {
                held_by_windows(&call, organization, &thumbprint)?
            }
            _ => {
                return Err(throw(Failure::new(
                    FailureKind::Protocol,
                    "Get-ExchangeCertificate gave something else than one object",
                )));
            }
        };
        let now = organization.session().now();
        exported(&held, &thumbprint, now).map_err(throw)
    }

    #[rhai_fn(global, name = "export_auth_certificate", pure, return_raw, volatile)]
    pub fn export_current(call: NativeCallContext, organization: &mut Exchange) -> Thrown<Map> {
        export_auth_certificate(call, organization, "current")
    }

    /// Judges whether a certificate that was read elsewhere is fit to sign tokens, and gives it with its `days_left`.
    ///
    /// It is refused when it has expired, or has no RSA key of at least 2048 bits. Whether Exchange signs with it is
    /// another question.
    ///
    /// ```rhai
    /// let certificate = onprem.export_auth_certificate("current");
    /// say(onprem.check_auth_certificate(certificate).days_left.to_string());
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn check_auth_certificate(
        organization: &mut Exchange,
        certificate: Dynamic,
    ) -> Thrown<Map> {
        let certificate = given(&certificate).map_err(throw)?;
        fit_to_sign(&certificate, organization.session().now()).map_err(throw)
    }

    /// Reads a certificate from bytes or text: DER, PEM, or base64 of either.
    ///
    /// Gives the same as `export_auth_certificate`, but judges neither the dates nor the key.
    ///
    /// ```rhai
    /// let certificate = onprem.export_auth_certificate("current");
    /// say(parse_certificate(certificate.der).thumbprint);
    /// ```
    #[rhai_fn(global, return_raw)]
    pub fn parse_certificate(data: Blob) -> Thrown<Map> {
        parsed(&data).map_err(throw)
    }

    #[rhai_fn(global, name = "parse_certificate", return_raw)]
    pub fn parse_text(data: &str) -> Thrown<Map> {
        parsed(data.as_bytes()).map_err(throw)
    }
}

/// The certificate that a script hands over: what `export_auth_certificate` gives, bytes, or text.
pub(super) fn given(certificate: &Dynamic) -> Result<Certificate, Failure> {
    let bytes = match to_value(certificate)? {
        Value::Bytes(bytes) => bytes,
        Value::Text(text) => text.into_bytes(),
        Value::Object(object) => match object.get("der") {
            Some(Value::Bytes(bytes)) => bytes.clone(),
            _ => return Err(not_a_certificate()),
        },
        _ => return Err(not_a_certificate()),
    };
    read_any(&bytes)
}

fn not_a_certificate() -> Failure {
    Failure::input("this is not a certificate")
        .with_hint("hand over what export_auth_certificate or parse_certificate gives")
}

fn read_any(bytes: &[u8]) -> Result<Certificate, Failure> {
    Certificate::from_any(bytes).map_err(|error| Failure::input(error.to_string()).caused_by(error))
}

fn parsed(bytes: &[u8]) -> Result<Map, Failure> {
    read_any(bytes).map(|certificate| described(&certificate))
}

fn property_of(which: &str) -> Result<&'static str, Failure> {
    match which {
        "current" => Ok("CurrentCertificateThumbprint"),
        "next" => Ok("NextCertificateThumbprint"),
        _ => Err(
            Failure::input(format!("there is no \"{which}\" authorization certificate"))
                .with_hint("it is \"current\" or \"next\""),
        ),
    }
}

/// Runs a cmdlet that answers with one object, and gives it by its wire names.
fn read_one<C: Cmdlet>(
    call: &NativeCallContext,
    organization: &Exchange,
    target: Target,
    cmdlet: &C,
) -> Thrown<Object> {
    let mut output = organization.perform(call, target, cmdlet)?.output;
    match (output.pop(), output.is_empty()) {
        (Some(Value::Object(object)), true) => Ok(object),
        (None, _) => Err(throw(Failure::new(
            FailureKind::NotFound,
            format!("{} gave no object", C::NAME),
        ))),
        _ => Err(throw(Failure::new(
            FailureKind::Protocol,
            format!("{} gave something else than one object", C::NAME),
        ))),
    }
}

/// The thumbprint that the configuration names.
fn named(config: &Object, property: &str, which: &str) -> Result<String, Failure> {
    let about = Subject::all(Plane::OnPremises, "AuthConfig");
    match config.get(property) {
        Some(Value::Text(thumbprint)) if !thumbprint.trim().is_empty() => {
            Ok(thumbprint.trim().to_owned())
        }
        Some(Value::Null | Value::Text(_)) => Err(Failure::new(
            FailureKind::NotFound,
            format!("Exchange has no {which} authorization certificate"),
        )
        .about(about)
        .with_hint(match which {
            "next" => "Set-AuthConfig -NewCertificateThumbprint names one",
            _ => "make one with New-ExchangeCertificate and name it with Set-AuthConfig -CertificateThumbprint",
        })),
        _ => Err(Failure::new(
            FailureKind::Protocol,
            format!("the answer of Get-AuthConfig lacks {property}"),
        )
        .about(about)),
    }
}

fn has_bytes(held: &Object) -> bool {
    matches!(held.get("RawData"), Some(Value::Bytes(_) | Value::Text(_)))
}

/// The certificate of a thumbprint, as the server's own store has it.
fn held_by_windows(
    call: &NativeCallContext,
    organization: &Exchange,
    thumbprint: &str,
) -> Thrown<Object> {
    let script =
        ScriptCall::on(None, FixedScript::ExportCertificate).with("Thumbprint", thumbprint);
    let subject = Subject::one(Plane::OnPremises, "CertificateStore", thumbprint);
    let held = organization.script(call, subject, script, None);
    held.map_err(|failure| {
        let message = format!(
            "Get-ExchangeCertificate gives no bytes of the certificate {thumbprint}, and the server itself could not be asked: {failure}"
        );
        throw(Failure { message, ..failure })
    })
}

/// The certificate that Exchange holds for a thumbprint, if it is fit to sign.
fn exported(held: &Object, thumbprint: &str, now: Timestamp) -> Result<Map, Failure> {
    let about = || Subject::one(Plane::OnPremises, "ExchangeCertificate", thumbprint);
    let refuse = |kind, message: String| Failure::new(kind, message).about(about());
    let bytes = match held.get("RawData") {
        Some(Value::Bytes(bytes)) => bytes.as_slice(),
        Some(Value::Text(text)) => text.as_bytes(),
        _ => {
            return Err(refuse(
                FailureKind::Protocol,
                "the answer of Get-ExchangeCertificate lacks RawData".to_owned(),
            ));
        }
    };
    let certificate = Certificate::from_any(bytes)
        .map_err(|error| refuse(FailureKind::Protocol, error.to_string()).caused_by(error))?;
    if !certificate.thumbprint().eq_ignore_ascii_case(thumbprint) {
        return Err(refuse(
            FailureKind::Protocol,
            format!(
                "Exchange was asked for the certificate {thumbprint} and sent {}",
                certificate.thumbprint()
            ),
        ));
    }
    fit_to_sign(&certificate, now).map_err(|failure| failure.about(about()))
}

/// The description of a certificate that Exchange can sign with.
fn fit_to_sign(certificate: &Certificate, now: Timestamp) -> Result<Map, Failure> {
    let thumbprint = certificate.thumbprint();
    if certificate.is_expired(now) {
        return Err(Failure::new(
            FailureKind::Invalid,
            format!(
                "the authorization certificate {thumbprint} expired on {}",
                certificate.not_after()
            ),
        )
        .with_hint("run rotate-certificate, which makes a new one that signs at once, and then once more, which lets Entra ID know it"));
    }
    if certificate.key_kind() != KeyKind::Rsa || certificate.key_bits() < LEAST_KEY_BITS {
        return Err(Failure::new(
            FailureKind::Invalid,
            format!("the authorization certificate {thumbprint} has no RSA key of at least {LEAST_KEY_BITS} bits"),
        )
        .with_hint("Exchange signs only with such a key: make a new certificate"));
    }
    let mut description = described(certificate);
    description.insert("days_left".into(), days_left(certificate, now).into());
    Ok(description)
}

fn days_left(certificate: &Certificate, now: Timestamp) -> i64 {
    (certificate.not_after().as_second() - now.as_second()).div_euclid(24 * 60 * 60)
}

fn described(certificate: &Certificate) -> Map {
    let key_bits = i64::try_from(certificate.key_bits()).unwrap_or(i64::MAX);
    let properties: [(&str, Dynamic); 7] = [
        ("thumbprint", certificate.thumbprint().into()),
        ("subject", certificate.subject().into()),
        ("issuer", certificate.issuer().into()),
        ("not_before", certificate.not_before().to_string().into()),
        ("not_after", certificate.not_after().to_string().into()),
        ("key_bits", key_bits.into()),
        ("der", Dynamic::from_blob(certificate.der().to_vec())),
    ];
    properties
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{exported, named};
    use crate::certificate::made_for_a_test as certificate;
    use crate::failure::FailureKind;
    use crate::value::{Object, Value};
    use jiff::Timestamp;

    fn with(property: &str, value: impl Into<Value>) -> Object {
        Object::from_iter([(property.to_owned(), value.into())])
    }

    fn refusal(held: &Object, thumbprint: &str) -> (FailureKind, String) {
        let now: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        let failure = exported(held, thumbprint, now).unwrap_err();
        (failure.kind, failure.message)
    }

    #[test]
    fn another_certificate_than_the_one_asked_for_is_refused() {
        let sent = certificate();
        let held = with("RawData", Value::Bytes(sent.der().to_vec()));
        assert_eq!(
            refusal(&held, "ABCD"),
            (
                FailureKind::Protocol,
                format!(
                    "Exchange was asked for the certificate ABCD and sent {}",
                    sent.thumbprint()
                )
            )
        );
    }

    #[test]
    fn a_key_that_exchange_cannot_sign_with_is_refused() {
        let sent = certificate();
        let held = with("RawData", sent.base64());
        let (kind, message) = refusal(&held, &sent.thumbprint());
        assert_eq!(kind, FailureKind::Invalid);
        assert!(
            message.ends_with("has no RSA key of at least 2048 bits"),
            "{message}"
        );
    }

    #[test]
    fn an_answer_without_the_bytes_is_no_certificate() {
        let lacking = (
            FailureKind::Protocol,
            "the answer of Get-ExchangeCertificate lacks RawData".to_owned(),
        );
        assert_eq!(refusal(&Object::new(), "ABCD"), lacking);
        let (kind, _) = refusal(&with("RawData", "<html>"), "ABCD");
        assert_eq!(kind, FailureKind::Protocol);
    }

    #[test]
    fn an_empty_thumbprint_is_no_certificate() {
        let property = "NextCertificateThumbprint";
        let kind = |config: &Object| named(config, property, "next").unwrap_err().kind;
        assert_eq!(kind(&with(property, "")), FailureKind::NotFound);
        assert_eq!(kind(&with(property, Value::Null)), FailureKind::NotFound);
        assert_eq!(kind(&Object::new()), FailureKind::Protocol);
        assert_eq!(
            named(&with(property, " ABCD "), property, "next").unwrap(),
            "ABCD"
        );
    }
}
