//! The device flow: a person types a code into a page on any machine, meanwhile the answer is asked for (RFC 8628).

use super::error::{Error, ErrorKind};
use super::outside::{Ask, Prompt};
use super::{Grant, SignIn, Wanted, asking_for, persons_scope};
use crate::http;
use crate::secret::Secret;
use serde_json::Value as Json;
use std::time::Duration;

/// The pause where the service names none (RFC 8628 section 3.2).
const USUAL_PAUSE: u64 = 5;

/// How much longer to pause after `slow_down` (RFC 8628 section 3.5).
const SLOWER: u64 = 5;

/// What the service gave to begin with (RFC 8628 section 3.2).
struct Device {
    code: Secret,
    user_code: String,
    page: String,
    seconds: u64,
    pause: u64,
}

impl SignIn {
    /// Shows a person a code, and asks until they have used it.
    pub(super) async fn by_device_code(
        &self,
        wanted: Wanted<'_>,
        note: Option<String>,
        ask: &Ask,
    ) -> Result<Grant, Error> {
        let mut form = vec![
            ("client_id", Secret::new(wanted.client)),
            ("scope", Secret::new(persons_scope(wanted.resource))),
        ];
        form.extend(asking_for(wanted.claims));
        let answer = self.ask("devicecode", form).await?;
        let device = Device::read(&self.read(&answer)?).ok_or_else(|| {
            let shape = http::Error::shape(answer.url(), "a device code and how long it is good");
            self.road(shape)
        })?;
        let prompt = Prompt::DeviceCode {
            service: wanted.resource.to_owned(),
            address: device.page.clone(),
            code: device.user_code.clone(),
            seconds: device.seconds,
            note,
        };
        ask(&prompt).map_err(|failure| {
            self.error(ErrorKind::Unasked {
                failure: failure.message,
            })
        })?;
        self.poll(wanted, &device).await
    }

    async fn poll(&self, wanted: Wanted<'_>, device: &Device) -> Result<Grant, Error> {
        let (mut pause, mut waited) = (device.pause, 0);
        while waited < device.seconds {
            self.http.wait(Duration::from_secs(pause)).await;
            waited += pause;
            let mut form = vec![
                (
                    "grant_type",
                    Secret::new("urn:ietf:params:oauth:grant-type:device_code"),
                ),
                ("client_id", Secret::new(wanted.client)),
                ("device_code", device.code.clone()),
                ("scope", Secret::new(persons_scope(wanted.resource))),
            ];
            form.extend(asking_for(wanted.claims));
            match self.grant(form).await {
                Err(error) if error.word() == Some("authorization_pending") => {}
                Err(error) if error.word() == Some("slow_down") => pause += SLOWER,
                Err(error) if matches!(error.word(), Some("expired_token" | "code_expired")) => {
                    break;
                }
                grant => return grant,
            }
        }
        let minutes = device.seconds.div_ceil(60);
        Err(self.error(ErrorKind::TooLate { minutes }))
    }
}

impl Device {
    fn read(json: &Json) -> Option<Self> {
        let text = |name: &str| json[name].as_str().filter(|text| !text.is_empty());
        let number = |name: &str| {
            let said = &json[name];
            said.as_u64().or_else(|| said.as_str()?.parse().ok())
        };
        Some(Self {
            code: Secret::new(text("device_code")?),
            user_code: text("user_code")?.to_owned(),
            // Some services write it the older way.
            page: text("verification_uri")
                .or_else(|| text("verification_url"))?
                .to_owned(),
            seconds: number("expires_in")?,
            pause: number("interval").unwrap_or(USUAL_PAUSE).clamp(1, 60),
        })
    }
}
