//! [`Organization`]: where and who. A cloud, a tenant, an on-premises Exchange server, and how to sign in to each.
//!
//! Read from TOML; unknown keys are refused with the known ones. Secrets are named by their source and read only when
//! they are needed, by whoever may touch files, the environment and the terminal.

use crate::cloud::{Addresses, Cell, CloudName};
use crate::secret::Secret;
use serde::Deserialize;
use std::{collections::BTreeMap, error::Error, fmt, path::Path, path::PathBuf};

/// An organization: one cloud, one tenant, one on-premises Exchange organization.
#[derive(Clone, Debug)]
pub struct Organization {
    /// What reports call it, such as `contoso`.
    pub name: String,
    /// The cloud; absent when it is to be found from the tenant.
    pub cloud: Option<CloudName>,
    /// The initial domain or the tenant id.
    pub tenant: String,
    /// The on-premises Exchange organization; absent for a cloud-only task.
    pub exchange: Option<OnPremisesExchange>,
    /// How to sign in to Entra ID, for Graph and Exchange Online.
    pub sign_in: SignIn,
    /// Addresses that replace those of the cloud.
    pub endpoints: BTreeMap<Cell, String>,
    /// Certificate authorities trusted for the cloud besides the system's, as PEM.
    pub ca: Option<String>,
}

/// The on-premises Exchange server that answers PowerShell remoting.
#[derive(Clone, Debug)]
pub struct OnPremisesExchange {
    /// The address, such as `http://ex01.contoso.com/PowerShell/`.
    pub url: String,
    /// How to authenticate.
    pub auth: Authentication,
    /// Who signs in; absent to do it with the Kerberos ticket that this computer holds already.
    pub account: Option<ExchangeAccount>,
    /// The Kerberos key distribution center; absent to ask the system's settings, then the domain by its name.
    pub kdc: Option<String>,
    /// Certificate authorities trusted besides the system's, as PEM.
    pub ca: Option<String>,
    /// The address of Windows' own PowerShell endpoint, with `{server}` where the name of a server belongs; absent for
    /// the usual port.
    pub winrm: Option<String>,
    /// Hosts that the server may send on to; none is followed without being named here.
    pub redirect_hosts: Vec<String>,
}

/// Who signs in to the on-premises server.
#[derive(Clone, Debug)]
pub struct ExchangeAccount {
    /// `DOMAIN\user` or a user principal name.
    pub username: String,
    /// Where the password is.
    pub password: SecretSource,
}

impl OnPremisesExchange {
    /// The host of the address.
    pub fn host(&self) -> &str {
        let rest = self
            .url
            .split_once("://")
            .map_or(self.url.as_str(), |(_, rest)| rest);
        let authority = rest.split(['/', '?']).next().unwrap_or(rest);
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }

    /// The address of Windows' own PowerShell endpoint on a server.
    ///
    /// By default it is the port that Windows listens on: 5985, where messages are encrypted under the sign-in, or 5986
    /// with TLS where `auth` is `basic`, which is never sent in clear.
    pub fn winrm_url(&self, server: &str) -> String {
        let usual = match self.auth {
            Authentication::Basic => "https://{server}:5986/wsman",
            _ => "http://{server}:5985/wsman",
        };
        self.winrm
            .as_deref()
            .unwrap_or(usual)
            .replace(SERVER, server)
    }
}

/// Stands for the name of a server in an address.
const SERVER: &str = "{server}";

/// How to authenticate to the on-premises server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authentication {
    /// Kerberos, as Microsoft documents for `/PowerShell/`.
    Kerberos,
    /// SPNEGO.
    Negotiate,
    /// NTLM.
    Ntlm,
    /// Basic, over TLS only.
    Basic,
}

impl Authentication {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Kerberos, Self::Negotiate, Self::Ntlm, Self::Basic];

    /// The word in an organization file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kerberos => "kerberos",
            Self::Negotiate => "negotiate",
            Self::Ntlm => "ntlm",
            Self::Basic => "basic",
        }
    }
}

