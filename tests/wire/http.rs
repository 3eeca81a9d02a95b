//! Trust, retry and unreadable answers, against a scripted service.
#![expect(clippy::disallowed_methods, reason = "the test macro of tokio blocks")]

use crate::support::nobody::Nobody;
use crate::support::service::{Outcome, Reply, Service};
use exoauth::failure::{Failure, FailureKind};
use exoauth::http::{Client, ErrorKind, Options, Request};
use reqwest::{Method, Url};
use serde_json::json;
use std::time::Duration;

fn ok() -> Reply {
    Reply::json(200, &json!({"good": true}))
}

fn read(service: &Service) -> Outcome<Request> {
    Ok(Request::read(
        Method::GET,
        Url::parse(&service.base)?.join("/thing?secret=1")?,
    ))
}

fn write(service: &Service) -> Outcome<Request> {
    let url = Url::parse(&service.base)?.join("/thing")?;
    Ok(Request::write(Method::PATCH, url).json(&json!({"a": 1})))
}

#[tokio::test]
async fn a_read_waits_as_long_as_the_service_asks() -> Outcome {
    let asks = |wait| Reply::new(429, &[("retry-after", wait)], b"");
    let service = Service::start([asks("7"), asks("Mon, 23 Nov 2026 09:00:30 GMT"), ok()]).await?;
    let client = service.client()?;
    let answer = client.send(&read(&service)?).await?;
    assert_eq!(answer.json()?, json!({"good": true}));
    assert_eq!(service.pauses(), [7.0, 30.0]);
    assert_eq!(client.requests(), 3);
    Ok(())
}

#[tokio::test]
async fn a_read_is_sent_five_times_with_growing_pauses() -> Outcome {
    let service = Service::start(vec![Reply::new(503, &[], b""); 9]).await?;
    let answer = service.client()?.send(&read(&service)?).await?;
    assert_eq!(answer.status(), 503);
    assert_eq!(service.pauses(), [2.0, 4.0, 8.0, 16.0]);
    assert_eq!((service.seen().len(), service.left()), (5, 4));
    Ok(())
}

#[tokio::test]
async fn a_service_that_asks_for_an_hour_is_given_up() -> Outcome {
    let service = Service::start([Reply::new(429, &[("retry-after", "3600")], b""), ok()]).await?;
    let answer = service.client()?.send(&read(&service)?).await?;
    assert_eq!((answer.status(), service.pauses()), (429, vec![]));
    Ok(())
}

