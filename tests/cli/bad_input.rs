//! What is wrong is said in one sentence, with the place and a hint.

use crate::support::runner::{Ran, Runner};
use crate::support::served::Served;
use exoauth::lab::{Front, LabOptions};
use std::error::Error;

type Outcome = Result<(), Box<dyn Error>>;

/// Each complaint is one sentence after "error:", and never a panic.
#[track_caller]
fn refused(ran: Ran, texts: &[&str]) {
    assert!(
        ran.stderr.starts_with("error: ") || ran.stderr.contains("\nerror: "),
        "{}",
        ran.stderr
    );
    assert!(
        !ran.stderr.contains("panicked") && !ran.stderr.contains("stack backtrace"),
        "{}",
        ran.stderr
    );
    ran.complains(texts);
}

fn script(body: &str) -> String {
    format!("//! A test.\n\nconst PLAYBOOK = #{{ title: \"A test\" }};\n\n{body}\n")
}

#[test]
fn an_unknown_playbook() {
    let ran = Runner::new().run("run conector-online --plan").ends_with(2);
    refused(
        ran,
        &[
            "there is no playbook \"conector-online\"",
            "did you mean \"07-connector-online\"?",
        ],
    );
    let ran = Runner::new().run("run ./missing.rhai --plan").ends_with(2);
    refused(
        ran,
        &["the playbook <folder>/./missing.rhai cannot be read"],
    );
}

#[test]
fn a_step_or_a_side_that_is_not_there() {
    for (only, near) in [
        ("onprm", "did you mean \"onprem\"?"),
        ("clowd", "did you mean \"cloud\"?"),
        ("auth-server", "did you mean \"auth-servers\"?"),
    ] {
        let line = format!("run configure --plan --only {only}");
        let ran = Runner::new().run(&line).ends_with(2);
        let said = format!("the playbook configure has no step \"{only}\"");
        refused(ran, &[&said, near]);
    }
}

#[test]
fn an_input_in_place_of_an_option() {
    let inputs = "an input of a playbook is given as '--input days=VALUE'";
    for (line, tip) in [
        ("run rotate-certificate --days 30", inputs),
        ("verify --days 30", inputs),
        (
            "run configure --only-plan",
            "a similar argument exists: '--only'",
        ),
    ] {
        refused(Runner::new().run(line).ends_with(2), &[tip]);
    }
    // What takes no inputs does not speak of them.
    let ran = Runner::new().run("list --days 30").ends_with(2);
    assert!(!ran.stderr.contains("--input"), "{}", ran.stderr);
    refused(ran, &["unexpected argument '--days' found"]);
}

#[test]
fn an_unknown_input() {
    let ran = Runner::new()
        .run("run 07-connector-online --plan --input smtp_domain=a.com")
        .ends_with(2);
    refused(
        ran,
        &[
            "has no input \"smtp_domain\"",
            "did you mean \"smtp_domains\"?",
        ],
    );
    let ran = Runner::new()
        .run("run 07-connector-online --plan --input smtp_domains")
        .ends_with(2);
    refused(ran, &["the input \"smtp_domains\" has no value"]);
}

#[test]
fn a_missing_input_is_described() {
    let text = "//! A test.\nconst PLAYBOOK = #{ title: \"A test\", inputs: #{ who: #{ text: \"Whom to greet\" } } };\n";
    let ran = Runner::new()
        .file("greet.rhai", text)
        .run("run ./greet.rhai --plan")
        .ends_with(2);
    refused(ran, &["\"who\"", "Whom to greet"]);
}

#[test]
fn an_unknown_function_or_option() {
    let runner = Runner::new().file("a.rhai", &script("onprem.new_auth_servr(\"x\", #{});"));
    refused(
        runner.run("run ./a.rhai --plan").ends_with(2),
        &[
            "new_auth_servr",
            "did you mean",
            "new_auth_server",
            "./a.rhai:5:8",
        ],
    );
    let body = "onprem.new_auth_server(\"x\", #{ auth_metadata_ur: \"https://a.example\" });";
    let runner = Runner::new().file("a.rhai", &script(body));
    refused(
        runner.run("run ./a.rhai --plan").ends_with(2),
        &[
            "auth_metadata_ur",
            "did you mean",
            "auth_metadata_url",
            "./a.rhai:5",
        ],
    );
}

#[test]
fn a_script_error_shows_file_line_and_source_line() {
    let runner = Runner::new().file("a.rhai", &script("let x = [1];\nx[7].foo();"));
    refused(
        runner.run("run ./a.rhai --plan").ends_with(2),
        &["./a.rhai:6", "x[7].foo();"],
    );
    let runner = Runner::new().file("b.rhai", &script("let x = ;"));
    refused(
        runner.run("run ./b.rhai --plan").ends_with(2),
        &["./b.rhai:5", "let x = ;"],
    );
}

