//! The one test binary: every test file beside the library is a module of it, listed here.

mod cli {
    mod author;
    mod bad_input;
    mod binary;
    mod commands;
    mod emit;
    mod lab;
    mod login_terminal;
    mod mistakes;
    mod probe;
    mod run;
    mod several;
    mod sign_in;
}
mod fuzz {
    mod replay;
    mod targets;
}
mod house {
    mod forgotten;
    mod imports;
    mod readme;
    mod secrets;
    mod words;
}
mod lab {
    mod applications;
    mod dedicated;
    mod directory;
    mod exchange;
    mod exchange_online;
    pub(crate) mod hand;
    mod oauth;
    mod scenarios;
    mod sign_in;
    mod today;
}
mod matrix {
    mod cells;
    mod faults;
    mod halves;
    mod journals;
    mod killed;
    mod races;
    mod resume;
    mod services;
    pub(crate) mod state;
    mod undo;
    mod undo_rotation;
}
mod native {
    mod application;
    mod auth_certificate;
    mod auth_config;
    mod auth_server;
    mod catalog;
    mod examples;
    mod exchange_nouns;
    mod intra_org_connector;
    mod options;
    mod organization_config;
    mod organization_relationship;
    mod service_principal;
    mod setting_override;
    mod values;
}
mod peers {
    mod entra;
    mod psrp;
}
mod playbooks {
    mod clouds;
    mod configure;
    mod found;
    mod left_out;
    mod preflight;
    mod scenarios;
    mod steps;
    mod today;
    mod verify;
}
mod repl {
    mod completion;
    mod conversation;
    mod terminal;
}
mod script {
    mod bundle;
    mod check;
    mod conversation;
    mod mistakes;
    mod modules;
    mod playbook;
    mod ways_out;
}
mod support {
    #[cfg_attr(
        not(feature = "sspi"),
        expect(
            dead_code,
            reason = "what is sealed is read and changed with sspi only"
        )
    )]
    pub(crate) mod between;
    pub(crate) mod contoso;
    pub(crate) mod nobody;
    pub(crate) mod person;
    pub(crate) mod redact;
    pub(crate) mod runner;
    pub(crate) mod scripts;
    pub(crate) mod served;
    pub(crate) mod service;
    pub(crate) mod snapshot;
    pub(crate) mod source;
    pub(crate) mod time;
    pub(crate) mod wait;
}
mod wire {
    mod certificate;
    mod clixml;
    mod clixml_hostile;
    pub(crate) mod entra;
    mod entra_machines;
    mod entra_people;
    mod entra_secrets;
    mod graph;
    mod http;
    mod online;
    mod onprem;
    mod onprem_host;
    #[cfg(feature = "sspi")]
    mod onprem_locate;
    #[cfg(feature = "sspi")]
    mod onprem_sealed;
    #[cfg(feature = "sspi")]
    mod onprem_sign_in;
    #[cfg(feature = "sspi")]
    mod onprem_tokens;
    mod onprem_trouble;
    mod pair;
    mod pkcs12;
    mod psrp;
    mod psrp_messages;
    mod refusals;
    pub(crate) mod signing_in;
    mod wsman;
}
