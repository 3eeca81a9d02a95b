//! `login`, `logout`, `whoami`, and commands that use what was kept, with a person who sits at a browser.

use crate::support::person::visit;
use crate::support::runner::Runner;
use crate::support::served::Served;
use crate::support::wait::wait_for;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use exoauth::cli::env::Browser;
use exoauth::clock::Clock;
use exoauth::cloud::CloudName;
use exoauth::entra::key_and_certificate;
use exoauth::lab::seed::{CLIENT, EXCHANGE};
use exoauth::lab::{KeyCredential, LabOptions, Scenario};
use exoauth::secret::Secret;
use jiff::SignedDuration;
use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

type Outcome = Result<(), Box<dyn Error>>;

/// The file of a lab, with another way to sign in.
fn file_with(served: &Served, sign_in: &str) -> String {
    let file = served.file();
    let (before, rest) = file.split_once("[sign_in]").unwrap_or((&file, ""));
    let (_, after) = rest.split_once("[endpoints]").unwrap_or(("", rest));
    format!("{before}[sign_in]\n{sign_in}\n\n[endpoints]{after}")
}

/// A browser in which somebody picks the account, or something else; counts how often it is opened.
fn browser(served: &Served, press: Option<&'static str>) -> (Browser, Arc<AtomicUsize>) {
    let (authority, opened) = (
        served.lab.authority().to_owned(),
        Arc::new(AtomicUsize::new(0)),
    );
    let counter = Arc::clone(&opened);
    let browser = Browser::new(move |address| {
        counter.fetch_add(1, Ordering::SeqCst);
        let (authority, address) = (authority.clone(), address.to_owned());
        std::thread::spawn(move || {
            let typed: Vec<(&str, &str)> =
                press.map(|press| ("press", press)).into_iter().collect();
            let visited = wait_for(visit(&authority, &address, &typed));
            assert!(visited.is_ok(), "{visited:?}");
        });
        Ok(())
    });
    (browser, opened)
}

#[test]
fn a_person_signs_in_once_for_each_of_microsofts_applications_and_it_is_kept() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let (browser, opened) = browser(&served, None);
    let runner = served
        .runner_with(&file_with(&served, "method = \"browser\""))
        .answering(&[])
        .browsing(browser);
    let login = runner.run("login --org served.toml").ends_with(0);
    let login = login.shows(&[
        "account          admin@contoso.onmicrosoft.com",
        "Directory.AccessAsUser.All",
        "AdminApi.AccessAsUser.All",
        "Global Administrator",
    ]);
    login.complains(&[
        "in the browser; if it does not open, open this page:",
        "Microsoft's applications serve one service each",
        "kept in <folder>/state/sign-in/served.json, which only you can read",
    ]);
    assert_eq!(opened.load(Ordering::SeqCst), 2);
    let kept = runner.folder.join("state/sign-in/served.json");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&kept)?.permissions().mode() & 0o777, 0o600);
    }

    // From now on nobody has to be there.
    let alone = Runner::new()
        .file("served.toml", &runner.read("served.toml"))
        .file("ca.pem", served.lab.authority())
        .file("state/sign-in/served.json", &fs::read_to_string(&kept)?);
    alone
        .run("run configure --org served.toml --apply")
        .ends_with(0);
    let who = alone
        .run("whoami --org served.toml --format json")
        .ends_with(0);
    let who: serde_json::Value = serde_json::from_str(&who.raw_stdout)?;
    assert_eq!(
        who["cloud"][1]["identity"]["account"],
        "admin@contoso.onmicrosoft.com"
    );
    assert!(!who.to_string().contains("eyJ"));

    alone
        .run("logout --org served.toml")
        .ends_with(0)
        .shows(&["removed <folder>/state/sign-in/served.json"]);
    alone
        .run("whoami --org served.toml")
        .ends_with(1)
        .complains(&[
            "signing in by browser needs a person, and there is nobody to ask",
            "exoauth login",
            "managed-identity",
        ]);
    alone
        .run("logout --org served.toml")
        .ends_with(0)
        .shows(&["nothing was kept"]);
    Ok(())
}

