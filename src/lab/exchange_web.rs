//! Exchange's web front, on both sides: Exchange Web Services, Autodiscover, and the server's own metadata documents.
//!
//! They hold no mail: a call that is believed is answered as for somebody whose mailbox is not here, or with an empty
//! folder.

use super::certificates;
use super::front::{Front, Reply, Request};
use super::oauth;
use super::object::is_true;
use super::seed;
use super::token::Certificate;
use super::world::{World, guid_of};
use crate::subject::Plane;
use serde_json::{Value as Json, json};

/// Answers a request to Exchange's web front.
pub(super) fn answer(world: &World, front: Front, request: &Request) -> Reply {
    let segments = request.segments();
    let lower: Vec<String> = segments.iter().map(|part| part.to_lowercase()).collect();
    let path: Vec<&str> = lower.iter().map(String::as_str).collect();
    let metadata = matches!(path.as_slice(), ["metadata" | "autodiscover", ..] if path.ends_with(&["metadata", "json", "1"]));
    match path.as_slice() {
        _ if metadata && request.bearer().is_none() => match request.method.as_str() {
            "GET" => document(world, front, request),
            _ => Reply::empty(405),
        },
        _ if metadata => guarded(world, front, request, "WebServicesVirtualDirectory"),
        ["autodiscover", "autodiscover.json", "v1.0", mailbox] if request.method == "GET" => {
            autodiscover(world, front, request, mailbox)
        }
        ["ews", "exchange.asmx"] => guarded(world, front, request, "WebServicesVirtualDirectory"),
        ["autodiscover", ..] => guarded(world, front, request, "AutodiscoverVirtualDirectory"),
        _ => Reply::not_found(),
    }
}

/// Answers who shows a token that is believed, and challenges everybody else.
fn guarded(world: &World, front: Front, request: &Request, directory: &str) -> Reply {
    let oauth = front == Front::ExchangeOnline || offers_oauth(world, directory);
    match request.bearer().filter(|_| oauth) {
        Some("") => challenged(world, front, true),
        None => challenged(world, front, false),
        Some(bearer) => match oauth::receive(world, front, request, bearer) {
            Ok(caller)
                if oauth::is_refused(world, front, &caller)
                    && directory == "WebServicesVirtualDirectory" =>
            {
                Reply::empty(403)
            }
            Ok(caller) => Reply::with(
                200,
                "text/xml; charset=utf-8",
                soap(oauth::has_mailbox(front, &caller), directory),
            ),
            Err(diagnostics) => {
                challenged(world, front, true).header("x-ms-diagnostics", diagnostics.header())
            }
        },
    }
    .header(
        "request-id",
        guid_of(&format!("{} {}", request.path, world.now())),
    )
}

/// Autodiscover version 2: where a protocol is served for a mailbox. It asks for no token.
fn autodiscover(world: &World, front: Front, request: &Request, mailbox: &str) -> Reply {
    let wrong = |status, code: &str, message: String| {
        Reply::json(status, &json!({"ErrorCode": code, "ErrorMessage": message}))
    };
    let names = world.names();
    let Some(asked) = request
        .parameter("Protocol")
        .filter(|asked| !asked.is_empty())
    else {
        let message = "A valid value must be provided for the query parameter 'Protocol'";
        return wrong(400, "MandatoryParameterMissing", message.to_owned());
    };
    let protocols = [
        ("AutodiscoverV1", "/autodiscover/autodiscover.xml"),
        ("EWS", "/EWS/Exchange.asmx"),
        ("ActiveSync", "/Microsoft-Server-ActiveSync"),
    ];
    let Some((protocol, path)) = protocols
        .into_iter()
        .find(|(protocol, _)| protocol.eq_ignore_ascii_case(&asked))
    else {
        let known = protocols.map(|(protocol, _)| protocol).join(",");
        let message = format!(
            "The given protocol value '{asked}' is invalid. Supported values are '{known}'"
        );
        return wrong(400, "InvalidProtocol", message);
    };
    let domain = mailbox.split_once('@').map_or("", |(_, domain)| domain);
    let of_cloud = [&names.initial_domain, &names.routing_domain]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(domain));
    let person = oauth::mailbox_of(mailbox);
    let place = match person {
        _ if of_cloud => Some(Front::ExchangeOnline),
        Some(Plane::ExchangeOnline) => Some(Front::ExchangeOnline),
        Some(_) => Some(Front::OnPremises),
        None => None,
    };
    match place {
        Some(place) if place == front => {
            let url = format!("https://{}{path}", names.host_of(front));
            let mut body = json!({"Protocol": protocol, "Url": url});
            // What the service calls a location is not documented; that its own is named is.
            if front == Front::ExchangeOnline && request.parameter("ServerLocation").is_some() {
                body["ServerLocation"] = "EURPR05".into();
            }
            Reply::json(200, &body)
        }
        Some(place) => Reply::empty(302).header(
            "location",
            format!(
                "https://{}{}?{}",
                names.host_of(place),
                request.path,
                request.query
            ),
        ),
        None => wrong(
            404,
            "MailboxNotFound",
            format!("Mailbox '{mailbox}' not found."),
        ),
    }
}

