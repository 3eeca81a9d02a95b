//! Taking a rotation back: each phase, at the time at which a person would.

use crate::matrix::state::{difference, exactly};
use crate::matrix::undo::runs;
use crate::support::contoso::TODAY;
use crate::support::runner::{Ran, Runner};
use crate::support::served::Served;
use exoauth::clock::Clock;
use exoauth::lab::{LabOptions, Rules, Scenario};
use exoauth::subject::Plane;
use exoauth::value::Value;
use jiff::{SignedDuration, Timestamp};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

type Outcome = Result<(), Box<dyn Error>>;

/// A lab and a person, with one clock that is set forward.
struct Days {
    served: Served,
    runner: Runner,
    now: Arc<Mutex<Timestamp>>,
}

impl Days {
    fn of(scenario: &str) -> Result<Self, Box<dyn Error>> {
        let now: Arc<Mutex<Timestamp>> = Arc::new(Mutex::new(TODAY.parse()?));
        let told = Arc::clone(&now);
        let clock = Clock::told_by(move || *told.lock().unwrap_or_else(PoisonError::into_inner));
        let served = Served::start(LabOptions {
            clock: clock.clone(),
            rules: Rules::ByDate,
            scenarios: Scenario::find(scenario).into_iter().collect(),
            ..LabOptions::default()
        })?;
        let mut runner = served.runner();
        runner.clock = clock;
        Ok(Self {
            served,
            runner,
            now,
        })
    }

    fn pass(&self, hours: i64) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now += SignedDuration::from_hours(hours);
    }

    fn state(&self) -> Vec<String> {
        let lines = self.served.lab.world().with(|world| exactly(world));
        // A key without a name is shown with that of its certificate, and given back with it.
        let named = "display_name: Some(\"CN=Microsoft Exchange Server Auth Certificate\")";
        let lines = lines.into_iter();
        lines
            .map(|line| line.replace(named, "display_name: None"))
            .collect()
    }

    /// Runs the rotation once more, and gives the name of the run.
    fn rotate(&self) -> String {
        // No two runs begin at one moment.
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) += SignedDuration::from_secs(1);
        self.runner
            .run("run rotate-certificate --org served.toml --apply")
            .ends_with(0)
            .shows(&["passed: on-premises to Exchange Online"]);
        runs(&self.runner).pop().unwrap_or_default()
    }

    fn undo(&self, run: &str) -> Ran {
        self.runner.run(&format!("undo {run} --apply"))
    }

    /// What the plan of an undo says, which changes nothing.
    fn plan(&self, run: &str) -> String {
        let before = self.state();
        let ran = self.runner.run(&format!("undo {run} --plan"));
        assert_eq!(difference(&before, &self.state()), None);
        format!("{}{}", ran.raw_stdout, ran.stderr)
    }

    fn place(&self, property: &str) -> String {
        self.served.lab.world().with(|world| {
            let config = world.objects(Plane::OnPremises, "AuthConfig").first();
            let value = config.and_then(|config| config.get(property));
            value
                .and_then(Value::as_text)
                .unwrap_or_default()
                .to_owned()
        })
    }

    fn current(&self) -> String {
        self.place("CurrentCertificateThumbprint")
    }

    fn next(&self) -> String {
        self.place("NextCertificateThumbprint")
    }
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no \"{word}\" in:\n{text}");
    }
}

/// The lines that only one of two states has, those of the authorization configuration by what differs in them.
fn what_differs(before: &[String], after: &[String]) -> Vec<String> {
    let mut differs = Vec::new();
    for (these, those) in [(before, after), (after, before)] {
        for line in these.iter().filter(|line| !those.contains(line)) {
            let noun = line.split(':').next().unwrap_or_default();
            let other = those.iter().find(|other| other.starts_with(noun));
            let other: Vec<&str> = other.map_or_else(Vec::new, |other| other.split("; ").collect());
            let own = line
                .split("; ")
                .filter(|property| !other.contains(property));
            let names = own.map(|property| property.split('=').next().unwrap_or_default());
            differs.extend(names.map(str::to_owned));
        }
    }
    differs.sort();
    differs.dedup();
    differs
}

#[test]
fn what_was_uploaded_is_taken_back_and_the_plan_says_what_comes_of_it() -> Outcome {
    let days = Days::of("certificate-expires-in-60-days")?;
    days.rotate();
    let staged = days.state();
    let upload = days.rotate();
    assert!(difference(&staged, &days.state()).is_some());
    says(
        &days.plan(&upload),
        &[
            "~ update Entra ID Application",
            "on-premises Exchange is to sign from 2026-11-2",
            "its requests are refused then, until rotate-certificate --only rotation-upload",
        ],
    );
    days.undo(&upload).ends_with(0);
    assert_eq!(difference(&staged, &days.state()), None);
    Ok(())
}

