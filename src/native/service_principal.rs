//! Service principals: what the directory knows of an application in this tenant, its certificates and its names.
//!
//! `keyCredentials` and `servicePrincipalNames` are lists that the service replaces whole. Reading, merging and writing
//! them is done here and nowhere else, so that no script can lose an entry.

use super::options::{Entry, quoted};
use super::{Entra, Thrown, auth_certificate, convert, origin, throw};
use crate::certificate::Certificate;
use crate::failure::{Failure, FailureKind};
use crate::graph::{Method, Request as GraphRequest};
use crate::session::event::{Event, Level};
use crate::session::{Operation, Request};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use rhai::plugin::*;
use rhai::{Array, Map};

const NOUN: &str = "ServicePrincipal";
const CREDENTIALS: &str = "keyCredentials";
const NAMES: &str = "servicePrincipalNames";
const PATCH: &str = "PATCH /servicePrincipals/{id}";

/// The properties that are read; `keyCredentials` comes with its keys only when it is named and one object is asked for.
const SELECT: &str = "id,appId,displayName,accountEnabled,servicePrincipalNames,keyCredentials";

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::graph(
        "get_service_principal",
        "GET /servicePrincipals(appId='{appId}')",
        Effect::Read,
    ),
    Entry::graph(
        "has_key_credential",
        "GET /servicePrincipals(appId='{appId}')",
        Effect::Read,
    ),
    Entry::graph("upload_key_credential", PATCH, Effect::Update),
    Entry::graph("remove_key_credential", PATCH, Effect::Update),
    Entry::graph("add_spn", PATCH, Effect::Update),
    Entry::graph("remove_spn", PATCH, Effect::Update),
];

