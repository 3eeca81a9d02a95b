//! CLIXML as others write it: nothing is lost.
#![expect(
    clippy::expect_used,
    reason = "the helpers of a test may stop it at once"
)]

use std::{collections::HashMap, error::Error as StdError, fs, path::Path};

use exoauth::remoting::clixml::{
    Content, Error, ErrorKind, Limits, Name, Object, Progress, Properties, TypeNames, Value, read,
    read_str, write, write_document,
};
use quick_xml::events::Event;
use serde_json::{Value as Json, json};

type Outcome = Result<(), Box<dyn StdError>>;

const REAL_FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/clixml");
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/fixtures");

mod real_files {
    use super::*;

    type File = (String, Vec<u8>);

    /// The real files, or nothing where they are not at hand.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn files() -> Result<Vec<File>, Box<dyn StdError>> {
        if !Path::new(REAL_FILES).exists() {
            eprintln!("skipped: {REAL_FILES} is not there, so no real file is read");
            return Ok(Vec::new());
        }
        let mut files = Vec::new();
        for entry in fs::read_dir(REAL_FILES)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().display().to_string();
            files.push((name, fs::read(&path)?));
        }
        Ok(files)
    }

    #[test]
    fn a_rewritten_file_holds_the_same_events() -> Outcome {
        for (name, bytes) in files()? {
            if name == "not-clixml.xml" {
                continue;
            }
            let values =
                read(&bytes, &Limits::default()).map_err(|error| format!("{name}: {error}"))?;
            assert_same_events(&name, &decoded(&bytes), &write_document(&values));
        }
        Ok(())
    }

    #[test]
    fn xml_of_another_kind_is_refused_by_name() -> Outcome {
        for (_, bytes) in files()?.iter().filter(|(name, _)| name == "not-clixml.xml") {
            let error = read(bytes, &Limits::default()).expect_err("it is not CLIXML");
            let root = "TimeZoneMapping".to_owned();
            assert_eq!(error.kind, ErrorKind::NotClixml { root });
        }
        Ok(())
    }

    #[test]
    fn the_objects_are_those_that_were_counted_by_others() -> Outcome {
        let counts = [
            ("accepted-domains.xml", 3, 43),
            ("auth-config-with-next.xml", 1, 29),
            ("auth-config-without-next.xml", 1, 29),
            ("exchange-certificates.xml", 8, 5),
            ("exchange-certificates-broken.xml", 5, 4),
            ("exchange-server.xml", 1, 62),
            ("irm-configuration-utf16.xml", 1, 39),
            ("organization-config.xml", 1, 173),
            ("partner-applications.xml", 5, 34),
            ("setting-overrides.xml", 1, 35),
            ("web-services-virtual-directory.xml", 1, 44),
        ];
        for (name, bytes) in files()? {
            let Some((_, objects, properties)) = counts.iter().find(|(file, ..)| *file == name)
            else {
                continue;
            };
            let values = read(&bytes, &Limits::default())?;
            let most = values
                .iter()
                .filter_map(Value::as_object)
                .map(|object| object.adapted.len() + object.extended.len())
                .max();
            assert_eq!(
                (values.len(), most),
                (*objects, Some(*properties)),
                "{name}"
            );
        }
        Ok(())
    }
}

mod fixtures {
    use super::*;

