//! [`Context`]: a security context, made with one connection and useless with any other: of `sspi`, or of the system's
//! Kerberos library for a [`Ticket`](super::ticket::Ticket) that is held already.
//!
//! It makes and reads the tokens of the sign-in, then seals and unseals. It never names the password or a key in an error.

use super::kdc::{Courier, error_code, service_error_code};
use super::kerberos::{KDC_ERR_C_PRINCIPAL_UNKNOWN, KDC_ERR_WRONG_REALM};
use super::locate;
use super::problem::Problem;
use super::security::{Account, Person, Scheme, Way};
#[cfg(feature = "single-sign-on")]
use super::ticket::Ticket;
use crate::remoting::wsman::{Protection, SealedPart};
use sspi::credssp::SspiContext;
use sspi::generator::GeneratorState;
use sspi::negotiate::ProtocolConfig;
use sspi::ntlm::NtlmConfig;
use sspi::{
    AuthIdentity, BufferType, ClientRequestFlags, Credentials, CredentialsBuffers,
    DataRepresentation, EncryptionFlags, Kerberos, KerberosConfig, Negotiate, NegotiateConfig,
    Ntlm, SecurityBuffer, SecurityBufferRef, SecurityStatus, Sspi as _, SspiImpl, Username,
    UsernameParts,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// A security context, and who it is for.
pub(super) struct Context {
    package: Package,
    way: Way,
    service: String,
    /// The binding to the TLS connection below, if there is one (RFC 5929 4).
    binding: Option<Vec<u8>>,
    complete: bool,
    time_limit: Duration,
}

/// A package of `sspi` with its credentials, or the ticket that needs none.
enum Package {
    Sspi(Box<SspiContext>, Option<CredentialsBuffers>),
    #[cfg(feature = "single-sign-on")]
    Ticket(Ticket),
}

impl Context {
    /// Makes a context and its first token.
    pub(super) async fn begin(
        account: &Account,
        way: Way,
        certificate: Option<&[u8]>,
        time_limit: Duration,
    ) -> Result<(Self, Vec<u8>), Problem> {
        let Some(person) = &account.person else {
            return Self::begin_with_ticket(account, way, certificate, time_limit).await;
        };
        let mut refusal = None;
        for username in spellings(person, &account.host, way)? {
            let mut context = Self {
                package: Package::new(person, &account.host, way, username, time_limit).await?,
                way,
                service: account.service(),
                binding: certificate.and_then(channel_binding),
                complete: false,
                time_limit,
            };
            match context.step(&[]).await {
                Ok(token) => return Ok((context, token)),
                Err(problem) if is_about_the_name(&problem) => {
                    tracing::debug!(%problem, "this spelling of the account was refused");
                    refusal.get_or_insert(problem);
                }
                Err(problem) => return Err(problem),
            }
        }
        Err(refusal.unwrap_or(Problem::Credentials))
    }

    #[cfg(feature = "single-sign-on")]
    async fn begin_with_ticket(
        account: &Account,
        way: Way,
        certificate: Option<&[u8]>,
        time_limit: Duration,
    ) -> Result<(Self, Vec<u8>), Problem> {
        let service = account.service();
        let bound_to = certificate.and_then(end_point);
        let (ticket, token) =
            Ticket::begin(service.clone(), way.scheme, bound_to, time_limit).await?;
        let context = Self {
            package: Package::Ticket(ticket),
            way,
            service,
            binding: None,
            complete: false,
            time_limit,
        };
        Ok((context, token))
    }

    #[cfg(not(feature = "single-sign-on"))]
    async fn begin_with_ticket(
        _account: &Account,
        _way: Way,
        _certificate: Option<&[u8]>,
        _time_limit: Duration,
    ) -> Result<(Self, Vec<u8>), Problem> {
        std::future::ready(()).await;
        Err(Problem::NoTickets)
    }

    /// Reads a token of the server and makes the next one, which is empty when there is nothing more to say.
    pub(super) async fn step(&mut self, token: &[u8]) -> Result<Vec<u8>, Problem> {
        if token.len() > LARGEST_TOKEN {
            return Err(Problem::Security {
                scheme: self.way.scheme.name(),
                reason: format!("the server's token is larger than {LARGEST_TOKEN} bytes"),
            });
        }
        let mut courier = Courier::new(self.time_limit);
        // sspi 0.23 writes KERB_AP_OPTIONS_CBT in two bytes where MS-KILE 2.2.2 has four, which MIT's servers refuse; a
        // negotiation that came to NTLM is bound.
        let is_kerberos = self.is_kerberos();
        let binding = self.binding.as_deref().filter(|_| !is_kerberos);
        let service = self.service.as_str();
        let stepped = match &mut self.package {
            Package::Sspi(package, credentials) => {
                let courier = &mut courier;
                step(package, credentials, service, token, binding, courier).await
            }
            #[cfg(feature = "single-sign-on")]
            Package::Ticket(ticket) => {
                let answer = ticket.step(token, service)?;
                self.complete = ticket.is_complete();
                return Ok(answer);
            }
        };
        match stepped {
            Ok((token, status)) => {
                self.complete = !matches!(
                    status,
                    SecurityStatus::ContinueNeeded | SecurityStatus::CompleteAndContinue
                );
                Ok(token)
            }
            Err(error) => Err(self.explain(&error, courier, token)),
        }
    }

    fn explain(&self, error: &sspi::Error, courier: Courier, token: &[u8]) -> Problem {
        if let Some(problem) = courier.unreachable {
            return problem;
        }
        let service = service_error_code(token).or_else(|| error_code(token));
        match courier.refusal.or(service) {
            Some(code) => Problem::Kerberos {
                code,
                service: self.service.clone(),
            },
            None => Problem::Security {
                scheme: self.way.scheme.name(),
                reason: words(error),
            },
        }
    }

    /// Whether both sides have said all they have to say.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(super) fn protection(&self) -> Protection {
        self.way.scheme.protection()
    }

    /// Seals one envelope.
    pub(super) fn seal(&mut self, plain: &[u8]) -> Result<SealedPart, Problem> {
        let mut data = plain.to_vec();
        let sealed = match &mut self.package {
            Package::Sspi(package, _) => seal(package, &mut data),
            #[cfg(feature = "single-sign-on")]
            Package::Ticket(ticket) => return ticket.seal(plain, &self.service),
        };
        let (signature, data) = sealed.map_err(|error| self.unusable(&error))?;
        Ok(SealedPart {
            length: plain.len(),
            signature,
            data,
        })
    }

    /// Opens what the server sealed.
    pub(super) fn unseal(&mut self, part: SealedPart) -> Result<Vec<u8>, Problem> {
        if self.is_kerberos() && !is_rotated_as_windows_does(&part) {
            return Err(Problem::Security {
                scheme: self.way.scheme.name(),
                reason: "a sealed answer has a header that no server writes".to_owned(),
            });
        }
        let opened = match &mut self.package {
            Package::Sspi(package, _) => unseal(package, part),
            #[cfg(feature = "single-sign-on")]
            Package::Ticket(ticket) => return ticket.unseal(part, &self.service),
        };
        opened.map_err(|error| self.unusable(&error))
    }

    /// Whether it is the Kerberos of `sspi`.
    fn is_kerberos(&self) -> bool {
        match &self.package {
            Package::Sspi(package, _) => match package.as_ref() {
                SspiContext::Kerberos(_) => true,
                SspiContext::Negotiate(package) => package.negotiated_protocol().is_kerberos(),
                _ => false,
            },
            #[cfg(feature = "single-sign-on")]
            Package::Ticket(_) => false,
        }
    }

    fn unusable(&self, error: &sspi::Error) -> Problem {
        Problem::Security {
            scheme: self.way.scheme.name(),
            reason: words(error),
        }
    }
}

