//! Headers, inputs, steps and included playbooks.

use crate::support::scripts::Scripts;
use exoauth::cloud::CloudName;
use exoauth::script::playbook::{Input, InputType, Step};
use exoauth::script::{Playbook, throw};
use exoauth::value::Value;
use std::collections::BTreeMap;

const HEADER: &str = r#"#!/usr/bin/env exoauth
//! Step 7: let Exchange Online reach the on-premises organization.
//!
//! It makes a connector.

const PLAYBOOK = #{
    title: "Connect",
    clouds: ["worldwide", "gcc-high"],
    inputs: #{
        zone: #{ text: "Where", choices: ["north", "south"], default: "north" },
        address: #{ text: "Autodiscover address", type: "url" },
        domains: #{ text: "SMTP domains", type: "domains", default: "contoso.com, *.fabrikam.com" },
        force: #{ text: "Whether", type: "flag", required: false },
    },
};

step("look", "Look", || { });
if true { step("write", "Write", || { step("inner", "Inner", || {}); }); }
"#;

fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, Value> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
        .collect()
}

#[test]
fn a_header_is_read_without_running_the_script() {
    let playbook = Playbook::read("07-connect", HEADER).unwrap();
    assert_eq!(playbook.title, "Connect");
    assert_eq!(
        playbook.text,
        "Step 7: let Exchange Online reach the on-premises organization.\n\nIt makes a connector."
    );
    assert_eq!(playbook.clouds, [CloudName::Worldwide, CloudName::GccHigh]);
    let input = |name: &str, text: &str, r#type, default, required| Input {
        name: name.to_owned(),
        text: text.to_owned(),
        r#type,
        default,
        required,
    };
    let choices = InputType::Choice(vec!["north".to_owned(), "south".to_owned()]);
    let domains = vec!["contoso.com", "*.fabrikam.com"];
    assert_eq!(
        playbook.inputs,
        [
            input("zone", "Where", choices, Some("north".into()), false),
            input(
                "address",
                "Autodiscover address",
                InputType::Url,
                None,
                true
            ),
            input(
                "domains",
                "SMTP domains",
                InputType::Domains,
                Some(domains.into()),
                false
            ),
            input("force", "Whether", InputType::Flag, None, false),
        ]
    );
    let step = |id: &str, title: &str| Step {
        playbook: "07-connect".to_owned(),
        id: id.to_owned(),
        title: title.to_owned(),
    };
    assert_eq!(
        playbook.steps,
        [
            step("look", "Look"),
            step("write", "Write"),
            step("inner", "Inner")
        ]
    );
}

