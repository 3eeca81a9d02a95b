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

#[test]
fn what_a_person_changed_between_plan_and_apply_is_refused_with_both_states() -> Outcome {
    for (what, line, meddle, states) in RACES {
        let served = serve()?;
        let text = format!(
            "//! Writes.\n\nconst PLAYBOOK = #{{ title: \"Write\" }};\n\nstep(\"write\", \"Write\", || {{\n    {line}\n}});\n"
        );
        let world = served.lab.world().clone();
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
        assert_eq!(writes, 0, "{what}");
        // And nothing stands in the way of a new plan.
        if !what.ends_with("removed") && !what.ends_with("made") {
            let runner = served.runner().file("write.rhai", &text);
            runner
                .run("run ./write.rhai --org served.toml --apply")
                .ends_with(0);
        }
    }
    Ok(())
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