#[test]
fn an_application_of_ones_own_needs_one_visit() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let client = served
        .lab
        .organization()
        .sign_in
        .client_id
        .unwrap_or_default();
    let (browser, opened) = browser(&served, None);
    let sign_in = format!("method = \"browser\"\nclient_id = \"{client}\"");
    served
        .runner_with(&file_with(&served, &sign_in))
        .answering(&[])
        .browsing(browser)
        .run("run configure --org served.toml --apply")
        .ends_with(0);
    assert_eq!(opened.load(Ordering::SeqCst), 1);
    Ok(())
}

#[test]
fn without_login_nothing_is_kept() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let (browser, _) = browser(&served, None);
    let runner = served
        .runner_with(&file_with(&served, "method = \"browser\""))
        .answering(&[])
        .browsing(browser);
    runner.run("whoami --org served.toml").ends_with(0);
    assert!(!runner.folder.join("state/sign-in").exists());
    Ok(())
}

#[test]
fn who_declines_is_told_so() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let (browser, _) = browser(&served, Some("decline"));
    served
        .runner_with(&file_with(&served, "method = \"browser\""))
        .answering(&[])
        .browsing(browser)
        .run("run configure --org served.toml --plan")
        .ends_with(1)
        .complains(&["signing in by browser was refused: it was declined"]);
    Ok(())
}

#[test]
fn the_cloud_is_found_from_the_tenant() -> Outcome {
    for cloud in [
        CloudName::Worldwide,
        CloudName::GccHigh,
        CloudName::Dod,
        CloudName::China,
    ] {
        let options = LabOptions {
            cloud,
            ..LabOptions::default()
        };
        let served = Served::start(options)?;
        let file = served.file();
        let without: Vec<&str> = file
            .lines()
            .filter(|line| !line.starts_with("cloud"))
            .collect();
        let runner = served.runner_with(&without.join("\n"));
        runner
            .run("eval cloud.name --org served.toml")
            .complains(&[&format!("cloud: {}, where the tenant", cloud.word())]);
        let wrong = without
            .join("\n")
            .replace("tenant = \"contoso", "tenant = \"nosuch");
        served
            .runner_with(&wrong)
            .run("whoami --org served.toml")
            .ends_with(2)
            .complains(&["no cloud is known to have the tenant nosuch", "--cloud"]);
    }
    Ok(())
}

#[test]
fn login_with_a_secret_keeps_nothing() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let runner = served.runner();
    runner
        .run("login --org served.toml")
        .ends_with(0)
        .shows(&["Application.ReadWrite.All", "application      exoauth ("])
        .complains(&["nothing is kept: client-secret needs nobody to sign in"]);
    assert!(!runner.folder.join("state/sign-in").exists());
    Ok(())
}

#[test]
fn what_needs_no_cloud_does_not_look_for_it() -> Outcome {
    // Nobody answers there.
    let file = "tenant = \"contoso.onmicrosoft.com\"\n\n\
        [sign_in]\nmethod = \"client-secret\"\nclient_id = \"a\"\nsecret = \"b\"\n\n\
        [endpoints]\nlogin = \"https://localhost:1\"\n";
    let runner = Runner::new().file("quiet.toml", file);
    runner
        .run("eval '40 + 2' --org quiet.toml")
        .ends_with(0)
        .shows(&["42"]);
    runner
        .run("eval cloud.tenant --org quiet.toml")
        .ends_with(0);
    runner
        .run("eval cloud.name --org quiet.toml")
        .ends_with(2)
        .complains(&["no cloud is known to have the tenant", "--cloud"]);
    Ok(())
}

#[test]
fn a_wrong_subcommand_of_clouds_is_told_which_there_are() {
    let runner = Runner::new();
    runner
        .run("clouds gcc-high")
        .ends_with(2)
        .complains(&["unrecognized subcommand 'gcc-high'", "there are: probe"]);
    runner
        .run("clouds prob")
        .ends_with(2)
        .complains(&["'probe'"]);
    runner
        .run("xyz")
        .ends_with(2)
        .complains(&["there are: run, "]);
}

