//! [`Acceptor`]: the server's side of a security context, by `sspi`.
//!
//! NTLM proves a password by the integrity code of its last message (MS-NLMP 3.2.5.1.2), which `sspi` checks only where
//! there is one; here there must be one.

use super::door::Scheme;
use crate::lab::seed::{self, SERVER};
use crate::lab::world::Shared;
use crate::remoting::wsman::SealedPart;
use aws_lc_rs::digest::{SHA256, digest};
use sspi::ntlm::NtlmConfig;
use sspi::{
    AuthIdentity, AuthIdentityBuffers, BufferType, CredentialsBuffers, DataRepresentation,
    EncryptionFlags, Negotiate, NegotiateConfig, Ntlm, SecurityBuffer, SecurityBufferRef,
    SecurityStatus, ServerRequestFlags, Sspi, SspiImpl, Username,
};

/// A security context on the server's side.
pub(super) struct Acceptor(Package);

enum Package {
    Negotiate(Box<Negotiate>, Option<CredentialsBuffers>),
    Ntlm(Box<Ntlm>, Option<AuthIdentityBuffers>),
}

/// How far a sign-in came.
pub(super) enum Step {
    /// The client has to say more; what it needs for that.
    Continue(Vec<u8>),
    /// The client is who it says; what proves the server, empty if there is nothing to say.
    Done { account: String, token: Vec<u8> },
}

impl Acceptor {
    /// What the server offers, the first choice first.
    pub(super) const SCHEMES: &[Scheme] = &[Scheme::Negotiate, Scheme::Ntlm];

    /// Makes a context for who begins with this token.
    pub(super) fn new(scheme: Scheme, token: &[u8], world: &Shared) -> Result<Self, String> {
        let password = world.with(|world| world.passwords().administrator.clone());
        let identity = |name: &str| {
            let username = Username::parse(name).map_err(|error| error.to_string())?;
            Ok::<_, String>(AuthIdentity {
                username,
                password: password.expose().to_owned().into(),
            })
        };
        let config = NtlmConfig::new(SERVER.to_owned());
        // Windows takes bare NTLM under Negotiate as well, and some clients speak so.
        let is_ntlm = scheme == Scheme::Ntlm || token.starts_with(NTLM);
        let package = match is_ntlm {
            true => {
                let identity = identity(seed::ADMINISTRATOR)?;
                Package::Ntlm(Box::new(Ntlm::with_config(config)), Some(identity.into()))
            }
            false => {
                let identities = [seed::ADMINISTRATOR, seed::ADMINISTRATOR_PRINCIPAL].map(identity);
                let identities = identities.into_iter().collect::<Result<_, _>>()?;
                let packages = Some("ntlm".to_owned());
                let config = NegotiateConfig::new(Box::new(config), packages, SERVER.to_owned());
                let package = Negotiate::new_server(config, identities);
                Package::Negotiate(Box::new(package.map_err(words)?), None)
            }
        };
        Ok(Self(package))
    }

    /// Reads a token of the client and makes the next one; a certificate is what the sign-in must be bound to.
    pub(super) fn step(
        &mut self,
        token: &[u8],
        certificate: Option<&[u8]>,
        world: &Shared,
    ) -> Result<Step, String> {
        let binding = certificate.map(channel_binding);
        let binding = binding.as_deref();
        if let Some(proof) = Proof::find(token) {
            if !proof.is_integral {
                return Err("the client gives no integrity code".to_owned());
            }
            if binding.is_some() && !proof.is_bound {
                return Err("the sign-in is not bound to the TLS connection".to_owned());
            }
        }
        let (status, token) = match &mut self.0 {
            Package::Negotiate(package, credentials) => {
                accept(package.as_mut(), credentials, token, binding)
            }
            Package::Ntlm(package, credentials) => {
                accept(package.as_mut(), credentials, token, binding)
            }
        }
        .map_err(words)?;
        if matches!(
            status,
            SecurityStatus::ContinueNeeded | SecurityStatus::CompleteAndContinue
        ) {
            return Ok(Step::Continue(token));
        }
        let names = match &mut self.0 {
            Package::Negotiate(package, _) => package.query_context_names(),
            Package::Ntlm(package, _) => package.query_context_names(),
        };
        let account = names.map_err(words)?.username.inner().to_lowercase();
        if !world.with(|world| world.knows_administrator(&account)) {
            return Err(format!("there is no account \"{account}\""));
        }
        if let Package::Ntlm(package, _) = &mut self.0 {
            package.complete_auth_token(&mut []).map_err(words)?;
        }
        Ok(Step::Done { account, token })
    }

    /// Opens what the client sealed.
    pub(super) fn unseal(&mut self, part: SealedPart) -> Result<Vec<u8>, String> {
        match &mut self.0 {
            Package::Negotiate(package, _) => unseal(package.as_mut(), part),
            Package::Ntlm(package, _) => unseal(package.as_mut(), part),
        }
        .map_err(words)
    }

    /// Seals an answer.
    pub(super) fn seal(&mut self, plain: &[u8]) -> Result<SealedPart, String> {
        match &mut self.0 {
            Package::Negotiate(package, _) => seal(package.as_mut(), plain),
            Package::Ntlm(package, _) => seal(package.as_mut(), plain),
        }
        .map_err(words)
    }
}

