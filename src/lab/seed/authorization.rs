//! What signs and is trusted before anything was done: certificates, the authorization configuration, partner applications.

use super::{AUTH_CERTIFICATE, EXCHANGE, GRAPH, SERVER, days_after, object, text, texts};
use crate::lab::Error;
use crate::lab::token::self_signed;
use crate::lab::world::World;
use crate::subject::Plane;
use crate::value::Value;
use jiff::Timestamp;
use rcgen::KeyPair;

/// Five certificates: the current and the next, an expired one of the same subject, and two that serve the web sites.
pub(super) fn certificates(world: &mut World, now: Timestamp) -> Result<(), Error> {
    let after = |days| days_after(now, days);
    let key = KeyPair::generate()?;
    let all = [
        world.signers().exchange[0].certificate.clone(),
        world.signers().exchange[1].certificate.clone(),
        self_signed(&key, AUTH_CERTIFICATE, after(-2200), after(-400))?,
        self_signed(&key, SERVER, after(-500), after(1325))?,
        self_signed(&key, "mail.contoso.com", after(-100), after(265))?,
    ];
    for certificate in all {
        crate::lab::certificates::put(world, SERVER, &certificate);
    }
    Ok(())
}

/// The authorization configuration, the partner applications, and Exchange Online's own authorization server.
pub(super) fn auth_objects(world: &mut World) {
    let thumbprints: Vec<String> = world
        .signers()
        .exchange
        .iter()
        .map(|signer| signer.certificate.thumbprint.clone())
        .collect();
    let config = object([
        ("CurrentCertificateThumbprint", text(&thumbprints[0])),
        ("NextCertificateThumbprint", text(&thumbprints[1])),
        (
            "NextCertificateEffectiveDate",
            days_after(world.now(), 30).to_string().into(),
        ),
        ("ServiceName", text(EXCHANGE)),
    ]);
    world.create(
        Plane::OnPremises,
        "AuthConfig",
        "Auth Configuration",
        config,
    );
    let linked = |name: &str| text(&format!("contoso.com/Users/{name}-ApplicationAccount"));
    let applications = [
        (
            "Exchange Online",
            EXCHANGE,
            false,
            linked("Exchange Online"),
        ),
        ("Microsoft Graph", GRAPH, true, Value::Null),
        (
            "TeamsScheduler",
            "7557eb47-c689-4224-abcf-aef9bd7573df",
            true,
            Value::Null,
        ),
        (
            "CloudVoicemail",
            "db7de2b5-2149-435e-8043-e080dd50afae",
            false,
            Value::Null,
        ),
    ];
    for (name, identifier, enabled, account) in applications {
        let properties = object([
            ("Enabled", enabled.into()),
            ("ApplicationIdentifier", text(identifier)),
            (
                "AcceptSecurityIdentifierInformation",
                (identifier == GRAPH).into(),
            ),
            ("LinkedAccount", account),
        ]);
        world.create(Plane::OnPremises, "PartnerApplication", name, properties);
    }
    let online = object([("ApplicationIdentifier", text(EXCHANGE))]);
    world.create(
        Plane::ExchangeOnline,
        "PartnerApplication",
        "Exchange Online",
        online,
    );
    let names = world.names().clone();
    let service = object([
        ("IssuerIdentifier", text(&names.token_service)),
        (
            "TokenIssuingEndpoint",
            text(&format!("https://{}/tokens/OAuth/2", names.acs_host)),
        ),
        (
            "CertificateStrings",
            texts(&[&world.signers().token_service.certificate.base64()]),
        ),
        ("Realm", text("*")),
        ("Type", text("MicrosoftACS")),
    ]);
    world.create(
        Plane::ExchangeOnline,
        "AuthServer",
        &names.token_service,
        service,
    );
}
