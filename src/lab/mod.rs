//! A simulated organization behind real HTTPS on the loopback interface; PowerShell remoting also over sealed HTTP.
//!
//! Two Exchange organizations, one tenant, its sign-in service and its directory, with certificates and signatures that
//! are checked for real. What a client sees is an [`Organization`] like any other. It is a place to learn and to test:
//! it refuses what the products refuse, in their words, but it holds no mail and answers only what the OAuth
//! configuration is about. Start with [`Lab`]; its state is the [`World`].

mod certificates;
mod challenge;
mod cmdlet;
mod entra;
mod exchange_web;
pub mod fault;
mod front;
mod graph;
pub mod noun;
mod oauth;
mod object;
mod online;
mod onprem;
mod overrides;
mod rules;
pub mod scenario;
pub mod seed;
mod serve;
mod tls;
mod token;
pub mod world;

pub use front::{Front, Reply, Request};
pub use graph::{Application, Deleted, Directory, KeyCredential, RoleAssignment, ServicePrincipal};
pub use onprem::PowerShell;
pub use scenario::{SCENARIOS, Scenario};
pub use seed::Seed;
pub use token::Certificate;
pub use world::{Answer, Refusal, Rules, Shared, Trouble, World};

use crate::clock::Clock;
use crate::cloud::{Cell, CloudName};
use crate::organization::{
    Algorithm, Authentication, ExchangeAccount, OnPremisesExchange, Organization, SecretSource,
    SignIn, SignInMethod,
};
use crate::secret::Secret;
use aws_lc_rs::rand;
use fault::Fault;
use std::{collections::BTreeMap, error, fmt, io, net::Ipv4Addr};
use tokio::{net::TcpListener, task::JoinSet};

/// How a lab is to be.
#[derive(Clone, Debug)]
pub struct LabOptions {
    /// The cloud whose addresses it speaks with.
    pub cloud: CloudName,
    /// Which rules Exchange Online follows.
    pub rules: Rules,
    /// What time it is there.
    pub clock: Clock,
    /// What it starts with.
    pub seed: Seed,
    /// How its organization file says to sign in to the on-premises servers: Basic over TLS, anything else over plain
    /// HTTP with sealed messages. The servers take all that they can either way.
    pub auth: Authentication,
    /// Whether the on-premises servers refuse NTLM over TLS that is not bound to the TLS connection (RFC 5929).
    pub extended_protection: bool,
    /// What is the matter with it.
    pub scenarios: Vec<&'static Scenario>,
    /// What goes wrong with requests to it.
    pub faults: Vec<Fault>,
}

impl Default for LabOptions {
    fn default() -> Self {
        Self {
            cloud: CloudName::Worldwide,
            rules: Rules::default(),
            clock: Clock::system(),
            seed: Seed::default(),
            auth: Authentication::Basic,
            extended_protection: false,
            scenarios: Vec::new(),
            faults: Vec::new(),
        }
    }
}

/// A running lab; its servers end when it is dropped.
pub struct Lab {
    world: Shared,
    cloud: CloudName,
    auth: Authentication,
    ports: BTreeMap<Front, u16>,
    sealed_port: u16,
    authority: String,
    services: serve::Services,
    servers: JoinSet<()>,
}

impl Lab {
    /// Makes a world, binds a port of the loopback interface for each front, and serves them on the current runtime.
    ///
    /// # Errors
    ///
    /// When a port cannot be bound or a certificate cannot be made.
    pub async fn start(options: LabOptions) -> Result<Self, Error> {
        let tls = tls::start()?;
        let auth = options.auth;
        let is_spoken = match auth {
            Authentication::Basic => true,
            Authentication::Negotiate | Authentication::Ntlm => cfg!(feature = "sspi"),
            Authentication::Kerberos => false,
        };
        if !is_spoken {
            return Err(Error::Unspoken { auth });
        }
        let mut listeners = Vec::new();
        for front in Front::ALL {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            listeners.push((front, listener.local_addr()?.port(), listener));
        }
        let ports: BTreeMap<Front, u16> = listeners
            .iter()
            .map(|(front, port, _)| (*front, *port))
            .collect();
        let sealed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let sealed_port = sealed.local_addr()?.port();
        let cloud = options.cloud;
        let rules = onprem::door::Rules {
            certificate: tls.certificate,
            extended_protection: options.extended_protection,
        };
        let world = Shared::new(World::new(options, &ports, Passwords::new()?)?);
        let services = serve::Services {
            world: world.clone(),
            powershell: PowerShell::new(rules),
        };
        let mut servers = JoinSet::new();
        for (front, _, listener) in listeners {
            servers.spawn(serve::serve(
                listener,
                front,
                Some(tls.acceptor.clone()),
                services.clone(),
            ));
        }
        servers.spawn(serve::serve(
            sealed,
            Front::OnPremises,
            None,
            services.clone(),
        ));
        Ok(Self {
            world,
            cloud,
            auth,
            ports,
            sealed_port,
            authority: tls.authority,
            services,
            servers,
        })
    }

