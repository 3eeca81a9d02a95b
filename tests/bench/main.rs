//! Measurements that are too slow or too noisy for a test: `cargo bench`.

mod clixml;

#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own, which prints what it measured"
)]
fn main() -> std::io::Result<()> {
    clixml::run(&mut std::io::stdout().lock())
}