#[export_module]
pub(super) mod functions {
    /// Gives the service principal of an application id, or of its own id; `not_found` where the tenant has none.
    ///
    /// Each entry of `key_credentials` has its `thumbprint` besides what the directory says of it.
    ///
    /// ```rhai
    /// let principal = entra.get_service_principal("00000002-0000-0ff1-ce00-000000000000");
    /// say(`${principal.display_name} has ${principal.key_credentials.len()} certificates`);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_service_principal(
        call: NativeCallContext,
        entra: &mut Entra,
        id: &str,
    ) -> Thrown<Map> {
        let principal = Principal::read(&call, entra, id).map_err(throw)?;
        Ok(convert::to_map(&principal.shown()))
    }

    /// Says whether a service principal has a certificate that has not expired.
    ///
    /// ```rhai
    /// let certificate = onprem.export_auth_certificate("current");
    /// say(entra.has_key_credential("00000002-0000-0ff1-ce00-000000000000", certificate));
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn has_key_credential(
        call: NativeCallContext,
        entra: &mut Entra,
        id: &str,
        certificate: Dynamic,
    ) -> Thrown<bool> {
        let certificate = auth_certificate::given(&certificate).map_err(throw)?;
        let principal = Principal::read(&call, entra, id).map_err(throw)?;
        let now = entra.session().now();
        let credentials = principal.credentials().map_err(throw)?;
        Ok(credentials
            .iter()
            .any(|credential| credential.holds(&certificate) && !credential.expired(now)))
    }

    /// Adds a certificate to those that a service principal trusts.
    ///
    /// All others stay, except expired ones, which are dropped because the directory refuses to write them again. A
    /// certificate that is there already is not written again; then expired ones stay too, and this says so. Fails when
    /// the certificate has expired, and when the directory did not give the content of one that is to stay, because
    /// writing the list would lose it.
    ///
    /// ```rhai
    /// let certificate = onprem.export_auth_certificate("current");
    /// entra.upload_key_credential("00000002-0000-0ff1-ce00-000000000000", certificate);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn upload_key_credential(
        call: NativeCallContext,
        entra: &mut Entra,
        id: &str,
        certificate: Dynamic,
    ) -> Thrown<()> {
        let certificate = auth_certificate::given(&certificate).map_err(throw)?;
        upload(&call, entra, id, &certificate).map_err(throw)
    }

    /// Removes the certificate of a thumbprint from those that a service principal trusts.
    ///
    /// All others stay, except expired ones, as `upload_key_credential` does. `not_found` where there is none of that
    /// thumbprint.
    ///
    /// ```rhai
    /// let application = "00000002-0000-0ff1-ce00-000000000000";
    /// let certificate = onprem.export_auth_certificate("current");
    /// entra.upload_key_credential(application, certificate);
    /// entra.remove_key_credential(application, certificate.thumbprint);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn remove_key_credential(
        call: NativeCallContext,
        entra: &mut Entra,
        id: &str,
        thumbprint: &str,
    ) -> Thrown<()> {
        remove_credential(&call, entra, id, thumbprint).map_err(throw)
    }

    /// Adds names such as `https://mail.contoso.com/` to a service principal.
    ///
    /// All names that are there stay. One that is there, with or without the slash at the end and in whatever case, is
    /// not added again. A name is the https address of a host and nothing else: paths, ports and other schemes are
    /// refused.
    ///
    /// ```rhai
    /// entra.add_spn("00000002-0000-0ff1-ce00-000000000000", ["https://mail.contoso.com/"]);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn add_spn(
        call: NativeCallContext,
        entra: &mut Entra,
        id: &str,
        names: Array,
    ) -> Thrown<()> {
        let wanted = host_names(&names).map_err(throw)?;
        add_names(&call, entra, id, &wanted).map_err(throw)
    }

    #[rhai_fn(global, name = "add_spn", pure, return_raw, volatile)]
    pub fn add_one_spn(
        call: NativeCallContext,
        entra: &mut Entra,
        id: &str,
        name: &str,
    ) -> Thrown<()> {
        let wanted = host_names(&[name.into()]).map_err(throw)?;
        add_names(&call, entra, id, &wanted).map_err(throw)
    }

    /// Removes names such as `https://mail.contoso.com/` from a service principal; all others stay.
    ///
    /// A name that is not there is no error.
    ///
    /// ```rhai
    /// let application = "00000002-0000-0ff1-ce00-000000000000";
    /// entra.add_spn(application, ["https://mail.example.com/"]);
    /// entra.remove_spn(application, ["https://mail.example.com/"]);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn remove_spn(
        call: NativeCallContext,
        entra: &mut Entra,
        id: &str,
        names: Array,
    ) -> Thrown<()> {
        let unwanted = host_names(&names).map_err(throw)?;
        remove_names(&call, entra, id, &unwanted).map_err(throw)
    }
}

fn upload(
    call: &NativeCallContext,
    entra: &Entra,
    id: &str,
    certificate: &Certificate,
) -> Result<(), Failure> {
    let now = entra.session().now();
    if certificate.is_expired(now) {
        return Err(Failure::new(
            FailureKind::Invalid,
            format!(
                "the certificate {} expired on {}",
                certificate.thumbprint(),
                certificate.not_after()
            ),
        )
        .with_hint(
            "nobody would accept it: renew the authorization certificate of Exchange first",
        ));
    }
    let principal = Principal::read(call, entra, id)?;
    let merge = principal.with_certificate(certificate, now)?;
    principal.announce(entra, &merge)?;
    principal.write(call, entra, CREDENTIALS, merge.list)
}

fn remove_credential(
    call: &NativeCallContext,
    entra: &Entra,
    id: &str,
    thumbprint: &str,
) -> Result<(), Failure> {
    let principal = Principal::read(call, entra, id)?;
    let merge = principal.without_certificate(thumbprint, entra.session().now())?;
    principal.announce(entra, &merge)?;
    principal.write(call, entra, CREDENTIALS, merge.list)
}

fn add_names(
    call: &NativeCallContext,
    entra: &Entra,
    id: &str,
    wanted: &[String],
) -> Result<(), Failure> {
    let principal = Principal::read(call, entra, id)?;
    let mut names = principal.list(NAMES)?.to_vec();
    for name in wanted {
        if !names.iter().any(|held| same_name(held, name)) {
            names.push(name.as_str().into());
        }
    }
    principal.write(call, entra, NAMES, names)
}

