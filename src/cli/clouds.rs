//! `exoauth clouds`: the table of clouds.

use crate::cli::args::Format;
use crate::cli::{Env, ExitCode};
use crate::cloud::{CLOUDS, Cell, Cloud};
use crate::failure::Failure;
use serde_json::{Map, Value as Json, json};

/// Shows each cloud with its addresses; what nobody documents is shown as unknown.
pub(super) fn main(env: &Env, format: Format) -> Result<ExitCode, Failure> {
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
