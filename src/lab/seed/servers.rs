//! The servers, their builds and their virtual directories.

use super::{OTHER_SERVER, SERVER, Seed, object, text, texts};
use crate::lab::world::World;
use crate::subject::Plane;
use crate::value::Value;

/// A server of the organization: name, version, roles.
pub(super) type Server<'name> = (&'name str, &'name str, &'name str);

/// The server that runs cmdlets.
pub(super) const EX16: Server<'static> = (SERVER, "Version 15.1 (Build 2507.59)", "Mailbox");

/// The build of the modern server with its last hotfix update, which its version does not show.
const BUILD: &str = "15.1.2507.61";

const EX19: Server<'static> = (OTHER_SERVER, "Version 15.2 (Build 1748.24)", "Mailbox");

const BUILD_19: &str = "15.2.1748.26";

const EX10: Server<'static> = (
    "EX10",
    "Version 14.3 (Build 123.4)",
    "ClientAccess, Mailbox",
);

/// The servers that a lab starts with.
pub(super) fn servers(world: &mut World, seed: Seed) {
    let servers: &[Server<'_>] = if seed.old_server {
        &[EX16, EX10]
    } else {
        &[EX16]
    };
    for server in servers {
        put_server(world, *server);
    }
}

/// Adds a second modern server.
pub(in crate::lab) fn other_server(world: &mut World) {
    put_server(world, EX19);
}

/// Adds a server with its virtual directories.
pub(super) fn put_server(world: &mut World, server: Server<'_>) {
    let (name, version, roles) = server;
    let fqdn = format!("{}.contoso.com", name.to_lowercase());
    let modern = name != EX10.0;
    let properties = object([
        ("Domain", text("contoso.com")),
        ("Edition", text("Standard")),
        ("Fqdn", text(&fqdn)),
        ("InternetWebProxy", Value::Null),
        ("IsHubTransportServer", modern.into()),
        ("IsClientAccessServer", true.into()),
        ("IsEdgeServer", false.into()),
        ("IsMailboxServer", true.into()),
        ("IsE14OrLater", true.into()),
        ("IsE15OrLater", modern.into()),
        ("AdminDisplayVersion", text(version)),
        (
            "Site",
            text("contoso.com/Configuration/Sites/Default-First-Site-Name"),
        ),
        ("ServerRole", text(roles)),
    ]);
    world.create(Plane::OnPremises, "ExchangeServer", name, properties);
    if modern {
        world.set_exchange_build(name, if name == EX19.0 { BUILD_19 } else { BUILD });
    }
    let public = if modern {
        "autodiscover.contoso.com"
    } else {
        fqdn.as_str()
    };
    let uri = format!("https://{public}/Autodiscover/Autodiscover.xml");
    for noun in ["ClientAccessServer", "ClientAccessService"] {
        let properties = object([
            ("Fqdn", text(&fqdn)),
            ("AutoDiscoverServiceInternalUri", text(&uri)),
            ("AutoDiscoverSiteScope", texts(&["Default-First-Site-Name"])),
        ]);
        world.create(Plane::OnPremises, noun, name, properties);
    }
    virtual_directories(world, server, &fqdn);
}

fn virtual_directories(world: &mut World, server: Server<'_>, fqdn: &str) {
    let modern = server.0 != EX10.0;
    // The noun, the directory's name, its path, and whether it has an external address.
    let directories = [
        (
            "WebServicesVirtualDirectory",
            "EWS",
            "/EWS/Exchange.asmx",
            true,
        ),
        ("AutodiscoverVirtualDirectory", "Autodiscover", "", false),
        ("MapiVirtualDirectory", "mapi", "/mapi", true),
        ("OabVirtualDirectory", "OAB", "/OAB", true),
        (
            "ActiveSyncVirtualDirectory",
            "Microsoft-Server-ActiveSync",
            "/Microsoft-Server-ActiveSync",
            true,
        ),
        ("OwaVirtualDirectory", "owa", "/owa", true),
        ("EcpVirtualDirectory", "ecp", "/ecp", true),
    ];
    for (noun, directory, path, external) in directories {
        if !modern && noun == "MapiVirtualDirectory" {
            continue;
        }
        let address = |host: &str| text(&format!("https://{host}{path}"));
        let outside = external && modern;
        let oauth = modern && !["OwaVirtualDirectory", "EcpVirtualDirectory"].contains(&noun);
        let methods: &[&str] = match (noun, modern) {
            ("MapiVirtualDirectory", _) => &["Ntlm", "OAuth", "Negotiate"],
            (_, true) if oauth => &["Ntlm", "WindowsIntegrated", "WSSecurity", "OAuth"],
            _ => &["Ntlm", "WindowsIntegrated"],
        };
        let mut properties = object([
            ("Server", text(server.0)),
            (
                "InternalUrl",
                if path.is_empty() {
                    Value::Null
                } else {
                    address(fqdn)
                },
            ),
            (
                "ExternalUrl",
                if outside {
                    address("mail.contoso.com")
                } else {
                    Value::Null
                },
            ),
            ("InternalAuthenticationMethods", texts(methods)),
            ("ExternalAuthenticationMethods", texts(methods)),
            ("AdminDisplayVersion", text(server.1)),
            ("ExtendedProtectionTokenChecking", text("None")),
        ]);
        if noun == "MapiVirtualDirectory" {
            properties.insert("IISAuthenticationMethods".to_owned(), texts(methods));
        } else {
            properties.insert("WSSecurityAuthentication".to_owned(), oauth.into());
            properties.insert("BasicAuthentication".to_owned(), false.into());
            properties.insert("WindowsAuthentication".to_owned(), true.into());
            properties.insert("OAuthAuthentication".to_owned(), oauth.into());
        }
        if noun == "WebServicesVirtualDirectory" {
            properties.insert("MRSProxyEnabled".to_owned(), modern.into());
        }
        let name = format!("{directory} (Default Web Site)");
        world.create(Plane::OnPremises, noun, &name, properties);
    }
    let outside = if modern {
        text("mail.contoso.com")
    } else {
        Value::Null
    };
    let properties = object([
        ("Server", text(server.0)),
        ("InternalHostname", text(fqdn)),
        ("ExternalHostname", outside),
        ("InternalClientsRequireSsl", true.into()),
        ("ExternalClientsRequireSsl", modern.into()),
        ("IISAuthenticationMethods", texts(&["Ntlm", "Negotiate"])),
        ("AdminDisplayVersion", text(server.1)),
    ]);
    world.create(
        Plane::OnPremises,
        "OutlookAnywhere",
        "Rpc (Default Web Site)",
        properties,
    );
}
