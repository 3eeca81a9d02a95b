//! What Tab offers, without a terminal.

use crate::support::scripts::Scripts;
use exoauth::repl::Knowledge;
use exoauth::script::Bundle;
use std::sync::Arc;

/// What is known after these lines.
fn after(lines: &[&str]) -> Knowledge {
    let knowledge = Knowledge::new(
        Bundle::embedded(),
        Arc::new(|typed| {
            let files = ["one.rhai", "two.rhai", "folder/"];
            let files = files.iter().filter(|file| file.starts_with(typed));
            files.map(|file| (*file).to_owned()).collect()
        }),
        Arc::new(|_| vec!["contoso".to_owned(), "fabrikam".to_owned()]),
    );
    let host = Scripts::default().host_after(lines);
    knowledge.set_host(Some(host));
    knowledge
}

/// What is offered at the end of a line.
fn offered(knowledge: &Knowledge, line: &str) -> Vec<String> {
    let (_, candidates) = knowledge.complete(line, line.len());
    candidates
        .into_iter()
        .map(|candidate| candidate.replacement)
        .collect()
}

fn has(offered: &[String], wanted: &str) -> bool {
    offered.iter().any(|offered| offered == wanted)
}

#[test]
fn every_function_of_the_catalog_is_completed_on_what_it_is_called_on() {
    let knowledge = after(&[]);
    let modules: Vec<String> = Bundle::embedded()
        .modules()
        .unwrap_or_default()
        .into_iter()
        .collect();
    let imports: Vec<String> = modules
        .iter()
        .enumerate()
        .map(|(at, module)| format!("import \"{module}\" as m{at};"))
        .collect();
    let imports: Vec<&str> = imports.iter().map(String::as_str).collect();
    let imported = after(&imports);
    let mut missing = Vec::new();
    for function in &knowledge.catalog().functions {
        let end = if function.arguments.is_empty() {
            "()"
        } else {
            "("
        };
        let wanted = format!("{}{end}", function.name);
        let typed = &function.name[..function.name.len() / 2];
        let on: Vec<String> = match function.receivers.as_slice() {
            [] => vec![String::new()],
            ["library"] => {
                let alias = modules
                    .iter()
                    .position(|module| *module == function.chapter);
                vec![format!("m{}::", alias.unwrap_or(usize::MAX))]
            }
            receivers => receivers.iter().map(|on| format!("{on}.")).collect(),
        };
        for on in &on {
            if !has(
                &offered(&imported, &format!("let x = {on}{typed}")),
                &wanted,
            ) {
                missing.push(format!("{on}{wanted}"));
            }
        }
        for field in &function.options {
            let on = on.first().map_or("", String::as_str);
            let line = format!("{on}{}(\"a\", #{{ ", function.name);
            if !has(&offered(&imported, &line), &format!("{}: ", field.name)) {
                missing.push(format!("{line}{}", field.name));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_handle_offers_only_what_exists_on_it() {
    let knowledge = after(&[]);
    let on = |line| offered(&knowledge, line);
    assert!(has(&on("onprem.new_auth"), "new_auth_server("));
    assert!(!has(&on("online.new_auth"), "new_auth_server("));
    assert!(has(&on("entra.add"), "add_spn("));
    assert!(has(&on("cloud.ten"), "tenant"));
    assert_eq!(on("nobody.x"), Vec::<String>::new());
}

#[test]
fn option_keys_are_offered_once_with_their_meaning() {
    let knowledge = after(&[]);
    let line = "onprem.new_auth_server(\"a\", #{ type: \"AzureAD\", ";
    let keys = offered(&knowledge, line);
    assert!(
        has(&keys, "auth_metadata_url: ") && !has(&keys, "type: "),
        "{keys:?}"
    );
    let (_, candidates) = knowledge.complete(line, line.len());
    let display = candidates
        .iter()
        .find(|candidate| candidate.replacement == "auth_metadata_url: ")
        .map(|candidate| candidate.display.as_str());
    let expected = "auth_metadata_url  the address of the metadata from which Exchange reads realm, issuer and keys (a text)";
    assert_eq!(display, Some(expected));
    let imported = after(&["import \"stdlib/connectors\" as connectors;"]);
    let line = "connectors::ensure_enabled(online, \"a\", #{ keep_endpoint: true, ";
    assert_eq!(
        offered(&imported, line),
        ["discovery_endpoint: ", "target_address_domains: "]
    );
    assert_eq!(
        knowledge.hint("overrides::ensure_on(", 21).as_deref(),
        Some("overrides::ensure_on(onprem, name, #{...})")
    );
    assert_eq!(knowledge.hint("nobody::ensure_on(", 18), None);
    let choices = offered(&knowledge, "onprem.new_auth_server(\"a\", #{ type: \"A");
    assert_eq!(choices, ["ADFS", "AzureAD"]);
    let value = offered(&knowledge, "onprem.new_auth_server(\"a\", #{ type: ");
    assert!(!has(&value, "auth_metadata_url: ") && has(&value, "inputs"));
}

#[test]
fn properties_are_those_of_the_value_at_hand() {
    let knowledge = after(&[
        "let list = [#{ alpha: 1, beta: #{ gamma: [1] } }];",
        "let text = \"a\";",
        "let handle = onprem;",
    ]);
    let on = |line| offered(&knowledge, line);
    assert_eq!(on("list[0]."), ["alpha", "beta"]);
    assert_eq!(on("1 + list[0].beta.g"), ["gamma"]);
    assert_eq!(on("list.filter(|each| each.al"), ["alpha"]);
    assert_eq!(on("for each in list { each.b"), ["beta"]);
    assert!(has(&on("list[0].beta.gamma.fil"), "filter("));
    assert!(has(&on("text.to_up"), "to_upper()"));
    assert!(has(&on("handle.get_auth_c"), "get_auth_config()"));
}

#[test]
fn names_playbooks_files_and_commands_are_offered_where_they_fit() {
    let knowledge = after(&["let connector = 1;", "fn connect(a) { a }"]);
    let on = |line| offered(&knowledge, line);
    assert_eq!(on("conne"), ["connector", "connect("]);
    assert_eq!(on("import \"stdlib/conn"), ["stdlib/connectors"]);
    assert_eq!(on("playbook(\"07"), ["07-connector-online"]);
    assert_eq!(on(":run 07"), ["07-connector-online"]);
    assert_eq!(on(":run 07-connector-online smtp"), ["smtp_domains="]);
    assert_eq!(on(":load o"), ["one.rhai"]);
    assert_eq!(on(":org f"), ["fabrikam"]);
    assert_eq!(on(":trace o"), ["on", "off"]);
    assert_eq!(on(":ti"), ["time"]);
    assert!(has(&on(":help get_auth_s"), "get_auth_server"));
    assert_eq!(on("say(\"conn"), Vec::<String>::new());
    assert_eq!(on("// conn"), Vec::<String>::new());
}

#[test]
fn the_hint_is_the_signature_of_the_call_that_is_open() {
    let knowledge = after(&[]);
    let hint = |line: &str| knowledge.hint(line, line.len());
    let server = "onprem.new_auth_server(name, #{...}) -> a map";
    assert_eq!(hint("onprem.new_auth_server(").as_deref(), Some(server));
    assert_eq!(
        hint("onprem.new_auth_server(\"a\", #{ type: ").as_deref(),
        Some(server)
    );
    let all = "onprem.get_auth_server() -> a list";
    assert_eq!(hint("onprem.get_auth_server(").as_deref(), Some(all));
    let one = "onprem.get_auth_server(identity) -> a map";
    assert_eq!(hint("onprem.get_auth_server(\"e").as_deref(), Some(one));
    assert_eq!(hint("1 + 1"), None);
    assert!(hint(":save").is_some_and(|hint| hint.starts_with("FILE")));
}
