//! The phases of a rotation: which certificate signs now, next and before.
//!
//! The places are in different parameter sets of `Set-AuthConfig`, and not all of them can be given back: the reference
//! of the cmdlet has no parameter that empties the next certificate, and none that names a previous one.

use super::parameters::parameter_of;
use super::write::read;
use super::{Inverse, Write, say};
use crate::certificate::Certificate;
use crate::exchange::Invocation;
use crate::failure::Failure;
use crate::session::event::Level;
use crate::session::plan::equal;
use crate::session::{Operation, Request, Session};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use jiff::Timestamp;

pub(super) const AUTH_CONFIG: &str = "AuthConfig";

pub(super) const NEXT_DATE: &str = "NextCertificateEffectiveDate";

const CURRENT: &str = "CurrentCertificateThumbprint";
const NEXT: &str = "NextCertificateThumbprint";
const PREVIOUS: &str = "PreviousCertificateThumbprint";

/// The places of certificates, in which order they are given back.
const PLACES: [&str; 3] = [CURRENT, NEXT, PREVIOUS];

/// Gives the certificates that sign now and next their former places, as far as a parameter does.
pub(super) fn certificates_restored(
    session: &Session,
    write: &Write,
    before: &Object,
    present: &Object,
) -> Result<Inverse, Failure> {
    let rotation = Rotation {
        session,
        write,
        before,
        present,
    };
    let mut inverse = Inverse::default();
    for place in PLACES {
        if rotation.is_given_back(place)? {
            match place {
                CURRENT => inverse.operations.push(rotation.current()?),
                NEXT => rotation.next(&mut inverse)?,
                _ => rotation.previous(&mut inverse)?,
            }
        }
    }
    Ok(inverse)
}

/// A write about certificates, with what was there before it and what is there now.
struct Rotation<'undo> {
    session: &'undo Session,
    write: &'undo Write,
    before: &'undo Object,
    present: &'undo Object,
}

