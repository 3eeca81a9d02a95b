//! The phases of a rotation: which certificate signs now, next and before.

use super::parameters::parameter_of;
use super::{Write, say};
use crate::exchange::Invocation;
use crate::failure::Failure;
use crate::session::event::Level;
use crate::session::plan::equal;
use crate::session::{Operation, Request, Session};
use crate::subject::Effect;
use crate::value::{Object, Value};

pub(super) const AUTH_CONFIG: &str = "AuthConfig";

pub(super) const NEXT_DATE: &str = "NextCertificateEffectiveDate";

/// Gives the certificates that sign now and next their former places, as far as a parameter does; the places are in
/// different parameter sets, so there may be an operation for each.
pub(super) fn certificates_restored(
    session: &Session,
    write: &Write,
    before: &Object,
    present: &Object,
) -> Result<Vec<Operation>, Failure> {
    let text = |object: &Object, property: &str| {
        let text = object.get(property).and_then(Value::as_text);
        text.unwrap_or_default().to_owned()
    };
    let mut operations = Vec::new();
    for [set, date] in [
        ["CurrentCertificateThumbprint", ""],
        ["NextCertificateThumbprint", NEXT_DATE],
        ["PreviousCertificateThumbprint", ""],
    ] {
        let (former, now) = (text(before, set), text(present, set));
        let left = write.left(set).as_text().unwrap_or_default().to_owned();
        let date_differs = !date.is_empty()
            && write.asked.contains_key(date)
            && !equal(
                present.get(date).unwrap_or(&Value::Null),
                before.get(date).unwrap_or(&Value::Null),
            );
        if !write.asked.contains_key(set) || (former.eq_ignore_ascii_case(&now) && !date_differs) {
            continue;
        }
        if !now.eq_ignore_ascii_case(&left) {
            return Err(write
                .refuse(&format!("someone changed {set} since"))
                .with_detail(format!("the run left \"{left}\", now \"{now}\"")));
        }
        let parameter = parameter_of(AUTH_CONFIG, set);
        if parameter == set || former.is_empty() {
            let text = format!(
                "{set} of {} stays \"{now}\": no parameter of Set-AuthConfig makes it \"{former}\" again",
                write.subject
            );
            say(session, Level::Warning, text)?;
            continue;
        }
        let mut set_back = Invocation::new("Set-AuthConfig").with(parameter, former.as_str());
        let mut asked = Object::from_iter([(set.to_owned(), former.into())]);
        if let (false, Some(when)) = (date.is_empty(), before.get(date)) {
            set_back = set_back.with(parameter_of(AUTH_CONFIG, date), when.clone());
            asked.insert(date.to_owned(), when.clone());
        }
        let request = set_back.with("Force", true).with("Confirm", false);
        let request = Request::Cmdlet(request);
        operations.push(write.operation(Effect::Update, request, asked));
    }
    Ok(operations)
}
