//! What scripts import: the user's folder first, the shipped original by `std:`, and nothing outside.

#![expect(clippy::unwrap_used, reason = "in the helpers of tests")]

use crate::support::scripts::Scripts;
use exoauth::value::Value;

fn refused(path: &str) -> String {
    Scripts::default()
        .with_file("lib/one.rhai", "fn one() { 1 }")
        .eval(&[&format!("import \"{path}\" as m;")])
        .unwrap_err()
}

#[test]
fn paths_stay_below_the_folder() {
    for (path, reason) in [
        ("../lib/one", "the path leaves the folder"),
        ("lib/../../one", "the path leaves the folder"),
        ("/lib/one", "the path starts at a root"),
        ("C:/lib/one", "the path starts at a root"),
        ("lib//one", "a part of the path is empty"),
        ("./lib/one", "a part of the path is empty"),
        ("", "a part of the path is empty"),
        ("lib/one.rhai", "the ending is left out"),
    ] {
        let message = refused(path);
        assert!(message.contains(reason), "{path}: {message}");
    }
}

#[test]
fn an_unknown_module_names_the_nearest() {
    assert_eq!(
        refused("lib/on"),
        "there is no module \"lib/on\" (did you mean \"lib/one\"?)"
    );
    assert!(refused("std:lib/one").starts_with("there is no module \"lib/one\""));
}

#[test]
fn modules_that_import_each_other_in_a_circle_are_refused() {
    let scripts = Scripts::default()
        .with_file("lib/a.rhai", "import \"lib/b\" as b;")
        .with_file("lib/b.rhai", "import \"lib/a\" as a;");
    assert_eq!(
        scripts.eval(&["import \"lib/a\" as a;"]),
        Err(
            "modules import each other in a circle: lib/a.rhai -> lib/b.rhai -> lib/a.rhai"
                .to_owned()
        )
    );
    assert_eq!(
        Scripts::default()
            .with_file("lib/a.rhai", "import \"lib/a\" as a;")
            .eval(&["import \"lib/a\" as a;"]),
        Err("modules import each other in a circle: lib/a.rhai -> lib/a.rhai".to_owned())
    );
}

#[test]
fn a_module_is_loaded_once_and_after_a_mistake_again() {
    let scripts = Scripts::default()
        .with_file("lib/a.rhai", "import \"lib/c\" as c; fn f() { c::f() }")
        .with_file("lib/b.rhai", "import \"lib/c\" as c; fn f() { c::f() }")
        .with_file("lib/c.rhai", "say(\"loaded\"); fn f() { 1 }");
    assert_eq!(
        scripts.eval(&["import \"lib/a\" as a; import \"lib/b\" as b; a::f() + b::f()"]),
        Ok(Value::Integer(2))
    );
    assert_eq!(scripts.heard.lines(), ["said loaded"]);
}
