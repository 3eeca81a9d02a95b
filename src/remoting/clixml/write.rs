//! [`write`] and [`write_document`]: values become CLIXML, in the order and form in which PowerShell writes them.
//!
//! An object that is shared in memory is written once and referred to afterwards; so are equal type names.

use std::{collections::HashMap, fmt::Write as _, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    Content, NAMESPACE, Object, Progress, Properties, TypeNames, Value,
    text::{escape, escape_units},
};

/// Writes one value as one element without namespace, which is the body of a remoting message.
pub fn write(value: &Value) -> String {
    let mut writer = Writer::default();
    writer.value(value, None);
    writer.out
}

/// Writes values as a document, as `Export-Clixml` does.
pub fn write_document(values: &[Value]) -> String {
    let mut writer = Writer::default();
    writer.out.push_str("<Objs Version=\"1.1.0.1\" xmlns=\"");
    writer.out.push_str(NAMESPACE);
    writer.out.push_str("\">");
    for value in values {
        writer.value(value, None);
    }
    writer.out.push_str("</Objs>");
    writer.out
}

/// What is written so far, and which identifiers were given.
#[derive(Default)]
struct Writer {
    out: String,
    objects: HashMap<*const Object, u64>,
    next_object: u64,
    type_names: HashMap<TypeNames, u64>,
}

impl Writer {
    fn value(&mut self, value: &Value, name: Option<&str>) {
        match value {
            Value::Null => {
                self.tag("Nil", name);
                self.close_empty();
            }
            Value::Text(text) => self.escaped("S", name, text),
            Value::IllFormedText(units) => {
                self.open("S", name);
                escape_units(units, &mut self.out);
                self.close("S");
            }
            Value::Char(unit) => self.display("C", name, unit),
            Value::Bool(value) => self.display("B", name, value),
            Value::DateTime(text) => self.escaped("DT", name, text),
            Value::Duration(text) => self.escaped("TS", name, text),
            Value::Byte(number) => self.display("By", name, number),
            Value::SByte(number) => self.display("SB", name, number),
            Value::UInt16(number) => self.display("U16", name, number),
            Value::Int16(number) => self.display("I16", name, number),
            Value::UInt32(number) => self.display("U32", name, number),
            Value::Int32(number) => self.display("I32", name, number),
            Value::UInt64(number) => self.display("U64", name, number),
            Value::Int64(number) => self.display("I64", name, number),
            Value::Single(text) => self.escaped("Sg", name, text),
            Value::Double(text) => self.escaped("Db", name, text),
            Value::Decimal(text) => self.escaped("D", name, text),
            Value::Bytes(bytes) => {
                self.open("BA", name);
                BASE64_STANDARD.encode_string(bytes, &mut self.out);
                self.close("BA");
            }
            Value::Guid(guid) => self.display("G", name, guid),
            Value::Uri(text) => self.escaped("URI", name, text),
            Value::Version(text) => self.escaped("Version", name, text),
            Value::Xml(text) => self.escaped("XD", name, text),
            Value::ScriptBlock(text) => self.escaped("SBK", name, text),
            Value::SecureString(text) => self.escaped("SS", name, text),
            Value::Progress(progress) => self.progress(progress, name),
            Value::Members(members) => self.properties("MS", name, members),
            Value::Object(object) => self.object(object, name),
        }
    }

    fn object(&mut self, object: &Arc<Object>, name: Option<&str>) {
        let key = Arc::as_ptr(object);
        if let Some(reference) = self.objects.get(&key).copied() {
            self.tag("Ref", name);
            self.reference(reference);
            self.close_empty();
            return;
        }
        let reference = self.next_object;
        self.next_object += 1;
        // What nobody else holds cannot come again.
        if Arc::strong_count(object) > 1 {
            self.objects.insert(key, reference);
        }
        self.tag("Obj", name);
        self.reference(reference);
        self.out.push('>');
        if let Some(names) = &object.type_names {
            self.type_names(names);
        }
        if let Some(text) = &object.to_string {
            self.filled("ToString", None, text.is_empty(), |writer| {
                escape(text, &mut writer.out);
            });
        }
        self.content(&object.content);
        self.properties("Props", None, &object.adapted);
        self.properties("MS", None, &object.extended);
        self.close("Obj");
    }

