//! The reference as one HTML page that needs nothing besides itself.

use crate::failure::Failure;
use crate::repl::effect;
use crate::script::Bundle;
use crate::script::catalog::{Catalog, Function};
use crate::script::playbook::{Input, Playbook};
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Chapters of one kind, under one heading of the contents.
struct Part<'catalog> {
    title: &'static str,
    chapters: Vec<(&'catalog str, Vec<&'catalog Function>)>,
}

/// Writes the page: the playbooks, the native functions, the library.
///
/// # Errors
///
/// When the user's folder cannot be read.
pub(super) fn page(catalog: &Catalog, bundle: &Bundle) -> Result<String, Failure> {
    let listed = bundle.playbooks()?;
    let playbooks: Vec<&Playbook> = listed
        .iter()
        .filter_map(|listed| listed.playbook.as_ref().ok())
        .collect();
    let parts = parts(catalog);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>exoauth {version}: reference</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        version = env!("CARGO_PKG_VERSION"),
    );
    page += &contents(&playbooks, &parts);
    page += "<main>\n";
    page += INTRODUCTION;
    for part in &parts {
        let _ = writeln!(page, "<h2>{}</h2>", part.title);
        for (chapter, functions) in &part.chapters {
            page += &of_chapter(chapter, functions, bundle)?;
        }
    }
    page += "<h2 id=\"playbooks\">Playbooks</h2>\n";
    for playbook in playbooks {
        page += &of_playbook(playbook);
    }
    let _ = write!(
        page,
        "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    );
    Ok(page)
}

const INTRODUCTION: &str = "\
<header class=\"top\">
<h1>Writing playbooks</h1>
<p>A playbook is a script in <a href=\"https://rhai.rs/book/\">Rhai</a> with one header and steps.
It speaks to on-premises Exchange as <code>onprem</code>, to Exchange Online as <code>online</code>, to Entra ID as
<code>entra</code>; <code>cloud</code> has the addresses of the tenant's cloud, <code>inputs</code> what was given on
the command line. While planning, reads are real and writes are only predicted.</p>
<p>Functions of the library look first and write what differs; native functions do one thing at once. Options are
written as a map, <code>#{ name: value }</code>.</p>
</header>
";

fn parts(catalog: &Catalog) -> Vec<Part<'_>> {
    let chapters = |fits: &dyn Fn(&Function) -> bool| {
        let mut chapters: Vec<(&str, Vec<&Function>)> = Vec::new();
        for function in catalog.functions.iter().filter(|function| fits(function)) {
            match chapters.last_mut() {
                Some((chapter, functions)) if *chapter == function.chapter => {
                    functions.push(function);
                }
                _ => chapters.push((&function.chapter, vec![function])),
            }
        }
        chapters
    };
    vec![
        Part {
            title: "Library",
            chapters: chapters(&Function::is_library),
        },
        Part {
            title: "Native functions",
            chapters: chapters(&|function| !function.is_library()),
        },
    ]
}