    /// The organization to hand to a session.
    pub fn organization(&self) -> Organization {
        let passwords = self.passwords();
        Organization {
            name: "lab".to_owned(),
            cloud: Some(self.cloud),
            tenant: self.tenant(),
            exchange: Some(OnPremisesExchange {
                url: self.powershell_url(),
                auth: self.auth,
                account: Some(ExchangeAccount {
                    username: seed::ADMINISTRATOR.to_owned(),
                    password: SecretSource::Plain(passwords.administrator),
                }),
                kdc: None,
                winrm: Some(self.winrm()),
                redirect_hosts: Vec::new(),
                ca: Some(self.authority.clone()),
            }),
            sign_in: SignIn {
                method: SignInMethod::ClientSecret,
                client_id: Some(seed::CLIENT.to_owned()),
                secret: Some(SecretSource::Plain(passwords.client)),
                certificate: None,
                certificate_password: None,
                algorithm: Algorithm::default(),
            },
            endpoints: self.endpoints(),
            ca: Some(self.authority.clone()),
        }
    }

    /// The text of an organization file for this lab, with its secrets in it; `ca_file` names the file that will hold
    /// [`Lab::authority`].
    ///
    /// Where nobody documents an address of the cloud, it names the lab's own besides, which [`Lab::organization`] leaves
    /// unknown: what a person would have to find out is written down once.
    pub fn organization_file(&self, ca_file: &str) -> String {
        let passwords = self.passwords();
        let undocumented = self.world.with(|world| world.names().undocumented());
        let text = |text: &str| toml::Value::from(text).to_string();
        let lines = |cells: &[(Cell, String)]| -> String {
            let line =
                |(cell, value): &(Cell, String)| format!("{:<15} = {}\n", cell.key(), text(value));
            cells.iter().map(line).collect()
        };
        let ca_file = text(ca_file);
        format!(
            "# The lab that is running now; its passwords change at each start.\n\
             cloud  = {cloud}\ntenant = {tenant}\n\n\
             [exchange]\nurl      = {url}\nauth     = {auth}\nusername = {username}\npassword = {password}\nwinrm    = {winrm}\nca_file  = {ca_file}\n\n\
             [sign_in]\nmethod    = \"client-secret\"\nclient_id = {client_id}\nsecret    = {secret}\n\n\
             [endpoints]\n{endpoints}ca_file         = {ca_file}\n{undocumented}",
            cloud = text(self.cloud.word()),
            tenant = text(&self.tenant()),
            url = text(&self.powershell_url()),
            auth = text(self.auth.word()),
            winrm = text(&self.winrm()),
            username = text(seed::ADMINISTRATOR),
            password = text(passwords.administrator.expose()),
            client_id = text(seed::CLIENT),
            secret = text(passwords.client.expose()),
            endpoints = lines(&Vec::from_iter(self.endpoints())),
            undocumented = match undocumented.as_slice() {
                [] => String::new(),
                some => format!(
                    "# Nobody documents these of this cloud: they are the lab's own.\n{}",
                    lines(some)
                ),
            },
        )
    }

    fn tenant(&self) -> String {
        self.world
            .with(|world| world.names().initial_domain.clone())
    }

    fn passwords(&self) -> Passwords {
        self.world.with(|world| world.passwords().clone())
    }

    /// Where the services of the cloud are.
    fn endpoints(&self) -> BTreeMap<Cell, String> {
        BTreeMap::from([
            (Cell::Login, self.address(Front::Login)),
            (Cell::Graph, self.address(Front::Graph)),
            (Cell::ExchangeOnline, self.address(Front::ExchangeOnline)),
        ])
    }