    #[test]
    fn each_is_read_as_expected_and_written_back() -> Outcome {
        let mut names: Vec<_> = fs::read_dir(FIXTURES)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "clixml"))
            .collect();
        names.sort();
        assert!(names.len() >= 10, "fixtures are missing");
        for path in names {
            let name = path.display().to_string();
            let bytes = fs::read(&path)?;
            let values =
                read(&bytes, &Limits::default()).map_err(|error| format!("{name}: {error}"))?;
            let expected: Json = serde_json::from_slice(&fs::read(path.with_extension("json"))?)?;
            let found: Json = values.iter().map(json_of).collect();
            assert_eq!(found, expected, "{name}: {found:#}");
            let written = match &values[..] {
                [value] if !decoded(&bytes).contains("<Objs") => write(value),
                values => write_document(values),
            };
            assert_same_events(&name, &decoded(&bytes), &written);
        }
        Ok(())
    }

    #[test]
    fn one_that_ends_anywhere_is_an_error_and_never_a_panic() -> Outcome {
        for name in ["every-primitive", "containers", "exchange-auth-server"] {
            let bytes = fs::read(format!("{FIXTURES}/{name}.clixml"))?;
            let end = bytes.trim_ascii_end().len();
            for at in 0..end {
                assert!(
                    read(&bytes[..at], &Limits::default()).is_err(),
                    "{name} cut at {at}"
                );
            }
        }
        Ok(())
    }

    #[test]
    fn one_with_any_byte_changed_is_never_a_panic() -> Outcome {
        let bytes = fs::read(format!("{FIXTURES}/containers.clixml"))?;
        for at in 0..bytes.len() {
            for byte in [0, b'<', b'>', b'"', b'&', b'_', b'9', 0xC2, 0xFF] {
                let mut changed = bytes.clone();
                changed[at] = byte;
                let _ = read(&changed, &Limits::default());
            }
        }
        Ok(())
    }
}

mod values {
    use super::*;

    #[test]
    fn an_empty_list_is_not_nothing() -> Outcome {
        let values = one("<Obj RefId=\"0\"><LST /></Obj>")?;
        assert_eq!(values.as_list(), Some(&[][..]));
        assert_eq!(one("<Obj RefId=\"0\" />")?.as_list(), None);
        assert_eq!(one("<BA></BA>")?.as_bytes(), Some(&[][..]));
        assert_eq!(one("<BA />")?.as_bytes(), Some(&[][..]));
        assert_eq!(one("<S />")?.as_text(), Some(""));
        assert_eq!(write(&values), "<Obj RefId=\"0\"><LST /></Obj>");
        Ok(())
    }

    #[test]
    fn an_empty_document_holds_no_value() -> Outcome {
        assert_eq!(read_str(&objs(""), &Limits::default())?, []);
        assert_eq!(
            read_str(&objs("<Nil />"), &Limits::default())?,
            [Value::Null]
        );
        Ok(())
    }

    #[test]
    fn adapted_and_extended_properties_are_apart() -> Outcome {
        let value = one(
            "<Obj RefId=\"0\"><Props><S N=\"Name\">inner</S></Props><MS><S N=\"Name\">outer</S></MS></Obj>",
        )?;
        assert_eq!(
            value.adapted("name").and_then(Value::as_text),
            Some("inner")
        );
        assert_eq!(
            value.extended("NAME").and_then(Value::as_text),
            Some("outer")
        );
        assert_eq!(
            value.property("Name").and_then(Value::as_text),
            Some("inner")
        );
        Ok(())
    }

    #[test]
    fn an_element_without_properties_is_not_no_element() -> Outcome {
        for xml in [
            "<Obj RefId=\"0\"><MS /></Obj>",
            "<Obj RefId=\"0\"><Props /></Obj>",
            "<Obj RefId=\"0\"></Obj>",
        ] {
            assert_eq!(write(&one(xml)?), xml);
        }
        Ok(())
    }

    #[test]
    fn an_enumeration_shows_its_text_and_holds_its_number() -> Outcome {
        let written = write(&Value::enumeration("System.DayOfWeek", "Friday", 5));
        assert_eq!(
            written,
            "<Obj RefId=\"0\"><TN RefId=\"0\"><T>System.DayOfWeek</T><T>System.Enum</T><T>System.ValueType</T>\
             <T>System.Object</T></TN><ToString>Friday</ToString><I32>5</I32></Obj>"
        );
        let value = one(&written)?;
        assert_eq!(value.to_text().as_deref(), Some("Friday"));
        assert_eq!(value.as_i64(), Some(5));
        assert_eq!(value.type_name(), Some("System.DayOfWeek"));
        Ok(())
    }

