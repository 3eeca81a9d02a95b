//! Finds the key distribution centers of a realm in the domain name system: SRV records (RFC 4120 7.2.3.2, RFC 2782),
//! asked of the system's name servers by UDP, and by TCP where an answer was cut off (RFC 1035 4.2).
//!
//! The system's own functions look up addresses only, and a whole resolver is much for one question.

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// A host with its port, such as `dc01.contoso.com:88`.
pub type Authority = String;

/// The key distribution centers of a realm, the first choice first; none where the name servers know none, or where
/// this system does not say what they are.
pub(super) async fn key_distribution_centers(realm: &str, patience: Duration) -> Vec<Authority> {
    let settings = std::fs::read_to_string(SETTINGS).unwrap_or_default();
    ask_all(&name_servers(&settings), realm, patience).await
}

/// The first of them that takes a connection.
pub async fn first_that_answers(
    authorities: &[Authority],
    patience: Duration,
) -> Option<&Authority> {
    for authority in authorities {
        let connecting = timeout(patience, TcpStream::connect(authority));
        match connecting.await {
            Ok(Ok(_)) => return Some(authority),
            Ok(Err(error)) => tracing::debug!(authority, %error, "not this one"),
            Err(_) => tracing::debug!(authority, "not this one: no answer"),
        }
    }
    None
}

/// The name servers of `resolv.conf(5)`.
pub fn name_servers(settings: &str) -> Vec<SocketAddr> {
    let addresses = settings
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"))
        .filter_map(|rest| rest.split_whitespace().next())
        .filter_map(|address| address.parse::<IpAddr>().ok());
    addresses
        .map(|address| SocketAddr::new(address, PORT))
        .collect()
}

/// The key distribution centers that name servers know; the next one is asked where one gives no answer in time.
pub async fn ask_all(servers: &[SocketAddr], realm: &str, patience: Duration) -> Vec<Authority> {
    for transport in ["_tcp", "_udp"] {
        let name = format!("_kerberos.{transport}.{}", realm.to_lowercase());
        for server in servers {
            match timeout(patience, ask(*server, &name)).await {
                Ok(Ok(found)) if !found.is_empty() => return found,
                // It knows this name, or that there is none: the others say the same.
                Ok(Ok(_)) => break,
                Ok(Err(error)) => tracing::debug!(%server, name, %error, "no answer"),
                Err(_) => tracing::debug!(%server, name, "no answer in time"),
            }
        }
    }
    Vec::new()
}

/// Asks one name server; nothing found is an answer too.
async fn ask(server: SocketAddr, name: &str) -> io::Result<Vec<Authority>> {
    let wrong = |error: simple_dns::SimpleDnsError| io::Error::other(error.to_string());
    let mut id = [0; 2];
    aws_lc_rs::rand::fill(&mut id).map_err(io::Error::other)?;
    let id = u16::from_be_bytes(id);
    let mut query = Packet::new_query(id);
    query.set_flags(PacketFlag::RECURSION_DESIRED);
    query.questions.push(Question::new(
        Name::new(name).map_err(wrong)?,
        QTYPE::TYPE(TYPE::SRV),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    let query = query.build_bytes_vec().map_err(wrong)?;
    let mut answer = by_udp(server, &query, id).await?;
    if Packet::parse(&answer)
        .map_err(wrong)?
        .has_flags(PacketFlag::TRUNCATION)
    {
        answer = by_tcp(server, &query).await?;
    }
    read(&answer, id, name)
}

/// Waits for the answer to this question: another one on this port is somebody's guess.
async fn by_udp(server: SocketAddr, query: &[u8], id: u16) -> io::Result<Vec<u8>> {
    let own: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((own, 0)).await?;
    socket.connect(server).await?;
    for _ in 0..TRIES {
        socket.send(query).await?;
        let mut answer = vec![0; LARGEST_DATAGRAM];
        let receiving = async {
            loop {
                let length = socket.recv(&mut answer).await?;
                if answer[..length].starts_with(&id.to_be_bytes()) {
                    return Ok::<_, io::Error>(length);
                }
            }
        };
        if let Ok(length) = timeout(TRY, receiving).await {
            answer.truncate(length?);
            return Ok(answer);
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

async fn by_tcp(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    stream
        .write_all(&[&length.to_be_bytes(), query].concat())
        .await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// The hosts that an answer names, by priority, then by weight.
fn read(answer: &[u8], id: u16, name: &str) -> io::Result<Vec<Authority>> {
    let packet = Packet::parse(answer).map_err(|error| io::Error::other(error.to_string()))?;
    let is_ours = packet.id() == id && packet.has_flags(PacketFlag::RESPONSE);
    match packet.rcode() {
        _ if !is_ours => return Err(io::Error::other("it answers another question")),
        RCODE::NoError => {}
        RCODE::NameError => return Ok(Vec::new()),
        other => return Err(io::Error::other(format!("it says {other:?}"))),
    }
    let mut found: Vec<(u16, u16, Authority)> = packet
        .answers
        .iter()
        .filter(|record| record.name.to_string().eq_ignore_ascii_case(name))
        .filter_map(|record| match &record.rdata {
            RData::SRV(service) => Some(service),
            _ => None,
        })
        .filter_map(|service| {
            let host = service.target.to_string();
            // A single dot says that there is no such service.
            (!host.is_empty() && is_host(&host)).then(|| {
                let authority = format!("{host}:{}", service.port);
                (service.priority, u16::MAX - service.weight, authority)
            })
        })
        .collect();
    found.sort();
    found.truncate(MOST);
    Ok(found
        .into_iter()
        .map(|(_, _, authority)| authority)
        .collect())
}

/// Whether it can stand in an address: a hostile answer may hold any bytes.
fn is_host(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// Where systems that have it say what their name servers are.
const SETTINGS: &str = "/etc/resolv.conf";

const PORT: u16 = 53;
const LARGEST_DATAGRAM: usize = 4096;
const TRIES: usize = 3;

/// As long as the system's own resolver waits before it asks again.
const TRY: Duration = Duration::from_secs(5);

/// How many domain controllers are tried.
const MOST: usize = 8;
