//! Measurements that are too slow or too noisy for a test: `cargo bench`.

mod clixml;

fn main() -> std::io::Result<()> {
    clixml::run(&mut std::io::stdout().lock())
}
