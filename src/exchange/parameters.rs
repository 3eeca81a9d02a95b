//! A parameter struct becomes an [`Invocation`]: its fields, in their order, are the parameters.

use crate::exchange::{Cmdlet, Invocation};
use crate::value::{Object, Value};
use serde_json::Value as Json;
use std::{error, fmt};

/// Makes the invocation of a cmdlet from its parameters; those that are `None` are left out.
///
/// # Errors
///
/// When the cmdlet's type does not serialize to an object, or a value of it cannot be said in JSON.
pub fn invocation<C: Cmdlet>(cmdlet: &C) -> Result<Invocation, Error> {
    let refuse = |reason: String| Error {
        cmdlet: C::NAME,
        reason,
    };
    let parameters = match serde_json::to_value(cmdlet) {
        Ok(Json::Object(parameters)) => parameters,
        // A cmdlet without parameters is a unit struct.
        Ok(Json::Null) => serde_json::Map::new(),
        Ok(_) => return Err(refuse("its parameters are not an object".to_owned())),
        Err(error) => return Err(refuse(error.to_string())),
    };
    let given: Object = parameters
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name, Value::from(value)))
        .collect();
    Ok(Invocation {
        cmdlet: C::NAME.to_owned(),
        parameters: given,
    })
}

/// Parameters that cannot be sent: a defect of the parameter struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The cmdlet.
    pub cmdlet: &'static str,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cmdlet, reason } = self;
        write!(
            formatter,
            "the parameters of {cmdlet} cannot be sent: {reason}"
        )
    }
}

impl error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::invocation;
    use crate::exchange::{Cmdlet, Invocation};
    use crate::subject::{Effect, Plane};
    use crate::value::Value;
    use serde::Serialize;

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct NewConnector {
        target_address_domains: Vec<String>,
        enabled: Option<bool>,
        discovery_endpoint: String,
        name: Option<String>,
    }

    impl Cmdlet for NewConnector {
        const NAME: &'static str = "New-IntraOrganizationConnector";
        const EFFECT: Effect = Effect::Create;
        const PLANES: &'static [Plane] = &[Plane::ExchangeOnline];
    }

    #[test]
    fn fields_keep_their_order_and_absent_ones_are_left_out() {
        let cmdlet = NewConnector {
            target_address_domains: vec!["contoso.com".to_owned()],
            enabled: Some(false),
            discovery_endpoint: "https://autodiscover.contoso.com/".to_owned(),
            name: None,
        };
        let expected = Invocation::new("New-IntraOrganizationConnector")
            .with("TargetAddressDomains", vec!["contoso.com"])
            .with("Enabled", false)
            .with("DiscoveryEndpoint", "https://autodiscover.contoso.com/");
        let made = invocation(&cmdlet).unwrap();
        assert_eq!(made, expected);
        let names: Vec<_> = made.parameters.keys().collect();
        assert_eq!(
            names,
            ["TargetAddressDomains", "Enabled", "DiscoveryEndpoint"]
        );
    }

    #[test]
    fn an_empty_list_is_not_nothing() {
        let cmdlet = NewConnector {
            target_address_domains: Vec::new(),
            enabled: None,
            discovery_endpoint: String::new(),
            name: None,
        };
        let made = invocation(&cmdlet).unwrap();
        assert_eq!(
            made.parameters["TargetAddressDomains"],
            Value::List(Vec::new())
        );
        assert_eq!(made.parameters["DiscoveryEndpoint"], Value::from(""));
    }
}
