//! The embedded scripts: none forgotten, every header readable, and the user's folder in front.

use crate::support::scripts::Scripts;
use crate::support::source::files;
use exoauth::script::Bundle;
use exoauth::script::bundle::ScriptOrigin;
use exoauth::script::throw;
use exoauth::value::Value;
use std::error::Error;

#[test]
fn every_script_and_module_has_a_row() -> Result<(), Box<dyn Error>> {
    let mut there = Vec::new();
    for folder in ["scripts", "stdlib"] {
        there.extend(files(folder, ".rhai")?.into_iter().map(|file| file.path));
    }
    there.sort();
    let mut rows: Vec<String> = Bundle::rows()
        .iter()
        .map(|(path, _)| (*path).to_owned())
        .collect();
    rows.sort();
    assert_eq!(rows, there);
    Ok(())
}

#[test]
fn every_shipped_playbook_has_a_header_and_steps() -> Result<(), Box<dyn Error>> {
    let listed = Bundle::embedded().playbooks()?;
    assert!(listed.len() >= 10);
    for playbook in listed {
        let read = playbook
            .playbook
            .map_err(|failed| throw::render(&failed, false))?;
        assert!(
            !read.text.is_empty() && !read.steps.is_empty(),
            "{}",
            read.name
        );
        assert_eq!(playbook.hash.len(), 64);
    }
    Ok(())
}

#[test]
fn every_module_can_be_imported() -> Result<(), Box<dyn Error>> {
    for module in Bundle::embedded().modules()? {
        let line = format!("import \"{module}\" as it;");
        assert_eq!(
            Scripts::default().eval(&[&line]),
            Ok(Value::Null),
            "{module}"
        );
    }
    Ok(())
}

#[test]
fn a_file_of_yours_is_in_front_and_can_call_the_shipped_one() {
    let scripts = Scripts::default().with_file(
        "stdlib/lists.rhai",
        "import \"std:stdlib/lists\" as shipped;\nfn in_words(texts) { shipped::in_words(texts) + \"!\" }",
    );
    assert_eq!(
        scripts.eval(&["import \"stdlib/lists\" as lists; lists::in_words([\"a\", \"b\"])"]),
        Ok("a, b!".into())
    );
    let origin = |path: &str| {
        let source = scripts.bundle().file(path).unwrap();
        source.map(|source| source.origin)
    };
    assert_eq!(origin("stdlib/lists.rhai"), Some(ScriptOrigin::Shadowing));
    assert_eq!(origin("stdlib/ensure.rhai"), Some(ScriptOrigin::Shipped));
    assert_eq!(origin("stdlib/nothing.rhai"), None);
}

#[test]
fn an_unknown_playbook_names_the_nearest() {
    let failed = Bundle::embedded()
        .playbook("07-conector-online")
        .map(|_| ())
        .unwrap_err();
    assert_eq!(
        failed.failure.hint.as_deref(),
        Some("did you mean \"07-connector-online\"?")
    );
}
