//! Bytes that broke a fuzz target, or that were made to: they pass now.

use super::targets;
use std::error::Error;
use std::fs;
use std::path::Path;

/// How many files there are at least: none is lost.
const KNOWN: usize = 5;

type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 5] = [
    ("clixml", targets::clixml),
    ("fragments", targets::fragments),
    ("messages", targets::messages),
    ("mime", targets::mime),
    ("soap", targets::soap),
];

#[test]
fn known_bytes_break_nothing() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/regressions");
    let mut known = 0;
    for entry in fs::read_dir(folder)? {
        let folder = entry?.path();
        let name = folder.file_name().and_then(|name| name.to_str());
        let target = TARGETS.iter().find(|(target, _)| Some(*target) == name);
        let (_, target) = target.ok_or_else(|| format!("{} is no target", folder.display()))?;
        for file in fs::read_dir(&folder)? {
            target(&bytes_of(&fs::read_to_string(file?.path())?)?);
            known += 1;
        }
    }
    assert!(known >= KNOWN, "{known} files were replayed");
    Ok(())
}

/// The bytes that a text in hexadecimal digits stands for.
fn bytes_of(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits: Vec<char> = text
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16);
    Ok(digits.chunks(2).map(byte).collect::<Result<_, _>>()?)
}

#[test]
fn every_target_takes_the_fixtures() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/fixtures");
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.extension().is_none_or(|end| end != "clixml") {
            continue;
        }
        let bytes = fs::read(&path)?;
        for (_, target) in TARGETS {
            target(&bytes);
            // Cut short, and with one byte changed, at many places.
            for at in (0..bytes.len()).step_by(97) {
                target(&bytes[..at]);
                let mut changed = bytes.clone();
                changed[at] ^= 0x11;
                target(&changed);
            }
        }
        for kind in 0..18 {
            targets::messages(&[&[kind, 0][..], &bytes].concat());
        }
    }
    Ok(())
}
