//! The state of a lab: two Exchange organizations, one tenant, its directory, keys and certificates.
//!
//! [`World::invoke`] runs a cmdlet on one of the planes; [`World::fetch`] is a request from one server of the world to
//! another. Nothing here waits, so the state is behind a plain mutex, see [`Shared`].

use super::cmdlet;
use super::entra::SignIns;
use super::fault::Faults;
use super::front::{self, Front, Reply, Request};
use super::graph::Directory;
use super::noun;
use super::object::{self, is_true, text};
use super::overrides::Former;
use super::seed::{self, Names, Signers};
use super::token::hexadecimal;
use super::{Error, LabOptions, Passwords};
use crate::clock::Clock;
use crate::secret::Secret;
use crate::subject::Plane;
use crate::value::{Object, Value};
use aws_lc_rs::digest::{SHA256, digest};
use indexmap::IndexMap;
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Which rules Exchange Online follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rules {
    /// Those of before 2025-10-31: the shared principal may call Exchange Web Services.
    BeforeBlock,
    /// Those since 2025-10-31: calls of the shared principal to Exchange Web Services are refused.
    SinceBlock,
    /// Those of the day that it is in the lab.
    #[default]
    ByDate,
}

/// What goes wrong without an object of the world that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Free/busy by Microsoft Graph fails, as the known issue of September 2026 has it.
    GraphFlow,
    /// A device in front of the servers ends TLS.
    SslOffloading,
    /// The servers cannot speak TLS 1.2.
    NoTls,
    /// Nobody is known on the other side.
    Unsynchronized,
    /// Everybody is known twice on the other side.
    Ambiguous,
    /// The service that lets the next certificate take over on its day does not run.
    NoTakeover,
    /// The person who signs in to the tenant has no directory role.
    NoDirectoryRole,
    /// `Get-ExchangeCertificate` gives certificates without their bytes. No recorded answer does, not even with an expired
    /// certificate that signs; it is for trying out what a client does then.
    NoCertificateBytes,
}

/// What Exchange Online asks for, each from a day on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// Exchange Web Services are refused to the shared principal.
    DedicatedApplication,
    /// An organization that never said that it wants Exchange Web Services has them no more.
    SaidYes,
    /// Exchange Web Services are refused to applications that are not on the organization's list.
    AllowList,
    /// There are no Exchange Web Services any more.
    NoWebServices,
}

impl Demand {
    /// The day, as the announcements name it; its hour is not announced.
    fn since(self) -> &'static str {
        match self {
            Self::DedicatedApplication => "2025-10-31T00:00:00Z",
            Self::SaidYes => "2026-10-01T00:00:00Z",
            Self::AllowList => "2026-10-10T00:00:00Z",
            Self::NoWebServices => "2027-04-01T00:00:00Z",
        }
    }
}

/// What a cmdlet gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The objects.
    pub output: Vec<Value>,
    /// The warnings.
    pub warnings: Vec<String>,
}

impl Answer {
    /// Objects without a warning.
    pub(super) fn of(output: Vec<Value>) -> Self {
        Self {
            output,
            warnings: Vec::new(),
        }
    }
}

/// Why a cmdlet failed, as an error record says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The class of the exception.
    pub exception: String,
    /// The category.
    pub category: String,
    /// The fully qualified error identifier.
    pub identifier: String,
    /// The object that it is about.
    pub target: String,
    /// The message.
    pub message: String,
}

/// A handle on the world that the servers and the tests share.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(super) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// Looks at the world, or changes it, while nobody else does.
    pub fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Shared(World)")
    }
}

type Shelf = IndexMap<&'static str, Vec<Object>>;

/// Everything that the simulated services hold.
pub struct World {
    clock: Clock,
    rules: Rules,
    names: Names,
    passwords: Passwords,
    signers: Signers,
    loopback: BTreeMap<Front, String>,
    local: Shelf,
    online: Shelf,
    directory: Directory,
    /// What reads of the directory show, and until when; since then the directory itself.
    shown: Option<(Directory, Timestamp)>,
    challenges: BTreeMap<Front, String>,
    /// The cmdlets that its account may not run, in lower case.
    forbidden: BTreeSet<(Plane, String)>,
    requests: BTreeMap<Front, u64>,
    writes: BTreeMap<Plane, u64>,
    faults: Faults,
    made: u64,
    sign_ins: SignIns,
    builds: BTreeMap<String, String>,
    former_overrides: Option<Former>,
    troubles: BTreeSet<Trouble>,
}

