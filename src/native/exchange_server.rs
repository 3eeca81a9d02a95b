//! Exchange servers: which there are, with roles, versions and builds.

use super::options::Entry;
use super::{Exchange, Target, Thrown, throw};
use crate::exchange::{Cmdlet, FixedScript, ScriptCall};
use crate::failure::{Failure, FailureKind};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use rhai::plugin::*;
use rhai::{Array, Map};
use serde::{Deserialize, Serialize};

/// Parameters of `Get-ExchangeServer`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetExchangeServer {}

impl Cmdlet for GetExchangeServer {
    const NAME: &'static str = "Get-ExchangeServer";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = &[Plane::OnPremises];
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::bare::<GetExchangeServer>("get_exchange_server"),
    Entry::bare::<GetExchangeServer>("get_exchange_build"),
];

#[export_module]
pub(super) mod functions {
    /// Gives all Exchange servers, or the one that is named; `not_found` where there is none of that name.
    ///
    /// The version shown (`admin_display_version`) hides security and hotfix updates.
    ///
    /// ```rhai
    /// for server in onprem.get_exchange_server() {
    ///     say(`${server.name}: ${server.admin_display_version}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_exchange_server(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<Array> {
        organization.list(&call, Target::All, &GetExchangeServer {})
    }

    #[rhai_fn(global, name = "get_exchange_server", pure, return_raw, volatile)]
    pub fn get_one(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<Map> {
        organization.one(&call, Target::Identity(identity), &GetExchangeServer {})
    }

    /// Gives the build of each server, as its `ExSetup.exe` has it; with a server's name, that of one.
    ///
    /// It is a list of `#{ server, build }`, such as `#{ server: "EX01", build: "15.2.1748.24" }`.
    /// `admin_display_version` hides security and hotfix updates; this does not. Each server is asked itself, through
    /// PowerShell remoting of Windows (WinRM), as the account of the organization file: `unreachable` where that does
    /// not answer, and `not_found` where something else does. Edge servers are left out of the list, for they belong
    /// to no domain.
    ///
    /// ```rhai
    /// for one in onprem.get_exchange_build() {
    ///     say(`${one.server} runs ${one.build}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_exchange_build(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<Array> {
        let servers = organization.perform(&call, Target::All, &GetExchangeServer {})?;
        let servers = servers.output.iter().filter_map(Value::as_object);
        servers
            .filter(|server| !is_edge(server))
            .map(|server| build_of(&call, organization, server).map(Dynamic::from_map))
            .collect()
    }

    #[rhai_fn(global, name = "get_exchange_build", pure, return_raw, volatile)]
    pub fn build_of_one(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<Map> {
        let target = Target::Identity(identity);
        let answer = organization.perform(&call, target, &GetExchangeServer {})?;
        let subject = Subject::one(Plane::OnPremises, "ExchangeServer", identity);
        match answer.output.as_slice() {
            [Value::Object(server)] => build_of(&call, organization, server),
            _ => Err(throw(
                Failure::new(FailureKind::NotFound, "there is no such server").about(subject),
            )),
        }
    }
}

/// Edge servers have a directory of their own, and no account of the domain.
fn is_edge(server: &Object) -> bool {
    matches!(server.get("IsEdgeServer"), Some(Value::Bool(true)))
}

fn build_of(call: &NativeCallContext, organization: &Exchange, server: &Object) -> Thrown<Map> {
    let text = |property: &str| match server.get(property) {
        Some(Value::Text(text)) if !text.is_empty() => Ok(text.as_str()),
        _ => Err(throw(Failure::new(
            FailureKind::Protocol,
            format!("the answer of Get-ExchangeServer lacks {property}"),
        ))),
    };
    let name = text("Name")?;
    let script = ScriptCall::on(Some(text("Fqdn")?), FixedScript::ExchangeBuild);
    let subject = Subject::one(Plane::OnPremises, "ExchangeBuild", name);
    let answer = organization.script(call, subject.clone(), script, Some(name));
    let answer = answer.map_err(throw)?;
    match answer.get("Build") {
        Some(Value::Text(build)) if is_build(build) => Ok(Map::from_iter([
            ("server".into(), name.into()),
            ("build".into(), build.as_str().into()),
        ])),
        _ => Err(throw(
            Failure::new(
                FailureKind::Protocol,
                "the version of ExSetup.exe is not four numbers",
            )
            .about(subject),
        )),
    }
}

fn is_build(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 4 && parts.iter().all(|part| part.parse::<u32>().is_ok())
}
