//! Finding domain controllers by the name servers, against one on loopback.

use crate::support::nobody::Nobody;
use crate::support::wait::wait_for;
use exoauth::exchange::onprem::locate::{ask_all, first_that_answers, name_servers};
use simple_dns::ResourceRecord;
use simple_dns::rdata::RData;
use simple_dns::rdata::SRV;
use simple_dns::{CLASS, Name, Packet, PacketFlag, RCODE};
use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::net::UdpSocket;

const PATIENCE: Duration = Duration::from_secs(30);

type Record = (&'static str, u16, u16, u16, &'static str);

/// What a name server says to a query: these records for their names, nothing for other names.
fn reply(query: &[u8], records: &[Record], truncated: bool) -> Option<Vec<u8>> {
    let query = Packet::parse(query).ok()?;
    let question = query.questions.first()?;
    let asked = question.qname.to_string();
    let mut reply = Packet::new_reply(query.id());
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE);
    if truncated {
        reply.set_flags(PacketFlag::TRUNCATION);
    }
    reply.questions.push(question.clone());
    for (name, priority, weight, port, target) in records {
        if *name == asked && !truncated {
            let service = SRV {
                priority: *priority,
                weight: *weight,
                port: *port,
                target: Name::new_unchecked(target),
            };
            let name = Name::new_unchecked(name);
            let record = ResourceRecord::new(name, CLASS::IN, 60, RData::SRV(service));
            reply.answers.push(record);
        }
    }
    if reply.answers.is_empty() && !truncated {
        *reply.rcode_mut() = RCODE::NameError;
    }
    reply.build_bytes_vec().ok()
}

/// A port that is free in both protocols: which is free in one may be taken in the other.
async fn one_port_of_both() -> io::Result<(UdpSocket, TcpListener, SocketAddr)> {
    loop {
        let by_tcp = TcpListener::bind("127.0.0.1:0").await?;
        let address = by_tcp.local_addr()?;
        match UdpSocket::bind(address).await {
            Ok(by_udp) => return Ok((by_udp, by_tcp, address)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
}

/// A name server on loopback, by UDP and TCP; gives its address.
async fn name_server(
    records: &'static [Record],
    truncated: bool,
) -> Result<SocketAddr, Box<dyn Error>> {
    let (by_udp, by_tcp, address) = one_port_of_both().await?;
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((length, from)) = by_udp.recv_from(&mut query).await {
            // A guess of someone else comes first.
            let mut guess = [0; 40];
            guess[0] = !query[0];
            by_udp.send_to(&guess, from).await.ok();
            let answer = reply(&query[..length], records, truncated).unwrap_or_default();
            by_udp.send_to(&answer, from).await.ok();
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = by_tcp.accept().await {
            let length = stream.read_u16().await?;
            let mut query = vec![0; usize::from(length)];
            stream.read_exact(&mut query).await?;
            let answer = reply(&query, records, false).unwrap_or_default();
            stream
                .write_u16(u16::try_from(answer.len()).unwrap_or(0))
                .await?;
            stream.write_all(&answer).await?;
        }
        Ok::<_, io::Error>(())
    });
    Ok(address)
}

const RECORDS: &[Record] = &[
    ("_kerberos._tcp.contoso.com", 10, 0, 88, "far.contoso.com"),
    ("_kerberos._tcp.contoso.com", 0, 10, 88, "light.contoso.com"),
    (
        "_kerberos._tcp.contoso.com",
        0,
        60,
        1088,
        "heavy.contoso.com",
    ),
    (
        "_kerberos._tcp.contoso.com",
        0,
        90,
        88,
        "ev il/.contoso.com",
    ),
    ("_kerberos._udp.fabrikam.com", 0, 0, 88, "only.fabrikam.com"),
];

#[test]
fn the_records_of_a_realm_are_found_in_their_order() -> Result<(), Box<dyn Error>> {
    wait_for(async {
        for truncated in [false, true] {
            let server = name_server(RECORDS, truncated).await?;
            assert_eq!(
                ask_all(&[server], "CONTOSO.COM", PATIENCE).await,
                [
                    "heavy.contoso.com:1088",
                    "light.contoso.com:88",
                    "far.contoso.com:88"
                ],
                "cut off: {truncated}"
            );
            assert_eq!(
                ask_all(&[server], "FABRIKAM.COM", PATIENCE).await,
                ["only.fabrikam.com:88"]
            );
            let nothing = ask_all(&[server], "NOWHERE.EXAMPLE", PATIENCE).await;
            assert!(nothing.is_empty(), "{nothing:?}");
        }
        Ok(())
    })
}

#[test]
fn the_next_name_server_is_asked_where_one_gives_no_answer() -> Result<(), Box<dyn Error>> {
    wait_for(async {
        // It listens to itself alone, and its port stays taken.
        let deaf = UdpSocket::bind("127.0.0.1:0").await?;
        let gone = deaf.local_addr()?;
        deaf.connect(gone).await?;
        let servers = [gone, name_server(RECORDS, false).await?];
        let found = ask_all(&servers, "FABRIKAM.COM", PATIENCE).await;
        assert_eq!(found, ["only.fabrikam.com:88"]);
        Ok(())
    })
}

#[test]
fn a_center_that_takes_no_connection_is_passed_over() -> Result<(), Box<dyn Error>> {
    wait_for(async {
        let open = TcpListener::bind("127.0.0.1:0").await?;
        let nobody = Nobody::home()?;
        let found = [
            nobody.address()?.to_string(),
            open.local_addr()?.to_string(),
        ];
        assert_eq!(first_that_answers(&found, PATIENCE).await, Some(&found[1]));
        assert_eq!(first_that_answers(&found[..1], PATIENCE).await, None);
        Ok(())
    })
}

#[test]
fn name_servers_are_read_from_the_settings_of_the_system() {
    let settings = "# nameserver 1.1.1.1\nsearch contoso.com\nnameserver 10.0.0.1\n  nameserver\t::1 # own\nnameserver dns.example\n";
    let expected: Vec<SocketAddr> = vec![
        SocketAddr::new(Ipv4Addr::new(10, 0, 0, 1).into(), 53),
        SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 53),
    ];
    assert_eq!(name_servers(settings), expected);
}

#[test]
fn damaged_answers_name_nobody() -> Result<(), Box<dyn Error>> {
    wait_for(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let server = socket.local_addr()?;
        let serving = tokio::spawn(async move {
            let (mut query, mut round) = ([0; 512], 0_usize);
            while let Ok((length, from)) = socket.recv_from(&mut query).await {
                let mut answer = reply(&query[..length], RECORDS, false).unwrap_or_default();
                // What the answer is about stays; what it says does not.
                let at = length + round % (answer.len() - length);
                match round % 3 {
                    0 => answer.truncate(at),
                    1 => answer[at] = 0xff,
                    _ => answer[at] = 0xc0,
                }
                round += 7;
                socket.send_to(&answer, from).await.ok();
            }
        });
        for _ in 0..150 {
            for found in ask_all(&[server], "CONTOSO.COM", PATIENCE).await {
                let known = found
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b'/');
                assert!(known, "{found}");
            }
        }
        serving.abort();
        Ok(())
    })
}