impl World {
    pub(super) fn new(
        options: LabOptions,
        ports: &BTreeMap<Front, u16>,
        passwords: Passwords,
    ) -> Result<Self, Error> {
        let names = Names::new(options.cloud);
        let now = options.clock.now();
        let signers = Signers::new(now)?;
        let loopback = ports
            .iter()
            .map(|(front, port)| (*front, format!("localhost:{port}")));
        let mut world = Self {
            directory: seed::directory(&names, &signers, now)?,
            clock: options.clock,
            rules: options.rules,
            names,
            passwords,
            signers,
            loopback: loopback.collect(),
            local: Shelf::new(),
            online: Shelf::new(),
            shown: None,
            challenges: BTreeMap::new(),
            forbidden: BTreeSet::new(),
            requests: BTreeMap::new(),
            writes: BTreeMap::new(),
            faults: Faults::default(),
            made: 0,
            sign_ins: SignIns::default(),
            builds: BTreeMap::new(),
            former_overrides: None,
            troubles: BTreeSet::new(),
        };
        seed::fill(&mut world, options.seed, &options.scenarios)?;
        for fault in options.faults {
            world.faults.add(fault);
        }
        Ok(world)
    }

    /// Runs a cmdlet; its name and those of its parameters are taken in any case.
    ///
    /// # Errors
    ///
    /// What the product refuses.
    pub fn invoke(
        &mut self,
        plane: Plane,
        name: &str,
        parameters: &Object,
    ) -> Result<Answer, Refusal> {
        cmdlet::invoke(self, plane, name, parameters)
    }

    /// Takes a cmdlet away from the account that signs in.
    pub fn forbid(&mut self, plane: Plane, cmdlet: &str) {
        self.forbidden.insert((plane, cmdlet.to_lowercase()));
    }

    /// Whether the account that signs in may not run a cmdlet.
    pub(super) fn forbids(&self, plane: Plane, cmdlet: &str) -> bool {
        self.forbidden.contains(&(plane, cmdlet.to_lowercase()))
    }

