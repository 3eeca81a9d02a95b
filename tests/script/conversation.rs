//! Lines of script, as at a prompt: what they see, and what they remember.

use crate::support::scripts::Scripts;
use exoauth::cloud::CloudName;
use exoauth::failure::FailureKind;
use exoauth::script::on_engine_thread;
use exoauth::value::{Object, Value};

fn eval(lines: &[&str]) -> Result<Value, String> {
    Scripts::default().eval(lines)
}

#[test]
fn variables_functions_and_imports_are_kept_for_the_next_line() {
    let scripts = Scripts::default().with_file("lib/two.rhai", "fn two() { 2 }");
    let lines = [
        "let x = 40;",
        "fn twice(y) { y * 2 }",
        "import \"lib/two\" as lib;",
        "x = twice(x) / 2",
        "x + lib::two()",
    ];
    assert_eq!(scripts.eval(&lines), Ok(Value::Integer(42)));
}

#[test]
fn handles_are_seen_at_the_top_in_functions_and_in_closures() {
    let tenant = Ok(Value::from("contoso.onmicrosoft.com"));
    assert_eq!(eval(&["cloud.tenant"]), tenant);
    assert_eq!(eval(&["fn f() { cloud.tenant } f()"]), tenant);
    assert_eq!(eval(&["let f = || cloud.tenant; f.call()"]), tenant);
    assert_eq!(
        eval(&["fn f() { let g = || { let h = || cloud.tenant; h.call() }; g.call() } f()"]),
        tenant
    );
}

#[test]
fn handles_are_seen_in_modules() {
    let scripts =
        Scripts::default().with_file("lib/a.rhai", "fn f() { [1].map(|x| cloud.name)[0] }");
    assert_eq!(
        scripts.eval(&["import \"lib/a\" as a; a::f()"]),
        Ok("worldwide".into())
    );
}

#[test]
fn addresses_are_those_of_the_cloud_and_an_unknown_one_names_its_key() {
    assert_eq!(
        eval(&["cloud.exchange_online"]),
        Ok("https://outlook.office365.com".into())
    );
    assert_eq!(
        eval(&["cloud.acs_metadata(cloud.tenant)"]),
        Ok(
            "https://accounts.accesscontrol.windows.net/contoso.onmicrosoft.com/metadata/json/1"
                .into()
        )
    );
    let china = Scripts::of_cloud(CloudName::China);
    assert_eq!(
        china.eval(&["cloud.acs_metadata(cloud.tenant)"]),
        Err("nobody documents \"acs_metadata\" of the cloud \"china\" (set \"acs_metadata\" under [endpoints] in the organization file)".to_owned())
    );
    assert_eq!(
        eval(&["cloud.exchange_onlin"]),
        Err("cloud has no \"exchange_onlin\" (did you mean \"exchange_online\"?)".to_owned())
    );
}

#[test]
fn a_map_comes_out_as_an_object() {
    let expected = Object::from_iter([
        (
            "a".to_owned(),
            Value::List(vec![Value::Integer(1), Value::Null]),
        ),
        ("b".to_owned(), Value::Bool(true)),
    ]);
    assert_eq!(eval(&["#{ b: true, a: [1, ()] }"]), Ok(expected.into()));
}

#[test]
fn what_is_no_value_is_refused() {
    assert_eq!(
        eval(&["onprem"]),
        Err("an Exchange organization cannot be used as a value here".to_owned())
    );
}

#[test]
fn eval_is_not_there() {
    assert!(eval(&["eval(\"1\")"]).is_err_and(|error| error.contains("eval")));
}

#[test]
fn an_interruption_ends_a_loop_and_cannot_be_caught() {
    let scripts = Scripts::default();
    scripts.interrupt.raise();
    assert_eq!(
        scripts.eval(&["try { loop {} } catch { }"]),
        Err("interrupted".to_owned())
    );
    assert_eq!(
        scripts.eval(&["attempt(|| sleep(60))"]),
        Err("interrupted".to_owned())
    );
}

#[test]
fn a_defect_on_the_engine_thread_is_a_failure_and_no_crash() {
    let failure = on_engine_thread::<()>(|| panic!("it broke")).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Internal);
    assert_eq!(failure.detail.as_deref(), Some("it broke"));
}

#[test]
fn deep_calls_and_large_values_are_refused() {
    assert!(eval(&["fn f(x) { f(x + 1) } f(0)"]).is_err_and(|error| {
        error.starts_with("the functions of the script call each other too deeply")
    }));
    assert!(
        eval(&["let a = \"0123456789abcdef\"; loop { a += a; }"])
            .is_err_and(|error| error.starts_with("too large"))
    );
}

#[test]
fn a_failed_line_leaves_no_variables() {
    assert_eq!(eval(&["let a = 1;", "a"]), Ok(Value::Integer(1)));
    let scripts = Scripts::default();
    assert!(scripts.eval(&["let b = 1; throw \"no\""]).is_err());
}
