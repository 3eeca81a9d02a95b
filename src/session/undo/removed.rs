//! What the run made: removed, if it still is what the run made.

use super::Write;
use super::auth_config::places_of;
use super::difference::difference;
use super::write::all;
use crate::exchange::Invocation;
use crate::failure::{Failure, FailureKind};
use crate::graph::credential::Holder;
use crate::graph::{Method, Request as GraphRequest};
use crate::session::{Operation, Request, Session};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};

const CERTIFICATE: &str = "ExchangeCertificate";

/// Removes what the run made, if it still is what the run made.
pub(super) fn removal(
    session: &Session,
    write: &Write,
    present: &Object,
) -> Result<Vec<Operation>, Failure> {
    let made = write.after.as_ref().unwrap_or(&write.asked);
    if let Some(difference) = difference(made, present) {
        return Err(write
            .refuse("it is no longer what the run made")
            .with_detail(difference)
            .with_hint("remove it by hand if it is not used"));
    }
    let name = write.subject.name.clone().unwrap_or_default();
    match &write.request {
        Request::Cmdlet(invocation) => {
            if let (CERTIFICATE, Some(Request::Cmdlet(get))) =
                (invocation.noun(), write.now_known_as().1)
            {
                return certificate_removed(session, write, &get);
            }
            let remove = Invocation::new(format!("Remove-{}", invocation.noun()));
            let remove = remove.with("Identity", name).with("Confirm", false);
            let request = Request::Cmdlet(remove);
            Ok(vec![write.operation(
                Effect::Delete,
                request,
                Object::new(),
            )])
        }
        Request::Graph(post) => {
            let id = present
                .get("id")
                .and_then(Value::as_text)
                .ok_or_else(|| write.refuse("the directory did not give its id"))?;
            let collection = match Holder::of_noun(&write.subject.noun) {
                Some(holder) => holder.collection(),
                None => post.path.as_str(),
            };
            let request = GraphRequest::new(Method::Delete, format!("{collection}/{id}"));
            let request = Request::Graph(request);
            Ok(vec![write.operation(
                Effect::Delete,
                request,
                Object::new(),
            )])
        }
        Request::Script(_) | Request::Discovery(_) => {
            Err(write.refuse("how to remove it is not known here"))
        }
    }
}

/// Removes a certificate that nothing names any more from the server that made it, and from those that Exchange copied it
/// to when it was staged.
fn certificate_removed(
    session: &Session,
    write: &Write,
    get: &Invocation,
) -> Result<Vec<Operation>, Failure> {
    let thumbprint = match get.parameters.get("Thumbprint").and_then(Value::as_text) {
        Some(thumbprint) => thumbprint.to_owned(),
        None => return Err(write.refuse("the journal does not have its thumbprint")),
    };
    if let Some((place, _)) = places_of(session, &thumbprint)?.first() {
        let why = format!("{place} of on-premises AuthConfig is {thumbprint}");
        return Err(write
            .refuse(&why)
            .with_hint("without it, Exchange could sign no token when its time comes"));
    }
    let listed = all(
        session,
        Subject::all(Plane::OnPremises, "ExchangeServer"),
        Request::Cmdlet(Invocation::new("Get-ExchangeServer")),
    )?;
    let servers = listed
        .iter()
        .filter_map(|server| server.get("Name").and_then(Value::as_text));
    let mut removals = Vec::new();
    for server in servers {
        let on_server = |verb: &str| {
            Invocation::new(format!("{verb}-{CERTIFICATE}"))
                .with("Server", server)
                .with("Thumbprint", thumbprint.as_str())
        };
        let subject = Subject::one(
            Plane::OnPremises,
            CERTIFICATE,
            format!("{server}\\{thumbprint}"),
        );
        let observe = Request::Cmdlet(on_server("Get"));
        match all(session, subject.clone(), observe.clone()) {
            Ok(held) if !held.is_empty() => {}
            // Not there, or a server so old that it knows nothing of it.
            Ok(_) => continue,
            Err(failure)
                if matches!(failure.kind, FailureKind::NotFound | FailureKind::Invalid) =>
            {
                continue;
            }
            Err(failure) => return Err(failure),
        }
        let request = Request::Cmdlet(on_server("Remove").with("Confirm", false));
        let removal = write.operation(Effect::Delete, request, Object::new());
        removals.push(Operation {
            subject,
            observe: Some(observe),
            ..removal
        });
    }
    Ok(removals)
}
