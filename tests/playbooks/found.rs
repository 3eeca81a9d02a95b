//! Objects that are there already: the wizard's, a partner company's, two that both fit, a Hybrid Agent's.

use crate::playbooks::configure::ALL_PASSED;
use crate::support::contoso::Contoso;
use exoauth::lab::Seed;
use exoauth::session::Mode;
use exoauth::subject::Plane;
use exoauth::value::{Object, Value};

const NOUNS: [(Plane, &str); 4] = [
    (Plane::OnPremises, "AuthServer"),
    (Plane::OnPremises, "IntraOrganizationConnector"),
    (Plane::ExchangeOnline, "IntraOrganizationConnector"),
    (Plane::OnPremises, "AvailabilityAddressSpace"),
];

fn count(contoso: &Contoso) -> Vec<usize> {
    contoso.world(|world| {
        NOUNS
            .map(|(plane, noun)| world.objects(plane, noun).len())
            .to_vec()
    })
}

fn named(contoso: &Contoso, part: &str) -> Vec<Object> {
    contoso.world(|world| {
        NOUNS
            .iter()
            .flat_map(|(plane, noun)| world.objects(*plane, noun).to_vec())
            .filter(|object| format!("{object:?}").to_lowercase().contains(part))
            .collect()
    })
}

#[test]
fn what_the_wizard_made_is_used_and_not_doubled() {
    let contoso = Contoso::seeded(Seed {
        wizard: true,
        old_server: false,
        ..Seed::default()
    });
    let before = count(&contoso);
    let run = contoso.apply("configure");
    assert_eq!(count(&contoso), before);
    assert_eq!(run.verdicts(), ALL_PASSED);
    let elsewhere: Vec<String> = run
        .changes()
        .into_iter()
        .filter(|change| change.starts_with("create") && !change.contains("Entra ID"))
        .filter(|change| !change.contains("SettingOverride"))
        .collect();
    assert_eq!(elsewhere, Vec::<String>::new());
}

#[test]
fn a_disabled_connector_is_enabled_and_not_doubled() {
    let contoso = Contoso::seeded(Seed {
        wizard: true,
        ..Seed::default()
    });
    let name = contoso.world(|world| {
        let connector = &mut world.objects_mut(Plane::OnPremises, "IntraOrganizationConnector")[0];
        connector.insert("Enabled".to_owned(), false.into());
        connector["Name"].as_text().unwrap().to_owned()
    });
    assert_eq!(
        contoso.apply("06-connector-on-premises").changes(),
        [format!(
            "update on-premises IntraOrganizationConnector \"{name}\""
        )]
    );
}

#[test]
fn a_partner_company_is_left_alone() {
    let contoso = Contoso::seeded(Seed {
        neighbors: true,
        ..Seed::default()
    });
    let before = named(&contoso, "fabrikam");
    assert_eq!(before.len(), 5);
    let run = contoso.apply("configure");
    assert_eq!(run.verdicts(), ALL_PASSED);
    assert_eq!(named(&contoso, "fabrikam"), before);
    assert_eq!(run.changes().len(), 18);
}

#[test]
fn a_name_that_is_taken_by_another_tenant_is_not_taken_over() {
    let contoso = Contoso::seeded(Seed {
        neighbors: true,
        ..Seed::default()
    });
    contoso.world(|world| {
        for server in world.objects_mut(Plane::OnPremises, "AuthServer") {
            if server["Name"].as_text() == Some("Fabrikam EvoSts") {
                server.insert("Name".to_owned(), "evoSTS".into());
            }
        }
    });
    assert_eq!(
        contoso.plan("01-auth-servers").changes(),
        [
            "create on-premises AuthServer \"WindowsAzureACS\"",
            "create on-premises AuthServer \"evoSTS - contoso.onmicrosoft.com\"",
        ]
    );
}

