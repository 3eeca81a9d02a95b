//! Before a plan: which of the permissions and cmdlets that a playbook needs this account lacks, and who can give them.
//!
//! What a token says costs nothing; Exchange Online and the on-premises server are asked once each for the cmdlets that
//! they permit. A service that does not tell is taken to permit everything: what it refuses, it says then.

use crate::failure::{Failure, FailureKind};
use crate::graph::{self, Method};
use crate::session::connections::Token;
use crate::session::event::Level;
use crate::session::plan::Change;
use crate::session::{Request, Session};
use crate::subject::{Plane, Subject};
use std::collections::BTreeSet;

/// Something that a playbook asks of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// Of which.
    pub plane: Plane,
    /// The cmdlet, or method and path of the request.
    pub call: String,
    /// Whether it changes something.
    pub writes: bool,
}

/// Something that this account may not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// Where.
    pub plane: Plane,
    /// The calls, as the needs have them.
    pub calls: Vec<String>,
    /// What is missing, a clause.
    pub what: String,
    /// Who can give it, and how.
    pub remedy: String,
}

impl Lack {
    /// Whether it is why a change would be refused.
    fn forbids(&self, change: &Change) -> bool {
        let call = key(&change.request);
        self.plane == change.subject.plane
            && self.calls.iter().any(|lacked| same_call(lacked, &call))
    }
}

impl Session {
    /// Says what this account lacks of what a playbook needs. It is remembered until the end of the pass, see
    /// [`Outcome::lacks`](crate::session::Outcome::lacks).
    ///
    /// # Errors
    ///
    /// When signing in is refused, or the user interrupted; a service that does not tell is no error.
    pub fn preflight(&self, needs: &[Need]) -> Result<(), Failure> {
        if !needs.iter().any(|need| need.writes) {
            // What only looks says itself what it could not look at.
            return Ok(());
        }
        for plane in [Plane::Entra, Plane::ExchangeOnline, Plane::OnPremises] {
            let of_plane: Vec<Need> = needs
                .iter()
                .filter(|need| need.plane == plane)
                .cloned()
                .collect();
            let elsewhere = self.half().is_some_and(|half| !half.side().has(plane));
            if of_plane.is_empty() || elsewhere {
                continue;
            }
            if plane != Plane::OnPremises {
                self.addresses()?;
            }
            match self.ask_lacks(plane, &of_plane) {
                Ok(lacks) => {
                    for lack in lacks {
                        self.say(
                            Level::Warning,
                            format!("{}: {}; {}", lack.plane, lack.what, lack.remedy),
                        );
                        self.state().lacks.push(lack);
                    }
                }
                Err(failure)
                    if matches!(failure.kind, FailureKind::SignIn | FailureKind::Interrupted) =>
                {
                    // Asking again with a wrong password would bring the account nearer to being locked.
                    return Err(failure.about(Subject::all(plane, "account")));
                }
                Err(failure) => tracing::debug!(%plane, %failure, "what is permitted is not known"),
            }
        }
        Ok(())
    }
}

/// The lacks for which changes would be refused, as one failure; none where there are none.
pub(super) fn refusal<'a>(
    lacks: &[Lack],
    pending: impl Iterator<Item = &'a Change>,
) -> Option<Failure> {
    let pending: Vec<&Change> = pending.collect();
    let forbidding: Vec<&Lack> = lacks
        .iter()
        .filter(|lack| pending.iter().any(|change| lack.forbids(change)))
        .collect();
    let first = forbidding.first()?;
    let what: Vec<String> = forbidding
        .iter()
        .map(|lack| format!("{}: {}", lack.plane, lack.what))
        .collect();
    Some(
        Failure::new(
            FailureKind::Denied,
            "this plan is not applied, because this account may not do all of it",
        )
        .with_detail(what.join("; "))
        .with_hint(first.remedy.clone()),
    )
}

/// What a request is compared by: the cmdlet, or the method and the kind of object.
fn key(request: &Request) -> String {
    match request {
        Request::Cmdlet(invocation) => invocation.cmdlet.clone(),
        Request::Graph(request) => format!("{} {}", request.method, request.path),
        Request::Script(_) | Request::Discovery(_) => request.call(),
    }
}

fn same_call(one: &str, other: &str) -> bool {
    let parts = |call: &str| {
        let (verb, rest) = call.split_once(' ').unwrap_or((call, ""));
        (
            verb.to_lowercase(),
            graph::resource(rest).to_owned(),
            rest.contains("/appRoleAssign"),
        )
    };
    parts(one) == parts(other)
}