/// How to sign in to Entra ID.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The flow.
    pub method: SignInMethod,
    /// The application; a known public client is the default where the flow allows one.
    pub client_id: Option<String>,
    /// Where the client secret is.
    pub secret: Option<SecretSource>,
    /// A file with private key and certificate, PEM or PKCS #12.
    pub certificate: Option<PathBuf>,
    /// Where the password of a PKCS #12 file is.
    pub certificate_password: Option<SecretSource>,
    /// How assertions are signed with the certificate.
    pub algorithm: Algorithm,
}

/// How assertions are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PSS with SHA-256, with the SHA-256 thumbprint in the header; what Entra documents.
    #[default]
    #[serde(rename = "PS256")]
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, with the SHA-1 thumbprint; for services that know only the older form.
    #[serde(rename = "RS256")]
    Rs256,
}

/// The flows of signing in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignInMethod {
    /// Authorization code with PKCE in the user's browser.
    Browser,
    /// A code that is typed elsewhere.
    DeviceCode,
    /// A client secret of an application.
    ClientSecret,
    /// A certificate of an application.
    Certificate,
    /// The identity of an Azure machine.
    ManagedIdentity,
    /// The Azure CLI's own sign-in.
    AzureCli,
    /// A federated token of a workload.
    WorkloadIdentity,
}

impl SignInMethod {
    /// The word of the organization file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::DeviceCode => "device-code",
            Self::ClientSecret => "client-secret",
            Self::Certificate => "certificate",
            Self::ManagedIdentity => "managed-identity",
            Self::AzureCli => "azure-cli",
            Self::WorkloadIdentity => "workload-identity",
        }
    }
}

/// Where a secret is.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// In the organization file itself, or known to the program.
    Plain(Secret),
    /// In an environment variable.
    Env(String),
    /// In a file.
    File(PathBuf),
    /// In a file that need not be text; what is read is its base64.
    Bytes(PathBuf),
    /// The output of a command.
    Command(String),
    /// Asked for at the terminal; the key of the organization file that it is for.
    Prompt(&'static str),
}

impl Organization {
    /// Reads an organization file; paths in it are relative to `folder`, and files it names are read by `read_file`.
    ///
    /// # Errors
    ///
    /// [`Problem`] with the key and what is wrong with it.
    pub fn parse(
        name: &str,
        text: &str,
        folder: &Path,
        read_file: &dyn Fn(&Path) -> std::io::Result<String>,
    ) -> Result<Self, Problem> {
        let file: OrganizationFile =
            serde_path_to_error::deserialize(toml::Deserializer::parse(text).map_err(|error| {
                Problem::Toml {
                    reason: error.to_string(),
                }
            })?)
            .map_err(|error| Problem::of_key(&error.path().to_string(), error.inner().message()))?;
        let read_ca = |key: &'static str, file: &Option<PathBuf>| {
            file.as_ref()
                .map(|file| {
                    let path = folder.join(file);
                    read_file(&path).map_err(|error| Problem::File {
                        key,
                        path,
                        reason: error.to_string(),
                    })
                })
                .transpose()
        };
        let exchange = file
            .exchange
            .map(|exchange| {
                Ok(OnPremisesExchange {
                    ca: read_ca("exchange.ca_file", &exchange.ca_file)?,
                    url: check_url("exchange.url", exchange.url, &["http://", "https://"])?,
                    auth: exchange.auth,
                    account: check_account(
                        exchange.auth,
                        exchange.username,
                        exchange.password,
                        exchange.kdc.as_deref(),
                        folder,
                    )?,
                    kdc: exchange.kdc,
                    winrm: exchange
                        .winrm
                        .map(|winrm| check_url("exchange.winrm", winrm, &["http://", "https://"]))
                        .transpose()?,
                    redirect_hosts: check_hosts(exchange.redirect_hosts)?,
                })
            })
            .transpose()?;
        let ca = read_ca("endpoints.ca_file", &file.endpoints.ca_file)?;
        Ok(Self {
            name: name.to_owned(),
            cloud: file.cloud,
            tenant: check_tenant(file.tenant)?,
            exchange,
            sign_in: SignIn {
                method: file.sign_in.method,
                client_id: file.sign_in.client_id,
                secret: file
                    .sign_in
                    .secret
                    .map(|secret| secret.into_source("sign_in.secret", folder)),
                certificate: file.sign_in.certificate.map(|path| folder.join(path)),
                certificate_password: file
                    .sign_in
                    .certificate_password
                    .map(|secret| secret.into_source("sign_in.certificate_password", folder)),
                algorithm: file.sign_in.algorithm,
            },
            endpoints: file.endpoints.cells()?,
            ca,
        })
    }

    /// The addresses, once the cloud is known.
    pub fn addresses(&self, cloud: CloudName) -> Addresses {
        Addresses::new(cloud, self.endpoints.clone())
    }
}