    /// The certificate authority that the servers' certificates come from, as PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The private key and certificate of the registered client, as PEM, for signing in with a certificate.
    pub fn client_certificate(&self) -> Secret {
        self.world.with(|world| world.client_certificate())
    }

    /// The address of Windows' own PowerShell endpoint; all servers share one port here, so the query says which.
    fn winrm(&self) -> String {
        format!("{}/wsman?TargetServer={{server}}", self.remoting_address())
    }

    /// The address of a front, without a path.
    pub fn address(&self, front: Front) -> String {
        let port = self.ports.get(&front).copied().unwrap_or_default();
        format!("https://localhost:{port}")
    }

    /// The address of the on-premises servers for plain HTTP, without a path; PowerShell remoting is sealed there.
    pub fn sealed_address(&self) -> String {
        format!("http://localhost:{}", self.sealed_port)
    }

    fn powershell_url(&self) -> String {
        format!("{}/PowerShell/", self.remoting_address())
    }

    fn remoting_address(&self) -> String {
        match self.auth {
            Authentication::Basic => self.address(Front::OnPremises),
            _ => self.sealed_address(),
        }
    }

    /// The state, shared with the servers.
    pub fn world(&self) -> &Shared {
        &self.world
    }

    /// The sessions of PowerShell on the on-premises servers.
    pub fn powershell(&self) -> &PowerShell {
        &self.services.powershell
    }

    /// Handles the requests that are held because others overtake them, as if those had come.
    pub fn let_through(&self) -> impl Future<Output = ()> + Send + use<> {
        let rest = self.world.with(|world| world.faults().rest());
        let services = self.services.clone();
        async move { services.handle_late(rest).await }
    }

    /// Waits until the servers end, which they do not do by themselves.
    pub async fn run(&mut self) {
        while self.servers.join_next().await.is_some() {}
    }
}

/// The secrets of one lab, made when it starts.
#[derive(Clone)]
pub(crate) struct Passwords {
    pub(crate) administrator: Secret,
    pub(crate) client: Secret,
}

impl Passwords {
    fn new() -> Result<Self, Error> {
        Ok(Self {
            administrator: random_secret()?,
            client: random_secret()?,
        })
    }
}

fn random_secret() -> Result<Secret, Error> {
    let mut bytes = [0; 18];
    rand::fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(Secret::new(token::hexadecimal(&bytes).to_lowercase()))
}

/// Why a lab could not start.
#[derive(Debug)]
pub enum Error {
    /// No port of the loopback interface could be had.
    Port {
        /// What the system says.
        source: io::Error,
    },
    /// A certificate or key could not be made.
    Certificate {
        /// What is wrong with it.
        reason: String,
    },
    /// The system gives no random bytes.
    Random,
    /// The lab does not take this way to sign in to the on-premises servers.
    Unspoken {
        /// What was asked for.
        auth: Authentication,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port { source } => write!(
                formatter,
                "the lab cannot have a port of the loopback interface: {source}"
            ),
            Self::Certificate { reason } => {
                write!(formatter, "the lab cannot make a certificate: {reason}")
            }
            Self::Random => formatter.write_str("the system gives no random bytes"),
            Self::Unspoken {
                auth: Authentication::Kerberos,
            } => formatter
                .write_str("the lab has no domain controller, so it does not speak Kerberos"),
            Self::Unspoken { auth } => write!(
                formatter,
                "this build was made without the cargo feature sspi, so the lab does not speak {}",
                auth.word()
            ),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Port { source } => Some(source),
            Self::Certificate { .. } | Self::Random | Self::Unspoken { .. } => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Self::Port { source }
    }
}

impl From<rcgen::Error> for Error {
    fn from(error: rcgen::Error) -> Self {
        Self::Certificate {
            reason: error.to_string(),
        }
    }
}

impl From<rustls::Error> for Error {
    fn from(error: rustls::Error) -> Self {
        Self::Certificate {
            reason: error.to_string(),
        }
    }
}

impl From<jsonwebtoken::errors::Error> for Error {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        Self::Certificate {
            reason: error.to_string(),
        }
    }
}
