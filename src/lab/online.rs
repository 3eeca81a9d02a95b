//! The front of Exchange Online's administration: `InvokeCommand`, as the service answers it over REST.
//!
//! Cmdlets themselves are the world's; here are their envelope, its annotations, pages and errors.

use super::cmdlet::{self, UNKNOWN_CMDLET};
use super::entra;
use super::front::{Front, Reply, Request};
use super::noun::{self, Kind, Noun};
use super::seed;
use super::world::{Answer, Refusal, World, guid_of};
use crate::subject::Plane;
use crate::value::{Object, Value};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value as Json, json};

/// Answers a request under `/adminapi/`.
pub(super) fn answer(world: &mut World, request: &Request) -> Reply {
    let id = guid_of(&format!(
        "{} {} {}",
        request.path,
        world.now(),
        world.requests(Front::ExchangeOnline)
    ));
    dispatch(world, request).header("request-id", id)
}

fn dispatch(world: &mut World, request: &Request) -> Reply {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let [_, version, tenant, command] = path.as_slice() else {
        return Reply::not_found();
    };
    if let Err(reply) = allowed(world, request) {
        return *reply;
    }
    if version.eq_ignore_ascii_case("v1.0")
        && command.eq_ignore_ascii_case("EXOModuleFile")
        && request.method == "GET"
    {
        return module_file(world);
    }
    if !version.eq_ignore_ascii_case("beta") || request.method != "POST" {
        return Reply::empty(405);
    }
    if !command.eq_ignore_ascii_case("InvokeCommand") {
        return Reply::not_found();
    }
    if world.names().tenant_of(tenant) != Some(seed::TENANT) {
        return Reply::empty(401).header("x-ms-diagnostics", format!("2000004;reason=\"The tenant for tenant guid '{tenant}' does not exist.\";error_category=\"invalid_tenant\""));
    }
    invoke(world, request)
}

/// What Microsoft's module is made from: the cmdlets that the caller may run.
fn module_file(world: &World) -> Reply {
    let cmdlets = cmdlet::permitted(world, Plane::ExchangeOnline).join(",");
    Reply::json(200, &json!({"value": [{"exportedCmdlets": cmdlets}]}))
}

fn allowed(world: &World, request: &Request) -> Result<(), Box<Reply>> {
    let challenge = format!(
        "Bearer client_id=\"{}\", trusted_issuers=\"{}@*\", token_types=\"app_asserted_user_v1 service_asserted_app_v1\", authorization_uri=\"https://{}/common/oauth2/authorize\"",
        seed::EXCHANGE,
        world.names().token_service,
        world.names().login_host
    );
    let refused = |reason: &str| {
        let diagnostics = format!("2000001;reason=\"{reason}\";error_category=\"invalid_token\"");
        Box::new(
            Reply::empty(401)
                .header("www-authenticate", challenge.as_str())
                .header("x-ms-diagnostics", diagnostics),
        )
    };
    match request.bearer() {
        None | Some("") => Err(Box::new(
            Reply::empty(401).header("www-authenticate", challenge.as_str()),
        )),
        Some(token) => entra::check(world, token, Front::ExchangeOnline)
            .map(|_| ())
            .map_err(|reason| refused(&reason)),
    }
}

fn invoke(world: &mut World, request: &Request) -> Reply {
    let Some((name, parameters)) = read_input(&request.body) else {
        return Reply::json(
            400,
            &json!({"error": {"code": "BadRequest", "message": "Invalid Operation", "details": [{"code": "Client", "target": "", "message": "The request body does not hold a CmdletInput with CmdletName and Parameters."}]}}),
        );
    };
    match world.invoke(Plane::ExchangeOnline, &name, &parameters) {
        Ok(answer) => {
            let known = noun::find(Plane::ExchangeOnline, &name).map(|(_, noun)| noun);
            known.map_or_else(Reply::not_found, |noun| {
                succeeded(world, request, noun, &answer)
            })
        }
        Err(refusal) if refusal.exception == UNKNOWN_CMDLET => forbidden(),
        Err(refusal) => failed(&refusal),
    }
}

/// What a cmdlet that is unknown or not permitted gets: bytes of zero that say that they are gzip.
pub(super) fn forbidden() -> Reply {
    Reply::with(403, "application/json", vec![0; 64]).header("content-encoding", "gzip")
}

fn read_input(body: &[u8]) -> Option<(String, Object)> {
    let body: Json = serde_json::from_slice(body).ok()?;
    let input = body.get("CmdletInput")?;
    let parameters = input.get("Parameters")?.as_object()?;
    let name = input.get("CmdletName")?.as_str()?.to_owned();
    let parameters = parameters
        .iter()
        .filter(|(name, _)| !name.contains('@'))
        .map(|(name, value)| (name.clone(), from_json(value)));
    Some((name, parameters.collect()))
}

