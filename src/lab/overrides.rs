//! Setting overrides: which features the on-premises servers have switched on.
//!
//! A server goes by the overrides that it read last: `Get-ExchangeDiagnosticInfo` with `Refresh` makes it read them, and
//! an hour passing does. Of several overrides for one feature none counts, and the feature has its default.

use super::cmdlet::{Call, not_found};
use super::object::{self, object};
use super::world::{Answer, Refusal, World};
use crate::subject::Plane;
use crate::value::{Object, Value};
use jiff::Timestamp;

/// A feature: component and section.
pub(super) type Feature = (&'static str, &'static str);

/// On-premises Exchange speaks to Exchange Online as an application of its own.
pub(super) const DEDICATED_APPLICATION: Feature = ("Global", "ExchangeOnpremAsThirdPartyAppId");
/// On-premises Exchange asks Microsoft Graph instead of Exchange Web Services.
pub(super) const GRAPH_FLOW: Feature = ("SettingOverride", "RouteThroughMSGraph");

/// Seconds after which the servers read the overrides again.
const READ_AGAIN: i64 = 3600;

/// The overrides that the servers still go by, and since when others are in the directory.
pub(super) type Former = (Timestamp, Vec<Object>);

/// Keeps what the servers go by, before a cmdlet changes what is in the directory.
pub(super) fn before_change(world: &mut World) {
    if in_use_former(world).is_none() {
        let former = world.objects(Plane::OnPremises, "SettingOverride").to_vec();
        let now = world.now();
        *world.former_overrides_mut() = Some((now, former));
    }
}

fn in_use_former(world: &World) -> Option<&[Object]> {
    world
        .former_overrides()
        .filter(|(since, _)| world.now().as_second() - since.as_second() < READ_AGAIN)
        .map(|(_, former)| former.as_slice())
}

/// Whether the server that runs cmdlets has a feature switched on.
pub(super) fn is_on(world: &World, feature: Feature) -> bool {
    let of_directory = world.objects(Plane::OnPremises, "SettingOverride");
    let in_use = in_use_former(world).unwrap_or(of_directory);
    let concerning: Vec<&Object> = in_use
        .iter()
        .filter(|object| {
            let is = |name: &str, word: &str| text(object, name).eq_ignore_ascii_case(word);
            is("ComponentName", feature.0) && is("SectionName", feature.1)
        })
        .filter(|object| status(world, object) == ACCEPTED)
        .collect();
    match concerning.as_slice() {
        [one] => parameters(one).any(|(name, value)| {
            name.eq_ignore_ascii_case("Enabled") && value.eq_ignore_ascii_case("true")
        }),
        _ => false,
    }
}

fn text<'a>(object: &'a Object, name: &str) -> &'a str {
    object::text(object, name).unwrap_or_default()
}

fn parameters(object: &Object) -> impl Iterator<Item = (&str, &str)> {
    let list = object.get("Parameters").and_then(Value::as_list);
    list.unwrap_or_default()
        .iter()
        .filter_map(Value::as_text)
        .filter_map(|parameter| parameter.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
}

const ACCEPTED: &str = "Accepted";

/// What the server that runs cmdlets makes of an override. The word for another version is inferred.
fn status(world: &World, object: &Object) -> &'static str {
    let here = world.names().server(Plane::OnPremises);
    let scoped = object.get("Server").and_then(Value::as_list);
    let names_here = |server: &Value| {
        server
            .as_text()
            .and_then(|server| server.split('.').next())
            .is_some_and(|server| server.eq_ignore_ascii_case(here))
    };
    if scoped.is_some_and(|scoped| !scoped.is_empty() && !scoped.iter().any(names_here)) {
        return "ServerMismatch";
    }
    let build = world.exchange_build(here);
    let build = numbers(build.as_deref().unwrap_or_default());
    let from = numbers(text(object, "MinVersion"));
    let to = numbers(text(object, "MaxVersion"));
    let early = !from.is_empty() && build < from;
    let late = !to.is_empty() && build > to;
    if early || late {
        return "VersionMismatch";
    }
    ACCEPTED
}

fn numbers(version: &str) -> Vec<u32> {
    version
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect()
}

/// Adds what the server that runs cmdlets works out about an override.
pub(super) fn show(world: &World, object: &mut Object) {
    let escaped = |name: &str| {
        text(object, name)
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;")
    };
    let list: String = parameters(object)
        .map(|(name, value)| format!("<P>{name}={value}</P>"))
        .collect();
    let raw = format!(
        "<S CN=\"{}\" SN=\"{}\" MB=\"{}\" R=\"{}\"><Ps>{list}</Ps></S>",
        escaped("ComponentName"),
        escaped("SectionName"),
        escaped("ModifiedBy"),
        escaped("Reason"),
    );
    let status = status(world, object);
    object.insert("Status".to_owned(), status.into());
    object.insert("XmlRaw".to_owned(), raw.into());
}

/// `Get-ExchangeDiagnosticInfo`; of the components that there are, only the one about overrides says something.
pub(super) fn diagnostics(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let here = world.names().server(call.plane);
    let server = call.text("Server").unwrap_or(here);
    let name = server.split('.').next().unwrap_or(server);
    if world.server(server).is_none() {
        return Err(not_found(world, call, server));
    }
    let is = |parameter: &str, word: &str| {
        call.text(parameter)
            .is_some_and(|text| text.eq_ignore_ascii_case(word))
    };
    let process = call.text("Process").unwrap_or_default();
    let about_overrides = is("Component", "VariantConfiguration");
    if about_overrides && is("Argument", "Refresh") && name.eq_ignore_ascii_case(here) {
        *world.former_overrides_mut() = None;
    }
    let component = match call.text("Component") {
        Some(_) if about_overrides => {
            let list: String = world
                .objects(Plane::OnPremises, "SettingOverride")
                .iter()
                .map(|object| {
                    format!(
                        "<Override><Name>{}</Name><Status>{}</Status></Override>",
                        text(object, "Name"),
                        status(world, object)
                    )
                })
                .collect();
            format!("<VariantConfiguration><Overrides>{list}</Overrides></VariantConfiguration>")
        }
        _ => String::new(),
    };
    let result = format!(
        "<Diagnostics><ProcessInfo><id>2716</id><serverName>{name}</serverName><processName>{process}</processName></ProcessInfo><Components>{component}</Components></Diagnostics>"
    );
    let given = object([
        ("Result", result.into()),
        ("Identity", "".into()),
        ("IsValid", true.into()),
        ("ObjectState", "New".into()),
    ]);
    Ok(Answer::of(vec![given.into()]))
}