/// No parameter empties the next certificate: it stays, and with it the certificate that it names.
#[test]
fn what_was_staged_stays_until_exchange_signs_with_it_and_the_plan_says_so() -> Outcome {
    let days = Days::of("certificate-expires-in-60-days")?;
    let (before, former) = (days.state(), days.current());
    let stage = days.rotate();
    let (staged, next) = (days.state(), days.next());
    assert_ne!(next, "");
    let words = [
        "NextCertificateThumbprint stays",
        "since no documented parameter of Set-AuthConfig empties it",
        "and Exchange signs with that certificate from 2026-11-2",
        "ExchangeCertificate \"CN=Microsoft Exchange Server Auth Certificate\" is not taken back: NextCertificateThumbprint of on-premises AuthConfig is",
    ];
    says(&days.plan(&stage), &words);
    // There is nothing else that the run did.
    days.undo(&stage).ends_with(6);
    assert_eq!(difference(&staged, &days.state()), None);

    // Its day comes, and Exchange signs with it by itself; then all of it can be taken back.
    let upload = days.rotate();
    days.pass(96);
    days.rotate();
    assert_eq!(days.current(), next);
    says(
        &days.plan(&stage),
        &[
            "signs with",
            "again, which Entra ID has to know",
            "- remove on-premises ExchangeCertificate",
        ],
    );
    days.undo(&stage).ends_with(0);
    assert_eq!(days.current(), former);
    days.undo(&upload).ends_with(0);
    assert_eq!(difference(&before, &days.state()), None);
    // Which begins anew.
    days.rotate();
    assert_ne!(days.next(), "");
    Ok(())
}

#[test]
fn what_was_published_is_taken_back_but_for_a_day_that_has_passed() -> Outcome {
    let days = Days::of("next-certificate-overdue")?;
    let (before, former, next) = (days.state(), days.current(), days.next());
    let publish = days.rotate();
    assert_eq!((days.current(), days.next()), (next, String::new()));
    says(
        &days.plan(&publish),
        &[
            "signs with",
            "is not made the next certificate again: its day was 2026-11-21",
            "rotate-certificate with thumbprint=",
            "CertificateThumbprint",
            "PreviousCertificateThumbprint",
        ],
    );
    days.undo(&publish).ends_with(0);
    assert_eq!(days.current(), former);
    assert_eq!(
        what_differs(&before, &days.state()),
        ["NextCertificateEffectiveDate", "NextCertificateThumbprint"]
    );
    Ok(())
}

#[test]
fn what_was_published_before_its_day_is_staged_again() -> Outcome {
    let days = Days::of("configured")?;
    let before = days.state();
    let runner = &days.runner;
    let path = runner.folder.join("publish.rhai");
    std::fs::write(
        path,
        "//! Publishes.\n\nconst PLAYBOOK = #{ title: \"Publish\" };\n\nstep(\"publish\", \"Publish\", || { onprem.publish_auth_certificate(); });\n",
    )?;
    days.pass(1);
    runner
        .run("run ./publish.rhai --org served.toml --apply")
        .ends_with(0);
    let publish = runs(runner).pop().unwrap_or_default();
    assert!(difference(&before, &days.state()).is_some());
    days.undo(&publish).ends_with(0);
    assert_eq!(difference(&before, &days.state()), None);
    Ok(())
}

#[test]
fn what_was_retired_is_known_to_entra_id_again_and_exchange_keeps_no_former_one() -> Outcome {
    let days = Days::of("certificate-expires-in-60-days")?;
    days.rotate();
    days.rotate();
    days.pass(96);
    days.rotate();
    days.pass(25);
    let before = days.state();
    let retire = days.rotate();
    assert!(difference(&before, &days.state()).is_some());
    says(
        &days.plan(&retire),
        &[
            "PreviousCertificateThumbprint of on-premises AuthConfig stays \"\"",
            "no parameter of Set-AuthConfig names a previous certificate, so tokens that it signed are not accepted",
            "~ update Entra ID Application",
        ],
    );
    days.undo(&retire).ends_with(0);
    assert_eq!(
        what_differs(&before, &days.state()),
        ["PreviousCertificateThumbprint"]
    );
    Ok(())
}

#[test]
fn a_certificate_that_cannot_sign_any_more_does_not_sign_again() -> Outcome {
    let days = Days::of("certificate-expires-in-60-days")?;
    let stage = days.rotate();
    days.rotate();
    days.pass(96);
    days.rotate();
    let after = days.state();
    days.pass(24 * 60);
    says(
        &days.plan(&stage),
        &["cannot sign again, since it expired on 2027-01-17"],
    );
    days.undo(&stage).ends_with(6);
    assert_eq!(difference(&after, &days.state()), None);
    Ok(())
}
