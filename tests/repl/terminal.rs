//! A conversation in a real pseudo-terminal, key by key.

#![cfg(unix)]

use crate::support::served::Served;
use exoauth::lab::LabOptions;
use expectrl::session::OsSession;
use expectrl::{Eof, Expect, Regex};
use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// What the editor writes when it begins to read a line, and at no other time, since the prompt itself is drawn for every
/// key; and the prompt, from which on Ctrl-C is a key.
const READY: &str = "(?s)\u{1b}\\[\\?2004h.*?lab( apply)?> ";

const PROGRAM: &str = env!("CARGO_BIN_EXE_exoauth");

/// A folder that is the home of everything, removed at the end.
struct Home(PathBuf);

impl Home {
    fn new() -> std::io::Result<Self> {
        let name = format!("terminal-{}", uuid::Uuid::new_v4());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(&self.0);
        for name in ["HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env(name, &self.0);
        }
        command
            .env("TERM", "xterm")
            .env("PAGER", "cat")
            .env("NO_COLOR", "1")
            .env_remove("EXOAUTH_LOG");
        command
    }

    fn run(&self, arguments: &[&str]) -> std::io::Result<Output> {
        self.program(arguments).output()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // A folder that stays is in the build folder, where it does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Someone at the terminal.
struct Person(OsSession);

impl Person {
    fn sits_down(home: &Home) -> Result<Self, Box<dyn Error>> {
        Self::starts(home.program(&["repl"]))
    }

    fn starts(program: Command) -> Result<Self, Box<dyn Error>> {
        let mut session = OsSession::spawn(program)?;
        session.set_expect_timeout(Some(Duration::from_secs(60)));
        session.expect(Regex(READY))?;
        Ok(Self(session))
    }

    /// Types keys, and waits for what the program answers; then for the next prompt.
    fn types(&mut self, keys: &str, answer: &str) -> Result<&mut Self, Box<dyn Error>> {
        self.presses(keys, answer)?;
        let ready = self.sees(READY);
        ready.map_err(|error| format!("after {keys:?}: {error}").into())
    }

    fn presses(&mut self, keys: &str, answer: &str) -> Result<&mut Self, Box<dyn Error>> {
        self.0.send(keys)?;
        self.sees(answer)
    }

    fn sees(&mut self, answer: &str) -> Result<&mut Self, Box<dyn Error>> {
        let seen = self.0.expect(Regex(answer));
        seen.map_err(|error| format!("waiting for {answer:?}: {error}"))?;
        Ok(self)
    }
}

#[test]
fn a_whole_conversation_at_a_terminal() -> Result<(), Box<dyn Error>> {
    let home = Home::new()?;
    let mut person = Person::sits_down(&home)?;
    person
        // Completion: a method, then a property of what was really read.
        .types(
            "let config = onprem.get_auth_c\t;\r",
            "get_auth_config\\(\\)",
        )?
        .types("config.current_certificate_t\t\r", "\n[0-9A-F]{40}")?
        // A table that fits the window.
        .types(
            "onprem.get_accepted_domain()\r",
            "tailspintoys\\.com +false[^\\n]*\\n(.*\\n)*.*are not shown\\)",
        )?
        // A function over several lines; the parser decides when it is finished.
        .presses("fn twice(x) {\r", "\n")?
        .presses("x * 2\r", "\n")?
        .types("}\r", "\n")?
        .types("twice(21)\r", "\n42")?
        // What the parser refuses is shown under its place.
        .types("let 1 = 2\r", "\\^")?
        // Choices of an option, and keys with their meaning.
        .presses(
            "onprem.new_auth_server(\"a\", #{ type: \"Az\t\", dom\t",
            "\"AzureAD\", domain_name: ",
        )?
        // Ctrl-C at the prompt drops what was typed, and no more.
        .types("\u{3}", "\n")?
        .types("\u{3}", "\n")?
        // What is typed ahead is not lost: two lines at once, and one while another is busy.
        .presses("let a = 20\ra + 22\r", "\n42")?
        .sees(READY)?
        .types(":apply\r", "without asking")?
        .presses("say(\"be\" + \"gun\"); sleep(1)\r", "begun")?
        .types("a + 24\r", "\n44")?
        // A native call that takes long.
        .presses("say(\"wait\" + \"ing\"); sleep(600)\r", "waiting")?
        .types("\u{3}", "interrupted")?
        .types(":ask\r", "asked for")?
        // Calls that are stopped: from the second second on, what a line says is shown at once.
        .presses(
            "loop { onprem.get_auth_config(); say(\"ro\" + \"und\"); }\r",
            "round",
        )?
        .types("\u{3}", "interrupted")?
        .types("40 + 3\r", "\n43")?
        .types("let password = \"P@ssw0rd\";\r", "\n")?;
    // Plan and apply.
    person
        .presses(":run 07-c\t\r", "\\+ create Exchange Online")?
        .presses("", "apply 1 change to lab\\? \\[y/n\\] ")?
        .types("y\r", "done: 1 created")?
        .types(
            "for c in online.get_intraorg_connector() { say(c.name); }\r",
            "\nExchangeHybrid",
        )?
        .types(":save mine.rhai\r", "saved [0-9]+ lines")?
        .types(":run ./mine.rhai\r", "nothing is to be changed")?;
    person.0.send("\u{4}")?;
    person.0.expect(Eof)?;

    let ran = home.run(&["run", "./mine.rhai", "--apply"])?;
    let shown = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{shown}");
    assert!(
        shown.contains("+ created Exchange Online IntraOrganizationConnector"),
        "{shown}"
    );

    let history = home.0.join("exoauth/history");
    let remembered = fs::read_to_string(&history)?;
    assert!(
        remembered.contains("twice(21)") && !remembered.contains("P@ssw0rd"),
        "{remembered}"
    );
    assert_eq!(fs::metadata(&history)?.permissions().mode() & 0o777, 0o600);
    Ok(())
}

#[test]
fn a_long_text_is_shown_window_by_window_where_there_is_no_pager() -> Result<(), Box<dyn Error>> {
    const ROWS: u16 = 12;
    let home = Home::new()?;
    let mut program = home.program(&["repl"]);
    program.env("PAGER", home.0.join("no-such-pager"));
    let mut person = Person::starts(program)?;
    person.0.get_process_mut().set_window_size(80, ROWS)?;
    // The window is measured when a line begins.
    person.types("\u{3}", "\n")?;
    person.0.send(":help\r")?;
    for _ in 0..2 {
        let seen = person
            .0
            .expect(Regex("-- more: Enter goes on, q ends -- "))?;
        let window = String::from_utf8_lossy(seen.before()).into_owned();
        let shown = window.lines().filter(|line| line.starts_with("  ")).count();
        assert!((5..usize::from(ROWS)).contains(&shown), "{window}");
        assert!(!window.contains("Ctrl-D leaves"), "{window}");
        person.0.send("\r")?;
    }
    person
        .sees("-- more")?
        .types("q\r", "\n")?
        .types("40 + 2\r", "\n42")?;
    Ok(())
}

#[test]
fn a_pipe_can_be_the_person() -> Result<(), Box<dyn Error>> {
    use std::io::Write;
    use std::process::Stdio;
    let home = Home::new()?;
    let mut child = home
        .program(&["repl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("no standard input")?;
    input.write_all(b"fn twice(x) {\n  x * 2\n}\ntwice(21)\n:run 07-connector-online\n")?;
    drop(input);
    let ran = child.wait_with_output()?;
    let (shown, aside) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(
        ran.status.success() && shown.contains("42\n"),
        "{shown}{aside}"
    );
    assert!(aside.contains("there is nobody to ask"), "{shown}{aside}");
    Ok(())
}

/// What is followed is what was sent and received, and no secret of it.
#[test]
fn a_trace_shows_what_was_sent_and_received_without_secrets() -> Result<(), Box<dyn Error>> {
    use std::io::Write;
    use std::process::Stdio;
    let served = Served::start(LabOptions::default())?;
    let runner = served.runner();
    let home = Home::new()?;
    let file = runner.folder.join("served.toml");
    let mut child = home
        .program(&["repl", "--org"])
        .arg(&file)
        .env("EXOAUTH_LOG", "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let lines = [
        "onprem.get_auth_config();",
        ":trace on",
        "onprem.get_auth_server(\"nobody\")",
        "entra.get_service_principal(\"00000002-0000-0ff1-ce00-000000000000\");",
        "online.get_accepted_domain();",
        "online.test_oauth(\"EWS\", \"https://mail.contoso.com/ews/exchange.asmx\", \"alex@contoso.com\");",
        "onprem.invoke(\"Get-Mailbox\", #{ Identity: \"x\", Password: \"Hush-123\" });",
        ":trace off",
        "onprem.get_exchange_server();",
    ];
    let mut input = child.stdin.take().ok_or("no standard input")?;
    input.write_all(lines.join("\n").as_bytes())?;
    drop(input);
    let ran = child.wait_with_output()?;
    let shown = String::from_utf8_lossy(&ran.stderr).into_owned();
    for line in [
        "  > on-premises: Get-AuthServer -Identity 'nobody'",
        "  > Entra ID: GET /servicePrincipals",
        " -> 200 ",
        "  > Exchange Online: Get-AcceptedDomain",
        "  < [{\"",
        "-Password <secret>",
    ] {
        assert!(shown.contains(line), "no {line:?} in {shown}");
    }
    // An error shows the line that was typed, with all that is in it; the trace does not.
    let traced = shown
        .lines()
        .filter(|line| line.starts_with("  > ") || line.starts_with("  < "));
    let traced: String = traced.collect();
    for hidden in ["Get-AuthConfig", "Get-ExchangeServer", "Hush-123", "eyJ"] {
        assert!(!traced.contains(hidden), "{hidden:?} is in {traced}");
    }
    assert!(!shown.contains("eyJ"), "a token is in {shown}");
    let organization = fs::read_to_string(&file)?;
    let secrets = organization
        .lines()
        .filter(|line| line.starts_with("password") || line.starts_with("secret"))
        .filter_map(|line| line.split('"').nth(1));
    for secret in secrets {
        assert!(!shown.contains(secret), "a secret is in {shown}");
    }
    Ok(())
}
