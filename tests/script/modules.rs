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

/// A file whose functions have the names that those of another one have.
macro_rules! library {
    ($answer:literal) => {
        concat!(
            "fn find(id) { `${id} ",
            $answer,
            "` }\n",
            "fn ask(id) { find(id) + find(id) }\n",
            "fn each(ids) { ids.map(|id| find(id)) }\n",
        )
    };
}

/// Rhai remembers what a call means by name and number of arguments; from the second time on, so each is called twice.
#[test]
fn functions_of_one_name_in_two_files_are_not_taken_for_each_other() {
    let scripts = Scripts::default()
        .with_file("lib/a.rhai", library!("in a"))
        .with_file("lib/b.rhai", library!("in b"))
        .with_file(
            "lib/c.rhai",
            "import \"lib/a\" as a; fn find(id) { a::ask(id); a::ask(id); `${id} in c` } fn ask(id) { find(id) + find(id) }",
        );
    let program = "import \"lib/a\" as a; import \"lib/b\" as b; import \"lib/c\" as c;\n\
        fn find(id) { `${id} in the script` }\n\
        fn twice(id) { find(id) + find(id) }\n\
        let all = [];\n\
        for number in 0..3 {\n\
            all += [twice(1), a::ask(1), b::ask(1), c::ask(1), find(1), a::find(1), b::find(1)];\n\
            all += [[1].map(|id| find(id))[0], a::each([1])[0], b::each([1])[0]];\n\
        }\n\
        all";
    let once = [
        "1 in the script1 in the script",
        "1 in a1 in a",
        "1 in b1 in b",
        "1 in c1 in c",
        "1 in the script",
        "1 in a",
        "1 in b",
        "1 in the script",
        "1 in a",
        "1 in b",
    ];
    let expected: Vec<Value> = once
        .iter()
        .cycle()
        .take(30)
        .map(|text| Value::Text((*text).to_owned()))
        .collect();
    assert_eq!(scripts.eval(&[program]), Ok(Value::List(expected)));
}

#[test]
fn a_mistake_in_a_function_of_a_module_has_the_name_that_was_written() {
    let scripts = Scripts::default().with_file(
        "lib/a.rhai",
        "fn find(id) { id } fn ask(id) { find(id, 1) }",
    );
    let message = scripts
        .eval(&["import \"lib/a\" as a; a::ask(1)"])
        .unwrap_err();
    assert!(!message.contains("__"), "{message}");
    assert!(message.contains("\"find\""), "{message}");
}

#[test]
fn a_function_of_an_earlier_line_is_found_and_can_be_replaced() {
    assert_eq!(
        Scripts::default().eval(&[
            "fn one() { 1 } fn two() { one() + one() }",
            "fn one() { 10 }",
            "fn three() { one() + two() } three()",
        ]),
        Ok(Value::Integer(30))
    );
}
