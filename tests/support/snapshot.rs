//! Texts that a test expects, kept in files next to it and rewritten when `UPDATE=1` is set.

use std::{env, error::Error, fs, path::Path};

/// Compares a text with the file `tests/<path>`; with `UPDATE=1` writes it there.
pub(crate) fn expect_file(path: &str, text: &str) -> Result<(), Box<dyn Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(path);
    #[expect(clippy::disallowed_methods, reason = "asked by whoever runs the tests")]
    let update = env::var("UPDATE").is_ok_and(|value| value == "1");
    if update {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, text)?;
        return Ok(());
    }
    let expected = fs::read_to_string(&file)
        .map_err(|error| format!("{}: {error}; UPDATE=1 writes it", file.display()))?
        .replace("\r\n", "\n");
    if expected == text {
        return Ok(());
    }
    let differing = expected
        .lines()
        .zip(text.lines())
        .position(|(expected, found)| expected != found)
        .unwrap_or_else(|| expected.lines().count().min(text.lines().count()));
    Err(format!(
        "tests/{path} differs at line {}; UPDATE=1 rewrites it; found:\n{text}",
        differing + 1
    )
    .into())
}
