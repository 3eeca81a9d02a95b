//! OAuth connectivity: one side calls the other with a token, and what its answer means in any language.
//!
//! The prose of `Test-OAuthConnectivity` is localized and its verbose log holds tokens. What is read here is what stays
//! the same everywhere: trace lines, error codes and categories; tokens are taken out before anything is returned.

use super::convert;
use super::options::{self, Entry};
use super::{Exchange, Target, Thrown, throw};
use crate::exchange::Cmdlet;
use crate::failure::{Failure, FailureKind};
use crate::subject::{Effect, Plane};
use crate::value::{Object, Value};
use rhai::plugin::*;
use rhai::{Array, Map};
use serde::{Deserialize, Serialize};

/// What is called, in the words of `-Service`.
#[derive(Serialize, Deserialize)]
enum Service {
    #[serde(rename = "EWS")]
    Ews,
    AutoD,
    Generic,
}

/// Parameters of `Test-OAuthConnectivity`, those aside that say whom and what.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct TestOptions {
    app_only: Option<bool>,
    reload_config: Option<bool>,
    use_cached_token: Option<bool>,
}

/// Parameters of `Test-OAuthConnectivity`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TestConnectivity {
    service: Service,
    mailbox: Option<String>,
    #[serde(flatten)]
    options: TestOptions,
}

impl Cmdlet for TestConnectivity {
    const NAME: &'static str = "Test-OAuthConnectivity";
    const EFFECT: Effect = Effect::Test;
    const PLANES: &'static [Plane] = &[Plane::OnPremises, Plane::ExchangeOnline];
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] =
    &[Entry::bare::<TestConnectivity>("test_oauth").with_options::<TestOptions>()];

#[export_module]
pub(super) mod functions {
    /// Lets one side call the other with a token for a mailbox, and says what came of it.
    ///
    /// The service is `"EWS"`, `"AutoD"` or `"Generic"`. The answer has `succeeded`, `result_type`, `task` and `detail`
    /// as the service gave them, with tokens taken out of it, and what can be told from the detail in any language:
    /// `failing_step` (the first error line of the trace), `status` (of HTTP, 0 when none), `error_category`, `reason`
    /// and `diagnostics_code` (of the side that was called), `entra_code` (such as `AADSTS700027`), `trusted_issuers`,
    /// `no_local_issuer`, `application_id` (that the token was made for), `token_sent` and `no_mailbox`. Texts are empty
    /// when the detail does not say. While planning nothing is sent and the answer is unknown.
    ///
    /// * `app_only`: asks with a token of the application alone, with no user in it.
    /// * `reload_config`: reads the OAuth configuration again before asking.
    /// * `use_cached_token`: asks with a token that is held already, if there is one.
    ///
    /// ```rhai
    /// let mailbox = onprem.get_mailbox(#{ result_size: 1 })[0].primary_smtp_address;
    /// let answer = onprem.test_oauth("EWS", cloud.exchange_online + "/ews/exchange.asmx", mailbox);
    /// say(if answer.succeeded { "accepted" } else { answer.failing_step });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn test_oauth(
        call: NativeCallContext,
        organization: &mut Exchange,
        service: &str,
        target_uri: &str,
        mailbox: &str,
    ) -> Thrown<Dynamic> {
        test(
            &call,
            organization,
            service,
            target_uri,
            mailbox,
            TestOptions::default(),
        )
    }

    #[rhai_fn(global, name = "test_oauth", pure, return_raw, volatile)]
    pub fn test_with_options(
        call: NativeCallContext,
        organization: &mut Exchange,
        service: &str,
        target_uri: &str,
        mailbox: &str,
        options: Map,
    ) -> Thrown<Dynamic> {
        let options = options::read::<TestOptions>(&call, options)?;
        test(&call, organization, service, target_uri, mailbox, options)
    }
}