    #[test]
    fn equal_type_names_are_written_once() -> Outcome {
        let day = |text: &str, number| Value::enumeration("System.DayOfWeek", text, number);
        let written = write(&Value::list([day("Friday", 5), day("Sunday", 0)]));
        assert_eq!(written.matches("<TN ").count(), 2, "{written}");
        assert!(written.contains("<TNRef RefId=\"1\" /><ToString>Sunday</ToString>"));
        assert_eq!(write(&one(&written)?), written);
        Ok(())
    }

    #[test]
    fn a_reference_is_the_same_object() -> Outcome {
        let xml = objs(
            "<Obj RefId=\"7\"><TN RefId=\"3\"><T>A</T></TN><MS><Obj N=\"One\" RefId=\"9\"><TNRef RefId=\"3\" />\
             <ToString>x</ToString></Obj><Ref N=\"Two\" RefId=\"9\" /></MS></Obj><Ref RefId=\"9\" />",
        );
        let values = read_str(&xml, &Limits::default())?;
        let [Value::Object(whole), Value::Object(again)] = &values[..] else {
            return Err("two objects were expected".into());
        };
        let inner = |name| match whole.extended.get(name) {
            Some(Value::Object(object)) => Ok(object),
            _ => Err(format!("{name} is missing")),
        };
        assert!(std::sync::Arc::ptr_eq(inner("One")?, inner("Two")?));
        assert!(std::sync::Arc::ptr_eq(inner("One")?, again));
        assert_same_events("references", &xml, &write_document(&values));
        Ok(())
    }

    #[test]
    fn of_two_objects_with_one_identifier_the_later_counts_as_in_powershell() -> Outcome {
        let xml = objs(
            "<Obj RefId=\"0\"><ToString>a</ToString></Obj><Obj RefId=\"0\"><ToString>b</ToString></Obj><Ref RefId=\"0\" />",
        );
        let values = read_str(&xml, &Limits::default())?;
        assert_eq!(values[2].to_text().as_deref(), Some("b"));
        Ok(())
    }

    #[test]
    fn text_keeps_every_character() -> Outcome {
        let text = "tab\t cr\r lf\n nul\0 😀 _x000A_ _X _ é\u{85} <&>\"' \u{fffe}";
        let value = Value::from(text);
        let written = write(&value);
        assert_eq!(
            written,
            "<S>tab_x0009_ cr_x000D_ lf_x000A_ nul_x0000_ _xD83D__xDE00_ _x005F_x000A_ _x005F_X _ é_x0085_ \
             &lt;&amp;&gt;&quot;' \u{fffe}</S>"
        );
        assert_eq!(one(&written)?, value);
        Ok(())
    }

    #[test]
    fn a_lone_surrogate_is_kept_in_a_text_and_refused_elsewhere() -> Outcome {
        let value = one("<S>a_xD83D_b</S>")?;
        assert_eq!(value, Value::IllFormedText(vec![0x61, 0xD83D, 0x62]));
        assert_eq!(write(&value), "<S>a_xD83D_b</S>");
        let error = one("<Obj RefId=\"0\"><ToString>_xD83D_</ToString></Obj>")
            .expect_err("no text holds it");
        assert_eq!(error.kind, ErrorKind::LoneSurrogate);
        Ok(())
    }

    #[test]
    fn text_may_be_written_in_any_way_that_xml_has() -> Outcome {
        let whole = one("<S>a&#65;&#x42;<!-- no -->&amp;<![CDATA[<C>]]>&#13;\r\n</S>")?;
        assert_eq!(whole, Value::from("aAB&<C>\r\n"));
        let value = one("<Obj RefId = '0'\n><MS ><S\n N = 'a&quot;b_x000A_c' >x</S ></MS></Obj>")?;
        assert_eq!(
            value.extended("a\"b\nc").and_then(Value::as_text),
            Some("x")
        );
        assert_eq!(
            write(&value),
            "<Obj RefId=\"0\"><MS><S N=\"a&quot;b_x000A_c\">x</S></MS></Obj>"
        );
        Ok(())
    }