/// What a token for Graph lacks, and the account behind it.
pub(super) fn of_graph(needs: &[Need], token: &Token) -> Vec<Lack> {
    let has = |wanted: &&str| {
        let granted = token.roles.iter().chain(&token.scopes);
        granted
            .into_iter()
            .any(|granted| granted.eq_ignore_ascii_case(wanted))
    };
    let application = token.scopes.is_empty();
    if application && token.roles.is_empty() && token.app_id.is_none() {
        return Vec::new();
    }
    let mut lacks: Vec<Lack> = Vec::new();
    let (mut writes_applications, mut written) = (false, Vec::new());
    for need in needs {
        let (method, path) = need.call.split_once(' ').unwrap_or((&need.call, ""));
        let method = match method {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "DELETE" => Method::Delete,
            _ => Method::Patch,
        };
        let any_of = graph::permissions(method, path);
        let Some(least) = any_of.first() else {
            continue;
        };
        if method != Method::Get {
            writes_applications |=
                ["servicePrincipals", "applications"].contains(&graph::resource(path));
            written.push(need.call.clone());
        }
        if any_of.iter().any(has) {
            continue;
        }
        let what = format!("{} does not have the permission {least}", speaker(token));
        match lacks.iter_mut().find(|lack| lack.what == what) {
            Some(lack) => lack.calls.push(need.call.clone()),
            None => lacks.push(Lack {
                plane: Plane::Entra,
                calls: vec![need.call.clone()],
                what,
                remedy: "a Global Administrator or Privileged Role Administrator adds it to the application and consents to it".to_owned(),
            }),
        }
    }
    let has_role = |(id, _): &(&str, &str)| token.directory_roles.iter().any(|role| role == id);
    // A token that names no role at all does not name roles.
    if !application
        && writes_applications
        && !token.directory_roles.is_empty()
        && !graph::APPLICATION_ROLES.iter().any(has_role)
    {
        let names = graph::APPLICATION_ROLES.map(|(_, name)| name).join(", ");
        lacks.push(Lack {
            plane: Plane::Entra,
            calls: written,
            what: format!(
                "{} has none of the directory roles that may change applications: {names}",
                token.account.as_deref().unwrap_or("the account")
            ),
            remedy: "a Global Administrator or Privileged Role Administrator assigns one; a custom role with microsoft.directory/servicePrincipals/credentials/update is not seen here".to_owned(),
        });
    }
    lacks
}

/// What lets an application run cmdlets of Exchange Online at all.
const AS_APPLICATION: &str = "Exchange.ManageAsApp";

pub(super) fn of_application(needs: &[Need], token: &Token) -> Option<Lack> {
    let application = token.scopes.is_empty() && token.account.is_none() && token.app_id.is_some();
    let has = token.roles.iter().any(|role| role == AS_APPLICATION);
    (application && !has).then(|| Lack {
        plane: Plane::ExchangeOnline,
        calls: needs.iter().map(|need| need.call.clone()).collect(),
        what: format!("{} does not have the role {AS_APPLICATION}", speaker(token)),
        remedy: "a Global Administrator or Privileged Role Administrator adds it to the application, consents to it, and assigns the directory role Exchange Administrator to the application".to_owned(),
    })
}

fn speaker(token: &Token) -> String {
    let name = token.app_name.as_ref().or(token.app_id.as_ref());
    match name {
        Some(name) => format!("the application {name}"),
        None => "the application".to_owned(),
    }
}

pub(super) fn of_cmdlets(
    plane: Plane,
    needs: &[Need],
    permitted: Option<BTreeSet<String>>,
) -> Vec<Lack> {
    let Some(permitted) = permitted else {
        return Vec::new();
    };
    let calls: Vec<String> = needs
        .iter()
        .map(|need| need.call.clone())
        .filter(|call| !permitted.contains(&call.to_lowercase()))
        .collect();
    if calls.is_empty() {
        return Vec::new();
    }
    let remedy = match plane {
        Plane::ExchangeOnline => {
            "a Global Administrator or Privileged Role Administrator assigns the directory role Exchange Administrator, or a member of Organization Management a role group with these cmdlets"
        }
        _ => {
            "a member of Organization Management assigns a management role with these cmdlets (New-ManagementRoleAssignment); a cmdlet that this version of Exchange does not have cannot be assigned"
        }
    };
    vec![Lack {
        plane,
        what: format!("this account may not run {}", calls.join(", ")),
        calls,
        remedy: remedy.to_owned(),
    }]
}