#[test]
fn an_unknown_cloud_rule_scenario_or_day() {
    let ran = Runner::new()
        .run("run configure --plan --cloud gcc-hihg")
        .ends_with(2);
    refused(
        ran,
        &[
            "there is no cloud \"gcc-hihg\"",
            "did you mean \"gcc-high\"?",
        ],
    );
    let ran = Runner::new()
        .run("run configure --plan --rules before-block")
        .ends_with(2);
    refused(
        ran,
        &[
            "the rules of the lab follow its day, and --rules is gone",
            "--as-of: 2025-10-30 is the last one before the block",
        ],
    );
    let ran = Runner::new()
        .run("verify --scenario override-mising")
        .ends_with(2);
    refused(
        ran,
        &[
            "the lab has no scenario \"override-mising\"",
            "did you mean \"override-missing\"?",
        ],
    );
    let ran = Runner::new().run("verify --scenario zzz").ends_with(2);
    refused(ran, &["exoauth lab --scenarios lists them"]);
    for day in ["tomorrow", "2027-13-01", "1999-01-01"] {
        let ran = Runner::new()
            .run(&format!("verify --as-of {day}"))
            .ends_with(2);
        let message = format!("\"{day}\" is no day of the lab");
        refused(ran, &[&message, "write it as 2027-04-01"]);
    }
}

#[test]
fn an_unknown_organization() {
    let runner = Runner::new().file("configuration/organizations/contoso.toml", "");
    refused(
        runner.run("verify --org contso").ends_with(2),
        &[
            "there is no organization \"contso\"",
            "did you mean \"contoso\"?",
        ],
    );
    refused(
        runner.run("verify --org ./missing.toml").ends_with(2),
        &["there is no organization file <folder>/./missing.toml"],
    );
}

const FILE: &str = "tenant = \"contoso.onmicrosoft.com\"\ncloud = \"worldwide\"\n\
                    [sign_in]\nmethod = \"client-secret\"\nclient_id = \"a\"\nsecret = \"b\"\n";

#[test]
fn an_organization_file_that_is_wrong() {
    let cases: [(String, &[&str]); 8] = [
        ("tenant".to_owned(), &["is not TOML", "<folder>/org.toml"]),
        (
            "tenant = \"contoso.onmicrosoft.com\"\n".to_owned(),
            &[
                "\"sign_in\" is missing in the organization file",
                "<folder>/org.toml",
                "write a table [sign_in] with method = \"browser\"",
            ],
        ),
        (
            format!("{FILE}[exchange]\nauth = \"basic\"\n"),
            &[
                "\"exchange.url\" is missing in the organization file",
                "<folder>/org.toml",
                "url = \"http://ex01.contoso.com/PowerShell/\"",
            ],
        ),
        (
            FILE.replace("client_id", "cleint_id"),
            &[
                "sign_in.cleint_id",
                "did you mean \"client_id\"?",
                "<folder>/org.toml",
            ],
        ),
        (
            FILE.replace("worldwide", "wordlwide"),
            &["cloud", "did you mean \"worldwide\"?"],
        ),
        (
            FILE.replace("contoso.onmicrosoft.com", "not a tenant"),
            &["neither a domain nor a tenant id"],
        ),
        (
            format!("{FILE}[endpoints]\ngraph = \"graph.example\"\n"),
            &["endpoints.graph", "which is not a URL"],
        ),
        (
            format!("{FILE}[endpoints]\nca_file = \"missing.pem\"\n"),
            &["endpoints.ca_file", "missing.pem", "cannot be read"],
        ),
    ];
    for (text, complaints) in cases {
        let ran = Runner::new()
            .file("org.toml", &text)
            .run("verify --org org.toml")
            .ends_with(2);
        refused(ran, complaints);
    }
}

#[test]
fn a_secret_that_is_not_there() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let replaced = |source: &str| {
        let lines = served.file();
        let line = lines.lines().find(|line| line.starts_with("password"));
        served
            .file()
            .replace(line.unwrap_or_default(), &format!("password = {source}"))
    };
    let cases = [
        (
            "{ env = \"NOT_SET\" }",
            "the environment variable NOT_SET is not set",
        ),
        ("{ file = \"missing.txt\" }", "missing.txt cannot be read"),
        (
            "{ command = \"exit 3\" }",
            "the secret's command failed: exit 3",
        ),
        ("{ prompt = true }", "needs a terminal to ask at"),
    ];
    for (source, complaint) in cases {
        let ran = served
            .runner_with(&replaced(source))
            .run("run 01-auth-servers --plan --org served.toml")
            .ends_with(2);
        refused(ran, &[complaint]);
    }
    Ok(())
}

