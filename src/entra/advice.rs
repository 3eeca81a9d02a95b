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

/// Finds the advice for the number after `AADSTS`, or else for the word of the protocol.
pub(super) fn advice(code: Option<u64>, word: &str) -> Option<Advice> {
    let by_code = ADVICE
        .iter()
        .find(|(codes, _, _)| code.is_some_and(|code| codes.contains(&code)))
        .map(|(_, meaning, hint)| Advice { meaning, hint });
    let by_word = WORDS
        .iter()
        .find(|(known, _, _)| *known == word)
        .map(|(_, meaning, hint)| Advice { meaning, hint });
    by_code.or(by_word)
}

const OTHER_CLOUD: &str = "set \"cloud\" in the organization file to the one that holds the tenant";
const DECLINED: &str =
    "whoever sat at the page, or a policy of the tenant, declined; start it again";
const CONSENT: &str =
    "an administrator of the tenant must consent to the permissions of the application";
const SIGN_IN_LOG: &str =
    "an administrator of the tenant finds the policy in the sign-in log, by the correlation id";

/// The words of RFC 6749, RFC 8628 and OpenID Connect that say enough without a code.
const WORDS: &[(&str, &str, &str)] = &[
    ("access_denied", "it was declined", DECLINED),
    ("authorization_declined", "it was declined", DECLINED),
    ("consent_required", "consent is missing", CONSENT),
    (
        "interaction_required",
        "a person has to sign in",
        "sign in again, with the method browser",
    ),
    (
        "login_required",
        "a person has to sign in",
        "sign in again, with the method browser",
    ),
    (
        "bad_verification_code",
        "the device code is not the one that was given",
        "start it again",
    ),
];

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
        &[50072, 50074, 50076, 50079, 50158],
        "a second factor is needed",
        "sign in with the method browser; an account without a second factor sets one up there",
    ),
    (
        &[500_121],
        "the second factor was not given",
        "start it again",
    ),
    (
        &[50057],
        "the account is disabled",
        "an administrator of the tenant enables it",
    ),
    (
        &[50053],
        "the account is locked, or signs in from an address that is not trusted",
        "wait a while, then try again",
    ),
    (
        &[50011],
        "the application does not accept that the browser comes back to this machine",
        "add http://localhost to the application as a redirect URI of the kind mobile and desktop",
    ),
    (&[54005], "the code was used already", "start it again"),
    (
        &[501_481],
        "the code belongs to another sign-in",
        "start it again",
    ),
    (&[70018, 65004], "it was declined", DECLINED),
    (
        &[70019],
        "the code has expired",
        "start it again, and be quicker",
    ),
    (
        &[70043],
        "a policy of the tenant asks for a fresh sign-in",
        "sign in again",
    ),
    (
        &[900_144],
        "something is missing in the request",
        "this is a defect of this program, or the address under [endpoints] is another service",
    ),
    (
        &[700_025, 7_000_218, 7_000_216],
        "the application must prove itself with a secret or a certificate",
        "name a secret or a certificate in the organization file; for a sign-in of people, allow public client flows in the application",
    ),
    (
        &[50097, 53000, 53001, 53002],
        "the tenant accepts known devices only",
        SIGN_IN_LOG,
    ),
    (
        &[53003, 53009, 53010, 53011, 530_031, 530_032, 530_034],
        "a Conditional Access policy blocks the sign-in",
        "an administrator of the tenant finds the policy in the sign-in log, by the correlation id; many tenants block device codes, so try the method browser",
    ),
    (
        &[50105],
        "the account is not assigned to the application",
        "an administrator of the tenant assigns the account to the application, or stops asking for assignment",
    ),
    (
        &[50196],
        "the same request was sent too often",
        "wait a few minutes",
    ),
    (&[65001, 90008, 90094], "consent is missing", CONSENT),
    (
        &[65002],
        "Microsoft did not authorize this application for that service",
        "use an application of your own",
    ),
    (
        &[70008, 700_082, 50173, 50078],
        "the earlier sign-in is no longer valid",
        "sign in again",
    ),
];