/// What is wrong with an organization file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is not TOML.
    Toml {
        /// What the TOML reader says, with line and column.
        reason: String,
    },
    /// A key that must be there is not.
    Missing {
        /// The path of the key.
        key: String,
    },
    /// A key is unknown, or has the wrong kind of value.
    Key {
        /// The path of the key.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// An address is not one.
    Address {
        /// The path of the key.
        key: String,
        /// What was given.
        given: String,
        /// What it must start with.
        expected: &'static str,
    },
    /// The tenant is not a domain or an identifier.
    Tenant {
        /// What was given.
        given: String,
    },
    /// A file that it names cannot be read.
    File {
        /// The path of the key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

/// The keys that must be there, each with what is written there.
const REQUIRED: [(&str, &str); 5] = [
    (
        "tenant",
        "write tenant = \"contoso.onmicrosoft.com\" with your initial domain, or with the id of your tenant",
    ),
    (
        "sign_in",
        "write a table [sign_in] with method = \"browser\", or with another way to sign in to Entra ID",
    ),
    (
        "sign_in.method",
        "method = \"browser\" signs in a person at this computer, \"client-secret\" or \"certificate\" an application",
    ),
    (
        "exchange.url",
        "write the address of PowerShell on an Exchange server, such as url = \"http://ex01.contoso.com/PowerShell/\"",
    ),
    (
        "exchange.auth",
        "it is \"kerberos\", \"negotiate\", \"ntlm\" or \"basic\"",
    ),
];

impl Problem {
    /// What the reader of keys found at a path; it names a missing key by the table that lacks it.
    fn of_key(path: &str, reason: &str) -> Self {
        let missing = reason
            .strip_prefix("missing field `")
            .and_then(|rest| rest.strip_suffix('`'));
        match missing {
            Some(key) if path == "." => Self::Missing {
                key: key.to_owned(),
            },
            Some(key) => Self::Missing {
                key: format!("{path}.{key}"),
            },
            None => Self::Key {
                key: path.to_owned(),
                reason: reason.to_owned(),
            },
        }
    }

    /// What to write, where a key is missing.
    pub fn hint(&self) -> Option<&'static str> {
        let Self::Missing { key } = self else {
            return None;
        };
        let found = REQUIRED.iter().find(|(required, _)| required == key);
        found.map(|(_, hint)| *hint)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { key } => {
                write!(formatter, "\"{key}\" is missing in the organization file")
            }
            Self::Toml { reason } => {
                write!(formatter, "the organization file is not TOML: {reason}")
            }
            Self::Key { key, reason } if key == "." => {
                write!(formatter, "in the organization file: {reason}")
            }
            Self::Key { key, reason } => {
                write!(formatter, "\"{key}\" in the organization file: {reason}")
            }
            Self::Address {
                key,
                given,
                expected,
            } => {
                write!(
                    formatter,
                    "\"{key}\" in the organization file is \"{given}\", which is not a URL that starts with {expected}"
                )
            }
            Self::Tenant { given } => {
                write!(
                    formatter,
                    "\"tenant\" in the organization file is \"{given}\", which is neither a domain nor a tenant id"
                )
            }
            Self::File { key, path, reason } => {
                write!(
                    formatter,
                    "\"{key}\" in the organization file names {}, which cannot be read: {reason}",
                    path.display()
                )
            }
        }
    }
}

impl Error for Problem {}

fn check_url(
    key: &str,
    given: String,
    schemes: &'static [&'static str],
) -> Result<String, Problem> {
    let host = schemes.iter().find_map(|scheme| given.strip_prefix(scheme));
    match host {
        Some(rest)
            if !rest.is_empty()
                && !rest.starts_with('/')
                && !given.contains(char::is_whitespace) =>
        {
            Ok(given)
        }
        _ => Err(Problem::Address {
            key: key.to_owned(),
            given,
            expected: if schemes.len() == 1 {
                "https://"
            } else {
                "http:// or https://"
            },
        }),
    }
}

