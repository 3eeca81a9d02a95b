//! Where secrets come from outside: files, the output of commands, and keys that the terminal does not show.

use crate::cli::files;
use crate::failure::Failure;
use crate::secret::{Secret, without_tokens};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use zeroize::Zeroizing;

/// Reads a file that need not be text; the secret is its base64.
pub(super) fn bytes_of_file(path: &Path) -> Result<Secret, Failure> {
    match std::fs::read(path).map(Zeroizing::new) {
        Ok(bytes) => Ok(Secret::new(BASE64_STANDARD.encode(&*bytes))),
        Err(error) => Err(files::unreadable(path.display(), &error)),
    }
}

/// Reads a secret from a file, without the end of its line.
pub(super) fn from_file(path: &Path) -> Result<Secret, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        files::unreadable(format_args!("the secret file {}", path.display()), &error)
    })?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// Reads a secret from the output of a command of the shell.
pub(super) fn from_command(command: &str, folder: &Path) -> Result<Secret, Failure> {
    let (shell, flag) = if cfg!(windows) {
        ("cmd", "/C")
    } else {
        ("sh", "-c")
    };
    let failed = |detail: String| {
        Failure::input(format!("the secret's command failed: {command}")).with_detail(detail)
    };
    let output = Command::new(shell)
        .args([flag, command])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    let text = String::from_utf8(output.stdout)
        .map_err(|_| failed("its output is not UTF-8".to_owned()))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// Runs a program without a terminal; the error is the last thing that it said.
pub(super) fn run_program(words: &[&str]) -> Result<Secret, String> {
    let (name, arguments) = words.split_first().ok_or("no program is named")?;
    // On Windows the programs of this kind are scripts of the shell.
    let mut command = if cfg!(windows) {
        let mut shell = Command::new("cmd");
        shell.args(["/C", name]);
        shell
    } else {
        Command::new(name)
    };
    let output = command
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("the program {name} cannot be started: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty());
        return Err(without_tokens(last.unwrap_or("it failed and said nothing")));
    }
    let text = String::from_utf8(output.stdout).map_err(|_| "its output is not UTF-8")?;
    Ok(Secret::new(text))
}

/// Reads while the terminal does not show what is typed.
#[cfg(unix)]
pub(super) fn without_echo<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let echo = |word| {
        Command::new("stty")
            .arg(word)
            .stdin(Stdio::inherit())
            .status()
    };
    if !echo("-echo")?.success() {
        return Err(io::Error::other(
            "the terminal's echo cannot be switched off",
        ));
    }
    let answer = read();
    echo("echo")?;
    answer
}

#[cfg(not(unix))]
pub(super) fn without_echo<T>(_read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    Err(io::Error::other(
        "this terminal's echo cannot be switched off; use { env = \"...\" } or { file = \"...\" }",
    ))
}
