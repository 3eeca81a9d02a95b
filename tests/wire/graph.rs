//! Requests, pages and refusals of Graph, against a scripted service.
#![expect(clippy::disallowed_methods, reason = "the test macro of tokio blocks")]

use crate::support::service::{
    Outcome, Reply, Service, assert_no_secret, everything_printed, fixtures, token,
};
use exoauth::failure::{Failure, FailureKind};
use exoauth::graph::{Client, Error, Method, Request};
use exoauth::value::Value;
use serde_json::{Value as Json, json};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

fn client(service: &Service) -> Outcome<Client> {
    let http = service.client()?.with_own_count();
    Ok(Client::new(http, service.base.clone(), service.sign_in()?))
}

fn get(path: &str) -> Request {
    Request::new(Method::Get, path)
}

fn patch() -> Request {
    Request {
        method: Method::Patch,
        body: Some(Value::from(json!({"servicePrincipalNames": ["a", "b"]}))),
        ..get("/servicePrincipals/4e2a")
    }
}

async fn refused(service: &Service, request: &Request) -> Outcome<Error> {
    let answer = client(service)?.send(request).await;
    answer.err().ok_or_else(|| "no error".into())
}

#[tokio::test]
async fn an_object_is_read_by_its_key() -> Outcome {
    let fixture = &fixtures("graph/good")?["service-principal"];
    let service = Service::start([Reply::fixture(fixture)?]).await?;
    let mut request = get("/servicePrincipals(appId='00000002-0000-0ff1-ce00-000000000000')");
    request.query = vec![("$select".to_owned(), "id,key Credentials&x".to_owned())];
    let graph = client(&service)?;
    let answer = graph.send(&request).await?;
    let mut expected = fixture["body"].clone();
    expected
        .as_object_mut()
        .and_then(|body| body.shift_remove("@odata.context"));
    assert_eq!(answer.to_json(), expected);
    let seen = &service.seen()[0];
    assert_eq!(
        seen.line,
        "GET /v1.0/servicePrincipals(appId='00000002-0000-0ff1-ce00-000000000000')?$select=id,key%20Credentials%26x"
    );
    let bearer = format!("Bearer {}", token(1));
    assert_eq!(seen.header("authorization"), Some(bearer.as_str()));
    assert_eq!(seen.header("client-request-id").map(str::len), Some(36));
    assert_eq!(graph.requests(), 1);
    let scope = service.token_requests()[0].field("scope");
    assert_eq!(scope, Some(format!("{}/.default", service.base)));
    Ok(())
}

#[tokio::test]
async fn a_change_sends_its_body_and_gets_nothing_back() -> Outcome {
    let service = Service::start([Reply::new(204, &[], b"")]).await?;
    assert_eq!(client(&service)?.send(&patch()).await?, Value::Null);
    let seen = &service.seen()[0];
    assert_eq!(seen.line, "PATCH /v1.0/servicePrincipals/4e2a");
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.json()?, json!({"servicePrincipalNames": ["a", "b"]}));
    Ok(())
}

/// Pages, given the address of the service.
type Pages = dyn Fn(&str) -> Vec<Json>;

/// A service whose pages name it as the place of the next one.
async fn paged(pages: impl Fn(&str) -> Vec<Json>) -> Outcome<Service> {
    let service = Service::start([]).await?;
    let pages = pages(&service.base);
    service.then(pages.iter().map(|page| Reply::json(200, page)));
    Ok(service)
}

#[tokio::test]
async fn a_collection_is_read_to_its_end() -> Outcome {
    let service = paged(|base| {
        vec![
            json!({"@odata.context": "x", "@odata.nextLink": format!("{base}/v1.0/domains?$skiptoken=2"), "value": [1, 2]}),
            json!({"value": [], "@odata.nextLink": format!("{base}/v1.0/domains?$skiptoken=3")}),
            json!({"value": [3]}),
        ]
    })
    .await?;
    let answer = client(&service)?.send(&get("/domains")).await?;
    assert_eq!(answer.to_json(), json!({"value": [1, 2, 3]}));
    let lines: Vec<String> = service.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(
        lines,
        [
            "GET /v1.0/domains",
            "GET /v1.0/domains?$skiptoken=2",
            "GET /v1.0/domains?$skiptoken=3"
        ]
    );
    Ok(())
}