    #[test]
    fn the_encoding_is_found_from_the_bytes() -> Outcome {
        let xml = objs("<S>ä😀</S>");
        let marked = format!("\u{feff}<?xml version=\"1.0\" encoding=\"utf-16\"?>\r\n{xml}");
        let little: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked = format!("\u{feff}{xml}");
        for bytes in [&little, &big, marked.as_bytes(), xml.as_bytes()] {
            assert_eq!(read(bytes, &Limits::default())?, [Value::from("ä😀")]);
        }
        Ok(())
    }
}

mod identity {
    use super::*;

    /// A small generator of numbers, the same on every run.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self, below: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % below
        }

        fn text(&mut self) -> String {
            const PIECES: [&str; 16] = [
                "", "a", "_", "_x", "_x000A_", "\r\n", "\t", "<", "&amp;", "\"", "😀", "é",
                "\u{85}", " ", "]]>", "_X0041_",
            ];
            (0..self.next(6))
                .map(|_| PIECES[self.next(16) as usize])
                .collect()
        }

        fn values(&mut self, depth: u64) -> Vec<Value> {
            (0..self.next(4)).map(|_| self.value(depth)).collect()
        }

        fn properties(&mut self, depth: u64) -> Properties {
            if self.next(3) == 0 {
                return Properties::default();
            }
            let pairs = (0..self.next(4)).map(|_| (Name::from(self.text()), self.value(depth)));
            Properties::new(pairs.collect())
        }

        fn object(&mut self, depth: u64) -> Object {
            Object {
                type_names: (self.next(2) == 0).then(|| TypeNames::new([self.text(), self.text()])),
                to_string: (self.next(2) == 0).then(|| self.text()),
                content: match self.next(7) {
                    0 => Content::Value(Value::Int32(self.next(9) as i32)),
                    1 => Content::List(self.values(depth)),
                    2 => Content::Stack(self.values(depth)),
                    3 => Content::Queue(self.values(depth)),
                    4 => Content::Enumerable(self.values(depth)),
                    5 => Content::Dictionary(
                        (0..self.next(3))
                            .map(|_| (self.value(0), self.value(depth)))
                            .collect(),
                    ),
                    _ => Content::None,
                },
                adapted: self.properties(depth),
                extended: self.properties(depth),
            }
        }

        fn value(&mut self, depth: u64) -> Value {
            let kinds = if depth == 0 { 27 } else { 40 };
            match self.next(kinds) {
                0 => Value::Null,
                1 => Value::IllFormedText(vec![0x5F, 0x78, 0xD800 + self.next(0x400) as u16, 0x41]),
                2 => Value::Char(self.next(0x1_0000) as u16),
                3 => Value::Bool(self.next(2) == 0),
                4 => Value::DateTime("2008-04-11T10:42:32.2731993-07:00".to_owned()),
                5 => Value::Duration("P9DT16H36M5.0704842S".to_owned()),
                6 => Value::Byte(self.next(256) as u8),
                7 => Value::SByte(self.next(256) as u8 as i8),
                8 => Value::UInt16(self.next(0x1_0000) as u16),
                9 => Value::Int16(self.next(0x1_0000) as u16 as i16),
                10 => Value::UInt32(self.next(1 << 32) as u32),
                11 => Value::Int32(self.next(1 << 32) as u32 as i32),
                12 => Value::UInt64(self.next(u64::MAX)),
                13 => Value::Int64(self.next(u64::MAX) as i64),
                14 => Value::Single("12.34".to_owned()),
                15 => Value::Double("-1E-05".to_owned()),
                16 => Value::Decimal("12.340".to_owned()),
                17 => Value::Bytes((0..self.next(5)).map(|n| n as u8).collect()),
                18 => Value::Guid(uuid::Uuid::from_u128(self.next(u64::MAX).into())),
                19 => Value::Uri(self.text()),
                20 => Value::Version("6.2.1.3".to_owned()),
                21 => Value::Xml(format!("<a>{}</a>", self.text())),
                22 => Value::ScriptBlock(self.text()),
                23 => Value::SecureString("bnVtYmVy".to_owned()),
                24 => Value::Progress(Box::new(Progress {
                    activity: self.text(),
                    current_operation: if self.next(2) == 0 {
                        Value::Null
                    } else {
                        self.text().into()
                    },
                    record_type: "Completed".to_owned(),
                    percent_complete: -1,
                    ..Progress::default()
                })),
                25 | 26 => Value::Text(self.text()),
                _ => self.object(depth - 1).into(),
            }
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() -> Outcome {
        let mut numbers = Numbers(0x2545_F491_4F6C_DD1D);
        for round in 0..3000 {
            let values = vec![numbers.value(4), numbers.value(4)];
            let written = write_document(&values);
            let again = read_str(&written, &Limits::default())
                .map_err(|error| format!("{error}: {written}"))?;
            assert_eq!(again, values, "round {round}: {written}");
            assert_eq!(one(&write(&values[0]))?, values[0]);
        }
        Ok(())
    }
}