fn remove_names(
    call: &NativeCallContext,
    entra: &Entra,
    id: &str,
    unwanted: &[String],
) -> Result<(), Failure> {
    let principal = Principal::read(call, entra, id)?;
    let mut names = principal.list(NAMES)?.to_vec();
    names.retain(|held| !unwanted.iter().any(|name| same_name(held, name)));
    principal.write(call, entra, NAMES, names)
}

/// A service principal as it was read.
struct Principal {
    /// By application id, whatever it was asked for by.
    subject: Subject,
    object: Object,
}

impl Principal {
    fn read(call: &NativeCallContext, entra: &Entra, id: &str) -> Result<Self, Failure> {
        if !is_guid(id) {
            return Err(Failure::new(
                FailureKind::Input,
                format!("\"{id}\" is neither an application id nor the id of a service principal"),
            )
            .with_hint("an id looks like 3f2504e0-4f89-11d3-9a0c-0305e82c3301"));
        }
        let subject = Subject::one(Plane::Entra, NOUN, id);
        let read = |path: String| {
            entra.session().perform(&Operation {
                subject: subject.clone(),
                effect: Effect::Read,
                request: Request::Graph(get(path)),
                observe: None,
                asked: Object::new(),
                learned: Vec::new(),
                origin: origin(call),
            })
        };
        let answer = match read(by_application_id(id)) {
            Err(first) if first.kind == FailureKind::NotFound => {
                read(format!("/servicePrincipals/{id}")).map_err(|second| match second.kind {
                    FailureKind::NotFound => first.with_hint(
                        "the tenant has no such application; that of Exchange Online comes with its first subscription",
                    ),
                    _ => second,
                })?
            }
            answer => answer?,
        };
        match answer.output.into_iter().next() {
            Some(Value::Object(object)) => Ok(Self {
                subject: Subject::one(Plane::Entra, NOUN, text(&object, "appId", &subject)?),
                object,
            }),
            _ => Err(Failure::new(
                FailureKind::Protocol,
                "Microsoft Graph gave no service principal",
            )
            .about(subject)),
        }
    }

    /// One of its lists.
    fn list(&self, property: &str) -> Result<&[Value], Failure> {
        self.object
            .get(property)
            .and_then(Value::as_list)
            .ok_or_else(|| {
                Failure::new(
                    FailureKind::Protocol,
                    format!("{} came without {property}", self.subject),
                )
                .about(self.subject.clone())
            })
    }

