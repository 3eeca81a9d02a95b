//! [`Connections`]: opens each road when it is first needed and keeps it; the only file here that knows the clients.

use crate::clock::Clock;
use crate::cloud::Cell;
pub(super) use crate::entra::Token;
use crate::entra::{Credential, Outside, SignIn, key_and_certificate};
use crate::exchange::online::Online;
use crate::exchange::onprem::{OnPremises, Times};
use crate::exchange::{Answer, Invocation, Remark, RemarkListener, Road, ScriptCall};
use crate::failure::{Failure, FailureKind};
use crate::organization::{OnPremisesExchange, Organization, SecretSource};
use crate::secret::Secret;
use crate::session::event::{Audience, Event};
use crate::session::plan::agrees;
use crate::session::preflight;
use crate::session::{Journey, Lack, Located, Need, Request, Roads};
use crate::subject::Plane;
use crate::value::Value;
use crate::{graph, http};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

/// Reads a secret from where the organization file says it is.
pub type ReadSecret = Arc<dyn Fn(&SecretSource) -> Result<Secret, Failure> + Send + Sync>;

/// How long the roads wait for services, and how they pause before they ask again.
#[derive(Clone)]
pub struct Patience {
    /// How long the on-premises road waits for what.
    pub on_premises: Times,
    /// How the cloud roads wait between attempts.
    pub sleep: http::Sleep,
    /// How all roads wait until the time of an answer is over.
    pub expire: http::Sleep,
    /// Whether a request is sent only when the one before is answered. Otherwise the on-premises road says in passing, over
    /// a connection of its own, that an ended pipeline may be forgotten.
    pub one_at_a_time: bool,
}

impl Default for Patience {
    fn default() -> Self {
        let usual = http::Options::default();
        Self {
            on_premises: Times::default(),
            sleep: usual.sleep,
            expire: usual.expire,
            one_at_a_time: false,
        }
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Patience")
            .field("on_premises", &self.on_premises)
            .finish_non_exhaustive()
    }
}

/// Gets ready for the first handshake, on a thread of its own, while files and scripts are still being read.
pub fn warm_up() {
    let thread = thread::Builder::new().name("warm-up".to_owned());
    if let Err(error) = thread.spawn(http::tls::warm_up) {
        tracing::debug!(%error, "the first handshake has to wait");
    }
}

/// The roads of an organization, opened when they are first needed.
pub(super) struct Connections {
    organization: Organization,
    addresses: Located,
    read_secret: ReadSecret,
    outside: Outside,
    clock: Clock,
    patience: Patience,
    audience: Audience,
    client: OnceLock<Result<http::Client, Failure>>,
    sign_in: OnceLock<Result<Arc<SignIn>, Failure>>,
    graph: OnceLock<Result<graph::Client, Failure>>,
    online: OnceLock<Result<Online, Failure>>,
    on_premises: OnceLock<Result<OnPremises, Failure>>,
    windows: Mutex<BTreeMap<String, Arc<OnPremises>>>,
    exchange_password: OnceLock<Result<Secret, Failure>>,
}

impl Connections {
    pub(super) fn new(
        organization: Organization,
        addresses: Located,
        read_secret: ReadSecret,
        outside: Outside,
        clock: Clock,
        patience: Patience,
        audience: Audience,
    ) -> Self {
        Self {
            organization,
            addresses,
            read_secret,
            outside,
            clock,
            patience,
            audience,
            client: OnceLock::new(),
            sign_in: OnceLock::new(),
            graph: OnceLock::new(),
            online: OnceLock::new(),
            on_premises: OnceLock::new(),
            windows: Mutex::default(),
            exchange_password: OnceLock::new(),
        }
    }

    fn graph(&self) -> Result<&graph::Client, Failure> {
        open(&self.graph, || {
            let base = self.address(Cell::Graph)?;
            Ok(graph::Client::new(
                self.client()?.with_own_count(),
                base,
                self.sign_in()?,
            ))
        })
    }

    fn online(&self) -> Result<&Online, Failure> {
        open(&self.online, || {
            let base = self.address(Cell::ExchangeOnline)?;
            Ok(Online::new(
                self.client()?.with_own_count(),
                base,
                self.sign_in()?,
            ))
        })
    }

    fn on_premises(&self) -> Result<&OnPremises, Failure> {
        open(&self.on_premises, || {
            let exchange = self.exchange()?;
            let password = self.exchange_password(exchange)?;
            let road = OnPremises::new(exchange, password, self.patience.on_premises)?;
            Ok(self.prepared(road))
        })
    }

    fn exchange(&self) -> Result<&OnPremisesExchange, Failure> {
        self.organization.exchange.as_ref().ok_or_else(|| {
            Failure::input("the organization file has no on-premises Exchange server")
                .with_hint("add the table [exchange] with url, auth, username and password")
        })
    }

    fn prepared(&self, road: OnPremises) -> OnPremises {
        road.heard_by(announce_remarks(self.audience.clone()))
            .expiring_by(self.patience.expire.clone())
            .one_at_a_time(self.patience.one_at_a_time)
    }

