//! [`Secret`]: a text that is never printed.
//!
//! Passwords, client secrets, private keys, tokens and assertions travel in this type from the moment they are read.
//! It has no `Display`, no `Serialize` and a `Debug` that says nothing, and its memory is wiped when it is dropped.

use std::fmt;
use zeroize::Zeroizing;

/// A text that prints as `[secret]` and is wiped from memory when dropped.
///
/// ```
/// use exoauth::secret::Secret;
///
/// let password = Secret::new("Passw0rd!");
/// assert_eq!(format!("{password:?}"), "[secret]");
/// assert_eq!(password.expose(), "Passw0rd!");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Returns the text; only the line that puts it on the wire should call this.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

/// Replaces what looks like a signed token (`eyJ...`, three parts with dots) in a service's words by `[token]`.
///
/// ```
/// use exoauth::secret::without_tokens;
///
/// assert_eq!(without_tokens("sent 'eyJhbGciOi.eyJhdWQiOi.c2ln' to it"), "sent '[token]' to it");
/// assert_eq!(without_tokens("nothing to hide"), "nothing to hide");
/// ```
pub fn without_tokens(text: &str) -> String {
    let in_token =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '=');
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("eyJ") {
        let (before, from) = rest.split_at(at);
        let length = from.find(|letter| !in_token(letter)).unwrap_or(from.len());
        let (word, after) = from.split_at(length);
        clean.push_str(before);
        clean.push_str(if word.contains('.') { "[token]" } else { word });
        rest = after;
    }
    clean.push_str(rest);
    clean
}
