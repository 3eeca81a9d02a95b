//! Values as tables and property lists that fit the window.

use crate::report::{clean, folded, plan::short};
use crate::value::{Object, Value};
use comfy_table::{ContentArrangement, Table, presets};
use indexmap::IndexSet;

/// More columns than this are shown as a property list for each object.
const MOST_COLUMNS: usize = 6;

/// Draws a value: a list of objects as a table, one object as a property list, anything else as a line.
pub fn value(value: &Value, width: usize) -> String {
    match value {
        Value::Null => "(nothing)".to_owned(),
        Value::List(list) if list.is_empty() => "(an empty list)".to_owned(),
        Value::List(list) => match objects(list) {
            Some(objects) => of_objects(&objects, width),
            None => list.iter().map(short).collect::<Vec<_>>().join("\n"),
        },
        Value::Object(object) if object.is_empty() => "(an object without properties)".to_owned(),
        Value::Object(object) => properties(object, width),
        // The one result of an expression is shown whole, however long.
        Value::Text(text) => text.lines().map(clean).collect::<Vec<_>>().join("\n"),
        single => short(single),
    }
}

/// Draws objects as a table of the properties that say most and fit the window; `None` where not all are objects.
///
/// What identifies an object comes first, then what differs between them; what is left out is said below.
pub fn fitting(list: &[Value], width: usize) -> Option<String> {
    let objects = objects(list)?;
    let columns: IndexSet<&str> = objects
        .iter()
        .flat_map(|object| object.keys().map(String::as_str))
        .collect();
    let mut columns: Vec<Column> = columns
        .into_iter()
        .map(|name| Column::of(name, &objects))
        .collect();
    columns.sort_by_key(|column| column.rank);
    let all = columns.len();
    let mut room = width;
    let mut shown: Vec<Vec<String>> = Vec::new();
    columns.retain(|column| {
        // What says the same as an earlier column, as the identity often does, says nothing.
        let cells: Vec<String> = objects
            .iter()
            .map(|object| cell(object, column.name))
            .collect();
        let new = cells.len() == 1 || !shown.contains(&cells) || column.rank.0 > 1;
        let fits = column.width + 2 <= room && new;
        shown.push(cells);
        room -= if fits { column.width + 2 } else { 0 };
        fits
    });
    let header: Vec<String> = columns.iter().map(|column| clean(column.name)).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let cells = objects.iter().map(|object| {
        let cell = |column: &Column| cut(&cell(object, column.name));
        columns.iter().map(cell).collect()
    });
    let table = rows(&header, cells.collect(), width);
    Some(match all - columns.len() {
        0 => table,
        1 => format!("{table}\n(1 more property is not shown)"),
        more => format!("{table}\n({more} more properties are not shown)"),
    })
}

/// What tells one object from another, in the order of columns.
const FIRST: [&str; 6] = [
    "name",
    "display_name",
    "domain_name",
    "identity",
    "thumbprint",
    "enabled",
];

/// What every object of a directory has and seldom anybody looks for.
const LAST: [&str; 15] = [
    "id",
    "guid",
    "exchange_version",
    "admin_display_name",
    "distinguished_name",
    "object_category",
    "object_class",
    "object_state",
    "organization_id",
    "originating_server",
    "is_valid",
    "when_changed",
    "when_changed_utc",
    "when_created",
    "when_created_utc",
];

fn place(name: &str, of: &[&str]) -> Option<usize> {
    of.iter().position(|known| name.eq_ignore_ascii_case(known))
}

fn is_empty(cell: &str) -> bool {
    ["", "(none)", "(empty)", "(empty list)"].contains(&cell)
}

/// A column cell longer than this is cut.
const WIDEST: usize = 48;

struct Column<'object> {
    name: &'object str,
    /// The lower, the earlier.
    rank: (usize, usize),
    width: usize,
}

impl<'object> Column<'object> {
    fn of(name: &'object str, objects: &[&Object]) -> Self {
        let cells: Vec<String> = objects.iter().map(|object| cell(object, name)).collect();
        let differ = cells.iter().any(|cell| *cell != cells[0]);
        let empty = cells.iter().all(|cell| is_empty(cell));
        let longest = cells.iter().map(|cell| cell.chars().count()).max();
        let longest = longest.unwrap_or(0);
        let rank = match (place(name, &FIRST), place(name, &LAST)) {
            _ if empty => (4, 0),
            (Some(first), _) => (0, first),
            (None, Some(last)) => (3, last),
            // What is short leaves room for more.
            (None, None) if differ => (1, longest),
            (None, None) => (2, 0),
        };
        Self {
            name,
            rank,
            width: longest.min(WIDEST).max(name.chars().count()),
        }
    }
}