fn contents(playbooks: &[&Playbook], parts: &[Part<'_>]) -> String {
    let mut nav = "<nav>\n<p class=\"name\">exoauth</p>\n\
        <input id=\"search\" type=\"search\" placeholder=\"Search functions\" aria-label=\"Search functions\">\n"
        .to_owned();
    let entry = |nav: &mut String, target: &str, text: &str| {
        let _ = writeln!(
            nav,
            "<li><a href=\"#{}\">{}</a></li>",
            attribute(target),
            text_of(text)
        );
    };
    for part in parts {
        let _ = writeln!(nav, "<p class=\"part\">{}</p>", part.title);
        for (chapter, functions) in &part.chapters {
            let title = text_of(&title(chapter));
            let _ = writeln!(nav, "<details><summary>{title}</summary>\n<ul>");
            let mut above = "";
            for function in functions.iter().filter(|function| {
                let first = function.name != above;
                above = &function.name;
                first
            }) {
                entry(&mut nav, &anchor(function), &function.name);
            }
            nav += "</ul></details>\n";
        }
    }
    nav += "<p class=\"part\">Scripts</p>\n<details><summary>Playbooks</summary>\n<ul>\n";
    for playbook in playbooks {
        let target = format!("playbook-{}", playbook.name);
        entry(&mut nav, &target, &playbook.name);
    }
    nav + "</ul></details>\n</nav>\n"
}

fn of_playbook(playbook: &Playbook) -> String {
    let mut html = format!(
        "<section class=\"playbook\" id=\"playbook-{}\">\n<h3><code>{}</code> {}</h3>\n{}",
        attribute(&playbook.name),
        text_of(&playbook.name),
        text_of(&playbook.title),
        paragraphs(&playbook.text)
    );
    if !playbook.inputs.is_empty() {
        html += "<table>\n<tr><th>input</th><th>takes</th><th></th></tr>\n";
        for input in &playbook.inputs {
            html += &of_input(input);
        }
        html += "</table>\n";
    }
    html + "</section>\n"
}

fn of_input(input: &Input) -> String {
    let need = match input.required {
        true => " <em>must be given</em>",
        false => "",
    };
    format!(
        "<tr><td><code>{}</code></td><td>{}{need}</td><td>{}</td></tr>\n",
        text_of(&input.name),
        text_of(&input.r#type.takes()),
        inline(&input.text)
    )
}

fn of_chapter(chapter: &str, functions: &[&Function], bundle: &Bundle) -> Result<String, Failure> {
    let mut html = format!("<section>\n<h3>{}</h3>\n", text_of(&title(chapter)));
    if let Some(source) = bundle.file(&format!("{chapter}.rhai"))? {
        let lines = source
            .text
            .lines()
            .map_while(|line| line.strip_prefix("//!"));
        let about: Vec<&str> = lines
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect();
        html += &paragraphs(&about.join("\n"));
    }
    let mut seen: Vec<&str> = Vec::new();
    for function in functions {
        // A second form of a function has the place of the first.
        let id = match seen.contains(&function.name.as_str()) {
            true => String::new(),
            false => format!(" id=\"{}\"", attribute(&anchor(function))),
        };
        seen.push(&function.name);
        html += &of_function(function, &id);
    }
    Ok(html + "</section>\n")
}

fn of_function(function: &Function, id: &str) -> String {
    let mut html = format!(
        "<article{id} data-name=\"{}\">\n<h4>{}</h4>\n<p class=\"facts\">",
        attribute(&function.name),
        signatures(function)
    );
    for plane in &function.planes {
        let _ = write!(
            html,
            "<span class=\"plane\">{}</span>",
            text_of(&plane.to_string())
        );
    }
    if let Some(cmdlet) = function.cmdlet {
        let word = effect(function);
        let class = if function.effect.is_some_and(crate::subject::Effect::writes) {
            "writes"
        } else {
            "reads"
        };
        let _ = write!(
            html,
            "<span class=\"{class}\">{word}</span><code>{}</code>",
            text_of(cmdlet)
        );
    }
    html += "</p>\n";
    html += &paragraphs(&function.text);
    if !function.options.is_empty() {
        html += "<table>\n<tr><th>option</th><th>meaning</th><th>takes</th></tr>\n";
        for option in &function.options {
            let need = if option.required {
                " <em>must be given</em>"
            } else {
                ""
            };
            let _ = writeln!(
                html,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}{need}</td></tr>",
                text_of(&option.name),
                inline(&option.text),
                text_of(&option.takes)
            );
        }
        html += "</table>\n";
    }
    for example in &function.examples {
        let _ = writeln!(html, "<pre><code>{}</code></pre>", highlighted(example));
    }
    html + "</article>\n"
}

/// Every way to call it, with its name set off.
fn signatures(function: &Function) -> String {
    let forms: Vec<String> = function
        .forms()
        .iter()
        .map(|form| format!("<code>{}</code>", signature(function, form)))
        .collect();
    forms.join("<br>")
}

fn signature(function: &Function, form: &str) -> String {
    match form.split_once(&format!("{}(", function.name)) {
        Some((before, after)) => {
            let (arguments, gives) = after.rsplit_once(" -> ").unwrap_or((after, ""));
            let gives = match gives {
                "" => String::new(),
                gives => format!(" <span class=\"gives\">gives {}</span>", text_of(gives)),
            };
            format!(
                "<span class=\"on\">{}</span><b>{}</b>({}{gives}",
                text_of(before),
                text_of(&function.name),
                text_of(arguments)
            )
        }
        None => text_of(form),
    }
}

fn title(chapter: &str) -> String {
    let name = chapter
        .rsplit('/')
        .next()
        .unwrap_or(chapter)
        .replace('_', " ")
        .replace("oauth", "OAuth")
        .replace("intra org", "intra-organization");
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn anchor(function: &Function) -> String {
    match function.is_library() {
        true => format!("{}-{}", function.chapter.replace('/', "-"), function.name),
        false => function.name.clone(),
    }
}

/// Paragraphs, lists with `*` or `-`, and code in backquotes.
fn paragraphs(text: &str) -> String {
    let mut html = String::new();
    for paragraph in text
        .split("\n\n")
        .map(str::trim)
        .filter(|text| !text.is_empty())
    {
        let joined = paragraph.replace('\n', " ");
        let _ = writeln!(html, "<p>{}</p>", inline(&joined));
    }
    html
}

/// Text in which backquotes make code, and stars stress.
fn inline(text: &str) -> String {
    let mut html = String::new();
    for (at, part) in text.split('`').enumerate() {
        if at % 2 == 1 {
            let _ = write!(html, "<code>{}</code>", text_of(part));
            continue;
        }
        for (at, part) in part.split('*').enumerate() {
            let part = text_of(part);
            html += &if at % 2 == 1 {
                format!("<em>{part}</em>")
            } else {
                part
            };
        }
    }
    html
}

/// Script with its comments, texts and words of the language set off.
fn highlighted(code: &str) -> String {
    const WORDS: [&str; 22] = [
        "let", "const", "if", "else", "for", "in", "while", "loop", "return", "throw", "try",
        "catch", "import", "as", "fn", "private", "true", "false", "switch", "break", "continue",
        "this",
    ];
    let mut html = String::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let (length, class) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), "comment")
        } else if matches!(first, '"' | '`') {
            (end_of_text(rest, first), "text")
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let length = end.unwrap_or(rest.len());
            let class = if WORDS.contains(&&rest[..length]) {
                "word"
            } else {
                ""
            };
            (length, class)
        } else {
            (first.len_utf8(), "")
        };
        let part = text_of(&rest[..length]);
        html += &match class {
            "" => part,
            class => format!("<span class=\"{class}\">{part}</span>"),
        };
        rest = &rest[length..];
    }
    html
}

fn end_of_text(code: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in code.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            letter if letter == quote => return at + letter.len_utf8(),
            _ => {}
        }
    }
    code.len()
}

fn text_of(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn attribute(text: &str) -> String {
    text_of(text).replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_and_no_markup() {
        assert_eq!(
            paragraphs("a `<b>` *c*\nd\n\n<script>"),
            "<p>a <code>&lt;b&gt;</code> <em>c</em> d</p>\n<p>&lt;script&gt;</p>\n"
        );
        assert_eq!(attribute("\"><x"), "&quot;&gt;&lt;x");
    }

    #[test]
    fn code_is_set_off_and_stays_whole() {
        assert_eq!(
            highlighted("let a = \"<\\\"\"; // x"),
            "<span class=\"word\">let</span> a = <span class=\"text\">\"&lt;\\\"\"</span>; <span class=\"comment\">// x</span>"
        );
        assert_eq!(highlighted("\"open"), "<span class=\"text\">\"open</span>");
    }
}
