//! What is seen of a script without running it.

use crate::support::scripts::Scripts;
use exoauth::script::{Bundle, Catalog, Severity, check_script};

#[test]
fn shipped_scripts_and_modules_have_no_mistake() {
    for (path, text) in Bundle::rows() {
        assert_eq!(Scripts::default().check(path, text), [""; 0], "{path}");
    }
}

#[test]
fn every_example_of_the_catalog_is_a_script_without_mistake() {
    for function in Catalog::of(&Bundle::embedded()).functions {
        for example in &function.examples {
            let found = Scripts::default().check(&function.name, example);
            assert_eq!(found, [""; 0], "{}: {example}", function.name);
        }
    }
}

#[test]
fn the_options_of_a_library_function_are_checked_like_those_of_a_native_one() {
    let text = "import \"stdlib/connectors\" as c;\n\
        c::ensure_enabled(online, \"a\", #{ discovery_endpont: \"b\", target_address_domains: \"d\", keep_endpoint: true });\n";
    let found: Vec<(String, Option<String>)> = check_script(&Bundle::embedded(), "a.rhai", text)
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| (finding.found.failure.message, finding.found.failure.hint))
        .collect();
    let expected = [
        (
            "ensure_enabled has no option \"discovery_endpont\" and needs the option \"discovery_endpoint\"",
            Some("did you mean \"discovery_endpoint\"? \"discovery_endpoint\" takes a text"),
        ),
        (
            "the option \"target_address_domains\" of ensure_enabled takes a list of texts, and this is the text \"d\"",
            None,
        ),
    ];
    let expected = expected.map(|(message, hint)| (message.to_owned(), hint.map(str::to_owned)));
    assert_eq!(found, expected);
}

#[test]
fn mistakes_are_found_in_branches_closures_and_modules() {
    let scripts = Scripts::default().with_file("lib/a.rhai", "fn two(x, y) { onprem.invok(1) }");
    let text = "import \"lib/a\" as a;\nif false {\n    sayy(1);\n}\nlet f = || a::two(1);\na::tow(1, 2);\nfn g(x) { x.trimm(); step(\"a\") }\n";
    let found: Vec<String> = scripts
        .check("mine.rhai", text)
        .iter()
        .map(|drawn| drawn.lines().take(2).collect::<Vec<_>>().join(""))
        .collect();
    assert_eq!(
        found,
        [
            "error: there is no function \"sayy\" --> mine.rhai:3:5",
            "error: \"two\" takes 2 arguments, and 1 is given --> mine.rhai:5:15",
            "error: there is no function \"tow\" --> mine.rhai:6:4",
            "error: there is no function \"trimm\" --> mine.rhai:7:13",
            "error: \"step\" takes 3 arguments, and 1 is given --> mine.rhai:7:22",
            "error: there is no function \"invok\" --> lib/a.rhai:1:23",
        ]
    );
}