    /// The password, which a person is asked for once; none where a ticket takes its place.
    fn exchange_password(&self, exchange: &OnPremisesExchange) -> Result<Option<&Secret>, Failure> {
        let Some(account) = &exchange.account else {
            return Ok(None);
        };
        open(&self.exchange_password, || {
            (self.read_secret)(&account.password)
        })
        .map(Some)
    }

    /// The road to Windows itself on a server.
    fn windows(&self, call: &ScriptCall) -> Result<Arc<OnPremises>, Failure> {
        let exchange = self.exchange()?;
        let server = call.server.as_deref().unwrap_or_else(|| exchange.host());
        let mut roads = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(road) = roads.get(server) {
            return Ok(Arc::clone(road));
        }
        let password = self.exchange_password(exchange)?;
        let road = OnPremises::windows(server, exchange, password, self.patience.on_premises)?;
        let road = Arc::new(self.prepared(road));
        roads.insert(server.to_owned(), Arc::clone(&road));
        Ok(road)
    }

    fn all_windows(&self) -> Vec<Arc<OnPremises>> {
        let roads = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        roads.values().cloned().collect()
    }

    pub(super) fn sign_in(&self) -> Result<Arc<SignIn>, Failure> {
        let sign_in = open(&self.sign_in, || {
            let how = &self.organization.sign_in;
            let read = |source: &Option<SecretSource>| {
                source
                    .as_ref()
                    .map(|source| (self.read_secret)(source))
                    .transpose()
            };
            let file = read(&how.certificate.clone().map(SecretSource::Bytes))?;
            let password = match file {
                Some(_) => read(&how.certificate_password)?,
                None => None,
            };
            let pem = file.map(|file| key_and_certificate(&file, password.as_ref()));
            let credential = Credential::new(
                how.method,
                how.client_id.clone(),
                read(&how.secret)?,
                pem.transpose()?,
                how.algorithm,
            )?;
            let tenant = self.organization.tenant.clone();
            let http = self.client()?.with_own_count();
            let login = self.address(Cell::Login)?;
            let mut sign_in = SignIn::new(http, login, tenant, credential, self.clock.clone())
                .with_outside(self.outside.clone());
            // Without its address Microsoft Graph still works, and the other road says what is missing.
            if let Ok(exchange_online) = self.address(Cell::ExchangeOnline) {
                sign_in = sign_in.with_exchange_online(exchange_online);
            }
            Ok(Arc::new(sign_in))
        })?;
        Ok(Arc::clone(sign_in))
    }

    fn client(&self) -> Result<&http::Client, Failure> {
        open(&self.client, || {
            Ok(http::Client::new(http::Options {
                extra_ca: self.organization.ca.clone(),
                sleep: self.patience.sleep.clone(),
                expire: self.patience.expire.clone(),
                clock: self.clock.clone(),
                on_pause: Some(announce_pauses(self.audience.clone())),
                ..http::Options::default()
            })?)
        })
    }

    pub(super) fn address(&self, cell: Cell) -> Result<String, Failure> {
        let addresses = self.addresses.get().ok_or_else(|| {
            let message = "the cloud of the organization was not looked for";
            Failure::new(FailureKind::Internal, message)
        })?;
        Ok(addresses.get(cell)?.to_owned())
    }
}

impl Connections {
    /// What the account lacks of what is needed on a plane; an error where nobody tells.
    async fn lacks_of(&self, plane: Plane, needs: &[Need]) -> Result<Vec<Lack>, Failure> {
        match plane {
            Plane::Entra => {
                let service = self.address(Cell::Graph)?;
                let token = self.sign_in()?.token(&service).await?;
                Ok(preflight::of_graph(needs, &token))
            }
            Plane::ExchangeOnline => {
                let service = self.address(Cell::ExchangeOnline)?;
                let token = self.sign_in()?.token(&service).await?;
                if let Some(lack) = preflight::of_application(needs, &token) {
                    return Ok(vec![lack]);
                }
                let permitted = self.online()?.permitted().await?;
                Ok(preflight::of_cmdlets(plane, needs, permitted))
            }
            Plane::OnPremises => {
                let names: Vec<&str> = needs.iter().map(|need| need.call.as_str()).collect();
                // One that is not there is an error of Get-Command, and none to us.
                let invocation = Invocation::new("Get-Command")
                    .with("Name", names)
                    .with("ErrorAction", "SilentlyContinue");
                let answer = self.on_premises()?.invoke(&invocation).await?;
                let names = answer
                    .output
                    .iter()
                    .filter_map(|command| command.text("Name"));
                let permitted: BTreeSet<String> = names.map(str::to_lowercase).collect();
                // Who got in may run something.
                let permitted = (!permitted.is_empty()).then_some(permitted);
                Ok(preflight::of_cmdlets(plane, needs, permitted))
            }
        }
    }
}