#[tokio::test]
async fn part_of_a_collection_never_passes_for_all_of_it() -> Outcome {
    const ELSEWHERE: &str = "https://attacker.example/v1.0/domains?$skiptoken=2";
    let cases: [(&Pages, &str); 4] = [
        (
            &|_| vec![json!({"value": [1], "@odata.nextLink": ELSEWHERE})],
            "the answer to GET /domains is incomplete: the next page is on another server",
        ),
        (
            &|base| {
                let page = json!({"value": [1], "@odata.nextLink": format!("{base}/v1.0/domains")});
                vec![page.clone(), page]
            },
            "the answer to GET /domains is incomplete: a page names itself as the next one",
        ),
        (
            &|base| {
                let next = format!("{base}/v1.0/domains?$skiptoken=2");
                vec![
                    json!({"value": [1], "@odata.nextLink": next}),
                    json!({"id": "4e2a"}),
                ]
            },
            "the answer to GET /domains is incomplete: a page holds no list",
        ),
        (
            &|base| vec![json!({"value": [1], "@odata.nextLink": format!("{base}/v1.0/x")})],
            "Microsoft Graph refused GET /domains: ScriptIsOver",
        ),
    ];
    for (pages, expected) in cases {
        let service = paged(pages).await?;
        let error = refused(&service, &get("/domains")).await?;
        assert_eq!(error.to_string(), expected);
    }
    Ok(())
}

#[tokio::test]
async fn a_token_that_ran_out_is_replaced_once() -> Outcome {
    let expired = || {
        Reply::json(
            401,
            &json!({"error": {"code": "InvalidAuthenticationToken", "message": "Lifetime validation failed, the token is expired."}}),
        )
    };
    let service = Service::start([expired(), Reply::new(204, &[], b"")]).await?;
    assert_eq!(client(&service)?.send(&patch()).await?, Value::Null);
    let bearers: Vec<_> = service
        .seen()
        .iter()
        .map(|seen| seen.header("authorization").map(str::to_owned))
        .collect();
    assert_eq!(
        bearers,
        [1, 2].map(|number| Some(format!("Bearer {}", token(number))))
    );

    let service = Service::start([expired(), expired(), expired()]).await?;
    let failure = Failure::from(refused(&service, &get("/domains")).await?);
    assert_eq!((failure.kind, service.left()), (FailureKind::SignIn, 1));
    Ok(())
}

/// The fixture, the kind, what the message ends with, and the hint.
const REFUSALS: &[(&str, FailureKind, &str, &str)] = &[
    (
        "bad-binary",
        FailureKind::Invalid,
        "to the expected type 'Edm.Binary'",
        "",
    ),
    (
        "claims-challenge",
        FailureKind::SignIn,
        "a policy of the tenant is not satisfied, also after a new sign-in",
        "Conditional Access",
    ),
    (
        "concurrency",
        FailureKind::Conflict,
        "Please try again",
        "run again",
    ),
    (
        "denied",
        FailureKind::Denied,
        "Insufficient privileges to complete the operation",
        "Application.ReadWrite.All",
    ),
    (
        "duplicate-name",
        FailureKind::AlreadyExists,
        "https://mail.contoso.com/ is already in use",
        "",
    ),
    (
        "duplicate-name-older",
        FailureKind::AlreadyExists,
        "servicePrincipalNames already exists",
        "",
    ),
    (
        "garbage",
        FailureKind::Unreachable,
        "upstream connect error",
        "",
    ),
    (
        "key-not-updatable",
        FailureKind::Invalid,
        "KeyId '9c1f' is not allowed",
        "",
    ),
    (
        "key-value-missing",
        FailureKind::Invalid,
        "KeyValue cannot be null or empty",
        "",
    ),
    (
        "locked",
        FailureKind::Invalid,
        "Property keyCredentials is locked",
        "",
    ),
    (
        "not-found",
        FailureKind::NotFound,
        "reference-property objects are not present",
        "",
    ),
    (
        "nothing",
        FailureKind::Unreachable,
        "PATCH /servicePrincipals/4e2a: status 500",
        "",
    ),
    (
        "sign-in-form",
        FailureKind::Invalid,
        "The tenant is not known",
        "",
    ),
    ("throttled", FailureKind::Throttled, "Too many requests", ""),
    (
        "token-of-another-cloud",
        FailureKind::SignIn,
        "InvalidCloudInstance",
        "another cloud",
    ),
];