    /// Sends a request to another server of the world.
    ///
    /// # Errors
    ///
    /// The text of the connection's failure, where no server has that name.
    pub(super) fn fetch(
        &mut self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply, String> {
        let rest = url
            .strip_prefix("https://")
            .ok_or("Unable to connect to the remote server")?;
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let host = authority.split(':').next().unwrap_or(authority);
        let Some(front) = self.names.front_of(host) else {
            return Err(format!("The remote name could not be resolved: '{host}'"));
        };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let request = Request {
            method: method.to_owned(),
            authority: authority.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers
                .iter()
                .map(|(name, value)| (name.to_lowercase(), (*value).to_owned()))
                .collect(),
            body: body.to_vec(),
            loopback: false,
        };
        Ok(front::answer(self, front, &request))
    }

    /// Sends a request from the servers of a plane; those on-premises may have a proxy, or old settings.
    pub(super) fn fetch_from(
        &mut self,
        plane: Plane,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply, String> {
        if plane == Plane::OnPremises {
            if self.has(Trouble::NoTls) {
                return Err("The underlying connection was closed: An unexpected error occurred on a receive".to_owned());
            }
            if self.proxy().is_some() {
                return Err("The remote server returned an error: (403) Forbidden.\r\n   at System.Net.HttpWebRequest.GetRequestStream(TransportContext& context)".to_owned());
            }
        }
        self.fetch(method, url, headers, body)
    }

    /// The proxy of the server that runs cmdlets. There is none in the world, so that each refuses.
    pub(super) fn proxy(&self) -> Option<String> {
        let here = self.names.server(Plane::OnPremises);
        let proxy = self
            .server(here)
            .and_then(|server| text(server, "InternetWebProxy"));
        proxy.map(str::to_owned)
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Changes what time it is.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// The rules of Exchange Online.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Changes the rules of Exchange Online.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// Whether Exchange Online asks for something by now.
    pub(super) fn demands(&self, demand: Demand) -> bool {
        match self.rules {
            Rules::BeforeBlock => false,
            Rules::SinceBlock => demand == Demand::DedicatedApplication,
            Rules::ByDate => demand
                .since()
                .parse::<Timestamp>()
                .is_ok_and(|since| since <= self.now()),
        }
    }

    /// Makes something go wrong that no object of the world shows.
    pub fn trouble(&mut self, trouble: Trouble) {
        self.troubles.insert(trouble);
    }

    pub(super) fn has(&self, trouble: Trouble) -> bool {
        self.troubles.contains(&trouble)
    }

    pub(super) fn former_overrides(&self) -> Option<&Former> {
        self.former_overrides.as_ref()
    }

    pub(super) fn former_overrides_mut(&mut self) -> &mut Option<Former> {
        &mut self.former_overrides
    }

    /// The names and addresses of the world.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The directory of the tenant.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The directory of the tenant, to be changed.
    pub fn directory_mut(&mut self) -> &mut Directory {
        &mut self.directory
    }

    /// Lets reads of the directory show an earlier state of it until then.
    pub(super) fn show_instead(&mut self, earlier: Directory, until: Timestamp) {
        self.shown = Some((earlier, until));
    }

    /// Answers a read from what the directory shows.
    pub(super) fn as_shown<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let now = self.clock.now();
        let Some((shown, until)) = self.shown.take_if(|(_, until)| now < *until) else {
            self.shown = None;
            return read(self);
        };
        let real = std::mem::replace(&mut self.directory, shown);
        let answer = read(self);
        let shown = std::mem::replace(&mut self.directory, real);
        self.shown = Some((shown, until));
        answer
    }

    /// Asks for other claims at a front from now on; gives what they are recognized by.
    pub(super) fn challenge(&mut self, front: Front) -> String {
        let number = self.count_made();
        let value = (self.now().as_second() + number.cast_signed()).to_string();
        if front != Front::Login {
            self.challenges.insert(front, value.clone());
        }
        value
    }

    /// What the claims are recognized by that a front asks for.
    pub(super) fn challenged(&self, front: Front) -> Option<&str> {
        self.challenges.get(&front).map(String::as_str)
    }

    pub(super) fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// Says whether user name and password are the on-premises administrator's; names are compared without case.
    pub fn is_administrator(&self, username: &str, password: &str) -> bool {
        self.knows_administrator(username) && self.passwords.administrator.expose() == password
    }

    /// Says whether this is a name of the on-premises administrator, in either spelling.
    pub(super) fn knows_administrator(&self, username: &str) -> bool {
        [seed::ADMINISTRATOR, seed::ADMINISTRATOR_PRINCIPAL]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(username))
    }

    pub(super) fn sign_ins_mut(&mut self) -> &mut SignIns {
        &mut self.sign_ins
    }

    pub(super) fn signers(&self) -> &Signers {
        &self.signers
    }

    pub(super) fn signers_mut(&mut self) -> &mut Signers {
        &mut self.signers
    }

    pub(super) fn client_certificate(&self) -> Secret {
        let body = self.signers.application.certificate.base64();
        let lines: Vec<&str> = body
            .as_bytes()
            .chunks(64)
            .filter_map(|line| std::str::from_utf8(line).ok())
            .collect();
        Secret::new(format!(
            "{}-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            seed::APPLICATION_KEY,
            lines.join("\n")
        ))
    }

    /// The address of a front on the loopback interface.
    pub(super) fn loopback(&self, front: Front) -> &str {
        self.loopback.get(&front).map_or("", String::as_str)
    }

    /// The address that a loopback address of a front stands for; any other address as it is.
    pub(super) fn in_the_world(&self, url: &str) -> String {
        self.loopback
            .iter()
            .find_map(|(front, authority)| {
                let path = url
                    .strip_prefix("https://")?
                    .strip_prefix(authority.as_str())?;
                (path.is_empty() || path.starts_with('/'))
                    .then(|| format!("https://{}{path}", self.names.host_of(*front)))
            })
            .unwrap_or_else(|| url.to_owned())
    }

    /// Counts a request that came over the loopback interface.
    pub(super) fn count(&mut self, front: Front) {
        *self.requests.entry(front).or_default() += 1;
    }

    /// Counts a write that was asked for.
    pub(super) fn count_write(&mut self, plane: Plane) {
        *self.writes.entry(plane).or_default() += 1;
    }

    /// How many writes all planes were asked for, also those that they refused.
    pub fn all_writes(&self) -> u64 {
        self.writes.values().sum()
    }

    /// What goes wrong on the way between clients and servers.
    pub fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    /// How many requests a front got over the loopback interface.
    pub fn requests(&self, front: Front) -> u64 {
        self.requests.get(&front).copied().unwrap_or_default()
    }

    /// How many writes a plane was asked for, also those that it refused.
    pub fn writes(&self, plane: Plane) -> u64 {
        self.writes.get(&plane).copied().unwrap_or_default()
    }

    /// The objects of a noun on a plane; none for a noun that nobody knows.
    pub fn objects(&self, plane: Plane, noun: &str) -> &[Object] {
        let shelf = match plane {
            Plane::OnPremises => &self.local,
            _ => &self.online,
        };
        shelf.get(noun).map_or(&[], Vec::as_slice)
    }

    /// The objects of a noun on a plane, to be changed; none for the directory, which is not made of cmdlets' objects.
    pub fn objects_mut(&mut self, plane: Plane, noun: &'static str) -> &mut Vec<Object> {
        let shelf = match plane {
            Plane::OnPremises => &mut self.local,
            _ => &mut self.online,
        };
        shelf.entry(noun).or_default()
    }

    /// Puts an object on a plane as it is.
    pub(super) fn put(&mut self, plane: Plane, noun: &'static str, object: Object) {
        self.objects_mut(plane, noun).push(object);
    }

    /// Makes an object with the noun's defaults and the directory's properties, and puts it on a plane.
    pub(super) fn create(
        &mut self,
        plane: Plane,
        noun: &'static str,
        name: &str,
        properties: Object,
    ) {
        if let Some(noun) = noun::by_name(noun) {
            let object = object::made(self, plane, noun, name, properties);
            self.put(plane, noun.name, object);
        }
    }

    /// The on-premises server of a name, be it with its domain or without, in any case.
    pub(super) fn server(&self, name: &str) -> Option<&Object> {
        let servers = self.objects(Plane::OnPremises, "ExchangeServer");
        servers.iter().find(|server| {
            let names = ["Name", "Fqdn"].map(|property| text(server, property));
            let mut names = names.into_iter().flatten();
            names.any(|known| known.eq_ignore_ascii_case(name))
        })
    }

    /// The names of the servers of Exchange 2013 or later, which is when OAuth came.
    pub(super) fn modern_servers(&self) -> Vec<String> {
        self.objects(Plane::OnPremises, "ExchangeServer")
            .iter()
            .filter(|server| is_true(server, "IsE15OrLater"))
            .filter_map(|server| text(server, "Name").map(str::to_owned))
            .collect()
    }

    /// A text of the on-premises authorization configuration.
    pub(super) fn auth_config(&self, property: &str) -> Option<&str> {
        let configs = self.objects(Plane::OnPremises, "AuthConfig");
        configs.first().and_then(|config| text(config, property))
    }

    /// The build of a server as its `ExSetup.exe` has it; that of its version where no update was installed.
    pub fn exchange_build(&self, server: &str) -> Option<String> {
        if let Some(build) = self.builds.get(server) {
            return Some(build.clone());
        }
        let version = text(self.server(server)?, "AdminDisplayVersion")?;
        let numbers = version.strip_prefix("Version ")?;
        let (version, build) = numbers.split_once(" (Build ")?;
        Some(format!("{version}.{}", build.trim_end_matches(')')))
    }

    /// Installs an update on a server: its `ExSetup.exe` shows it, its version does not.
    pub fn set_exchange_build(&mut self, server: &str, build: &str) {
        self.builds.insert(server.to_owned(), build.to_owned());
    }

    /// Sets one property of an object that is found by its name; used by the seed and by tests.
    pub fn set(
        &mut self,
        plane: Plane,
        noun: &'static str,
        name: &str,
        property: &str,
        value: &Value,
    ) {
        for object in self.objects_mut(plane, noun) {
            if text(object, "Name") == Some(name) {
                object.insert(property.to_owned(), value.clone());
            }
        }
    }

    /// Counts what is made, so that two things made at the same moment differ.
    pub(super) fn count_made(&mut self) -> u64 {
        self.made += 1;
        self.made
    }
}

/// A moment as RFC 3339 without a fraction.
pub(super) fn whole_seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).map_or_else(|_| at.to_string(), |at| at.to_string())
}

/// A GUID that the same words always give, so that two labs of the same seed look alike.
pub(super) fn guid_of(words: &str) -> String {
    let digits = hexadecimal(digest(&SHA256, words.as_bytes()).as_ref()).to_lowercase();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-4{}-a{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}