#[test]
fn two_that_fit_are_shown_and_nothing_is_done() {
    let contoso = Contoso::seeded(Seed {
        wizard: true,
        ..Seed::default()
    });
    contoso.world(|world| {
        for (plane, noun) in &NOUNS[..3] {
            let mut twin = world.objects(*plane, noun)[0].clone();
            twin.insert("Name".to_owned(), "Twin".into());
            twin.insert(
                "Guid".to_owned(),
                "11111111-2222-3333-4444-555555555555".into(),
            );
            world.objects_mut(*plane, noun).push(twin);
        }
    });
    for (playbook, what) in [
        (
            "01-auth-servers",
            "there are 2 authorization servers of the type",
        ),
        (
            "06-connector-on-premises",
            "there are 2 connectors for contoso.mail.onmicrosoft.com",
        ),
        (
            "07-connector-online",
            "there are 2 connectors for contoso.com, tailspintoys.com",
        ),
    ] {
        let failed = contoso.run(Mode::Apply, playbook, &[]).failed().unwrap();
        assert!(failed.starts_with(what), "{failed}");
        assert!(failed.contains("\"Twin\""), "{failed}");
    }
    assert_eq!(contoso.writes(), 0);
}

#[test]
fn a_hybrid_agent_keeps_its_endpoint() {
    let contoso = Contoso::seeded(Seed {
        wizard: true,
        ..Seed::default()
    });
    let agent = "https://087f1c2e-8711-4176-ab4f-4b1c1777a350.resource.mailboxmigration.his.msappproxy.net/autodiscover/autodiscover.svc";
    contoso.world(|world| {
        world.objects_mut(Plane::ExchangeOnline, "IntraOrganizationConnector")[0]
            .insert("DiscoveryEndpoint".to_owned(), agent.into());
    });
    let given = [(
        "autodiscover_endpoint",
        "https://autodiscover.contoso.com/autodiscover/autodiscover.svc",
    )];
    let run = contoso.run(Mode::Apply, "07-connector-online", &given);
    assert_eq!(run.failed(), None);
    assert_eq!(run.changes(), Vec::<String>::new());
    assert!(run.said()[0].contains("Hybrid Agent"), "{:?}", run.said());
}

#[test]
fn an_address_space_that_differs_is_shown_and_left() {
    let contoso = Contoso::new();
    contoso.value(
        "onprem.add_availability_address_space(\"contoso.mail.onmicrosoft.com\", #{ access_method: \"OrgWideFB\" });",
    );
    let before = contoso.writes();
    let failed = contoso
        .run(Mode::Apply, "08-availability", &[])
        .failed()
        .unwrap();
    assert!(
        failed.starts_with(
            "the availability address space for contoso.mail.onmicrosoft.com goes by OrgWideFB"
        ),
        "{failed}"
    );
    assert_eq!(contoso.writes(), before);
}

#[test]
fn of_certificates_with_one_subject_the_one_that_exchange_names_is_uploaded() {
    let contoso = Contoso::seeded(Seed {
        neighbors: true,
        ..Seed::default()
    });
    // The lab has three; two more of the same subject, in front.
    for _ in 0..2 {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::default();
        let name = "Microsoft Exchange Server Auth Certificate";
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let der = parameters.self_signed(&key).unwrap().der().to_vec();
        let object = Object::from_iter([("RawData".to_owned(), Value::Bytes(der))]);
        contoso.world(|world| {
            world
                .objects_mut(Plane::OnPremises, "ExchangeCertificate")
                .insert(0, object);
        });
    }
    contoso.apply("04-upload-certificate");
    let (current, uploaded, of_one_subject) = contoso.world(|world| {
        let config = &world.objects(Plane::OnPremises, "AuthConfig")[0];
        let current = config["CurrentCertificateThumbprint"].as_text().unwrap();
        let principal = world
            .directory()
            .principal("00000002-0000-0ff1-ce00-000000000000");
        let key = principal.unwrap().keys.last().unwrap();
        let held = world
            .objects(Plane::OnPremises, "ExchangeCertificate")
            .iter();
        let subjects = held.filter_map(|object| match &object["RawData"] {
            Value::Bytes(der) => exoauth::lab::Certificate::read(der),
            _ => None,
        });
        let same = subjects.filter(|certificate| certificate.subject == key.certificate.subject);
        (
            current.to_owned(),
            key.certificate.thumbprint.clone(),
            same.count(),
        )
    });
    assert_eq!(of_one_subject, 5);
    assert_eq!(uploaded, current);
}