fn accept<P>(
    package: &mut P,
    credentials: &mut P::CredentialsHandle,
    token: &[u8],
    binding: Option<&[u8]>,
) -> sspi::Result<(SecurityStatus, Vec<u8>)>
where
    P: Sspi + SspiImpl,
{
    let mut input = vec![SecurityBuffer::new(token.to_vec(), BufferType::Token)];
    input.extend(
        binding.map(|binding| SecurityBuffer::new(binding.to_vec(), BufferType::ChannelBindings)),
    );
    let mut output = vec![SecurityBuffer::new(Vec::new(), BufferType::Token)];
    let builder = package
        .accept_security_context()
        .with_credentials_handle(credentials)
        .with_context_requirements(ServerRequestFlags::CONFIDENTIALITY)
        .with_target_data_representation(DataRepresentation::Native)
        .with_input(&mut input)
        .with_output(&mut output);
    let accepted = package
        .accept_security_context_impl(builder)?
        .resolve_to_result()?;
    let token = SecurityBuffer::find_buffer_mut(&mut output, BufferType::Token)?;
    Ok((accepted.status, std::mem::take(&mut token.buffer)))
}

fn unseal<P: Sspi>(package: &mut P, part: SealedPart) -> sspi::Result<Vec<u8>> {
    let SealedPart {
        length,
        mut signature,
        mut data,
    } = part;
    let mut buffers = [
        SecurityBufferRef::token_buf(&mut signature),
        SecurityBufferRef::data_buf(&mut data),
    ];
    package.decrypt_message(&mut buffers)?;
    let [_, plain] = &buffers;
    let plain = plain.data();
    Ok(plain.get(..length).unwrap_or(plain).to_vec())
}

fn seal<P: Sspi>(package: &mut P, plain: &[u8]) -> sspi::Result<SealedPart> {
    let size = package.query_context_sizes()?.security_trailer as usize;
    let (mut signature, mut data) = (vec![0; size], plain.to_vec());
    let mut buffers = [
        SecurityBufferRef::token_buf(&mut signature),
        SecurityBufferRef::data_buf(&mut data),
    ];
    package.encrypt_message(EncryptionFlags::empty(), &mut buffers)?;
    let [signature, data] = &buffers;
    Ok(SealedPart {
        length: plain.len(),
        signature: signature.data().to_vec(),
        data: data.data().to_vec(),
    })
}

/// What the last message of an NTLM client says of itself (MS-NLMP 2.2.1.3, 2.2.2.7).
#[derive(Debug, PartialEq, Eq)]
struct Proof {
    is_integral: bool,
    is_bound: bool,
}

impl Proof {
    /// Finds it in a token, also inside SPNEGO; a message that cannot be read proves nothing.
    fn find(token: &[u8]) -> Option<Self> {
        let start = token
            .windows(AUTHENTICATE.len())
            .position(|bytes| bytes == AUTHENTICATE)?;
        Some(Self::read(&token[start..]).unwrap_or(Self {
            is_integral: false,
            is_bound: false,
        }))
    }

    fn read(message: &[u8]) -> Option<Self> {
        let length = usize::from(u16::from_le_bytes(*message.get(20..)?.first_chunk()?));
        let offset = u32::from_le_bytes(*message.get(24..)?.first_chunk()?) as usize;
        let response = message.get(offset..)?.get(..length)?;
        let mut pairs = response.get(RESPONSE_HEADER..)?;
        let mut proof = Self {
            is_integral: false,
            is_bound: false,
        };
        loop {
            let id = u16::from_le_bytes(*pairs.first_chunk()?);
            let length = usize::from(u16::from_le_bytes(*pairs.get(2..)?.first_chunk()?));
            let value = pairs.get(4..)?.get(..length)?;
            match id {
                0 => return Some(proof),
                AV_FLAGS => proof.is_integral = value.first()? & 2 != 0,
                AV_CHANNEL_BINDINGS => proof.is_bound = value.iter().any(|byte| *byte != 0),
                _ => {}
            }
            pairs = &pairs[4 + length..];
        }
    }
}

/// The signature of every NTLM message.
const NTLM: &[u8] = b"NTLMSSP\0";

/// The signature and the type of the last message.
const AUTHENTICATE: &[u8] = b"NTLMSSP\0\x03\0\0\0";

/// The proof of the password, and what stands before the attributes in `NTLMv2_CLIENT_CHALLENGE`.
const RESPONSE_HEADER: usize = 16 + 28;

const AV_FLAGS: u16 = 6;
const AV_CHANNEL_BINDINGS: u16 = 10;

/// The `SEC_CHANNEL_BINDINGS` of this server's TLS connections (RFC 5929 4): its certificate is signed with SHA-256.
fn channel_binding(certificate: &[u8]) -> Vec<u8> {
    let mut data = b"tls-server-end-point:".to_vec();
    data.extend_from_slice(digest(&SHA256, certificate).as_ref());
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let header = [0, 0, 0, 0, 0, 0, length, 32].map(u32::to_le_bytes);
    [header.as_flattened(), &data].concat()
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn words(error: sspi::Error) -> String {
    error.to_string()
}
