//! The errors of Kerberos (RFC 4120 7.5.9): what they mean, and what to do.

/// What a Kerberos error means (RFC 4120 7.5.9), in the words of the one who signs in.
pub(super) fn words(code: u32) -> String {
    let words = match code {
        KDC_ERR_C_PRINCIPAL_UNKNOWN => "the domain does not know the account",
        KDC_ERR_S_PRINCIPAL_UNKNOWN => "the domain does not know the service",
        KDC_ERR_POLICY => "a policy of the domain forbids it",
        KDC_ERR_ETYPE_NOSUPP => {
            "the account or the server has no key of a type that is spoken here"
        }
        KDC_ERR_CLIENT_REVOKED => {
            "the account is disabled, locked out, expired, or not allowed now"
        }
        KDC_ERR_KEY_EXPIRED => "the password has expired",
        KDC_ERR_PREAUTH_FAILED => "the password is wrong",
        KRB_AP_ERR_TKT_NYV | KRB_AP_ERR_SKEW => "the clocks differ by more than five minutes",
        KRB_AP_ERR_MODIFIED => "the server cannot read the ticket",
        KDC_ERR_WRONG_REALM => "the account belongs to another domain",
        _ => return format!("error {code}"),
    };
    words.to_owned()
}

/// What to do about it.
pub(super) fn remedy(code: u32, service: &str) -> String {
    let remedy = match code {
        KDC_ERR_C_PRINCIPAL_UNKNOWN => {
            "write exchange.username as DOMAIN\\user or as a user principal name"
        }
        KDC_ERR_S_PRINCIPAL_UNKNOWN => {
            return format!(
                "use the server's full name in exchange.url; behind a load balancer {service} must be registered to the alternate service account (setspn -Q {service})"
            );
        }
        KDC_ERR_POLICY | KDC_ERR_CLIENT_REVOKED => {
            "look at the account in Active Directory Users and Computers: disabled, locked out, expired, logon hours, logon workstations"
        }
        KDC_ERR_ETYPE_NOSUPP => {
            "AES must be allowed for the account and the server (msDS-SupportedEncryptionTypes); an old account gets its AES keys when its password is changed"
        }
        KDC_ERR_KEY_EXPIRED => "change the password, then run it again",
        KDC_ERR_PREAUTH_FAILED => {
            "check exchange.password; several wrong ones may lock the account"
        }
        KRB_AP_ERR_TKT_NYV | KRB_AP_ERR_SKEW => {
            "set the clocks of this computer, the domain controller and the Exchange server by the same time source"
        }
        KRB_AP_ERR_MODIFIED => {
            return format!(
                "{service} is registered to an account that the server does not run as, or twice (setspn -X)"
            );
        }
        KDC_ERR_WRONG_REALM => {
            "set exchange.kdc to a domain controller of the account's own domain"
        }
        _ => "look for the number in the list of Kerberos errors (RFC 4120 7.5.9)",
    };
    remedy.to_owned()
}

// Error codes of RFC 4120 7.5.9.
pub(super) const KDC_ERR_C_PRINCIPAL_UNKNOWN: u32 = 6;
pub(super) const KDC_ERR_S_PRINCIPAL_UNKNOWN: u32 = 7;
const KDC_ERR_POLICY: u32 = 12;
const KDC_ERR_ETYPE_NOSUPP: u32 = 14;
const KDC_ERR_CLIENT_REVOKED: u32 = 18;
const KDC_ERR_KEY_EXPIRED: u32 = 23;
const KDC_ERR_PREAUTH_FAILED: u32 = 24;
const KRB_AP_ERR_TKT_NYV: u32 = 33;
const KRB_AP_ERR_SKEW: u32 = 37;
const KRB_AP_ERR_MODIFIED: u32 = 41;
pub(super) const KDC_ERR_WRONG_REALM: u32 = 68;
