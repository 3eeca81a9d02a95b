//! Certificates of the on-premises servers, and the configuration that says which of them signs.
//!
//! A certificate is on the servers that hold it, each with an object of its own; what a server hands out over remoting
//! is the bytes alone. `Set-AuthConfig` follows the cmdlet reference; what it does about other servers is inferred.

use super::cmdlet::{Call, cannot_prompt, exchange_refusal, is_on_server, not_found};
use super::object::{mark_changed, object, text};
use super::token::{Certificate, Signer};
use super::world::{Answer, Refusal, Trouble, World};
use crate::subject::Plane;
use crate::value::{Object, Value};
use jiff::{SignedDuration, Timestamp};

/// How many days a certificate of `New-ExchangeCertificate` is valid.
const LIFETIME: i64 = 5 * 365 + 1;

/// The certificate of an object, read from its bytes.
pub(super) fn certificate(object: &Object) -> Option<Certificate> {
    match object.get("RawData") {
        Some(Value::Bytes(der)) => Certificate::read(der),
        _ => None,
    }
}

fn thumbprint(object: &Object) -> Option<String> {
    certificate(object).map(|certificate| certificate.thumbprint)
}

/// The thumbprint that a cmdlet names, from its own parameter or from `SERVER\thumbprint`.
fn named_thumbprint(call: &Call<'_>) -> Option<String> {
    let identity = call
        .text("Identity")
        .map(|identity| identity.rsplit('\\').next().unwrap_or(identity));
    call.text("Thumbprint").or(identity).map(str::to_uppercase)
}

/// The server whose certificates a cmdlet is about: the one that it names, or the one that runs it.
fn named_server(world: &World, call: &Call<'_>) -> Result<String, Refusal> {
    let of_identity = call
        .text("Identity")
        .and_then(|identity| identity.split_once('\\'))
        .map(|(server, _)| server);
    let Some(server) = call.text("Server").or(of_identity) else {
        return Ok(world.names().server(call.plane).to_owned());
    };
    let named = world.server(server).and_then(|named| text(named, "Name"));
    named
        .map(str::to_owned)
        .ok_or_else(|| not_found(world, call, server))
}

/// The certificate of a thumbprint that a server holds.
pub(super) fn held(world: &World, server: &str, thumbprint: &str) -> Option<Certificate> {
    world
        .objects(Plane::OnPremises, "ExchangeCertificate")
        .iter()
        .filter(|object| is_on_server(object, server))
        .filter_map(certificate)
        .find(|held| held.thumbprint.eq_ignore_ascii_case(thumbprint))
}

/// Puts a certificate on a server.
pub(super) fn put(world: &mut World, server: &str, certificate: &Certificate) {
    let properties = object([
        ("RawData", Value::Bytes(certificate.der.clone())),
        ("Server", server.into()),
    ]);
    world.put(Plane::OnPremises, "ExchangeCertificate", properties);
}

/// What a server hands out: the bytes, also while the certificate that it signs what it serializes with has expired
/// (CSS-Exchange, `GetExchangeCertificateBroken.xml` of its tests).
fn handed_out(bytes: Value) -> Value {
    object([("RawData", bytes)]).into()
}

/// `Get-ExchangeCertificate`.
pub(super) fn get(world: &World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let server = named_server(world, call)?;
    let named = named_thumbprint(call);
    let bytes_of = |object: &Object| match world.has(Trouble::NoCertificateBytes) {
        true => Value::Null,
        false => object.get("RawData").cloned().unwrap_or_default(),
    };
    let output: Vec<Value> = world
        .objects(call.plane, "ExchangeCertificate")
        .iter()
        .filter(|object| is_on_server(object, &server))
        .filter(|object| named.is_none() || thumbprint(object) == named)
        .map(|object| handed_out(bytes_of(object)))
        .collect();
    match named {
        Some(named) if output.is_empty() => Err(no_certificate(world, call, &named)),
        _ => Ok(Answer::of(output)),
    }
}

fn no_certificate(world: &World, call: &Call<'_>, thumbprint: &str) -> Refusal {
    invalid(
        world,
        call,
        format!("The certificate with thumbprint {thumbprint} was not found."),
    )
}

fn invalid(world: &World, call: &Call<'_>, message: String) -> Refusal {
    exchange_refusal(
        world,
        call,
        "System.InvalidOperationException",
        "InvalidOperation",
        "",
        message,
    )
}

/// `Remove-ExchangeCertificate`.
pub(super) fn remove(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let server = named_server(world, call)?;
    let named = named_thumbprint(call).unwrap_or_default();
    let objects = world.objects_mut(call.plane, "ExchangeCertificate");
    let at = objects.iter().position(|object| {
        is_on_server(object, &server) && thumbprint(object).as_deref() == Some(&named)
    });
    match at {
        Some(at) => {
            objects.remove(at);
            Ok(Answer::default())
        }
        None => Err(no_certificate(world, call, &named)),
    }
}