/// An account is a user name and a password; only Kerberos does without, by a ticket that is there already.
fn check_account(
    auth: Authentication,
    username: Option<String>,
    password: Option<SecretValue>,
    kdc: Option<&str>,
    folder: &Path,
) -> Result<Option<ExchangeAccount>, Problem> {
    let wrong = |key: &str, reason: &str| Problem::Key {
        key: key.to_owned(),
        reason: reason.to_owned(),
    };
    let missing = match (username, password) {
        (Some(username), Some(password)) => {
            return Ok(Some(ExchangeAccount {
                username,
                password: password.into_source("exchange.password", folder),
            }));
        }
        (None, None) if auth == Authentication::Kerberos => {
            return match kdc {
                None => Ok(None),
                Some(_) => Err(wrong(
                    "exchange.kdc",
                    "it is for signing in with username and password; for a ticket that is held already, the system's Kerberos settings say where the domain controllers are",
                )),
            };
        }
        (Some(_), None) => "exchange.password",
        (None, _) => "exchange.username",
    };
    Err(wrong(
        missing,
        "it is missing; only auth = \"kerberos\" does without both username and password, with the ticket that is held already",
    ))
}

/// Hosts are names: an address would hide what is allowed.
fn check_hosts(given: Vec<String>) -> Result<Vec<String>, Problem> {
    let wrong = given
        .iter()
        .find(|host| host.is_empty() || host.contains(['/', ':', '@', '*', ' ']));
    match wrong {
        Some(host) => Err(Problem::Key {
            key: "exchange.redirect_hosts".to_owned(),
            reason: format!("\"{host}\" is not the name of a host, such as ex02.contoso.com"),
        }),
        None => Ok(given),
    }
}