    fn credentials(&self) -> Result<Vec<Credential<'_>>, Failure> {
        self.list(CREDENTIALS)?
            .iter()
            .map(|value| {
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
            })
            .collect()
    }

    /// The list with a certificate in it: as it is when the certificate is there already.
    fn with_certificate(
        &self,
        certificate: &Certificate,
        now: Timestamp,
    ) -> Result<Merge, Failure> {
        let credentials = self.credentials()?;
        if credentials
            .iter()
            .any(|credential| credential.holds(certificate) && !credential.expired(now))
        {
            return Ok(Merge {
                list: self.list(CREDENTIALS)?.to_vec(),
                dropped: Vec::new(),
                stale: credentials.iter().filter(|held| held.expired(now)).count(),
            });
        }
        let mut merge = self.retained(&credentials, now, |_| false)?;
        merge.list.push(credential_of(certificate));
        Ok(merge)
    }

    /// The list without the certificate of a thumbprint.
    fn without_certificate(&self, thumbprint: &str, now: Timestamp) -> Result<Merge, Failure> {
        let credentials = self.credentials()?;
        let unwanted = |credential: &Credential| {
            credential
                .thumbprint()
                .is_some_and(|held| held.eq_ignore_ascii_case(thumbprint))
        };
        if !credentials.iter().any(unwanted) {
            return Err(Failure::new(
                FailureKind::NotFound,
                format!("{} has no certificate {thumbprint}", self.subject),
            )
            .about(self.subject.clone()));
        }
        self.retained(&credentials, now, unwanted)
    }

    /// The entries to write again: neither expired nor unwanted, each with its key, its type and its usage only, since
    /// the service refuses identifiers and dates of entries that are there.
    fn retained(
        &self,
        credentials: &[Credential],
        now: Timestamp,
        unwanted: impl Fn(&Credential) -> bool,
    ) -> Result<Merge, Failure> {
        let mut merge = Merge::default();
        for credential in credentials
            .iter()
            .filter(|credential| !unwanted(credential))
        {
            if credential.expired(now) {
                merge.dropped.push(credential.called());
            } else {
                let again = credential.again();
                merge
                    .list
                    .push(again.ok_or_else(|| self.would_lose(credential))?);
            }
        }
        Ok(merge)
    }

    fn announce(&self, entra: &Entra, merge: &Merge) -> Result<(), Failure> {
        let say = |text: String| {
            let level = Level::Info;
            entra.session().announce(&Event::Said { level, text })
        };
        for name in &merge.dropped {
            say(format!(
                "the certificate {name} of {} has expired and is dropped",
                self.subject
            ))?;
        }
        if merge.stale > 0 {
            say(format!(
                "{} expired certificates of {} stay until its list is written again",
                merge.stale, self.subject
            ))?;
        }
        Ok(())
    }

    fn would_lose(&self, credential: &Credential) -> Failure {
        Failure::new(
            FailureKind::Protocol,
            format!(
                "Microsoft Graph did not give the content of the certificate {}, so writing the list would lose it",
                credential.called()
            ),
        )
        .about(self.subject.clone())
        .with_hint("nothing was written; try again, and if it stays so, look at the certificates of the application in the Entra admin center")
    }

    /// Writes one list whole. The gate reads the object again right before, refuses if the list has changed since it
    /// was read here, and sends nothing if the list is as it is to be.
    fn write(
        &self,
        call: &NativeCallContext,
        entra: &Entra,
        property: &str,
        list: Vec<Value>,
    ) -> Result<(), Failure> {
        let id = text(&self.object, "id", &self.subject)?;
        let application = self.subject.name.clone().unwrap_or_default();
        let asked = Object::from_iter([(property.to_owned(), Value::List(list))]);
        let operation = Operation {
            subject: self.subject.clone(),
            effect: Effect::Update,
            request: Request::Graph(
                GraphRequest::new(Method::Patch, format!("/servicePrincipals/{id}"))
                    .with_body(asked.clone()),
            ),
            observe: Some(Request::Graph(get(by_application_id(&application)))),
            asked,
            learned: Vec::new(),
            origin: origin(call),
        };
        entra.session().perform(&operation).map(drop)
    }

    /// The object for a script: each certificate with its thumbprint.
    fn shown(&self) -> Object {
        let mut object = self.object.clone();
        if let Some(Value::List(list)) = object.get_mut(CREDENTIALS) {
            for value in list {
                let Value::Object(credential) = value else {
                    continue;
                };
                let thumbprint = Credential(credential).thumbprint();
                credential.insert("thumbprint".to_owned(), thumbprint.into());
            }
        }
        object
    }
}

/// A new list of key credentials, and what is to be said about it.
#[derive(Debug, Default, PartialEq)]
struct Merge {
    list: Vec<Value>,
    /// Expired entries that are left out.
    dropped: Vec<String>,
    /// Expired entries that stay, because the list is not written.
    stale: usize,
}

