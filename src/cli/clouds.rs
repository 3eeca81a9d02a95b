//! `exoauth clouds`: the table of clouds; and what a cloud that is not in it says of itself.

use crate::cli::args::{Clouds, CloudsCommand, Format, Probe};
use crate::cli::wait::wait;
use crate::cli::{Env, ExitCode, files, runtime};
use crate::cloud::{CLOUDS, Cell, Cloud};
use crate::failure::Failure;
use crate::report::clean;
use crate::session;
use serde_json::{Map, Value as Json, json};

/// Shows the table, or asks a cloud.
pub(super) fn main(env: &Env, asked: &Clouds, format: Format) -> Result<ExitCode, Failure> {
    match &asked.command {
        None => table(env, format),
        Some(CloudsCommand::Probe(asked)) => probe(env, asked, format),
    }
}

/// Shows each cloud with its addresses; what nobody documents is shown as unknown.
fn table(env: &Env, format: Format) -> Result<ExitCode, Failure> {
    let output = &env.output.stream;
    match format {
        Format::Json => {
            let clouds: Vec<Json> = CLOUDS.iter().map(as_json).collect();
            output.line(&format!("{:#}", Json::Array(clouds)))?;
        }
        Format::Human => {
            for cloud in &CLOUDS {
                output.line(&format!("{}  {}", cloud.word, cloud.title))?;
                for cell in Cell::ALL {
                    let address = cloud.cell(cell).unwrap_or("unknown");
                    output.line(&format!("    {:22} {address}", cell.key()))?;
                }
                output.line("")?;
            }
            output.line("what is unknown is set under [endpoints] in the organization file")?;
        }
    }
    Ok(ExitCode::DONE)
}

fn as_json(cloud: &Cloud) -> Json {
    let mut row = Map::new();
    row.insert("cloud".to_owned(), json!(cloud.word));
    row.insert("title".to_owned(), json!(cloud.title));
    row.extend(Cell::ALL.map(|cell| (cell.key().to_owned(), json!(cloud.cell(cell)))));
    Json::Object(row)
}

/// Prints what a cloud says of itself, as keys for the organization file.
fn probe(env: &Env, asked: &Probe, format: Format) -> Result<ExitCode, Failure> {
    let extra_ca = asked.ca_file.as_ref();
    let extra_ca = extra_ca
        .map(|file| files::read(&env.path(file)))
        .transpose()?;
    if let Some(tenant) = &asked.tenant
        && !tenant
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || ".-".contains(letter))
    {
        let message = format!("\"{tenant}\" is neither a domain nor a tenant id");
        return Err(Failure::input(message));
    }
    let runtime = runtime()?;
    env.watch_signals(runtime.handle());
    let (url, tenant, clock) = (asked.url.clone(), asked.tenant.clone(), env.clock.clone());
    let probed = wait(env, runtime.handle(), async move {
        session::probe(&url, tenant.as_deref(), extra_ca, clock).await
    })??;
    let output = &env.output.stream;
    match format {
        Format::Json => {
            let cells = probed.cells.iter();
            let cells: Map<String, Json> = cells
                .map(|(cell, value)| (cell.key().to_owned(), json!(value)))
                .collect();
            output.line(&format!(
                "{:#}",
                json!({"endpoints": cells, "not_found": probed.notes})
            ))?;
        }
        Format::Human => {
            output.line("[endpoints]")?;
            for (cell, value) in &probed.cells {
                let value = toml::Value::from(clean(value)).to_string();
                output.line(&format!("{} = {value}", cell.key()))?;
            }
            for note in &probed.notes {
                output.line(&format!("# {}", clean(note)))?;
            }
        }
    }
    Ok(ExitCode::DONE)
}
