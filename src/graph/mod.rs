//! Microsoft Graph: requests and their answers, errors, paging.
//!
//! A [`Request`] is sent by a [`Client`]; what Graph refuses is an [`Error`]. What the requests mean, and how whole
//! collections are merged before they are written, is the nouns' matter.

mod client;
pub mod credential;
mod error;
mod needed;
pub mod permission;

pub use client::Client;
pub use error::{Error, ErrorKind};
pub use needed::{APPLICATION_ROLES, permissions, resource};

use crate::value::{Object, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One request to Microsoft Graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path under `/v1.0`, such as `/servicePrincipals(appId='...')`, without query.
    pub path: String,
    /// The query, such as `("$select", "id,keyCredentials")`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, String)>,
    /// The JSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Of the list that a read gives, the entries with these properties; the others are left out on arrival, where the
    /// service has no filter for them.
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub matching: Object,
}

impl Request {
    /// A request without query and body.
    ///
    /// ```
    /// use exoauth::graph::{Method, Request};
    ///
    /// let request = Request::new(Method::Get, "/organization").with("$select", "id");
    /// assert_eq!(request.query, [("$select".to_owned(), "id".to_owned())]);
    /// ```
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            matching: Object::new(),
        }
    }

    /// Adds to the query.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: Object) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Leaves out of a list what does not have these properties.
    #[must_use]
    pub fn matching(mut self, properties: Object) -> Self {
        self.matching = properties;
        self
    }
}

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Makes, or runs an action.
    Post,
    /// Changes properties.
    Patch,
    /// Removes.
    Delete,
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        })
    }
}
