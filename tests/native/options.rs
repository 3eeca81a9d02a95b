//! Options as structs: keys, what they take, and what is said about wrong ones.

#![expect(clippy::unwrap_used, reason = "in the helpers of tests")]

use exoauth::native::options::{OptionField, fields, parameters, read_for};
use rhai::{Engine, Map};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    AzureAD,
    MicrosoftACS,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct NewThing {
    metadata_url: String,
    r#type: Option<Kind>,
    domains: Option<Vec<String>>,
    count: Option<i64>,
}

fn map(text: &str) -> Map {
    Engine::new().eval(text).unwrap()
}

fn wrong(text: &str) -> String {
    let failure = read_for::<NewThing>("new_thing", &map(text)).unwrap_err();
    format!("{failure} ({})", failure.hint.clone().unwrap_or_default())
}

#[test]
fn the_keys_and_what_they_take_are_known_without_a_value() {
    let field = |name, takes: &str, required| OptionField {
        name: Cow::Borrowed(name),
        takes: takes.to_owned(),
        required,
        text: String::new(),
    };
    assert_eq!(
        fields::<NewThing>(),
        [
            field("metadata_url", "a text", true),
            field("type", "one of \"AzureAD\" and \"MicrosoftACS\"", false),
            field("domains", "a list of texts", false),
            field("count", "a whole number", false),
        ]
    );
}

#[test]
fn what_is_left_out_is_not_sent() {
    let thing: NewThing = read_for(
        "new_thing",
        &map("#{ metadata_url: \"a\", type: \"AzureAD\", count: () }"),
    )
    .unwrap();
    let sent = parameters(&thing).unwrap();
    let sent: Vec<(&str, Option<&str>)> = sent
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_text()))
        .collect();
    assert_eq!(
        sent,
        [("MetadataUrl", Some("a")), ("Type", Some("AzureAD"))]
    );
}

#[test]
fn what_is_wrong_is_said_in_words() {
    for (given, expected) in [
        (
            "#{ metadata_ulr: \"a\" }",
            "new_thing has no option \"metadata_ulr\" and needs the option \"metadata_url\" (did you mean \"metadata_url\"? \"metadata_url\" takes a text)",
        ),
        (
            "#{ metadata_url: 1 }",
            "the option \"metadata_url\" of new_thing is wrong: it is the whole number 1, not a text (\"metadata_url\" takes a text)",
        ),
        (
            "#{ metadata_url: \"a\", type: \"AzureA\" }",
            "the option \"type\" of new_thing is wrong: unknown variant \"AzureA\", expected \"AzureAD\" or \"MicrosoftACS\" (\"type\" takes one of \"AzureAD\" and \"MicrosoftACS\")",
        ),
        (
            "#{ metadata_url: \"a\", domains: \"b\" }",
            "the option \"domains\" of new_thing is wrong: it is the text \"b\", not a list (\"domains\" takes a list of texts)",
        ),
        (
            "#{ metadata_url: \"a\", count: 1.5 }",
            "the option \"count\" of new_thing is wrong: it is the number 1.5, not a whole number (\"count\" takes a whole number)",
        ),
        (
            "#{ metadata_url: || 1 }",
            "the option \"metadata_url\" of new_thing cannot be a function ()",
        ),
    ] {
        assert_eq!(wrong(given), expected);
    }
}
