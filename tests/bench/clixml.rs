//! How fast CLIXML is read, beside quick-xml's bare event loop on the same bytes.

use std::{
    fmt::Write as _,
    hint::black_box,
    io::{self, Write},
    time::{Duration, Instant},
};

use exoauth::remoting::clixml::{Limits, read};
use quick_xml::events::Event;

const OBJECTS: usize = 10_000;
const ROUNDS: usize = 7;

/// Prints the best of seven of both, taken in turn, in MB/s, and how they compare.
pub(crate) fn run(out: &mut dyn Write) -> io::Result<()> {
    let document = document();
    let mut bare = Duration::MAX;
    let mut decoded = Duration::MAX;
    for _ in 0..ROUNDS {
        bare = bare.min(timed(|| bare_loop(&document)));
        decoded = decoded.min(timed(|| read(document.as_bytes(), &Limits::default())));
    }
    let speed = |time: Duration| document.len() as f64 / 1e6 / time.as_secs_f64();
    writeln!(
        out,
        "CLIXML, {OBJECTS} objects of 20 properties, {:.2} MB:\n  \
         quick-xml event loop {:7.1} MB/s {:6.1} ms\n  \
         decoded to values    {:7.1} MB/s {:6.1} ms\n  \
         of the bare loop     {:7.0} %",
        document.len() as f64 / 1e6,
        speed(bare),
        bare.as_secs_f64() * 1e3,
        speed(decoded),
        decoded.as_secs_f64() * 1e3,
        100.0 * speed(decoded) / speed(bare),
    )
}

/// The time that `work` takes; what it returns is given back afterwards.
fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let result = black_box(work());
    let time = start.elapsed();
    drop(result);
    time
}

fn bare_loop(document: &str) -> usize {
    let mut reader = quick_xml::Reader::from_str(document);
    let mut events = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) | Err(_) => return events,
            Ok(event) => {
                black_box(&event);
                events += 1;
            }
        }
    }
}

/// Objects as a mailbox cmdlet returns them: texts, truth values, numbers, dates, identifiers, an enumeration, nothing.
fn document() -> String {
    let mut xml = String::from(
        "<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">",
    );
    for n in 0..OBJECTS {
        let types = if n == 0 {
            "<TN RefId=\"0\"><T>Microsoft.Exchange.Data.Directory.Management.Mailbox</T>\
             <T>Microsoft.Exchange.Data.Directory.ADObject</T><T>System.Object</T></TN>"
        } else {
            "<TNRef RefId=\"0\" />"
        };
        let enumeration = if n == 0 {
            "<TN RefId=\"1\"><T>Microsoft.Exchange.Data.Directory.Recipient.RecipientTypeDetails</T>\
             <T>System.Enum</T><T>System.ValueType</T><T>System.Object</T></TN>"
        } else {
            "<TNRef RefId=\"1\" />"
        };
        let _ = write!(
            xml,
            "<Obj RefId=\"{object}\">{types}<ToString>user{n}</ToString><Props>\
             <S N=\"Name\">user{n}</S>\
             <S N=\"Alias\">user{n}</S>\
             <S N=\"DisplayName\">User Number {n}</S>\
             <S N=\"PrimarySmtpAddress\">user{n}@contoso.com</S>\
             <S N=\"DistinguishedName\">CN=user{n},OU=Users,DC=contoso,DC=com</S>\
             <S N=\"LegacyExchangeDN\">/o=Contoso/ou=Exchange Administrative Group/cn=Recipients/cn=user{n}</S>\
             <S N=\"ServerName\">ex01</S>\
             <S N=\"Notes\">first line_x000D__x000A_second &amp; last line</S>\
             <Nil N=\"ForwardingAddress\" />\
             <B N=\"HiddenFromAddressListsEnabled\">false</B>\
             <B N=\"IsValid\">true</B>\
             <I32 N=\"RetainDeletedItemsFor\">{days}</I32>\
             <I64 N=\"ProhibitSendQuota\">{quota}</I64>\
             <DT N=\"WhenCreated\">2024-08-22T13:49:31-05:00</DT>\
             <DT N=\"WhenChangedUTC\">2024-08-22T18:49:31Z</DT>\
             <G N=\"Guid\">46a1b05b-0ed2-4449-a6bb-{n:012x}</G>\
             <G N=\"ExchangeGuid\">92ff2c9c-fbdd-4333-bb6c-{n:012x}</G>\
             <Obj N=\"RecipientTypeDetails\" RefId=\"{inner}\">{enumeration}\
             <ToString>UserMailbox</ToString><I32>1</I32></Obj>\
             </Props><MS><S N=\"PSComputerName\">ex01.contoso.com</S>\
             <G N=\"RunspaceId\">1512b004-da53-47c0-8b9d-a8f3bac304da</G></MS></Obj>",
            object = 2 * n,
            inner = 2 * n + 1,
            days = n % 30,
            quota = 1_000_000 + n,
        );
    }
    xml.push_str("</Objs>");
    xml
}