    fn type_names(&mut self, names: &TypeNames) {
        let next = self.type_names.len() as u64;
        if let Some(reference) = self.type_names.get(names).copied() {
            self.tag("TNRef", None);
            self.reference(reference);
            self.close_empty();
            return;
        }
        self.type_names.insert(names.clone(), next);
        self.tag("TN", None);
        self.reference(next);
        self.out.push('>');
        for name in names.iter() {
            self.escaped("T", None, name);
        }
        self.close("TN");
    }

    fn content(&mut self, content: &Content) {
        match content {
            Content::None => {}
            Content::Value(value) => self.value(value, None),
            Content::Stack(items) => self.items("STK", items),
            Content::Queue(items) => self.items("QUE", items),
            Content::List(items) => self.items("LST", items),
            Content::Enumerable(items) => self.items("IE", items),
            Content::Dictionary(entries) => {
                self.filled("DCT", None, entries.is_empty(), |writer| {
                    for (key, value) in entries {
                        writer.open("En", None);
                        writer.value(key, Some("Key"));
                        writer.value(value, Some("Value"));
                        writer.close("En");
                    }
                });
            }
        }
    }

    fn items(&mut self, element: &str, items: &[Value]) {
        self.filled(element, None, items.is_empty(), |writer| {
            for item in items {
                writer.value(item, None);
            }
        });
    }

    fn properties(&mut self, element: &str, name: Option<&str>, properties: &Properties) {
        if properties.is_absent() {
            return;
        }
        self.filled(element, name, properties.is_empty(), |writer| {
            for (name, value) in properties.iter() {
                writer.value(value, Some(name));
            }
        });
    }

    fn progress(&mut self, progress: &Progress, name: Option<&str>) {
        self.open("PR", name);
        self.escaped("AV", None, &progress.activity);
        self.display("AI", None, &progress.activity_id);
        self.value(&progress.current_operation, None);
        self.display("PI", None, &progress.parent_activity_id);
        self.display("PC", None, &progress.percent_complete);
        self.escaped("T", None, &progress.record_type);
        self.display("SR", None, &progress.seconds_remaining);
        self.escaped("SD", None, &progress.status_description);
        self.close("PR");
    }

    /// An element with what `write` puts into it; the short form if that is nothing.
    fn filled(
        &mut self,
        element: &str,
        name: Option<&str>,
        empty: bool,
        write: impl FnOnce(&mut Self),
    ) {
        self.tag(element, name);
        if empty {
            self.close_empty();
            return;
        }
        self.out.push('>');
        write(self);
        self.close(element);
    }

    fn escaped(&mut self, element: &str, name: Option<&str>, text: &str) {
        self.open(element, name);
        escape(text, &mut self.out);
        self.close(element);
    }

    fn display(&mut self, element: &str, name: Option<&str>, value: &dyn std::fmt::Display) {
        self.open(element, name);
        // Writing to a string cannot fail.
        let _ = write!(self.out, "{value}");
        self.close(element);
    }

    fn open(&mut self, element: &str, name: Option<&str>) {
        self.tag(element, name);
        self.out.push('>');
    }

    fn tag(&mut self, element: &str, name: Option<&str>) {
        self.out.push('<');
        self.out.push_str(element);
        if let Some(name) = name {
            self.out.push_str(" N=\"");
            escape(name, &mut self.out);
            self.out.push('"');
        }
    }

    fn reference(&mut self, reference: u64) {
        let _ = write!(self.out, " RefId=\"{reference}\"");
    }

    fn close_empty(&mut self) {
        self.out.push_str(" />");
    }

    fn close(&mut self, element: &str) {
        self.out.push_str("</");
        self.out.push_str(element);
        self.out.push('>');
    }
}
