//! Cmdlets over Exchange Online's REST API, against a scripted service.
#![expect(clippy::disallowed_methods, reason = "the test macro of tokio blocks")]

use crate::support::service::{Outcome, Reply, Service, assert_no_secret, fixtures, token};
use exoauth::exchange::online::Online;
use exoauth::exchange::{Answer, Error, Invocation, Road};
use exoauth::failure::{Failure, FailureKind};
use exoauth::subject::Plane;
use exoauth::value::Value;
use serde_json::{Value as Json, json};

/// A link, given the address of the service.
type Link = dyn Fn(&str) -> String;

const PATH: &str = "/adminapi/beta/aaaabbbb-0000-cccc-1111-dddd2222eeee/InvokeCommand";

fn online(service: &Service) -> Outcome<Online> {
    let http = service.client()?.with_own_count();
    Ok(Online::new(http, service.base.clone(), service.sign_in()?))
}

fn get() -> Invocation {
    Invocation::new("Get-IntraOrganizationConnector")
}

fn set() -> Invocation {
    Invocation::new("Set-IntraOrganizationConnector").with("Enabled", false)
}

fn empty() -> Reply {
    Reply::json(200, &json!({"value": []}))
}

async fn refused(service: &Service, invocation: &Invocation) -> Outcome<Error> {
    let answer = online(service)?.invoke(invocation).await;
    answer.err().ok_or_else(|| "no error".into())
}

#[tokio::test]
async fn a_cmdlet_travels_as_the_service_wants_it() -> Outcome {
    let service = Service::start([empty()]).await?;
    let road = online(&service)?;
    assert_eq!(road.invoke(&set()).await?, Answer::default());
    let seen = &service.seen()[0];
    assert_eq!(seen.line, format!("POST {PATH}"));
    assert_eq!(
        seen.json()?,
        json!({"CmdletInput": {"CmdletName": "Set-IntraOrganizationConnector", "Parameters": {"Enabled": false}}})
    );
    let bearer = format!("Bearer {}", token(1));
    let expected = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("accept-language", "en-US"),
        ("prefer", "odata.maxpagesize=1000"),
        (
            "x-anchormailbox",
            "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@aaaabbbb-0000-cccc-1111-dddd2222eeee",
        ),
        ("x-clientapplication", "exoauth"),
        ("x-cmdletname", "Set-IntraOrganizationConnector"),
    ];
    for (name, value) in expected {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    assert_eq!(seen.header("client-request-id").map(str::len), Some(36));
    assert_eq!(road.requests(), 1);
    let scope = service.token_requests()[0].field("scope");
    assert_eq!(scope, Some(format!("{}/.default", service.base)));
    Ok(())
}

#[tokio::test]
async fn a_test_of_a_mailbox_is_anchored_on_it() -> Outcome {
    let service = Service::start([empty()]).await?;
    let test = Invocation::new("Test-OAuthConnectivity").with("Mailbox", "user@contoso.com");
    online(&service)?.invoke(&test).await?;
    assert_eq!(
        service.seen()[0].header("x-anchormailbox"),
        Some("SMTP:user@contoso.com")
    );
    Ok(())
}

#[tokio::test]
async fn objects_come_without_the_companions_of_their_properties() -> Outcome {
    let fixture = &fixtures("online/good")?["connector"];
    let service = Service::start([Reply::fixture(fixture)?]).await?;
    let answer = online(&service)?.invoke(&get()).await?;
    let expected = json!([{
        "Name": "ExchangeHybridOnlineToOnPremises",
        "TargetAddressDomains": ["contoso.com"],
        "DiscoveryEndpoint": "https://autodiscover.contoso.com/autodiscover/autodiscover.svc",
        "Enabled": true,
        "Guid": "3e0f0000-0000-0000-0000-000000000000",
        "WhenCreatedUTC": "2026-11-20T08:07:47.0000000+00:00",
        "ResultType": {"Value": "Success"},
    }]);
    assert_eq!(Value::List(answer.output), Value::from(expected));
    assert_eq!(answer.warnings, ["The object is large."]);
    Ok(())
}