/// What the roads call before they pause.
fn announce_pauses(audience: Audience) -> http::PauseListener {
    Arc::new(move |pause| {
        let milliseconds = u64::try_from(pause.duration.as_millis()).unwrap_or(u64::MAX);
        if let Err(deaf) = audience.hear(&Event::Waiting {
            reason: pause.reason.clone(),
            milliseconds,
        }) {
            tracing::warn!(%deaf, "a pause was not heard");
        }
    })
}

/// What the on-premises roads call when a cmdlet says something while it runs.
fn announce_remarks(audience: Audience) -> RemarkListener {
    Arc::new(move |cmdlet, remark| {
        let said = |verbose, text: &String| Event::ServiceSaid {
            plane: Plane::OnPremises,
            verbose,
            text: text.clone(),
        };
        let event = match remark {
            Remark::Progress(progress) => Event::Progress {
                plane: Plane::OnPremises,
                cmdlet: cmdlet.to_owned(),
                progress: progress.clone(),
            },
            Remark::Verbose(text) => said(true, text),
            Remark::Information(text) => said(false, text),
        };
        if let Err(deaf) = audience.hear(&event) {
            tracing::warn!(%deaf, "what a cmdlet said was not heard");
        }
    })
}

/// Opens a road once; one that could not be opened is not tried again in the same pass.
fn open<T>(
    road: &OnceLock<Result<T, Failure>>,
    make: impl FnOnce() -> Result<T, Failure>,
) -> Result<&T, Failure> {
    road.get_or_init(make).as_ref().map_err(Clone::clone)
}

/// The objects of an answer of Microsoft Graph: of a list its entries, those that were asked for.
fn entries(request: &graph::Request, answer: Value) -> Vec<Value> {
    let reads = request.method == graph::Method::Get;
    match answer {
        Value::Object(mut object) if reads && !object.contains_key("id") => {
            match object.shift_remove("value") {
                Some(Value::List(list)) => list
                    .into_iter()
                    .filter(|entry| match entry {
                        Value::Object(entry) => agrees(entry, &request.matching),
                        _ => request.matching.is_empty(),
                    })
                    .collect(),
                Some(value) => {
                    object.insert("value".to_owned(), value);
                    vec![Value::Object(object)]
                }
                None => vec![Value::Object(object)],
            }
        }
        answer => vec![answer],
    }
}

impl Roads for Connections {
    fn send<'a>(&'a self, plane: Plane, request: &'a Request) -> Journey<'a, Answer> {
        Box::pin(async move {
            match (plane, request) {
                (Plane::Entra, Request::Graph(request)) => {
                    let output = entries(request, self.graph()?.send(request).await?);
                    Ok(Answer {
                        output,
                        warnings: Vec::new(),
                    })
                }
                (Plane::OnPremises, Request::Cmdlet(invocation)) => {
                    Ok(self.on_premises()?.invoke(invocation).await?)
                }
                (Plane::OnPremises, Request::Script(call)) => {
                    Ok(self.windows(call)?.run_script(call).await?)
                }
                (Plane::ExchangeOnline, Request::Discovery(question)) => {
                    let base = self.address(Cell::ExchangeOnline)?;
                    let http = self.client()?.with_own_count();
                    let found = question.ask(&http, &base).await?;
                    Ok(Answer {
                        output: vec![found.into()],
                        warnings: Vec::new(),
                    })
                }
                (Plane::ExchangeOnline, Request::Cmdlet(invocation)) => {
                    Ok(self.online()?.invoke(invocation).await?)
                }
                (plane, _) => {
                    let message = format!("{plane} does not take requests of this kind");
                    Err(Failure::new(FailureKind::Internal, message))
                }
            }
        })
    }

    fn lacks<'a>(&'a self, plane: Plane, needs: &'a [Need]) -> Journey<'a, Vec<Lack>> {
        Box::pin(self.lacks_of(plane, needs))
    }

    fn requests(&self) -> BTreeMap<String, u64> {
        fn made<T>(road: &OnceLock<Result<T, Failure>>) -> Option<&T> {
            road.get().and_then(|road| road.as_ref().ok())
        }
        let counts = [
            (
                "sign-in",
                made(&self.sign_in).map(|sign_in| sign_in.requests()),
            ),
            ("graph", made(&self.graph).map(graph::Client::requests)),
            ("exchange-online", made(&self.online).map(Road::requests)),
            ("on-premises", made(&self.on_premises).map(Road::requests)),
            (
                "on-premises-windows",
                self.all_windows()
                    .iter()
                    .map(|road| road.requests())
                    .reduce(u64::saturating_add),
            ),
        ];
        counts
            .into_iter()
            .filter_map(|(road, count)| count.map(|count| (road.to_owned(), count)))
            .collect()
    }

    fn close(&self) -> Journey<'_, ()> {
        Box::pin(async {
            let mut closed = Ok(());
            if let Some(Ok(on_premises)) = self.on_premises.get() {
                closed = on_premises.close().await;
            }
            for windows in self.all_windows() {
                closed = windows.close().await.and(closed);
            }
            Ok(closed?)
        })
    }
}