#[tokio::test]
async fn each_pause_is_announced_with_its_reason() -> Outcome {
    let service = Service::start([Reply::new(503, &[], b""), ok()]).await?;
    let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let listener = std::sync::Arc::clone(&heard);
    let options = Options {
        on_pause: Some(std::sync::Arc::new(move |pause| {
            if let Ok(mut heard) = listener.lock() {
                heard.push((pause.reason.clone(), pause.duration, pause.attempt));
            }
        })),
        ..service.options()?
    };
    Client::new(options)?.send(&read(&service)?).await?;
    let expected = (
        "localhost is not available (503)".to_owned(),
        Duration::from_secs(2),
        2,
    );
    assert_eq!(heard.lock().map_err(|_| "poisoned")?.as_slice(), [expected]);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_asked_for_again() -> Outcome {
    let service = Service::start([ok().cut(3), Reply::hang_up(), ok()]).await?;
    let answer = service.client()?.send(&read(&service)?).await?;
    assert_eq!(answer.json()?, json!({"good": true}));
    assert_eq!(service.seen().len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_write_is_not_repeated_when_nobody_knows_whether_it_was_done() -> Outcome {
    for reply in [Reply::hang_up(), ok().cut(3), Reply::Silence] {
        let service = Service::start([reply, ok()]).await?;
        let request = write(&service)?.within(Duration::from_secs(2));
        let error = service
            .client()?
            .send(&request)
            .await
            .err()
            .ok_or("no error")?;
        assert!(error.ambiguous, "{error}");
        assert_eq!((service.seen().len(), service.pauses()), (1, vec![]));
        let failure = Failure::from(error);
        assert_eq!(
            (failure.kind, failure.ambiguous),
            (FailureKind::Unreachable, true)
        );
    }
    let service = Service::start([Reply::new(503, &[("retry-after", "1")], b""), ok()]).await?;
    assert_eq!(
        service.client()?.send(&write(&service)?).await?.status(),
        503
    );
    assert_eq!(service.seen().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_write_that_was_turned_away_is_repeated() -> Outcome {
    let service = Service::start([Reply::new(429, &[("retry-after", "3")], b""), ok()]).await?;
    let answer = service.client()?.send(&write(&service)?).await?;
    assert_eq!((answer.status(), service.pauses()), (200, vec![3.0]));
    Ok(())
}

#[tokio::test]
async fn a_read_that_takes_too_long_gets_one_more_chance() -> Outcome {
    let service = Service::start(vec![Reply::Silence; 3]).await?;
    let request = read(&service)?.within(Duration::from_secs(2));
    let error = service
        .client()?
        .send(&request)
        .await
        .err()
        .ok_or("no error")?;
    assert!(matches!(error.kind, ErrorKind::TimedOut { .. }), "{error}");
    assert!(!error.ambiguous);
    assert_eq!(service.seen().len(), 2);
    Ok(())
}

#[tokio::test]
async fn nobody_listening_is_said_so_after_short_pauses() -> Outcome {
    let service = Service::start([]).await?;
    let nobody = Nobody::home()?;
    let closed = nobody.address()?;
    let request = Request::write(
        Method::POST,
        Url::parse(&format!("https://{closed}/x?y=1"))?,
    );
    let client = service.client()?;
    let error = client.send(&request).await.err().ok_or("no error")?;
    assert!(!error.ambiguous, "nothing was sent");
    assert_eq!(error.url, format!("https://{closed}/x"));
    assert!(
        error
            .to_string()
            .starts_with("cannot connect to 127.0.0.1:"),
        "{error}"
    );
    assert_eq!(service.pauses(), [0.25, 0.5, 1.0, 2.0]);
    assert_eq!(Failure::from(error).kind, FailureKind::Unreachable);
    Ok(())
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_leads_to_ca_file() -> Outcome {
    let service = Service::start([ok()]).await?;
    let stranger = Service::start([]).await?;
    let host = service.base.trim_start_matches("https://");
    let unknown = "nobody trusted here issued it";
    let namesake = "an authority with the name of a trusted one, but another key, issued it";
    for (options, reason) in [
        (Options::default(), unknown),
        (stranger.options()?, namesake),
    ] {
        let client = Client::new(options)?;
        let error = client
            .send(&read(&service)?)
            .await
            .err()
            .ok_or("no error")?;
        let expected = format!("the certificate of {host} is not trusted: {reason}");
        assert_eq!(error.to_string(), expected);
        let failure = Failure::from(error);
        assert!(failure.hint.is_some_and(|hint| hint.contains("ca_file")));
        assert_eq!(client.requests(), 1, "trust does not come by waiting");
    }
    Ok(())
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() -> Outcome {
    let service = Service::start([ok()]).await?;
    let url = service.base.replace("localhost", "[::ffff:127.0.0.1]");
    let request = Request::read(Method::GET, Url::parse(&url)?);
    let error = service
        .client()?
        .send(&request)
        .await
        .err()
        .ok_or("no error")?;
    let message = error.to_string();
    assert!(
        message.contains("not trusted: certificate not valid for name"),
        "{message}"
    );
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_not_followed_by_itself() -> Outcome {
    let service =
        Service::start([Reply::new(302, &[("location", "/elsewhere")], b""), ok()]).await?;
    let answer = service.client()?.send(&read(&service)?).await?;
    assert_eq!((answer.status(), service.seen().len()), (302, 1));
    Ok(())
}

#[tokio::test]
async fn what_is_not_json_is_named() -> Outcome {
    let html = [("content-type", "text/html; charset=utf-8")];
    let plain = [("content-type", "text/plain")];
    let cases = [
        (
            Reply::new(200, &html, b"<html>Sign in"),
            "answered 200 with HTML where JSON was expected",
        ),
        (
            Reply::new(200, &[], b" <!doctype html>"),
            "answered 200 with HTML where JSON was expected",
        ),
        (
            Reply::new(200, &[], br#"{"value": [1, "#),
            "answered 200 with JSON that ends early, after 14 bytes",
        ),
        (
            Reply::new(200, &[], b""),
            "answered 200 with nothing where JSON was expected",
        ),
        (
            Reply::new(200, &plain, b"busy"),
            "answered 200 with text/plain that is not JSON",
        ),
        (
            Reply::new(404, &[], b"\xff\xfe"),
            "answered 404 with something that is not JSON",
        ),
    ];
    for (reply, expected) in cases {
        let service = Service::start([reply]).await?;
        let answer = service.client()?.send(&read(&service)?).await?;
        let error = answer.json().err().ok_or("it is JSON")?;
        assert!(error.to_string().ends_with(expected), "{error}");
        assert_eq!(Failure::from(error).kind, FailureKind::Protocol);
    }
    Ok(())
}

#[tokio::test]
async fn a_refusal_whose_body_cannot_be_unpacked_stays_a_refusal() -> Outcome {
    let garbage = Reply::new(403, &[("content-encoding", "gzip")], &[0; 64]);
    let service = Service::start([garbage]).await?;
    let answer = service.client()?.send(&read(&service)?).await?;
    assert_eq!(answer.status(), 403);
    assert!(answer.unreadable().is_some());
    Ok(())
}

#[tokio::test]
async fn clients_count_for_themselves_and_together() -> Outcome {
    let service = Service::start([ok(), ok()]).await?;
    let all = service.client()?;
    let one = all.with_own_count();
    one.send(&read(&service)?).await?;
    all.clone().send(&read(&service)?).await?;
    assert_eq!((one.requests(), all.requests()), (1, 2));
    Ok(())
}