fn one(xml: &str) -> Result<Value, Error> {
    Ok(read_str(xml, &Limits::default())?.remove(0))
}

fn objs(inner: &str) -> String {
    format!(
        "<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">{inner}</Objs>"
    )
}

/// The text of a document, its encoding undone by other means than the reader's.
fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => {
            let units: Vec<u16> = rest
                .chunks(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            String::from_utf16_lossy(&units)
        }
        _ => String::from_utf8_lossy(bytes)
            .trim_start_matches('\u{feff}')
            .to_owned(),
    }
}

/// One step of a document, as any XML reader sees it.
#[derive(Debug, PartialEq)]
enum Step {
    Start(String, Vec<(String, String)>),
    Text(String),
    End,
}

/// Both documents have the same elements, attributes and texts; identifiers correspond one to one.
fn assert_same_events(name: &str, original: &str, rewritten: &str) {
    let (original, rewritten) = (steps(original), steps(rewritten));
    let mut forward = HashMap::new();
    let mut backward = HashMap::new();
    for (at, (before, after)) in original.iter().zip(&rewritten).enumerate() {
        let (Step::Start(element, attributes), Step::Start(other, others)) = (before, after) else {
            assert_eq!(before, after, "{name}: step {at}");
            continue;
        };
        let names = |attributes: &[(String, String)]| {
            attributes
                .iter()
                .map(|(key, _)| key.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (element, names(attributes)),
            (other, names(others)),
            "{name}: step {at}"
        );
        let what = if element.starts_with("TN") {
            "types"
        } else {
            "object"
        };
        for ((key, value), (_, new)) in attributes.iter().zip(others) {
            if key == "RefId" {
                let known = forward
                    .entry((what, value.clone()))
                    .or_insert_with(|| new.clone());
                assert_eq!(known, new, "{name}: step {at}");
                let known = backward
                    .entry((what, new.clone()))
                    .or_insert_with(|| value.clone());
                assert_eq!(known, value, "{name}: step {at}");
            } else {
                assert_eq!(value, new, "{name}: step {at}");
            }
        }
    }
    assert_eq!(original.len(), rewritten.len(), "{name}");
    assert!(!original.is_empty(), "{name}");
}

fn steps(document: &str) -> Vec<Step> {
    let mut reader = quick_xml::Reader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    let mut steps = Vec::new();
    let mut text = String::new();
    loop {
        let step = match reader.read_event().expect("it is XML") {
            Event::Start(start) => {
                let mut attributes: Vec<_> = start
                    .attributes()
                    .map(|attribute| attribute.expect("an attribute"))
                    .map(|attribute| {
                        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
                        (
                            attribute.key.into_inner().to_owned(),
                            value.expect("a value").into_owned(),
                        )
                    })
                    .collect();
                attributes.sort();
                Step::Start(start.name().into_inner().to_owned(), attributes)
            }
            Event::Text(part) => {
                text.push_str(&part.into_inner().replace("\r\n", "\n"));
                continue;
            }
            Event::CData(part) => {
                text.push_str(&part.into_inner());
                continue;
            }
            Event::GeneralRef(part) => {
                let part = format!("&{};", part.into_inner());
                text.push_str(&quick_xml::escape::unescape(&part).expect("a known entity"));
                continue;
            }
            Event::End(_) => Step::End,
            Event::Eof => return steps,
            _ => continue,
        };
        // White space is text only in an element that holds nothing else.
        let leaf = step == Step::End && matches!(steps.last(), Some(Step::Start(..)));
        if leaf && !text.is_empty() || !text.trim().is_empty() {
            steps.push(Step::Text(std::mem::take(&mut text)));
        }
        text.clear();
        steps.push(step);
    }
}

/// A value as JSON: the name of its element, and what it holds.
fn json_of(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Text(text) => json!({ "S": text }),
        Value::IllFormedText(units) => json!({ "S": units }),
        Value::Char(unit) => json!({ "C": unit }),
        Value::Bool(value) => json!({ "B": value }),
        Value::DateTime(text) => json!({ "DT": text }),
        Value::Duration(text) => json!({ "TS": text }),
        Value::Byte(number) => json!({ "By": number }),
        Value::SByte(number) => json!({ "SB": number }),
        Value::UInt16(number) => json!({ "U16": number }),
        Value::Int16(number) => json!({ "I16": number }),
        Value::UInt32(number) => json!({ "U32": number }),
        Value::Int32(number) => json!({ "I32": number }),
        Value::UInt64(number) => json!({ "U64": number }),
        Value::Int64(number) => json!({ "I64": number }),
        Value::Single(text) => json!({ "Sg": text }),
        Value::Double(text) => json!({ "Db": text }),
        Value::Decimal(text) => json!({ "D": text }),
        Value::Bytes(bytes) => json!({ "BA": bytes }),
        Value::Guid(guid) => json!({ "G": guid.to_string() }),
        Value::Uri(text) => json!({ "URI": text }),
        Value::Version(text) => json!({ "Version": text }),
        Value::Xml(text) => json!({ "XD": text }),
        Value::ScriptBlock(text) => json!({ "SBK": text }),
        Value::SecureString(text) => json!({ "SS": text }),
        Value::Progress(progress) => json!({ "PR": {
            "AV": progress.activity,
            "AI": progress.activity_id,
            "operation": json_of(&progress.current_operation),
            "PI": progress.parent_activity_id,
            "PC": progress.percent_complete,
            "T": progress.record_type,
            "SR": progress.seconds_remaining,
            "SD": progress.status_description,
        } }),
        Value::Members(members) => json!({ "MS": json_of_properties(members) }),
        Value::Object(object) => json!({ "Obj": json_of_object(object) }),
    }
}

