//! [`visit`]: a person at a browser, who fills in every form on the way and follows every redirect.

use reqwest::{Client, Method, Url, redirect};
use std::collections::BTreeMap;
use std::error::Error;

/// What happened on the way.
#[derive(Debug, Default)]
pub(crate) struct Visit {
    /// The text of the last page.
    pub(crate) page: String,
    /// The codes and states that pages and addresses held, which nobody else may see.
    pub(crate) secrets: Vec<String>,
}

/// Opens a page and goes on until there is nothing to fill in; `typed` says what to type into fields of a name.
pub(crate) async fn visit(
    authority: &str,
    address: &str,
    typed: &[(&str, &str)],
) -> Result<Visit, Box<dyn Error>> {
    let client = Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(authority.as_bytes())?])
        .no_proxy()
        .redirect(redirect::Policy::none())
        .build()?;
    let mut cookies: BTreeMap<String, String> = BTreeMap::new();
    let mut seen = Visit::default();
    let (mut method, mut address, mut fields) = (Method::GET, Url::parse(address)?, Vec::new());
    for _ in 0..20 {
        let jar: Vec<String> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = client
            .request(method.clone(), address.clone())
            .header("cookie", jar.join("; "));
        if method == Method::POST {
            request = request.form(&fields);
        }
        let answer = request.send().await?;
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let location = answer.headers().get("location");
        if let Some(location) = location.filter(|_| answer.status().is_redirection()) {
            (method, fields) = (Method::GET, Vec::new());
            address = address.join(location.to_str()?)?;
            let secret = address.query_pairs().filter(|(name, _)| name == "code");
            seen.secrets
                .extend(secret.map(|(_, code)| code.into_owned()));
            continue;
        }
        seen.page = answer.text().await?;
        let Some(form) = read_form(&seen.page, typed) else {
            return Ok(seen);
        };
        let codes = form.fields.iter().filter(|(name, _)| name == "code");
        seen.secrets.extend(codes.map(|(_, code)| code.clone()));
        method = form.method;
        address = address.join(&form.action)?;
        fields = form.fields;
        if method == Method::GET {
            address.query_pairs_mut().extend_pairs(&fields);
        }
    }
    Err(format!("there is no end: {}", seen.page).into())
}

struct Form {
    method: Method,
    action: String,
    fields: Vec<(String, String)>,
}

/// The first form of a page, filled in; its first named button is pressed, unless one is named in `typed`.
fn read_form(page: &str, typed: &[(&str, &str)]) -> Option<Form> {
    let tags = page
        .split('<')
        .skip(1)
        .map(|tag| tag.split('>').next().unwrap_or(tag));
    let mut tags = tags.skip_while(|tag| !tag.starts_with("form"));
    let form = tags.next()?;
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut pressed = false;
    for tag in tags.take_while(|tag| !tag.starts_with("/form")) {
        let Some(name) = attribute(tag, "name") else {
            continue;
        };
        let value = attribute(tag, "value").unwrap_or_default();
        let said = typed.iter().find(|(field, _)| *field == name);
        if tag.starts_with("input") {
            let value = said.map_or(value, |(_, text)| (*text).to_owned());
            fields.push((name, value));
        } else if tag.starts_with("button") {
            let wanted = typed.iter().any(|(field, _)| *field == "press");
            let is_wanted = typed.contains(&("press", name.as_str()));
            if !pressed && (!wanted || is_wanted) {
                fields.push((name, value));
                pressed = true;
            }
        }
    }
    Some(Form {
        method: match attribute(form, "method") {
            Some(method) if method.eq_ignore_ascii_case("post") => Method::POST,
            _ => Method::GET,
        },
        action: attribute(form, "action").unwrap_or_default(),
        fields,
    })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, after) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = after.split_once('"')?;
    let value = value.replace("&quot;", "\"").replace("&lt;", "<");
    Some(value.replace("&gt;", ">").replace("&amp;", "&"))
}
