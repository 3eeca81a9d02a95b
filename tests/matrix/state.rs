//! What a world holds, in words that can be compared.

use exoauth::lab::{Certificate, World, noun, seed};
use exoauth::subject::Plane;
use exoauth::value::{Object, Value};

/// Everything as it is, of one world at two times. Left out is what no service lets anybody set back: when an object was
/// changed last, and certificates that have expired, which the directory does not take again.
pub(crate) fn exactly(world: &World) -> Vec<String> {
    let mut lines = objects(world, &["WhenChanged", "WhenChangedUTC"], |value| {
        format!("{value:?}")
    });
    for principal in &world.directory().principals {
        let mut principal = principal.clone();
        let now = world.now();
        principal.keys.retain(|key| key.certificate.not_after > now);
        lines.push(format!("{principal:?}"));
    }
    for application in &world.directory().applications {
        lines.push(format!("{application:?}"));
    }
    for assignment in &world.directory().assignments {
        lines.push(format!("{assignment:?}"));
    }
    lines
}

/// Everything, with nothing left out.
pub(crate) fn bit_by_bit(world: &World) -> Vec<String> {
    let mut lines = objects(world, &[], |value| format!("{value:?}"));
    for principal in &world.directory().principals {
        let mut keys = principal.keys.iter();
        lines.push(format!(
            "{} {} {} {} {:?}",
            principal.id,
            principal.app_id,
            principal.display_name,
            principal.owner,
            principal.names
        ));
        lines.extend(keys.by_ref().map(|key| format!("key {key:?}")));
    }
    for application in &world.directory().applications {
        lines.push(format!("{application:?}"));
    }
    for assignment in &world.directory().assignments {
        lines.push(format!("{assignment:?}"));
    }
    lines
}

/// Everything that two worlds of one seed have in common: identifiers, dates and keys are made anew in each.
pub(crate) fn in_common(world: &World) -> Vec<String> {
    let own = [
        "WhenChanged",
        "WhenChangedUTC",
        "WhenCreated",
        "WhenCreatedUTC",
        "Guid",
        "ExchangeObjectId",
        "CertificateStrings",
        "CurrentCertificateThumbprint",
        "NextCertificateThumbprint",
        "NextCertificateEffectiveDate",
    ];
    let mut lines = objects(world, &own, |value| match value {
        Value::Bytes(der) => subject(Certificate::read(der)),
        Value::List(list) => {
            let mut members: Vec<String> =
                list.iter().map(|member| format!("{member:?}")).collect();
            members.sort();
            members.join(", ")
        }
        // An application gets its identifier when it is registered.
        Value::Text(id) if is_made_anew(id) => "an identifier".to_owned(),
        other => format!("{other:?}"),
    });
    lines.sort();
    for principal in &world.directory().principals {
        let mut names: Vec<&str> = principal
            .names
            .iter()
            .map(|name| match is_made_anew(name) {
                true => "an identifier",
                false => name,
            })
            .collect();
        names.sort_unstable();
        let mut keys: Vec<String> = principal
            .keys
            .iter()
            .map(|key| subject(Some(key.certificate.clone())))
            .collect();
        keys.sort();
        let id = match is_made_anew(&principal.app_id) {
            true => "an identifier",
            false => &principal.app_id,
        };
        lines.push(format!("{id} {names:?} {keys:?}"));
    }
    let directory = world.directory();
    for application in &directory.applications {
        let keys: Vec<String> = application
            .keys
            .iter()
            .map(|key| subject(Some(key.certificate.clone())))
            .collect();
        lines.push(format!(
            "{} {keys:?} {:?}",
            application.display_name, application.required
        ));
    }
    let name_of = |id: &str| {
        let found = directory.principals.iter().find(|one| one.id == id);
        found.map(|one| one.display_name.clone())
    };
    for assignment in &directory.assignments {
        let (who, on) = (
            name_of(&assignment.principal),
            name_of(&assignment.resource),
        );
        lines.push(format!("{who:?} may {} on {on:?}", assignment.role));
    }
    lines
}

/// Whether a text is an identifier, and not one of those that every world of one seed has.
fn is_made_anew(text: &str) -> bool {
    let known = [seed::TENANT, seed::EXCHANGE, seed::ORGANIZATION];
    let shape = text.split('-').map(str::len).collect::<Vec<_>>();
    shape == [8, 4, 4, 4, 12] && !known.contains(&text)
}

fn subject(certificate: Option<Certificate>) -> String {
    certificate.map_or_else(
        || "no certificate".to_owned(),
        |certificate| format!("certificate {}", certificate.subject),
    )
}

fn objects(world: &World, without: &[&str], shown: impl Fn(&Value) -> String) -> Vec<String> {
    let line = |object: &Object| {
        let properties = object
            .iter()
            .filter(|(name, _)| !without.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}={}", shown(value)));
        properties.collect::<Vec<_>>().join("; ")
    };
    [Plane::OnPremises, Plane::ExchangeOnline]
        .into_iter()
        .flat_map(|plane| noun::NOUNS.iter().map(move |noun| (plane, noun.name)))
        .flat_map(|(plane, noun)| {
            let objects = world.objects(plane, noun).iter();
            objects
                .map(|object| format!("{plane} {noun}: {}", line(object)))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The first lines in which two states differ.
pub(crate) fn difference(one: &[String], other: &[String]) -> Option<String> {
    let only = |these: &[String], those: &[String]| {
        these.iter().find(|line| !those.contains(line)).cloned()
    };
    if one == other {
        return None;
    }
    Some(format!(
        "{} lines and {}; only here {:?}; only there {:?}",
        one.len(),
        other.len(),
        only(one, other),
        only(other, one)
    ))
}
