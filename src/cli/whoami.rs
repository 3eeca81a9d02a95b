//! `exoauth whoami`: as whom this program speaks on each road.

use crate::cli::args::{Format, Which};
use crate::cli::place::Place;
use crate::cli::wait::wait;
use crate::cli::{Env, ExitCode, runtime};
use crate::failure::Failure;
use crate::organization::Organization;
use crate::report::{clean, folded, human, organization_line};
use crate::session::{Identity, Who, identities};
use crate::subject::Plane;
use serde_json::{Value as Json, json};
use tokio::runtime::Handle;

/// Signs in for each service and shows as whom.
pub(super) fn main(env: &Env, asked: Which, format: Format) -> Result<ExitCode, Failure> {
    let runtime = runtime()?;
    env.watch_signals(runtime.handle());
    let mut place = Place::open(env, &asked.into(), runtime.handle())?;
    place.find_cloud(env, runtime.handle())?;
    show(env, &place, runtime.handle(), format)
}

/// Signs in for each service of a place and shows as whom; a service that refuses does not hide the others.
pub(super) fn show(
    env: &Env,
    place: &Place,
    runtime: &Handle,
    format: Format,
) -> Result<ExitCode, Failure> {
    let who = Who {
        organization: place.organization.clone(),
        read_secret: env.read_secret(),
        outside: place.outside.clone(),
        clock: place.clock.clone(),
        patience: env.patience.clone(),
        listeners: Vec::new(),
    };
    let found = wait(env, runtime, identities(who))?;
    let failed = found.iter().find_map(|(_, found)| found.as_ref().err());
    let code = failed.map_or(ExitCode::DONE, |failure| ExitCode::of(failure, 0));
    match format {
        Format::Human => in_words(env, place, &found)?,
        Format::Json => {
            let rows: Vec<Json> = found
                .iter()
                .map(|(plane, found)| row(*plane, found))
                .collect();
            let json = json!({
                "organization": place.organization.name,
                "simulated": place.simulated,
                "method": place.organization.sign_in.method.word(),
                "on_premises": on_premises(&place.organization),
                "cloud": rows,
            });
            env.output.stream.line(&format!("{json:#}"))?;
        }
    }
    Ok(code)
}

fn in_words(
    env: &Env,
    place: &Place,
    found: &[(Plane, Result<Identity, Failure>)],
) -> Result<(), Failure> {
    let output = &env.output.stream;
    let width = env.paint(&env.output).width;
    let organization = &place.organization;
    output.line(&organization_line(
        clean(&organization.name),
        place.simulated,
    ))?;
    if let Some(account) = on_premises(organization) {
        output.line(&format!("{}: {}", Plane::OnPremises, clean(&account)))?;
    }
    for (plane, found) in found {
        match found {
            Ok(identity) => {
                output.line(&format!("{plane}: {}", identity.service))?;
                for (title, value) in facts(identity) {
                    let title = format!("    {title:16} ");
                    let below = " ".repeat(title.len());
                    let lines = folded(&clean(&value), width, &title, &below);
                    lines.iter().try_for_each(|line| output.line(line))?;
                }
            }
            Err(failure) => {
                output.line(&format!("{plane}: not signed in"))?;
                human::complain(&env.error.stream, failure, env.paint(&env.error))?;
            }
        }
    }
    Ok(())
}

/// What is known of an identity, with a title each.
fn facts(identity: &Identity) -> Vec<(&'static str, String)> {
    let application = match (&identity.application_name, &identity.application) {
        (Some(name), Some(id)) => Some(format!("{name} ({id})")),
        (name, id) => name.clone().or_else(|| id.clone()),
    };
    let list = |words: &[String]| (!words.is_empty()).then(|| words.join(", "));
    let facts = [
        ("tenant", identity.tenant.clone()),
        ("account", identity.account.clone()),
        ("application", application),
        ("roles", list(&identity.roles)),
        ("scopes", list(&identity.scopes)),
        ("directory roles", list(&identity.directory_roles)),
        ("expires", identity.expires.clone()),
    ];
    facts
        .into_iter()
        .filter_map(|(title, value)| value.map(|value| (title, value)))
        .collect()
}

/// Whom the organization file names for the on-premises server; it is not asked.
fn on_premises(organization: &Organization) -> Option<String> {
    let exchange = organization.exchange.as_ref()?;
    let who = match &exchange.account {
        Some(account) => account.username.as_str(),
        None => "the holder of the Kerberos ticket",
    };
    Some(format!("{who} at {}", exchange.url))
}

fn row(plane: Plane, found: &Result<Identity, Failure>) -> Json {
    match found {
        Ok(identity) => json!({"plane": plane.to_string(), "identity": identity}),
        Err(failure) => json!({"plane": plane.to_string(), "failure": failure}),
    }
}