/// A parameter's value; hashtables and byte arrays are only such when they are annotated.
fn from_json(json: &Json) -> Value {
    match json {
        Json::Array(list) => Value::List(list.iter().map(from_json).collect()),
        Json::Object(object) => match object.get("@odata.type").and_then(Json::as_str) {
            Some("#Exchange.ByteArrayType") => {
                let data = object
                    .get("Data")
                    .and_then(Json::as_str)
                    .unwrap_or_default();
                BASE64_STANDARD
                    .decode(data)
                    .map_or(Value::Null, Value::Bytes)
            }
            Some("#Exchange.GenericHashTable") => Value::Object(
                object
                    .iter()
                    .filter(|(name, _)| !name.contains('@'))
                    .map(|(name, value)| (name.clone(), from_json(value)))
                    .collect(),
            ),
            // Without the annotation the cmdlet is handed the text of the JSON object.
            _ => json.to_string().into(),
        },
        other => other.clone().into(),
    }
}

fn succeeded(world: &World, request: &Request, noun: &Noun, answer: &Answer) -> Reply {
    let size = page_size(request).unwrap_or(1000);
    let from: usize = request
        .parameter("$skiptoken")
        .and_then(|token| token.parse().ok())
        .unwrap_or(0);
    let selected: Option<Vec<String>> = request.parameter("$select").map(|select| {
        select
            .split(',')
            .map(|name| name.trim().to_owned())
            .collect()
    });
    let value: Vec<Json> = answer
        .output
        .iter()
        .skip(from)
        .take(size)
        .map(|object| shown(noun, object, selected.as_deref()))
        .collect();
    let mut body = json!({
        "@odata.context": format!("https://{}/adminapi/beta/{}/$metadata#Collection(Exchange.GenericHashTable)", world.names().exchange_host, seed::TENANT),
        "adminapi.warnings@odata.type": "#Collection(String)",
        "@adminapi.warnings": answer.warnings,
    });
    if from + value.len() < answer.output.len() {
        body["@odata.nextLink"] = format!(
            "{}{}?$skiptoken={}",
            request.base(),
            request.path,
            from + value.len()
        )
        .into();
    }
    body["value"] = value.into();
    Reply::with(
        200,
        "application/json;odata.metadata=minimal",
        body.to_string(),
    )
}

/// The page size that a client prefers.
fn page_size(request: &Request) -> Option<usize> {
    let preferences = request.header("prefer")?;
    let size = preferences
        .split([',', ';'])
        .find_map(|preference| preference.trim().strip_prefix("odata.maxpagesize="))?;
    size.parse().ok().filter(|size| *size > 0)
}

/// An object with the annotations that name the types of its properties.
fn shown(noun: &Noun, object: &Value, selected: Option<&[String]>) -> Json {
    let mut shown = Map::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        let wanted = selected.is_none_or(|selected| {
            selected
                .iter()
                .any(|other| other.eq_ignore_ascii_case(name))
        });
        if !wanted {
            continue;
        }
        let mut annotate = |data: Option<&str>, odata: Option<&str>| {
            if let Some(data) = data {
                shown.insert(format!("{name}@data.type"), data.into());
            }
            if let Some(odata) = odata {
                shown.insert(format!("{name}@odata.type"), odata.into());
            }
        };
        let mut written = value.to_json();
        match (value, noun::property_kind(noun, name)) {
            (Value::List(_), _) => annotate(None, Some("#Collection(String)")),
            (Value::Text(_), Kind::Guid) => annotate(Some("System.Guid"), Some("#Guid")),
            (Value::Text(text), Kind::Date) => {
                annotate(Some("System.DateTime"), Some("#DateTimeOffset"));
                written = text.replace('Z', ".0000000+00:00").into();
            }
            (Value::Text(_), Kind::Enum(class, _)) => annotate(Some(class), None),
            _ => {}
        }
        shown.insert(name.clone(), written);
    }
    Json::Object(shown)
}

fn failed(refusal: &Refusal) -> Reply {
    let missing = refusal
        .exception
        .ends_with("ManagementObjectNotFoundException");
    let (status, code) = if missing {
        (404, "NotFound")
    } else {
        (400, "BadRequest")
    };
    let mark = guid_of(&refusal.message)
        .get(..6)
        .unwrap_or_default()
        .to_uppercase();
    let body = json!({
        "error": {
            "code": code,
            "message": "Error executing cmdlet",
            "details": [{
                "code": "Client",
                "target": "",
                "message": format!("Ex{mark}|{}|{}", refusal.exception, refusal.message),
            }],
            "innererror": {
                "message": "Error executing cmdlet",
                "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
                "stacktrace": "   at Microsoft.Exchange.Admin.OData.Core.Cmdlet.Execute()",
                "internalexception": {
                    "message": refusal.message,
                    "type": refusal.exception,
                    "stacktrace": "   at Microsoft.Exchange.Configuration.Tasks.Task.ThrowError()",
                },
            },
        },
        "adminapi.warnings@odata.type": "#Collection(String)",
        "@adminapi.warnings": [],
    });
    Reply::json(status, &body).header("x-ExceptionType", refusal.exception.as_str())
}
