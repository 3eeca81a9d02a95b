//! Values in scripts, those that are unknown while planning, and the functions that ask no service.

use crate::support::scripts::Scripts;
use exoauth::failure::Failure;
use exoauth::native::convert::{to_dynamic, to_value};
use exoauth::session::Mode;
use exoauth::value::{Object, Value};
use std::sync::{Arc, Mutex};

#[test]
fn a_value_survives_the_way_into_a_script_and_back() {
    let value = Value::Object(Object::from_iter([
        ("text".to_owned(), Value::from("a")),
        ("bytes".to_owned(), Value::Bytes(vec![0, 255])),
        (
            "list".to_owned(),
            Value::List(vec![
                Value::Float(1.5),
                Value::Integer(-1),
                Value::Bool(false),
            ]),
        ),
        ("nothing".to_owned(), Value::Null),
        ("later".to_owned(), Value::Unknown("the id".to_owned())),
    ]));
    let mut expected = value.clone();
    if let Value::Object(object) = &mut expected {
        object.sort_keys();
    }
    assert_eq!(
        to_value(&to_dynamic(&value)).map_err(|failure| failure.message),
        Ok(expected)
    );
}

#[test]
fn property_names_are_in_snake_case() {
    let value = Value::Object(Object::from_iter([(
        "DiscoveryEndpoint".to_owned(),
        Value::Null,
    )]));
    let expected = Value::Object(Object::from_iter([(
        "discovery_endpoint".to_owned(),
        Value::Null,
    )]));
    assert_eq!(
        to_value(&to_dynamic(&value)).map_err(|failure| failure.message),
        Ok(expected)
    );
}

/// What a plan makes of a script that has the answer of a test in `answer`.
fn planned(script: &str) -> Result<Value, String> {
    Scripts::planning().eval(&[
        "let answer = onprem.invoke(\"Test-OAuthConnectivity\", #{})[0];",
        script,
    ])
}

#[test]
fn an_unknown_value_prints_and_passes_on() {
    assert_eq!(
        planned("`${answer}`"),
        Ok("(known after apply: the answer of Test-OAuthConnectivity)".into())
    );
    assert_eq!(
        planned("answer.result.detail"),
        Ok(Value::Unknown(
            "detail of result of the answer of Test-OAuthConnectivity".to_owned()
        ))
    );
    assert_eq!(planned("is_unknown(answer.result)"), Ok(Value::Bool(true)));
    assert_eq!(
        planned("\"got \" + answer"),
        Ok("got (known after apply: the answer of Test-OAuthConnectivity)".into())
    );
}

#[test]
fn values_are_said_as_scripts_print_them() {
    let scripts = Scripts::planning();
    let said = scripts.eval(&[
        "let answer = onprem.invoke(\"Test-OAuthConnectivity\", #{})[0];",
        "say(answer); say([1, \"a\", answer]); warn(#{ a: true }); say(()); say('x'); print(2.5);",
    ]);
    assert_eq!(said, Ok(Value::Null));
    let unknown = "(known after apply: the answer of Test-OAuthConnectivity)";
    assert_eq!(
        scripts.heard.lines(),
        [
            format!("said {unknown}"),
            format!("said [1, \"a\", {unknown}]"),
            "said #{\"a\": true}".to_owned(),
            "said ".to_owned(),
            "said x".to_owned(),
            "said 2.5".to_owned(),
        ]
    );
}

#[test]
fn nothing_may_be_decided_on_an_unknown_value() {
    for decision in [
        "answer == \"a\"",
        "\"a\" == answer",
        "answer == ()",
        "answer != 1",
        "answer < 1",
        "1.0 >= answer",
        "answer == answer",
        "!answer",
        "[answer] == [1]",
        "[1, [answer]] == [1, [2]]",
        "#{ a: answer } == #{ a: 1 }",
        "if answer { 1 } else { 2 }",
        "while answer { }",
        "answer && true",
        "[1].contains(answer)",
        "1 in [answer]",
    ] {
        let message = planned(decision).map_or_else(|error| error, |value| format!("{value:?}"));
        assert!(
            message.starts_with("the script must not decide on"),
            "{decision}: {message}"
        );
    }
}

#[test]
fn attempt_catches_what_is_thrown_and_no_mistake() {
    let eval = |line: &str| Scripts::default().eval(&[line]);
    assert_eq!(eval("attempt(|| 5).value"), Ok(Value::Integer(5)));
    assert_eq!(eval("attempt(|| throw \"no\").error"), Ok("no".into()));
    assert_eq!(
        eval("attempt(|| verdict(\"a\", \"b\", #{})).error.kind"),
        Ok("input".into())
    );
    assert_eq!(
        eval("let m = (); try { verdict(\"a\", \"b\", #{}) } catch (e) { m = e.message } m"),
        Ok("\"b\" is not the outcome of a verdict".into())
    );
    assert_eq!(
        eval("attempt(|| sayy(1))"),
        Err("there is no function \"sayy\" (did you mean \"say\"?)".to_owned())
    );
}

#[test]
fn a_file_is_written_where_that_is_granted_and_never_while_planning() {
    type Files = Arc<Mutex<Vec<(String, Vec<u8>)>>>;
    let files = Files::default();
    let granted = |mut scripts: Scripts| {
        let files = files.clone();
        scripts.options.write_file = Some(Arc::new(move |mode, path: &str, bytes: &[u8]| {
            if mode == Mode::Apply {
                let file = (path.to_owned(), bytes.to_vec());
                files.lock().unwrap().push(file);
            }
            Ok::<(), Failure>(())
        }));
        scripts
    };
    let write = ["write_file(\"a.cer\", \"text\"); write_file(\"b.cer\", blob(2, 7));"];
    assert_eq!(granted(Scripts::planning()).eval(&write), Ok(Value::Null));
    assert_eq!(*files.lock().unwrap(), []);
    assert_eq!(granted(Scripts::default()).eval(&write), Ok(Value::Null));
    assert_eq!(
        *files.lock().unwrap(),
        [
            ("a.cer".to_owned(), b"text".to_vec()),
            ("b.cer".to_owned(), vec![7, 7])
        ]
    );
    assert!(
        Scripts::default()
            .eval(&write)
            .is_err_and(|error| error.contains("may not write files"))
    );
}

#[test]
fn an_input_that_is_not_there_names_the_nearest() {
    let scripts = Scripts::default().with_input("tenant", "contoso.com");
    assert_eq!(
        scripts.eval(&["fn f() { inputs.tenant } f()"]),
        Ok("contoso.com".into())
    );
    assert_eq!(
        scripts.eval(&["inputs.tennant"]),
        Err("the playbook has no input \"tennant\" (did you mean \"tenant\"?)".to_owned())
    );
    assert_eq!(
        scripts.eval(&["\"tenant\" in inputs"]),
        Ok(Value::Bool(true))
    );
}

#[test]
fn a_cmdlet_is_called_where_it_exists() {
    let eval = |line: &str| Scripts::planning().eval(&[line]);
    assert!(
        eval("onprem.invoke(\"Get OrganizationConfig\", #{})").is_err_and(
            |error| error.starts_with("\"Get OrganizationConfig\" is not the name of a cmdlet")
        )
    );
}
