//! What the codes of Entra ID mean, in plain words; and what to do.
//!
//! The codes are documented as subject to change, so they add words and decide nothing.

/// What a code means.
pub(super) struct Advice {
    /// A clause, such as `the tenant does not exist`.
    pub(super) meaning: &'static str,
    /// What to do.
    pub(super) hint: &'static str,
}

/// Finds the advice for the number after `AADSTS`.
pub(super) fn advice(code: u64) -> Option<Advice> {
    ADVICE
        .iter()
        .find(|(codes, _, _)| codes.contains(&code))
        .map(|(_, meaning, hint)| Advice { meaning, hint })
}

const OTHER_CLOUD: &str = "set \"cloud\" in the organization file to the one that holds the tenant";
const SIGN_IN_LOG: &str =
    "an administrator of the tenant finds the policy in the sign-in log, by the correlation id";

const ADVICE: &[(&[u64], &str, &str)] = &[
    (
        &[90002, 900_021, 900_023],
        "the tenant does not exist in this cloud",
        "check \"tenant\" and \"cloud\" in the organization file",
    ),
    (
        &[7_000_215],
        "the client secret is wrong",
        "use the secret's value, not its id, and a secret of this application",
    ),
    (
        &[7_000_222],
        "the client secret has expired",
        "make a new client secret for the application",
    ),
    (
        &[700_016],
        "the application does not exist in this tenant",
        "check \"client_id\" and \"tenant\" in the organization file; an application of another tenant needs consent first",
    ),
    (
        &[700_027, 50012, 70002],
        "the certificate is not registered for the application",
        "upload the certificate to the application, or name the one that is there",
    ),
    (
        &[700_024],
        "the assertion is not valid at this time",
        "set the clock of this machine",
    ),
    (
        &[700_023],
        "the assertion is addressed to another cloud",
        OTHER_CLOUD,
    ),
    (
        &[900_382, 900_432],
        "the application belongs to another cloud",
        OTHER_CLOUD,
    ),
    (
        &[50059],
        "the application does not exist in this cloud",
        OTHER_CLOUD,
    ),
    (
        &[7_000_216, 7_000_218],
        "the application must prove itself with a secret or a certificate",
        "name a client secret or a certificate in the organization file",
    ),
    (
        &[7_000_112],
        "the application is disabled",
        "enable it in the tenant",
    ),
    (
        &[500_011],
        "the service is not known in this tenant",
        "check the addresses under [endpoints]; the service may have no principal in this tenant",
    ),
    (
        &[70011, 1_002_012],
        "the scope is not accepted",
        "check the addresses under [endpoints]",
    ),
    (
        &[50034, 50020],
        "the account does not exist in this tenant",
        "check the account and \"tenant\" in the organization file",
    ),
    (
        &[50126],
        "the user name or the password is wrong",
        "check both",
    ),
    (
        &[50076, 50079],
        "a second factor is needed",
        "sign in interactively",
    ),
    (
        &[50097, 53000, 53001, 53002],
        "the tenant accepts known devices only",
        SIGN_IN_LOG,
    ),
    (
        &[53003, 530_034],
        "a Conditional Access policy blocks the sign-in",
        SIGN_IN_LOG,
    ),
    (
        &[50105],
        "the account is not assigned to the application",
        "assign it in the tenant",
    ),
    (
        &[50196],
        "the same request was sent too often",
        "wait a few minutes",
    ),
    (
        &[65001, 65004, 90008, 90094],
        "consent is missing",
        "an administrator of the tenant must consent to the permissions of the application",
    ),
    (
        &[65002],
        "Microsoft did not authorize this application for that service",
        "use an application of your own",
    ),
    (
        &[700_082, 50173, 50078],
        "the earlier sign-in is no longer valid",
        "sign in again",
    ),
];