/// One entry of `keyCredentials`.
struct Credential<'object>(&'object Object);

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
    fn thumbprint(&self) -> Option<String> {
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

    fn holds(&self, certificate: &Certificate) -> bool {
        self.thumbprint() == Some(certificate.thumbprint())
    }

    fn expired(&self, now: Timestamp) -> bool {
        self.text("endDateTime")
            .and_then(|end| end.parse::<Timestamp>().ok())
            .is_some_and(|end| end < now)
    }

    /// What to call it in a sentence.
    fn called(&self) -> String {
        self.thumbprint()
            .or_else(|| self.text("keyId").map(str::to_owned))
            .unwrap_or_else(|| "without an identifier".to_owned())
    }

    /// The entry as it is written again.
    fn again(&self) -> Option<Value> {
        let entries = ["type", "usage", "key"]
            .into_iter()
            .map(|property| Some((property.to_owned(), self.text(property)?.into())));
        entries.collect::<Option<Object>>().map(Value::Object)
    }
}

fn credential_of(certificate: &Certificate) -> Value {
    Object::from_iter([
        ("type".to_owned(), "AsymmetricX509Cert".into()),
        ("usage".to_owned(), "Verify".into()),
        ("key".to_owned(), certificate.base64().into()),
    ])
    .into()
}

/// Names in the one form that is written, `https://host/`, each once.
fn host_names(names: &[Dynamic]) -> Result<Vec<String>, Failure> {
    let mut all: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    for name in names {
        let Ok(name) = name.as_immutable_string_ref() else {
            return Err(Failure::new(
                FailureKind::Input,
                format!("a name is a text, not {}", convert::type_word(name)),
            ));
        };
        match host_of(&name) {
            Some(host) => {
                let name = format!("https://{host}/");
                if !all.contains(&name) {
                    all.push(name);
                }
            }
            None => wrong.push(name.to_string()),
        }
    }
    if wrong.is_empty() {
        return Ok(all);
    }
    let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
    Err(Failure::new(
        FailureKind::Input,
        format!("no https address of a host alone: {}", quoted(&wrong)),
    )
    .with_hint("write https://mail.contoso.com/, without a path and without a port"))
}

fn host_of(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let host = name.strip_prefix("https://")?;
    let host = host.strip_suffix('/').unwrap_or(host);
    let good = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.';
    (!host.is_empty() && host.chars().all(good) && !host.starts_with('.') && !host.ends_with('.'))
        .then(|| host.to_owned())
}

/// Whether a name that is there is the wanted one, with or without the slash at its end.
fn same_name(held: &Value, wanted: &str) -> bool {
    held.as_text().is_some_and(|held| {
        held.trim_end_matches('/')
            .eq_ignore_ascii_case(wanted.trim_end_matches('/'))
    })
}

fn get(path: String) -> GraphRequest {
    GraphRequest::new(Method::Get, path).with("$select", SELECT)
}

fn by_application_id(id: &str) -> String {
    format!("/servicePrincipals(appId='{id}')")
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.chars().enumerate().all(|(at, letter)| match at {
            8 | 13 | 18 | 23 => letter == '-',
            _ => letter.is_ascii_hexdigit(),
        })
}

fn text<'object>(
    object: &'object Object,
    property: &str,
    subject: &Subject,
) -> Result<&'object str, Failure> {
    object
        .get(property)
        .and_then(Value::as_text)
        .ok_or_else(|| {
            Failure::new(
                FailureKind::Protocol,
                format!("Microsoft Graph gave a service principal without {property}"),
            )
            .about(subject.clone())
        })
}

#[cfg(test)]
mod tests {
    use super::{CREDENTIALS, Merge, Principal, credential_of, host_names, same_name};
    use crate::certificate::made_for_a_test as certificate;
    use crate::failure::FailureKind;
    use crate::subject::{Plane, Subject};
    use crate::value::{Object, Value};
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use jiff::Timestamp;

    fn now() -> Timestamp {
        "2026-11-23T09:00:00Z".parse().unwrap()
    }

    fn object(properties: &[(&str, Value)]) -> Object {
        let owned = |(name, value): &(&str, Value)| ((*name).to_owned(), value.clone());
        properties.iter().map(owned).collect()
    }