#[test]
fn inputs_become_values_of_their_type() {
    let playbook = Playbook::read("07-connect", HEADER).unwrap();
    let values = playbook
        .read_inputs(&given(&[
            ("address", "https://a.example"),
            ("zone", "South"),
            ("force", "yes"),
            ("domains", "a.example,,b.example "),
        ]))
        .unwrap();
    let expected: BTreeMap<String, Value> = [
        ("address", Value::from("https://a.example")),
        ("zone", "south".into()),
        ("force", true.into()),
        ("domains", vec!["a.example", "b.example"].into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    assert_eq!(values, expected);
}

#[test]
fn wrong_inputs_are_named() {
    let playbook = Playbook::read("07-connect", HEADER).unwrap();
    let wrong = |pairs: &[(&str, &str)]| {
        let failure = playbook.read_inputs(&given(pairs)).unwrap_err();
        format!("{failure} ({})", failure.hint.clone().unwrap_or_default())
    };
    assert_eq!(
        wrong(&[("adress", "x")]),
        "the playbook 07-connect has no input \"adress\" (did you mean \"address\"?)"
    );
    assert_eq!(
        wrong(&[]),
        "the playbook 07-connect needs the input \"address\" (add --input address=...)"
    );
    assert_eq!(
        wrong(&[("address", "a.example")]),
        "the input \"address\" cannot be \"a.example\" (it takes an address that starts with https:// or http://: Autodiscover address)"
    );
    assert_eq!(
        wrong(&[("address", "https://a.example"), ("zone", "noth")]),
        "the input \"zone\" cannot be \"noth\" (did you mean \"north\"?)"
    );
}

#[test]
fn a_wrong_header_is_shown_in_its_place() {
    let wrong = |header: &str| {
        let failed = Playbook::read("mine.rhai", header).unwrap_err();
        throw::render(&failed, false)
    };
    assert_eq!(
        wrong("const PLAYBOOK = #{\n    titel: \"Mine\",\n};"),
        "\
error: const PLAYBOOK has no key \"titel\"
 --> mine.rhai:2:12
  |
2 |     titel: \"Mine\",
  |            ^
  |
  = hint: did you mean \"title\"?"
    );
    assert_eq!(
        wrong("say(1);"),
        "\
error: the script has no const PLAYBOOK, so it is not a playbook
 |
 = hint: add const PLAYBOOK = #{ title: \"...\" };"
    );
    for (header, message) in [
        ("const PLAYBOOK = 1;", "const PLAYBOOK is not a map"),
        ("const PLAYBOOK = #{};", "const PLAYBOOK has no title"),
        (
            "const PLAYBOOK = #{ title: 1 + 1 };",
            "holds something that has to be computed",
        ),
        (
            "const PLAYBOOK = #{ title: \"a\", clouds: [\"chna\"] };",
            "there is no cloud \"chna\"",
        ),
        (
            "const PLAYBOOK = #{ title: \"a\", inputs: #{ b: #{ text: \"c\", type: \"txt\" } } };",
            "\"txt\" is not the type of an input",
        ),
        (
            "const PLAYBOOK = #{ title: \"a\", inputs: #{ b: #{ text: \"c\", type: \"flag\", default: \"perhaps\" } } };",
            "the input \"b\" cannot be \"perhaps\"",
        ),
    ] {
        assert!(wrong(header).contains(message), "{}", wrong(header));
    }
}

const ONE: &str = "const PLAYBOOK = #{ title: \"One\", inputs: #{ name: #{ text: \"Name\" } } };\nstep(\"one\", \"One\", || say(inputs.name));";
const TWO: &str = "const PLAYBOOK = #{ title: \"Two\", inputs: #{ name: #{ text: \"Name\" }, more: #{ text: \"More\", default: \"m\" } } };\nstep(\"two\", \"Two\", || { fn_two() });\nfn fn_two() { say(inputs.more) }";
const ALL: &str = "const PLAYBOOK = #{ title: \"All\", includes: [\"one\", \"two\"] };\nplaybook(\"one\");\nplaybook(\"two\");";

fn both() -> Scripts {
    Scripts::default()
        .with_file("scripts/one.rhai", ONE)
        .with_file("scripts/two.rhai", TWO)
        .with_input("name", "Ada")
}

#[test]
fn a_playbook_runs_those_that_it_includes_with_their_inputs() {
    let scripts = both();
    assert_eq!(scripts.run("all.rhai", ALL), Ok(()));
    assert_eq!(
        scripts.heard.lines(),
        [
            "playbook one",
            "step one",
            "said Ada",
            "Same one",
            "playbook two",
            "step two",
            "said m",
            "Same two"
        ]
    );
}

#[test]
fn steps_can_be_chosen_and_started_at() {
    let mut only = both();
    only.options.only = vec!["two".to_owned()];
    assert_eq!(only.run("all.rhai", ALL), Ok(()));
    let skipped = [
        "playbook one",
        "step one",
        "Skipped one",
        "playbook two",
        "step two",
        "said m",
        "Same two",
    ];
    assert_eq!(only.heard.lines(), skipped);
    let mut later = both();
    later.options.start_at = Some("two".to_owned());
    assert_eq!(later.run("all.rhai", ALL), Ok(()));
    assert_eq!(later.heard.lines(), skipped);
    let mut wrong = both();
    wrong.options.only = vec!["tow".to_owned()];
    assert!(
        wrong
            .run("all.rhai", ALL)
            .is_err_and(|drawn| drawn.contains("did you mean \"two\"?"))
    );
}

#[test]
fn a_missing_or_circular_playbook_is_refused() {
    let mut scripts = both();
    scripts.options.inputs.clear();
    let run = |source: &str| scripts.run("all.rhai", source).unwrap_err();
    assert!(
        run("const PLAYBOOK = #{ title: \"All\" };\nplaybook(\"oen\");")
            .contains("did you mean \"one\"?")
    );
    let circle = Scripts::default().with_file(
        "scripts/one.rhai",
        "const PLAYBOOK = #{ title: \"One\", includes: [\"one\"] };",
    );
    let drawn = circle.run(
        "all.rhai",
        "const PLAYBOOK = #{ title: \"All\", includes: [\"one\"] };",
    );
    assert!(drawn.is_err_and(|drawn| drawn.contains("all.rhai -> one -> one")));
}

#[test]
fn a_failed_step_is_announced_and_the_failure_goes_on() {
    let scripts = Scripts::default();
    let drawn = scripts.run(
        "mine.rhai",
        "const PLAYBOOK = #{ title: \"Mine\" };\nstep(\"a\", \"A\", || { throw \"no\" });\nsay(\"never\");",
    );
    assert!(drawn.is_err_and(|drawn| drawn.starts_with("error: no")));
    assert_eq!(scripts.heard.lines(), ["step a", "Failed a"]);
}

#[test]
fn a_playbook_for_other_clouds_is_refused() {
    let dod = Scripts::of_cloud(CloudName::Dod);
    let drawn = dod.run(
        "mine.rhai",
        "const PLAYBOOK = #{ title: \"Mine\", clouds: [\"china\"] };",
    );
    assert!(drawn.is_err_and(|drawn| drawn.contains("is not made for the cloud \"dod\"")));
}