fn test(
    call: &NativeCallContext,
    organization: &Exchange,
    service: &str,
    target_uri: &str,
    mailbox: &str,
    options: TestOptions,
) -> Thrown<Dynamic> {
    let cmdlet = TestConnectivity {
        service: service_of(service).map_err(throw)?,
        mailbox: (!mailbox.is_empty()).then(|| mailbox.to_owned()),
        options,
    };
    let target = Target::Key("TargetUri", target_uri);
    let answer = organization.perform(call, target, &cmdlet)?;
    match answer.output.as_slice() {
        [unknown @ Value::Unknown(_)] => Ok(convert::to_dynamic(unknown)),
        [Value::Object(object)] => Ok(Dynamic::from_map(
            Finding::of(object).map_err(throw)?.into_map(object),
        )),
        _ => Err(throw(Failure::new(
            FailureKind::Protocol,
            "Test-OAuthConnectivity gave something else than one result",
        ))),
    }
}

fn service_of(word: &str) -> Result<Service, Failure> {
    match word {
        "EWS" => Ok(Service::Ews),
        "AutoD" => Ok(Service::AutoD),
        "Generic" => Ok(Service::Generic),
        _ => Err(
            Failure::input(format!("there is no service \"{word}\" to test"))
                .with_hint("it is \"EWS\", \"AutoD\" or \"Generic\""),
        ),
    }
}

/// What a result says, whatever its language.
#[derive(Debug, Default, PartialEq)]
struct Finding {
    result_type: String,
    detail: String,
    failing_step: String,
    status: i64,
    diagnostics_code: String,
    reason: String,
    error_category: String,
    entra_code: String,
    trusted_issuers: Vec<String>,
    no_local_issuer: bool,
    application_id: String,
    token_sent: bool,
    no_mailbox: bool,
}

impl Finding {
    fn of(result: &Object) -> Result<Self, Failure> {
        let result_type = text_in(result.get("ResultType"), "Value").ok_or_else(|| {
            Failure::new(
                FailureKind::Protocol,
                "the answer of Test-OAuthConnectivity lacks ResultType",
            )
        })?;
        // A success may come without any detail.
        let detail = without_tokens(text_in(result.get("Detail"), "FullId").unwrap_or_default());
        Ok(Self {
            result_type: result_type.to_owned(),
            ..Self::read(detail)
        })
    }

    fn read(detail: String) -> Self {
        Self {
            failing_step: failing_step(&detail),
            status: status(&detail),
            diagnostics_code: diagnostics_code(&detail),
            reason: quoted_after(&detail, "reason="),
            error_category: quoted_after(&detail, "error_category="),
            entra_code: entra_code(&detail),
            trusted_issuers: trusted_issuers(&detail),
            no_local_issuer: detail.contains("None of them are configured locally")
                || detail.contains("no locally configured issuer"),
            application_id: application_id(&detail),
            token_sent: detail.contains("with the bearer token"),
            no_mailbox: detail.contains("The SMTP address has no mailbox associated with it")
                || detail.contains("ErrorNonExistentMailbox"),
            detail,
            result_type: String::new(),
        }
    }

    fn succeeded(&self) -> bool {
        self.result_type.eq_ignore_ascii_case("Success")
    }

    fn into_map(self, result: &Object) -> Map {
        let succeeded = self.succeeded();
        let issuers: Array = self.trusted_issuers.into_iter().map(Into::into).collect();
        let task = result
            .get("Task")
            .map_or(Dynamic::UNIT, convert::to_dynamic);
        let properties: [(&str, Dynamic); 15] = [
            ("task", task),
            ("detail", self.detail.into()),
            ("result_type", self.result_type.into()),
            ("succeeded", succeeded.into()),
            ("failing_step", self.failing_step.into()),
            ("status", self.status.into()),
            ("diagnostics_code", self.diagnostics_code.into()),
            ("reason", self.reason.into()),
            ("error_category", self.error_category.into()),
            ("entra_code", self.entra_code.into()),
            ("trusted_issuers", issuers.into()),
            ("no_local_issuer", self.no_local_issuer.into()),
            ("application_id", self.application_id.into()),
            ("token_sent", self.token_sent.into()),
            ("no_mailbox", self.no_mailbox.into()),
        ];
        properties
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect()
    }
}

/// A text that comes as such, or as a property of an object.
fn text_in<'value>(value: Option<&'value Value>, property: &str) -> Option<&'value str> {
    match value? {
        Value::Text(text) => Some(text),
        Value::Object(object) => object
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(property))
            .and_then(|(_, value)| value.as_text()),
        _ => None,
    }
}

