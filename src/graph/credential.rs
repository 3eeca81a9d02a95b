//! Key credentials of applications and service principals: the list is replaced whole when it is written, so it is
//! merged here, and no entry is lost.
//!
//! Microsoft Graph gives the `key` of an entry only where `keyCredentials` is selected of a single object. What may be
//! sent of an entry that stays differs: a service principal takes its key, type and usage and nothing else
//! (CSS-Exchange `Remove-CertificateFromAzureServicePrincipal.ps1`), an application takes it back as it was read, with
//! its `keyId` (`Add-CertificateToAzureApplication.ps1`).

use crate::certificate::Certificate;
use crate::failure::{Failure, FailureKind};
use crate::subject::Subject;
use crate::value::{Object, Value};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;

/// The name of the list.
pub const CREDENTIALS: &str = "keyCredentials";

/// Whose keys they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A registered application.
    Application,
    /// What stands for an application in a tenant.
    ServicePrincipal,
}

impl Holder {
    /// The noun of its objects.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Application => "Application",
            Self::ServicePrincipal => "ServicePrincipal",
        }
    }

    /// The collection of its objects, as paths have it.
    pub fn collection(self) -> &'static str {
        match self {
            Self::Application => "/applications",
            Self::ServicePrincipal => "/servicePrincipals",
        }
    }

    /// What people call one.
    pub fn word(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::ServicePrincipal => "service principal",
        }
    }

    /// The holder whose objects are of that noun.
    pub fn of_noun(noun: &str) -> Option<Self> {
        [Self::Application, Self::ServicePrincipal]
            .into_iter()
            .find(|holder| holder.noun() == noun)
    }

    /// The entry of a certificate that is new.
    pub fn entry_of(self, certificate: &Certificate) -> Value {
        let mut entry = Object::from_iter([
            ("type".to_owned(), "AsymmetricX509Cert".into()),
            ("usage".to_owned(), "Verify".into()),
            ("key".to_owned(), certificate.base64().into()),
        ]);
        if self == Self::Application {
            entry.insert("displayName".to_owned(), certificate.subject().into());
        }
        entry.into()
    }
}

/// One entry of the list.
pub struct Credential<'object>(pub &'object Object);

impl Credential<'_> {
    fn text(&self, property: &str) -> Option<&str> {
        self.0
            .get(property)
            .and_then(Value::as_text)
            .filter(|text| !text.is_empty())
    }

    /// The certificate, if its key was given and is one.
    fn certificate(&self) -> Option<Certificate> {
        Certificate::from_any(self.text("key")?.as_bytes()).ok()
    }

    /// The thumbprint: of the key itself where it was given, else as the identifier says it, which is either 40
    /// hexadecimal digits or the base64 of 20 bytes.
    pub fn thumbprint(&self) -> Option<String> {
        if let Some(certificate) = self.certificate() {
            return Some(certificate.thumbprint());
        }
        let identifier = self.text("customKeyIdentifier")?;
        if identifier.len() == 40 && identifier.chars().all(|digit| digit.is_ascii_hexdigit()) {
            return Some(identifier.to_uppercase());
        }
        let bytes = BASE64_STANDARD.decode(identifier).ok()?;
        (bytes.len() == 20).then(|| bytes.iter().map(|byte| format!("{byte:02X}")).collect())
    }

    /// Whether it is this certificate.
    pub fn holds(&self, certificate: &Certificate) -> bool {
        self.thumbprint() == Some(certificate.thumbprint())
    }

    /// Whether it has expired.
    pub fn expired(&self, now: Timestamp) -> bool {
        self.text("endDateTime")
            .and_then(|end| end.parse::<Timestamp>().ok())
            .is_some_and(|end| end < now)
    }

    /// What to call it in a sentence.
    pub fn called(&self) -> String {
        self.thumbprint()
            .or_else(|| self.text("keyId").map(str::to_owned))
            .unwrap_or_else(|| "without an identifier".to_owned())
    }

    /// The entry as it is written again; nothing where its key was not given.
    pub fn again(&self, holder: Holder) -> Option<Value> {
        let needed = ["type", "usage", "key"]
            .into_iter()
            .map(|property| Some((property.to_owned(), self.text(property)?.into())));
        let needed = needed.collect::<Option<Object>>()?;
        Some(Value::Object(match holder {
            Holder::ServicePrincipal => needed,
            Holder::Application => self
                .0
                .iter()
                .filter(|(_, value)| **value != Value::Null)
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }))
    }
}