fn cell(object: &Object, name: &str) -> String {
    object.get(name).map_or_else(String::new, short)
}

fn cut(cell: &str) -> String {
    if cell.chars().count() <= WIDEST {
        return cell.to_owned();
    }
    let kept: String = cell.chars().take(WIDEST - 1).collect();
    format!("{kept}…")
}

/// Draws rows under a header.
pub fn rows(header: &[&str], rows: Vec<Vec<String>>, width: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}

fn objects(list: &[Value]) -> Option<Vec<&Object>> {
    list.iter().map(Value::as_object).collect()
}

fn of_objects(objects: &[&Object], width: usize) -> String {
    let columns: IndexSet<&str> = objects
        .iter()
        .flat_map(|object| object.keys().map(String::as_str))
        .collect();
    if columns.len() > MOST_COLUMNS {
        let lists: Vec<String> = objects
            .iter()
            .map(|object| properties(object, width))
            .collect();
        return lists.join("\n\n");
    }
    let header: Vec<String> = columns.iter().map(|name| clean(name)).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let cells = objects.iter().map(|object| {
        let cell = |name: &&str| object.get(*name).map_or_else(String::new, short);
        columns.iter().map(cell).collect()
    });
    rows(&header, cells.collect(), width)
}

/// Draws an object as PowerShell's `Format-List` does, what identifies it first; a long value goes on below itself.
fn properties(object: &Object, width: usize) -> String {
    let longest = object.keys().map(|name| clean(name).chars().count()).max();
    let longest = longest.unwrap_or(0);
    let mut properties: Vec<(&String, &Value)> = object.iter().collect();
    properties.sort_by_key(
        |(name, _)| match (place(name, &FIRST), place(name, &LAST)) {
            (Some(first), _) => (0, first),
            (None, None) => (1, 0),
            (None, Some(last)) => (2, last),
        },
    );
    let lines = properties.into_iter().map(|(name, value)| {
        let start = format!("{:longest$} : ", clean(name));
        let below = " ".repeat(start.chars().count());
        folded(&short(value), width, &start, &below).join("\n")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_are_a_table_and_one_object_is_a_list() {
        let connectors = json!([
            { "name": "one", "enabled": true, "domains": ["a.com", "b.com"] },
            { "name": "another", "enabled": false },
        ]);
        assert_eq!(
            value(&connectors.into(), 80),
            "name     enabled  domains\none      true     [a.com, b.com]\nanother  false"
        );
        let one = json!({ "guid": "g", "realm": null, "name": "evoSTS" });
        assert_eq!(
            value(&one.into(), 80),
            "name  : evoSTS\nrealm : (none)\nguid  : g"
        );
        let long = json!({ "name": "one two three four", "a": "x".repeat(20) });
        let long_word = "x".repeat(20);
        assert_eq!(
            value(&long.into(), 16),
            format!("name : one two\n       three\n       four\na    : {long_word}")
        );
    }

    #[test]
    fn a_table_takes_the_properties_that_say_most_and_names_what_is_left_out() {
        let connectors: Value = json!([
            { "admin": "same", "name": "one", "note": "x".repeat(60), "version": 1, "zone": null },
            { "admin": "same", "name": "two", "note": "y", "version": 2, "zone": null },
        ])
        .into();
        let connectors = connectors.as_list().unwrap();
        assert_eq!(
            fitting(connectors, 30).as_deref(),
            Some(
                "name  version  admin  zone\none   1        same   (none)\ntwo   2        same   (none)\n(1 more property is not shown)"
            )
        );
        assert_eq!(fitting(&[Value::Null], 30), None);
    }

    #[test]
    fn an_empty_list_is_not_nothing() {
        assert_eq!(value(&json!([]).into(), 80), "(an empty list)");
        assert_eq!(value(&Value::Null, 80), "(nothing)");
    }

    #[test]
    fn what_a_server_says_does_not_reach_the_terminal_raw() {
        let hostile = json!({ "name\u{7}": "\u{1b}[31mred\u{202e}" });
        assert_eq!(
            value(&hostile.into(), 80),
            "name\\u{7} : \\u{1b}[31mred\\u{202e}"
        );
    }
}
