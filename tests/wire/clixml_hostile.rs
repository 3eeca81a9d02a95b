//! CLIXML that is wrong or meant to do harm: each is refused with an error that says where and why, within the limits.
#![expect(clippy::panic, reason = "the helpers of a test may stop it at once")]

use exoauth::remoting::clixml::{Error, ErrorKind, Limits, read, read_str};

fn kind(xml: &str) -> ErrorKind {
    match read_str(xml, &Limits::default()) {
        Ok(values) => panic!("read as {values:?}"),
        Err(error) => error.kind,
    }
}

/// Each of these is refused so.
fn refused<const CASES: usize>(cases: [(&str, ErrorKind); CASES]) {
    for (xml, expected) in cases {
        assert_eq!(kind(xml), expected, "{xml}");
    }
}

fn unknown_element(element: &str) -> ErrorKind {
    ErrorKind::UnknownElement {
        element: element.to_owned(),
    }
}

fn unknown_attribute(attribute: &str) -> ErrorKind {
    ErrorKind::UnknownAttribute {
        attribute: attribute.to_owned(),
    }
}

fn missing_attribute(attribute: &'static str) -> ErrorKind {
    ErrorKind::MissingAttribute { attribute }
}

fn invalid(expected: &'static str, found: &str) -> ErrorKind {
    ErrorKind::InvalidValue {
        expected,
        found: found.to_owned(),
    }
}

