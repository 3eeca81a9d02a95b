//! What `:trace` shows at the prompt: each request and cmdlet in a line, without secrets.

use crate::report::{Paint, Stream, clean};
use std::fmt::{self, Write as _};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Writes events as lines for people.
pub(super) struct Trace {
    /// Where to.
    pub(super) stream: Stream,
    /// How.
    pub(super) paint: Paint,
}

impl<S: Subscriber> Layer<S> for Trace {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        // What was sent and received says the same, with its values.
        if fields.says("cmdlet") {
            return;
        }
        let line = self.paint.text(Paint::QUIET, clean(&fields.line()));
        // What passes by, such as "reading ...", is overwritten.
        let clear = if self.paint.colors { "\r\u{1b}[K" } else { "" };
        // A trace that cannot be shown stops nothing.
        let _ = self.stream.line(&format!("{clear}{line}"));
    }
}

#[derive(Default)]
struct Fields(Vec<(&'static str, String)>);

impl Fields {
    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(at).1)
    }

    fn says(&self, message: &str) -> bool {
        self.0
            .iter()
            .any(|(name, value)| *name == "message" && value == message)
    }

    fn line(mut self) -> String {
        let message = self.take("message").unwrap_or_default();
        let sent = match message.as_str() {
            "sent" => {
                let call = self.take("call").unwrap_or_default();
                let plane = self.take("plane").unwrap_or_default();
                return format!("  > {plane}: {call}");
            }
            "received" => return format!("  < {}", self.take("text").unwrap_or_default()),
            "request" => ["method", "host", "path"],
            _ => ["", "", ""],
        };
        let is_sent = !sent[0].is_empty();
        let mut line = if is_sent { "   ".to_owned() } else { message };
        for (at, name) in sent.iter().enumerate() {
            if let Some(value) = self.take(name).filter(|value| !value.is_empty()) {
                // The path follows the host.
                let space = if at == 2 { "" } else { " " };
                line.extend([space, &value]);
            }
        }
        if is_sent {
            line.push_str(" ->");
            if self
                .0
                .iter()
                .any(|(name, value)| *name == "attempt" && value == "1")
            {
                self.take("attempt");
            }
        }
        for (name, value) in self.0 {
            // A string never fails to be written to.
            let _ = match name {
                "status" => write!(line, " {value}"),
                "milliseconds" => write!(line, " in {value} ms"),
                _ => write!(line, " {name}={value}"),
            };
        }
        line
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(fields: &[(&'static str, &str)]) -> String {
        let fields = fields.iter();
        Fields(
            fields
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
        )
        .line()
    }

    #[test]
    fn requests_and_cmdlets_are_lines_that_people_read() {
        let request = [
            ("message", "request"),
            ("method", "GET"),
            ("host", "graph.example"),
            ("path", "/v1.0/organization"),
            ("status", "200"),
            ("milliseconds", "12"),
            ("attempt", "1"),
        ];
        assert_eq!(
            line(&request),
            "    GET graph.example/v1.0/organization -> 200 in 12 ms"
        );
        let sent = [
            ("message", "sent"),
            ("plane", "on-premises"),
            ("call", "Get-AuthServer -Identity 'a'"),
        ];
        assert_eq!(line(&sent), "  > on-premises: Get-AuthServer -Identity 'a'");
        assert_eq!(line(&[("message", "received"), ("text", "[]")]), "  < []");
        assert_eq!(
            line(&[("message", "it ended"), ("reason", "x")]),
            "it ended reason=x"
        );
    }
}