fn json_of_object(object: &Object) -> Json {
    let mut json = serde_json::Map::new();
    let list = |items: &[Value]| items.iter().map(json_of).collect::<Json>();
    if let Some(names) = &object.type_names {
        json.insert("TN".to_owned(), names.iter().collect());
    }
    if let Some(text) = &object.to_string {
        json.insert("ToString".to_owned(), json!(text));
    }
    match &object.content {
        Content::None => None,
        Content::Value(value) => json.insert("value".to_owned(), json_of(value)),
        Content::Stack(items) => json.insert("STK".to_owned(), list(items)),
        Content::Queue(items) => json.insert("QUE".to_owned(), list(items)),
        Content::List(items) => json.insert("LST".to_owned(), list(items)),
        Content::Enumerable(items) => json.insert("IE".to_owned(), list(items)),
        Content::Dictionary(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| json!([json_of(key), json_of(value)]));
            json.insert("DCT".to_owned(), entries.collect())
        }
    };
    for (element, properties) in [("Props", &object.adapted), ("MS", &object.extended)] {
        if !properties.is_absent() {
            json.insert(element.to_owned(), json_of_properties(properties));
        }
    }
    Json::Object(json)
}

fn json_of_properties(properties: &Properties) -> Json {
    let pairs = properties.iter();
    pairs
        .map(|(name, value)| json!([&**name, json_of(value)]))
        .collect()
}