/// A new list, and what is to be said about it.
#[derive(Debug, Default, PartialEq)]
pub struct Merge {
    /// The list.
    pub list: Vec<Value>,
    /// Expired entries that are left out.
    pub dropped: Vec<String>,
    /// Expired entries that stay, because the list is not written.
    pub stale: usize,
}

/// The list of an object as it was read.
pub struct Credentials<'list> {
    /// Whose it is.
    pub holder: Holder,
    /// What failures are about.
    pub subject: &'list Subject,
    /// The entries.
    pub list: &'list [Value],
    /// The time, which says what has expired.
    pub now: Timestamp,
}

impl<'list> Credentials<'list> {
    /// The entries.
    ///
    /// # Errors
    ///
    /// When one is no object.
    pub fn entries(&self) -> Result<Vec<Credential<'list>>, Failure> {
        let entry = |value: &'list Value| {
            value.as_object().map(Credential).ok_or_else(|| {
                Failure::new(
                    FailureKind::Protocol,
                    format!(
                        "an entry of {CREDENTIALS} of {} is not an object",
                        self.subject
                    ),
                )
                .about(self.subject.clone())
            })
        };
        self.list.iter().map(entry).collect()
    }

    /// Whether a certificate is among them that has not expired.
    ///
    /// # Errors
    ///
    /// As [`Credentials::entries`].
    pub fn have(&self, certificate: &Certificate) -> Result<bool, Failure> {
        let is_it = |entry: &Credential| entry.holds(certificate) && !entry.expired(self.now);
        Ok(self.entries()?.iter().any(is_it))
    }

    /// The list with a certificate in it: as it is when the certificate is there already.
    ///
    /// # Errors
    ///
    /// When the key of an entry that is to stay was not given.
    pub fn with(&self, certificate: &Certificate) -> Result<Merge, Failure> {
        let entries = self.entries()?;
        if self.have(certificate)? {
            return Ok(Merge {
                list: self.list.to_vec(),
                dropped: Vec::new(),
                stale: entries.iter().filter(|held| held.expired(self.now)).count(),
            });
        }
        let mut merge = self.retained(&entries, |_| false)?;
        merge.list.push(self.holder.entry_of(certificate));
        Ok(merge)
    }

    /// The list without the certificate of a thumbprint.
    ///
    /// # Errors
    ///
    /// `NotFound` where there is none; as [`Credentials::with`].
    pub fn without(&self, thumbprint: &str) -> Result<Merge, Failure> {
        let entries = self.entries()?;
        let unwanted = |entry: &Credential| {
            entry
                .thumbprint()
                .is_some_and(|held| held.eq_ignore_ascii_case(thumbprint))
        };
        if !entries.iter().any(unwanted) {
            return Err(Failure::new(
                FailureKind::NotFound,
                format!("{} has no certificate {thumbprint}", self.subject),
            )
            .about(self.subject.clone()));
        }
        self.retained(&entries, unwanted)
    }

    /// The entries to write again: neither expired nor unwanted.
    fn retained(
        &self,
        entries: &[Credential],
        unwanted: impl Fn(&Credential) -> bool,
    ) -> Result<Merge, Failure> {
        let mut merge = Merge::default();
        for entry in entries.iter().filter(|entry| !unwanted(entry)) {
            if entry.expired(self.now) {
                merge.dropped.push(entry.called());
            } else {
                let again = entry.again(self.holder);
                merge
                    .list
                    .push(again.ok_or_else(|| self.would_lose(entry))?);
            }
        }
        Ok(merge)
    }

    /// The failure of a write that would lose an entry.
    pub fn would_lose(&self, entry: &Credential) -> Failure {
        Failure::new(
            FailureKind::Protocol,
            format!(
                "Microsoft Graph did not give the content of the certificate {}, so writing the list would lose it",
                entry.called()
            ),
        )
        .about(self.subject.clone())
        .with_hint("nothing was written; try again, and if it stays so, look at the certificates of the application in the Entra admin center")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::made_for_a_test as certificate;
    use crate::subject::Plane;

    const VALID: &str = "2029-02-01T09:00:00Z";
    const OVER: &str = "2024-02-01T09:00:00Z";
    const HOLDERS: [Holder; 2] = [Holder::Application, Holder::ServicePrincipal];

    /// An entry as the directory gives it.
    fn held(key: Value, identifier: &str, end: &str) -> Value {
        let properties = [
            ("customKeyIdentifier", identifier.into()),
            ("displayName", "CN=somebody".into()),
            ("endDateTime", end.into()),
            ("key", key),
            ("keyId", "9c1f0000-0000-0000-0000-000000000000".into()),
            ("type", "AsymmetricX509Cert".into()),
            ("usage", "Verify".into()),
        ];
        let owned = properties.map(|(name, value): (&str, Value)| (name.to_owned(), value));
        Value::Object(Object::from_iter(owned))
    }

    fn merged(
        holder: Holder,
        list: &[Value],
        change: impl FnOnce(&Credentials) -> Result<Merge, Failure>,
    ) -> Result<Merge, Failure> {
        change(&Credentials {
            holder,
            subject: &Subject::one(Plane::Entra, holder.noun(), "app"),
            list,
            now: "2026-11-23T09:00:00Z".parse().unwrap(),
        })
    }

    #[test]
    fn beside_a_new_certificate_a_service_principal_keeps_the_content_of_the_others_only() {
        let (other, ours) = (certificate(), certificate());
        let list = [held(other.base64().into(), "AB", VALID)];
        let holder = Holder::ServicePrincipal;
        assert_eq!(
            merged(holder, &list, |held| held.with(&ours)).unwrap(),
            Merge {
                list: vec![holder.entry_of(&other), holder.entry_of(&ours)],
                ..Merge::default()
            }
        );
    }

    #[test]
    fn beside_a_new_certificate_an_application_keeps_the_others_whole() {
        let (other, ours) = (certificate(), certificate());
        let list = [held(other.base64().into(), "AB", VALID)];
        let holder = Holder::Application;
        assert_eq!(
            merged(holder, &list, |held| held.with(&ours)).unwrap(),
            Merge {
                list: vec![list[0].clone(), holder.entry_of(&ours)],
                ..Merge::default()
            }
        );
    }

    #[test]
    fn expired_ones_are_dropped_even_without_content() {
        let ours = certificate();
        let gone = "50BCCCF600B3868EA4D11EEA9BC833A1402204D8";
        for holder in HOLDERS {
            let list = [held(Value::Null, gone, OVER)];
            assert_eq!(
                merged(holder, &list, |held| held.with(&ours)).unwrap(),
                Merge {
                    list: vec![holder.entry_of(&ours)],
                    dropped: vec![gone.to_owned()],
                    stale: 0,
                }
            );
        }
    }

    #[test]
    fn an_entry_without_content_is_never_written_over() {
        for (holder, empty) in HOLDERS.into_iter().zip([Value::Null, "".into()]) {
            let entry = held(empty, "50BCCCF600B3868EA4D11EEA9BC833A1402204D8", VALID);
            let failure = merged(holder, &[entry], |held| held.with(&certificate())).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Protocol);
            assert_eq!(
                failure.message,
                "Microsoft Graph did not give the content of the certificate 50BCCCF600B3868EA4D11EEA9BC833A1402204D8, so writing the list would lose it"
            );
        }
    }

    #[test]
    fn a_certificate_is_recognized_in_every_form() {
        let ours = certificate();
        let twice = BASE64_STANDARD.encode(ours.base64());
        let identifier = BASE64_STANDARD.encode(ours.sha1());
        let forms = [
            held(ours.base64().into(), "unrelated", VALID),
            held(twice.into(), "unrelated", VALID),
            held(Value::Null, &ours.thumbprint().to_lowercase(), VALID),
            held(Value::Null, &identifier, VALID),
        ];
        for form in forms {
            let list = vec![form, held(Value::Null, "", OVER)];
            assert_eq!(
                merged(Holder::Application, &list, |held| held.with(&ours)).unwrap(),
                Merge {
                    list: list.clone(),
                    dropped: Vec::new(),
                    stale: 1,
                }
            );
        }
    }

    #[test]
    fn the_content_of_a_key_wins_over_its_identifier() {
        let (other, ours) = (certificate(), certificate());
        let liar = held(other.base64().into(), &ours.thumbprint(), VALID);
        let merge = merged(Holder::Application, &[liar], |held| held.with(&ours)).unwrap();
        assert_eq!(merge.list.len(), 2);
    }

    #[test]
    fn one_is_removed_and_the_others_stay() {
        let (other, ours) = (certificate(), certificate());
        let list = [
            held(other.base64().into(), "", VALID),
            held(ours.base64().into(), "", VALID),
        ];
        for (holder, kept) in [
            (Holder::Application, list[0].clone()),
            (
                Holder::ServicePrincipal,
                Holder::ServicePrincipal.entry_of(&other),
            ),
        ] {
            let merge = merged(holder, &list, |held| held.without(&ours.thumbprint())).unwrap();
            assert_eq!(merge.list, [kept]);
            let failure = merged(holder, &list, |held| held.without("ABCD")).unwrap_err();
            assert_eq!(failure.kind, FailureKind::NotFound);
        }
    }
}