    /// An entry as the directory gives it.
    fn held(key: Value, identifier: &str, end: &str) -> Value {
        Value::Object(object(&[
            ("customKeyIdentifier", identifier.into()),
            ("displayName", "CN=somebody".into()),
            ("endDateTime", end.into()),
            ("key", key),
            ("keyId", "9c1f0000-0000-0000-0000-000000000000".into()),
            ("type", "AsymmetricX509Cert".into()),
            ("usage", "Verify".into()),
        ]))
    }

    fn principal(credentials: Vec<Value>) -> Principal {
        Principal {
            subject: Subject::one(Plane::Entra, "ServicePrincipal", "app"),
            object: object(&[(CREDENTIALS, Value::List(credentials))]),
        }
    }

    const VALID: &str = "2029-02-01T09:00:00Z";
    const OVER: &str = "2024-02-01T09:00:00Z";

    #[test]
    fn a_new_certificate_joins_the_others_which_keep_their_content_only() {
        let (other, ours) = (certificate(), certificate());
        let principal = principal(vec![held(other.base64().into(), "AB", VALID)]);
        assert_eq!(
            principal.with_certificate(&ours, now()).unwrap(),
            Merge {
                list: vec![credential_of(&other), credential_of(&ours)],
                ..Merge::default()
            }
        );
    }

    #[test]
    fn expired_ones_are_dropped_even_without_content() {
        let ours = certificate();
        let gone = "50BCCCF600B3868EA4D11EEA9BC833A1402204D8";
        let principal = principal(vec![held(Value::Null, gone, OVER)]);
        assert_eq!(
            principal.with_certificate(&ours, now()).unwrap(),
            Merge {
                list: vec![credential_of(&ours)],
                dropped: vec![gone.to_owned()],
                stale: 0,
            }
        );
    }

    #[test]
    fn an_entry_without_content_is_never_written_over() {
        for empty in [Value::Null, "".into()] {
            let entry = held(empty, "50BCCCF600B3868EA4D11EEA9BC833A1402204D8", VALID);
            let principal = principal(vec![entry]);
            let failure = principal
                .with_certificate(&certificate(), now())
                .unwrap_err();
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
            let stale = held(Value::Null, "", OVER);
            let list = vec![form, stale];
            assert_eq!(
                principal(list.clone())
                    .with_certificate(&ours, now())
                    .unwrap(),
                Merge {
                    list,
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
        let merge = principal(vec![liar])
            .with_certificate(&ours, now())
            .unwrap();
        assert_eq!(merge.list.len(), 2);
    }

    #[test]
    fn one_is_removed_and_the_others_stay() {
        let (other, ours) = (certificate(), certificate());
        let principal = principal(vec![
            held(other.base64().into(), "", VALID),
            held(ours.base64().into(), "", VALID),
        ]);
        let merge = principal
            .without_certificate(&ours.thumbprint(), now())
            .unwrap();
        assert_eq!(merge.list, [credential_of(&other)]);
        let failure = principal.without_certificate("ABCD", now()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotFound);
    }

    #[test]
    fn names_are_hosts_and_nothing_else() {
        let good = ["https://Mail.contoso.com", "HTTPS://mail.contoso.com/"].map(Into::into);
        assert_eq!(host_names(&good).unwrap(), ["https://mail.contoso.com/"]);
        for wrong in [
            "mail.contoso.com",
            "http://mail.contoso.com/",
            "https://mail.contoso.com/ews",
            "https://mail.contoso.com:444/",
            "https://user@mail.contoso.com/",
            "https://*.contoso.com/",
            "https:///",
            "",
        ] {
            assert!(host_names(&[wrong.into()]).is_err(), "{wrong}");
        }
        assert!(host_names(&[7_i64.into()]).is_err());
    }

    #[test]
    fn a_slash_and_the_case_make_no_other_name() {
        for there in ["https://mail.contoso.com", "HTTPS://MAIL.contoso.com/"] {
            assert!(same_name(&there.into(), "https://mail.contoso.com/"));
        }
        assert!(!same_name(
            &"https://mail.contoso.com:443/".into(),
            "https://mail.contoso.com/"
        ));
    }
}