/// The first line of the trace that is an error; else the first exception, which is .NET's or Exchange's own.
fn failing_step(detail: &str) -> String {
    let error_line = detail
        .lines()
        .find_map(|line| line.trim().strip_prefix("Error:"));
    let exception = || {
        detail.lines().map(str::trim).find(|line| {
            ["System.", "Microsoft.Exchange."]
                .iter()
                .any(|room| line.starts_with(room))
                && line.contains("Exception")
        })
    };
    error_line
        .or_else(exception)
        .map(|line| line.trim().to_owned())
        .unwrap_or_default()
}

/// The first status of HTTP that is an error, written `(401)` in every language.
fn status(detail: &str) -> i64 {
    detail
        .split('(')
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .filter(|(digits, _)| digits.len() == 3)
        .filter_map(|(digits, _)| digits.parse().ok())
        .find(|status| (400..600).contains(status))
        .unwrap_or(0)
}

/// The number in `2000008;reason="..."`.
fn diagnostics_code(detail: &str) -> String {
    let before = detail.split(";reason=").next().unwrap_or_default();
    if before.len() == detail.len() {
        return String::new();
    }
    let digits = before
        .chars()
        .rev()
        .take_while(char::is_ascii_digit)
        .collect::<Vec<char>>();
    digits.into_iter().rev().collect()
}

/// The first `name="value"`.
fn quoted_after(detail: &str, name: &str) -> String {
    detail
        .split_once(name)
        .and_then(|(_, rest)| rest.strip_prefix('"'))
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_default()
        .to_owned()
}

/// The code of Entra that says most: the last of a chain such as `AADSTS70002: ... AADSTS50012: ...`.
fn entra_code(detail: &str) -> String {
    let codes = detail.split("AADSTS").skip(1).map(|rest| {
        rest.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
    });
    codes
        .filter(|digits| !digits.is_empty())
        .last()
        .map_or_else(String::new, |digits| format!("AADSTS{digits}"))
}