impl Package {
    async fn new(
        person: &Person,
        host: &str,
        way: Way,
        username: Username,
        time_limit: Duration,
    ) -> Result<Self, Problem> {
        let realm = realm(&username);
        let fail = |error: sspi::Error| Problem::Security {
            scheme: way.scheme.name(),
            reason: words(&error),
        };
        let identity = AuthIdentity {
            username,
            password: person.password.expose().to_owned().into(),
        };
        let credentials =
            CredentialsBuffers::try_from(Credentials::from(identity)).map_err(fail)?;
        let ntlm = || NtlmConfig::new(WORKSTATION.to_owned());
        if way.scheme == Scheme::Ntlm {
            let package = SspiContext::Ntlm(Ntlm::with_config(ntlm()));
            return Ok(Self::Sspi(Box::new(package), Some(credentials)));
        }
        let kdc = if way.kerberos {
            match find_kdc(person, host, &realm, time_limit).await {
                Ok(kdc) => Some(kdc),
                // Negotiation goes on with NTLM.
                Err(problem) if way.ntlm => {
                    tracing::debug!(%problem, "Kerberos is left out");
                    None
                }
                Err(problem) => return Err(problem),
            }
        } else {
            None
        };
        let kerberos =
            kdc.map(|kdc| KerberosConfig::new_with_kdc_url(&kdc, WORKSTATION.to_owned()));
        let package = if way.scheme == Scheme::Kerberos {
            let config = kerberos.ok_or(Problem::NoKdc { realm })?;
            SspiContext::Kerberos(Kerberos::new_client_from_config(config).map_err(fail)?)
        } else {
            let packages = match (&kerberos, way.ntlm) {
                (Some(_), true) => "kerberos,ntlm",
                (Some(_), false) => "kerberos",
                (None, _) => "ntlm",
            };
            let protocol: Box<dyn ProtocolConfig> = match kerberos {
                Some(config) => Box::new(config),
                None => Box::new(ntlm()),
            };
            let workstation = WORKSTATION.to_owned();
            let config = NegotiateConfig::new(protocol, Some(packages.to_owned()), workstation);
            SspiContext::Negotiate(Negotiate::new_client(config).map_err(fail)?)
        };
        Ok(Self::Sspi(Box::new(package), Some(credentials)))
    }
}

