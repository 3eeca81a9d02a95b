//! Which lines hold a secret, and so are neither remembered nor saved.

use super::text::{Kind, pieces};

/// Names of what is secret, as a part of a longer name.
const SECRET: [&str; 8] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "private_key",
    "apikey",
];

/// Whether a line holds a secret: a text beside a name of something secret, or a text that can be nothing else.
pub(super) fn holds_one(line: &str) -> bool {
    let pieces = pieces(line);
    let texts = || pieces.iter().filter(|piece| piece.kind == Kind::Text);
    let named = pieces.iter().any(|piece| {
        let name = piece.text.to_lowercase();
        let is_name = piece.kind == Kind::Word || piece.kind == Kind::Text;
        is_name && SECRET.iter().any(|secret| name.contains(secret))
    });
    let is_secret_itself = |text: &str| {
        text.contains("-----BEGIN") || (text.contains("eyJ") && text.matches('.').count() >= 2)
    };
    (named && texts().next().is_some()) || texts().any(|text| is_secret_itself(text.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_beside_the_name_of_a_secret_is_one() {
        for line in [
            "let password = \"P@ssw0rd\";",
            "f(#{ client_secret: \"x\" })",
            "let x = \"-----BEGIN PRIVATE KEY-----\"",
            "get(\"eyJhbGciOi.eyJhdWQi.c2ln\")",
            "let m = #{ \"Password\": `x` }",
        ] {
            assert!(holds_one(line), "{line}");
        }
        for line in [
            "onprem.get_auth_config()",
            "let tokens = 3",
            "say(\"hello\")",
            "x.password",
        ] {
            assert!(!holds_one(line), "{line}");
        }
    }
}