fn check_tenant(given: String) -> Result<String, Problem> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || letter == '.' || letter == '-';
    if !given.is_empty() && given.chars().all(good) && (given.contains('.') || given.contains('-'))
    {
        Ok(given)
    } else {
        Err(Problem::Tenant { given })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrganizationFile {
    cloud: Option<CloudName>,
    tenant: String,
    exchange: Option<ExchangeTable>,
    sign_in: SignInTable,
    #[serde(default)]
    endpoints: EndpointsTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [exchange]")]
struct ExchangeTable {
    url: String,
    auth: Authentication,
    username: Option<String>,
    password: Option<SecretValue>,
    kdc: Option<String>,
    ca_file: Option<PathBuf>,
    winrm: Option<String>,
    #[serde(default)]
    redirect_hosts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [sign_in]")]
struct SignInTable {
    method: SignInMethod,
    client_id: Option<String>,
    secret: Option<SecretValue>,
    certificate: Option<PathBuf>,
    certificate_password: Option<SecretValue>,
    #[serde(default)]
    algorithm: Algorithm,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [endpoints]")]
struct EndpointsTable {
    login: Option<String>,
    graph: Option<String>,
    exchange_online: Option<String>,
    autodiscover: Option<String>,
    acs_metadata: Option<String>,
    sts_metadata: Option<String>,
    token_service: Option<String>,
    initial_domain_suffix: Option<String>,
    ca_file: Option<PathBuf>,
}

impl EndpointsTable {
    fn cells(self) -> Result<BTreeMap<Cell, String>, Problem> {
        let given = [
            (Cell::Login, self.login),
            (Cell::Graph, self.graph),
            (Cell::ExchangeOnline, self.exchange_online),
            (Cell::Autodiscover, self.autodiscover),
            (Cell::AcsMetadata, self.acs_metadata),
            (Cell::StsMetadata, self.sts_metadata),
            (Cell::TokenService, self.token_service),
            (Cell::InitialDomainSuffix, self.initial_domain_suffix),
        ];
        given
            .into_iter()
            .filter_map(|(cell, address)| address.map(|address| (cell, address)))
            .map(|(cell, address)| match cell {
                Cell::TokenService | Cell::InitialDomainSuffix => Ok((cell, address)),
                _ => {
                    let address =
                        check_url(&format!("endpoints.{}", cell.key()), address, &["https://"])?;
                    Ok((cell, address.trim_end_matches('/').to_owned()))
                }
            })
            .collect()
    }
}

/// A secret as the file gives it: a text, or a table with one of `env`, `file`, `command`, `prompt`.
#[derive(Deserialize)]
#[serde(try_from = "toml::Value")]
enum SecretValue {
    Plain(Secret),
    Env(String),
    File(PathBuf),
    Command(String),
    Prompt,
}

impl TryFrom<toml::Value> for SecretValue {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        let ways = "a secret is { env = \"...\" }, { file = \"...\" }, { command = \"...\" }, { prompt = true } or a text";
        let table = match value {
            toml::Value::String(text) => return Ok(Self::Plain(Secret::new(text))),
            toml::Value::Table(table) if table.len() == 1 => table,
            _ => return Err(ways.to_owned()),
        };
        match table.into_iter().next() {
            Some((key, toml::Value::String(name))) if key == "env" => Ok(Self::Env(name)),
            Some((key, toml::Value::String(path))) if key == "file" => Ok(Self::File(path.into())),
            Some((key, toml::Value::String(command))) if key == "command" => {
                Ok(Self::Command(command))
            }
            Some((key, toml::Value::Boolean(true))) if key == "prompt" => Ok(Self::Prompt),
            _ => Err(ways.to_owned()),
        }
    }
}

impl SecretValue {
    fn into_source(self, key: &'static str, folder: &Path) -> SecretSource {
        match self {
            Self::Plain(secret) => SecretSource::Plain(secret),
            Self::Env(name) => SecretSource::Env(name),
            Self::File(path) => SecretSource::File(folder.join(path)),
            Self::Command(command) => SecretSource::Command(command),
            Self::Prompt => SecretSource::Prompt(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTOSO: &str = r#"
        cloud = "worldwide"
        tenant = "contoso.onmicrosoft.com"
        [exchange]
        url = "https://ex01.contoso.com/PowerShell/"
        auth = "basic"
        username = 'CONTOSO\admin'
        password = { env = "EXCHANGE_PASSWORD" }
        [sign_in]
        method = "client-secret"
        client_id = "8d8c2ff0-2d3b-4ad6-9c6c-6c1b9d1ef0a1"
        secret = { file = "secret.txt" }
        [endpoints]
        graph = "https://graph.example/"
    "#;

    fn parse(text: &str) -> Result<Organization, String> {
        let no_files = |_: &Path| Err(std::io::Error::other("no files in this test"));
        Organization::parse("contoso", text, Path::new("folder"), &no_files)
            .map_err(|problem| problem.to_string())
    }

    #[test]
    fn windows_endpoint_has_its_usual_port_or_the_address_that_is_named() -> Result<(), String> {
        let mut exchange = parse(CONTOSO)?.exchange.ok_or("no exchange")?;
        assert_eq!(exchange.host(), "ex01.contoso.com");
        let server = "ex02.contoso.com";
        assert_eq!(
            exchange.winrm_url(server),
            "https://ex02.contoso.com:5986/wsman"
        );
        exchange.auth = Authentication::Kerberos;
        assert_eq!(
            exchange.winrm_url(server),
            "http://ex02.contoso.com:5985/wsman"
        );
        let named = CONTOSO.replace(
            "[sign_in]",
            "winrm = \"https://{server}:443/wsman\"\n[sign_in]",
        );
        let exchange = parse(&named)?.exchange.ok_or("no exchange")?;
        assert_eq!(
            exchange.winrm_url(server),
            "https://ex02.contoso.com:443/wsman"
        );
        for (url, host) in [
            ("http://ex01/PowerShell/", "ex01"),
            ("https://ex01:444/", "ex01"),
            ("https://[::1]", "[::1]"),
            ("https://[::1]:5986?x", "[::1]"),
        ] {
            let exchange = OnPremisesExchange {
                url: url.to_owned(),
                ..exchange.clone()
            };
            assert_eq!(exchange.host(), host, "{url}");
        }
        Ok(())
    }

    #[test]
    fn a_whole_file_is_read() -> Result<(), String> {
        let contoso = parse(CONTOSO)?;
        assert_eq!(contoso.cloud, Some(CloudName::Worldwide));
        assert_eq!(
            contoso.endpoints,
            BTreeMap::from([(Cell::Graph, "https://graph.example".to_owned())])
        );
        let exchange = contoso.exchange.ok_or("no exchange")?;
        assert_eq!(exchange.auth, Authentication::Basic);
        let account = exchange.account.ok_or("no account")?;
        assert_eq!(account.username, "CONTOSO\\admin");
        assert!(matches!(account.password, SecretSource::Env(name) if name == "EXCHANGE_PASSWORD"));
        assert!(
            matches!(contoso.sign_in.secret, Some(SecretSource::File(path)) if path == Path::new("folder/secret.txt"))
        );
        Ok(())
    }

    #[test]
    fn kerberos_does_without_an_account_and_nothing_else_does() -> Result<(), String> {
        let username = "        username = 'CONTOSO\\admin'\n";
        let password = "        password = { env = \"EXCHANGE_PASSWORD\" }\n";
        let kerberos = CONTOSO.replace("\"basic\"", "\"kerberos\"");
        let ticket = kerberos.replace(username, "").replace(password, "");
        let exchange = parse(&ticket)?.exchange.ok_or("no exchange")?;
        assert!(exchange.account.is_none());
        let begin = |text: &str| {
            let message = parse(text).err().unwrap_or_default();
            let (begin, _) = message.split_once(';').unwrap_or_default();
            begin.to_owned()
        };
        for (text, expected) in [
            (
                ticket.replace("kerberos", "negotiate"),
                "\"exchange.username\" in the organization file: it is missing",
            ),
            (
                kerberos.replace(username, ""),
                "\"exchange.username\" in the organization file: it is missing",
            ),
            (
                CONTOSO.replace(password, ""),
                "\"exchange.password\" in the organization file: it is missing",
            ),
            (
                ticket.replace("[sign_in]", "kdc = \"dc01\"\n[sign_in]"),
                "\"exchange.kdc\" in the organization file: it is for signing in with username and password",
            ),
        ] {
            assert_eq!(begin(&text), expected);
        }
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_named() {
        let problems = [
            (
                CONTOSO.replace("auth =", "auht ="),
                "\"exchange.auht\" in the organization file: unknown field `auht`",
            ),
            (
                CONTOSO.replace("https://graph.example/", "graph.example"),
                "\"endpoints.graph\" in the organization file is \"graph.example\", which is not a URL that starts with https://",
            ),
            (
                CONTOSO.replace("contoso.onmicrosoft.com", "con toso"),
                "\"tenant\" in the organization file is \"con toso\"",
            ),
            (
                CONTOSO.replace("env =", "environment ="),
                "\"exchange.password\" in the organization file: a secret is",
            ),
            ("tenant".to_owned(), "the organization file is not TOML"),
            (
                "tenant = \"contoso.com\"\nsign_in = \"browser\"".to_owned(),
                "\"sign_in\" in the organization file: invalid type: string \"browser\", expected a table [sign_in]",
            ),
        ];
        for (text, expected) in problems {
            let message = parse(&text).err().unwrap_or_default();
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn a_key_that_must_be_there_is_named_with_what_to_write() {
        let no_files = |_: &Path| Err(std::io::Error::other("no files in this test"));
        for (key, hint) in REQUIRED {
            let line = |line: &str| match key {
                "sign_in" => ["[sign_in]", "method", "client_id", "secret"]
                    .iter()
                    .any(|start| line.trim().starts_with(start)),
                _ => {
                    let name = key.rsplit('.').next().unwrap_or(key);
                    line.trim().starts_with(&format!("{name} ="))
                }
            };
            let rest: Vec<&str> = CONTOSO.lines().filter(|text| !line(text)).collect();
            let read =
                Organization::parse("contoso", &rest.join("\n"), Path::new("folder"), &no_files);
            let problem = read.err();
            let told = problem
                .as_ref()
                .map(|problem| (problem.to_string(), problem.hint()));
            let sentence = format!("\"{key}\" is missing in the organization file");
            assert_eq!(told, Some((sentence, Some(hint))));
        }
    }
}
