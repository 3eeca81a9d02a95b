//! Mistakes in scripts: one sentence, the place, and the nearest right name.

#![expect(clippy::unwrap_used, reason = "in the helpers of tests")]

use crate::support::scripts::Scripts;
use exoauth::script::{Playbook, throw};

fn mistake(line: &str) -> String {
    Scripts::default().eval(&[line]).unwrap_err()
}

#[test]
fn an_unknown_function_names_the_nearest() {
    assert_eq!(
        mistake("onprem.new_intraorg_conector(\"a\", #{})"),
        "there is no function \"new_intraorg_conector\" (did you mean \"new_intraorg_connector\"?)"
    );
}

#[test]
fn a_known_function_called_wrongly_shows_how_it_is_called() {
    assert_eq!(
        mistake("online.remove_intraorg_connector(1, 2)"),
        "\"remove_intraorg_connector\" cannot be called with a whole number, a whole number (it is called as onprem.remove_intraorg_connector(identity))"
    );
}

#[test]
fn an_unknown_variable_names_the_nearest_or_explains_functions() {
    assert_eq!(
        mistake("onprm"),
        "there is no variable \"onprm\" (did you mean \"onprem\"?)"
    );
    assert_eq!(
        mistake("let domains = [];\nfn f() { domains.len() }\nf()"),
        "there is no variable \"domains\" (functions do not see the variables of the script: hand \"domains\" to the function as an argument, or use inputs)"
    );
}

#[test]
fn a_missing_property_is_an_error() {
    assert_eq!(
        mistake("let connector = #{ name: 1 }; connector.discovery_endpont"),
        "the object has no property \"discovery_endpont\" (did you mean \"discovery_endpoint\"?)"
    );
}

#[test]
fn options_are_checked_all_at_once() {
    assert_eq!(
        mistake("online.new_intraorg_connector(\"a\", #{ discovery_endpont: \"b\", enabld: 1 })"),
        "new_intraorg_connector has no option \"discovery_endpont\" and \"enabld\" and needs the option \"discovery_endpoint\" and \"target_address_domains\" (did you mean \"discovery_endpoint\" and \"enabled\"? \"discovery_endpoint\" takes a text, \"target_address_domains\" takes a list of texts)"
    );
    assert_eq!(
        mistake("online.set_intraorg_connector(\"a\", #{ target_address_domains: [\"a\", 5] })"),
        "the option \"target_address_domains[1]\" of set_intraorg_connector is wrong: it is the whole number 5, not a text (\"target_address_domains\" takes a list of texts)"
    );
}

#[test]
fn syntax_is_explained() {
    assert_eq!(
        mistake("let a = (1 + "),
        "the script ends too early (the ( of line 1 is not closed)"
    );
    assert_eq!(
        mistake("let match = 1;"),
        "\"match\" is a reserved word and cannot be a name"
    );
    assert_eq!(
        mistake("conectors::f()"),
        "nothing was imported as \"conectors\" (add import \"stdlib/connectors\" as connectors; at the top)"
    );
}

#[test]
fn types_are_said_in_words() {
    assert_eq!(
        mistake("let a = 1; if a { }"),
        "true or false is needed here, and this is a whole number"
    );
    assert_eq!(
        mistake("#{} - 1"),
        "\"-\" does not work on a map #{...} and a whole number"
    );
    assert_eq!(
        mistake("[1][3]"),
        "the list has 1 item, and number 3 was asked for (the first item has the number 0)"
    );
}

#[test]
fn what_a_script_throws_comes_out() {
    assert_eq!(mistake("throw \"nothing to do\""), "nothing to do");
    assert_eq!(
        mistake("throw #{ kind: \"conflict\", message: \"two fit\", hint: \"remove one\" }"),
        "two fit (remove one)"
    );
}

#[test]
fn a_failure_is_drawn_under_its_line_with_the_chain_of_calls() {
    let drawn = Scripts::default()
        .with_file(
            "stdlib/greeting.rhai",
            "fn greet(name) {\n    verdict(name, \"pased\", #{})\n}\n",
        )
        .run(
            "mine.rhai",
            "const PLAYBOOK = #{ title: \"Mine\" };\nimport \"stdlib/greeting\" as greeting;\n\nstep(\"one\", \"One\", || {\n    greeting::greet(\"x\");\n});\n",
        )
        .unwrap_err();
    assert_eq!(
        drawn,
        "\
error: \"pased\" is not the outcome of a verdict
 --> stdlib/greeting.rhai:2:5
  |
2 |     verdict(name, \"pased\", #{})
  |     ^^^^^^^
  |
  = note: called from mine.rhai:5:15
  = note: called from mine.rhai:4:1
  = hint: it is one of \"passed\", \"failed\" and \"not_asked\""
    );
}

#[test]
fn a_syntax_error_in_a_module_names_the_module_and_who_imports_it() {
    let drawn = Scripts::default()
        .with_file("stdlib/broken.rhai", "fn f() {\n    let x = ;\n}\n")
        .run(
            "mine.rhai",
            "const PLAYBOOK = #{ title: \"Mine\" };\nimport \"stdlib/broken\" as broken;\n",
        )
        .unwrap_err();
    assert_eq!(
        drawn,
        "\
error: unexpected ';'
 --> stdlib/broken.rhai:2:13
  |
2 |     let x = ;
  |             ^
  |
  = note: called from mine.rhai:2:8"
    );
}

#[test]
fn a_playbook_that_does_not_parse_shows_the_line() {
    let failed = Playbook::read("mine.rhai", "let a = 1;\nlet b = = 2;\n").unwrap_err();
    let drawn = throw::render(&failed, false);
    assert!(
        drawn.contains("mine.rhai:2:9") && drawn.contains("let b = = 2;"),
        "{drawn}"
    );
}