#[test]
fn a_wrong_password_a_wrong_tenant_a_server_that_answers_something_else() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let file = served.file();
    let line_of = |key: &str| {
        let mut lines = file
            .lines()
            .filter(|line| line.split(' ').next() == Some(key));
        lines.next().unwrap_or_default().to_owned()
    };
    let exchange = format!("{}/PowerShell/", served.lab.address(Front::OnPremises));
    let elsewhere = format!("{}/somewhere/", served.lab.address(Front::Graph));
    let plan = |file: &str, playbook: &str| {
        served
            .runner_with(file)
            .run(&format!("run {playbook} --plan --org served.toml"))
            .ends_with(1)
    };
    let wrong = file.replace(&line_of("password"), "password = \"wrong\"");
    refused(plan(&wrong, "01-auth-servers"), &["on-premises"]);
    let wrong = file.replace(&line_of("secret"), "secret = \"wrong\"");
    refused(plan(&wrong, "04-upload-certificate"), &["AADSTS7000215"]);
    let wrong = file.replace(&line_of("tenant"), "tenant = \"nobody.onmicrosoft.com\"");
    refused(plan(&wrong, "04-upload-certificate"), &["AADSTS90002"]);
    let wrong = file.replace(&exchange, &elsewhere);
    refused(plan(&wrong, "01-auth-servers"), &["error: "]);
    Ok(())
}

#[test]
fn a_server_that_is_not_there() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let exchange = format!("{}/PowerShell/", served.lab.address(Front::OnPremises));
    let file = served
        .file()
        .replace(&exchange, "https://localhost:1/PowerShell/");
    let ran = served
        .runner_with(&file)
        .run("run 01-auth-servers --plan --org served.toml")
        .ends_with(1);
    refused(ran, &["localhost:1"]);
    Ok(())
}

#[test]
fn a_certificate_that_is_not_one() {
    let ran = Runner::new()
        .file("no.cer", "this is no certificate")
        .run("run 03-auth-certificate --plan --input certificate=no.cer");
    assert_ne!(ran.code, 0);
    refused(ran, &["no.cer: this is not a certificate"]);
}

#[test]
fn a_certificate_that_has_expired() -> Outcome {
    let mut wanted = rcgen::CertificateParams::new(vec!["mail.contoso.com".to_owned()])?;
    wanted.not_before = rcgen::date_time_ymd(2019, 1, 1);
    wanted.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let expired = wanted.self_signed(&rcgen::KeyPair::generate()?)?.pem();
    for step in ["03-auth-certificate", "04-upload-certificate"] {
        let ran = Runner::new().file("expired.pem", &expired).run(&format!(
            "run {step} --plan --input certificate=expired.pem"
        ));
        assert_ne!(ran.code, 0);
        refused(ran, &["expired.pem: ", " expired on "]);
    }
    Ok(())
}

#[test]
fn a_command_line_that_is_wrong() {
    Runner::new()
        .run("runn")
        .ends_with(2)
        .complains(&["runn", "'run'"]);
    Runner::new()
        .run("run configure --plan --apply")
        .ends_with(2)
        .complains(&["--plan", "--apply"]);
    Runner::new()
        .run("run configure --exit-code")
        .ends_with(2)
        .complains(&["--plan"]);
    Runner::new()
        .run("--log nonsense=a=b clouds")
        .ends_with(2)
        .complains(&["not a log level"]);
}

#[test]
fn what_is_wrong_is_said_in_json_too() {
    let ran = Runner::new()
        .run("run nobody --plan --format json")
        .ends_with(2);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(
        lines[0].starts_with("{\"type\":\"version\""),
        "{}",
        ran.stdout
    );
    assert!(lines[1].contains("\"kind\":\"input\""), "{}", ran.stdout);
    assert!(
        lines[2].starts_with("{\"type\":\"summary\",\"exit\":2"),
        "{}",
        ran.stdout
    );
}

#[test]
fn the_lab_says_which_ways_to_sign_in_it_has_not() {
    Runner::new()
        .run("lab --auth kerberos")
        .ends_with(2)
        .complains(&[
            "the lab has no domain controller, so it does not speak Kerberos",
            "--auth is basic, negotiate or ntlm",
        ]);
    Runner::new()
        .run("lab --auth ntml")
        .ends_with(2)
        .complains(&["there is no authentication \"ntml\"", "ntlm"]);
}