/// Drives one call of `sspi`, which stops whenever it needs the key distribution center.
async fn step(
    package: &mut SspiContext,
    credentials: &mut Option<CredentialsBuffers>,
    service: &str,
    token: &[u8],
    binding: Option<&[u8]>,
    courier: &mut Courier,
) -> sspi::Result<(Vec<u8>, SecurityStatus)> {
    let mut input = vec![SecurityBuffer::new(token.to_vec(), BufferType::Token)];
    if let Some(binding) = binding {
        input.push(SecurityBuffer::new(
            binding.to_vec(),
            BufferType::ChannelBindings,
        ));
    }
    let mut output = vec![SecurityBuffer::new(Vec::new(), BufferType::Token)];
    let mut builder = package
        .initialize_security_context()
        .with_credentials_handle(credentials)
        .with_context_requirements(
            ClientRequestFlags::MUTUAL_AUTH
                | ClientRequestFlags::REPLAY_DETECT
                | ClientRequestFlags::SEQUENCE_DETECT
                | ClientRequestFlags::CONFIDENTIALITY
                | ClientRequestFlags::INTEGRITY,
        )
        .with_target_data_representation(DataRepresentation::Native)
        .with_target_name(service)
        .with_input(&mut input)
        .with_output(&mut output);
    let result = {
        let mut generator =
            guarded(|| SspiImpl::initialize_security_context_impl(package, &mut builder))?;
        let mut state = guarded(|| Ok(generator.start()))?;
        loop {
            match state {
                GeneratorState::Suspended(request) => {
                    let answer = courier.carry(&request).await;
                    state = guarded(|| Ok(generator.resume(answer)))?;
                }
                GeneratorState::Completed(result) => break result?,
            }
        }
    };
    let token = std::mem::take(
        &mut SecurityBuffer::find_buffer_mut(&mut output, BufferType::Token)?.buffer,
    );
    Ok((token, result.status))
}

/// Calls `sspi`, in which bytes of a server can reach an assertion: that fails the sign-in, not the program. What it
/// was called with is thrown away then, since every error here ends the connection.
fn guarded<T>(call: impl FnOnce() -> sspi::Result<T>) -> sspi::Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        Err(sspi::Error::new(
            sspi::ErrorKind::InternalError,
            "it cannot be understood",
        ))
    })
}

/// Encrypts in place; gives the signature and the sealed bytes.
fn seal(package: &mut SspiContext, data: &mut [u8]) -> sspi::Result<(Vec<u8>, Vec<u8>)> {
    let size = package.query_context_sizes()?.security_trailer as usize;
    let mut signature = vec![0; size];
    let mut buffers = [
        SecurityBufferRef::token_buf(&mut signature),
        SecurityBufferRef::data_buf(data),
    ];
    guarded(|| package.encrypt_message(EncryptionFlags::empty(), &mut buffers))?;
    let [signature, data] = &buffers;
    Ok((signature.data().to_vec(), data.data().to_vec()))
}

