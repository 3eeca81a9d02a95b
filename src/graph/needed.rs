//! What a call to Graph needs: the permissions of which a token must have one, and the directory roles of which a person
//! must have one besides (Microsoft Graph permissions reference).

use super::Method;

/// What lets a person who has a directory role do everything that the role allows.
const AS_USER: &str = "Directory.AccessAsUser.All";

const DIRECTORY: [&str; 2] = ["Directory.Read.All", "Directory.ReadWrite.All"];

/// The permissions of which a call needs one, the least first; none for a call that is not known here.
///
/// ```
/// use exoauth::graph::{Method, permissions};
///
/// assert_eq!(permissions(Method::Patch, "/servicePrincipals/4e2a")[0], "Application.ReadWrite.All");
/// assert!(permissions(Method::Get, "/unheard/of").is_empty());
/// ```
pub fn permissions(method: Method, path: &str) -> Vec<&'static str> {
    let (assigns, kind) = (path.contains("/appRoleAssign"), resource(path));
    let (read, write): (&[&'static str], &[&'static str]) = match kind {
        _ if assigns && method != Method::Get => (&[], &["AppRoleAssignment.ReadWrite.All"]),
        "servicePrincipals" | "applications" => (
            &["Application.Read.All", "Application.ReadWrite.All"],
            &["Application.ReadWrite.All"],
        ),
        // Restoring what was deleted; only applications and service principals are.
        "directory" => (&[], &["Application.ReadWrite.All"]),
        "organization" => (
            &["Organization.Read.All", "Organization.ReadWrite.All"],
            &["Organization.ReadWrite.All"],
        ),
        "domains" => (
            &["Domain.Read.All", "Domain.ReadWrite.All"],
            &["Domain.ReadWrite.All"],
        ),
        _ => return Vec::new(),
    };
    let reads = method == Method::Get;
    let (own, directory) = match reads {
        true => (read, &DIRECTORY[..]),
        false => (write, &DIRECTORY[1..]),
    };
    // Assigning roles and changing applications are not among what the directory permissions allow.
    let apart = assigns || ["applications", "directory"].contains(&kind);
    let directory = if apart && !reads { &[] } else { directory };
    own.iter()
        .chain(directory)
        .chain([&AS_USER])
        .copied()
        .collect()
}

/// The kind of object that a path is about, such as `servicePrincipals`.
pub fn resource(path: &str) -> &str {
    let first = path.trim_start_matches('/');
    first.split(['/', '(', '?']).next().unwrap_or_default()
}

/// The directory roles of which a person needs one to change applications and service principals: template identifier
/// and name.
pub const APPLICATION_ROLES: [(&str, &str); 3] = [
    (
        "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
        "Application Administrator",
    ),
    (
        "158c047a-c907-4556-b7ef-446551a6b5f7",
        "Cloud Application Administrator",
    ),
    (
        "62e90394-69f5-4237-9190-012177145e10",
        "Global Administrator",
    ),
];
