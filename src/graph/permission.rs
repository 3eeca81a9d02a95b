//! The permissions that an application asks for: `requiredResourceAccess`, which is replaced whole when it is written.
//!
//! The list has one entry for each resource, with the permissions of it; merging is done on single permissions.

use crate::value::{Object, Value};

/// The name of the list.
pub const REQUIRED: &str = "requiredResourceAccess";

/// One permission of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The application id of the resource.
    pub resource: String,
    /// The id of the permission.
    pub id: String,
    /// `Role` for an application's own, `Scope` for one on behalf of a person.
    pub kind: String,
}

impl Permission {
    /// A role of a resource.
    pub fn role(resource: &str, id: &str) -> Self {
        Self {
            resource: resource.to_owned(),
            id: id.to_owned(),
            kind: "Role".to_owned(),
        }
    }

    /// Whether it is the same permission, in whatever case its ids are.
    pub fn is(&self, other: &Self) -> bool {
        self.resource.eq_ignore_ascii_case(&other.resource)
            && self.id.eq_ignore_ascii_case(&other.id)
            && self.kind == other.kind
    }

    /// Whether it is in a list.
    pub fn is_in(&self, list: &[Self]) -> bool {
        list.iter().any(|other| self.is(other))
    }
}

/// The permissions of a list; nothing where an entry is of another form.
pub fn permissions(list: &[Value]) -> Option<Vec<Permission>> {
    let mut all = Vec::new();
    for entry in list {
        let resource = entry.text("resourceAppId")?;
        for access in entry.get("resourceAccess")?.as_list()? {
            all.push(Permission {
                resource: resource.to_owned(),
                id: access.text("id")?.to_owned(),
                kind: access.text("type")?.to_owned(),
            });
        }
    }
    Some(all)
}

/// The list of permissions, in their order; a resource without any is left out.
pub fn required(permissions: &[Permission]) -> Vec<Value> {
    let mut resources: Vec<(&str, Vec<Value>)> = Vec::new();
    for permission in permissions {
        let access = Value::Object(Object::from_iter([
            ("id".to_owned(), permission.id.as_str().into()),
            ("type".to_owned(), permission.kind.as_str().into()),
        ]));
        let known = resources
            .iter_mut()
            .find(|(resource, _)| resource.eq_ignore_ascii_case(&permission.resource));
        match known {
            Some((_, list)) => list.push(access),
            None => resources.push((&permission.resource, vec![access])),
        }
    }
    let entry = |(resource, access): (&str, Vec<Value>)| {
        Value::Object(Object::from_iter([
            ("resourceAppId".to_owned(), resource.into()),
            ("resourceAccess".to_owned(), Value::List(access)),
        ]))
    };
    resources.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn permissions_are_taken_apart_and_put_together() {
        let list = Value::from(json!([
            { "resourceAppId": "a", "resourceAccess": [{ "id": "1", "type": "Role" }, { "id": "2", "type": "Scope" }] },
            { "resourceAppId": "b", "resourceAccess": [{ "id": "1", "type": "Role" }] },
        ]));
        let all = permissions(list.as_list().unwrap()).unwrap();
        assert_eq!(all.len(), 3);
        assert!(Permission::role("A", "1").is_in(&all));
        assert!(!Permission::role("a", "2").is_in(&all));
        assert_eq!(Value::List(required(&all)), list);
        assert_eq!(permissions(&[json!({ "resourceAppId": "a" }).into()]), None);
    }
}