impl Rotation<'_> {
    fn former(&self, place: &str) -> String {
        text(self.before, place)
    }

    fn now(&self, place: &str) -> String {
        text(self.present, place)
    }

    /// What the run left in a place, or what became of it by itself: on its day, Exchange lets the next certificate take
    /// over.
    fn left(&self, place: &str) -> String {
        let left = |place| {
            let left = self.write.left(place);
            left.as_text().unwrap_or_default().to_owned()
        };
        match (self.has_taken_over(), place) {
            (true, CURRENT) => left(NEXT),
            (true, NEXT) => String::new(),
            (true, PREVIOUS) => self.former(CURRENT),
            _ => left(place),
        }
    }

    fn has_taken_over(&self) -> bool {
        let asked = &self.write.asked;
        let staged = self.write.left(NEXT);
        let staged = staged.as_text().unwrap_or_default();
        asked.contains_key(NEXT)
            && !asked.contains_key(CURRENT)
            && !staged.is_empty()
            && !same(staged, &self.former(CURRENT))
            && same(staged, &self.now(CURRENT))
            && !same(staged, &self.now(NEXT))
    }

    /// Whether a place is to be given back: it was taken by the run, is another's now, and nobody has touched it since.
    fn is_given_back(&self, place: &str) -> Result<bool, Failure> {
        let (former, now, left) = (self.former(place), self.now(place), self.left(place));
        let date_differs = place == NEXT
            && self.write.asked.contains_key(NEXT_DATE)
            && !now.is_empty()
            && !equal(
                self.present.get(NEXT_DATE).unwrap_or(&Value::Null),
                self.before.get(NEXT_DATE).unwrap_or(&Value::Null),
            );
        let taken = self.write.asked.contains_key(place) || self.has_taken_over();
        if !taken || (same(&former, &now) && !date_differs) {
            return Ok(false);
        }
        // No parameter empties the next one, so where none is there any more, it has taken over.
        let as_left = same(&now, &left) || (place == NEXT && now.is_empty());
        match as_left {
            true => Ok(true),
            false => Err(self
                .write
                .refuse(&format!("someone changed {place} since"))
                .with_detail(format!("the run left \"{left}\", now \"{now}\""))),
        }
    }

    /// Lets the former certificate sign again, if it still can.
    fn current(&self) -> Result<Operation, Failure> {
        let former = self.former(CURRENT);
        let why = match self.held(&former)? {
            None => Some("the server does not hold it any more".to_owned()),
            Some(Some(held)) if held.is_expired(self.session.now()) => {
                Some(format!("it expired on {}", held.not_after()))
            }
            Some(_) => None,
        };
        if let Some(why) = why {
            let why = format!("{former} cannot sign again, since {why}");
            return Err(self.write.refuse(&why));
        }
        self.warn(format!(
            "on-premises Exchange signs with {former} again, which Entra ID has to know: rotate-certificate --only rotation-upload sees to it"
        ))?;
        Ok(self.set(CURRENT, &former, None))
    }

    fn next(&self, inverse: &mut Inverse) -> Result<(), Failure> {
        let (former, now) = (self.former(NEXT), self.now(NEXT));
        let date = text(self.before, NEXT_DATE);
        if former.is_empty() {
            let day = text(self.present, NEXT_DATE);
            let why = format!(
                "{NEXT} stays {now}, since no documented parameter of Set-AuthConfig empties it, and Exchange signs with that certificate from {day} on"
            );
            inverse.left.push(self.write.refuse(&why).with_hint(
                "another one can take its place, or its day can be moved: onprem.set_auth_config with new_certificate_thumbprint or new_certificate_effective_date",
            ));
            return Ok(());
        }
        let moment: Option<Timestamp> = date.parse().ok();
        if moment.is_some_and(|moment| moment <= self.session.now()) {
            return self.warn(format!(
                "{former} is not made the next certificate again: its day was {date}, so that Exchange would sign with it at once; rotate-certificate with thumbprint={former} stages it anew"
            ));
        }
        let date = self.before.get(NEXT_DATE).cloned();
        inverse.operations.push(self.set(NEXT, &former, date));
        Ok(())
    }

    fn previous(&self, inverse: &mut Inverse) -> Result<(), Failure> {
        let (former, now) = (self.former(PREVIOUS), self.now(PREVIOUS));
        if !former.is_empty() {
            return self.warn(format!(
                "{PREVIOUS} of {} stays \"{now}\" and does not become {former} again: no parameter of Set-AuthConfig names a previous certificate, so tokens that it signed are not accepted",
                self.write.subject
            ));
        }
        let clear = Invocation::new("Set-AuthConfig").with("ClearPreviousCertificate", true);
        inverse
            .operations
            .push(self.update(clear, PREVIOUS, "", None));
        Ok(())
    }

    fn set(&self, place: &str, thumbprint: &str, date: Option<Value>) -> Operation {
        let mut set =
            Invocation::new("Set-AuthConfig").with(parameter_of(AUTH_CONFIG, place), thumbprint);
        if let Some(date) = &date {
            set = set.with(parameter_of(AUTH_CONFIG, NEXT_DATE), date.clone());
        }
        self.update(set.with("Force", true), place, thumbprint, date)
    }

    fn update(
        &self,
        invocation: Invocation,
        place: &str,
        thumbprint: &str,
        date: Option<Value>,
    ) -> Operation {
        let mut asked = Object::from_iter([(place.to_owned(), thumbprint.into())]);
        asked.extend(date.map(|date| (NEXT_DATE.to_owned(), date)));
        let request = Request::Cmdlet(invocation.with("Confirm", false));
        self.write.operation(Effect::Update, request, asked)
    }

    /// A certificate of the server that answers, as far as it gives its bytes; absent where it has none.
    fn held(&self, thumbprint: &str) -> Result<Option<Option<Certificate>>, Failure> {
        let get = Invocation::new("Get-ExchangeCertificate").with("Thumbprint", thumbprint);
        let subject = Subject::one(Plane::OnPremises, "ExchangeCertificate", thumbprint);
        let held = read(self.session, subject, Request::Cmdlet(get))?;
        Ok(held.map(|held| {
            let bytes = match held.get("RawData") {
                Some(Value::Bytes(bytes)) => bytes.clone(),
                Some(Value::Text(text)) => text.clone().into_bytes(),
                _ => return None,
            };
            Certificate::from_any(&bytes).ok()
        }))
    }

    fn warn(&self, text: String) -> Result<(), Failure> {
        say(self.session, Level::Warning, text)
    }
}

/// The places in which Exchange names a certificate now; none where it does not say.
///
/// # Errors
///
/// When the configuration cannot be read.
pub(super) fn places_of(
    session: &Session,
    thumbprint: &str,
) -> Result<Vec<(&'static str, Object)>, Failure> {
    let get = Request::Cmdlet(Invocation::new("Get-AuthConfig"));
    let subject = Subject::all(Plane::OnPremises, AUTH_CONFIG);
    let Some(config) = read(session, subject, get)? else {
        return Ok(Vec::new());
    };
    let named = PLACES
        .into_iter()
        .filter(|place| same(&text(&config, place), thumbprint));
    Ok(named.map(|place| (place, config.clone())).collect())
}

/// Says what comes of it that an application forgets a certificate that Exchange signs with.
pub(super) fn warn_of_forgotten(
    session: &Session,
    write: &Write,
    thumbprint: &str,
) -> Result<(), Failure> {
    // Who takes back what was done in the cloud need not reach the servers.
    let Ok(places) = places_of(session, thumbprint) else {
        return Ok(());
    };
    for (place, config) in places {
        let when = match place {
            CURRENT => "signs".to_owned(),
            NEXT => format!("is to sign from {} on", text(&config, NEXT_DATE)),
            _ => continue,
        };
        say(
            session,
            Level::Warning,
            format!(
                "on-premises Exchange {when} with {thumbprint}, which {} does not know any longer: its requests are refused then, until rotate-certificate --only rotation-upload",
                write.subject
            ),
        )?;
    }
    Ok(())
}

fn text(object: &Object, property: &str) -> String {
    let text = object.get(property).and_then(Value::as_text);
    text.unwrap_or_default().to_owned()
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