#[test]
fn an_error_says_where_it_is() {
    let xml = objs(
        "<Obj RefId=\"0\"><Props><Obj N=\"Domains\" RefId=\"1\"><LST><S>a</S><I32>x</I32></LST></Obj></Props></Obj>",
    );
    let error = read_str(&xml, &Limits::default()).expect_err("x is no number");
    assert_eq!(
        error,
        Error {
            at: xml.find("</I32>").unwrap_or_default() + 6,
            path: "/Objs/Obj[1]/Props/Obj[@N='Domains']/LST/I32[2]".to_owned(),
            kind: invalid("a signed 32-bit number", "x"),
        }
    );
    let wide: Vec<u8> = format!("\u{feff}{xml}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let wide = read(&wide, &Limits::default()).expect_err("x is no number");
    assert_eq!((wide.at, wide.path), (2 + 2 * error.at, error.path));
}

#[test]
fn deep_nesting_is_refused() {
    for depth in [65, 100_000] {
        let xml = "<Obj><MS><Obj N=\"a\"><LST>".repeat(depth);
        assert_eq!(kind(&xml), ErrorKind::TooDeep { limit: 64 });
        let xml = format!("<Obj>{}", "<MS N=\"a\">".repeat(depth)).replacen(" N=\"a\"", "", 1);
        assert_eq!(kind(&xml), ErrorKind::TooDeep { limit: 64 });
        assert_eq!(
            kind(&"<Obj>".repeat(depth)),
            ErrorKind::TooDeep { limit: 64 }
        );
    }
    let greedy = Limits {
        depth: usize::MAX,
        ..Limits::default()
    };
    let error = read_str(&"<Obj>".repeat(100_000), &greedy).expect_err("too deep for any stack");
    assert_eq!(error.kind, ErrorKind::TooDeep { limit: 256 });
}

#[test]
fn nesting_by_references_is_refused() {
    let mut xml = "<Obj RefId=\"0\" />".to_owned();
    for n in 1..70 {
        xml.push_str(&format!(
            "<Obj RefId=\"{n}\"><LST><Ref RefId=\"{}\" /></LST></Obj>",
            n - 1
        ));
    }
    assert_eq!(kind(&objs(&xml)), ErrorKind::TooDeep { limit: 64 });
}

#[test]
fn references_that_double_themselves_are_refused() {
    let mut xml = "<Obj RefId=\"0\"><LST><S>lol</S></LST></Obj>".to_owned();
    for n in 1..60 {
        let last = n - 1;
        xml.push_str(&format!(
            "<Obj RefId=\"{n}\"><LST><Ref RefId=\"{last}\" /><Ref RefId=\"{last}\" /></LST></Obj>"
        ));
    }
    assert_eq!(
        kind(&objs(&xml)),
        ErrorKind::TooManyValues { limit: 16 << 20 }
    );
}

#[test]
fn references_to_nothing_or_to_oneself_are_refused() {
    let dangling = |reference| ErrorKind::DanglingReference { reference };
    refused([
        (
            "<Obj RefId=\"0\"><LST><Ref RefId=\"1\" /></LST></Obj>",
            dangling(1),
        ),
        ("<Obj RefId=\"0\"><TNRef RefId=\"0\" /></Obj>", dangling(0)),
        (
            "<Obj RefId=\"5\"><LST><Ref RefId=\"5\" /></LST></Obj>",
            ErrorKind::ReferenceLoop { reference: 5 },
        ),
        ("<Ref RefId=\"18446744073709551615\" />", dangling(u64::MAX)),
        (
            "<Ref RefId=\"18446744073709551616\" />",
            invalid("an identifier", "18446744073709551616"),
        ),
        ("<Ref />", missing_attribute("RefId")),
    ]);
}

#[test]
fn declarations_of_types_and_entities_are_refused() {
    let bomb = "<!DOCTYPE Objs [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;\">]>";
    let entity = |entity: &str| ErrorKind::UnknownEntity {
        entity: entity.to_owned(),
    };
    refused([
        (
            format!("{bomb}{}", objs("<S>&b;</S>")).as_str(),
            ErrorKind::DocumentType,
        ),
        (&objs("<!DOCTYPE a>"), ErrorKind::DocumentType),
        ("<S>&b;</S>", entity("b")),
        ("<S>&#xD800;</S>", entity("#xD800")),
        ("<S>&#x;</S>", entity("#x")),
        ("<S>&#+5;</S>", entity("#+5")),
        ("<Obj><MS><S N=\"&b;\" /></MS></Obj>", entity("b")),
        ("<Obj><MS><S N=\"&b\" /></MS></Obj>", entity("b")),
    ]);
}

#[test]
fn processing_instructions_are_refused() {
    for xml in [
        "<?a b?><S />",
        "<S><?a?></S>",
        "<Obj><?a?></Obj>",
        "<S /><?a?>",
        " <?xml version=\"1.0\"?><S />",
    ] {
        let found = kind(xml);
        assert!(
            matches!(
                found,
                ErrorKind::ProcessingInstruction | ErrorKind::TrailingContent
            ),
            "{xml}: {found}"
        );
    }
}

#[test]
fn what_is_not_clixml_is_refused_by_name() {
    let not_clixml = |root: &str| ErrorKind::NotClixml {
        root: root.to_owned(),
    };
    refused([
        ("<html><body /></html>", not_clixml("html")),
        (
            "<?xml version=\"1.0\"?><!-- a --><Definition />",
            not_clixml("Definition"),
        ),
        ("<objs />", not_clixml("objs")),
        (
            "<Objs Version=\"1.1.0.1\" xmlns=\"urn:other\" />",
            ErrorKind::WrongNamespace {
                namespace: "urn:other".to_owned(),
            },
        ),
        ("<Objs />", missing_attribute("Version")),
        (
            "<Objs Version=\"2.0\" />",
            ErrorKind::UnsupportedVersion {
                version: "2.0".to_owned(),
            },
        ),
    ]);
    assert_eq!(
        not_clixml("html").to_string(),
        "this is XML, but not CLIXML: the root element is <html>, expected <Objs>"
    );
}

#[test]
fn what_is_not_xml_is_refused() {
    for text in [
        "",
        "  ",
        "hello",
        "{\"a\": 1}",
        "<",
        "<S",
        "<S N=>",
        "<S></T>",
        "<Obj RefId=\"1\"S=\"2\" />",
        "<S>&amp</S>",
        "</S>",
        "<!-- a -- b --><S />",
    ] {
        let found = kind(text);
        assert!(
            matches!(
                found,
                ErrorKind::NotXml { .. }
                    | ErrorKind::UnexpectedEnd
                    | ErrorKind::UnknownEntity { .. }
            ),
            "{text:?}: {found}"
        );
    }
    refused([
        ("<S>a</S><S>b</S>", ErrorKind::TrailingContent),
        ("<S>a</S>b", ErrorKind::TrailingContent),
        (
            "<?xml version=\"1.0\" encoding=\"windows-1252\"?><S />",
            ErrorKind::UnsupportedEncoding {
                encoding: "windows-1252".to_owned(),
            },
        ),
    ]);
    let error = read(b"<S>\xFF</S>", &Limits::default()).expect_err("it is not UTF-8");
    assert_eq!(
        (error.at, error.kind),
        (3, ErrorKind::NotText { encoding: "UTF-8" })
    );
}

#[test]
fn what_clixml_does_not_have_is_refused() {
    let stray = |text: &str| ErrorKind::StrayText {
        text: text.to_owned(),
    };
    let missing = |element| ErrorKind::MissingElement { element };
    refused([
        ("<Obj><X /></Obj>", unknown_element("X")),
        (
            "<Obj><Props><Q N=\"a\" /></Props></Obj>",
            unknown_element("Q"),
        ),
        ("<S><I32>1</I32></S>", unknown_element("I32")),
        ("<Obj><LST><MS /></LST></Obj>", unknown_element("MS")),
        ("<Obj><LST><LST /></LST></Obj>", unknown_element("LST")),
        ("<Obj><TN><S>a</S></TN></Obj>", unknown_element("S")),
        ("<Obj><Props><S>a</S></Props></Obj>", missing_attribute("N")),
        (
            "<Obj><LST><S N=\"a\">a</S></LST></Obj>",
            unknown_attribute("N"),
        ),
        ("<S RefId=\"0\">a</S>", unknown_attribute("RefId")),
        ("<Obj onload=\"x\" />", unknown_attribute("onload")),
        (
            "<Obj RefId=\"1\" RefId=\"2\" />",
            unknown_attribute("RefId"),
        ),
        ("<Obj>text</Obj>", stray("text")),
        ("<Obj>&#32;</Obj>", stray("&#32;")),
        ("<Obj><DCT><En /></DCT></Obj>", missing("Key")),
        (
            "<Obj><DCT><En><S N=\"Key\" /></En></DCT></Obj>",
            missing("Value"),
        ),
        (
            "<Obj><DCT><En><S N=\"Value\" /></En></DCT></Obj>",
            invalid("Key", "Value"),
        ),
    ]);
    for twice in [
        "<TN />",
        "<ToString />",
        "<LST />",
        "<Props />",
        "<MS />",
        "<S />",
    ] {
        let element = twice.trim_matches(['<', '>', '/', ' ']).to_owned();
        assert_eq!(
            kind(&format!("<Obj>{twice}{twice}</Obj>")),
            ErrorKind::RepeatedElement { element }
        );
    }
}

#[test]
fn a_value_that_is_not_of_its_type_is_refused() {
    for (xml, expected, found) in [
        ("<B>True</B>", "true or false", "True"),
        ("<B />", "true or false", ""),
        (
            "<I32>2147483648</I32>",
            "a signed 32-bit number",
            "2147483648",
        ),
        ("<By>256</By>", "an unsigned byte", "256"),
        ("<C>a</C>", "the number of a UTF-16 unit", "a"),
        ("<U64>-1</U64>", "an unsigned 64-bit number", "-1"),
        ("<Db>inf</Db>", "a number", "inf"),
        ("<D>1e5</D>", "a decimal number", "1e5"),
        ("<D>NaN</D>", "a decimal number", "NaN"),
        (
            "<DT>2024-13-01T00:00:00Z</DT>",
            "a date and time",
            "2024-13-01T00:00:00Z",
        ),
        ("<DT>yesterday</DT>", "a date and time", "yesterday"),
        (
            "<DT>2024-12-01T00:00:00.</DT>",
            "a date and time",
            "2024-12-01T00:00:00.",
        ),
        ("<TS>PT</TS>", "a duration", "PT"),
        ("<TS>P1H</TS>", "a duration", "P1H"),
        ("<Version>1</Version>", "a version", "1"),
        (
            "<G>{46a1b05b-0ed2-4449-a6bb-64ae4f9c1a94}</G>",
            "a GUID",
            "{46a1b05b-0ed2-4449-a6bb-64ae4f9c1a94}",
        ),
        ("<BA>AA</BA>", "base64", "AA"),
        ("<BA>AB==</BA>", "base64", "AB=="),
        ("<BA>AA= =</BA>", "base64", "AA= ="),
        ("<Nil>x</Nil>", "nothing", "x"),
    ] {
        assert_eq!(kind(xml), invalid(expected, found), "{xml}");
    }
}

#[test]
fn more_bytes_than_allowed_are_refused() {
    let limits = Limits {
        bytes: 10,
        ..Limits::default()
    };
    let error = read(b"<S>0123456789</S>", &limits).expect_err("too large");
    assert_eq!(
        error.kind,
        ErrorKind::TooLarge {
            bytes: 17,
            limit: 10
        }
    );
}

#[test]
fn an_error_cannot_write_to_the_terminal_by_itself() {
    let error = read_str(
        "<Obj><Props><\u{1b}[2J N=\"\u{1b}[31m\" /></Props></Obj>",
        &Limits::default(),
    );
    let text = error.expect_err("no such element").to_string();
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

fn objs(inner: &str) -> String {
    format!(
        "<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">{inner}</Objs>"
    )
}