/// `New-ExchangeCertificate`, for a certificate that its own key signs; the key stays where it was made.
pub(super) fn new(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let server = named_server(world, call)?;
    let services = call.text("Services").unwrap_or("SMTP").to_uppercase();
    // "Overwrite the existing default SMTP certificate?" is what the cmdlet asks.
    if services.contains("SMTP") && !call.is_on("Force") && !call.confirmed {
        return Err(cannot_prompt(call));
    }
    let bits = match call.text("KeySize") {
        None | Some("2048") => 2048,
        Some("4096") => 4096,
        Some(other) => {
            let message = format!("The key size {other} is not one of 2048 and 4096.");
            return Err(invalid(world, call, message));
        }
    };
    let subject = call.text("SubjectName").unwrap_or(&server);
    let subject = match subject.split_once('=') {
        Some((attribute, name)) if attribute.trim().eq_ignore_ascii_case("cn") => name.trim(),
        Some(_) => {
            let message = format!("The subject name '{subject}' is not one of the form CN=name.");
            return Err(invalid(world, call, message));
        }
        None => subject,
    };
    let from = world.now();
    let to = from.saturating_add(SignedDuration::from_hours(24 * LIFETIME));
    let signer = to
        .map_err(|error| error.to_string())
        .and_then(|to| Signer::generate(bits, subject, from, to).map_err(|error| error.to_string()))
        .map_err(|reason| invalid(world, call, reason))?;
    put(world, &server, &signer.certificate);
    let made = handed_out(Value::Bytes(signer.certificate.der.clone()));
    world.signers_mut().exchange.push(signer);
    Ok(Answer::of(vec![made]))
}

/// The parameters of `Set-AuthConfig` about certificates; absent when there are none, so that the table's engine goes on.
pub(super) fn set_auth_config(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Option<Answer>, Refusal> {
    let given = |name: &str| call.text(name).map(str::to_uppercase);
    let (current, next) = (
        given("CertificateThumbprint"),
        given("NewCertificateThumbprint"),
    );
    let server = named_server(world, call)?;
    for thumbprint in [&current, &next].into_iter().flatten() {
        if held(world, &server, thumbprint).is_none() {
            return Err(no_certificate(world, call, thumbprint));
        }
    }
    let date = call.parameters.get("NewCertificateEffectiveDate").cloned();
    // The question is not one that `-Confirm:$false` answers.
    if soon(world, date.as_ref()) && !call.is_on("Force") {
        return Err(cannot_prompt(call));
    }
    let (publish, clear) = (
        call.is_on("PublishCertificate"),
        call.is_on("ClearPreviousCertificate"),
    );
    if publish {
        publish_next(world);
    }
    if !call.is_on("SkipImmediateCertificateDeployment") {
        for thumbprint in [&current, &next].into_iter().flatten() {
            deploy(world, &server, thumbprint);
        }
    }
    if publish || clear || current.is_some() || next.is_some() {
        touch(world);
    }
    let Some(config) = world.objects_mut(call.plane, "AuthConfig").first_mut() else {
        return Ok(None);
    };
    let mut put = |name: &str, value: Value| config.insert(name.to_owned(), value);
    if clear {
        put("PreviousCertificateThumbprint", "".into());
    }
    match (current, next) {
        (Some(current), _) => {
            put("CurrentCertificateThumbprint", current.into());
        }
        (None, Some(next)) => {
            put("NextCertificateThumbprint", next.into());
            put("NextCertificateEffectiveDate", date.unwrap_or_default());
        }
        (None, None) if publish || clear => {}
        (None, None) => return Ok(None),
    }
    Ok(Some(Answer::default()))
}

/// Whether a certificate would take effect within 48 hours, which is too soon for it to have reached every server.
fn soon(world: &World, date: Option<&Value>) -> bool {
    let date = date
        .and_then(Value::as_text)
        .and_then(|text| text.parse::<Timestamp>().ok());
    date.is_some_and(|date| date.as_second() - world.now().as_second() < 48 * 3600)
}

/// Copies a certificate with its key to every server that knows OAuth, as the service for that does in time.
fn deploy(world: &mut World, from: &str, thumbprint: &str) {
    let Some(certificate) = held(world, from, thumbprint) else {
        return;
    };
    for server in world.modern_servers() {
        if held(world, &server, thumbprint).is_none() {
            put(world, &server, &certificate);
        }
    }
}

/// Says of the configuration that it has just been changed.
fn touch(world: &mut World) {
    let now = world.now();
    for config in world.objects_mut(Plane::OnPremises, "AuthConfig") {
        mark_changed(config, now);
    }
}

/// Makes the next certificate the current one; without a next one there is nothing to do.
fn publish_next(world: &mut World) {
    let Some(config) = world
        .objects_mut(Plane::OnPremises, "AuthConfig")
        .first_mut()
    else {
        return;
    };
    let value = |config: &Object, name: &str| config.get(name).cloned().unwrap_or_default();
    let next = value(config, "NextCertificateThumbprint");
    if next.as_text().is_none_or(str::is_empty) {
        return;
    }
    let former = value(config, "CurrentCertificateThumbprint");
    config.insert("PreviousCertificateThumbprint".to_owned(), former);
    config.insert("CurrentCertificateThumbprint".to_owned(), next);
    config.insert("NextCertificateThumbprint".to_owned(), "".into());
    config.insert("NextCertificateEffectiveDate".to_owned(), Value::Null);
}

/// Publishes the next certificate when its day has come, as a service of the servers does.
pub(super) fn roll_over(world: &mut World) {
    if world.has(Trouble::NoTakeover) {
        return;
    }
    let date = world
        .auth_config("NextCertificateEffectiveDate")
        .and_then(|text| text.parse::<Timestamp>().ok());
    if date.is_some_and(|date| date <= world.now()) {
        publish_next(world);
        touch(world);
    }
}