#[test]
fn a_person_without_a_directory_role_is_told_so_and_refused_by_the_directory() -> Outcome {
    let served = Served::start(LabOptions {
        scenarios: Scenario::find("directory-role-missing")
            .into_iter()
            .collect(),
        ..LabOptions::default()
    })?;
    let (browser, _) = browser(&served, None);
    let runner = served
        .runner_with(&file_with(&served, "method = \"browser\""))
        .answering(&[])
        .browsing(browser);
    let ran = runner.run("run 05-host-names --org served.toml --apply");
    ran.ends_with(1).complains(&[
        "admin@contoso.onmicrosoft.com has none of the directory roles that may change applications",
        "this plan is not applied, because this account may not do all of it",
    ]);
    let add = format!("entra.add_spn(\"{EXCHANGE}\", \"https://mail.contoso.com/\")");
    runner
        .run(&format!("eval '{add}' --org served.toml --apply"))
        .ends_with(1)
        .complains(&["Insufficient privileges to complete the operation"]);
    Ok(())
}

/// The file that OpenSSL wrote, see `tests/wire/pkcs12.rs`.
fn pfx() -> Result<Vec<u8>, Box<dyn Error>> {
    let text = fs::read_to_string("tests/wire/fixtures/pkcs12/modern.pfx.base64")?;
    let text: String = text.split_whitespace().collect();
    Ok(BASE64_STANDARD.decode(text)?)
}

#[test]
fn a_pkcs12_file_signs_in_with_the_password_of_the_environment_or_of_a_person() -> Outcome {
    let (pfx, password) = (pfx()?, "Pfx-Passw0rd");
    let pem = key_and_certificate(
        &Secret::new(BASE64_STANDARD.encode(&pfx)),
        Some(&Secret::new(password)),
    )?;
    let certificate = exoauth::certificate::Certificate::from_pem(pem.expose())?;
    let clock = Clock::fixed(certificate.not_before() + SignedDuration::from_hours(24));
    for algorithm in ["PS256", "RS256"] {
        let served = Served::start(LabOptions {
            clock: clock.clone(),
            ..LabOptions::default()
        })?;
        let registered =
            exoauth::lab::Certificate::read(certificate.der()).ok_or("no certificate")?;
        served.lab.world().with(|world| {
            if let Some(application) = world.directory_mut().application_mut(CLIENT) {
                application.keys = vec![KeyCredential::of(&registered)];
            }
        });
        let runner = |source: &str| -> Result<Runner, Box<dyn Error>> {
            let sign_in = format!(
                "method = \"certificate\"\nclient_id = \"{CLIENT}\"\nalgorithm = \"{algorithm}\"\n\
                 certificate = \"app.pfx\"\ncertificate_password = {source}"
            );
            let mut runner = served.runner_with(&file_with(&served, &sign_in));
            runner.clock = clock.clone();
            fs::write(runner.folder.join("app.pfx"), &pfx)?;
            Ok(runner)
        };
        let by_variable = runner("{ env = \"PFX_PASSWORD\" }")?;
        by_variable
            .run("whoami --org served.toml")
            .ends_with(2)
            .complains(&["PFX_PASSWORD"]);
        by_variable
            .variable("PFX_PASSWORD", password)
            .run("run configure --org served.toml --apply")
            .ends_with(0);
        let wrong = runner("{ env = \"PFX_PASSWORD\" }")?.variable("PFX_PASSWORD", "wrong");
        wrong
            .run("whoami --org served.toml")
            .ends_with(2)
            .complains(&["its password is another one"]);
        let ran = runner("{ prompt = true }")?
            .answering(&[password])
            .run("run verify --org served.toml --apply")
            .ends_with(0)
            .complains(&["sign_in.certificate_password: "]);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!said.contains(password), "{said}");
    }
    Ok(())
}
