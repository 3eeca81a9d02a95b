//! The directory of the tenant.

use super::{
    AUTH_CERTIFICATE, CLIENT, EXCHANGE, GRAPH, MICROSOFT_TENANT, Names, Signers, days_after,
};
use crate::cloud::CloudName;
use crate::lab::Error;
use crate::lab::graph::{Deleted, Directory, KeyCredential};
use crate::lab::token::self_signed;
use jiff::Timestamp;
use rcgen::KeyPair;

/// The directory of the tenant.
pub(in crate::lab) fn directory(
    names: &Names,
    signers: &Signers,
    now: Timestamp,
) -> Result<Directory, Error> {
    let after = |days| days_after(now, days);
    let foreign = KeyPair::generate()?;
    let expired = self_signed(&foreign, AUTH_CERTIFICATE, after(-2000), after(-200))?;
    let other = self_signed(&foreign, "archive.fabrikam.com", after(-300), after(430))?;
    let mut directory = Directory {
        title: "Contoso".to_owned(),
        principals: Vec::new(),
        applications: Vec::new(),
        assignments: Vec::new(),
        certificate_days: None,
        locked: false,
        deleted: Deleted::default(),
    };
    directory.add_principal(
        EXCHANGE,
        "Office 365 Exchange Online",
        MICROSOFT_TENANT,
        exchange_names(names),
    );
    if let Some(principal) = directory.principal_mut(EXCHANGE) {
        principal.keys = [expired, other].iter().map(KeyCredential::of).collect();
    }
    directory.add_principal(
        GRAPH,
        "Microsoft Graph",
        MICROSOFT_TENANT,
        vec![GRAPH.to_owned(), format!("https://{}", names.graph_host)],
    );
    let own = KeyCredential::of(&signers.application.certificate);
    directory.register(CLIENT, "exoauth", vec![own]);
    for role in [
        "Application.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "Organization.Read.All",
        "Policy.Read.All",
    ] {
        directory.grant(CLIENT, GRAPH, role);
    }
    directory.grant(CLIENT, EXCHANGE, "Exchange.ManageAsApp");
    let intranet = "5f8e2a70-30bb-4f0f-9d52-6c1e77a8d0b4";
    directory.register(intranet, "Contoso Intranet", Vec::new());
    if let Some(principal) = directory.principal_mut(intranet) {
        let name = "https://intranet.contoso.com/".to_owned();
        principal.names.push(name);
    }
    Ok(directory)
}

/// The service principal names that the first-party principal comes with.
fn exchange_names(names: &Names) -> Vec<String> {
    let host = &names.exchange_host;
    let mut all = vec![
        EXCHANGE.to_owned(),
        format!("{EXCHANGE}/{host}"),
        format!("https://{host}/"),
        format!("https://{host}:443/"),
        format!("{EXCHANGE}/{}", names.autodiscover_host),
        format!("https://{}/", names.autodiscover_host),
    ];
    if names.cloud == CloudName::Worldwide {
        let more = [
            "mail.office365.com",
            "outlook.com",
            "*.outlook.com",
            "outlook.office.com",
        ];
        all.extend(more.map(|host| format!("{EXCHANGE}/{host}")));
        let more = [
            "https://outlook.office.com",
            "https://outlook.office.com/",
            "https://ps.outlook.com",
            "https://outlook.com/",
        ];
        all.extend(more.map(str::to_owned));
    }
    all
}