#[tokio::test]
async fn nothing_is_an_empty_list_and_warnings_may_be_in_a_header() -> Outcome {
    let headers = [
        ("x-warnings", "Careful."),
        ("content-type", "application/json"),
    ];
    let service = Service::start([Reply::new(200, &headers, br#"{"value": [null]}"#)]).await?;
    let answer = online(&service)?.invoke(&get()).await?;
    assert_eq!(
        (answer.output, answer.warnings),
        (vec![], vec!["Careful.".to_owned()])
    );
    Ok(())
}

#[tokio::test]
async fn further_pages_are_asked_for_with_the_same_body() -> Outcome {
    let service = Service::start([]).await?;
    let next = format!("{}{PATH}?$skiptoken=2", service.base);
    service.then([
        Reply::json(
            200,
            &json!({"value": [{"Name": "a"}], "@odata.nextLink": next}),
        ),
        Reply::json(
            200,
            &json!({"value": [{"Name": "b"}], "@adminapi.warnings": ["w"]}),
        ),
    ]);
    let answer = online(&service)?.invoke(&get()).await?;
    let expected = json!([{"Name": "a"}, {"Name": "b"}]);
    assert_eq!(Value::List(answer.output), Value::from(expected));
    assert_eq!(answer.warnings, ["w"]);
    let seen = service.seen();
    assert_eq!(seen[1].line, format!("POST {PATH}?$skiptoken=2"));
    assert_eq!(seen[0].body, seen[1].body);
    Ok(())
}

#[tokio::test]
async fn a_page_that_cannot_be_had_makes_the_whole_incomplete() -> Outcome {
    let expired = json!({"error": {"code": "BadRequest", "message": "Expired or Invalid pagination request. Default Expiry time is 00:30:00"}});
    let own = |base: &str| format!("{base}{PATH}?$skiptoken=2");
    let elsewhere = |_: &str| "https://attacker.example/adminapi".to_owned();
    let cases: [(&Link, &str); 2] = [
        (
            &own,
            "Exchange Online did not run Get-IntraOrganizationConnector: Expired or Invalid pagination request. Default Expiry time is 00:30:00",
        ),
        (&elsewhere, "the next page is on another server"),
    ];
    for (next, reason) in cases {
        let service = Service::start([]).await?;
        let page = json!({"value": [{"Name": "a"}], "@odata.nextLink": next(&service.base)});
        service.then([Reply::json(200, &page), Reply::json(400, &expired)]);
        let failure = Failure::from(refused(&service, &get()).await?);
        assert_eq!(failure.kind, FailureKind::Protocol);
        assert_eq!(
            failure.message,
            format!(
                "the output of Get-IntraOrganizationConnector on Exchange Online is incomplete: {reason}"
            )
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_write_is_never_sent_again_for_a_further_page() -> Outcome {
    let service = Service::start([]).await?;
    let next = format!("{}{PATH}?$skiptoken=2", service.base);
    service.then([Reply::json(
        200,
        &json!({"value": [{"Name": "a"}], "@odata.nextLink": next}),
    )]);
    let answer = online(&service)?.invoke(&set()).await?;
    assert_eq!(
        answer.warnings,
        ["the output of Set-IntraOrganizationConnector goes on and was not read"]
    );
    assert_eq!(service.seen().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_region_is_followed_with_the_token_and_remembered() -> Outcome {
    let moved = Reply::new(302, &[("location", "/regional/InvokeCommand?x=1")], b"");
    let service = Service::start([moved, empty(), empty()]).await?;
    let road = online(&service)?;
    road.invoke(&set()).await?;
    road.invoke(&get()).await?;
    let seen = service.seen();
    let lines: Vec<&str> = seen.iter().map(|seen| seen.line.as_str()).collect();
    let usual = format!("POST {PATH}");
    assert_eq!(lines, [&usual, "POST /regional/InvokeCommand?x=1", &usual]);
    assert_eq!(seen[0].body, seen[1].body);
    assert_eq!(
        seen[0].header("authorization"),
        seen[1].header("authorization")
    );
    Ok(())
}

#[tokio::test]
async fn a_redirect_to_another_service_gets_no_token() -> Outcome {
    let other = Service::start([empty()]).await?;
    for location in [
        other.base.as_str(),
        "https://attacker.example/",
        "http://localhost/x",
    ] {
        let moved = Reply::new(302, &[("location", location)], b"");
        let service = Service::start([moved]).await?;
        let failure = Failure::from(refused(&service, &get()).await?);
        assert_eq!(failure.kind, FailureKind::Protocol);
        assert_eq!(
            failure.message,
            "Exchange Online redirects to another service, which was not followed"
        );
    }
    assert_eq!(other.all_seen().len(), 0);
    let circle = Reply::new(302, &[("location", PATH)], b"");
    let service = Service::start(vec![circle; 9]).await?;
    let failure = Failure::from(refused(&service, &get()).await?);
    assert_eq!(failure.message, "Exchange Online redirects in circles");
    Ok(())
}

#[tokio::test]
async fn a_token_that_ran_out_is_replaced_once() -> Outcome {
    let service = Service::start([Reply::new(401, &[], b""), empty()]).await?;
    online(&service)?.invoke(&set()).await?;
    assert_eq!(
        (service.seen().len(), service.token_requests().len()),
        (2, 2)
    );
    Ok(())
}

/// The fixture, the kind of failure, the message, and a word of the hint.
const REFUSALS: &[(&str, FailureKind, &str, &str)] = &[
    (
        "bad-enumeration",
        FailureKind::Invalid,
        "Exchange Online refused CMDLET: Cannot convert value 'Ews2' to type 'ModernModeService'. The possible enumeration values are 'EWS, AutoD, Generic'",
        "",
    ),
    (
        "details-only",
        FailureKind::NotFound,
        "Exchange Online refused CMDLET: The operation couldn't be performed",
        "",
    ),
    (
        "exists",
        FailureKind::AlreadyExists,
        "Exchange Online refused CMDLET: Active Directory operation failed. The object 'CN=IOC' already exists",
        "",
    ),
    (
        "goes-on",
        FailureKind::Protocol,
        "Exchange Online did not run CMDLET: it answered that it goes on, and gave no result",
        "",
    ),
    (
        "html",
        FailureKind::Protocol,
        "HOST answered 502 with HTML where JSON was expected",
        "proxy",
    ),
    (
        "inside-a-success",
        FailureKind::NotFound,
        "Exchange Online refused CMDLET: The operation couldn't be performed",
        "",
    ),
    (
        "message-only",
        FailureKind::Invalid,
        "Exchange Online did not run CMDLET: Error executing cmdlet",
        "",
    ),
    (
        "not-found",
        FailureKind::NotFound,
        "Exchange Online refused CMDLET: The operation couldn't be performed because object 'X' couldn't be found on 'DC01.EURPR01A001.PROD.OUTLOOK.COM'",
        "",
    ),
    (
        "not-terminating",
        FailureKind::Invalid,
        "Exchange Online refused CMDLET: The connector could not be read",
        "",
    ),
    (
        "nul-bytes",
        FailureKind::Denied,
        "Exchange Online does not know CMDLET, or does not permit it to this account",
        "roles",
    ),
    (
        "nul-bytes-undeclared",
        FailureKind::Denied,
        "Exchange Online does not know CMDLET, or does not permit it to this account",
        "roles",
    ),
    (
        "overloaded",
        FailureKind::Unreachable,
        "Exchange Online refused CMDLET: The domain controller is overloaded",
        "",
    ),
    (
        "role-missing",
        FailureKind::Denied,
        "Exchange Online denied CMDLET: The role assigned to application 11111111-2222-3333-4444-555555555555 isn't supported in this scenario",
        "Exchange.ManageAsApp",
    ),
    (
        "throttled",
        FailureKind::Throttled,
        "Exchange Online did not run CMDLET: it asks to slow down",
        "",
    ),
    (
        "too-many-at-once",
        FailureKind::Unreachable,
        "Exchange Online did not run CMDLET: You have reached the maximum number of concurrent requests per tenant. Please wait",
        "",
    ),
    (
        "unknown-parameter",
        FailureKind::Invalid,
        "Exchange Online refused CMDLET: Parameter set cannot be resolved using the specified named parameters",
        "parameters",
    ),
    (
        "without-a-reason",
        FailureKind::Denied,
        "Exchange Online denied CMDLET without a reason",
        "stale",
    ),
    (
        "wrong-audience",
        FailureKind::SignIn,
        "Exchange Online refused the access token",
        "Exchange.ManageAsApp",
    ),
    (
        "wrong-version",
        FailureKind::Protocol,
        "Exchange Online did not run CMDLET: it does not offer this version of its REST admin API",
        "",
    ),
];

#[tokio::test]
async fn every_refusal_has_its_kind_words_and_hint() -> Outcome {
    let fixtures = fixtures("online")?;
    let tested: Vec<&str> = REFUSALS.iter().map(|refusal| refusal.0).collect();
    assert_eq!(fixtures.keys().collect::<Vec<_>>(), tested);
    for invocation in [get(), set()] {
        for (name, kind, message, hint) in REFUSALS {
            let service = Service::start(vec![Reply::fixture(&fixtures[*name])?; 5]).await?;
            let error = refused(&service, &invocation).await?;
            assert_eq!(
                (error.plane, &error.cmdlet),
                (Plane::ExchangeOnline, &invocation.cmdlet)
            );
            let mut printed = format!("{error} {error:?}");
            let failure = Failure::from(error);
            printed += &format!("{failure:?} {}", json!(failure));
            assert_no_secret(&printed);
            assert!(
                !printed.contains("DB7PR01MB0001"),
                "a stack trace: {printed}"
            );
            let host = service.base.trim_start_matches("https://");
            let expected = message
                .replace("CMDLET", &invocation.cmdlet)
                .replace("HOST", host);
            assert_eq!(failure.message, expected, "{name}");
            assert_eq!(failure.kind, *kind, "{name}");
            let given = failure.hint.unwrap_or_default();
            assert_eq!(
                (given.contains(hint), given.is_empty()),
                (true, hint.is_empty()),
                "{name}: {given}"
            );
            check_attempts(
                &service,
                name,
                &fixtures[*name],
                &invocation,
                failure.ambiguous,
            );
        }
    }
    Ok(())
}

/// A read is repeated where that may help, a write is not; what may have been done is ambiguous.
fn check_attempts(
    service: &Service,
    name: &str,
    fixture: &Json,
    invocation: &Invocation,
    ambiguous: bool,
) {
    let status = fixture["status"].as_u64().unwrap_or_default();
    let reads = invocation.cmdlet.starts_with("Get-");
    let may_pass = (502..=504).contains(&status) || name == "overloaded";
    let attempts = match (reads && may_pass, status) {
        (true, _) => 5,
        (false, 401) => 2,
        _ => 1,
    };
    assert_eq!(
        service.seen().len(),
        attempts,
        "{name} {}",
        invocation.cmdlet
    );
    let expected = !reads && (status >= 500 || status == 202);
    assert_eq!(ambiguous, expected, "{name} {}", invocation.cmdlet);
}

#[tokio::test]
async fn the_detail_names_the_exception_and_what_support_asks_for() -> Outcome {
    let fixtures = fixtures("online")?;
    let service = Service::start([Reply::fixture(&fixtures["not-found"])?]).await?;
    let failure = Failure::from(refused(&service, &get()).await?);
    assert_eq!(
        failure.detail.as_deref(),
        Some(
            "Get-IntraOrganizationConnector, ObjectNotFound, Ex6F9304, ManagementObjectNotFoundException"
        )
    );
    let service = Service::start(vec![Reply::fixture(&fixtures["wrong-audience"])?; 2]).await?;
    let failure = Failure::from(refused(&service, &get()).await?);
    assert_eq!(
        failure.detail.as_deref(),
        Some(
            "invalid_token; 2000003;reason=\"The audience claim value is invalid.\";error_category=\"invalid_resource\""
        )
    );
    Ok(())
}

#[tokio::test]
async fn a_write_whose_answer_cannot_be_read_is_ambiguous() -> Outcome {
    let page = Reply::new(200, &[("content-type", "text/html")], b"<html>");
    let half = Reply::new(200, &[], br#"{"value": [{"Na"#);
    let other = Reply::json(200, &json!({"unexpected": true}));
    for reply in [page, half, other, Reply::hang_up()] {
        let service = Service::start(vec![reply; 5]).await?;
        let failure = Failure::from(refused(&service, &set()).await?);
        assert!(failure.ambiguous, "{failure}");
        assert_eq!(service.seen().len(), 1);
        let failure = Failure::from(refused(&service, &get()).await?);
        assert!(!failure.ambiguous, "{failure}");
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_sent_is_not() -> Outcome {
    let service = Service::start([]).await?;
    let elsewhere = set().with("DomainController", "dc01");
    let failure = Failure::from(refused(&service, &elsewhere).await?);
    assert_eq!(failure.kind, FailureKind::Input);
    let unknown = set().with("Identity", Value::Unknown("its name".to_owned()));
    let failure = Failure::from(refused(&service, &unknown).await?);
    assert_eq!(failure.kind, FailureKind::Internal);
    assert_eq!(service.seen().len(), 0);
    Ok(())
}
