//! Which parameter of a cmdlet sets which property of its object.

use super::auth_config::{AUTH_CONFIG, NEXT_DATE};

/// Parameters that are not called like the property that they set: noun, property, parameter.
const RENAMED: [[&str; 3]; 5] = [
    ["SettingOverride", "ComponentName", "Component"],
    ["SettingOverride", "SectionName", "Section"],
    [
        AUTH_CONFIG,
        "CurrentCertificateThumbprint",
        "CertificateThumbprint",
    ],
    [
        AUTH_CONFIG,
        "NextCertificateThumbprint",
        "NewCertificateThumbprint",
    ],
    [AUTH_CONFIG, NEXT_DATE, "NewCertificateEffectiveDate"],
];

/// The parameter that sets a property.
pub(super) fn parameter_of<'name>(noun: &str, property: &'name str) -> &'name str {
    let renamed = RENAMED
        .iter()
        .find(|[of, shown, _]| noun.eq_ignore_ascii_case(of) && *shown == property);
    renamed.map_or(property, |[_, _, parameter]| parameter)
}

/// The property that a parameter sets.
pub(super) fn property_of<'name>(noun: &str, parameter: &'name str) -> &'name str {
    let renamed = RENAMED
        .iter()
        .find(|[of, _, set]| noun.eq_ignore_ascii_case(of) && *set == parameter);
    renamed.map_or(parameter, |[_, property, _]| property)
}