fn unseal(package: &mut SspiContext, part: SealedPart) -> sspi::Result<Vec<u8>> {
    let SealedPart {
        mut signature,
        mut data,
        length,
    } = part;
    let mut buffers = [
        SecurityBufferRef::token_buf(&mut signature),
        SecurityBufferRef::data_buf(&mut data),
    ];
    guarded(|| package.decrypt_message(&mut buffers))?;
    let [_, plain] = &buffers;
    let plain = plain.data();
    Ok(plain.get(..length).unwrap_or(plain).to_vec())
}

/// The names to try: as it was given, then as a name in the domain, for key distribution centers that do not know user
/// principal names.
fn spellings(person: &Person, host: &str, way: Way) -> Result<Vec<Username>, Problem> {
    let given = Username::parse(&person.username).map_err(|_| Problem::Credentials)?;
    let domain = match given.parts() {
        UsernameParts::UserPrincipalName(parts) => Some(parts.suffix().to_owned()),
        UsernameParts::DownLevelLogonName(parts) => parts.netbios_domain().map(str::to_owned),
    };
    let in_domain = |domain: &str| {
        Username::new_down_level_logon_name(given.account_name(), domain)
            .map_err(|_| Problem::Credentials)
    };
    match (&domain, way.kerberos) {
        (Some(suffix), true) if given.format() == sspi::UserNameFormat::UserPrincipalName => {
            let plain = in_domain(suffix)?;
            Ok(vec![given, plain])
        }
        (None, true) => match host.split_once('.') {
            Some((_, domain)) => Ok(vec![in_domain(domain)?]),
            None => Err(Problem::NoDomain {
                username: person.username.clone(),
            }),
        },
        _ => Ok(vec![given]),
    }
}

/// Whether another spelling of the account may be known.
fn is_about_the_name(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::Kerberos {
            code: KDC_ERR_C_PRINCIPAL_UNKNOWN | KDC_ERR_WRONG_REALM,
            ..
        }
    )
}

fn realm(username: &Username) -> String {
    match username.parts() {
        UsernameParts::UserPrincipalName(parts) => parts.suffix().to_uppercase(),
        UsernameParts::DownLevelLogonName(parts) => {
            parts.netbios_domain().unwrap_or_default().to_uppercase()
        }
    }
}

/// Where the key distribution center is: where the organization file says, where the system's own Kerberos settings
/// say, where the name servers say, or at the name of the domain, at which the domain controllers of Active Directory
/// answer.
async fn find_kdc(
    person: &Person,
    host: &str,
    realm: &str,
    time_limit: Duration,
) -> Result<String, Problem> {
    if let Some(kdc) = &person.kdc {
        let address = kdc.strip_prefix("tcp://").unwrap_or(kdc);
        let wrong = address.is_empty()
            || address.contains(['/', '@', '?', '#'])
            || address.contains(char::is_whitespace);
        return if wrong {
            Err(Problem::WrongKdc { kdc: kdc.clone() })
        } else {
            Ok(format!("tcp://{address}"))
        };
    }
    let wanted = realm.to_owned();
    let asking = tokio::task::spawn_blocking(move || sspi::detect_kdc_host(&wanted));
    if let Ok(Ok(Some(found))) = tokio::time::timeout(time_limit, asking).await {
        return Ok(found);
    }
    let domain = if realm.contains('.') {
        Some(realm)
    } else {
        let parent = host.split_once('.').map(|(_, parent)| parent);
        parent.filter(|parent| parent.contains('.'))
    };
    let Some(domain) = domain else {
        return Err(Problem::NoKdc {
            realm: realm.to_owned(),
        });
    };
    let named = locate::key_distribution_centers(domain, time_limit).await;
    let found = locate::first_that_answers(&named, time_limit).await;
    let authority = found.or(named.first()).cloned();
    Ok(format!(
        "tcp://{}",
        authority.unwrap_or_else(|| domain.to_lowercase())
    ))
}