#[tokio::test]
async fn every_refusal_of_a_write_has_its_kind_and_hint() -> Outcome {
    let fixtures = fixtures("graph")?;
    let tested: Vec<&str> = REFUSALS.iter().map(|refusal| refusal.0).collect();
    assert_eq!(fixtures.keys().collect::<Vec<_>>(), tested);
    for (name, kind, message, hint) in REFUSALS {
        let reply = Reply::fixture(&fixtures[*name])?;
        let service = Service::start([reply.clone(), reply]).await?;
        let error = refused(&service, &patch()).await?;
        assert_no_secret(&everything_printed(&error));
        let failure = Failure::from(error);
        assert_eq!(failure.kind, *kind, "{name}");
        assert!(
            failure
                .message
                .starts_with("Microsoft Graph refused PATCH /servicePrincipals/4e2a: "),
            "{name}: {failure}"
        );
        assert!(failure.message.ends_with(message), "{name}: {failure}");
        let given = failure.hint.unwrap_or_default();
        assert_eq!(
            (given.contains(hint), given.is_empty()),
            (true, hint.is_empty()),
            "{name}: {given}"
        );
        let status = fixtures[*name]["status"].as_u64();
        assert_eq!(failure.ambiguous, status >= Some(500), "{name}");
        let once = if status == Some(401) { 2 } else { 1 };
        assert_eq!(service.seen().len(), once, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn the_detail_holds_what_support_asks_for() -> Outcome {
    let service = Service::start([Reply::fixture(&fixtures("graph")?["bad-binary"])?]).await?;
    let failure = Failure::from(refused(&service, &patch()).await?);
    assert_eq!(
        failure.detail.as_deref(),
        Some(
            "400 Request_BadRequest; property keyCredentials; request id 8b0c0000-0000-0000-0000-000000000001"
        )
    );
    Ok(())
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_ambiguous_and_a_read_is_not() -> Outcome {
    let page = || Reply::new(200, &[("content-type", "text/html")], b"<html>");
    let half = || Reply::new(200, &[], br#"{"id": "#);
    for reply in [page(), half(), Reply::hang_up()] {
        let service = Service::start([reply.clone()]).await?;
        let failure = Failure::from(refused(&service, &patch()).await?);
        assert!(failure.ambiguous, "{failure}");
        assert_eq!(service.seen().len(), 1);
        let service = Service::start(vec![reply; 5]).await?;
        let failure = Failure::from(refused(&service, &get("/domains")).await?);
        assert!(!failure.ambiguous, "{failure}");
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_sent_is_not() -> Outcome {
    let service = Service::start([]).await?;
    let unknown = Request {
        body: Some(Value::Unknown("its id".to_owned())),
        ..patch()
    };
    let cases = [
        (unknown, FailureKind::Internal),
        (get("/servicePrincipals/../users"), FailureKind::Input),
        (get("servicePrincipals"), FailureKind::Input),
        (get("/users?$top=1"), FailureKind::Input),
        (
            get("/users/(known after apply: the id)"),
            FailureKind::Input,
        ),
    ];
    for (request, kind) in cases {
        assert_eq!(Failure::from(refused(&service, &request).await?).kind, kind);
    }
    assert_eq!(service.all_seen().len(), 0);
    Ok(())
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_trace_names_each_request_and_no_secret() -> Outcome {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    // With a single listener, whoever logs first on another thread decides for all that nobody listens.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::subscriber::set_default(subscriber);
    let busy = Reply::new(503, &[("request-id", "8b0c")], b"");
    let service = Service::start([busy, Reply::json(200, &json!({"value": []}))]).await?;
    let request = Request {
        query: vec![("$filter".to_owned(), "appId eq 'x'".to_owned())],
        ..get("/domains")
    };
    client(&service)?.send(&request).await?;
    drop(guard);
    let bytes = log.0.lock().map_err(|_| "poisoned")?.clone();
    let text = String::from_utf8(bytes)?;
    let ours = |line: &&str| line.contains("exoauth::http: request");
    assert_eq!(text.lines().filter(ours).count(), 3, "{text}");
    for part in [
        "method=GET",
        "path=\"/v1.0/domains\"",
        "status=503",
        "request_id=\"8b0c\"",
        "attempt=2",
    ] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert_no_secret(&text);
    Ok(())
}
