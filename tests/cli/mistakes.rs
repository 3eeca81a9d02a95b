//! Mistakes that people make who write playbooks, and what `check` says of each: a message, a place, and what to do.

use crate::support::runner::Runner;
use exoauth::script::{Bundle, Severity, check_script};

const HEADER: &str = "const PLAYBOOK = #{\n    title: \"T\",\n};\n\n";

/// A script with a mistake: the body of a step, what follows the header, or all of it.
enum Script {
    In(&'static str),
    After(&'static str),
    Whole(&'static str),
}

use Script::{After, In, Whole};

impl Script {
    fn text(&self) -> String {
        match self {
            In(body) => format!("{HEADER}step(\"one\", \"One\", || {{\n{body}\n}});\n"),
            After(rest) => format!("{HEADER}{rest}"),
            Whole(text) => (*text).to_owned(),
        }
    }
}

/// Scripts with what is said of them first, the worst first: place, severity and message; and the hint.
const MISTAKES: &[(Script, &str, &str)] = &[
    (
        After(
            r#"step("one", "One", || {
    say("a");
"#,
        ),
        r#"7:1 error "}" is missing to terminate this block"#,
        "the { of line 5 is not closed",
    ),
    (
        In(r#"    say("a";"#),
        r#"6:12 error "," is missing to separate the arguments to function call 'say'"#,
        "a bracket is not closed before this semicolon",
    ),
    (
        In(r#"    let a = 1
    say(a);"#),
        r#"7:5 error ";" is missing to terminate this statement"#,
        "put it at the end of line 6",
    ),
    (
        In(r#"    say("a);"#),
        "6:9 error this text has no end",
        "the quote is not closed in this line",
    ),
    (
        In("    say('hello');"),
        "6:9 error 'hello' is not a single letter",
        "a text is written in double quotes",
    ),
    (
        In(r#"    if true { say("a"); } elseif false { say("b"); }"#),
        r#"6:34 error ";" is missing to terminate this statement"#,
        "write else if",
    ),
    (
        In("    foreach c in onprem.get_auth_server() { say(c.name); }"),
        r#"6:13 error ";" is missing to terminate this statement"#,
        "write for each in list { ... }",
    ),
    (
        In("    $x = 1;"),
        r#"6:5 error a name has no "$" here"#,
        "a variable is made with let: let x = 1",
    ),
    (
        In(r#"    let a = 1;
    if a -eq 1 { say("x"); }"#),
        r#"7:14 error "{" is missing to start a statement block"#,
        r#""equal" is written =="#,
    ),
    (
        In(r#"    if true and false { say("x"); }"#),
        r#"6:13 error "{" is missing to start a statement block"#,
        r#""and" is written &&"#,
    ),
    (
        In(r#"    onprem.set_auth_server("a", { enabled: false });"#),
        r#"6:42 error ";" is missing to terminate this statement"#,
        "a map is written with a # before the bracket: #{ name: value }",
    ),
    (
        In(r#"    onprem.set_auth_server("a", #{ enabled = false });"#),
        r#"6:44 error ":" is missing to follow the property 'enabled' in this object map literal"#,
        "a map is written #{ name: value }",
    ),
    (
        After(
            r#"let x = 1;
fn f() { x }
step("one", "One", || { say(f()); });
"#,
        ),
        r#"6:10 error there is no variable "x""#,
        r#"functions do not see the variables of the script: hand "x" to the function as an argument, or use inputs"#,
    ),
    (
        In(r#"    online.new_auth_server("a", #{ auth_metadata_url: "https://x" });"#),
        r#"6:12 error online has no function "new_auth_server""#,
        "it is called on onprem: onprem.new_auth_server(...)",
    ),
    (
        In("    onprm.get_auth_server();"),
        r#"6:5 error there is no variable "onprm""#,
        r#"did you mean "onprem"?"#,
    ),
    (
        In("    get_auth_server();"),
        r#"6:5 error "get_auth_server" has to be called on something"#,
        "it is called as onprem.get_auth_server() -> a list or onprem.get_auth_server(identity) -> a map",
    ),
    (
        Whole(
            r#"let PLAYBOOK = #{ title: "T" };
step("one","One",|| { say(1); });
"#,
        ),
        "1:1 error the header of a playbook is a constant",
        "write const PLAYBOOK = #{ ... }",
    ),
    (
        Whole(
            r#"const PLAYBOOK = #{ titel: "T" };
step("one","One",|| { say(1); });
"#,
        ),
        r#"1:28 error const PLAYBOOK has no key "titel""#,
        r#"did you mean "title"?"#,
    ),
    (
        Whole(
            r#"const PLAYBOOK = #{ title: "T", inputs: #{ a: #{ text: "A", type: "string" } } };
step("one","One",|| { say(inputs.a); });
"#,
        ),
        r#"1:67 error "string" is not the type of an input"#,
        r#"the types are "text", "list", "flag", "number", "choice", "url", "domain" and "domains""#,
    ),
    (
        After(
            r#"step("one","One",|| { say(1); });
step("one","Two",|| { say(2); });
"#,
        ),
        r#"6:1 warning there is another step "one""#,
        "--only, --start-at and reports tell steps apart by their ids",
    ),
    (
        After(
            r#"say("hi");
"#,
        ),
        "1:1 warning this playbook has no step",
        r#"put what it does into step("id", "title", || { ... }), so that it can be reported and skipped"#,
    ),
    (
        In("    onprem.Get_Auth_Server();"),
        r#"6:12 error there is no function "Get_Auth_Server""#,
        r#"did you mean "get_auth_server"?"#,
    ),
    (
        In(r#"    let a = 1;
    if a = 1 { say("x"); }"#),
        r#"7:10 error "=" cannot stand here"#,
        "= gives a variable a value, == compares",
    ),
    (
        In(r#"    let a = null;
    if a == none { say(1); }"#),
        r#"6:13 error "null" is a reserved word and cannot be a name"#,
        "nothing is written ()",
    ),
    (
        In("    let a = try { 1 } catch { 2 };"),
        "6:13 error unexpected 'try'",
        "try gives no value; attempt(|| ...) gives #{ ok, value, error }",
    ),
    (
        In(r#"    say("a" . "b");"#),
        "6:15 error the name of a property is missing after the dot",
        "texts are put together with +, or in backquotes with ${...}",
    ),
    (
        In(r#"    onprem.set_auth_server("a", #{ enabled: false refresh_auth_metadata: true });"#),
        r#"6:51 error "," is missing to separate the items of this object map literal"#,
        "",
    ),
    (
        After(
            r#"step("one", "One", {
    say("a");
});
"#,
        ),
        r#"5:20 error "step" takes a closure at the end"#,
        "write || before the bracket: step(id, title, || {...})",
    ),
    (
        Whole(
            r#"import "stdlib/connectors";
const PLAYBOOK = #{
    title: "T",
};

step("one", "One", || {
    connectors::find(online, ["a.com"]);
});
"#,
        ),
        "1:1 error nothing of a module can be called that is imported without `as`",
        r#"write import "stdlib/connectors" as connectors;"#,
    ),
    (
        Whole(
            r#"import "stdlib/connectors" as connectors;
const PLAYBOOK = #{
    title: "T",
};

step("one", "One", || {
    say("x");
});
"#,
        ),
        r#"1:1 warning nothing uses the module "connectors""#,
        "its functions are called as connectors::function(...)",
    ),
    (
        In("    say(cloud.exchange_onlin);"),
        r#"6:15 error cloud has no "exchange_onlin""#,
        r#"did you mean "exchange_online"?"#,
    ),
    (
        Whole(
            r#"import "stdlib/connectors" as connectors;
const PLAYBOOK = #{
    title: "T",
};

step("one", "One", || {
    connectors.find(online, ["a.com"]);
});
"#,
        ),
        r#"7:5 error there is no variable "connectors""#,
        "connectors is a module: its functions are called as connectors::function(...)",
    ),
    (
        Whole(
            r#"const PLAYBOOK = #{ title: "T", clouds: ["world-wide"] };
step("one","One",|| { say(1); });
"#,
        ),
        r#"1:41 error there is no cloud "world-wide""#,
        r#"did you mean "worldwide"?"#,
    ),
    (
        In(r#"    onprem.set_auth_server("a", #{ enabled: "false" });"#),
        r#"6:45 error the option "enabled" of set_auth_server takes true or false, and this is the text "false""#,
        "",
    ),
    (
        In(r#"    if inputs.foo == "" { say("x"); }"#),
        r#"6:15 error the playbook has no input "foo""#,
        r#"add foo: #{ text: "..." } to the inputs of const PLAYBOOK"#,
    ),
    (
        Whole(
            r#"const PLAYBOOK = #{ title: "T", inputs: #{ a: #{ text: "A", type: "number", default: "x" } } };
step("one","One",|| { say(inputs.a); });
"#,
        ),
        r#"1:86 error the input "a" cannot be "x""#,
        "it takes a whole number: A",
    ),
];

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_do() {
    let mut wrong = Vec::new();
    for (script, message, hint) in MISTAKES {
        let mut findings = check_script(&Bundle::embedded(), "mine.rhai", &script.text());
        findings.retain(|finding| finding.severity != Severity::Note);
        findings.sort_by_key(|finding| finding.severity);
        let said = findings.first().map(|finding| {
            let place = finding.found.frames.first();
            let (line, column) = place.map_or((0, 0), |place| (place.line, place.column));
            let failure = &finding.found.failure;
            let message = format!(
                "{line}:{column} {} {}",
                finding.severity.word(),
                failure.message
            );
            (message, failure.hint.clone().unwrap_or_default())
        });
        if said != Some(((*message).to_owned(), (*hint).to_owned())) {
            wrong.push(format!("{}\n{said:#?}", script.text()));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn mistakes_are_told_to_people_and_to_pipelines() {
    let runner = Runner::new().file(
        "mine.rhai",
        &In("    onprem.set_auth_server(\"a\", #{ enabled: \"false\" });").text(),
    );
    runner.run("check mine.rhai").ends_with(2).shows(&[
        "error: the option \"enabled\" of set_auth_server takes true or false, and this is the text \"false\"",
        "1 error, 1 warning",
    ]);
    let json = runner.run("check mine.rhai --format json").ends_with(2);
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let finding = &report["files"][0]["findings"][1];
    assert_eq!(
        (
            &report["errors"],
            &finding["code"],
            &finding["line"],
            &finding["column"]
        ),
        (&1.into(), &"options".into(), &6.into(), &45.into())
    );
}
