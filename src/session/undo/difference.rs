//! In what an object differs from what it was left as.

use crate::session::plan::equal;
use crate::value::{Object, Value};

/// Properties that change by themselves, or with any change.
const VOLATILE: [&str; 9] = [
    "WhenChanged",
    "WhenChangedUTC",
    "WhenCreated",
    "WhenCreatedUTC",
    "OriginatingServer",
    "ObjectState",
    "IsValid",
    "ExchangeVersion",
    // Exchange reads the keys of an issuer again every few hours.
    "CertificateStrings",
];

/// The first property in which an object differs from what it was left as, with both values.
pub(super) fn difference(left: &Object, present: &Object) -> Option<String> {
    let nothing = Value::Null;
    left.iter()
        .filter(|(name, _)| !VOLATILE.contains(&name.as_str()))
        .find_map(|(name, then)| {
            let now = present.get(name).unwrap_or(&nothing);
            // A journal has bytes as text.
            let same = equal(now, then) || now.to_json() == then.to_json();
            (!same).then(|| {
                format!(
                    "{name} was left as {}, now {}",
                    then.to_json(),
                    now.to_json()
                )
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_someone_changed_is_named_with_the_difference() {
        let object = |enabled: bool, changed: &str| {
            Object::from_iter([
                ("Enabled".to_owned(), enabled.into()),
                ("WhenChanged".to_owned(), changed.into()),
            ])
        };
        assert_eq!(difference(&object(true, "1"), &object(true, "2")), None);
        assert_eq!(
            difference(&object(true, "1"), &object(false, "2")).as_deref(),
            Some("Enabled was left as true, now false")
        );
    }
}