/// Whether a virtual directory of a server that knows OAuth has it switched on.
fn offers_oauth(world: &World, directory: &str) -> bool {
    world
        .objects(Plane::OnPremises, directory)
        .iter()
        .any(|object| is_true(object, "OAuthAuthentication"))
}

/// The Bearer challenge comes only to who names that scheme.
fn challenged(world: &World, front: Front, bearer: bool) -> Reply {
    let others: &[&str] = match front {
        Front::OnPremises => &["Negotiate", "NTLM"],
        _ => &["Basic Realm=\"\""],
    };
    let mut all: Vec<String> = Vec::new();
    if bearer {
        all.push(oauth::challenge(world, front));
    }
    all.extend(others.iter().map(|other| (*other).to_owned()));
    Reply::empty(401).header("www-authenticate", all.join(","))
}

fn soap(has_mailbox: bool, directory: &str) -> String {
    let body = match (directory, has_mailbox) {
        ("WebServicesVirtualDirectory", true) => {
            "<m:GetFolderResponse xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\"><m:ResponseMessages><m:GetFolderResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode><m:Folders /></m:GetFolderResponseMessage></m:ResponseMessages></m:GetFolderResponse>"
        }
        ("WebServicesVirtualDirectory", false) => {
            "<m:GetFolderResponse xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\"><m:ResponseMessages><m:GetFolderResponseMessage ResponseClass=\"Error\"><m:MessageText>The SMTP address has no mailbox associated with it.</m:MessageText><m:ResponseCode>ErrorNonExistentMailbox</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey><m:Folders /></m:GetFolderResponseMessage></m:ResponseMessages></m:GetFolderResponse>"
        }
        _ => "",
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{body}</s:Body></s:Envelope>"
    )
}

/// The server's own metadata document: who it is and what it signs with.
fn document(world: &World, front: Front, request: &Request) -> Reply {
    let realm = match front {
        Front::OnPremises => world.names().domains[0].as_str(),
        _ => "*",
    };
    let keys: Vec<Json> = signing_keys(world, front)
        .iter()
        .map(|certificate| {
            json!({
                "usage": "signing",
                "keyinfo": {"x5t": certificate.x5t()},
                "keyvalue": {"type": "x509Certificate", "value": certificate.base64()},
            })
        })
        .collect();
    let body = json!({
        "id": format!("_{}", guid_of(&format!("metadata of {realm}"))),
        "version": "1.0",
        "name": "Exchange",
        "realm": realm,
        "serviceName": seed::EXCHANGE,
        "issuer": format!("{}@{realm}", seed::EXCHANGE),
        "allowedAudiences": [format!("{}@{realm}", seed::EXCHANGE)],
        "keys": keys,
        "endpoints": [{
            "location": format!("{}/autodiscover/metadata/json/1", request.base()),
            "protocol": "OAuth2",
            "usage": "metadata",
        }],
    });
    Reply::json(200, &body)
}

fn signing_keys(world: &World, front: Front) -> Vec<Certificate> {
    if front != Front::OnPremises {
        return vec![world.signers().exchange_online.certificate.clone()];
    }
    let held: Vec<Certificate> = world
        .objects(Plane::OnPremises, "ExchangeCertificate")
        .iter()
        .filter_map(certificates::certificate)
        .collect();
    let find = |thumbprint: &str| {
        let mut held = held.iter();
        held.find(|held| held.thumbprint.eq_ignore_ascii_case(thumbprint))
    };
    [
        "CurrentCertificateThumbprint",
        "PreviousCertificateThumbprint",
        "NextCertificateThumbprint",
    ]
    .iter()
    .filter_map(|name| find(world.auth_config(name)?))
    .cloned()
    .collect()
}
