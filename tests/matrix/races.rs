//! Two who write to the same organization, and a person who changes an object between plan and apply.

use crate::matrix::state::{difference, in_common};
use crate::support::runner::Runner;
use crate::support::served::Served;
use exoauth::lab::{LabOptions, Seed, World};
use exoauth::subject::Plane;
use exoauth::value::Value;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

type Outcome = Result<(), Box<dyn Error>>;

const EXCHANGE: &str = "00000002-0000-0ff1-ce00-000000000000";

fn serve() -> Result<Served, Box<dyn Error>> {
    Served::start(LabOptions {
        seed: Seed {
            neighbors: true,
            ..Seed::default()
        },
        ..LabOptions::default()
    })
}

/// A noun, a line of script that writes to one of its objects, what a person does to it meanwhile, and what is said of
/// the two states.
type Race = (
    &'static str,
    &'static str,
    fn(&mut World),
    [&'static str; 2],
);

fn set(world: &mut World, noun: &'static str, name: &str, property: &str, value: &Value) {
    world.set(Plane::OnPremises, noun, name, property, value);
}

const RACES: &[Race] = &[
    (
        "AuthServer, changed",
        "onprem.set_auth_server(\"Fabrikam ACS\", #{ auth_metadata_url: \"https://accounts.accesscontrol.windows.net/contoso.com/metadata/json/1\" });",
        |world| {
            let theirs = Value::from("https://theirs.example/metadata/json/1");
            set(
                world,
                "AuthServer",
                "Fabrikam ACS",
                "AuthMetadataUrl",
                &theirs,
            );
        },
        ["planned from {\"AuthMetadataUrl\"", "theirs.example"],
    ),
    (
        "AuthServer, removed",
        "onprem.set_auth_server(\"Fabrikam ACS\", #{ auth_metadata_url: \"https://accounts.accesscontrol.windows.net/contoso.com/metadata/json/1\" });",
        |world| world.objects_mut(Plane::OnPremises, "AuthServer").clear(),
        ["planned from {\"AuthMetadataUrl\"", "found absent"],
    ),
    (
        "AuthServer, made",
        "onprem.new_auth_server(\"Ours\", #{ auth_metadata_url: `https://accounts.accesscontrol.windows.net/contoso.onmicrosoft.com/metadata/json/1` });",
        |world| {
            let servers = world.objects_mut(Plane::OnPremises, "AuthServer");
            let mut twin = servers[0].clone();
            twin.insert("Name".to_owned(), "Ours".into());
            twin.insert("Identity".to_owned(), "Ours".into());
            twin.insert("Id".to_owned(), "Ours".into());
            servers.push(twin);
        },
        ["planned from absent", "Ours"],
    ),
    (
        "PartnerApplication, changed",
        "onprem.set_partner_application(\"Exchange Online\", #{ realm: \"ours.example\" });",
        |world| {
            set(
                world,
                "PartnerApplication",
                "Exchange Online",
                "Realm",
                &"theirs.example".into(),
            );
        },
        ["{\"Realm\":\"\"}", "theirs.example"],
    ),
    (
        "IntraOrganizationConnector on-premises, changed",
        "onprem.set_intraorg_connector(\"Fabrikam\", #{ target_address_domains: [\"ours.example\"] });",
        |world| {
            let theirs = Value::from(vec!["theirs.example"]);
            set(
                world,
                "IntraOrganizationConnector",
                "Fabrikam",
                "TargetAddressDomains",
                &theirs,
            );
        },
        ["fabrikam.com", "theirs.example"],
    ),
    (
        "IntraOrganizationConnector in Exchange Online, to be removed",
        "online.remove_intraorg_connector(\"Fabrikam\");",
        |world| {
            world.set(
                Plane::ExchangeOnline,
                "IntraOrganizationConnector",
                "Fabrikam",
                "DiscoveryEndpoint",
                &"https://theirs.example/autodiscover/autodiscover.svc".into(),
            );
        },
        ["autodiscover.fabrikam.com", "theirs.example"],
    ),
    (
        "AvailabilityAddressSpace, to be removed",
        "onprem.remove_availability_address_space(\"fabrikam.com\");",
        |world| {
            set(
                world,
                "AvailabilityAddressSpace",
                "fabrikam.com",
                "AccessMethod",
                &"PerUserFB".into(),
            );
        },
        ["OrgWideFB", "PerUserFB"],
    ),
    (
        "the names of a service principal",
        "entra.add_spn(\"00000002-0000-0ff1-ce00-000000000000\", [\"https://ours.example/\"]);",
        |world| {
            if let Some(principal) = world.directory_mut().principal_mut(EXCHANGE) {
                principal.names.push("https://theirs.example/".to_owned());
            }
        },
        ["planned from", "theirs.example"],
    ),
    (
        "the keys of a service principal",
        "entra.upload_key_credential(\"00000002-0000-0ff1-ce00-000000000000\", onprem.export_auth_certificate(\"current\"));",
        |world| {
            if let Some(principal) = world.directory_mut().principal_mut(EXCHANGE) {
                let mut theirs = principal.keys[1].clone();
                theirs.id = "11111111-2222-3333-4444-555555555555".to_owned();
                principal.keys.push(theirs);
            }
        },
        [
            "planned from {\"keyCredentials\"",
            "found {\"keyCredentials\"",
        ],
    ),
];

/// What the later playbooks write to; the first line of each makes what the second is about.
const LATER: &[(&str, Race)] = &[
    (
        "onprem.new_setting_override(\"Ours\", #{ component: \"Global\", section: \"ExchangeOnpremAsThirdPartyAppId\", \
         parameters: [\"Enabled=true\"], reason: \"ours\" });",
        (
            "SettingOverride, changed",
            "onprem.set_setting_override(\"Ours\", #{ parameters: [\"Enabled=false\"], reason: \"over\" });",
            |world| {
                let theirs = Value::from(vec!["Enabled=theirs"]);
                set(world, "SettingOverride", "Ours", "Parameters", &theirs);
            },
            ["Enabled=true", "Enabled=theirs"],
        ),
    ),
    (
        "onprem.new_organization_relationship(\"Ours\", #{ domain_names: [\"contoso.mail.onmicrosoft.com\"] });",
        (
            "OrganizationRelationship, changed",
            "onprem.set_organization_relationship(\"Ours\", #{ for_domains: [\"contoso.mail.onmicrosoft.com\"], \
             target_sharing_epr: \"https://ours.example/EWS/Exchange.asmx\" });",
            |world| {
                let theirs = Value::from("https://theirs.example/EWS/Exchange.asmx");
                set(
                    world,
                    "OrganizationRelationship",
                    "Ours",
                    "TargetSharingEpr",
                    &theirs,
                );
            },
            ["planned from", "theirs.example"],
        ),
    ),
    (
        "onprem.new_auth_server(\"Ours\", #{ type: \"AzureAD\", \
         auth_metadata_url: \"https://login.microsoftonline.com/contoso.onmicrosoft.com/federationmetadata/2007-06/federationmetadata.xml\" });",
        (
            "the application of an AuthServer, changed",
            "onprem.set_auth_server(\"Ours\", #{ application_identifier: \"11111111-2222-3333-4444-555555555555\" });",
            |world| {
                let theirs = Value::from("99999999-2222-3333-4444-555555555555");
                set(
                    world,
                    "AuthServer",
                    "Ours",
                    "ApplicationIdentifier",
                    &theirs,
                );
            },
            [
                "planned from {\"ApplicationIdentifier\":\"\"}",
                "found {\"ApplicationIdentifier\":\"<",
            ],
        ),
    ),
    (
        "say(\"nothing is made\");",
        (
            "the allow-list of Exchange Web Services, changed",
            "online.add_ews_allowed_app_ids([\"11111111-2222-3333-4444-555555555555\"]);",
            |world| {
                let theirs = Value::from("99999999-2222-3333-4444-555555555555");
                let (plane, noun) = (Plane::ExchangeOnline, "OrganizationConfig");
                world.set(
                    plane,
                    noun,
                    "contoso.onmicrosoft.com",
                    "EwsAllowedAppIDs",
                    &theirs,
                );
            },
            [
                "planned from {\"EwsAllowedAppIDs\"",
                "found {\"EwsAllowedAppIDs\"",
            ],
        ),
    ),
    (
        "entra.new_application(\"Ours\");",
        (
            "the keys of an application, changed",
            "entra.upload_application_key_credential(entra.find_applications(\"Ours\")[0].app_id, \
             onprem.export_auth_certificate(\"current\"));",
            |world| {
                let theirs = world
                    .directory_mut()
                    .principal_mut(EXCHANGE)
                    .map(|one| one.keys[1].clone());
                if let Some(ours) = world.directory_mut().applications.last_mut() {
                    ours.keys.extend(theirs);
                }
            },
            [
                "planned from {\"keyCredentials\"",
                "found {\"keyCredentials\"",
            ],
        ),
    ),
    (
        "entra.new_application(\"Ours\");",
        (
            "an application to be removed, changed",
            "entra.remove_application(entra.find_applications(\"Ours\")[0].app_id);",
            |world| {
                if let Some(ours) = world.directory_mut().applications.last_mut() {
                    ours.notes = Some("theirs now".to_owned());
                }
            },
            ["planned from", "theirs now"],
        ),
    ),
    (
        "let ours = entra.new_application(\"Ours\"); entra.new_service_principal(ours.app_id, #{ tags: [\"HideApp\"] });",
        (
            "the tags of a service principal, changed",
            "entra.set_service_principal_tags(entra.find_applications(\"Ours\")[0].app_id, [\"ours\"]);",
            |world| {
                if let Some(ours) = world.directory_mut().principals.last_mut() {
                    ours.tags.push("theirs".to_owned());
                }
            },
            ["planned from", "theirs"],
        ),
    ),
];

fn playbook(line: &str) -> String {
    format!(
        "//! Writes.\n\nconst PLAYBOOK = #{{ title: \"Write\" }};\n\nstep(\"write\", \"Write\", || {{\n    {line}\n}});\n"
    )
}

/// Runs a line, and has a person meddle with what it is about after the plan was shown; it must be refused.
fn race(served: &Served, (what, line, meddle, states): &Race) {
    let written = served.lab.world().with(|world| world.all_writes());
    let text = playbook(line);
    let (world, meddle) = (served.lab.world().clone(), *meddle);
    let runner = served
        .runner()
        .file("write.rhai", &text)
        .agreeing_after(move || world.with(meddle));
    let ran = runner.run("run ./write.rhai --org served.toml");
    assert_eq!(ran.code, 6, "{what}: {}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stderr
            .contains("is no longer as it was when this was planned"),
        "{what}: {}",
        ran.stderr
    );
    for state in states {
        assert!(ran.stderr.contains(state), "{what}: {}", ran.stderr);
    }
    let writes = served.lab.world().with(|world| world.all_writes());
    assert_eq!(writes, written, "{what}");
    // And nothing stands in the way of a new plan.
    if !what.ends_with("removed") && !what.ends_with("made") {
        let runner = served.runner().file("write.rhai", &text);
        runner
            .run("run ./write.rhai --org served.toml --apply")
            .ends_with(0);
    }
}

#[test]
fn what_a_person_changed_between_plan_and_apply_is_refused_with_both_states() -> Outcome {
    for one in RACES {
        race(&serve()?, one);
    }
    for (before, one) in LATER {
        let served = serve()?;
        let runner = served.runner().file("before.rhai", &playbook(before));
        runner
            .run("run ./before.rhai --org served.toml --apply")
            .ends_with(0);
        race(&served, one);
    }
    Ok(())
}

/// The ids of the dedicated applications, the one that is not used last.
fn made(world: &World) -> Vec<String> {
    let servers = world.objects(Plane::OnPremises, "AuthServer");
    let told: Vec<&str> = servers
        .iter()
        .filter_map(|server| match server.get("ApplicationIdentifier") {
            Some(Value::Text(id)) => Some(id.as_str()),
            _ => None,
        })
        .collect();
    let all = world.directory().applications.iter();
    let ours = all.filter(|one| one.display_name.starts_with("ExchangeServerApp-"));
    let mut ids: Vec<String> = ours.map(|one| one.app_id.clone()).collect();
    ids.sort_by_key(|id| !told.contains(&id.as_str()));
    ids
}

/// Each with folders of its own, as on two machines: no lock keeps them apart.
#[test]
fn two_machines_that_configure_at_once_lose_and_double_nothing() -> Outcome {
    const CONFIGURE: &str = "run configure --org served.toml --apply";
    let calm = serve()?;
    calm.runner().run(CONFIGURE).ends_with(0);
    let calm = calm.lab.world().with(|world| in_common(world));
    for _ in 0..2 {
        let served = serve()?;
        let runners = [served.runner(), served.runner()];
        let codes = thread::scope(|scope| {
            let run = |runner: &Runner| {
                let ran = runner.run(CONFIGURE);
                (ran.code, ran.stderr)
            };
            let both = runners
                .each_ref()
                .map(|runner| scope.spawn(move || run(runner)));
            both.map(|thread| thread.join().unwrap_or((255, "panicked".to_owned())))
        });
        // Whoever meets the other's change says so and writes nothing over it; in the moment between looking and writing
        // it is the service that refuses to make an object twice.
        for (code, said) in &codes {
            let refused_by_service = said.contains("ResourceExists") || said.contains("already");
            assert!(
                [0, 5, 6].contains(code) || (*code == 1 && refused_by_service),
                "{code}: {said}"
            );
        }
        // Two applications may have one name. Whoever finds two goes on with neither, until one was removed.
        if served.lab.world().with(|world| made(world).len()) > 1 {
            let ran = runners[0].run(CONFIGURE);
            assert_eq!(ran.code, 6, "{}", ran.stderr);
            ran.complains(&["there are 2 applications of that name"]);
            let unused = served.lab.world().with(|world| made(world).pop());
            let line = format!(
                "entra.remove_application(\"{}\")",
                unused.unwrap_or_default()
            );
            runners[0]
                .run(&format!("eval '{line}' --org served.toml --apply"))
                .ends_with(0);
        }
        runners[0].run(CONFIGURE).ends_with(0);
        let left = served.lab.world().with(|world| in_common(world));
        assert_eq!(difference(&calm, &left), None, "{codes:?}");
        runners[1]
            .run("run configure --org served.toml --plan --exit-code")
            .ends_with(0);
    }
    Ok(())
}

#[test]
fn on_one_machine_only_one_of_them_writes() -> Outcome {
    let served = serve()?;
    let runner = served.runner();
    let (state, file) = (runner.folder.clone(), runner.folder.join("other.rhai"));
    let text = "//! Writes.\n\nconst PLAYBOOK = #{ title: \"Write\" };\n\nstep(\"write\", \"Write\", || {\n    \
        onprem.set_partner_application(\"Exchange Online\", #{ enabled: true });\n});\n";
    std::fs::write(&file, text)?;
    let first = std::sync::Arc::new(AtomicUsize::new(0));
    let (asked, holder) = (std::sync::Arc::clone(&first), state);
    // While the first one is asked, nothing is locked yet: planning keeps nobody from writing.
    let runner = runner.agreeing_after(move || {
        let locks = std::fs::read_dir(holder.join("state/locks"));
        asked.store(1 + locks.map_or(0, Iterator::count), Ordering::SeqCst);
    });
    runner
        .run("run ./other.rhai --org served.toml")
        .ends_with(0);
    assert_eq!(first.load(Ordering::SeqCst), 1);
    // One that evaluates a line takes the same lock.
    let folder = runner.folder.join("state/locks");
    let lock = std::fs::read_dir(&folder)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "lock")
        })
        .ok_or("there is no lock")?;
    let other = std::fs::File::options().write(true).open(lock)?;
    other.lock()?;
    let line = "eval 'onprem.set_partner_application(\"Exchange Online\", #{ enabled: false })' --org served.toml";
    runner
        .run(&format!("{line} --apply"))
        .ends_with(6)
        .complains(&["is writing to served"]);
    runner.run(line).ends_with(0);
    other.unlock()?;
    runner.run(&format!("{line} --apply")).ends_with(0);
    Ok(())
}
