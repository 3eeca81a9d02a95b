//! Journals that are damaged, cut off, somebody else's, or no journals at all.

use crate::matrix::undo::runs;
use crate::support::runner::Runner;
use crate::support::served::Served;
use exoauth::lab::LabOptions;
use std::error::Error;
use std::fs;

type Outcome = Result<(), Box<dyn Error>>;

/// A lab with a run of one write, and the text of its journal.
fn recorded() -> Result<(Served, Runner, String, String), Box<dyn Error>> {
    let served = Served::start(LabOptions::default())?;
    let runner = served.runner();
    runner
        .run("run 07-connector-online --org served.toml --apply")
        .ends_with(0);
    let run = runs(&runner).pop().ok_or("no run is recorded")?;
    let text = runner.read(&format!("state/runs/{run}.jsonl"));
    Ok((served, runner, run, text))
}

#[test]
fn a_journal_that_ends_anywhere_is_read_as_far_as_it_goes() -> Outcome {
    let (_served, runner, run, text) = recorded()?;
    let path = format!("state/runs/{run}.jsonl");
    let first = text.find('\n').unwrap_or_default();
    let ends: Vec<usize> = (0..text.len())
        .step_by(97)
        .chain([first, first + 1])
        .collect();
    let mut runner = runner;
    for end in ends.into_iter().filter(|end| text.is_char_boundary(*end)) {
        let cut = &text[..end];
        runner = runner.file(&path, cut);
        let whole = cut.matches('\n').count();
        // The last line may be whole although its end is missing.
        let rest = cut.rsplit('\n').next().unwrap_or_default();
        let damaged = !rest.is_empty() && serde_json::from_str::<serde_json::Value>(rest).is_err();
        let shown = runner.run(&format!("journal {run}")).ends_with(0);
        let said = shown
            .stderr
            .contains(&format!("damaged at line {}", whole + 1));
        assert_eq!(said, damaged, "{end}: {}", shown.stderr);
        runner
            .run("journal")
            .ends_with(0)
            .shows(&["cut off"][..usize::from(!damaged && end > 0 && end < text.len() - 1)]);
        // Whatever is left of it, nothing is guessed: what it says is taken back, or why it cannot be is said.
        let undone = runner.run(&format!("undo {run} --plan"));
        assert!([0, 2].contains(&undone.code), "{end}: {}", undone.stderr);
        if undone.code == 2 {
            assert!(whole == 0, "{end}: {}", undone.stderr);
        }
    }
    Ok(())
}

#[test]
fn what_is_no_journal_is_listed_as_such_and_stands_in_nobodys_way() -> Outcome {
    let (_served, runner, run, text) = recorded()?;
    let runner = runner
        .file("state/runs/0-empty.jsonl", "")
        .file(
            "state/runs/1-garbage.jsonl",
            "\u{0}\u{1}\u{2} not a line of JSON",
        )
        .file(
            "state/runs/2-other.jsonl",
            "{\"level\":\"info\",\"msg\":\"\\u001b[2J of another program\"}\n[1]\n5\n",
        )
        .file("state/runs/3-folder.jsonl/file", "")
        .file("state/runs/notes.txt", "not looked at");
    fs::write(
        runner.folder.join("state/runs/4-bytes.jsonl"),
        [0xff, 0xfe, b'\n', 0x80],
    )?;
    let listed = runner.run("journal").ends_with(0);
    for (name, ending) in [
        ("0-empty", "cut off"),
        ("1-garbage", "damaged"),
        ("2-other", "no run"),
        ("3-folder", "cannot be read"),
        ("4-bytes", "damaged"),
    ] {
        let line = listed.stdout.lines().find(|line| line.starts_with(name));
        assert!(
            line.is_some_and(|line| line.contains(ending)),
            "{name}: {}",
            listed.stdout
        );
    }
    assert!(!listed.stdout.contains("notes"), "{}", listed.stdout);
    let shown = runner
        .run("journal 2-other")
        .ends_with(0)
        .complains(&["what this run was is not known"]);
    assert!(!shown.raw_stdout.contains('\u{1b}'));
    runner
        .run("journal 3-folder")
        .ends_with(2)
        .complains(&["cannot be read"]);
    for line in [
        "undo 1-garbage --apply",
        "resume 2-other --apply",
        "undo 0-empty --apply",
    ] {
        runner
            .run(line)
            .ends_with(2)
            .complains(&["damaged in its first line"]);
    }
    // Every line of the machine-readable list has a name.
    assert_eq!(runs(&runner).len(), 6);
    runner
        .run(&format!("journal {run}"))
        .ends_with(0)
        .shows(&["written"]);
    // A record that another version wrote otherwise is not half understood.
    let strange = text.replace("\"request\"", "\"petition\"");
    let runner = runner.file("state/runs/5-strange.jsonl", &strange);
    runner
        .run("undo 5-strange --apply")
        .ends_with(2)
        .complains(&["a write that this version cannot read"]);
    runner
        .run("resume")
        .ends_with(2)
        .complains(&["nothing to resume"]);
    Ok(())
}

#[test]
#[cfg(unix)]
fn only_the_user_may_read_a_journal() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let (_served, runner, run, _) = recorded()?;
    let mode = |path: &str| {
        let metadata = fs::metadata(runner.folder.join(path));
        metadata.map(|metadata| metadata.permissions().mode() & 0o777)
    };
    assert_eq!(mode(&format!("state/runs/{run}.jsonl"))?, 0o600);
    assert_eq!(mode("state/runs")?, 0o700);
    Ok(())
}
