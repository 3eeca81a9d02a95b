//! Measurements that are too slow or too noisy for a test: `cargo bench`, or `cargo bench -- clixml`.

mod clixml;
mod process;
mod prompt;
mod scale;

#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own, which prints what it measured"
)]
fn main() -> std::io::Result<()> {
    let out = &mut std::io::stdout().lock();
    let only: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|word| word == name);
    if wanted("clixml") {
        clixml::run(out)?;
    }
    if wanted("process") {
        process::run(out)?;
    }
    if wanted("prompt") {
        prompt::run(out)?;
    }
    if wanted("scale") {
        scale::run(out)?;
    }
    Ok(())
}
