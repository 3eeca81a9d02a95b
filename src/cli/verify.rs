//! `exoauth verify`: once, or again and again with `--watch`.

use crate::cli::args::{Format, Run, Verify};
use crate::cli::wait::wait;
use crate::cli::{Env, ExitCode, run, runtime};
use crate::failure::{Failure, FailureKind};
use std::time::Duration;

/// Verifies as `exoauth run verify` does; what it asks changes nothing, so nobody has to agree.
pub(super) fn main(env: &Env, asked: Verify, format: Format) -> Result<ExitCode, Failure> {
    let pause = asked.watch.as_deref().map(pause).transpose()?;
    let verify = Run {
        playbook: "verify".to_owned(),
        place: asked.place,
        several: asked.several,
        apply: true,
        ..Run::default()
    };
    loop {
        let code = run::main(env, &verify, format);
        let Some(pause) = pause else {
            return code;
        };
        let code = match code {
            // What is wrong with the command line does not pass by waiting.
            Ok(code) if code == ExitCode::WRONG_INPUT || env.interrupt.raised() => return Ok(code),
            Err(failure) if failure.kind == FailureKind::Input => return Err(failure),
            Err(failure) => super::fail(env, &failure, format),
            Ok(code) => code,
        };
        let runtime = runtime()?;
        env.watch_signals(runtime.handle());
        match wait(env, runtime.handle(), (env.patience.sleep)(pause)) {
            Ok(()) => {}
            // Between two verifications nothing is cut off: the last one is what there is to tell.
            Err(failure) if failure.kind == FailureKind::Interrupted => return Ok(code),
            Err(failure) => return Err(failure),
        }
    }
}

/// Reads `90s`, `15m`, `6h` or `1d`.
fn pause(text: &str) -> Result<Duration, Failure> {
    let wrong = || {
        Failure::input(format!("\"{text}\" is not how often to verify"))
            .with_hint("write a number and a unit, such as 30s, 15m, 6h or 1d")
    };
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match number.checked_mul(seconds) {
        None | Some(0) => Err(wrong()),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::pause;
    use std::time::Duration;

    #[test]
    fn a_pause_is_a_number_and_a_unit() {
        let seconds = |text| pause(text).ok().as_ref().map(Duration::as_secs);
        assert_eq!(seconds("30s"), Some(30));
        assert_eq!(seconds("15m"), Some(900));
        assert_eq!(seconds("6h"), Some(21_600));
        assert_eq!(seconds("1d"), Some(86_400));
        for wrong in [
            "",
            "15",
            "m",
            "0m",
            "-1m",
            "1.5h",
            "15 m",
            "5µ",
            "99999999999999999999s",
        ] {
            assert!(pause(wrong).is_err(), "{wrong}");
        }
    }
}