/// The issuers that the side that was called trusts, from its challenge or from the complaint about it.
fn trusted_issuers(detail: &str) -> Vec<String> {
    let challenge = quoted_after(detail, "trusted_issuers=");
    let listed = if challenge.is_empty() {
        detail
            .split_once("contained the following entries '")
            .and_then(|(_, rest)| rest.split('\'').next())
            .unwrap_or_default()
            .to_owned()
    } else {
        challenge
    };
    listed
        .split(',')
        .map(str::trim)
        .filter(|issuer| !issuer.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The identifier in `L:<guid>-AS:`.
fn application_id(detail: &str) -> String {
    detail
        .split("L:")
        .skip(1)
        .filter_map(|rest| rest.split_once("-AS:"))
        .map(|(id, _)| id)
        .find(|id| id.len() == 36 && id.chars().all(|c| c.is_ascii_hexdigit() || c == '-'))
        .unwrap_or_default()
        .to_owned()
}

/// Takes out everything that looks like a signed or unsigned token: it would let whoever reads it act for a mailbox.
fn without_tokens(detail: &str) -> String {
    let mut clean = String::with_capacity(detail.len());
    let mut rest = detail;
    while let Some(at) = rest.find("eyJ") {
        let (before, from) = rest.split_at(at);
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=');
        let end = from.find(|c| !inside(c)).unwrap_or(from.len());
        let (token, after) = from.split_at(end);
        clean.push_str(before);
        clean.push_str(if token.contains('.') || token.len() > 40 {
            "<token>"
        } else {
            token
        });
        rest = after;
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::Finding;
    use crate::value::{Object, Value};

    #[test]
    fn a_success_has_nothing_to_say() {
        let finding = Finding::read(
            "The configuration was last successfully loaded at 1/1/0001 12:00:00 AM UTC.\n\
             Information:[OAuthCredentials:Authenticate] entering\n\
             Information:[OAuthCredentials:Authenticate] challenge from 'https://mail.contoso.com/ews/exchange.asmx' \
             received: Bearer client_id=\"c\", trusted_issuers=\"a@*,b@contoso.com\", token_types=\"app_asserted_user_v1\""
                .to_owned(),
        );
        assert_eq!(
            finding,
            Finding {
                detail: finding.detail.clone(),
                trusted_issuers: vec!["a@*".to_owned(), "b@contoso.com".to_owned()],
                ..Finding::default()
            }
        );
    }

    #[test]
    fn a_spanish_trace_is_understood() {
        let finding = Finding::read(
            "La configuración se cargó correctamente a las 01/01/0001 0:00:00 UTC.\n\
             Error:[OAuthTokenBuilder:GetAppToken] unable to continue building token; no locally configured issuer was \
             in the trusted_issuer list, realm from challenge was also empty.\n\
             System.Net.WebException: Anulada la solicitud ---> Microsoft.Exchange.Security.OAuth.\
             OAuthTokenRequestFailedException: The trusted issuers contained the following entries \
             '00000001-0002-0000-c000-000000000000@*'. None of them are configured locally."
                .to_owned(),
        );
        assert!(finding.no_local_issuer);
        assert_eq!(
            finding.failing_step,
            "[OAuthTokenBuilder:GetAppToken] unable to continue building token; no locally configured issuer was in the \
             trusted_issuer list, realm from challenge was also empty."
        );
        assert_eq!(
            finding.trusted_issuers,
            ["00000001-0002-0000-c000-000000000000@*"]
        );
    }

    #[test]
    fn diagnostics_are_read_from_a_refusal() {
        let finding = Finding::read(
            "System.Net.WebException: The remote server returned an error: (401) Unauthorized.\n\
             x-ms-diagnostics: 2000005;reason=\"The user specified by the user-context in the token does not exist.\";\
             error_category=\"invalid_user\""
                .to_owned(),
        );
        assert_eq!(
            (
                finding.status,
                finding.diagnostics_code.as_str(),
                finding.error_category.as_str()
            ),
            (401, "2000005", "invalid_user")
        );
        assert_eq!(
            finding.reason,
            "The user specified by the user-context in the token does not exist."
        );
    }

    #[test]
    fn an_exception_of_exchange_itself_is_named() {
        let finding = Finding::read(
            "Information:[OAuthCredentials:Authenticate] entering\n\
             Microsoft.Exchange.Security.OAuth.OAuthTokenRequestFailedException: Missing signing certificate."
                .to_owned(),
        );
        assert_eq!(
            finding.failing_step,
            "Microsoft.Exchange.Security.OAuth.OAuthTokenRequestFailedException: Missing signing certificate."
        );
    }

    #[test]
    fn the_last_code_of_a_chain_says_most() {
        let finding = Finding::read(
            "Unable to get token from Auth Server. Error code: 'invalid_client'. Description: 'AADSTS70002: Error \
             validating credentials. AADSTS50012: Client assertion contains an invalid signature."
                .to_owned(),
        );
        assert_eq!(finding.entra_code, "AADSTS50012");
    }

    #[test]
    fn the_application_of_the_token_is_found() {
        let finding = Finding::read(
            "send request to 'x' with the bearer token: L:9d0ac9a3-0f0d-4a2c-a6c5-6f8ad2f1a0b1-AS:1"
                .to_owned(),
        );
        assert!(finding.token_sent);
        assert_eq!(
            finding.application_id,
            "9d0ac9a3-0f0d-4a2c-a6c5-6f8ad2f1a0b1"
        );
    }

    #[test]
    fn tokens_never_leave() {
        let signed = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJl";
        let unsigned = "eyJ0eXAiOiJKV1QifQ.eyJhdWQiOiJ4In0.";
        let detail = format!("token: '{signed}' and {unsigned}; eyJ alone is a word");
        let result = Object::from_iter([
            ("ResultType".to_owned(), Value::from("Error")),
            ("Detail".to_owned(), Value::from(detail)),
        ]);
        assert_eq!(
            Finding::of(&result).unwrap().detail,
            "token: '<token>' and <token>; eyJ alone is a word"
        );
    }

    #[test]
    fn a_result_type_may_be_an_object() {
        let value = Object::from_iter([("value".to_owned(), Value::from("Success"))]);
        let result = Object::from_iter([("ResultType".to_owned(), Value::Object(value))]);
        assert!(Finding::of(&result).unwrap().succeeded());
        assert!(Finding::of(&Object::new()).is_err());
    }
}