/// Says whether `sspi` can turn the bytes of a Kerberos wrap token back (RFC 4121 4.2.4); it does not look itself.
fn is_rotated_as_windows_does(part: &SealedPart) -> bool {
    let token: Vec<u8> = part
        .signature
        .iter()
        .chain(&part.data)
        .copied()
        .take(WRAP_HEADER)
        .collect();
    let Some(
        &[
            5,
            4,
            _,
            0xff,
            extra_high,
            extra_low,
            rotated_high,
            rotated_low,
            ..,
        ],
    ) = token.first_chunk::<WRAP_HEADER>()
    else {
        return false;
    };
    let extra = usize::from(u16::from_be_bytes([extra_high, extra_low]));
    let rotated = u16::from_be_bytes([rotated_high, rotated_low]);
    let length = part.signature.len() + part.data.len();
    rotated == ROTATION && extra <= 16 && length >= 2 * WRAP_HEADER + usize::from(ROTATION) + extra
}

/// What ties the sign-in to this TLS connection (RFC 5929 4.1).
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let algorithm = parsed.signature_algorithm.algorithm.to_id_string();
    let digest = match algorithm.as_str() {
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => &aws_lc_rs::digest::SHA384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => &aws_lc_rs::digest::SHA512,
        // MD5 and SHA-1 are replaced by SHA-256.
        _ => &aws_lc_rs::digest::SHA256,
    };
    let mut data = b"tls-server-end-point:".to_vec();
    data.extend_from_slice(aws_lc_rs::digest::digest(digest, certificate).as_ref());
    Some(data)
}

/// The same in a `SEC_CHANNEL_BINDINGS`.
fn channel_binding(certificate: &[u8]) -> Option<Vec<u8>> {
    let data = end_point(certificate)?;
    let length = u32::try_from(data.len()).ok()?;
    let mut binding = vec![0; BINDING_HEADER as usize];
    binding[24..28].copy_from_slice(&length.to_le_bytes());
    binding[28..32].copy_from_slice(&BINDING_HEADER.to_le_bytes());
    binding.extend_from_slice(&data);
    Some(binding)
}

/// Its own words, without the data that it appends.
fn words(error: &sspi::Error) -> String {
    let words = error.description.split(". Additional error").next();
    let words = words.unwrap_or_default().trim_end_matches('.');
    if words.is_empty() {
        format!("{:?}", error.error_type)
    } else {
        words.to_owned()
    }
}

/// What this side calls itself; NTLM and Kerberos want a name, and nobody looks it up.
const WORKSTATION: &str = "EXOAUTH";

/// Windows sends at most 48,000 bytes (`MaxTokenSize`).
const LARGEST_TOKEN: usize = 64 << 10;

/// The header of a wrap token (RFC 4121 4.2.6.2).
const WRAP_HEADER: usize = 16;

/// How far the encrypted bytes are rotated (MS-KILE 3.4.5.4.1).
const ROTATION: u16 = 28;

/// The size of `SEC_CHANNEL_BINDINGS` without its data.
const BINDING_HEADER: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn part(header: [u8; 8], length: usize) -> SealedPart {
        let mut signature = header.to_vec();
        signature.resize(60, 0);
        SealedPart {
            length,
            signature,
            data: vec![0; length],
        }
    }

    #[test]
    fn an_assertion_of_the_security_package_is_an_error() {
        let data = Vec::<u8>::new();
        let error = guarded(|| Ok(data[data.len()])).map_err(|error| words(&error));
        assert_eq!(error, Err("it cannot be understood".to_owned()));
        assert!(guarded(|| Ok(1)).is_ok());
    }

    #[test]
    fn only_wrap_tokens_that_can_be_turned_back_reach_the_security_package() {
        let good = [5, 4, 7, 0xff, 0, 0, 0, 28];
        assert!(is_rotated_as_windows_does(&part(good, 10)));
        assert!(is_rotated_as_windows_does(&part(
            [5, 4, 7, 0xff, 0, 16, 0, 28],
            26
        )));
        for bad in [
            [4, 4, 7, 0xff, 0, 0, 0, 28],
            [5, 4, 7, 0, 0, 0, 0, 28],
            [5, 4, 7, 0xff, 0xff, 0xff, 0, 28],
            [5, 4, 7, 0xff, 0, 0, 0, 0],
        ] {
            assert!(!is_rotated_as_windows_does(&part(bad, 10)));
        }
        let mut short = part(good, 0);
        short.signature.truncate(59);
        assert!(!is_rotated_as_windows_does(&short));
    }
}
